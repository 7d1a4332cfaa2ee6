//! Weighs many opinions about the next bit by how right each was: online logistic regression.
//!
//! Source: Mahoney, "Adaptive Weighing of Context Models for Lossless Data Compression" (2005). Sums are made
//! in eight lanes and in this order on every machine.

use super::logistic::squash;

const LANES: usize = 8;

/// `N` opinions, a multiple of eight, weighed by one of several sets of weights.
#[derive(Debug)]
pub(crate) struct Mixer<const N: usize> {
    /// For each set, which weights are its own; zero, which nobody changes, for one that has learnt nothing.
    sets: Vec<u32>,
    weights: Vec<[f32; N]>,
    /// Share of the error that is corrected at a time.
    rate: f32,
    set: usize,
}

impl<const N: usize> Mixer<N> {
    /// `sets` sets of weights, all of them `weight` in the beginning.
    pub(crate) fn new(sets: usize, rate: f32, weight: f32) -> Self {
        const { assert!(N.is_multiple_of(LANES)) };
        Self { sets: vec![0; sets], weights: vec![[weight; N]], rate, set: 0 }
    }

    /// What the opinions (log odds, not in units but as such) come to by the weights of `set`: log odds.
    #[inline]
    pub(crate) fn weigh(&mut self, opinions: &[f32; N], set: usize) -> f32 {
        self.set = set;
        let weights = &self.weights[self.sets[set] as usize];
        let mut sums = [0.0_f32; LANES];
        for (opinions, weights) in opinions.chunks_exact(LANES).zip(weights.chunks_exact(LANES)) {
            for ((sum, opinion), weight) in sums.iter_mut().zip(opinions).zip(weights) {
                *sum += opinion * weight;
            }
        }
        let [a, b, c, d, e, f, g, h] = sums;
        ((a + e) + (b + f)) + ((c + g) + (d + h))
    }

    /// Learns that `bit` came where the chance of a one was said to be `chance`.
    #[inline]
    pub(crate) fn learn(&mut self, opinions: &[f32; N], chance: u16, bit: bool) {
        let came = if bit { 1.0 } else { 0.0 };
        let step = (came - f32::from(chance) / 65_536.0) * self.rate;
        let own = &mut self.sets[self.set];
        if *own == 0 {
            *own = begin_set(&mut self.weights);
        }
        for (weight, opinion) in self.weights[*own as usize].iter_mut().zip(opinions) {
            *weight += opinion * step;
        }
    }
}

/// Most sets of a mixer are never asked for where little is coded, so each comes into being when it learns.
#[cold]
fn begin_set<const N: usize>(weights: &mut Vec<[f32; N]>) -> u32 {
    let own = u32::try_from(weights.len()).expect("sets are few");
    weights.push(weights[0]);
    own
}

/// The chance for log odds that a mixer came to.
#[inline]
pub(crate) fn chance_of(odds: f32) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a conversion that saturates; the tables end at 12"
    )]
    let units = (odds * 256.0) as i32;
    squash(units)
}
