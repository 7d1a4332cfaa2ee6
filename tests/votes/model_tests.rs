//! Whether the model counts as the rules say, and whether it notices who does not.

use proptest::{prelude::*, sample::select};
use updraft_node::governance::Governance;
use updraft_protocol::{Ballot, NetworkKind, Root, Statement};

use super::*;
use crate::votes::people::{self, NETWORK, key, signed};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A vote of a network with a cap of one fifth, and what was taken about it.
struct Vote {
    governance: Governance,
    model: Model,
    taken: Record,
    about: Digest,
}

impl Vote {
    fn new(electors: &[&str]) -> Self {
        let kind = NetworkKind::Production;
        let (root, rules) = (Root { kind, ..people::root(1, electors) }, Rules::of(kind));
        let model = Model::new(root.electorate.as_ref().expect("one"), &rules);
        let proposal = people::proposal("a", 1, &rules);
        let proposal = signed(&proposal, "a");
        let about = proposal.digest();
        let mut governance = Governance::new(&root);
        governance.offer(&Statement::Proposal(proposal), 1).expect("an elector's");
        Self { governance, model, taken: Record::default(), about }
    }

    fn say(&mut self, name: &str, seq: u32, stance: Stance) {
        let (by, proposal) = (key(name).public().id(), self.about);
        let (epoch, reason) = (1, String::new());
        let ballot = Ballot { network: NETWORK, by, proposal, seq, epoch, stance, reason };
        let statement = Statement::Ballot(signed(&ballot, name));
        if let Ok(events) = self.governance.offer(&statement, 1) {
            self.taken.note(&statement, &events);
        }
    }

    fn counts(&self) -> (Count, VoteCount) {
        let held = self.governance.proposal(&self.about).expect("known");
        let counts = self.governance.count(held).zip(self.governance.vote_count(held));
        counts.expect("its electors are known")
    }

    fn check(&self) -> Result<(), String> {
        let (count, shown) = self.counts();
        self.model.check(self.taken.of(&self.about), &count, &shown)
    }
}

fn ready() -> Stance {
    Stance::Ready { artifact: Digest::of(b"artifact"), selftest: Digest::of(b"ok") }
}

fn stance() -> impl Strategy<Value = Stance> {
    select(vec![Stance::Yes, ready(), Stance::No, Stance::Abstain, Stance::Cancel])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of any weights and operators, with changed ballots, late ones and lies.
    #[test]
    fn a_node_counts_as_the_model_does_after_every_ballot(
        electors in prop::collection::vec((1..9_u32, select(vec!["acme", "bold", "core", "dots"])), NAMES.len()),
        ballots in prop::collection::vec((select(NAMES.to_vec()), 1..4_u32, stance()), 1..16),
    ) {
        let electors = NAMES.iter().zip(electors);
        let electors = electors.map(|(name, (weight, of))| format!("{name}*{weight}@{of}"));
        let electors: Vec<String> = electors.collect();
        let mut vote = Vote::new(&electors.iter().map(String::as_str).collect::<Vec<_>>());
        for (name, seq, stance) in ballots {
            vote.say(name, seq, stance);
            prop_assert_eq!(vote.check(), Ok(()));
        }
    }
}

#[test]
fn it_counts_an_elector_once_a_liar_never_and_an_operator_up_to_its_fifth() {
    let mut vote = Vote::new(&["a*2@big", "b*2@big", "c", "d", "e", "f"]);
    vote.say("a", 1, Stance::Yes);
    vote.say("b", 1, ready());
    vote.say("c", 1, Stance::Yes);
    vote.say("c", 2, Stance::No);
    vote.say("d", 1, Stance::Cancel);
    vote.say("e", 1, Stance::Yes);
    vote.say("e", 1, Stance::No);
    let count = vote.model.count(vote.taken.of(&vote.about));
    let fifths = Count {
        affirmative: 8, // four of eight, cut to a fifth of eight
        ready: 8,
        against: 5,
        cancel: 5,
        abstain: 0,
        total: 40,
        possible: 8 + 2 * 5,
    };
    assert_eq!(count, fifths);
    assert_eq!(vote.check(), Ok(()));
}

/// Who counts somebody twice while others are silent says less than all weight: only the sum looks right.
#[test]
fn a_double_count_does_not_hide_behind_the_silence_of_others() {
    let mut vote = Vote::new(&NAMES);
    vote.say("a", 1, Stance::Yes);
    vote.say("a", 2, Stance::No);
    vote.say("b", 1, ready());
    assert_eq!(vote.check(), Ok(()));
    let (right, shown) = vote.counts();
    let twice = Count { affirmative: right.affirmative + 5, ..right };
    assert!(twice.affirmative + twice.against + twice.cancel + twice.abstain <= twice.total);
    let taken = vote.taken.of(&vote.about);
    assert!(vote.model.check(taken, &twice, &shown).is_err());
    let wrong: [fn(&mut Count); 7] = [
        |count| count.affirmative -= 1,
        |count| count.ready += 1,
        |count| count.against += 1,
        |count| count.cancel += 1,
        |count| count.abstain += 1,
        |count| count.total += 1,
        |count| count.possible -= 1,
    ];
    for spoil in wrong {
        let mut count = right;
        spoil(&mut count);
        assert!(vote.model.check(taken, &count, &shown).is_err(), "{count:?}");
    }
    let shown = VoteCount { yes: shown.yes + 1, ..shown };
    assert!(vote.model.check(taken, &right, &shown).is_err(), "{shown:?}");
}

/// A node that forgets that somebody lied, or what was said last, is found out.
#[test]
fn a_record_that_differs_is_noticed() {
    let mut vote = Vote::new(&NAMES);
    vote.say("a", 1, Stance::Yes);
    let before = vote.taken.clone();
    vote.say("a", 1, Stance::No);
    assert_eq!(vote.check(), Ok(()), "it lied and counts nothing");
    vote.taken = before;
    assert!(vote.check().is_err());
}
