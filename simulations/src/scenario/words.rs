//! A scenario in words: what happens and what is expected, as sentences for people and reports. Pure.

use std::fmt;

use super::{
    Act, Counted, Departure, DiskFault, Expectation, Hostility, Loot, Share, Span, Time, Word,
};

impl Act {
    /// The word that a scenario has for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "publish",
            Self::Withdraw { .. } => "withdraw",
            Self::Join { .. } => "join",
            Self::Leave { .. } => "leave",
            Self::Churn { .. } => "churn",
            Self::Partition { .. } => "partition",
            Self::SwizzleClog { .. } => "swizzle-clog",
            Self::Heal => "heal",
            Self::Weather { .. } => "weather",
            Self::CrashAt { .. } => "crash-at",
            Self::Clock { .. } => "clock",
            Self::Disk { .. } => "disk",
            Self::Turn { .. } => "turn",
            Self::Steal { .. } => "steal",
            Self::Propose { .. } => "propose",
            Self::Vote { .. } => "vote",
            Self::Calm => "calm",
        }
    }

    /// The groups that it names.
    pub fn groups(&self) -> Vec<&str> {
        match self {
            Self::Publish { group, .. }
            | Self::Withdraw { group, .. }
            | Self::Leave { group, .. }
            | Self::Churn { group, .. }
            | Self::CrashAt { group, .. }
            | Self::Clock { group, .. }
            | Self::Disk { group, .. }
            | Self::Turn { group, .. } => group.iter().map(String::as_str).collect(),
            Self::Join { group, .. } => vec![group],
            Self::Partition { groups, .. } => groups.iter().map(String::as_str).collect(),
            Self::SwizzleClog { .. }
            | Self::Heal
            | Self::Weather { .. }
            | Self::Steal { .. }
            | Self::Propose { .. }
            | Self::Vote { .. }
            | Self::Calm => Vec::new(),
        }
    }

    /// Whether it breaks something, so that it has no place once all is calm.
    pub fn is_a_fault(&self) -> bool {
        match self {
            Self::Leave { .. }
            | Self::Churn { .. }
            | Self::Partition { .. }
            | Self::SwizzleClog { .. }
            | Self::Weather { .. }
            | Self::CrashAt { .. }
            | Self::Clock { .. }
            | Self::Disk { .. }
            | Self::Turn { .. }
            | Self::Steal { .. } => true,
            Self::Publish { .. }
            | Self::Withdraw { .. }
            | Self::Join { .. }
            | Self::Heal
            | Self::Propose { .. }
            | Self::Vote { .. }
            | Self::Calm => false,
        }
    }
}

/// `all of `machines``, `5% of all nodes`.
fn whom(share: Share, group: Option<&str>) -> String {
    let share = if share == Share::ALL { "all".to_owned() } else { share.to_string() };
    match group {
        Some(group) => format!("{share} of `{group}`"),
        None => format!("{share} of the honest nodes"),
    }
}

fn first_of(group: Option<&str>) -> String {
    group
        .map_or_else(|| "the first node".to_owned(), |group| format!("the first node of `{group}`"))
}

fn back(after: Option<Span>) -> String {
    after
        .map_or_else(|| ", for good".to_owned(), |after| format!(", and start again after {after}"))
}

/// ` within 5s`, or nothing if it happens at once.
fn within(over: Time) -> String {
    if over == Time(0) { String::new() } else { format!(" within {over}") }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish { release, group } => {
                write!(f, "release {release} is published at {}", first_of(group.as_deref()))
            }
            Self::Withdraw { release, group } => {
                write!(f, "release {release} is withdrawn at {}", first_of(group.as_deref()))
            }
            Self::Join { group, count, over } => {
                let count = count.map_or_else(|| "all".to_owned(), |count| count.to_string());
                write!(f, "{count} of `{group}` start{}", within(*over))
            }
            Self::Leave { group, share, how, back_after } => {
                let back = back(*back_after);
                write!(f, "{} {}{back}", whom(*share, group.as_deref()), how.verb())
            }
            Self::Churn { group, share, lasts, away, how } => write!(
                f,
                "for {lasts}, {} {} each minute, and start again after {away}",
                whom(*share, group.as_deref()),
                how.verb()
            ),
            Self::Partition { groups, share, one_way } => {
                let groups: Vec<_> = groups.iter().map(|group| format!("`{group}`")).collect();
                let who = share
                    .map_or_else(|| groups.join(", "), |share| format!("{share} of all nodes"));
                let way = if *one_way { "; they still hear the others" } else { "" };
                write!(f, "{who} are cut off from all others{way}")
            }
            Self::SwizzleClog { share, lasts } => write!(
                f,
                "{share} of all nodes are cut off one by one within {lasts}, and come back in another order within as \
                 long",
            ),
            Self::Heal => f.write_str("what was cut is whole again"),
            Self::Weather { loss, twice, late } => {
                let zero = Share(0);
                if [*loss, *twice, *late] == [zero; 3] {
                    return f.write_str("messages come as they should again");
                }
                write!(f, "of all messages {loss} get lost, {twice} come twice, {late} come late")
            }
            Self::CrashAt { group, change, how, back_after } => {
                let change = change
                    .map_or_else(|| "a change by chance".to_owned(), |n| format!("change {n}"));
                write!(
                    f,
                    "{} {} at {change} that an installation makes to the disk{}",
                    whom(Share::ALL, group.as_deref()),
                    how.verb(),
                    back(Some(*back_after))
                )
            }
            Self::Clock { group, share, by } => {
                write!(f, "the clocks of {} are wrong by {by}", whom(*share, group.as_deref()))
            }
            Self::Disk { group, share, fault, lasts } => {
                let fault = match fault {
                    DiskFault::Full => "are full",
                    DiskFault::Io => "fail at every change",
                };
                write!(f, "the disks of {} {fault} for {lasts}", whom(*share, group.as_deref()))
            }
            Self::Turn { group, share, into } => {
                write!(f, "{} turn hostile: each {into}", whom(*share, group.as_deref()))
            }
            Self::Steal { from, count, release } => {
                let (keys, so) = match from {
                    Loot::Publishers => ("publishers", "a release of the thief is signed"),
                    Loot::PublishersTwice => ("publishers", "two heads with one number are signed"),
                    Loot::Electors => {
                        ("electors", "two ballots with one number are signed by each")
                    }
                };
                write!(f, "{count} keys of {keys} are stolen, and {so}")?;
                release.as_ref().map_or(Ok(()), |release| write!(f, ": {release}"))
            }
            Self::Propose { component, from, to, release, voting, lead, grace } => {
                let whose = component.as_deref().unwrap_or("the nodes");
                write!(
                    f,
                    "the first elector proposes that {whose} speak protocol {to} instead of {from}, with release \
                     {release}: {voting} to vote, {lead} until it is in force, {grace} of grace"
                )
            }
            Self::Vote { share, says, over } => {
                let says = match says {
                    Word::Yes => "for it",
                    Word::No => "against it",
                    Word::Abstain => "for neither",
                    Word::Cancel => "to call it off",
                };
                let who = if *share == Share::ALL { "all".to_owned() } else { share.to_string() };
                write!(f, "{who} of the electors vote {says}{}", within(*over))
            }
            Self::Calm => f.write_str(
                "everything is whole again and nobody lies; from here on all has to come right",
            ),
        }
    }
}

impl Departure {
    /// What a node does that goes so.
    pub fn of_one(self) -> &'static str {
        match self {
            Self::Stop => "stops",
            Self::Kill => "is killed",
            Self::PowerCut => "loses its power",
            Self::Vanish => "loses its line",
        }
    }

    /// What nodes do that go so.
    fn verb(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Kill => "are killed",
            Self::PowerCut => "lose their power",
            Self::Vanish => "lose their line",
        }
    }
}

impl fmt::Display for Hostility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Corrupt => "gives chunks with wrong bytes",
            Self::Stall => "takes questions and never answers",
            Self::Pretend => "says that it has everything, and has nothing",
            Self::Replay => "tells of old heads only",
            Self::Silence => "passes nothing on",
            Self::Flood => "says what everybody knows, as fast as its line carries it",
            Self::Sybil => "comes under many names and votes with keys that nobody listed",
            Self::Eclipse => "surrounds others and keeps news from them",
        })
    }
}

impl Expectation {
    /// The word that a scenario has for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Installed { .. } => "installed",
            Self::Heard { .. } => "heard",
            Self::NeverInstalled { .. } => "never-installed",
            Self::NearOptimum { .. } => "near-optimum",
            Self::AtMost { .. } => "at-most",
            Self::AtLeast { .. } => "at-least",
            Self::Decided { .. } => "decided",
            Self::Converged { .. } => "converged",
        }
    }

    /// The group that it names.
    pub fn group(&self) -> Option<&str> {
        match self {
            Self::Installed { group, .. }
            | Self::NeverInstalled { group, .. }
            | Self::AtMost { group, .. }
            | Self::AtLeast { group, .. } => group.as_deref(),
            Self::Heard { .. }
            | Self::NearOptimum { .. }
            | Self::Decided { .. }
            | Self::Converged { .. } => None,
        }
    }
}

fn of_group(group: Option<&str>) -> String {
    group.map_or_else(String::new, |group| format!(" of `{group}`"))
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by =
            |by: &Option<Time>| by.map_or_else(|| "at the end".to_owned(), |by| format!("by {by}"));
        match self {
            Self::Installed { release, group, share, by: when } => {
                let who = match group {
                    Some(group) => whom(*share, Some(group)),
                    None if *share == Share::ALL => "all nodes that follow it".to_owned(),
                    None => format!("{share} of the nodes that follow it"),
                };
                write!(f, "{who} run release {release} {}", by(when))
            }
            Self::Heard { release, share, by: when } => {
                let who = if *share == Share::ALL { "all".to_owned() } else { share.to_string() };
                write!(f, "{who} of the honest nodes know of release {release} {}", by(when))
            }
            Self::NeverInstalled { release, group } => {
                let who =
                    group.as_deref().map_or("nobody".to_owned(), |g| format!("nobody of `{g}`"));
                write!(f, "{who} ever runs release {release}")
            }
            Self::NearOptimum { release, factor } => write!(
                f,
                "release {release} is everywhere within {factor} times what the lines allow"
            ),
            Self::AtMost { what, group, value } => {
                write!(f, "{what}{}: at most {value}", of_group(group.as_deref()))
            }
            Self::AtLeast { what, group, value } => {
                write!(f, "{what}{}: at least {value}", of_group(group.as_deref()))
            }
            Self::Decided { state, by: when } => {
                write!(f, "every honest node sees the vote as `{state}` {}", by(when))
            }
            Self::Converged { within } => {
                write!(f, "all honest nodes know and run the same {within} after all is calm")
            }
        }
    }
}

impl Counted {
    /// Everything that is counted.
    pub const ALL: [Self; 8] = [
        Self::GossipBytes,
        Self::Lookups,
        Self::SeederShare,
        Self::Duplicates,
        Self::FetchedBytes,
        Self::Accusations,
        Self::FailedInstalls,
        Self::Alarms,
    ];

    /// Whether it is a part of all chunk bytes, from 0 to 1, and so of no single group's.
    pub const fn is_a_part(self) -> bool {
        matches!(self, Self::SeederShare | Self::Duplicates)
    }

    /// The word that a scenario has for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::GossipBytes => "gossip-bytes",
            Self::Lookups => "lookups",
            Self::SeederShare => "seeder-share",
            Self::Duplicates => "duplicates",
            Self::FetchedBytes => "fetched-bytes",
            Self::Accusations => "accusations",
            Self::FailedInstalls => "failed-installs",
            Self::Alarms => "alarms",
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GossipBytes => "bytes of gossip at the busiest node",
            Self::Lookups => "lookups in the DHT at the busiest node",
            Self::SeederShare => "part of all chunk bytes that came from the first seeder",
            Self::Duplicates => "part of all chunk bytes that came twice",
            Self::FetchedBytes => "chunk bytes got by the busiest node",
            Self::Accusations => "lies that were noticed",
            Self::FailedInstalls => "installations that failed",
            Self::Alarms => "nodes that know of two heads with one number",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{KEYS, read};
    use super::*;

    /// `keys.toml` has every act and expectation, in words that are read back here.
    #[test]
    fn the_words_are_those_that_are_read() {
        let scenario = read(KEYS, "keys.toml").expect("tested");
        let written = |key: &str, word: &str| KEYS.contains(&format!("{key} = \"{word}\""));
        for step in &scenario.story {
            assert!(written("do", step.act.word()), "{:?}", step.act);
        }
        for expectation in &scenario.expectations {
            assert!(written("that", expectation.word()), "{expectation:?}");
        }
        for counted in Counted::ALL {
            let read: Counted = serde_json::from_value(counted.word().into()).expect("its word");
            assert_eq!(read, counted);
        }
    }

    #[test]
    fn a_story_reads_as_sentences() {
        let act = Act::Leave {
            group: Some("machines".into()),
            share: Share(50_000),
            how: Departure::Kill,
            back_after: Some("30s".parse().expect("a time")),
        };
        assert_eq!(act.to_string(), "5% of `machines` are killed, and start again after 30s");
        let expected = Expectation::Installed {
            release: "1.1.0".parse().expect("a version"),
            group: None,
            share: Share::ALL,
            by: Some(Time::from_secs(60)),
        };
        assert_eq!(expected.to_string(), "all nodes that follow it run release 1.1.0 by 1m");
    }
}
