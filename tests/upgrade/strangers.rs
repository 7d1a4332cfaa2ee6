//! Whoever makes keys makes no votes: two hundred unknown identities vote, and nothing changes.

use updraft_protocol::{
    Ballot, Digest, Gossip, Proposal, SecretKey, Signed, Stance, Statement, codec,
};

use super::*;
use crate::{
    conformance::golden::from_hex,
    harness::{herald::Herald, text},
};

/// Keys that nobody has given a vote.
const STRANGERS: u8 = 200;
/// Of them, how many one peer speaks for.
const EACH: u8 = 40;
/// Of these, how many it says in one breath: half of what a node judges of one peer at a time, which drops unread what
/// is more.
const BREATH: usize = 8;

#[test]
fn two_hundred_unknown_identities_vote_and_change_nothing() {
    let parliament = Parliament::found();
    let nodes = parliament.nodes(&ELECTORS[..2]);
    parliament.propose(3_600, 60, 3_600);
    nodes.iter().for_each(yes);
    let publisher = &parliament.network.publisher;
    until("two are ready", || (vote(publisher)?["weights"]["ready"] == 2).then_some(()));
    let before = vote(publisher).expect("known");

    let ballots = publisher.get("/api/v1/proposals/p-1/ballots");
    let bytes = from_hex(text(&ballots["bytes"]));
    let Statement::Proposal(proposal) = codec::decode(&bytes).expect("a statement") else {
        panic!("a proposal")
    };
    let known: Proposal = proposal.peek().expect("a proposal");
    let ballot = |key: &SecretKey| {
        let ballot = Ballot {
            network: known.network,
            by: key.public().id(),
            proposal: proposal.digest(),
            seq: 1,
            epoch: known.opens,
            stance: Stance::Ready { artifact: known.artifacts[0], selftest: Digest::of(b"fine") },
            reason: String::new(),
        };
        let mut signed = Signed::unsigned(&ballot).expect("valid");
        signed.sign(key, &known.network);
        Statement::Ballot(signed)
    };
    let heard =
        || publisher.metric_or_zero("updraft_refusals_total{reason=\"vote_not_an_elector\"} ");
    let strangers: Vec<u8> = (0..STRANGERS).collect();
    let already = heard();
    let mut said = already;
    // Whoever brings a hundred useless messages is sent away, so several bring some each.
    for voices in strangers.chunks(EACH.into()) {
        let herald = Herald::beside(publisher, known.network);
        for breath in voices.chunks(BREATH) {
            for n in breath {
                let key = SecretKey::from_seed(&[*n; 32]);
                herald.say(&Gossip::Statement(ballot(&key)));
                said += 1;
            }
            until_ok("all that was said is heard and refused", || match heard() {
                heard if heard >= said => Ok(()),
                heard => Err(format!("{heard} of {said}")),
            });
        }
    }
    assert_eq!(heard() - already, u64::from(STRANGERS), "every stranger was heard, once");
    // By hand it is no better, and the answer says so.
    let kind = "application/vnd.updraft.statement";
    let stranger = SecretKey::from_seed(&[255; 32]);
    let bytes = codec::encode(&ballot(&stranger)).expect("small");
    let refused = publisher.request("POST /api/v1/proposals/p-1/ballots", kind, &bytes);
    assert_eq!((refused.status, &refused.refused()["code"]), (403, &"UD0902".into()));
    for node in nodes.iter().chain([publisher]) {
        let after = vote(node).expect("known");
        assert_eq!((&after["weights"], &after["state"]), (&before["weights"], &"voting".into()));
    }
    // And those who may vote still can.
    let third = parliament.nodes(&ELECTORS[2..3]);
    yes(&third[0]);
    until("three are ready", || (vote(&nodes[0])?["weights"]["ready"] == 3).then_some(()));
}
