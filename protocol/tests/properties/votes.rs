//! How to draw what is said about votes, and the laws of counting: whatever is drawn, the count is the one that ten
//! lines of plain sums come to, and it never jumps.

use std::collections::BTreeMap;

use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
    sample::{Index, subsequence},
};
use updraft_protocol::{
    Ballot, Certificate, ChunkRange, DoubleVote, Elector, Electorate, ForkId, KeyId, NetworkKind,
    Proposal, Signed, Stance, Verified,
    limits::MAX_PROPOSAL_NOTES,
    network::ForkDigest,
    vote::{Activation, Count, Decision, Fraction, NotDecided, Outlook, Rules, Weights},
};

use crate::{
    cases, reads_back,
    samples::{self, EPOCH, NETWORK, by_hand},
    strategies::{component, digest, key, network, reason, signed, version},
};

/// Electors are drawn from the keys of these numbers.
const ELECTORS: [u8; 12] = [61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72];

/// Two thirds and more, short of everything.
fn threshold() -> impl Strategy<Value = Fraction> {
    let drawn = (2..=u32::MAX, any::<Index>()).prop_map(|(den, at)| {
        let least = u32::try_from((u64::from(den) * 2).div_ceil(3)).expect("less than den");
        let span = usize::try_from(den - least).expect("a usize of 32 bits at least");
        let num = least + u32::try_from(at.index(span.max(1))).expect("less than den");
        Fraction { num: num.min(den - 1), den }
    });
    let fits = |part: &Fraction| u64::from(part.num) * 3 >= u64::from(part.den) * 2;
    prop_oneof![Just(Fraction { num: 2, den: 3 }), Just(Fraction { num: 4, den: 5 }), drawn]
        .prop_filter("two thirds at least", fits)
}

fn part() -> impl Strategy<Value = Fraction> {
    prop_oneof![
        Just(Fraction { num: 9, den: 10 }),
        (1..=u32::MAX, any::<u32>()).prop_map(|(den, num)| Fraction { num: num.min(den), den }),
    ]
}

/// Four epochs in their order, near and at the end of numbers.
fn times() -> impl Strategy<Value = [u64; 4]> {
    let epoch = prop_oneof![0..2_000_u64, any::<u64>(), Just(u64::MAX)];
    btree_set(epoch, 4).prop_map(|times| {
        let times: Vec<u64> = times.into_iter().collect();
        [times[0], times[1], times[2], times[3]]
    })
}

pub(crate) fn proposal() -> impl Strategy<Value = Proposal> {
    let notes = prop_oneof![9 => "\\PC{0,80}", 1 => Just("n".repeat(MAX_PROPOSAL_NOTES))];
    let what = (component(), any::<(u32, u32)>(), version(), btree_set(digest(), 1..6));
    let who = (network(), key(), 1..=u32::MAX, any::<u64>());
    let parts = (threshold(), part(), option::of(any::<u64>()), notes);
    (who, what, times(), parts).prop_filter_map("a change", |(who, what, times, parts)| {
        let (line, (from, to), release, artifacts) = what;
        let (network, by, number, electorate) = who;
        let [opens, lock_deadline, activation, grace_end] = times;
        let (threshold, min_ready, height, notes) = parts;
        let activation = match height {
            None => Activation::Epoch(activation),
            Some(height) => Activation::Height { height, not_before: activation },
        };
        (from != to).then(|| Proposal {
            network,
            by: by.id(),
            number,
            line,
            from,
            to,
            release,
            artifacts: artifacts.into_iter().collect(),
            electorate,
            opens,
            lock_deadline,
            activation,
            grace_end,
            threshold,
            min_ready,
            notes,
        })
    })
}

fn stance() -> impl Strategy<Value = Stance> {
    prop_oneof![
        3 => Just(Stance::Yes),
        4 => Just(samples::ready()),
        1 => (digest(), digest())
            .prop_map(|(artifact, selftest)| Stance::Ready { artifact, selftest }),
        1 => Just(Stance::No),
        1 => Just(Stance::Abstain),
        1 => Just(Stance::Cancel),
    ]
}

pub(crate) fn ballot() -> impl Strategy<Value = Ballot> {
    let number = (1..=u32::MAX, any::<u64>());
    (network(), key(), digest(), number, stance(), reason()).prop_map(
        |(network, by, proposal, (seq, epoch), stance, reason)| Ballot {
            network,
            by: by.id(),
            proposal,
            seq,
            epoch,
            stance,
            reason,
        },
    )
}

/// Ballots of anything, each with one signature of anybody: a certificate is judged when it is read.
pub(crate) fn certificate() -> impl Strategy<Value = Certificate> {
    let ballots = vec((ballot(), 1..=16_u8), 0..5);
    (any::<bool>(), proposal(), ballots).prop_map(|(cancels, proposal, ballots)| Certificate {
        decision: if cancels { Decision::Cancel } else { Decision::LockIn },
        proposal: samples::signed(&proposal, &[1]),
        ballots: ballots.iter().map(|(ballot, n)| samples::signed(ballot, &[*n])).collect(),
    })
}

pub(crate) fn double_vote() -> impl Strategy<Value = DoubleVote> {
    (signed(ballot()), signed(ballot()))
        .prop_filter("two ballots", |(one, other)| one.digest() != other.digest())
        .prop_map(|(one, other)| DoubleVote::new(one, other))
}

pub(crate) fn fork_id() -> impl Strategy<Value = ForkId> {
    (any::<[u8; 4]>(), option::of(any::<u64>()))
        .prop_map(|(digest, next)| ForkId { digest: ForkDigest(digest), next })
}

/// Electors of a few operators, of weights that differ much or little.
fn electorate() -> impl Strategy<Value = Electorate> {
    let weight = prop_oneof![1..4_u32, 1..=u32::MAX];
    let electors = (subsequence(ELECTORS.to_vec(), 1..=12), vec((weight, 0..6_u8), 12));
    electors.prop_map(|(keys, drawn)| {
        let elector = |(n, (weight, operator)): (u8, (u32, u8))| Elector {
            key: samples::public(n),
            weight,
            operator: samples::name(&format!("operator-{operator}")),
        };
        Electorate::new(8, keys.into_iter().zip(drawn).map(elector).collect())
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    prop_oneof![Just(NetworkKind::Production), Just(NetworkKind::Development)].prop_map(Rules::of)
}

/// A vote: who may, how much is needed, and how everybody stands; who is not there is silent, or is no elector.
#[derive(Debug, Clone)]
struct Vote {
    electorate: Electorate,
    rules: Rules,
    proposal: Verified<Proposal>,
    stances: BTreeMap<KeyId, Stance>,
}

fn vote() -> impl Strategy<Value = Vote> {
    let stances = btree_map(0..12_usize, stance(), 0..=12);
    (electorate(), rules(), threshold(), part(), stances).prop_map(
        |(electorate, rules, threshold, min_ready, stances)| {
            let proposal = Proposal { threshold, min_ready, ..samples::proposal() };
            let by_51 = samples::role(1, &[51]);
            let proposal = samples::signed(&proposal, &[51]).verify(&NETWORK, &by_51);
            let key = |at: usize| samples::public(ELECTORS[at]).id();
            let stances = stances.into_iter().map(|(at, stance)| (key(at), stance)).collect();
            Vote { electorate, rules, proposal: proposal.expect("51 has signed it"), stances }
        },
    )
}

impl Vote {
    fn count(&self) -> Count {
        Weights::of(&self.electorate, &self.rules).count(&self.stances)
    }

    /// The same with one more ballot, or another one, of the elector at this place.
    fn with(&self, at: Index, stance: Stance) -> Self {
        let elector = at.get(&self.electorate.electors).key.id();
        let mut other = self.clone();
        other.stances.insert(elector, stance);
        other
    }

    /// The model: what those who stand so weigh together, in n-ths of a weight.
    fn weigh(&self, stands: impl Fn(Option<&Stance>) -> bool) -> u128 {
        let share = u128::from(self.rules.operator_share);
        let all: u128 = self.electorate.electors.iter().map(|one| u128::from(one.weight)).sum();
        let mut sums: BTreeMap<String, u128> = BTreeMap::new();
        for one in &self.electorate.electors {
            if stands(self.stances.get(&one.key.id())) {
                *sums.entry(one.operator.to_string()).or_default() += u128::from(one.weight);
            }
        }
        sums.into_values().map(|sum| (sum * share).min(all)).sum()
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn votes_read_back_and_are_written_as_by_hand(
        proposal in proposal(),
        ballot in ballot(),
        fork in fork_id(),
    ) {
        prop_assert_eq!(reads_back(&proposal), by_hand::votes::proposal(&proposal));
        let bytes = reads_back(&ballot);
        prop_assert_eq!(&bytes, &by_hand::votes::ballot(&ballot));
        let asked = updraft_protocol::BootstrapRequest::Fork { network: NETWORK, fork };
        prop_assert!(reads_back(&asked).ends_with(&by_hand::votes::fork_id(&fork)));
    }

    #[test]
    fn decisions_and_proofs_read_back(certificate in certificate(), proof in double_vote()) {
        reads_back(&certificate);
        reads_back(&proof);
    }

    #[test]
    fn ranges_are_the_indices_that_they_were_made_of(
        indices in vec(prop_oneof![0..40_u32, 0..u32::MAX], 0..80),
    ) {
        let ranges = ChunkRange::pack(&indices);
        let mut sorted = indices;
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert_eq!(ChunkRange::unpack(&ranges).collect::<Vec<_>>(), sorted);
        // No fewer ranges hold them: between two there is always a number that is not wanted.
        for pair in ranges.windows(2) {
            prop_assert!(pair[0].first + pair[0].count < pair[1].first);
        }
    }
}

proptest! {
    #![proptest_config(cases(1_024))]

    #[test]
    fn a_count_is_what_plain_sums_say(vote in vote()) {
        let count = vote.count();
        let ready = |stance: &Stance| matches!(stance, Stance::Ready { .. });
        let is = |wanted: Stance| move |stance: Option<&Stance>| stance == Some(&wanted);
        prop_assert_eq!(count.affirmative, vote.weigh(|stance| stance.is_some_and(Stance::is_for)));
        prop_assert_eq!(count.ready, vote.weigh(|stance| stance.is_some_and(ready)));
        prop_assert_eq!(count.against, vote.weigh(is(Stance::No)));
        prop_assert_eq!(count.cancel, vote.weigh(is(Stance::Cancel)));
        prop_assert_eq!(count.abstain, vote.weigh(is(Stance::Abstain)));
        let open = |stance: Option<&Stance>| !matches!(stance, Some(Stance::No | Stance::Cancel));
        prop_assert_eq!(count.possible, vote.weigh(open));
        let all = vote.electorate.total_weight();
        prop_assert_eq!(count.total, u128::from(all) * u128::from(vote.rules.operator_share));
    }

    #[test]
    fn no_operator_counts_more_than_its_share(vote in vote()) {
        let weights = Weights::of(&vote.electorate, &vote.rules);
        let electors = &vote.electorate.electors;
        for elector in electors {
            let same = electors.iter().filter(|other| other.operator == elector.operator);
            let keys: Vec<KeyId> = same.map(|other| other.key.id()).collect();
            let counted = weights.together(&keys) * u128::from(vote.rules.operator_share);
            prop_assert!(counted <= weights.total());
        }
        prop_assert!(weights.count(&BTreeMap::new()).possible <= weights.total());
    }

    #[test]
    fn one_more_who_is_for_it_never_undoes_a_decision(vote in vote(), at: Index, is_ready: bool) {
        let elector = at.get(&vote.electorate.electors).key.id();
        let stance = if is_ready { samples::ready() } else { Stance::Yes };
        let was_ready = matches!(vote.stances.get(&elector), Some(Stance::Ready { .. }));
        prop_assume!(is_ready || !was_ready);
        let more = vote.with(at, stance);
        prop_assert!(more.count().is_decided(&vote.proposal) || !vote.count().is_decided(&vote.proposal));
    }

    #[test]
    fn one_more_who_is_not_for_it_never_decides(vote in vote(), at: Index, kind in 0..3_usize) {
        let stance = [Stance::No, Stance::Abstain, Stance::Cancel][kind];
        let more = vote.with(at, stance);
        prop_assert!(!more.count().is_decided(&vote.proposal) || vote.count().is_decided(&vote.proposal));
    }

    #[test]
    fn who_is_silent_or_abstains_has_not_agreed(vote in vote(), at: Index) {
        let abstains = vote.with(at, Stance::Abstain);
        let elector = at.get(&vote.electorate.electors).key.id();
        let mut silent = vote.clone();
        silent.stances.remove(&elector);
        let (abstains, silent) = (abstains.count(), silent.count());
        prop_assert_eq!(abstains.outlook(&vote.proposal), silent.outlook(&vote.proposal));
        prop_assert_eq!(Count { abstain: silent.abstain, ..abstains }, silent);
    }

    #[test]
    fn a_vote_is_rejected_exactly_when_nobody_who_is_left_could_turn_it(vote in vote()) {
        let mut best = vote.clone();
        for elector in &vote.electorate.electors {
            let stance = best.stances.entry(elector.key.id()).or_insert(Stance::Abstain);
            if !matches!(stance, Stance::No | Stance::Cancel) {
                *stance = samples::ready();
            }
        }
        let could = best.count().is_decided(&vote.proposal);
        match vote.count().outlook(&vote.proposal) {
            Outlook::Rejected => prop_assert!(!could),
            Outlook::Cancelled => {}
            Outlook::Decided | Outlook::Unready | Outlook::Undecided => prop_assert!(could),
        }
    }

    #[test]
    fn nothing_is_decided_and_cancelled_by_the_same_ballots(vote in vote()) {
        let count = vote.count();
        prop_assert!(!(count.is_decided(&vote.proposal) && count.is_cancelled(&vote.proposal)));
    }

    #[test]
    fn three_operators_decide_nothing_in_production(vote in vote()) {
        let rules = Rules::of(NetworkKind::Production);
        let mut electorate = vote.electorate.clone();
        for (at, elector) in electorate.electors.iter_mut().enumerate() {
            elector.operator = samples::name(&format!("operator-{}", at % 3));
        }
        let everybody = electorate.electors.iter().map(|one| (one.key.id(), samples::ready()));
        let all = Vote { stances: everybody.collect(), electorate, rules, ..vote };
        prop_assert_eq!(all.count().outlook(&all.proposal), Outlook::Rejected);
    }
}

/// Ballots of the electors of root 4 on its proposal, in drawn order.
fn ballots() -> impl Strategy<Value = Vec<(u8, Stance)>> {
    (subsequence(samples::ELECTORS.to_vec(), 0..=7).prop_shuffle(), vec(stance(), 7))
        .prop_map(|(electors, stances)| electors.into_iter().zip(stances).collect())
}

fn received(n: u8, stance: Stance) -> Signed<Ballot> {
    samples::signed(&Ballot { epoch: EPOCH + 1, ..samples::ballot(n, stance) }, &[n])
}

proptest! {
    #![proptest_config(cases(128))]

    /// A certificate proves what the count says.
    #[test]
    fn a_certificate_proves_what_its_ballots_weigh(mut drawn in ballots(), cancels: bool) {
        let decision = if cancels { Decision::Cancel } else { Decision::LockIn };
        let (electorate, rules) = (samples::electorate(), Rules::of(NetworkKind::Production));
        let proposal = samples::signed(&samples::proposal(), &[51]);
        drawn.sort_by_key(|(n, _)| samples::public(*n).id());
        let ballots = drawn.iter().map(|(n, stance)| received(*n, *stance)).collect();
        let certificate = Certificate { decision, proposal: proposal.clone(), ballots };
        reads_back(&certificate);
        let stances = drawn.iter().map(|(n, stance)| (samples::public(*n).id(), *stance)).collect();
        let by_51 = samples::role(1, &[51]);
        let verified = proposal.verify(&NETWORK, &by_51).expect("51 has signed it");
        let artifacts = samples::proposal().artifacts;
        let unnamed = drawn.iter().any(|(_, stance)| match stance {
            Stance::Ready { artifact, .. } => !artifacts.contains(artifact),
            _ => false,
        });
        let vote = Vote { electorate: electorate.clone(), rules, proposal: verified.clone(), stances };
        let proved = match decision {
            Decision::LockIn => vote.count().is_decided(&verified),
            Decision::Cancel => vote.count().is_cancelled(&verified),
        };
        let expected = match (unnamed, proved) {
            (true, _) => Err(NotDecided::OtherArtifact),
            (false, true) => Ok(verified),
            (false, false) => Err(NotDecided::TooFew),
        };
        prop_assert_eq!(certificate.judge(&NETWORK, &electorate, &rules), expected);
    }
}
