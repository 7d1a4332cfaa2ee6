//! Recounts of what a node shows, honest and not.

use updraft_protocol::Stance;

use super::*;
use crate::{agent::fake::vote::Vote, cli::recount::tests::governance};

fn args() -> Args {
    Args { proposal: ProposalName::Number(3), ballots: true, file: None, out: None }
}

/// A recount of what a node shows, after somebody has changed it.
fn tally(vote: &Vote, change: impl FnOnce(&mut Ballots)) -> Result<Tally, Problem> {
    let mut document = Ballots::from(&vote.line());
    change(&mut document);
    let epoch = vote.proposal.opens + 1;
    let moment = Moment { epoch, when: epoch - SKEW..=epoch + SKEW };
    let first = (Vote::root().digest(), ToldBy::Node);
    Tally::of(governance(), Evidence::of(document)?, &args().proposal, moment, first)
}

#[test]
fn a_count_that_the_ballots_bear_is_agreed_with() {
    let vote = Vote::new().cast(0, Stance::Yes, 1).cast(1, Stance::Abstain, 2);
    let tally = tally(&vote, |_| {}).expect("it stands");
    assert_eq!(tally.differs(), None);
    let lines = tally.recount.lines(tally.held());
    assert_eq!(
        tally.sentence(&lines),
        "p-3  3 may vote · 2 voted · yes 1 (threshold 3: not yet) · ready 0 (threshold 2: not yet) · no 0 · \
         abstain 1 · 0 ballots refused · voting"
    );
    let document = tally.in_json(&args(), &lines);
    assert_eq!((&document["agrees"], &document["weights"]["yes"]), (&json!(true), &json!(1)));
    assert_eq!(document["ballots"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_first_root_that_is_only_somebodys_word_is_told_to_be_compared() {
    let mut tally = tally(&Vote::new(), |_| {}).expect("it stands");
    let first = Vote::root().digest();
    let words = tally.first_root_in_words().join("\n");
    assert!(words.contains("the node's own word"), "{words}");
    assert!(words.contains(&Fingerprint::of(&first).to_string()), "{words}");
    let document = tally.in_json(&args(), &[]);
    assert_eq!(
        (&document["firstRoot"], &document["firstRootBy"]),
        (&json!(first.to_string()), &json!("node"))
    );
    tally.first.1 = ToldBy::Project;
    assert!(tally.first_root_in_words().is_empty(), "the project names its own");
}

#[test]
fn a_node_that_counts_otherwise_than_its_ballots_is_found_out_with_both_counts() {
    let vote = Vote::new().cast(0, Stance::Yes, 1);
    let found_out = |change: fn(&mut Ballots)| {
        let tally = tally(&vote, change).expect("it stands");
        tally.differs().expect("a lie")
    };
    let lies: [fn(&mut Ballots); 12] = [
        |shown| shown.proposal.weights.yes = 3,
        |shown| shown.proposal.threshold = 1,
        |shown| shown.proposal.quorum = 1,
        |shown| shown.proposal.electorate = 1,
        |shown| shown.proposal.electorate_epoch = 2,
        |shown| shown.proposal.ready.nodes = 3,
        |shown| shown.proposal.ready.of = 1,
        |shown| shown.proposal.certificates = vec!["lockIn".to_owned()],
        |shown| shown.proposal.state = "final".to_owned(),
        |shown| shown.proposal.state = "cancelled".to_owned(),
        |shown| shown.proposal.state = "overtaken".to_owned(),
        // The ballot is kept back.
        |shown| shown.items.iter_mut().for_each(|item| item.ballot = None),
    ];
    for lie in lies {
        let problem = found_out(lie);
        assert_eq!((problem.code, problem.code.exit_code()), (Code::CountDiffers, 6));
        let [own, claimed] = &problem.causes[..] else { panic!("both counts: {problem:?}") };
        assert!(own.starts_with("counted here: yes "), "{own}");
        assert!(own.ends_with("; voting"), "{own}");
        assert!(claimed.starts_with("claimed: yes "), "{claimed}");
    }
    let tally = tally(&vote, |shown| shown.proposal.state = "final".to_owned());
    let tally = tally.expect("it stands");
    assert_eq!(tally.state(), ("voting", false), "what is claimed is not told as a result");
}

#[test]
fn what_a_recount_cannot_know_is_told_as_the_nodes_word() {
    let mut vote = Vote::new();
    for elector in 0..3 {
        let ready = vote.ready();
        vote = vote.cast(elector, ready, 1);
    }
    let tally = tally(&vote, |shown| {
        shown.proposal.certificates = vec!["lockIn".to_owned()];
        shown.proposal.state = "overtaken".to_owned();
    });
    let tally = tally.expect("it stands");
    assert_eq!(tally.differs(), None);
    let lines = tally.recount.lines(tally.held());
    assert!(tally.sentence(&lines).ends_with(" · overtaken, by the node's word"));
    let document = tally.in_json(&args(), &lines);
    assert_eq!((&document["state"], &document["stateBy"]), (&json!("overtaken"), &json!("node")));
}

#[test]
fn another_proposal_than_the_one_that_was_asked_for_is_not_taken() {
    let mut other = Vote::new();
    other.proposal.number = 4;
    let problem = tally(&other, |shown| {
        shown.proposal.number = 3;
        shown.proposal.id = "p-3".to_owned();
    });
    let problem = problem.err().expect("asked for p-3");
    assert!(problem.detail.contains("the node shows p-4"), "{problem:?}");
    // Bytes of one, and the name of another.
    let name = Vote::new().signed().digest().to_string();
    let problem = tally(&other, |shown| shown.proposal.digest = name);
    assert_eq!(problem.err().map(|problem| problem.code), Some(Code::CountDiffers));
}

#[test]
fn a_proposal_that_nobody_signed_does_not_stand() {
    let forged = tally(&Vote::new(), |shown| {
        // The signature is the last of it, 64 bytes.
        let end = shown.bytes.0.len();
        shown.bytes.0[end - 32] ^= 1;
    });
    let problem = forged.err().expect("nobody signed it");
    assert_eq!(problem.code, Code::CountDiffers, "{problem:?}");
    assert!(problem.causes[0].starts_with("proposal: "), "{problem:?}");
}
