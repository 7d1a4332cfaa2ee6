//! The sample values of votes: an electorate, what it votes on, how, and what comes of it.

use updraft_protocol::{
    Ballot, Certificate, Digest, DoubleVote, Elector, Electorate, ForkId, Proposal, Root, Signed,
    Stance, Statement,
    vote::{Activation, Decision, Fraction},
};

use super::{NETWORK, NOW, digest, name, public, root_3, signed};

/// Epochs of ten minutes.
const DAY: u64 = 144;
/// The epoch of [`NOW`].
pub(crate) const EPOCH: u64 = NOW.as_seconds() / 600;
/// Numbers of the electors' keys, in no order.
pub(crate) const ELECTORS: [u8; 7] = [51, 52, 53, 54, 55, 56, 57];

/// Seven electors of five operators, who weigh 15 together: one of them 5 with two keys, of which 3 count; two
/// more 3, the last two 2.
pub(crate) fn electorate() -> Electorate {
    let elector = |n, weight, operator| Elector {
        key: public(n),
        weight,
        operator: name::<updraft_protocol::OperatorName>(operator),
    };
    let electors = vec![
        elector(51, 3, "north"),
        elector(52, 2, "north"),
        elector(53, 3, "south-2"),
        elector(54, 3, "east"),
        elector(55, 2, "west"),
        elector(56, 1, "isle"),
        elector(57, 1, "isle"),
    ];
    Electorate::new(8, electors)
}

/// The fourth root: an electorate that can decide something takes the place of the one before, of whose votes two go on
/// counting.
pub(crate) fn root_4() -> Root {
    let mut counts = vec![digest(b"decided by electorate 7"), digest(b"open in electorate 7")];
    counts.sort();
    Root {
        version: 4,
        prev: Some(signed(&root_3(), &[]).digest()),
        electorate: Some(electorate()),
        counts,
        ..root_3()
    }
}

/// Elector 51 wants protocol 2 of the network itself, as soon as a network of production allows.
pub(crate) fn proposal() -> Proposal {
    let mut artifacts = vec![digest(b"manifest of 2.0.0"), digest(b"manifest of 2.0.0 for any")];
    artifacts.sort();
    Proposal {
        network: NETWORK,
        by: public(51).id(),
        number: 1,
        line: name("updraft"),
        from: 1,
        to: 2,
        release: name("2.0.0"),
        artifacts,
        electorate: 8,
        opens: EPOCH,
        lock_deadline: EPOCH + 3 * DAY,
        activation: Activation::Epoch(EPOCH + 5 * DAY),
        grace_end: EPOCH + 12 * DAY,
        threshold: Fraction { num: 2, den: 3 },
        min_ready: Fraction { num: 9, den: 10 },
        notes: "Fewer questions für kleine Stücke.\n".to_owned(),
    }
}

/// Elector 53 wants a component to go back to its protocol 7 at a height, and asks nobody to be ready.
pub(crate) fn proposal_by_height() -> Proposal {
    Proposal {
        by: public(53).id(),
        number: u32::MAX,
        line: name("demo-app"),
        from: 8,
        to: 7,
        artifacts: vec![digest(b"manifest of 2.0.0")],
        activation: Activation::Height { height: 1_000_000, not_before: EPOCH + 6 * DAY },
        grace_end: EPOCH + 13 * DAY,
        threshold: Fraction { num: 3, den: 4 },
        min_ready: Fraction { num: 0, den: 1 },
        notes: String::new(),
        ..proposal()
    }
}

/// The digest of [`proposal`].
pub(crate) fn proposal_digest() -> Digest {
    signed(&proposal(), &[]).digest()
}

/// What a node says that has staged the first artifact and tried it.
pub(crate) fn ready() -> Stance {
    Stance::Ready { artifact: proposal().artifacts[0], selftest: digest(b"2: ok\n") }
}

/// The first ballot of elector `n` on [`proposal`], cast while the vote opens.
pub(crate) fn ballot(n: u8, stance: Stance) -> Ballot {
    Ballot {
        network: NETWORK,
        by: public(n).id(),
        proposal: proposal_digest(),
        seq: 1,
        epoch: EPOCH,
        stance,
        reason: String::new(),
    }
}

/// One ballot for each stance, in the order of their numbers.
pub(crate) fn ballots() -> [Ballot; 5] {
    let reason = "zu früh".to_owned();
    [
        ballot(51, Stance::Yes),
        Ballot { reason, ..ballot(52, Stance::No) },
        ballot(53, Stance::Abstain),
        Ballot { seq: 2, epoch: EPOCH + 3 * DAY, ..ballot(54, ready()) },
        Ballot { epoch: EPOCH + 4 * DAY - 1, ..ballot(55, Stance::Cancel) },
    ]
}

/// Ballots as a certificate holds them: signed, by key id.
pub(crate) fn signed_ballots(
    ballots: impl IntoIterator<Item = (u8, Ballot)>,
) -> Vec<Signed<Ballot>> {
    let mut ballots: Vec<_> = ballots.into_iter().collect();
    ballots.sort_by_key(|(n, _)| public(*n).id());
    ballots.into_iter().map(|(n, ballot)| signed(&ballot, &[n])).collect()
}

fn decided(decision: Decision, stances: &[(u8, Stance)]) -> Certificate {
    let ballots = stances.iter().map(|(n, stance)| (*n, ballot(*n, *stance)));
    let proposal = signed(&proposal(), &[51]);
    Certificate { decision, proposal, ballots: signed_ballots(ballots) }
}

/// Eleven fifteenths are for it, and as many of them are ready as have to be, to the last part of a vote.
pub(crate) fn certificate() -> Certificate {
    let (ready, yes) = (ready(), Stance::Yes);
    decided(Decision::LockIn, &[(51, ready), (53, ready), (54, ready), (56, yes), (57, yes)])
}

/// The same weight calls it off.
pub(crate) fn certificate_of_cancelling() -> Certificate {
    let electors = [51, 53, 54, 56, 57];
    decided(Decision::Cancel, &electors.map(|n| (n, Stance::Cancel)))
}

/// Elector 52 has told one that it is for it, and another that it is not.
pub(crate) fn double_vote() -> DoubleVote {
    let said = |stance| signed(&ballot(52, stance), &[52]);
    DoubleVote::new(said(Stance::Yes), said(Stance::No))
}

/// One statement of each kind that is about a vote, in the order of their numbers.
pub(crate) fn votes() -> [Statement; 4] {
    [
        Statement::Proposal(signed(&proposal(), &[51])),
        Statement::Ballot(signed(&ballots()[3], &[54])),
        Statement::Certificate(Box::new(certificate())),
        Statement::DoubleVote(double_vote()),
    ]
}

/// The rules of a network in which nothing was decided, and in which `proposal` is in force and another is to come.
pub(crate) fn fork_ids() -> [ForkId; 2] {
    [
        ForkId { digest: NETWORK.fork_digest(&[]), next: None },
        ForkId { digest: NETWORK.fork_digest(&[proposal_digest()]), next: Some(EPOCH + 6 * DAY) },
    ]
}
