//! Who has signed a draft and who is missing, by the keys of the trusted root and by those of the next. Both
//! thresholds have to be met; the count is `protocol::threshold`'s.

use std::collections::BTreeMap;

use updraft_protocol::{KeyId, Role, Root, Verified};

use super::RootDraft;
use crate::publish::sign::{Standing, name_of};

/// How far a draft is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootStanding {
    /// Among the keys of the trusted root.
    pub old: Standing,
    /// Among the keys of the next.
    pub new: Standing,
}

impl RootStanding {
    /// Whether enough have signed on both sides.
    pub fn is_complete(&self) -> bool {
        [&self.old, &self.new].iter().all(|side| side.signed.len() >= side.need)
    }

    /// Everybody who could still help, each once.
    pub fn could(&self) -> Vec<String> {
        let short = |side: &Standing| match side.signed.len() >= side.need {
            true => Vec::new(),
            false => side.could.clone(),
        };
        let mut names = short(&self.old);
        names.extend(short(&self.new));
        names.sort();
        names.dedup();
        names
    }
}

impl RootDraft {
    /// Where it stands. Keys that are known here go by their names.
    pub fn standing(
        &self,
        trusted: &Verified<Root>,
        names: &BTreeMap<KeyId, String>,
    ) -> RootStanding {
        let side = |role: &Role| {
            let signers = self.signed().signers(&trusted.network, role);
            let ids = role.keys().iter().map(|key| key.id());
            let (signed, could) = ids.partition::<Vec<_>, _>(|id| signers.contains(id));
            let named = |ids: Vec<KeyId>| {
                let mut named: Vec<_> = ids.iter().map(|id| name_of(id, names)).collect();
                named.sort();
                named
            };
            Standing { signed: named(signed), could: named(could), need: role.threshold() }
        };
        RootStanding { old: side(&trusted.root), new: side(&self.root().root) }
    }
}
