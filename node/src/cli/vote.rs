//! `updraft vote`: an elector's ballot, cast by the node that holds its key, or signed here.
//!
//! What will be cast is read from the bytes of the proposal that the ballot will name, verified here: not from what the
//! node says of it. A key votes at one place. Two places that number ballots would sooner or later sign two with one
//! number, and a key that did counts nothing: so this refuses to sign with the key that the node itself votes with.

use clap::ValueEnum;
use serde_json::json;
use updraft_protocol::{
    Ballot, Digest, KeyId, Root, Stance, Statement, limits::MAX_REASON, vote::Activation,
};

use super::{
    Answer, Context, Exit,
    evidence::Evidence,
    node_ledger::{self, NodeLedger},
    output::Format,
    polls::{self, path_of},
    publisher::Publisher,
    recount::{Recount, Verdict, roster},
    statement::signed_alone,
    words::clean,
};
use crate::{
    api::{
        ProposalName,
        types::{Ballots, CheckReport, Proposal, Said, Status, VoteBody},
    },
    clock::Clock,
    governance::{CannotVote, Governance, Held, may_cast, next_ballot},
    keys::KeyFile,
    problem::{Code, Problem},
};

/// Vote on a protocol
#[derive(Debug, clap::Args)]
pub struct Args {
    /// p-N, or the beginning of its digest
    pub proposal: ProposalName,
    /// How you stand; the last ballot before the end counts
    #[arg(value_enum)]
    pub stance: Word,
    /// Why, for everybody
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
    /// Sign with this key: a name, or file:PATH; without it the node votes with its own
    #[arg(short, long, value_name = "KEY")]
    pub key: Option<String>,
}

/// A stance that a person may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Word {
    /// For it; the node says by itself when it is ready.
    Yes,
    /// Against it.
    No,
    /// Neither; counts like silence.
    Abstain,
    /// Call it off, also after it was decided, until shortly before it activates.
    Cancel,
}

impl Word {
    fn stance(self) -> Stance {
        match self {
            Self::Yes => Stance::Yes,
            Self::No => Stance::No,
            Self::Abstain => Stance::Abstain,
            Self::Cancel => Stance::Cancel,
        }
    }
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    if args.reason.len() > MAX_REASON {
        let detail = format!("the reason is over {MAX_REASON} bytes");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let node = node_ledger::require(context)?;
    let publisher = Publisher::here(context)?;
    match &args.key {
        None => by_the_node(args, &node, &publisher, context),
        Some(named) => {
            let key = publisher.ring.load(&named.parse()?)?;
            by_hand(args, &key, &node, &publisher, context)
        }
    }
}

fn by_the_node(
    args: &Args,
    node: &NodeLedger,
    publisher: &Publisher,
    context: &Context,
) -> Result<Exit, Problem> {
    let shown = Shown::by(node, &args.proposal, publisher)?;
    let own = shown.told.own.as_ref().ok_or_else(|| {
        Problem::new(Code::NotAVoter, "this node takes no part in votes")
            .hint("set governance.voter and governance.voter_key, or sign with `--key NAME`")
    })?;
    let names = publisher.ring.names();
    let name = names.iter().find(|(id, _)| id.to_hex() == own.key).map(|(_, name)| name.clone());
    consent(args, &shown, &own.key, name.as_deref(), context)?;
    let stance = args.stance.stance().word().to_owned();
    let body = VoteBody { stance, reason: args.reason.clone() };
    // By its digest: a proposal that came meanwhile may have the same number.
    let path = path_of(&ProposalName::Digits(shown.id.to_hex()));
    let said: Said = node.post(&format!("{path}/ballots"), &body)?;
    tell(&said, &node.get(&path)?, context)
}

fn by_hand(
    args: &Args,
    key: &KeyFile,
    node: &NodeLedger,
    publisher: &Publisher,
    context: &Context,
) -> Result<Exit, Problem> {
    // Peers may know a ballot of this key that the node does not.
    let status: Status = node.get("/api/v1/status")?;
    if status.peers.connected > 0 {
        let _: CheckReport = node.post("/api/v1/check", &json!({}))?;
    }
    let shown = Shown::by(node, &args.proposal, publisher)?;
    let id = key.public.id();
    let seq = shown.next_number(&id, &key.name.to_string())?;
    consent(args, &shown, &id.to_hex(), Some(key.name.as_str()), context)?;
    let ballot = Ballot {
        network: shown.root.network,
        by: id,
        proposal: shown.id,
        seq,
        epoch: shown.epoch,
        stance: args.stance.stance(),
        reason: args.reason.clone(),
    };
    let signed = Statement::Ballot(signed_alone(&ballot, key, publisher)?);
    let path = path_of(&ProposalName::Digits(shown.id.to_hex()));
    let said = node.hand_in(&format!("{path}/ballots"), &signed)?;
    tell(&said, &node.get(&path)?, context)
}

/// A vote as a node shows it, and what of that its bytes bear.
struct Shown {
    /// What the node says of it.
    told: Proposal,
    /// What its bytes come to, with a proposal of this name among them.
    recount: Recount,
    id: Digest,
    root: Root,
    epoch: u64,
}

impl Shown {
    fn by(node: &NodeLedger, name: &ProposalName, publisher: &Publisher) -> Result<Self, Problem> {
        let ballots = polls::ballots(node, name)?;
        // After the ballots, so that none of them is newer than the roots.
        let trusted = publisher.trust(node)?;
        let root = Root::clone(trusted.root());
        let epoch = polls::epoch_of(Clock::system().now(), &root);
        Self::of(ballots, name, roster(&trusted), root, epoch)
    }

    fn of(
        ballots: Ballots,
        name: &ProposalName,
        roster: Governance,
        root: Root,
        epoch: u64,
    ) -> Result<Self, Problem> {
        let told = ballots.proposal.clone();
        let recount = Recount::of(roster, Evidence::of(ballots)?.statements);
        let id = recount.shown(&told, name)?.id();
        Ok(Self { told, recount, id, root, epoch })
    }

    fn held(&self) -> &Held {
        let found = self.recount.proposals().find(|held| held.id() == self.id);
        found.expect("it was found when this was made, and nothing takes it out")
    }

    /// The number of a key's next ballot, if it is this command's to give.
    fn next_number(&self, key: &KeyId, name: &str) -> Result<u32, Problem> {
        if self.told.own.as_ref().is_some_and(|own| own.key == key.to_hex()) {
            let detail = format!("this node itself votes with the key `{name}`");
            return Err(Problem::new(Code::RequestInvalid, detail)
                .cause("two places that count would sooner or later sign two ballots with one number, and then none counts")
                .hint("leave `--key` out: the node votes with it"));
        }
        let lines = self.recount.lines(self.held());
        let Some(elector) = lines.into_iter().find(|elector| elector.key == *key) else {
            let detail = format!("key `{name}` is not in the electorate that votes on this");
            return Err(Problem::new(Code::NotAVoter, detail)
                .hint("`updraft trust show` lists who may vote"));
        };
        if let Verdict::Void(lied) = &elector.verdict {
            let detail = format!("key `{name}` counts nothing on this: {lied}");
            return Err(Problem::new(Code::ProposalClosed, detail));
        }
        let last = self.held().last_said(key).map(|(seq, _)| seq);
        next_ballot(&self.held().proposal, last, self.epoch).map_err(|error| {
            let again = match error {
                CannotVote::Ahead(epochs) => self.epoch.saturating_add(epochs),
                _ => self.epoch.saturating_add(1),
            };
            let hint = format!(
                "by this machine's clock that is {}; `updraft votes` shows what counts",
                polls::begin_of(again, self.root.kind)
            );
            Problem::from_error(Code::ProposalClosed, &error).hint(hint)
        })
    }

    /// What a ballot with a key will say: every word of it from the bytes that it is about.
    fn words(&self, args: &Args, key: &str, name: Option<&str>) -> Vec<String> {
        let updraft_protocol::Proposal { number, line, from, to, release, lock_deadline, .. } =
            &*self.held().proposal;
        let at = |epoch: u64| polls::begin_of(epoch, self.root.kind);
        let what = match line.as_str() {
            "updraft" => String::new(),
            line => format!("{line} "),
        };
        let when = match self.held().proposal.activation {
            Activation::Height { height, not_before } => {
                format!("at height {height}, not before {}", at(not_before))
            }
            Activation::Epoch(epoch) => format!("at {}", at(epoch)),
        };
        let lines = self.recount.lines(self.held());
        let elector = lines.iter().find(|elector| elector.key.to_hex() == key);
        let weight = elector.map_or(0, |elector| elector.weight);
        let stance = args.stance.stance().word();
        let called = name.unwrap_or(key);
        let last = match args.stance {
            Word::Cancel => String::new(),
            Word::Yes | Word::No | Word::Abstain => {
                format!(" It can be changed until {}.", at(lock_deadline.saturating_add(1)))
            }
        };
        let mut words = vec![
            format!(
                "Proposal p-{number}: {what}protocol {from} → {to} with {line}@{release}, activation {when}"
            ),
            format!("  digest  {}", self.id),
            format!("Your ballot: {stance}, weight {weight}, key {called}.{last}"),
        ];
        if !args.reason.is_empty() {
            words.push(format!("Reason: {}", args.reason));
        }
        words
    }
}

/// Shows what a ballot will say, and asks.
fn consent(
    args: &Args,
    shown: &Shown,
    key: &str,
    name: Option<&str>,
    context: &Context,
) -> Result<(), Problem> {
    for line in shown.words(args, key, name) {
        context.output.say(&clean(&line));
    }
    let held = shown.held();
    let state = shown.recount.alone(held, shown.epoch, None);
    let (proposal, rules) = (&held.proposal, shown.recount.rules());
    may_cast(proposal, state, &args.stance.stance(), shown.epoch, rules).map_err(|refused| {
        let number = proposal.number;
        let detail = format!("nobody would take this ballot about p-{number}: {refused}");
        Problem::new(Code::ProposalClosed, detail)
            .hint("`updraft votes --all` shows when each vote opens, and how it ended")
    })?;
    match context.ask("Cast it?") {
        Answer::Yes => Ok(()),
        Answer::No => Err(Problem::new(Code::Failed, "nothing was cast")
            .hint("`--yes` answers yes, after what will be cast was printed")),
    }
}

fn tell(said: &Said, proposal: &Proposal, context: &Context) -> Result<Exit, Problem> {
    let output = &context.output;
    if output.format() == Format::Json {
        output.document("vote", &json!({ "said": said, "proposal": proposal }))?;
        return Ok(Exit::Done);
    }
    output.line(&format!("Cast. {}", polls::standing(proposal)));
    for sentence in &proposal.missing {
        output.say(&format!("missing: {}", clean(sentence)));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
#[path = "vote_tests.rs"]
mod tests;
