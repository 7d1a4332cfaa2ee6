//! What happens, as sentences.

use std::fmt;

use super::{Deed, Happening};
use crate::scenario::{DiskFault, Loot, Time, Word};

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s: {}", self.at.seconds(), self.deed)
    }
}

fn seconds(time: Time) -> String {
    format!("{:.1} s", time.seconds())
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish { release, node } => {
                write!(f, "release {release} is published at {node}")
            }
            Self::Withdraw { release, node } => {
                write!(f, "release {release} is withdrawn at {node}")
            }
            Self::Start { node } => write!(f, "{node} starts"),
            Self::Leave { node, how, back_after } => {
                write!(f, "{node} {}", how.of_one())?;
                match back_after {
                    Some(after) => write!(f, ", and starts again after {}", seconds(*after)),
                    None => f.write_str(", for good"),
                }
            }
            Self::Divide { nodes, one_way } => {
                let way = if *one_way { "; they still hear the others" } else { "" };
                write!(f, "these are cut off from all others{way}: {}", nodes.join(", "))
            }
            Self::Cut { node, lasts } => {
                write!(f, "{node} is cut off from everybody for {}", seconds(*lasts))
            }
            Self::Heal => f.write_str("what was cut is whole again"),
            Self::Weather { .. } if !self.is_a_fault() => {
                f.write_str("messages come as they should again")
            }
            Self::Weather { loss, twice, late } => {
                write!(f, "of all messages {loss} get lost, {twice} come twice, {late} come late")
            }
            Self::CrashAt { node, change, how, back_after } => write!(
                f,
                "{node} {} at the next change {change} of its disk, and starts again after {}",
                how.of_one(),
                seconds(*back_after)
            ),
            Self::Clock { node, by } => write!(f, "the clock of {node} is wrong by {by}"),
            Self::Disk { node, fault, lasts } => {
                let fault = match fault {
                    DiskFault::Full => "is full",
                    DiskFault::Io => "fails at every change",
                };
                write!(f, "the disk of {node} {fault} for {}", seconds(*lasts))
            }
            Self::Turn { node, into } => write!(f, "{node} turns hostile: it {into}"),
            Self::Steal { from, count, release } => {
                let (keys, so) = match from {
                    Loot::Publishers => ("publishers", "a release of the thief is signed"),
                    Loot::PublishersTwice => ("publishers", "two heads with one number are signed"),
                    Loot::Electors => ("electors", "each signs two ballots with one number"),
                };
                write!(f, "{count} keys of {keys} are stolen, and {so}")?;
                release.as_ref().map_or(Ok(()), |release| write!(f, ": {release}"))
            }
            Self::Propose { node, component, to, release, .. } => {
                let whose = component.as_deref().unwrap_or("the nodes");
                write!(
                    f,
                    "{node} proposes that {whose} speak protocol {to}, with release {release}"
                )
            }
            Self::Vote { node, says } => {
                let says = match says {
                    Word::Yes => "for it",
                    Word::No => "against it",
                    Word::Abstain => "for neither",
                    Word::Cancel => "to call it off",
                };
                write!(f, "{node} votes {says}")
            }
            Self::Calm => f.write_str("everything is whole again and nobody lies any more"),
        }
    }
}
