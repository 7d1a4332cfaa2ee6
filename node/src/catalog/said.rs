//! Statements: whose word each kind needs, and what it changes. Pure.
//!
//! Every kind has its own bounded table; a statement is kept as long as it can matter to anybody, and served to
//! whoever asks. What has run out, and what a new root no longer bears, is forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use updraft_protocol::{
    Brake, BuildAttestation, ChannelName, Digest, Equivocation, Heartbeat, KeyId, Lift, Revocation,
    Role, Sentence, Signed, Statement, Timestamp, Verified, brake, equivocation::Finding,
};

use super::{
    brakes::forgotten,
    machine::Catalog,
    refusal::{Refusal, Says},
    witnesses::{Vouched, vouched},
};

/// What became of an offered statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementOutcome {
    /// It is believed now.
    Accepted(Heard),
    /// It was believed before.
    Known,
}

/// What a statement told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A witness vouches for a head.
    Heartbeat {
        /// Of this channel.
        channel: ChannelName,
        /// Which head.
        vouched: Vouched,
    },
    /// A release is paused, or (`None`) all of a channel.
    Paused {
        /// The channel.
        channel: ChannelName,
        /// The release's digest.
        release: Option<Digest>,
        /// The brake key.
        by: KeyId,
        /// When the pause ends by itself.
        until: Timestamp,
        /// Why, in words.
        reason: String,
    },
    /// Pauses have ended.
    Lifted {
        /// The channel.
        channel: ChannelName,
        /// The release's digest; `None` for all of the channel.
        release: Option<Digest>,
    },
    /// A key took itself back.
    KeyRevoked {
        /// The key.
        key: KeyId,
        /// Why, in words.
        reason: String,
    },
    /// A builder got what the publisher signed, or another tree.
    Built(Box<BuildAttestation>),
    /// Two heads prove something.
    Proved(Finding),
}

/// Where a statement comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Others,
    TheDisk,
}

impl Catalog {
    /// Takes a statement if whoever may say it says it, and it tells something new.
    pub fn offer_statement(
        &mut self,
        statement: &Arc<Statement>,
        clock: Timestamp,
    ) -> Result<StatementOutcome, Refusal> {
        // No signature is checked for what is known.
        let id = statement.id();
        if self.said.contains_key(&id) {
            return Ok(StatementOutcome::Known);
        }
        let replaced = self.replaced_by(statement);
        let heard = match statement.as_ref() {
            Statement::Heartbeat(signed) => {
                self.hear_heartbeat(signed, statement, From::Others, clock)?
            }
            Statement::Brake(signed) => self.hear_brake(signed, statement, From::Others, clock)?,
            Statement::Lift(signed) => self.hear_lift(signed, statement, clock)?,
            Statement::Revocation(signed) => self.hear_revocation(signed, statement)?,
            Statement::Attestation(signed) => self.hear_attestation(signed, statement, clock)?,
            Statement::Equivocation(proof) => self.hear_proof(proof, statement)?,
            Statement::Proposal(_)
            | Statement::Ballot(_)
            | Statement::Certificate(_)
            | Statement::DoubleVote(_) => return Err(Refusal::AboutAVote),
        };
        match statement.as_ref() {
            // There may be thousands of these, and each takes the place of one other at most.
            Statement::Heartbeat(_) | Statement::Attestation(_) => {
                self.said.insert(id, statement.clone());
                replaced.map(|replaced| self.said.remove(&replaced.id()));
            }
            _ => self.index(),
        }
        Ok(StatementOutcome::Accepted(heard))
    }

    /// The last word of a witness or a builder about the same thing.
    fn replaced_by(&self, statement: &Statement) -> Option<Arc<Statement>> {
        match statement {
            Statement::Heartbeat(signed) => self.witnesses.last(&signed.peek().ok()?).cloned(),
            Statement::Attestation(signed) => self.builders.last(&signed.peek().ok()?).cloned(),
            _ => None,
        }
    }

    /// Everything said that still matters, by id.
    pub fn said(&self) -> &BTreeMap<Digest, Arc<Statement>> {
        &self.said
    }

    /// Names anew what the tables hold. Looking something up, which anybody can make us do, costs next to nothing.
    pub(super) fn index(&mut self) {
        // A witness's last word tells since when a head is stale, so it stays in its table. Nobody is told of it any
        // more: whoever has not heard it would refuse it, and ask for it again and again.
        let counts = |statement: &Statement| match statement {
            Statement::Heartbeat(signed) => {
                signed.peek().is_ok_and(|heartbeat| heartbeat.expires() >= self.forgot)
            }
            _ => true,
        };
        let said: BTreeMap<Digest, Arc<Statement>> = self
            .statements()
            .filter(|statement| counts(statement))
            .map(|statement| (statement.id(), statement.clone()))
            .collect();
        let before = std::mem::replace(&mut self.said, said);
        let still_kept: BTreeSet<Digest> =
            self.witnesses.statements().map(|statement| statement.id()).collect();
        let gone = before
            .into_iter()
            .filter(|(id, _)| !self.said.contains_key(id) && !still_kept.contains(id));
        self.gone.extend(gone.map(|(_, statement)| statement));
    }

    /// What went out of the tables since this was asked last: it need not be kept any more.
    pub fn take_gone(&mut self) -> Vec<Arc<Statement>> {
        std::mem::take(&mut self.gone)
    }

    /// Takes up what was kept before. Other than when it is heard, the last word of a witness may have run out: it
    /// tells since when a head is stale. [`Catalog::forget_what_ran_out`] then lets peers hear of it.
    pub fn restore_statement(
        &mut self,
        statement: &Arc<Statement>,
        clock: Timestamp,
    ) -> Result<(), Refusal> {
        // A peer was faster.
        if self.said.contains_key(&statement.id()) {
            return Ok(());
        }
        match statement.as_ref() {
            Statement::Heartbeat(signed) => {
                drop(self.hear_heartbeat(signed, statement, From::TheDisk, clock)?);
            }
            // It had its place before; that a newer root shares places out otherwise takes none away.
            Statement::Brake(signed) => {
                drop(self.hear_brake(signed, statement, From::TheDisk, clock)?);
            }
            _ => drop(self.offer_statement(statement, clock)?),
        }
        Ok(())
    }

    /// Forgets what has run out, and takes up from the disk what has begun.
    pub fn forget_what_ran_out(&mut self, clock: Timestamp) {
        let now = self.time.at(clock);
        self.forgot = now;
        self.brakes.retain(now, |_, _, _| true);
        let (early, due): (Vec<_>, Vec<_>) = std::mem::take(&mut self.early)
            .into_iter()
            .partition(|(signed, _)| self.time.is_future(*signed, clock));
        self.early = early;
        for (_, statement) in due {
            if self.restore_statement(&statement, clock).is_err() {
                self.gone.push(statement);
            }
        }
        self.index();
    }

    /// A statement from the disk that this node's clock has not reached: it is tried again when it has.
    pub fn keep_for_later(&mut self, statement: Arc<Statement>, signed: Timestamp) {
        self.early.push((signed, statement));
    }

    fn statements(&self) -> impl Iterator<Item = &Arc<Statement>> {
        let kept = self.witnesses.statements().chain(self.brakes.statements());
        kept.chain(self.doubts.statements()).chain(self.builders.statements())
    }

    /// Under a new root, and when a key took itself back, only what the roles may say stays.
    pub(super) fn settle_statements(&mut self) {
        let (root, doubts) = (&self.root, &self.doubts);
        let is_in = |role: &Option<Role>, key: &KeyId| {
            role.as_ref().is_some_and(|role| doubts.authority(role).key(key).is_some())
        };
        self.witnesses.retain(|heartbeat, _| {
            is_in(&root.witness, &heartbeat.by) && root.release_role(&heartbeat.channel).is_some()
        });
        self.builders.retain(|word, _| is_in(&root.builder, &word.by));
        self.brakes.retain(Timestamp::from_seconds(0), |channel, by, statement| {
            let Some(role) = root.release_role(channel) else { return false };
            match (by, statement) {
                (Some(by), _) => is_in(&root.brake, &by),
                (None, Statement::Lift(signed)) => {
                    signed.verify(&root.network, doubts.authority(role)).is_ok()
                }
                (None, _) => false,
            }
        });
    }

    /// Builders' words about releases that are no longer on offer are of no use.
    pub(super) fn forget_attestations(&mut self, listed: &BTreeSet<Digest>) {
        let names: BTreeSet<_> = self
            .chains
            .values()
            .filter_map(|chain| chain.head())
            .flat_map(|known| known.head.releases.iter())
            .filter(|listing| listed.contains(&listing.manifest))
            .map(|listing| {
                (listing.component.clone(), listing.target.clone(), listing.version.clone())
            })
            .collect();
        self.builders.retain(|word, _| {
            names.contains(&(word.component.clone(), word.target.clone(), word.version.clone()))
        });
    }

    /// Whether this is a witness's word about a head after the trusted one.
    pub fn vouches_for_a_later_head(&self, statement: &Statement) -> bool {
        let Statement::Heartbeat(signed) = statement else { return false };
        signed.peek().is_ok_and(|word| {
            let trusted = self.head(&word.channel);
            let trusted = trusted.map(|known| (known.head.seq, known.head.digest()));
            vouched(trusted, &word) == Vouched::Newer
        })
    }

    fn hear_heartbeat(
        &mut self,
        signed: &Signed<Heartbeat>,
        statement: &Arc<Statement>,
        from: From,
        clock: Timestamp,
    ) -> Result<Heard, Refusal> {
        let heartbeat = self.sentence(signed, "witness", self.root.witness.as_ref())?;
        let channel = heartbeat.channel.clone();
        self.known_channel(&channel)?;
        if self.time.is_future(heartbeat.time, clock) {
            let says = Says::Witness(heartbeat.by);
            return Err(Refusal::FromTheFuture { signed: heartbeat.time, says });
        }
        if from == From::Others && heartbeat.expires() < self.time.at(clock) {
            return Err(Refusal::Expired { expired: heartbeat.expires() });
        }
        let trusted = self.head(&channel).map(|known| (known.head.seq, known.head.digest()));
        let vouched = vouched(trusted, &heartbeat);
        let time = self.time;
        self.witnesses.hear(heartbeat, vouched, statement, |at| time.is_future(at, clock))?;
        let need = self.root.witness.as_ref().map_or(usize::MAX, Role::threshold);
        if let Some(time) = self.witnesses.time(&channel, need, self.own) {
            self.time.learn(time, clock);
        }
        Ok(Heard::Heartbeat { channel, vouched })
    }

    fn hear_brake(
        &mut self,
        signed: &Signed<Brake>,
        statement: &Arc<Statement>,
        from: From,
        clock: Timestamp,
    ) -> Result<Heard, Refusal> {
        let brake = self.sentence(signed, "brake", self.root.brake.as_ref())?;
        self.known_channel(&brake.channel)?;
        self.not_from_the_future(brake.issued, clock)?;
        if forgotten(&brake, self.time.at(clock)) {
            return Err(Refusal::Expired { expired: brake.expires });
        }
        let heard = Heard::Paused {
            channel: brake.channel.clone(),
            release: brake.release,
            by: brake.by,
            until: brake.expires,
            reason: brake.reason.clone(),
        };
        let places = match from {
            From::Others => {
                brake::places(self.root.brake.as_ref().map_or(1, |role| role.keys().len()))
            }
            From::TheDisk => usize::MAX,
        };
        self.brakes.pause(brake, statement, places)?;
        Ok(heard)
    }

    fn hear_lift(
        &mut self,
        signed: &Signed<Lift>,
        statement: &Arc<Statement>,
        clock: Timestamp,
    ) -> Result<Heard, Refusal> {
        let claim = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        self.known_channel(&claim.channel)?;
        let role = self
            .root
            .release_role(&claim.channel)
            .ok_or_else(|| Refusal::UnknownChannel(claim.channel.clone()))?;
        let lift = signed
            .verify(&self.root.network, self.doubts.authority(role))
            .map_err(|error| self.why_unverified(error, signed, role))?;
        self.not_from_the_future(lift.issued, clock)?;
        if lift.expires() <= self.time.at(clock) {
            return Err(Refusal::Expired { expired: lift.expires() });
        }
        let heard = Heard::Lifted { channel: lift.channel.clone(), release: lift.release };
        self.brakes.lift(lift, statement)?;
        Ok(heard)
    }

    fn hear_revocation(
        &mut self,
        signed: &Signed<Revocation>,
        statement: &Arc<Statement>,
    ) -> Result<Heard, Refusal> {
        let claim = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        // Of a key that is in no role nothing is to be revoked, and nothing could be checked.
        let key = *self.root.key(&claim.key).ok_or(Refusal::UnknownKeys { have: 0, need: 1 })?;
        let own = Role::new(1, vec![key]).map_err(|_| Refusal::NoSuchRole("own"))?;
        if self.doubts.is_revoked(&claim.key) {
            return Err(Refusal::Outdated);
        }
        let revocation = signed.verify_sentence(&self.root.network, &own)?;
        let heard = Heard::KeyRevoked { key: revocation.key, reason: revocation.reason.clone() };
        self.doubts.revoke(revocation, statement);
        // What the key said before counts no more either, so nodes that heard it later come to the same end.
        self.settle_statements();
        Ok(heard)
    }

    fn hear_attestation(
        &mut self,
        signed: &Signed<BuildAttestation>,
        statement: &Arc<Statement>,
        clock: Timestamp,
    ) -> Result<Heard, Refusal> {
        let word = self.sentence(signed, "builder", self.root.builder.as_ref())?;
        self.not_from_the_future(word.time, clock)?;
        let listed = self.listings().any(|(_, listing)| {
            (&listing.component, &listing.target, &listing.version)
                == (&word.component, &word.target, &word.version)
        });
        if !listed {
            return Err(Refusal::NotListed(word.tree));
        }
        let heard = Heard::Built(Box::new((*word).clone()));
        self.builders.hear(word, statement)?;
        Ok(heard)
    }

    fn hear_proof(
        &mut self,
        proof: &Equivocation,
        statement: &Arc<Statement>,
    ) -> Result<Heard, Refusal> {
        self.has_only_good_signatures(proof)?;
        let finding = proof.judge(&self.root)?;
        let heads = proof.heads().map(Signed::digest);
        self.doubts.prove(finding.clone(), heads, statement)?;
        Ok(Heard::Proved(finding))
    }

    /// A proof's name says who signed; with bad signatures it would be a weak one by the name of a strong one. Honest
    /// nodes leave out what they cannot vouch for ([`Catalog::accusation`]).
    fn has_only_good_signatures(&self, proof: &Equivocation) -> Result<(), Refusal> {
        for head in proof.heads() {
            let Ok(claim) = head.peek() else { continue };
            let Some(role) = self.root.release_role(&claim.channel) else { continue };
            let good = head.signers(&self.root.network, role);
            let claimed = head.signatures().iter().map(|signature| signature.key);
            if claimed.filter(|key| role.key(key).is_some()).any(|key| !good.contains(&key)) {
                return Err(Refusal::SpoiltProof);
            }
        }
        Ok(())
    }

    /// Two heads that exclude each other, with those signatures alone that this node has found good.
    pub fn accusation(&self, proof: &Equivocation) -> Option<Equivocation> {
        let [one, other] = proof.heads().map(|head| {
            let claim = head.peek().ok()?;
            let mut clean = Signed::unsigned(&claim).ok()?;
            clean.adopt(head, &self.signers(&claim.channel, head));
            Some(clean)
        });
        Some(Equivocation::new(one?, other?))
    }

    /// Verifies what one key of a role says alone. A key that took itself back says nothing any more.
    fn sentence<T: Sentence>(
        &self,
        signed: &Signed<T>,
        name: &'static str,
        role: Option<&Role>,
    ) -> Result<Verified<T>, Refusal> {
        let claim = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let role = role.ok_or(Refusal::NoSuchRole(name))?;
        let speaker = claim.speaker();
        if role.key(&speaker).is_none() {
            return Err(Refusal::UnknownKeys { have: 0, need: 1 });
        }
        if self.doubts.is_revoked(&speaker) {
            return Err(Refusal::RevokedKey);
        }
        Ok(signed.verify_sentence(&self.root.network, role)?)
    }

    fn known_channel(&self, channel: &ChannelName) -> Result<(), Refusal> {
        match self.chains.contains_key(channel) {
            true => Ok(()),
            false => Err(Refusal::UnknownChannel(channel.clone())),
        }
    }

    fn not_from_the_future(&self, signed: Timestamp, clock: Timestamp) -> Result<(), Refusal> {
        match self.time.is_future(signed, clock) {
            true => Err(Refusal::FromTheFuture { signed, says: Says::Anybody }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "said_tests.rs"]
mod tests;
