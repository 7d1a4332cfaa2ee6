//! Which protocol each line of software speaks, and by which decisions it came to that. Pure.

use std::collections::BTreeMap;

use updraft_protocol::{ComponentName, Digest};

/// How far a change of protocol has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The old one is spoken as well, until this epoch.
    Grace {
        /// The last epoch of the old protocol.
        until: u64,
    },
    /// Only the new one is spoken.
    Settled,
}

/// One line of software.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Changes that are in force, in the order of their activations: the proposal, the protocol before, the protocol
    /// after.
    pub changes: Vec<(Digest, u32, u32)>,
}

impl Line {
    /// The protocol that is spoken, if anything was ever decided about it.
    pub fn protocol(&self) -> Option<u32> {
        self.changes.last().map(|(_, _, to)| *to)
    }
}

/// The lines that these changes make: activation, proposal, line, from, to.
pub(super) fn lines(
    changes: impl IntoIterator<Item = (u64, Digest, ComponentName, u32, u32)>,
) -> BTreeMap<ComponentName, Line> {
    let mut changes: Vec<_> = changes.into_iter().collect();
    changes.sort();
    let mut lines: BTreeMap<ComponentName, Line> = BTreeMap::new();
    for (_, proposal, name, from, to) in changes {
        lines.entry(name).or_default().changes.push((proposal, from, to));
    }
    lines
}
