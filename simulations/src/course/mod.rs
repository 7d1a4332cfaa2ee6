//! The course of a run: what a story comes to when chance has picked every moment and every node.
//!
//! ```text
//!  scenario + seed ─ pick ─> course ─> a world goes through it
//!                              └─ a recording keeps it; it can be replayed, and shrunk
//! ```
//!
//! A story says "a fifth of the machines are killed between 10 s and 30 s"; its course says "at 17.3 s `machines-4` is killed,
//! and starts again at 21.9 s". Each of these things can be left out without changing another: that is what makes it
//! possible to [shrink](mod@crate::shrink) a course to what it takes for a run to fail. Pure.

mod pick;
mod wish;
mod words;

use serde::{Deserialize, Serialize};

pub use pick::pick;
pub use wish::{MAX_TRIES, SAYS_AGAIN, Saying, Sayings};

use crate::scenario::{Departure, DiskFault, Hostility, Loot, Share, Skew, Time, Version, Word};

/// Things that happen in one run at most, for a recording to hold them: of more, chance has to pick them again.
pub const MAX_KEPT: usize = 10_000;

/// Something that happens at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// When.
    pub at: Time,
    /// What.
    pub deed: Deed,
}

/// What happens. Nodes are called by their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "do",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Deed {
    /// A release is signed and handed to a node.
    Publish {
        /// Which.
        release: Version,
        /// To whom.
        node: String,
    },
    /// A release is taken back, and a node tells the others.
    Withdraw {
        /// Which.
        release: Version,
        /// Who.
        node: String,
    },
    /// A node starts.
    Start {
        /// Which.
        node: String,
    },
    /// A node goes.
    Leave {
        /// Which.
        node: String,
        /// How.
        how: Departure,
        /// It starts again after that time.
        back_after: Option<Time>,
    },
    /// Some nodes are cut off from all others.
    Divide {
        /// Which.
        nodes: Vec<String>,
        /// Whether they still hear the others, and are not heard.
        one_way: bool,
    },
    /// A node is cut off from everybody for a while.
    Cut {
        /// Which.
        node: String,
        /// For how long.
        lasts: Time,
    },
    /// What was cut is whole again.
    Heal,
    /// Messages get lost, come twice, or late.
    Weather {
        /// Lost.
        loss: Share,
        /// Twice.
        twice: Share,
        /// Late.
        late: Share,
    },
    /// A program ends at a change that an installation makes to the disk.
    CrashAt {
        /// Which.
        node: String,
        /// The number of the change, counted from then.
        change: u32,
        /// How.
        how: Departure,
        /// It starts again after that time.
        back_after: Time,
    },
    /// A clock is set.
    Clock {
        /// Whose.
        node: String,
        /// How wrong it is from then on.
        by: Skew,
    },
    /// A disk fails.
    Disk {
        /// Whose.
        node: String,
        /// How.
        fault: DiskFault,
        /// For how long.
        lasts: Time,
    },
    /// A node begins to lie.
    Turn {
        /// Which.
        node: String,
        /// How.
        into: Hostility,
    },
    /// Keys are stolen, and used.
    Steal {
        /// Of whom.
        from: Loot,
        /// How many.
        count: u8,
        /// The release that a thief makes with keys of publishers.
        release: Option<Version>,
    },
    /// An elector proposes another protocol.
    Propose {
        /// Who.
        node: String,
        /// Of which component; of the nodes themselves if it is not said.
        component: Option<String>,
        /// To which.
        to: u32,
        /// The release that speaks it.
        release: Version,
        /// How long it is voted on.
        voting: Time,
        /// How long until it is in force after that.
        lead: Time,
        /// How long both are spoken then.
        grace: Time,
    },
    /// An elector votes on what was proposed last.
    Vote {
        /// Who.
        node: String,
        /// What it says.
        says: Word,
    },
    /// Everything that was broken is whole again and nobody lies any more.
    Calm,
}

impl Deed {
    /// Whether it breaks something: without it all goes at least as well.
    pub fn is_a_fault(&self) -> bool {
        match self {
            Self::Leave { .. }
            | Self::Divide { .. }
            | Self::Cut { .. }
            | Self::CrashAt { .. }
            | Self::Disk { .. }
            | Self::Turn { .. }
            | Self::Steal { .. } => true,
            Self::Weather { loss, twice, late } => [*loss, *twice, *late] != [Share(0); 3],
            Self::Clock { by, .. } => by.0 != 0,
            Self::Publish { .. }
            | Self::Withdraw { .. }
            | Self::Start { .. }
            | Self::Heal
            | Self::Propose { .. }
            | Self::Vote { .. }
            | Self::Calm => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{builtin, scenario::read};

    fn course(seed: u64) -> Vec<Happening> {
        let chaos = builtin::find("chaos").expect("it is built in");
        pick(&read(chaos.text, "chaos").expect("a scenario"), seed)
    }

    #[test]
    fn the_same_seed_has_the_same_course_and_another_another() {
        assert_eq!(course(3), course(3));
        assert_ne!(course(3), course(4));
        assert!(course(3).is_sorted_by_key(|happening| happening.at));
    }

    #[test]
    fn a_course_is_read_as_it_was_written() {
        let course = course(5);
        let text = serde_json::to_string(&course).expect("json");
        assert_eq!(serde_json::from_str::<Vec<Happening>>(&text).expect("its own"), course);
    }

    #[test]
    fn every_step_of_a_story_comes_to_something_with_a_sentence() {
        let keys = read(crate::scenario::KEYS, "keys.toml").expect("tested");
        for step in &keys.story {
            let one = crate::scenario::Scenario { story: vec![step.clone()], ..keys.clone() };
            let course = pick(&one, 1);
            assert!(!course.is_empty(), "{:?}", step.act);
            for Happening { deed, .. } in course {
                assert!(deed.to_string().len() > 10, "{deed:?}");
                let zeros = [step.act.is_a_fault(), deed.is_a_fault()] == [true, false];
                assert!(!deed.is_a_fault() || step.act.is_a_fault(), "{deed:?}");
                assert!(!zeros || matches!(deed, Deed::Weather { .. }), "{deed:?}");
            }
        }
    }
}
