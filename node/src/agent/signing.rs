//! What this node signs by itself, as a witness and as an elector: each word is kept first.

use updraft_protocol::{Ballot, Heartbeat, Signed};

use super::{
    action::Input,
    effects::{Ended, NotKept},
    ledger::Ledger,
    task::Agent,
};
use crate::{catalog::Word, store::Store};

impl Agent {
    /// Keeps a word of this witness, and only then signs it: a power cut between the two leaves a word that was
    /// never said, and never two that contradict each other.
    pub(super) async fn vouch(
        &mut self,
        heartbeat: &Heartbeat,
        word: &Word,
    ) -> Result<(), NotKept> {
        let Some(key) = self.context.witness.clone() else { return Ok(()) };
        let (channel, word) = (heartbeat.channel.clone(), word.clone());
        let keep = move |store: &Store| Ledger::put_vouched(&mut store.clone(), &channel, &word);
        self.keep("a word of this witness", keep).await?;
        match Signed::unsigned(heartbeat) {
            Ok(mut signed) => {
                signed.sign(&key, &heartbeat.network);
                self.effects
                    .spawn(async move { Ended::Input(Box::new(Input::Vouched(Box::new(signed)))) });
            }
            Err(error) => tracing::error!(%error, "a word of this witness cannot be written"),
        }
        Ok(())
    }

    /// Keeps a ballot of this node, and only then signs it: a power cut between the two leaves a ballot that was never
    /// said, and never two with one number.
    pub(super) async fn cast(&self, ballot: &Ballot) -> Result<Signed<Ballot>, NotKept> {
        let key = self.context.voter.clone().ok_or(NotKept)?;
        let (proposal, seq, stance) = (ballot.proposal, ballot.seq, ballot.stance);
        self.keep("a ballot", move |store| store.put_cast(&proposal, seq, stance)).await?;
        let mut signed = Signed::unsigned(ballot).map_err(|error| {
            tracing::error!(%error, "a ballot cannot be written");
            NotKept
        })?;
        signed.sign(&key, &ballot.network);
        Ok(signed)
    }
}
