//! `updraft propose`: opens a vote on a protocol.
//!
//! The node drafts, because it knows the releases on offer and the time of the network; what is signed is decoded and
//! checked here, and shown in words, because a key signs what its owner has read.

use std::{io::Read as _, path::PathBuf, time::Duration};

use serde_json::json;
use updraft_protocol::{
    ComponentName, KeyId, Proposal, ReleaseVersion, Root, Statement, Timestamp, codec,
    limits::MAX_PROPOSAL_NOTES,
    vote::{Activation, Fraction, Rules},
};

use super::{
    Context, Exit,
    node_ledger::{self, NodeLedger},
    output::Format,
    polls,
    publisher::{Publisher, read_text},
    statement::{consent, signed_alone},
    status::count,
    words::{clean, relative},
};
use crate::{
    agent::in_words,
    api::types::{ProposalDraft, ProposeBody},
    clock::Clock,
    config::parse_duration,
    keys::KeyFile,
    problem::{Code, Problem},
    publish::sign::name_of,
};

/// Propose that the network speaks another protocol
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The protocol to speak
    pub protocol: u32,
    /// Whose protocol: `updraft` is what nodes speak, anything else a component's own
    #[arg(long, value_name = "NAME", default_value = "updraft")]
    pub line: ComponentName,
    /// The release that speaks both; the newest on offer if left out
    #[arg(long, value_name = "VERSION")]
    pub release: Option<ReleaseVersion>,
    /// How long voting lasts; the least that is allowed (3d) if left out
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub voting: Option<Duration>,
    /// Between the vote and the activation: time to install; the least (2d) if left out
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub lead: Option<Duration>,
    /// How long the old protocol is spoken as well; the least (7d) if left out
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub grace: Option<Duration>,
    /// Activate at this height of the operators' chain, not before the time; only with --line of a component
    #[arg(long, value_name = "N")]
    pub height: Option<u64>,
    /// More than this part of all weight has to be for it; the least (2/3) if left out
    #[arg(long, value_name = "N/M")]
    pub threshold: Option<Fraction>,
    /// At least this part of that weight has to be ready; the least (9/10) if left out
    #[arg(long, value_name = "N/M")]
    pub min_ready: Option<Fraction>,
    /// Why, in words: a file, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub notes: Option<PathBuf>,
    /// Sign with this elector's key: a name, or file:PATH
    #[arg(short, long, value_name = "KEY")]
    pub key: String,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let notes = notes(args)?;
    let node = node_ledger::require(context)?;
    let publisher = Publisher::here(context)?;
    let trusted = publisher.trust(&node)?;
    let root = trusted.root();
    let key = publisher.ring.load(&args.key.parse()?)?;
    is_elector(root, &key, &publisher)?;
    let proposal = drafted(args, &notes, &key, &node)?;
    is_as_asked(args, &notes, &proposal, &key.public.id(), root)?;
    let by = name_of(&key.public.id(), &publisher.ring.names());
    for line in words(&proposal, root, &by, Clock::system().now()) {
        context.output.say(&clean(&line));
    }
    let unsigned = Statement::Proposal(super::statement::unsigned(&proposal)?);
    consent(&[in_words(&unsigned, ToString::to_string)], context)?;
    let signed = signed_alone(&proposal, &key, &publisher)?;
    let digest = signed.digest();
    let said = node.hand_in("/api/v1/proposals", &Statement::Proposal(signed))?;
    let id = format!("p-{}", proposal.number);
    if context.output.format() == Format::Json {
        let members = json!({ "id": id, "digest": digest.to_string(), "said": said });
        context.output.document("propose", &members)?;
        return Ok(Exit::Done);
    }
    context.output.line(&format!("Opened {id}, {digest}."));
    context.output.say(&format!("Told {}.", count(said.reached, "peer")));
    context.output.hint(&format!(
        "`updraft vote {id} yes` votes, `updraft votes {id}` tells what is missing"
    ));
    Ok(Exit::Done)
}

fn notes(args: &Args) -> Result<String, Problem> {
    let limit = u64::try_from(MAX_PROPOSAL_NOTES).unwrap_or(u64::MAX);
    let Some(path) = &args.notes else { return Ok(String::new()) };
    if path.as_os_str() != "-" {
        return read_text(path, limit);
    }
    let mut text = String::new();
    std::io::stdin().take(limit.saturating_add(1)).read_to_string(&mut text).map_err(|error| {
        Problem::new(Code::FileUnusable, "standard input cannot be read").because(Some(&error))
    })?;
    if text.len() > MAX_PROPOSAL_NOTES {
        let detail = format!("the notes are over {MAX_PROPOSAL_NOTES} bytes");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    Ok(text)
}

fn is_elector(root: &Root, key: &KeyFile, publisher: &Publisher) -> Result<(), Problem> {
    let Some(electorate) = &root.electorate else {
        let detail = format!("the trust root of {} names no electorate", root.name);
        return Err(Problem::new(Code::NotAVoter, detail).hint(
            "the root keys give somebody a vote: `updraft root begin -m TEXT`, then \
             `updraft root add-key electorate KEY --weight N --operator NAME`",
        ));
    };
    if electorate.elector(&key.public.id()).is_some() {
        return Ok(());
    }
    let names = publisher.ring.names();
    let could = electorate.electors.iter().map(|elector| name_of(&elector.key.id(), &names));
    Err(Problem::new(Code::NotAVoter, format!("key `{}` is not in the electorate", key.name))
        .cause(format!("who may vote: {}", could.collect::<Vec<_>>().join(", ")))
        .hint("`updraft trust show` lists who may vote"))
}

fn drafted(
    args: &Args,
    notes: &str,
    key: &KeyFile,
    node: &NodeLedger,
) -> Result<Proposal, Problem> {
    let seconds = |span: Option<Duration>| span.map(|span| span.as_secs());
    let body = ProposeBody {
        by: key.public.to_string(),
        line: Some(args.line.to_string()),
        protocol: args.protocol,
        release: args.release.as_ref().map(ToString::to_string),
        voting_seconds: seconds(args.voting),
        lead_seconds: seconds(args.lead),
        grace_seconds: seconds(args.grace),
        height: args.height,
        threshold: args.threshold.as_ref().map(ToString::to_string),
        min_ready: args.min_ready.as_ref().map(ToString::to_string),
        notes: notes.to_owned(),
    };
    let draft: ProposalDraft = node.post("/api/v1/proposals/draft", &body)?;
    codec::decode(&draft.bytes.0).map_err(|error| {
        Problem::from_error(Code::Failed, &error)
            .cause("the node's draft cannot be read")
            .hint("the node may be of another version: compare `updraft version`")
    })
}

/// Whether a draft is what was asked for, in this network, and long enough to count. What the node chose is for the
/// person who reads it.
fn is_as_asked(
    args: &Args,
    notes: &str,
    proposal: &Proposal,
    by: &KeyId,
    root: &Root,
) -> Result<(), Problem> {
    let rules = Rules::of(root.kind);
    let activation = proposal.activation.earliest();
    let lasts = |asked: Option<Duration>, from: u64, to: u64| {
        asked
            .is_none_or(|asked| to.checked_sub(from) == Some(asked.as_secs().div_ceil(rules.epoch)))
    };
    let height = match proposal.activation {
        Activation::Epoch(_) => None,
        Activation::Height { height, .. } => Some(height),
    };
    let electorate = root.electorate.as_ref().map(|electorate| electorate.epoch);
    let min_ready = args.min_ready.unwrap_or(Fraction::NINE_TENTHS);
    for (what, is_so) in [
        ("its network", proposal.network == root.network),
        ("who proposes", proposal.by == *by),
        ("the line", proposal.line == args.line),
        ("the protocol", proposal.to == args.protocol),
        ("the release", args.release.as_ref().is_none_or(|asked| *asked == proposal.release)),
        ("how long voting lasts", lasts(args.voting, proposal.opens, proposal.lock_deadline)),
        ("the lead", lasts(args.lead, proposal.lock_deadline, activation)),
        ("the grace", lasts(args.grace, activation, proposal.grace_end)),
        ("the height", height == args.height),
        ("the threshold", proposal.threshold == args.threshold.unwrap_or(Fraction::TWO_THIRDS)),
        ("how many have to be ready", proposal.min_ready == min_ready),
        ("the notes", proposal.notes == notes),
        ("the electorate", electorate == Some(proposal.electorate)),
    ] {
        if !is_so {
            let detail =
                format!("the node drafted something else than was asked for: {what} differs");
            return Err(Problem::new(Code::SourceRefused, detail)
                .cause("nothing was signed")
                .hint("ask another node: `--api ADDR`"));
        }
    }
    proposal.keeps_to(&rules).map_err(|error| Problem::from_error(Code::SourceRefused, &error))
}

/// Everything that will be signed: each time beside its epoch, because the epoch is what counts.
fn words(proposal: &Proposal, root: &Root, by: &str, now: Timestamp) -> Vec<String> {
    let Proposal { number, line, from, to, release, .. } = proposal;
    let at = |epoch: u64| {
        let begins = polls::begin_of(epoch, root.kind);
        format!("{begins}, epoch {epoch} ({})", relative(begins, now))
    };
    let activation = at(proposal.activation.earliest());
    let electors = root.electorate.iter().flat_map(|electorate| &electorate.electors);
    let weight = root.electorate.as_ref().map_or(0, |electorate| electorate.total_weight());
    let mut lines = vec![
        format!("Proposal p-{number}: {line} speaks protocol {to} instead of {from}"),
        format!("  network      {}", root.name),
        format!("  proposed by  {by}"),
        format!("  release      {line}@{release}"),
    ];
    lines.extend(proposal.artifacts.iter().map(|digest| format!("               {digest}")));
    lines.extend([
        format!(
            "  electorate   {}: {}, weight {weight}",
            proposal.electorate,
            count(electors.count(), "key")
        ),
        format!("  voting from  {}", at(proposal.opens)),
        // The deadline is the last epoch in which a ballot counts.
        format!("  until        {}", at(proposal.lock_deadline.saturating_add(1))),
        match proposal.activation {
            Activation::Epoch(_) => format!("  activation   {activation}"),
            Activation::Height { height, .. } => {
                format!("  activation   at height {height}, not before {activation}")
            }
        },
        format!("  old until    {}", at(proposal.grace_end.saturating_add(1))),
        format!("  decided by   more than {} of all weight", proposal.threshold),
        format!("  ready        at least {} of that", proposal.min_ready),
    ]);
    lines.extend(proposal.notes.lines().map(|line| format!("  | {line}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::fake::{STARTED, vote::Vote};

    fn args() -> Args {
        Args {
            protocol: 2,
            line: "updraft".parse().expect("a name"),
            release: None,
            voting: None,
            lead: None,
            grace: None,
            height: None,
            threshold: None,
            min_ready: None,
            notes: None,
            key: "ann".to_owned(),
        }
    }

    fn judge(args: &Args, change: impl FnOnce(&mut Proposal)) -> Result<(), Problem> {
        let mut proposal = Vote::new().proposal;
        change(&mut proposal);
        let root = Vote::root().peek().expect("a root");
        is_as_asked(args, "packs of chunks", &proposal, &Vote::key(0).public().id(), &root)
    }

    #[test]
    fn a_draft_that_differs_from_what_was_asked_for_is_not_signed() {
        let asked = Args {
            release: Some("1.1.0".parse().expect("a version")),
            voting: Some(Duration::from_secs(3_600)),
            ..args()
        };
        assert_eq!(judge(&asked, |_| {}), Ok(()));
        let other = |what: &str, change: fn(&mut Proposal)| {
            let problem = judge(&asked, change).expect_err(what);
            assert!(problem.detail.ends_with(&format!("{what} differs")), "{problem:?}");
        };
        other("its network", |p| p.network = updraft_protocol::NetworkId::from_bytes([1; 32]));
        other("who proposes", |p| p.by = Vote::key(1).public().id());
        other("the line", |p| p.line = "demo-app".parse().expect("a name"));
        other("the protocol", |p| p.to = 3);
        other("the release", |p| p.release = "1.2.0".parse().expect("a version"));
        other("how long voting lasts", |p| p.lock_deadline -= 1);
        other("the height", |p| p.activation = Activation::Height { height: 1, not_before: 1 });
        other("the threshold", |p| p.threshold = Fraction { num: 3, den: 4 });
        other("how many have to be ready", |p| p.min_ready = Fraction { num: 0, den: 1 });
        other("the notes", |p| p.notes.clear());
        other("the electorate", |p| p.electorate = 2);
        let short = judge(&args(), |p| p.grace_end = p.activation.earliest());
        assert!(short.expect_err("too short").detail.contains("at least 1 are needed"));
    }

    #[test]
    fn all_that_is_signed_is_shown_with_its_times_and_epochs() {
        let proposal = Vote::new().proposal;
        let root = Vote::root().peek().expect("a root");
        let lines = words(&proposal, &root, "ann", STARTED).join("\n");
        for part in [
            "Proposal p-3: updraft speaks protocol 2 instead of 1",
            "network      demo",
            "proposed by  ann",
            "release      updraft@1.1.0",
            &proposal.artifacts[0].to_string(),
            "electorate   1: 3 keys, weight 3",
            &format!("voting from  {STARTED}, epoch {} (now)", proposal.opens),
            &format!("epoch {}", proposal.lock_deadline + 1),
            &format!("activation   {}", STARTED.plus(7_200)),
            &format!("epoch {}", proposal.grace_end + 1),
            "more than 2/3 of all weight",
            "at least 9/10 of that",
            "  | packs of chunks",
        ] {
            assert!(lines.contains(part), "{part} in\n{lines}");
        }
        let height = Activation::Height { height: 7, not_before: proposal.activation.earliest() };
        let lines = words(&Proposal { activation: height, ..proposal }, &root, "ann", STARTED);
        assert!(lines.join("\n").contains("activation   at height 7, not before "), "{lines:?}");
    }
}
