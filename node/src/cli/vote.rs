//! `updraft vote`: an elector's ballot, cast by the node that holds its key, or signed here.
//!
//! A key votes at one place. Two places that number ballots would sooner or later sign two with one number, and a key
//! that did counts nothing: so this refuses to sign with the key that the node itself votes with.

use clap::ValueEnum;
use serde_json::json;
use updraft_protocol::{Ballot, KeyId, Root, Stance, Statement, limits::MAX_REASON};

use super::{
    Answer, Context, Exit,
    node_ledger::{self, NodeLedger},
    output::Format,
    polls::{self, path_of},
    publisher::Publisher,
    statement::signed_alone,
    words::clean,
};
use crate::{
    api::{
        ProposalName,
        types::{Ballots, CheckReport, Proposal, Said, Status, VoteBody},
    },
    clock::Clock,
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
    let trusted = publisher.trust(&node)?;
    let root = trusted.root();
    match &args.key {
        None => by_the_node(args, &node, &publisher, context),
        Some(named) => {
            let key = publisher.ring.load(&named.parse()?)?;
            by_hand(args, &key, root, &node, &publisher, context)
        }
    }
}

fn by_the_node(
    args: &Args,
    node: &NodeLedger,
    publisher: &Publisher,
    context: &Context,
) -> Result<Exit, Problem> {
    let ballots = polls::ballots(node, &args.proposal)?;
    let own = ballots.proposal.own.as_ref().ok_or_else(|| {
        Problem::new(Code::NotAVoter, "this node takes no part in votes")
            .hint("set governance.voter and governance.voter_key, or sign with `--key NAME`")
    })?;
    let names = publisher.ring.names();
    let name = names.iter().find(|(id, _)| id.to_hex() == own.key).map(|(_, name)| name.clone());
    consent(args, &ballots, &own.key, name.as_deref(), context)?;
    let stance = args.stance.stance().word().to_owned();
    let body = VoteBody { stance: stance.clone(), reason: args.reason.clone() };
    // By its digest: a proposal that came meanwhile may have the same number.
    let id: ProposalName = ballots.proposal.digest.parse().map_err(unreadable)?;
    let said: Said = node.post(&format!("{}/ballots", path_of(&id)), &body)?;
    let is_seen = |proposal: &Proposal| {
        let ballot = proposal.own.as_ref().and_then(|own| own.ballot.as_deref());
        ballot == Some(stance.as_str()) || (stance == "yes" && ballot == Some("ready"))
    };
    let proposal = node.get_until(&path_of(&id), is_seen)?;
    tell(&said, &proposal, context)
}

fn by_hand(
    args: &Args,
    key: &KeyFile,
    root: &Root,
    node: &NodeLedger,
    publisher: &Publisher,
    context: &Context,
) -> Result<Exit, Problem> {
    // Peers may know a ballot of this key that the node does not.
    let status: Status = node.get("/api/v1/status")?;
    if status.peers.connected > 0 {
        let _: CheckReport = node.post("/api/v1/check", &json!({}))?;
    }
    let ballots = polls::ballots(node, &args.proposal)?;
    let id = key.public.id();
    let seq = next_number(&ballots, &id, &key.name.to_string())?;
    consent(args, &ballots, &id.to_hex(), Some(key.name.as_str()), context)?;
    let digest = &ballots.proposal.digest;
    let ballot = Ballot {
        network: root.network,
        by: id,
        proposal: digest.parse().map_err(unreadable)?,
        seq,
        epoch: polls::epoch_of(Clock::system().now(), root),
        stance: args.stance.stance(),
        reason: args.reason.clone(),
    };
    let signed = Statement::Ballot(signed_alone(&ballot, key, publisher)?);
    let name: ProposalName = digest.parse().map_err(unreadable)?;
    let said = node.hand_in(&format!("{}/ballots", path_of(&name)), &signed)?;
    let proposal = node.get(&path_of(&name))?;
    tell(&said, &proposal, context)
}

fn unreadable(error: impl std::error::Error + 'static) -> Problem {
    Problem::from_error(Code::Failed, &error)
        .hint("the node may be of another version: compare `updraft version`")
}

/// The number of a key's next ballot, if it is this command's to give.
fn next_number(ballots: &Ballots, key: &KeyId, name: &str) -> Result<u32, Problem> {
    let hex = key.to_hex();
    if ballots.proposal.own.as_ref().is_some_and(|own| own.key == hex) {
        let detail = format!("this node itself votes with the key `{name}`");
        return Err(Problem::new(Code::RequestInvalid, detail)
            .cause("two places that count would sooner or later sign two ballots with one number, and then none counts")
            .hint("leave `--key` out: the node votes with it"));
    }
    let Some(elector) = ballots.items.iter().find(|elector| elector.key == hex) else {
        let detail = format!("key `{name}` is not in the electorate that votes on this");
        return Err(
            Problem::new(Code::NotAVoter, detail).hint("`updraft trust show` lists who may vote")
        );
    };
    if elector.proof.is_some() {
        let detail = format!(
            "key `{name}` signed two different ballots with one number: it counts nothing on this"
        );
        return Err(Problem::new(Code::ProposalClosed, detail));
    }
    Ok(elector.ballot.as_ref().map_or(1, |ballot| ballot.seq.saturating_add(1)))
}

/// Shows what a ballot will say, and asks.
fn consent(
    args: &Args,
    ballots: &Ballots,
    key: &str,
    name: Option<&str>,
    context: &Context,
) -> Result<(), Problem> {
    let proposal = &ballots.proposal;
    for line in words(args, ballots, key, name) {
        context.output.say(&clean(&line));
    }
    if !matches!(proposal.state.as_str(), "announced" | "open" | "lockedIn") {
        let detail = format!("the vote on {} is {}", proposal.id, polls::state(&proposal.state));
        return Err(Problem::new(Code::ProposalClosed, detail)
            .hint("`updraft votes --all` shows how it ended"));
    }
    match context.ask("Cast it?") {
        Answer::Yes => Ok(()),
        Answer::No => Err(Problem::new(Code::Failed, "nothing was cast")
            .hint("`--yes` answers yes, after what will be cast was printed")),
    }
}

fn words(args: &Args, ballots: &Ballots, key: &str, name: Option<&str>) -> Vec<String> {
    let Proposal { id, line, from, to, release, closes_at, activates_at, .. } = &ballots.proposal;
    let what = match line.as_str() {
        "updraft" => String::new(),
        line => format!("{line} "),
    };
    let when = match ballots.proposal.height {
        Some(height) => format!("at height {height}, not before {activates_at}"),
        None => format!("at {activates_at}"),
    };
    let elector = ballots.items.iter().find(|elector| elector.key == key);
    let weight = elector.map_or(0, |elector| elector.weight);
    let stance = args.stance.stance().word();
    let called = name.unwrap_or(key);
    let last = match args.stance {
        Word::Cancel => String::new(),
        Word::Yes | Word::No | Word::Abstain => format!(" It can be changed until {closes_at}."),
    };
    let mut lines = vec![
        format!(
            "Proposal {id}: {what}protocol {from} → {to} with {line}@{release}, activation {when}"
        ),
        format!("Your ballot: {stance}, weight {weight}, key {called}.{last}"),
    ];
    if !args.reason.is_empty() {
        lines.push(format!("Reason: {}", args.reason));
    }
    lines
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
mod tests {
    use super::*;
    use crate::agent::{OwnPart, fake::vote::Vote};

    fn ballots(vote: &Vote, own: Option<usize>) -> Ballots {
        let mut line = vote.line();
        line.own = own.map(|n| {
            let key = Vote::key(n).public().id();
            OwnPart { key, may_vote: true, stance: None }
        });
        Ballots::from(&line)
    }

    #[test]
    fn a_ballot_signed_by_hand_follows_the_last_one_of_its_key() {
        let vote = Vote::new().cast(1, Stance::No, 4);
        let ballots = ballots(&vote, Some(0));
        let number = |n: usize| next_number(&ballots, &Vote::key(n).public().id(), "k");
        assert_eq!((number(1), number(2)), (Ok(5), Ok(1)));
        let own = number(0).expect_err("the node numbers its ballots itself");
        assert!(own.hint.expect("a way").contains("leave `--key` out"));
        let other = updraft_protocol::SecretKey::from_seed(&[99; 32]).public().id();
        let stranger = next_number(&ballots, &other, "k").expect_err("no elector");
        assert_eq!(stranger.code, Code::NotAVoter);
    }

    #[test]
    fn a_key_that_has_lied_is_not_used_again() {
        let mut ballots = ballots(&Vote::new(), None);
        let liar = Vote::key(1).public().id();
        let item = ballots.items.iter_mut().find(|item| item.key == liar.to_hex());
        item.expect("an elector").proof = Some(crate::api::types::Hex(vec![1]));
        let refused = next_number(&ballots, &liar, "k").expect_err("it counts nothing");
        assert_eq!(refused.code, Code::ProposalClosed);
    }

    #[test]
    fn what_will_be_cast_is_shown_with_its_weight_and_its_end() {
        let args = Args {
            proposal: ProposalName::Number(3),
            stance: Word::Yes,
            reason: "it was tried".to_owned(),
            key: None,
        };
        let ballots = ballots(&Vote::new(), Some(1));
        let key = Vote::key(1).public().id().to_hex();
        let lines = words(&args, &ballots, &key, Some("voter-ann"));
        assert!(
            lines[0].starts_with("Proposal p-3: protocol 1 → 2 with updraft@1.1.0"),
            "{lines:?}"
        );
        let closes = &ballots.proposal.closes_at;
        assert_eq!(
            lines[1],
            format!("Your ballot: yes, weight 1, key voter-ann. It can be changed until {closes}.")
        );
        assert_eq!(lines[2], "Reason: it was tried");
    }
}
