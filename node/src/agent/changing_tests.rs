//! What a node does when a vote comes into force, and when its own program cannot follow.

use std::collections::BTreeMap;

use updraft_protocol::Head;

use super::*;
use crate::{
    agent::{Consent, Fetched, InstallOrder, JobError, OperationId, RouteChoice},
    governance::Elector,
};

#[test]
fn a_decision_in_force_moves_the_node_to_other_topics_and_keeps_the_old_ones_through_the_grace() {
    let mut desk = Desk::speaking(2);
    desk.at(1);
    let old = desk.publisher.network.fork_digest(&[]);
    let proposal = desk.proposal(|_| {});
    let new = desk.publisher.network.fork_digest(&[digest_of(&proposal)]);
    let listens = |actions: &[Action<u8>]| {
        actions.iter().find_map(|action| match action {
            Action::Listen(listening) => {
                let also: Vec<_> = listening.also.iter().copied().collect();
                Some((listening.current, also))
            }
            _ => None,
        })
    };
    let protocol = |actions: &[Action<u8>]| {
        actions.iter().find_map(|action| match action {
            Action::Speak(speech) => Some((speech.protocol, speech.packs)),
            _ => None,
        })
    };
    let decided = desk.decide(&proposal, 11);
    assert_eq!(listens(&decided), Some((old, vec![new])), "it listens before it has to");
    assert_eq!(protocol(&decided), None);
    desk.at(29);
    let due = Duration::from_secs(30);
    assert_eq!(desk.machine.next_wakeup(), due, "nobody has to wake it");
    assert_eq!(desk.machine.proposals(now(33)).len(), 1);
    assert_eq!(desk.machine.next_wakeup(), due, "and whoever only looks does not put it off");
    let active = desk.at(30);
    assert_eq!((listens(&active), protocol(&active)), (Some((new, vec![old])), Some((2, true))));
    assert!(desk.machine.speaks_singly(now(40)));
    let over = desk.at(41);
    assert_eq!((listens(&over), protocol(&over)), (Some((new, vec![])), None));
    assert!(!desk.machine.speaks_singly(now(41)));
}

#[test]
fn a_vote_back_to_the_old_protocol_is_followed_like_any_other() {
    let mut desk = Desk::speaking(2);
    let there = desk.proposal(|_| {});
    desk.decide(&there, 11);
    desk.at(30);
    assert_eq!(
        (desk.machine.speech(now(30)).protocol, desk.machine.speech(now(30)).packs),
        (2, true)
    );
    let back = desk.proposal(|proposal| {
        (proposal.from, proposal.to) = (2, 1);
        (proposal.opens, proposal.lock_deadline) = (epoch(31), epoch(40));
        (proposal.activation, proposal.grace_end) = (Activation::Epoch(epoch(50)), epoch(60));
    });
    desk.decide(&back, 32);
    desk.at(49);
    assert_eq!(desk.machine.speech(now(49)).protocol, 2, "it is decided, and not in force");
    let active = desk.at(50);
    let spoken = active.iter().find_map(|action| match action {
        Action::Speak(speech) => Some((speech.protocol, speech.packs, speech.understood)),
        _ => None,
    });
    assert_eq!(spoken, Some((1, false, Understood::Yes)));
    assert!(desk.machine.speaks_singly(now(61)), "it is the protocol in force");
    let digests = [digest_of(&there), digest_of(&back)];
    let fork = desk.publisher.network.fork_digest(&digests);
    assert_eq!(desk.machine.fork_id(now(50)).digest, fork, "and no return to the first rules");
}

#[test]
fn a_peer_that_may_not_have_heard_which_rules_are_followed_is_told_again_until_it_has() {
    let mut desk = Desk::speaking(2);
    desk.caught_up(1);
    let proposal = desk.proposal(|_| {});
    desk.decide(&proposal, 11);
    let new = desk.publisher.network.fork_digest(&[digest_of(&proposal)]);
    let told = |actions: &[Action<u8>]| {
        actions
            .iter()
            .any(|action| matches!(action, Action::AskFork(1, _, fork) if fork.digest == new))
    };
    assert!(told(&desk.at(30)), "the rules have changed");
    let mut at = 30;
    for pause in [1, 2, 4] {
        desk.machine.handle(Input::Forked(1, None), now(at));
        assert!(desk.machine.next_wakeup() <= now(at + pause).elapsed);
        assert!(pause == 1 || !told(&desk.at(at + pause - 1)));
        at += pause;
        assert!(told(&desk.at(at)) && !told(&desk.at(at)), "after {pause} s, and once");
    }
    desk.machine.handle(Input::Forked(1, Some(ForkId { digest: new, next: None })), now(at));
    assert!((at..at + 200).all(|at| !told(&desk.at(at))));
}

#[test]
fn a_peer_that_keeps_to_former_rules_is_answered_through_the_grace_and_no_longer() {
    let mut desk = Desk::speaking(2);
    desk.machine.handle(Input::PeerCame(1), now(1));
    let proposal = desk.proposal(|_| {});
    desk.decide(&proposal, 11);
    let old = ForkId { digest: desk.publisher.network.fork_digest(&[]), next: None };
    desk.machine.handle(Input::Forked(1, Some(old)), now(31));
    assert!(desk.machine.answers(&1, now(40)));
    assert!(!desk.machine.answers(&1, now(41)));
    let informed = desk.machine.fork_id(now(35));
    desk.machine.handle(Input::Forked(1, Some(informed)), now(41));
    assert!(desk.machine.answers(&1, now(41)));
}

#[test]
fn who_comes_back_into_a_network_with_other_rules_installs_nothing_before_it_knows_them() {
    let mut desk = Desk::speaking(2);
    desk.caught_up(1);
    let other = ForkId { digest: ForkDigest([9; 4]), next: None };
    desk.machine.handle(Input::Forked(1, Some(other)), now(2));
    let bugfix = Manifest {
        kind: updraft_protocol::ReleaseKind::Bugfix,
        ..desk.publisher.manifest("1.0.0")
    };
    let manifest = desk.publisher.sign(&bugfix, &[1, 2]);
    let head = desk.publisher.sign(&desk.publisher.head(1, None, &[&manifest]), &[1, 2]);
    let fetches = |actions: &[Action<u8>]| actions.iter().any(|a| matches!(a, Action::Fetch(_)));
    let input = Input::Imported { head, manifest, by: "test".to_owned() };
    assert!(!fetches(&desk.machine.handle(input, now(3))));
    assert!(!fetches(&desk.at(600)), "however long it takes");
    let same = desk.machine.fork_id(now(600));
    assert!(fetches(&desk.machine.handle(Input::Forked(1, Some(same)), now(600))));
}

#[test]
fn a_peer_that_awaits_other_rules_is_asked_for_the_decision() {
    let mut desk = Desk::speaking(2);
    desk.caught_up(1);
    let digest = desk.publisher.network.fork_digest(&[]);
    let asks = |actions: &[Action<u8>]| {
        actions.iter().any(|action| matches!(action, Action::AskNews(1, _)))
    };
    let same = desk.machine.handle(Input::Forked(1, Some(ForkId { digest, next: None })), now(2));
    assert!(!asks(&same));
    let awaits = ForkId { digest, next: Some(epoch(30)) };
    assert!(asks(&desk.machine.handle(Input::Forked(1, Some(awaits)), now(2))));
}

#[test]
fn a_program_that_cannot_follow_says_so_and_acts_by_no_rules_that_are_over() {
    let mut desk = Desk::speaking(1);
    desk.caught_up(1);
    let proposal = desk.proposal(|_| {});
    desk.decide(&proposal, 11);
    assert!(desk.machine.left_behind(now(29)).is_none());
    let active = desk.at(30);
    let says = |action: &Action<u8>| matches!(action, Action::Emit(What::LeftBehind { detail }) if detail.contains("install one by hand"));
    assert!(active.iter().any(says), "{active:?}");
    assert_eq!(desk.machine.speech(now(30)).understood, Understood::No);
    assert!(!desk.machine.answers(&1, now(30)));
    let yes = desk.ballot(12, &proposal, 2, Stance::Cancel, 30);
    assert_eq!(verdict(&desk.hear(&yes, 30)), Some(Verdict::Ignore));
    // A release that it would have installed.
    let manifest = Manifest {
        kind: updraft_protocol::ReleaseKind::Bugfix,
        ..desk.publisher.manifest("1.0.0")
    };
    let manifest = desk.publisher.sign(&manifest, &[1, 2]);
    let head = desk.publisher.sign(&desk.publisher.head(1, None, &[&manifest]), &[1, 2]);
    let (head, by) = (head, "test".to_owned());
    let actions = desk.machine.handle(Input::Imported { head, manifest, by }, now(31));
    assert!(
        !actions.iter().any(|action| matches!(action, Action::Fetch(_) | Action::Announce(_))),
        "{actions:?}"
    );
}

#[test]
fn what_the_certificate_names_takes_the_place_of_the_program_and_no_namesake_of_another_channel() {
    let mut desk = Desk::speaking(1);
    desk.caught_up(1);
    let of_updraft = |version: &str, notes: &str| Manifest {
        component: "updraft".parse().expect("a name"),
        notes: notes.to_owned(),
        ..desk.publisher.manifest(version)
    };
    let namesake = of_updraft("2.0.0", "another build");
    desk.artifact = desk.publisher.sign(&of_updraft("2.0.0", "the one that was voted on"), &[1, 2]);
    let namesake = desk.publisher.sign(&namesake, &[1, 2]);
    let proposal = desk.proposal(|_| {});
    desk.decide(&proposal, 11);
    let behind = desk.machine.left_behind(now(30)).expect("it stays out");
    let offer = |desk: &mut Desk, manifest: &Arc<Signed<Manifest>>, seq, prev| {
        let head = desk.publisher.head(seq, prev, &[manifest]);
        let head = desk.publisher.sign(&head, &[1, 2]);
        let (manifest, by) = (manifest.clone(), "test".to_owned());
        let input = Input::Imported { head: head.clone(), manifest, by };
        (head.digest(), desk.machine.handle(input, now(31)))
    };
    let (first, actions) = offer(&mut desk, &namesake, 1, None);
    assert!(!actions.iter().any(|action| matches!(action, Action::Fetch(_))), "{actions:?}");
    assert!(desk.machine.successor(&behind, now(31)).is_none());
    let artifact = desk.artifact.clone();
    let (_, actions) = offer(&mut desk, &artifact, 2, Some(first));
    let staged = actions.iter().find_map(|action| match action {
        Action::Fetch(job) => Some((job.release, job.extent)),
        _ => None,
    });
    assert_eq!(
        staged,
        Some((artifact.digest(), Extent::Stage { protocol: 2, trial: Trial::Demanded }))
    );
}

#[test]
fn an_operator_who_does_not_want_the_new_protocol_keeps_the_node_out() {
    let mut desk = Desk::with(2, |rules| rules.auto_activate = false);
    let proposal = desk.proposal(|_| {});
    desk.decide(&proposal, 11);
    let behind = desk.machine.left_behind(now(30)).expect("it stays out");
    assert!(behind.told_not_to);
    assert!(desk.machine.rule_warnings(now(30))[0].detail.contains("auto_activate"));
}

#[test]
fn a_release_that_needs_a_protocol_waits_for_the_vote_and_is_installed_by_it() {
    let mut desk = Desk::speaking(2);
    desk.caught_up(1);
    // Settings install no features without asking; the vote asks.
    let needs = Manifest { needs_protocol: Some(2), ..desk.publisher.manifest("2.0.0") };
    desk.artifact = desk.publisher.sign(&needs, &[1, 2]);
    let head = desk.publisher.sign(&desk.publisher.head(1, None, &[&desk.artifact]), &[1, 2]);
    let message = Gossip::announce(head.as_ref().clone(), Some(desk.artifact.as_ref().clone()));
    desk.machine.handle(Input::Gossip { token: 1, from: 1, message }, now(2));
    let held = |desk: &Desk, at| {
        let statuses = desk.machine.component_statuses(&Default::default(), now(at));
        statuses[0].held.clone().map(|held| held.detail)
    };
    let detail = held(&desk, 3).expect("it waits");
    assert!(detail.contains("needs protocol 2 of demo-app"), "{detail}");
    let proposal = desk.proposal(|proposal| proposal.line = "demo-app".parse().expect("a name"));
    desk.decide(&proposal, 11);
    assert!(held(&desk, 29).is_some());
    let order = InstallOrder {
        component: "demo-app".parse().expect("a name"),
        version: None,
        channel: None,
        extent: Extent::Install,
        route: RouteChoice::Cheapest,
        consent: Consent { force: true, ..Consent::default() },
        by: "test".to_owned(),
    };
    let named = InstallOrder { version: "2.0.0".parse().ok(), ..order.clone() };
    for order in [&order, &named] {
        let refused = desk.machine.install(order, now(29)).expect_err("it does not run yet");
        assert_eq!(refused.code, Code::RequirementMissing, "nothing else is on offer");
    }
    let runs = desk.publisher.sign(&desk.publisher.manifest("1.0.0"), &[1, 2]);
    let first = desk.publisher.head(1, None, &[&desk.artifact]);
    let first = desk.publisher.sign(&first, &[1, 2]).digest();
    let head = desk.publisher.head(2, Some(first), &[&desk.artifact, &runs]);
    let head = desk.publisher.sign(&head, &[1, 2]);
    let message = Gossip::announce(head.as_ref().clone(), Some(runs.as_ref().clone()));
    desk.machine.handle(Input::Gossip { token: 2, from: 1, message }, now(29));
    let found = desk.machine.find(&order, now(29)).expect("the newest that runs");
    assert_eq!(found.known.manifest.version.to_string(), "1.0.0");
    let refused = desk.machine.install(&named, now(29)).expect_err("it does not run yet");
    assert_eq!(refused.code, Code::RequirementMissing);
    assert!(refused.to_string().contains("needs protocol 2 of demo-app"), "{refused}");
    let active = desk.at(30);
    let job = active.iter().find_map(|action| match action {
        Action::Fetch(job) => Some(job.clone()),
        _ => None,
    });
    let job = job.expect("it is installed");
    assert_eq!((job.extent, job.release), (Extent::Install, desk.artifact.digest()));
    assert_eq!(
        desk.machine.protocol_of(&ending::own_component(), now(30)),
        1,
        "that is another line"
    );
}

#[test]
fn what_a_vote_has_decided_is_staged_ahead_and_only_the_own_program_has_to_try_itself() {
    for (line, speaks, trial) in [("demo-app", 2, Trial::Spared), ("updraft", 1, Trial::Demanded)] {
        let (mut desk, proposal) = runs_one_and_hears_of_two(line, speaks);
        let decided = desk.decide(&proposal, 11);
        let extent = fetched(&decided).map(|(_, extent)| extent);
        assert_eq!(extent, Some(Extent::Stage { protocol: 2, trial }), "{line}");
    }
}

/// A node that runs 1.0.0 of the component that it follows, and a vote that names 2.0.0 of a line, which is on offer.
pub(super) fn runs_one_and_hears_of_two(line: &str, speaks: u32) -> (Desk, Arc<Statement>) {
    let mut desk = Desk::speaking(speaks);
    desk.caught_up(1);
    let component: updraft_protocol::ComponentName = line.parse().expect("a name");
    runs(&mut desk, "1.0.0");
    let manifest = Manifest { component: component.clone(), ..desk.publisher.manifest("2.0.0") };
    desk.artifact = desk.publisher.sign(&manifest, &[1, 2]);
    let head = long_head(&desk.publisher, 1, None, &[&desk.artifact]);
    let message = Gossip::announce(head.as_ref().clone(), Some(desk.artifact.as_ref().clone()));
    desk.machine.handle(Input::Gossip { token: 1, from: 1, message }, now(2));
    let proposal = desk.proposal(|proposal| proposal.line = component);
    (desk, proposal)
}

/// Has a version of what it follows installed.
pub(super) fn runs(desk: &mut Desk, version: &str) {
    let manifest = desk.publisher.manifest(version);
    let tree = manifest.tree.object.digest;
    let followed = desk.machine.components.values_mut().next().expect("it follows one");
    followed.installed = Some(InstalledVersion { version: manifest.version, tree });
}

/// A head that is fresh for hours.
fn long_head(
    publisher: &Publisher,
    seq: u64,
    prev: Option<Digest>,
    listed: &[&Arc<Signed<Manifest>>],
) -> Arc<Signed<Head>> {
    let head = Head { expires: NOW.plus(10_000), ..publisher.head(seq, prev, listed) };
    publisher.sign(&head, &[1, 2])
}

fn fetched(actions: &[Action<u8>]) -> Option<(OperationId, Extent)> {
    actions.iter().find_map(|action| match action {
        Action::Fetch(job) => Some((job.id, job.extent)),
        _ => None,
    })
}

#[test]
fn a_node_that_stays_out_tries_the_program_that_failed_again_after_an_hour() {
    let (mut desk, proposal) = runs_one_and_hears_of_two("updraft", 1);
    let decided = desk.decide(&proposal, 11);
    let (job, _) = fetched(&decided).expect("it is made ready");
    let slow = Err(JobError::Unfit("`updraft` took more than 30 s".to_owned()));
    desk.machine.handle(Input::Fetched(job, Ok(Fetched::default())), now(20));
    assert_eq!(fetched(&desk.machine.handle(Input::Staged(job, slow), now(20))), None);
    for at in [30, 31, 3_619] {
        assert_eq!(fetched(&desk.at(at)), None, "at {at}");
    }
    let detail = &desk.machine.rule_warnings(now(3_619))[0].detail.clone();
    assert!(detail.contains("does not help: `updraft` took more than 30 s"), "{detail}");
    let again = Extent::Stage { protocol: 2, trial: Trial::Demanded };
    let (job, extent) = fetched(&desk.at(3_620)).expect("it is tried again");
    assert_eq!((extent, &desk.machine.rule_warnings(now(3_620))[0].detail), (again, detail));
    let slow = Err(JobError::Unfit("`updraft` took more than 30 s".to_owned()));
    desk.machine.handle(Input::Fetched(job, Ok(Fetched::default())), now(3_630));
    desk.machine.handle(Input::Staged(job, slow), now(3_630));

    // Another, which may do better, comes first; until it has failed as well.
    let first = long_head(&desk.publisher, 1, None, &[&desk.artifact]).digest();
    let mended =
        Manifest { component: ending::own_component(), ..desk.publisher.manifest("2.0.1") };
    let mended = desk.publisher.sign(&mended, &[1, 2]);
    let head = long_head(&desk.publisher, 2, Some(first), &[&desk.artifact, &mended]);
    let (manifest, by) = (mended.clone(), "test".to_owned());
    let actions = desk.machine.handle(Input::Imported { head, manifest, by }, now(3_640));
    let job = actions.iter().find_map(|action| match action {
        Action::Fetch(job) => Some(job.clone()),
        _ => None,
    });
    let job = job.expect("it is tried at once");
    assert_eq!((job.release, job.extent), (mended.digest(), again));
    let unfit = Err(JobError::Unfit("`updraft` ended with 1".to_owned()));
    desk.machine.handle(Input::Fetched(job.id, Ok(Fetched::default())), now(3_641));
    desk.machine.handle(Input::Staged(job.id, unfit), now(3_641));
    assert_eq!(fetched(&desk.at(7_229)), None);
    assert!(fetched(&desk.at(7_230)).is_some(), "the one that was voted on, an hour later");
}

#[test]
fn what_has_no_self_test_is_staged_ahead_all_the_same_by_an_elector_who_tried_it() {
    let (mut desk, proposal) = runs_one_and_hears_of_two("demo-app", 2);
    desk.machine.votes.elector = Some(Elector::new(id(OWN), BTreeMap::new()));
    desk.hear(&proposal, 11);
    let tries = desk.hear(&desk.ballot(OWN, &proposal, 1, Stance::Yes, 11), 11);
    let (job, extent) = fetched(&tries).expect("an elector tries what it is for");
    assert_eq!(extent, Extent::Stage { protocol: 2, trial: Trial::Demanded });
    let unfit = Err(JobError::Unfit("no self-test is known".to_owned()));
    desk.machine.handle(Input::Fetched(job, Ok(Fetched::default())), now(12));
    desk.machine.handle(Input::Staged(job, unfit), now(12));
    let ready = desk.ready();
    let others = ELECTORS[1..4].iter().map(|by| desk.ballot(*by, &proposal, 1, ready, 13));
    let others: Vec<Statement> = others.collect();
    let decided = others.iter().flat_map(|ballot| desk.hear(ballot, 13)).collect::<Vec<_>>();
    assert_eq!(desk.state(13), "locked in");
    let extent = fetched(&decided).map(|(_, extent)| extent);
    assert_eq!(extent, Some(Extent::Stage { protocol: 2, trial: Trial::Spared }));
}

#[test]
fn a_vote_by_height_waits_for_it_and_never_goes_back() {
    let mut desk = Desk::with(2, |rules| rules.knows_heights = true);
    let proposal = desk.proposal(|proposal| {
        proposal.line = "demo-app".parse().expect("a name");
        proposal.activation = Activation::Height { height: 700, not_before: epoch(30) };
    });
    desk.decide(&proposal, 11);
    assert!(desk.machine.waits_for_a_height());
    let keeps = |actions: &[Action<u8>]| {
        actions.iter().any(|action| matches!(action, Action::KeepHeight(_)))
    };
    assert!(!keeps(&desk.machine.handle(Input::Height(699), now(35))));
    assert!(!keeps(&desk.machine.handle(Input::Height(701), now(36))));
    assert_eq!(desk.state(36), "locked in", "said once: a source may err");
    let reached = desk.machine.handle(Input::Height(702), now(36));
    let kept = reached.iter().position(|action| matches!(action, Action::KeepHeight(701)));
    let moved = |action: &Action<u8>| matches!(action, Action::Emit(What::ProposalMoved { .. }));
    let moves = reached.iter().position(moved);
    assert!(kept.is_some() && kept < moves, "{reached:?}");
    assert_eq!(desk.state(36), "active");
    desk.machine.handle(Input::Height(3), now(37));
    desk.machine.handle(Input::Height(3), now(37));
    assert_eq!(desk.state(37), "active");
    assert!(!desk.machine.waits_for_a_height());
}

#[test]
fn a_height_before_its_time_does_not_decide() {
    let mut desk = Desk::with(2, |rules| rules.knows_heights = false);
    let proposal = desk.proposal(|proposal| {
        proposal.line = "demo-app".parse().expect("a name");
        proposal.activation = Activation::Height { height: 700, not_before: epoch(30) };
    });
    desk.decide(&proposal, 11);
    assert!(desk.machine.rule_warnings(now(12))[0].detail.contains("height_command"));
    desk.machine.handle(Input::Height(700), now(20));
    desk.machine.handle(Input::Height(700), now(20));
    assert_eq!(desk.state(29), "locked in");
    assert_eq!(desk.state(30), "active");
}

#[test]
fn votes_on_something_unheard_of_by_more_than_a_third_are_a_warning() {
    let mut desk = Desk::speaking(2);
    let unheard = desk.proposal(|proposal| proposal.notes = "unheard of".to_owned());
    let first = desk.ballot(12, &unheard, 1, Stance::Yes, 11);
    desk.hear(&first, 11);
    assert!(desk.machine.rule_warnings(now(11)).is_empty());
    let second = desk.ballot(13, &unheard, 1, Stance::Yes, 11);
    desk.hear(&second, 11);
    assert!(desk.machine.rule_warnings(now(11))[0].detail.contains("more than a third"));
    desk.hear(&unheard, 11);
    assert!(desk.machine.rule_warnings(now(11)).is_empty(), "now it is heard of");
}

#[test]
fn a_statement_of_the_operator_about_a_vote_is_told_and_refused_with_its_reason() {
    let mut desk = Desk::speaking(2);
    let proposal = desk.proposal(|_| {});
    let (taken, actions) =
        desk.machine.say_on_a_vote(proposal.clone(), now(10)).expect("an elector's");
    assert_eq!((taken, told(&actions)), (Taken::New, vec!["proposal"]));
    let late = Arc::new(desk.ballot(12, &proposal, 1, Stance::Yes, 11));
    let refusal = desk.machine.say_on_a_vote(late, now(60)).expect_err("it is over");
    assert!(matches!(refusal, governance::Refusal::OutsideTheVote { .. }));
}

#[test]
fn that_it_goes_on_although_it_was_to_be_replaced_is_remembered_with_the_reason() {
    let mut desk = Desk::speaking(2);
    assert_eq!(desk.machine.not_started_again(), None);
    desk.machine.handle(Input::NotStartedAgain("three times".to_owned()), now(1));
    assert_eq!(desk.machine.not_started_again(), Some("three times"));
}
