//! `updraft tally`: counts a vote again, from the bytes that electors signed; no node's count is believed.

use std::{ops::RangeInclusive, path::PathBuf};

use serde_json::{Value, json};
use updraft_protocol::{Digest, vote::Decision};

use super::{
    Context, Exit, deliver,
    evidence::{Evidence, from_file, from_node, write},
    node_ledger::{self, NodeLedger},
    output::{Format, Output},
    polls,
    publisher::{DataDirectory, Publisher, data_directory},
    recount::{Line, Recount, Refused, Verdict, roster},
    shares::Shares,
    standing::{Judged, judge},
};
use crate::{
    api::{
        ProposalName,
        types::{Ballots, Proposal, state_word},
    },
    clock::Clock,
    fingerprint::Fingerprint,
    governance::{Governance, Held, State, VoteCount},
    problem::{Code, Problem},
    publish::{
        ledger::{Ledger, OnlyRoots, WithRoots},
        sign::name_of,
    },
};

/// Epochs by which two clocks may differ, as in what nodes take from each other.
const SKEW: u64 = 1;
/// Most letters of a stranger's word for a state.
const MAX_WORD: usize = 40;

/// Count a vote again from signed ballots, and compare
#[derive(Debug, clap::Args)]
pub struct Args {
    /// p-N, or the beginning of its digest
    pub proposal: ProposalName,
    /// Every elector's ballot, and whether it counts
    #[arg(long)]
    pub ballots: bool,
    /// Count the ballots in this file, as written by --out or answered by /api/v1/proposals/P/ballots
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    pub file: Option<PathBuf>,
    /// Also write the signed ballots into a file, for somebody who counts elsewhere
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let source = Source::here(args, context)?;
    let mut tally = source.count(args)?;
    // A root or a ballot may have come between two answers of a node that is honest; not twice.
    if source.is_a_node_that_talks(args) && tally.differs().is_some() {
        tally = source.count(args)?;
    }
    if let Some(path) = &args.out {
        write(path, tally.document.as_ref())?;
    }
    tally.tell(args, &source.publisher, context)?;
    tally.differs().map_or(Ok(Exit::Done), Err)
}

/// Where roots and ballots come from.
struct Source {
    publisher: Publisher,
    node: Option<NodeLedger>,
    data: Option<DataDirectory>,
    own_roots: OnlyRoots,
}

impl Source {
    fn here(args: &Args, context: &Context) -> Result<Self, Problem> {
        let publisher = Publisher::here(context)?;
        let node = node_ledger::find(context)?;
        let own_roots = publisher.project.as_ref().map(|project| project.roots()).transpose()?;
        let own_roots = OnlyRoots(own_roots.unwrap_or_default());
        let data = match (&node, &args.file) {
            (Some(_), _) => None,
            // Whoever was handed the ballots and has the project's roots needs nothing else.
            (None, Some(_)) if !own_roots.0.is_empty() => None,
            (None, _) => Some(data_directory(context)?),
        };
        Ok(Self { publisher, node, data, own_roots })
    }

    fn is_a_node_that_talks(&self, args: &Args) -> bool {
        self.node.is_some() && args.file.is_none()
    }

    /// Reads ballots, then roots, so that none of the ballots is newer than the roots, and counts.
    fn count(&self, args: &Args) -> Result<Tally, Problem> {
        let begun = Clock::system().now();
        let evidence = match (&args.file, &self.node, &self.data) {
            (Some(file), ..) => from_file(file)?,
            (None, Some(node), _) => from_node(node, &args.proposal)?,
            (None, None, Some(data)) => {
                let unreadable = |error| Problem::from_error(Code::FileUnusable, &error);
                let statements = data.store.statements().map_err(unreadable)?;
                Evidence { statements, document: None }
            }
            (None, None, None) => return Err(deliver::needs_a_node()),
        };
        let nothing = OnlyRoots(Vec::new());
        let known: &dyn Ledger = match (&self.node, &self.data) {
            (Some(node), _) => node,
            (None, Some(data)) => data,
            (None, None) => &nothing,
        };
        let ledger = WithRoots { ledger: known, roots: self.own_roots.clone() };
        let trusted = self.publisher.trust(&ledger)?;
        let epoch = polls::epoch_of(Clock::system().now(), trusted.root());
        // What stands in a file was so at any time until now.
        let since = match &args.file {
            Some(_) => 0,
            None => polls::epoch_of(begun, trusted.root()).saturating_sub(SKEW),
        };
        let by = match (self.publisher.first_root()?, &self.node) {
            (Some(_), _) => ToldBy::Project,
            (None, Some(_)) => ToldBy::Node,
            (None, None) => ToldBy::DataDirectory,
        };
        let first = (trusted.first().digest(), by);
        let when = since..=epoch.saturating_add(SKEW);
        Tally::of(roster(&trusted), evidence, &args.proposal, Moment { epoch, when }, first)
    }
}

/// Whose word it is that the chain of roots begins where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ToldBy {
    /// The project that this was called in.
    Project,
    /// What this machine has joined.
    DataDirectory,
    /// The node's own.
    Node,
}

impl ToldBy {
    fn word(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::DataDirectory => "data",
            Self::Node => "node",
        }
    }
}

/// When a vote is counted.
#[derive(Debug, Clone)]
struct Moment {
    /// Now.
    epoch: u64,
    /// When the other count may have been made.
    when: RangeInclusive<u64>,
}

/// A vote that was counted again.
struct Tally {
    recount: Recount,
    id: Digest,
    number: u32,
    moment: Moment,
    document: Option<Ballots>,
    /// The root that says who votes begins a chain with this one.
    first: (Digest, ToldBy),
}

impl Tally {
    fn of(
        roster: Governance,
        evidence: Evidence,
        name: &ProposalName,
        moment: Moment,
        first: (Digest, ToldBy),
    ) -> Result<Self, Problem> {
        let Evidence { statements, document } = evidence;
        let recount = Recount::of(roster, statements);
        let held = match &document {
            Some(document) => recount.shown(&document.proposal, name)?,
            None => name.find(recount.proposals(), |held| (held.proposal.number, held.id()))?,
        };
        let (id, number) = (held.id(), held.proposal.number);
        Ok(Self { recount, id, number, moment, document, first })
    }

    fn claim(&self) -> Option<&Proposal> {
        self.document.as_ref().map(|document| &document.proposal)
    }

    fn held(&self) -> &Held {
        let found = self.recount.proposals().find(|held| held.id() == self.id);
        found.expect("it was found when this was made, and nothing takes it out")
    }

    /// What is wrong with the other count, if it is another one.
    fn differs(&self) -> Option<Problem> {
        let claim = self.claim()?;
        let (own, other) = (self.shares(), Shares::claimed(claim));
        let decided = self.recount.decided(self.held());
        let decided: Vec<&str> = decided.keys().map(Decision::word).collect();
        if own == other && decided == claim.certificates && self.judged() != Some(Judged::Refuted) {
            return None;
        }
        let told = |who: &str, shares: &Shares, decided: String, state: &str| {
            let decided = if decided.is_empty() { "nothing" } else { &decided };
            format!("{who}: {shares}; decided: {decided}; {state}")
        };
        let said: String = polls::state(&claim.state).chars().take(MAX_WORD).collect();
        let detail = format!("{} counted again gives another result", claim.id);
        Some(
            Problem::new(Code::CountDiffers, detail)
                .cause(told("counted here", &own, decided.join(", "), self.counted().word()))
                .cause(told("claimed", &other, claim.certificates.join(", "), &said))
                .hint("`--ballots` lists every ballot and why it counts; ask another node: `--api ADDR`"),
        )
    }

    /// All that was counted here.
    fn shares(&self) -> Shares {
        let held = self.held();
        let (count, lines) = (self.recount.count(held), self.recount.lines(held));
        let ready = lines.iter().filter(|line| line.is_ready()).count();
        let electors = lines.len();
        let electorate = held.proposal.electorate;
        Shares { count, quorum: count.needed, electors, electorate, ready: (ready, electors) }
    }

    /// How it stands by what was counted here.
    fn counted(&self) -> State {
        let (held, epoch) = (self.held(), self.moment.epoch);
        match &self.document {
            // What else was decided about its line is not among the ballots about one proposal.
            Some(_) => self.recount.alone(held, epoch, None),
            None => self.recount.state(held, epoch),
        }
    }

    /// What the other's word for that is worth, if there is one.
    fn judged(&self) -> Option<Judged> {
        let word = &self.claim()?.state;
        Some(judge(word, self.held(), &self.recount, &self.moment.when))
    }

    /// How it stands, in the other's word where that cannot be known here, and whether it is.
    fn state(&self) -> (&'static str, bool) {
        match self.judged() {
            Some(Judged::ToldOn(word)) => (word, true),
            Some(Judged::Borne | Judged::Refuted) | None => (self.counted().word(), false),
        }
    }

    fn tell(&self, args: &Args, publisher: &Publisher, context: &Context) -> Result<(), Problem> {
        let output = &context.output;
        let names = publisher.ring.names();
        let lines = self.recount.lines(self.held());
        match output.format() {
            Format::Json => output.document("tally", &self.in_json(args, &lines)),
            Format::Text => {
                output.line(&self.sentence(&lines));
                let missing = self.recount.missing(self.held(), self.counted());
                missing.iter().for_each(|line| output.line(&format!("missing: {line}")));
                for (decision, ballots) in self.recount.decided(self.held()) {
                    let what = match decision {
                        Decision::LockIn => "locked in",
                        Decision::Cancel => "cancelled",
                    };
                    output.line(&format!("{what}: a certificate of {ballots} ballots proves it"));
                }
                if args.ballots {
                    self.table(&lines, |line| name_of(&line.key, &names), output);
                }
                if self.claim().is_some() && self.differs().is_none() {
                    output.say("Counted again from signed ballots: the same result.");
                }
                self.first_root_in_words().iter().for_each(|line| output.say(line));
                Ok(())
            }
        }
    }

    /// Who votes follows from the first root: says so where nothing but somebody's word tells which that is.
    fn first_root_in_words(&self) -> Vec<String> {
        let (first, by) = &self.first;
        let whose = match by {
            ToldBy::Project => return Vec::new(),
            ToldBy::Node => "the node's own word",
            ToldBy::DataDirectory => "what this machine has joined",
        };
        vec![
            format!("Who may vote follows from the first root, which is {whose}."),
            format!("  first root  {}", Fingerprint::of(first)),
            "  Compare it with somebody who knows it, or count where the project is.".to_owned(),
        ]
    }

    /// How it stands, in one line.
    fn sentence(&self, lines: &[Line]) -> String {
        let held = self.held();
        let count = self.recount.count(held);
        let VoteCount { yes, ready, no, abstain, cancel, needed, .. } = count;
        let verdict = |is_so: bool| if is_so { "met" } else { "not yet" };
        let (state, is_told_on) = self.state();
        let whose = if is_told_on { ", by the node's word" } else { "" };
        let least = count.ready_needed(&held.proposal);
        let others: String = [("abstain", abstain), ("cancel", cancel)]
            .into_iter()
            .filter(|(_, weight)| *weight > 0)
            .map(|(word, weight)| format!(" · {word} {weight}"))
            .collect();
        format!(
            "p-{}  {} may vote · {} voted · yes {yes} (threshold {needed}: {}) · ready {ready} (threshold {least}: {}) \
             · no {no}{others} · {} ballots refused · {state}{whose}",
            self.number,
            lines.len(),
            lines.iter().filter(|line| line.cast.is_some()).count(),
            verdict(self.recount.is_enough(held)),
            verdict(self.recount.is_ready(held)),
            self.refused().len(),
        )
    }

    /// What was shown and does not stand.
    fn refused(&self) -> Vec<&Refused> {
        self.recount.refused(&self.id)
    }

    fn table(&self, lines: &[Line], name: impl Fn(&Line) -> String, output: &Output) {
        output.line("");
        let rows = lines.iter().map(|line| {
            let (stance, seq) = match line.cast {
                Some((stance, seq, _)) => (stance.word().to_owned(), seq.to_string()),
                None => ("-".to_owned(), "-".to_owned()),
            };
            let verdict = match &line.verdict {
                Verdict::Counts => "counts".to_owned(),
                Verdict::Silent => "silent".to_owned(),
                Verdict::Void(why) => format!("counts nothing: {why}"),
            };
            [name(line), line.operator.clone(), line.weight.to_string(), stance, seq, verdict]
        });
        let none = || "-".to_owned();
        let refused = self.refused().into_iter().map(|refused| {
            let (by, stance, seq) = refused.ballot.map_or_else(
                || (none(), none(), none()),
                |(by, stance, seq)| (by.to_string(), stance.word().to_owned(), seq.to_string()),
            );
            let verdict = format!("refused: {}: {}", refused.kind, refused.why);
            [by, none(), none(), stance, seq, verdict]
        });
        let rows: Vec<_> = rows.chain(refused).collect();
        output.table(["ELECTOR", "OPERATOR", "WEIGHT", "STANCE", "BALLOT", "VERDICT"], rows);
    }

    fn in_json(&self, args: &Args, lines: &[Line]) -> Value {
        let held = self.held();
        let count = self.recount.count(held);
        let VoteCount { yes, ready, no, abstain, cancel, total, needed } = count;
        let decided = self.recount.decided(held).into_iter();
        let decided: Vec<_> = decided
            .map(|(decision, ballots)| json!({ "decision": decision.word(), "ballots": ballots }))
            .collect();
        let (state, is_told_on) = self.state();
        let mut members = json!({
            "id": format!("p-{}", self.number),
            "digest": self.id.to_string(),
            "state": state_word(state),
            "stateBy": if is_told_on { "node" } else { "count" },
            "electorate": lines.len(),
            "electorateEpoch": held.proposal.electorate,
            "voted": lines.iter().filter(|line| line.cast.is_some()).count(),
            "weights": { "yes": yes, "ready": ready, "no": no, "abstain": abstain, "cancel": cancel },
            "total": total,
            "quorum": needed,
            "threshold": needed,
            "readyThreshold": count.ready_needed(&held.proposal),
            "refused": self.refused().len(),
            "missing": self.recount.missing(held, self.counted()),
            "decided": decided,
            "agrees": self.claim().map(|_| self.differs().is_none()),
            "firstRoot": self.first.0.to_string(),
            "firstRootBy": self.first.1.word(),
        });
        if args.ballots {
            members["ballots"] = json!(lines.iter().map(in_json).collect::<Vec<_>>());
            let refused = self.refused().into_iter().map(|refused| {
                json!({
                    "kind": refused.kind,
                    "key": refused.ballot.map(|(by, ..)| by.to_hex()),
                    "stance": refused.ballot.map(|(_, stance, _)| stance.word()),
                    "seq": refused.ballot.map(|(.., seq)| seq),
                    "why": refused.why.to_string(),
                })
            });
            members["refusedBallots"] = json!(refused.collect::<Vec<_>>());
        }
        members
    }
}

fn in_json(line: &Line) -> Value {
    let (verdict, why) = match &line.verdict {
        Verdict::Counts => ("counts", None),
        Verdict::Silent => ("silent", None),
        Verdict::Void(why) => ("void", Some(why)),
    };
    json!({
        "key": line.key.to_hex(), "operator": line.operator, "weight": line.weight,
        "stance": line.cast.map(|(stance, ..)| stance.word()),
        "seq": line.cast.map(|(_, seq, _)| seq),
        "epoch": line.cast.map(|(_, _, epoch)| epoch),
        "verdict": verdict, "why": why,
    })
}

#[cfg(test)]
#[path = "tally_tests.rs"]
mod tests;
