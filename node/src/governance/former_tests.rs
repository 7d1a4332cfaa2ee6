//! What the root counts of former electorates' votes, and that nothing else of theirs counts: in whatever order it comes.

use proptest::prelude::*;
use updraft_protocol::{
    Ballot, Certificate, Digest, Proposal, RevokedKey, Root, Signed, Statement, Timestamp,
    vote::Decision,
};

use crate::{
    governance::{Governance, Held, Refusal, State, StruckOff},
    testing::{
        Publisher,
        votes::{self, ready, signed},
    },
};

/// All of them have one weight. Four of five decide, three of four.
const FIRST: [u8; 5] = [1, 2, 3, 4, 5];
const SECOND: [u8; 4] = [4, 5, 6, 7];
const THIRD: [u8; 4] = [5, 6, 7, 8];
/// Enough of the first.
const ENOUGH: [u8; 4] = [1, 2, 3, 4];
/// Everything is said in this epoch.
const NOW: u64 = 12;

/// A root with an electorate, which counts these votes of former ones.
fn root(epoch: u64, electors: &[u8], counted: &[Digest]) -> Root {
    let mut counts = counted.to_vec();
    counts.sort();
    Root { counts, ..votes::root(epoch, electors) }
}

fn proposal(by: u8, electorate: u64, line: &str, to: u32) -> Signed<Proposal> {
    let line = line.parse().expect("a name");
    signed(&Proposal { electorate, line, to, ..votes::proposal(by, 10) }, by)
}

fn ballot(by: u8, about: &Signed<Proposal>) -> Signed<Ballot> {
    signed(&votes::ballot(by, about.digest(), ready(), NOW), by)
}

/// The proposal and what these have to say for it.
fn said(about: &Signed<Proposal>, by: &[u8]) -> Vec<Statement> {
    let ballots = by.iter().map(|by| Statement::Ballot(ballot(*by, about)));
    std::iter::once(Statement::Proposal(about.clone())).chain(ballots).collect()
}

fn certificate(about: &Signed<Proposal>, by: &[u8]) -> Statement {
    let mut ballots: Vec<Signed<Ballot>> = by.iter().map(|by| ballot(*by, about)).collect();
    ballots.sort_by_key(|signed| signed.peek().expect("a ballot").by);
    let (decision, proposal) = (Decision::LockIn, about.clone());
    Statement::Certificate(Box::new(Certificate { decision, proposal, ballots }))
}

fn offer_all(governance: &mut Governance, statements: &[Statement]) {
    for statement in statements {
        governance.offer(statement, NOW).expect("honest, and in order");
    }
}

#[test]
fn a_decision_of_a_former_electorate_counts_exactly_if_the_root_says_so() {
    let [decided, forged] = [proposal(1, 1, "updraft", 2), proposal(2, 1, "demo-app", 2)];
    let mut newcomer = Governance::new(&root(1, &FIRST, &[]));
    newcomer.follow(&root(2, &SECOND, &[decided.digest()]));
    let refused = newcomer.offer(&certificate(&forged, &ENOUGH), 9_999);
    assert_eq!(refused, Err(Refusal::FormerElectorate { of: 1, current: 2 }));
    let kept = newcomer.restore(&certificate(&forged, &ENOUGH));
    assert_eq!(kept, Err(Refusal::FormerElectorate { of: 1, current: 2 }));
    newcomer.offer(&certificate(&decided, &ENOUGH), 9_999).expect("it is counted");
    assert_eq!(newcomer.state(&decided.digest(), 9_999, None), Some(State::Final));
    // An electorate that no root has named yet is another matter: roots are asked for.
    let ahead = newcomer.offer(&certificate(&proposal(1, 3, "updraft", 2), &ENOUGH), NOW);
    assert_eq!(ahead, Err(Refusal::UnknownElectorate(3)));
}

#[test]
fn the_root_strikes_off_what_it_does_not_count_and_says_what_that_was() {
    let [open, decided] = [proposal(1, 1, "demo-app", 2), proposal(2, 1, "updraft", 2)];
    let mut governance = Governance::new(&root(1, &FIRST, &[]));
    offer_all(&mut governance, &said(&open, &[1]));
    offer_all(&mut governance, &said(&decided, &ENOUGH));
    let mut struck_off = governance.follow(&root(2, &SECOND, &[]));
    let of = |signed: &Signed<Proposal>, was_decided| {
        let proposal = signed.digest();
        StruckOff { proposal, number: 1, was_decided }
    };
    let mut expected = vec![of(&open, false), of(&decided, true)];
    struck_off.sort_by_key(|vote| vote.proposal);
    expected.sort_by_key(|vote| vote.proposal);
    assert_eq!(struck_off, expected);
    assert_eq!(governance.proposals().count(), 0);
    let line = "updraft".parse().expect("a name");
    assert_eq!(
        governance.line(&line, 30, None).protocol(),
        None,
        "the old protocol is in force again"
    );
    for statement in said(&decided, &ENOUGH) {
        assert!(!governance.knows(&statement) && !governance.is_kept(&statement, NOW));
    }
}

#[test]
fn a_root_that_leaves_the_electors_as_they_are_strikes_nothing_off() {
    let open = proposal(1, 1, "updraft", 2);
    let mut governance = Governance::new(&root(1, &FIRST, &[]));
    offer_all(&mut governance, &said(&open, &[1]));
    assert_eq!(governance.follow(&root(1, &FIRST, &[])), []);
    assert_eq!(governance.proposals().count(), 1);
}

#[test]
fn in_a_vote_that_is_counted_a_key_that_was_taken_back_counts_whenever_its_ballot_comes() {
    let open = proposal(1, 1, "updraft", 2);
    let all = said(&open, &ENOUGH);
    let since = Timestamp::from_seconds(1);
    let taken_back =
        RevokedKey { key: Publisher::key(1).public().id(), reason: "stolen".to_owned(), since };
    let next = Root { revoked: vec![taken_back], ..root(2, &SECOND, &[open.digest()]) };
    for before in 0..=all.len() {
        let mut governance = Governance::new(&root(1, &FIRST, &[]));
        offer_all(&mut governance, &all[..before]);
        assert_eq!(governance.follow(&next), []);
        offer_all(&mut governance, &all[before..]);
        let state = governance.state(&open.digest(), NOW, None);
        assert_eq!(state, Some(State::LockedIn), "{before} came before the root");
    }
    let mut governance = Governance::new(&next);
    let opens = governance.offer(&Statement::Proposal(proposal(1, 2, "demo-app", 2)), NOW);
    assert_eq!(opens, Err(Refusal::NotAnElector(Publisher::key(1).public().id())));
}

/// One thing that reaches a node.
#[derive(Debug, Clone)]
enum Arrival {
    /// The next root that it has not seen.
    Root,
    /// A statement, by its place in the list of all.
    Statement(usize),
}

/// Roots of three electorates, and everything that was ever said: of the first, one vote that is decided and counted,
/// one that is decided and is not, one that is open and counted, one that is open and is not, and one that only the third
/// root counts; of the second, one that is open and counted by the third; of the third, one that is decided, a
/// rival of what the first decided and the root does not count.
fn history() -> (Vec<Root>, Vec<Statement>) {
    let first = [
        proposal(1, 1, "updraft", 2),
        proposal(2, 1, "demo-app", 2),
        proposal(3, 1, "editor", 2),
        proposal(4, 1, "player", 2),
        proposal(5, 1, "reader", 2),
    ];
    let second = proposal(6, 2, "viewer", 2);
    let third = proposal(7, 3, "demo-app", 3);
    let [kept, _, open, _, late] = &first;
    let counted = [kept.digest(), open.digest()];
    let later = [kept.digest(), open.digest(), late.digest(), second.digest()];
    let roots = vec![root(1, &FIRST, &[]), root(2, &SECOND, &counted), root(3, &THIRD, &later)];
    let voters = [&ENOUGH[..], &[1, 2, 4, 5], &[1, 2], &[3], &[2, 3, 4, 5]];
    let mut statements: Vec<Statement> =
        first.iter().zip(voters).flat_map(|(vote, voters)| said(vote, voters)).collect();
    statements.push(certificate(&first[1], &[1, 2, 4, 5]));
    statements.push(certificate(&first[4], &[2, 3, 4, 5]));
    statements.extend(said(&second, &[4, 6]));
    statements.extend(said(&third, &[5, 7, 8]));
    (roots, statements)
}

/// What a node believes that hears all of it in this order, and asks again, in order, for what it could not take.
fn believes(arrivals: &[Arrival]) -> Vec<(Digest, State, usize)> {
    let (roots, statements) = history();
    let mut roots = roots.iter();
    let mut governance = Governance::new(roots.next().expect("the first"));
    for arrival in arrivals {
        match arrival {
            Arrival::Root => _ = roots.next().map(|root| governance.follow(root)),
            // What comes too early is refused, and asked for again.
            Arrival::Statement(at) => _ = governance.offer(&statements[*at], NOW),
        }
    }
    for root in roots {
        governance.follow(root);
    }
    // Peers go on offering what is not known here.
    for statement in &statements {
        _ = governance.offer(statement, NOW);
    }
    let stand = |held: &Held| {
        let state = governance.state(&held.id(), NOW, None).expect("its electors are known");
        (held.id(), state, held.ballots().count())
    };
    governance.proposals().map(stand).collect()
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let statements = (0..history().1.len()).map(Arrival::Statement);
    let all: Vec<Arrival> = statements.chain([Arrival::Root, Arrival::Root]).collect();
    Just(all).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_has_the_same_root_and_heard_the_same_believes_the_same_in_whatever_order_it_came(
        arrivals in arrivals(),
    ) {
        let in_order = believes(&[]);
        prop_assert_eq!(in_order.len(), 5, "three of the first, one of the second, one of the third");
        let decided = in_order.iter().filter(|(_, state, _)| *state == State::LockedIn);
        prop_assert_eq!(decided.count(), 3);
        prop_assert_eq!(believes(&arrivals), in_order);
    }
}
