//! What was believed before: the chain of roots, heads, manifests and statements, read from the ledger.
//!
//! Everything signed is verified again: disks rot, and a root may have changed what a key may sign.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use updraft_protocol::{
    ChannelBase, ChannelName, Digest, Head, KeyId, Root, Signed, Statement, Timestamp, Verified,
    root, threshold,
};

use super::{
    ledger::Ledger,
    votes::{MAX_SHELVED, Votes},
};
use crate::{
    catalog::{Beginnings, Catalog, Link, Refusal, Witness},
    governance::{self, Elector, Governance},
    problem::{Code, Problem, chain},
};

/// A verified chain of roots.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Digest of the first root: what people compare.
    pub first: Digest,
    /// The root in force.
    pub newest: Verified<Root>,
    /// Where each channel goes on.
    pub begun: Beginnings,
    /// The roots before it.
    pub earlier: Vec<Verified<Root>>,
}

impl Trust {
    /// Follows the kept chain from its first root to its last. `None` if no network was joined.
    pub fn load<L: Ledger>(ledger: &L) -> Result<Option<Self>, Problem> {
        let damaged = |error: &(dyn std::error::Error + 'static)| {
            Problem::from_error(Code::TrustDamaged, error)
                .hint("restore the folder `trust` from a backup, or join the network again with an empty data directory")
        };
        let roots = ledger.roots(0, usize::MAX).map_err(|error| damaged(&error))?;
        let mut roots = roots.into_iter();
        let Some(first) = roots.next() else { return Ok(None) };
        let digest = first.digest();
        let mut newest = root::trust_first(&first, &digest).map_err(|error| damaged(&error))?;
        let mut begun = Beginnings::of(&newest);
        let mut earlier = Vec::new();
        for next in roots {
            let next = root::trust_next(&newest, &next).map_err(|error| damaged(&error))?;
            begun.follow(&newest, &next);
            earlier.push(std::mem::replace(&mut newest, next));
        }
        Ok(Some(Self { first: digest, newest, begun, earlier }))
    }

    /// Who votes, under every root there was.
    fn governance(&self) -> Governance {
        let mut roots = self.earlier.iter().chain([&self.newest]);
        let first = roots.next().expect("the newest is one of them");
        let mut governance = Governance::new(first);
        for root in roots {
            // Nothing is held yet that a root could strike off.
            governance.follow(root);
        }
        governance
    }

    /// Whether a root before the newest bore a head of this channel. If none did, the disk has changed it.
    fn bore_once(&self, channel: &ChannelName, head: &Signed<Head>) -> bool {
        self.earlier.iter().rev().any(|root| {
            let named = root.base(channel).and_then(|base| base.head) == Some(head.digest());
            let role = root.release_role(channel);
            named || role.is_some_and(|role| head.verify(&root.network, role).is_ok())
        })
    }
}

/// All of it again, after something could not be kept: by the last root that was, not by one that is only in
/// memory.
pub fn from_the_ledger<L: Ledger, P: Copy + Ord>(
    ledger: &mut L,
    clock: Timestamp,
    skew: Duration,
) -> Result<(Catalog, Votes<P>), Problem> {
    let lost = || Problem::new(Code::TrustDamaged, "the kept trust root is gone");
    let trust = Trust::load(ledger)?.ok_or_else(lost)?;
    let unusable = |error: L::Error| Problem::from_error(Code::FileUnusable, &error);
    let catalog = restore_catalog(ledger, trust.clone(), clock, skew).map_err(unusable)?;
    let votes = restore_votes(ledger, &trust, catalog.revoked_keys()).map_err(unusable)?;
    Ok((catalog, votes))
}

/// What this node kept of its words as a witness with this key. Its words are good for `lifetime` seconds.
pub fn restore_witness<L: Ledger>(
    ledger: &L,
    key: KeyId,
    lifetime: u32,
) -> Result<Witness, L::Error> {
    Ok(Witness::new(key, lifetime, ledger.vouched()?))
}

/// What this node kept of its ballots with this key.
pub fn restore_elector<L: Ledger>(ledger: &L, key: KeyId) -> Result<Elector, L::Error> {
    Ok(Elector::new(key, ledger.cast()?))
}

/// Everything that was said about votes, in an order in which nothing comes before what it is about, and the height that
/// was kept. What does not stand any more is struck off; so is what was said by keys that have taken themselves back.
pub fn restore_votes<L: Ledger, P: Copy + Ord>(
    ledger: &mut L,
    trust: &Trust,
    revoked: &BTreeSet<KeyId>,
) -> Result<Votes<P>, L::Error> {
    let mut governance = trust.governance();
    for key in revoked {
        // Nothing is held yet that could be struck off with it.
        governance.take_back(*key);
    }
    let mut statements: Vec<Statement> =
        ledger.statements()?.into_iter().filter(Statement::is_about_a_vote).collect();
    statements.sort_by_key(governance::turn);
    let (mut kept, mut shelved) = (Vec::new(), Vec::new());
    for statement in statements {
        match governance.restore(&statement) {
            Ok(_) => {
                if let Statement::Certificate(certificate) = &statement {
                    let id = certificate.proposal.digest();
                    if let Some(epoch) = ledger.learnt(&id)? {
                        governance.note_learnt(&id, epoch);
                    }
                }
                kept.push(Arc::new(statement));
            }
            // A later root may count a decision that this one does not.
            Err(
                governance::Refusal::FormerElectorate { .. }
                | governance::Refusal::UnknownElectorate(_),
            ) if matches!(statement, Statement::Certificate(_)) && shelved.len() < MAX_SHELVED => {
                shelved.push(Arc::new(statement));
            }
            Err(refusal) => {
                tracing::warn!(kind = statement.kind(), %refusal, "what was said about a vote is struck off");
                ledger.remove_statement(&statement)?;
            }
        }
    }
    Ok(Votes::new(governance, kept).with_shelved(shelved).with_height(ledger.height()?))
}

/// Everything that was believed before. What no longer verifies is left out and asked for again; a channel whose
/// newest head is lost keeps its place, so that nothing older is taken instead.
pub fn restore_catalog<L: Ledger>(
    ledger: &mut L,
    trust: Trust,
    clock: Timestamp,
    skew: Duration,
) -> Result<Catalog, L::Error> {
    let channels: Vec<_> = trust.newest.release.iter().map(|entry| entry.channel.clone()).collect();
    let mut catalog = Catalog::new(trust.newest.clone(), ledger.time()?)
        .with_clock_skew(skew.as_secs())
        .with_beginnings(trust.begun.clone());
    for channel in channels {
        restore_channel(ledger, &channel, &trust, &mut catalog)?;
    }
    for digest in catalog.missing_manifests() {
        match ledger.manifest(&digest) {
            Ok(Some(manifest)) => {
                if let Err(refusal) = catalog.offer_manifest(&Arc::new(manifest)) {
                    tracing::warn!(manifest = %digest, %refusal, "a kept manifest does not verify");
                }
            }
            Ok(None) => {}
            // Peers have it; a record that has rotted must not keep the node from starting.
            Err(error) => {
                tracing::warn!(manifest = %digest, error = %chain(&error), "a kept manifest is damaged")
            }
        }
    }
    restore_withdrawn(ledger, &mut catalog);
    restore_statements(ledger, &mut catalog, clock)?;
    Ok(catalog)
}

/// Nothing rests on these: they only tell a node whether what it runs was withdrawn.
fn restore_withdrawn<L: Ledger>(ledger: &L, catalog: &mut Catalog) {
    let withdrawn: Vec<Digest> =
        catalog.withdrawals().map(|(_, withdrawn, _)| withdrawn.manifest).collect();
    for digest in withdrawn {
        match ledger.manifest(&digest) {
            Ok(Some(manifest)) => {
                if let Err(refusal) = catalog.restore_withdrawn(&Arc::new(manifest)) {
                    tracing::debug!(manifest = %digest, %refusal, "a withdrawn release is not remembered");
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(manifest = %digest, error = %chain(&error), "a kept manifest is damaged")
            }
        }
    }
}

fn restore_channel<L: Ledger>(
    ledger: &mut L,
    channel: &ChannelName,
    trust: &Trust,
    catalog: &mut Catalog,
) -> Result<(), L::Error> {
    let Some(head) = ledger.newest_head(channel)? else { return Ok(()) };
    let base = catalog.base(channel).cloned();
    let begin = base.as_ref().map_or(1, |base| base.seq.max(1));
    // Which of them a later root would bear.
    let links = ledger.head_links(channel, begin, |head| {
        let signers = catalog.signers(channel, head);
        let role = trust.newest.release_role(channel);
        let borne = role.is_some_and(|role| threshold::enough(role, &signers).is_ok());
        // The keys of the newest root need not bear the base, nor what came before it.
        let after = base.as_ref().map_or(0, |base| base.seq);
        let is_after = head.peek().is_ok_and(|claim| claim.seq > after);
        if borne || !is_after || trust.bore_once(channel, head) {
            return signers;
        }
        // A signature has rotted. It was good when the head was accepted.
        head.signatures().iter().map(|signature| signature.key).collect()
    })?;
    let head = Arc::new(head);
    let refusal = match catalog.restore_head(&head, links) {
        Ok(()) => return Ok(()),
        Err(refusal) => refusal,
    };
    // The root was kept, and the channel has not begun anew since; or that is seen by the signers of its newest head:
    // others sign now, or more of them.
    if matches!(refusal, Refusal::OffTheBase(_)) || trust.bore_once(channel, &head) {
        tracing::warn!(%channel, %refusal, "the channel begins at the root's base again");
        ledger.begin_anew(channel, base.as_ref())?;
        // The head of the base may be here.
        if let Some(head) = ledger.newest_head(channel)? {
            let link = Link { digest: head.digest(), signers: catalog.signers(channel, &head) };
            let seq = head.peek().map_or(0, |claim| claim.seq);
            let links = BTreeMap::from([(seq, link)]);
            if let Err(refusal) = catalog.restore_head(&Arc::new(head), links) {
                tracing::debug!(%channel, %refusal, "the head of the base is asked for");
            }
        }
        return Ok(());
    }
    tracing::warn!(%channel, %refusal, "the kept head does not verify under the trust root");
    if let Ok(claim) = head.peek() {
        let (head, channel) = (Some(head.digest()), channel.clone());
        catalog.restore_place(ChannelBase { channel, seq: claim.seq, head });
    }
    Ok(())
}

/// Statements are offered again in an order in which none stands against another that came before it; what is of no
/// use any more is struck off.
fn restore_statements<L: Ledger>(
    ledger: &mut L,
    catalog: &mut Catalog,
    clock: Timestamp,
) -> Result<(), L::Error> {
    let mut statements = ledger.statements()?;
    statements.retain(|statement| !statement.is_about_a_vote());
    statements.sort_by_key(|statement| match statement {
        Statement::Equivocation(_) => 0,
        Statement::Brake(brake) => 1 + brake.peek().map_or(0, |brake| brake.issued.as_seconds()),
        _ => u64::MAX - u64::from(matches!(statement, Statement::Heartbeat(_))),
    });
    for statement in statements {
        let statement = Arc::new(statement);
        if let Err(refusal) = catalog.restore_statement(&statement, clock) {
            tracing::debug!(kind = statement.kind(), %refusal, "a kept statement is of no use");
            catalog.note(&refusal);
            match refusal {
                Refusal::FromTheFuture { signed, .. } => catalog.keep_for_later(statement, signed),
                _ => ledger.remove_statement(&statement)?,
            }
        }
    }
    catalog.forget_what_ran_out(clock);
    Ok(())
}

#[cfg(test)]
#[path = "restore_tests.rs"]
mod tests;
