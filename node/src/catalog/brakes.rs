//! Which releases are paused. Pure.
//!
//! A pause outlives its end in the table, because its key may not order the same one again for a week. Each brake
//! key has places of its own, so a stolen one cannot keep an honest one out.

use std::{collections::BTreeMap, sync::Arc};

use updraft_protocol::{
    Brake, ChannelName, Digest, KeyId, Lift, Statement, Timestamp, Verified, brake,
    limits::{BRAKE_AGAIN, MAX_BRAKE},
};

use super::refusal::Refusal;

/// Pauses kept for one channel; shared out among the brake keys, at least one for each.
const MAX_BRAKES: usize = 16;
/// Lifts kept for one channel; a release threshold signs each, so this is a bound and no quota.
const MAX_LIFTS: usize = 64;

/// One channel's.
#[derive(Debug, Clone, Default)]
struct Channel {
    brakes: Vec<(Verified<Brake>, Arc<Statement>)>,
    lifts: Vec<(Verified<Lift>, Arc<Statement>)>,
}

/// All pauses and their ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Brakes {
    channels: BTreeMap<ChannelName, Channel>,
}

/// When a pause is of no use any more, even as a reason against the next one.
pub(super) fn forgotten(brake: &Brake, now: Timestamp) -> bool {
    now >= brake.issued.plus(BRAKE_AGAIN)
}

impl Brakes {
    /// Takes a verified pause; `keys` is how many brake keys there are.
    pub(super) fn pause(
        &mut self,
        brake: Verified<Brake>,
        statement: &Arc<Statement>,
        keys: usize,
    ) -> Result<(), Refusal> {
        let channel = self.channels.entry(brake.channel.clone()).or_default();
        let all = channel.brakes.iter().map(|(kept, _)| &**kept).chain([&*brake]);
        let counting: Vec<Brake> = brake::counting(all).into_iter().cloned().collect();
        if !counting.contains(&brake) {
            return Err(Refusal::TooSoon);
        }
        let quota = (MAX_BRAKES / keys.max(1)).max(1);
        if counting.iter().filter(|kept| kept.by == brake.by).count() > quota {
            return Err(Refusal::Full { by: brake.by });
        }
        // Whoever hears of two pauses in another order comes to the same end.
        channel.brakes.retain(|(kept, _)| counting.contains(kept));
        channel.brakes.push((brake, statement.clone()));
        Ok(())
    }

    /// Takes a verified lift.
    pub(super) fn lift(
        &mut self,
        lift: Verified<Lift>,
        statement: &Arc<Statement>,
    ) -> Result<(), Refusal> {
        let channel = self.channels.entry(lift.channel.clone()).or_default();
        if channel.lifts.len() >= MAX_LIFTS {
            channel.lifts.sort_by_key(|(kept, _)| kept.issued);
            if channel.lifts.first().is_some_and(|(oldest, _)| oldest.issued > lift.issued) {
                return Err(Refusal::Outdated);
            }
            channel.lifts.remove(0);
        }
        channel.lifts.push((lift, statement.clone()));
        Ok(())
    }

    /// The pause of a release that ends last, if it is paused.
    pub(super) fn paused(
        &self,
        channel: &ChannelName,
        release: &Digest,
        now: Timestamp,
    ) -> Option<&Brake> {
        self.live(channel, now).filter(|brake| brake.covers(release)).max_by_key(|b| b.expires)
    }

    /// Pauses of a channel that are in force.
    pub(super) fn live(
        &self,
        channel: &ChannelName,
        now: Timestamp,
    ) -> impl Iterator<Item = &Brake> {
        let channel = self.channels.get(channel);
        channel.into_iter().flat_map(move |channel| {
            let lifted = |brake: &Brake| channel.lifts.iter().any(|(lift, _)| lift.ends(brake));
            channel
                .brakes
                .iter()
                .map(|(brake, _)| &**brake)
                .filter(move |brake| now < brake.expires && !lifted(brake))
        })
    }

    pub(super) fn statements(&self) -> impl Iterator<Item = &Arc<Statement>> {
        self.channels.values().flat_map(|channel| {
            let brakes = channel.brakes.iter().map(|(_, statement)| statement);
            brakes.chain(channel.lifts.iter().map(|(_, statement)| statement))
        })
    }

    /// Forgets what time has made useless, and what `keep` no longer wants.
    pub(super) fn retain(
        &mut self,
        now: Timestamp,
        mut keep: impl FnMut(&ChannelName, Option<KeyId>, &Statement) -> bool,
    ) {
        for (name, channel) in &mut self.channels {
            channel.brakes.retain(|(brake, statement)| {
                !forgotten(brake, now) && keep(name, Some(brake.by), statement)
            });
            channel.lifts.retain(|(lift, statement)| {
                now < lift.issued.plus(MAX_BRAKE) && keep(name, None, statement)
            });
        }
        self.channels.retain(|_, channel| !channel.brakes.is_empty() || !channel.lifts.is_empty());
    }
}
