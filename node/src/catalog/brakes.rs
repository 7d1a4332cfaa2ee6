//! Which releases are paused. Pure.
//!
//! A pause outlives its end in the table, because its key may not order the same one again for a week. Nothing but
//! a lift, a root or time takes one out, so its own key, once stolen, cannot end it.

use std::{collections::BTreeMap, sync::Arc};

use updraft_protocol::{
    Brake, ChannelName, Digest, KeyId, Lift, Statement, Timestamp, Verified,
    limits::{BRAKE_AGAIN, MAX_BRAKE},
};

use super::refusal::Refusal;

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
    /// Takes a verified pause, if its key has one of so many places left.
    pub(super) fn pause(
        &mut self,
        brake: Verified<Brake>,
        statement: &Arc<Statement>,
        places: usize,
    ) -> Result<(), Refusal> {
        let channel = self.channels.entry(brake.channel.clone()).or_default();
        let kept = || channel.brakes.iter().map(|(kept, _)| kept);
        if kept().any(|kept| brake.is_too_soon_beside(kept)) {
            return Err(Refusal::TooSoon);
        }
        if kept().filter(|kept| kept.by == brake.by).count() >= places {
            return Err(Refusal::Full { by: brake.by });
        }
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
