//! The shapes of metric the library does not have: histograms with bounds of their own, and gauges of which
//! one series for each component is in force.

use std::{
    collections::BTreeMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::metrics::{
    family::{Family, MetricConstructor},
    gauge::Gauge,
    histogram::Histogram,
};

/// Makes histograms with the bounds of one family.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds(&'static [f64]);

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// Transfers and updates: from a blink to an hour.
pub(super) const LONG: Bounds = Bounds(&[0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0]);
/// Requests of people and programs: slower than 10 s has timed out.
pub(super) const SHORT: Bounds = Bounds(&[0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0]);

/// A gauge that is 1 for what holds of a component now.
#[derive(Debug, Clone)]
pub(super) struct Current<L: Clone + Hash + Eq> {
    pub(super) family: Family<L, Gauge>,
    now: Arc<Mutex<BTreeMap<String, L>>>,
    leaves: Leaves,
}

/// What becomes of a series that holds no longer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Leaves {
    /// It vanishes: its labels have versions, and there is no end of those.
    Nothing,
    /// It stays at 0, so that an alert on it sees the change.
    Zero,
}

impl<L: Clone + Hash + Eq> Current<L> {
    pub(super) fn new(leaves: Leaves) -> Self {
        Self { family: Family::default(), now: Arc::default(), leaves }
    }

    pub(super) fn set(&self, component: &str, labels: Option<L>) {
        // The map is a list of what was said last; a panic elsewhere cannot leave it half changed.
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match &labels {
            Some(labels) => now.insert(component.to_owned(), labels.clone()),
            None => now.remove(component),
        };
        if let Some(before) = before.filter(|before| Some(before) != labels.as_ref()) {
            match self.leaves {
                Leaves::Nothing => {
                    self.family.remove(&before);
                }
                Leaves::Zero => {
                    self.family.get_or_create(&before).set(0);
                }
            }
        }
        if let Some(labels) = &labels {
            self.family.get_or_create(labels).set(1);
        }
    }
}
