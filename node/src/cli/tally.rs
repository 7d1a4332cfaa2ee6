//! `updraft tally`: counts a vote again, from the bytes that electors signed; no node's count is believed.

use std::path::PathBuf;

use serde_json::{Value, json};
use updraft_protocol::{Digest, Root, vote::Decision};

use super::{
    Context, Exit, deliver,
    evidence::{Evidence, from_file, from_node, write},
    node_ledger,
    output::{Format, Output},
    polls,
    publisher::{Publisher, data_directory},
    recount::{Line, Recount, Refused, Verdict, roster},
    words::clean,
};
use crate::{
    api::{
        ProposalName,
        types::{Ballots, Proposal, state_word},
    },
    clock::Clock,
    governance::{Governance, Held, VoteCount},
    problem::{Code, Problem},
    publish::{
        ledger::{Ledger, OnlyRoots, TrustError, WithRoots},
        sign::name_of,
    },
};

/// How often ballots are asked for when the two counts differ: one may have come between two answers.
const TRIES: usize = 3;

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
    let known: &dyn Ledger = match (&node, &data) {
        (Some(node), _) => node,
        (None, Some(data)) => data,
        (None, None) => &OnlyRoots(Vec::new()),
    };
    let ledger = WithRoots { ledger: known, roots: own_roots };
    let trusted = publisher.trust(&ledger)?;
    let first = ledger.root(1)?.ok_or(TrustError::NoRoot)?.digest();
    let roster = roster(&ledger, &first)?;
    let gather = || match (&args.file, &node, &data) {
        (Some(file), ..) => from_file(file, &args.proposal),
        (None, Some(node), _) => from_node(node, &args.proposal),
        (None, None, Some(data)) => {
            let unreadable = |error| Problem::from_error(Code::FileUnusable, &error);
            let statements = data.store.statements().map_err(unreadable)?;
            Ok(Evidence { statements, claim: None, documents: Vec::new() })
        }
        (None, None, None) => Err(deliver::needs_a_node()),
    };
    let mut tries = if node.is_some() && args.file.is_none() { TRIES } else { 1 };
    loop {
        let evidence = gather()?;
        tries -= 1;
        let tally = Tally::of(&roster, evidence, args, trusted.root())?;
        match tally.differs() {
            Some(_) if tries > 0 => {}
            differs => {
                if let Some(path) = &args.out {
                    write(path, &tally.documents)?;
                }
                tally.tell(args, &publisher, context)?;
                return differs.map_or(Ok(Exit::Done), Err);
            }
        }
    }
}

/// A vote that was counted again.
struct Tally {
    recount: Recount,
    id: Digest,
    number: u32,
    epoch: u64,
    claim: Option<Proposal>,
    documents: Vec<Ballots>,
}

impl Tally {
    fn of(
        roster: &Governance,
        evidence: Evidence,
        args: &Args,
        root: &Root,
    ) -> Result<Self, Problem> {
        let Evidence { statements, claim, documents } = evidence;
        let recount = Recount::of(roster.clone(), statements);
        let name = match &claim {
            // What the node calls so; numbers are shared, digests are not.
            Some(claim) => {
                claim.digest.parse().map_err(|error| Problem::from_error(Code::Failed, &error))?
            }
            None => args.proposal.clone(),
        };
        let found = name.find(recount.proposals(), |held| (held.proposal.number, held.id()));
        let (id, number) = match (found, &claim) {
            (Ok(held), _) => (held.id(), held.proposal.number),
            (Err(problem), None) => return Err(problem),
            (Err(_), Some(claim)) => return Err(unfounded(claim, &recount)),
        };
        let epoch = polls::epoch_of(Clock::system().now(), root);
        Ok(Self { recount, id, number, epoch, claim, documents })
    }

    fn held(&self) -> &Held {
        let found = self.recount.proposals().find(|held| held.id() == self.id);
        found.expect("it was found when this was made, and nothing takes it out")
    }

    /// What is wrong with the other count, if it is another one.
    fn differs(&self) -> Option<Problem> {
        let claim = self.claim.as_ref()?;
        let (own, weights) = (self.recount.count(self.held()), &claim.weights);
        let other = VoteCount {
            yes: weights.yes,
            ready: weights.ready,
            no: weights.no,
            abstain: weights.abstain,
            cancel: weights.cancel,
            total: claim.total,
            needed: claim.threshold,
        };
        let decided: Vec<&str> = self.decisions().into_iter().map(|(word, _)| word).collect();
        if own == other && decided == claim.certificates {
            return None;
        }
        let told = |who: &str, count: &VoteCount, decided: String| {
            let VoteCount { yes, ready, no, abstain, cancel, total, needed } = count;
            format!(
                "{who}: yes {yes}, of it ready {ready}, no {no}, abstain {abstain}, cancel {cancel}, of {total}, \
                 {needed} needed; decided: {}",
                if decided.is_empty() { "nothing" } else { &decided }
            )
        };
        let detail = format!("{} counted again gives another result", claim.id);
        Some(
            Problem::new(Code::CountDiffers, detail)
                .cause(told("counted here", &own, decided.join(", ")))
                .cause(told("claimed", &other, claim.certificates.join(", ")))
                .hint("`--ballots` lists every ballot and why it counts; ask another node: `--api ADDR`"),
        )
    }

    /// What is decided, by the API's words, and by how many ballots.
    fn decisions(&self) -> Vec<(&'static str, usize)> {
        let decided = self.recount.decided(self.held());
        let word = |decision| match decision {
            Decision::LockIn => "lockIn",
            Decision::Cancel => "cancel",
        };
        decided.into_iter().map(|(decision, ballots)| (word(decision), ballots)).collect()
    }

    fn tell(&self, args: &Args, publisher: &Publisher, context: &Context) -> Result<(), Problem> {
        let output = &context.output;
        let names = publisher.ring.names();
        let lines = self.recount.lines(self.held());
        match output.format() {
            Format::Json => output.document("tally", &self.in_json(args, &lines)),
            Format::Text => {
                output.line(&self.sentence(&lines));
                let missing = self.recount.missing(self.held(), self.epoch);
                missing.iter().for_each(|line| output.line(&format!("missing: {line}")));
                for (decision, ballots) in self.decisions() {
                    let what = if decision == "lockIn" { "locked in" } else { "cancelled" };
                    output.line(&format!("{what}: a certificate of {ballots} ballots proves it"));
                }
                if args.ballots {
                    self.table(&lines, |line| name_of(&line.key, &names), output);
                }
                if self.claim.is_some() && self.differs().is_none() {
                    output.say("Counted again from signed ballots: the same result.");
                }
                Ok(())
            }
        }
    }

    /// The word for how it stands. Heights are known to nodes alone, so theirs goes before what is concluded here.
    fn state(&self) -> &str {
        let own = self.recount.state(self.held(), self.epoch).word();
        self.claim.as_ref().map_or(own, |claim| polls::state(&claim.state))
    }

    /// How it stands, in one line.
    fn sentence(&self, lines: &[Line]) -> String {
        let held = self.held();
        let count = self.recount.count(held);
        let VoteCount { yes, ready, no, abstain, cancel, needed, .. } = count;
        let verdict = |is_so: bool| if is_so { "met" } else { "not yet" };
        let least = count.ready_needed(&held.proposal);
        let others: String = [("abstain", abstain), ("cancel", cancel)]
            .into_iter()
            .filter(|(_, weight)| *weight > 0)
            .map(|(word, weight)| format!(" · {word} {weight}"))
            .collect();
        format!(
            "p-{}  {} may vote · {} voted · yes {yes} (threshold {needed}: {}) · ready {ready} (threshold {least}: {}) \
             · no {no}{others} · {} ballots refused · {}",
            self.number,
            lines.len(),
            lines.iter().filter(|line| line.cast.is_some()).count(),
            verdict(yes >= needed),
            verdict(ready >= least),
            self.refused().len(),
            self.state(),
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
        let decided: Vec<_> = self
            .decisions()
            .into_iter()
            .map(|(decision, ballots)| json!({ "decision": decision, "ballots": ballots }))
            .collect();
        let mut members = json!({
            "id": format!("p-{}", self.number),
            "digest": self.id.to_string(),
            "state": state_word(self.state()),
            "electors": lines.len(),
            "voted": lines.iter().filter(|line| line.cast.is_some()).count(),
            "weights": { "yes": yes, "ready": ready, "no": no, "abstain": abstain, "cancel": cancel },
            "total": total,
            "threshold": needed,
            "readyThreshold": count.ready_needed(&held.proposal),
            "refused": self.refused().len(),
            "missing": self.recount.missing(held, self.epoch),
            "decided": decided,
            "agrees": self.claim.as_ref().map(|_| self.differs().is_none()),
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

/// The problem of a proposal that somebody shows and whose own bytes do not bear it.
fn unfounded(claim: &Proposal, recount: &Recount) -> Problem {
    let problem = Problem::new(
        Code::CountDiffers,
        format!("{} does not stand by the bytes that are shown for it", clean(&claim.id)),
    );
    let about = claim.digest.parse::<Digest>().map(|id| recount.refused(&id)).unwrap_or_default();
    about
        .into_iter()
        .fold(problem, |problem, refused| {
            problem.cause(format!("{}: {}", refused.kind, refused.why))
        })
        .hint("ask another node: `--api ADDR`")
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
mod tests {
    use updraft_protocol::Stance;

    use super::*;
    use crate::{
        agent::fake::vote::Vote,
        cli::{evidence::evidence, recount::roster},
    };

    fn args() -> Args {
        Args { proposal: ProposalName::Number(3), ballots: true, file: None, out: None }
    }

    /// A recount of what a node shows, after somebody has changed it.
    fn tally(vote: &Vote, change: impl FnOnce(&mut Ballots)) -> Result<Tally, Problem> {
        let mut document = Ballots::from(&vote.line());
        change(&mut document);
        let root = Vote::root();
        let roster = roster(&OnlyRoots(vec![root.clone()]), &root.digest()).expect("sound");
        let evidence = evidence(vec![document], &args().proposal)?;
        Tally::of(&roster, evidence, &args(), &root.peek().expect("a root"))
    }

    #[test]
    fn a_count_that_the_ballots_bear_is_agreed_with() {
        let vote = Vote::new().cast(0, Stance::Yes, 1).cast(1, Stance::Cancel, 2);
        let tally = tally(&vote, |_| {}).expect("it stands");
        assert_eq!(tally.differs(), None);
        let lines = tally.recount.lines(tally.held());
        assert_eq!(
            tally.sentence(&lines),
            "p-3  3 may vote · 2 voted · yes 1 (threshold 3: not yet) · ready 0 (threshold 2: not yet) · no 0 · \
             cancel 1 · 0 ballots refused · open"
        );
        let document = tally.in_json(&args(), &lines);
        assert_eq!((&document["agrees"], &document["weights"]["yes"]), (&json!(true), &json!(1)));
        assert_eq!(document["ballots"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn a_node_that_counts_otherwise_than_its_ballots_is_found_out_with_both_counts() {
        let vote = Vote::new().cast(0, Stance::Yes, 1);
        let found_out = |change: fn(&mut Ballots)| {
            let tally = tally(&vote, change).expect("it stands");
            tally.differs().expect("a lie")
        };
        let lies: [fn(&mut Ballots); 4] = [
            |shown| shown.proposal.weights.yes = 3,
            |shown| shown.proposal.threshold = 1,
            |shown| shown.proposal.certificates = vec!["lockIn".to_owned()],
            // The ballot is kept back.
            |shown| shown.items.iter_mut().for_each(|item| item.ballot = None),
        ];
        for lie in lies {
            let problem = found_out(lie);
            assert_eq!((problem.code, problem.code.exit_code()), (Code::CountDiffers, 6));
            let [own, claimed] = &problem.causes[..] else { panic!("both counts: {problem:?}") };
            assert!(own.starts_with("counted here: yes "), "{own}");
            assert!(claimed.starts_with("claimed: yes "), "{claimed}");
        }
    }

    #[test]
    fn a_proposal_that_nobody_signed_does_not_stand() {
        let forged = tally(&Vote::new(), |shown| {
            if let Some(last) = shown.bytes.0.last_mut() {
                *last ^= 1;
            }
        });
        let problem = forged.err().expect("nobody signed it");
        assert!(matches!(problem.code, Code::CountDiffers | Code::SignatureInvalid), "{problem:?}");
    }
}
