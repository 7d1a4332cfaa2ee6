//! Drafts of proposals: whoever proposes says what it wants, and this node fills in what it knows: the release's
//! manifests, the electorate, the epochs. Whoever signs reads it first.

use std::{
    collections::BTreeSet,
    fmt::{Debug, Display},
};

use updraft_protocol::{
    ComponentName, Digest, Listing, Proposal, ReleaseVersion, Wire,
    vote::{Activation, Fraction},
};

use super::{action::Now, machine::Machine, proposals::ProposalWish};
use crate::problem::{Code, Problem};

/// Epochs between a draft and the opening of its vote: it has to be read and signed.
const SIGNING: u64 = 1;

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// A proposal as somebody wishes it, to be signed.
    pub fn draft_proposal(&self, wish: ProposalWish, now: Now) -> Result<Proposal, Problem> {
        let governance = &self.votes.governance;
        let electorate = governance.electorate().ok_or_else(|| {
            Problem::new(Code::NotAVoter, "the trust root of this network names no electorate")
                .hint("the root keys give somebody a vote: `updraft root begin -m TEXT`, then `updraft root add-key electorate KEY --weight N --operator NAME`")
        })?;
        if !governance.is_elector(&wish.by) {
            let detail = format!("key {} is not in the electorate", wish.by);
            return Err(Problem::new(Code::NotAVoter, detail)
                .hint("`updraft trust show` lists who may vote"));
        }
        let (release, artifacts) = self.artifacts(&wish)?;
        let rules = governance.rules();
        let epochs = |seconds: Option<u64>, least: u64| {
            seconds.map_or(least, |seconds| seconds.div_ceil(rules.epoch))
        };
        let opens = self.epoch(now).saturating_add(SIGNING);
        let lock_deadline = opens.saturating_add(epochs(wish.voting, rules.min_voting));
        let activation = lock_deadline.saturating_add(epochs(wish.lead, rules.min_lead));
        let grace_end = activation.saturating_add(epochs(wish.grace, rules.min_grace));
        let numbers = governance.proposals().map(|held| held.proposal.number);
        let proposal = Proposal {
            network: self.catalog.root().network,
            by: wish.by,
            number: numbers.max().unwrap_or(0).saturating_add(1),
            from: self.protocol_of(&wish.line, now),
            line: wish.line,
            to: wish.to,
            release,
            artifacts: artifacts.into_iter().collect(),
            electorate,
            opens,
            lock_deadline,
            activation: wish.height.map_or(Activation::Epoch(activation), |height| {
                Activation::Height { height, not_before: activation }
            }),
            grace_end,
            threshold: wish.threshold.unwrap_or(Fraction::TWO_THIRDS),
            min_ready: wish.min_ready.unwrap_or(Fraction::NINE_TENTHS),
            notes: wish.notes,
        };
        let refused = |error: &dyn Display| {
            Problem::new(Code::RequestInvalid, format!("such a proposal counts nowhere: {error}"))
        };
        proposal.check().map_err(|error| refused(&error))?;
        proposal.keeps_to(rules).map_err(|error| refused(&error))?;
        Ok(proposal)
    }

    /// The release and its manifests for all kinds of machines.
    fn artifacts(
        &self,
        wish: &ProposalWish,
    ) -> Result<(ReleaseVersion, BTreeSet<Digest>), Problem> {
        let of_line = |line: &ComponentName| -> Vec<Listing> {
            let listings = self.catalog.listings().map(|(_, listing)| listing.clone());
            listings.filter(|listing| listing.component == *line).collect()
        };
        let listings = of_line(&wish.line);
        // Without being told, only what this node would install itself is taken for the newest.
        let followed = self.components.get(&wish.line);
        let followed = followed.map_or(&self.rules.channel, |component| &component.channel);
        let own = self
            .catalog
            .listings()
            .filter(|(channel, listing)| *channel == followed && listing.component == wish.line);
        let newest = own.map(|(_, listing)| &listing.version).max();
        let unknown = |detail: String| {
            Problem::new(Code::ReleaseUnknown, detail)
                .hint("publish the release that speaks the new protocol first; `updraft list --all` shows what is on offer")
        };
        let release = wish.release.as_ref().or(newest).cloned();
        let release =
            release.ok_or_else(|| unknown(format!("no release of {} is on offer", wish.line)))?;
        let fits = listings.iter().filter(|listing| listing.version == release);
        let artifacts: BTreeSet<Digest> = fits.map(|listing| listing.manifest).collect();
        if artifacts.is_empty() {
            return Err(unknown(format!("{}@{release} is not on offer", wish.line)));
        }
        Ok((release, artifacts))
    }
}
