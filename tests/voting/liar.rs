//! An elector who signs two things with one number: its vote counts nothing, and everybody is shown why.

use updraft_protocol::{Ballot, Gossip, Signed, Stance, Statement, codec};

use super::*;
use crate::{conformance::golden::from_hex, harness::herald::Herald};

/// What the node shows of an elector.
fn shown(network: &Network, operator: &str) -> Value {
    let ballots = network.publisher.get("/api/v1/proposals/p-1/ballots");
    let item = items(&ballots["items"]).iter().find(|item| item["operator"] == operator).cloned();
    item.expect("an elector")
}

#[test]
fn an_elector_who_says_two_things_counts_nothing_and_the_proof_is_shown_with_the_node_and_without()
{
    let mut network = electing(&["ann", "ben", "cem"]);
    publish(&network, COMPONENT, "1.0.0");
    let words = format!("propose 2 --line {COMPONENT} --voting 1h --min-ready 0/1 -k ann --yes");
    at(&network, &words).good();
    wait_until(&network.publisher, "voting");
    all(&network, &["vote p-1 yes --yes", "vote p-1 yes -k ben --yes"]);
    assert_eq!(weight(&tally(&network, ""), "yes"), 2);

    let honest = shown(&network, "ben");
    let bytes = from_hex(text(&honest["ballot"]["bytes"]));
    let Statement::Ballot(first) = codec::decode(&bytes).expect("a statement") else {
        panic!("a ballot")
    };
    let first = first.peek().expect("a ballot");
    let other = Ballot { stance: Stance::No, ..first };
    let mut signed = Signed::unsigned(&other).expect("valid");
    signed.sign(&network.stolen_key("ben"), &other.network);
    let other = Statement::Ballot(signed);
    // By hand it is a slip, and harms nobody.
    let (kind, bytes) =
        ("application/vnd.updraft.statement", codec::encode(&other).expect("small"));
    let slip = network.publisher.request("POST /api/v1/proposals/p-1/ballots", kind, &bytes);
    assert_eq!((slip.status, &slip.refused()["code"]), (409, &"UD0411".into()));
    assert_eq!(shown(&network, "ben")["void"], Value::Null);
    let herald = Herald::beside(&network.publisher, first.network);
    herald.say(&Gossip::Statement(other));
    until("the lie is out", || shown(&network, "ben")["void"].is_string().then_some(()));

    let why = "it signed two different ballots with one number: ";
    let liar = shown(&network, "ben");
    let void = text(&liar["void"]);
    assert!(void.starts_with(why) && void.contains("yes (") && void.contains("no ("), "{void}");
    let proof = codec::decode(&from_hex(text(&liar["proof"]))).expect("a statement");
    assert!(matches!(proof, Statement::DoubleVote(_)), "{proof:?}");
    let told = at(&network, "votes p-1").good().out;
    assert!(told.contains(&format!("key {} signed two ballots", text(&liar["key"]))), "{told}");

    let with = tally(&network, " --ballots");
    assert_eq!((weight(&with, "yes"), weight(&with, "no")), (1, 0));
    assert_eq!(with["agrees"], true);
    let counted = at(&network, "tally p-1 --ballots").good().out;
    assert!(counted.contains(&format!("counts nothing: {void}")), "{counted}");
    network.publisher.stop();
    let alone = at(&network, "tally p-1 --ballots").good().out;
    assert!(alone.contains(&format!("counts nothing: {void}")), "{alone}");
}
