//! What is made ready for a later day: when it is tried, when it is not, and what is forgotten.

use super::*;
use crate::{
    agent::{
        order::Trial,
        staging::{Staged, Wanted},
    },
    catalog::Known,
    trial::Tried,
};

const BY: &str = "test";

fn updraft() -> ComponentName {
    "updraft".parse().expect("a name")
}

/// A node that follows `demo-app` and has heard of a release of `updraft`, which it does not follow.
fn elector() -> (World, Known) {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("2.0.0", |manifest| manifest.component = updraft());
    world.hear(gossip, 0);
    let known = newest(&world);
    (world, known)
}

fn newest(world: &World) -> Known {
    let digest = world.releases.last().expect("released").digest();
    world.machine.catalog().manifest(&digest).expect("believed").clone()
}

fn stage(
    world: &mut World,
    known: &Known,
    protocol: u32,
    at: u64,
) -> (OperationId, Vec<Action<u8>>) {
    stage_as(world, known, protocol, Trial::Demanded, at)
}

fn stage_as(
    world: &mut World,
    known: &Known,
    protocol: u32,
    trial: Trial,
    at: u64,
) -> (OperationId, Vec<Action<u8>>) {
    let mut actions = Vec::new();
    let name = known.manifest.component.clone();
    let id = world.machine.stage(&name, known, protocol, trial, BY, now(at), &mut actions);
    (id, actions)
}

fn wanted(known: &Known, protocol: u32) -> Wanted {
    Wanted { component: updraft(), release: known.signed.digest(), protocol }
}

fn staged<'a>(
    world: &'a World,
    known: &Known,
    protocol: u32,
) -> Option<&'a Result<Staged, String>> {
    world.machine.staged(&updraft(), &known.signed.digest(), protocol)
}

fn tried(known: &Known, protocol: u32) -> Staged {
    let printed = Digest::of(b"works");
    let tried = Some(Tried { printed, said: "works".to_owned() });
    Staged { version: known.manifest.version.clone(), protocol, tried }
}

fn spared(known: &Known) -> Staged {
    Staged { version: known.manifest.version.clone(), protocol: 2, tried: None }
}

/// Lets the bytes come.
fn fetch(world: &mut World, actions: &[Action<u8>], at: u64) -> Vec<Action<u8>> {
    let job = job(actions).expect("a fetch was begun");
    world.machine.handle(Input::Fetched(job.id, Ok(Fetched::default())), now(at))
}

fn end(
    world: &mut World,
    id: OperationId,
    end: Result<Staged, JobError>,
    at: u64,
) -> Vec<Action<u8>> {
    world.machine.handle(Input::Staged(id, end), now(at))
}

fn is_stage(action: &Action<u8>) -> bool {
    matches!(action, Action::Stage(..))
}

fn kept_ahead(actions: &[Action<u8>]) -> Option<Vec<String>> {
    actions.iter().find_map(|action| match action {
        Action::KeepAhead(_, versions) => Some(versions.iter().map(ToString::to_string).collect()),
        _ => None,
    })
}

fn outcome(world: &World, id: OperationId) -> &Outcome {
    &world.machine.operations().get(id).expect("noted").outcome
}

#[test]
fn a_release_that_is_not_followed_is_fetched_built_and_tried_and_never_switched_to() {
    let (mut world, known) = elector();
    let (id, actions) = stage(&mut world, &known, 2, 1);
    let actions = fetch(&mut world, &actions, 2);
    assert!(actions.iter().any(is_stage), "{actions:?}");
    assert!(place(&actions, |a| matches!(a, Action::Install(..))).is_none());
    assert_eq!(staged(&world, &known, 2), None, "not known yet");
    end(&mut world, id, Ok(tried(&known, 2)), 3);
    assert_eq!(staged(&world, &known, 2), Some(&Ok(tried(&known, 2))));
    assert!(matches!(outcome(&world, id), Outcome::Done));
    let component = world.machine.component(&updraft()).expect("known");
    assert_eq!((component.stage(), &component.installed), (&Stage::Idle, &None));
    let shown = world.machine.component_statuses(&BTreeMap::new(), now(4));
    assert!(shown.iter().all(|component| component.name != updraft()), "it is not followed");
}

#[test]
fn asking_again_is_free_and_another_protocol_is_another_trial() {
    let (mut world, known) = elector();
    let (id, actions) = stage(&mut world, &known, 2, 1);
    assert_eq!(stage(&mut world, &known, 2, 1).0, id);
    fetch(&mut world, &actions, 2);
    end(&mut world, id, Ok(tried(&known, 2)), 3);
    let (again, actions) = stage(&mut world, &known, 2, 4);
    assert!(again == id && actions.is_empty());
    let (other, actions) = stage(&mut world, &known, 3, 5);
    assert!(other != id && job(&actions).is_some());
    assert_eq!(staged(&world, &known, 3), None, "what it showed for 2 proves nothing for 3");
    assert_eq!(staged(&world, &known, 2), Some(&Ok(tried(&known, 2))));
}

#[test]
fn trials_for_two_protocols_follow_each_other_and_each_ends_once_and_for_its_own() {
    let (mut world, known) = elector();
    let (first, actions) = stage(&mut world, &known, 2, 1);
    fetch(&mut world, &actions, 2);
    let (second, actions) = stage(&mut world, &known, 3, 3);
    assert!(job(&actions).is_none(), "one at a time");
    let actions = end(&mut world, first, Ok(tried(&known, 2)), 4);
    assert_eq!(job(&actions).expect("the other one begins").id, second);
    fetch(&mut world, &actions, 5);
    let actions = end(&mut world, second, Ok(tried(&known, 3)), 6);
    assert!(job(&actions).is_none(), "nothing is left to try");
    for protocol in [2, 3] {
        assert_eq!(staged(&world, &known, protocol), Some(&Ok(tried(&known, protocol))));
        assert!(job(&stage(&mut world, &known, protocol, 7).1).is_none());
    }
}

#[test]
fn an_answer_for_a_protocol_that_is_wanted_no_more_does_not_count() {
    let (mut world, known) = elector();
    let (id, actions) = stage(&mut world, &known, 2, 1);
    fetch(&mut world, &actions, 2);
    let mut actions = Vec::new();
    world.machine.unstage(&wanted(&known, 2), now(3), &mut actions);
    end(&mut world, id, Ok(tried(&known, 2)), 4);
    assert_eq!(staged(&world, &known, 2), None);
}

#[test]
fn the_tree_stays_until_no_protocol_wants_the_release() {
    let (mut world, known) = elector();
    for (protocol, at) in [(2, 1), (3, 4), (4, 7)] {
        let (id, actions) = stage(&mut world, &known, protocol, at);
        fetch(&mut world, &actions, at + 1);
        let unfit = || Err(JobError::Unfit("it does not speak that".into()));
        let result = if protocol == 4 { unfit() } else { Ok(tried(&known, protocol)) };
        let actions = end(&mut world, id, result, at + 2);
        let kept = (protocol == 4).then(|| vec!["2.0.0".to_owned()]);
        assert_eq!(kept_ahead(&actions), kept, "it is no good for 4, and is for the others");
    }
    let mut actions = Vec::new();
    world.machine.unstage(&wanted(&known, 2), now(10), &mut actions);
    assert_eq!(kept_ahead(&actions), Some(vec!["2.0.0".to_owned()]));
    let mut actions = Vec::new();
    world.machine.unstage(&wanted(&known, 3), now(11), &mut actions);
    assert_eq!(kept_ahead(&actions), Some(vec![]));
}

#[test]
fn what_does_not_work_is_told_and_not_tried_again_until_somebody_asks_anew() {
    for error in [JobError::Unfit("ended with 2".into()), JobError::Damaged("rotten".into())] {
        let (mut world, known) = elector();
        let (id, actions) = stage(&mut world, &known, 2, 1);
        fetch(&mut world, &actions, 2);
        let actions = end(&mut world, id, Err(error.clone()), 3);
        assert_eq!(staged(&world, &known, 2), Some(&Err(error.to_string())));
        assert!(matches!(outcome(&world, id), Outcome::Failed(_)));
        assert!(
            place(&actions, |a| matches!(a, Action::Emit(What::UpdateFailed { .. }))).is_some()
        );
        assert_eq!(kept_ahead(&actions), Some(vec![]), "nobody needs what does not work");
        assert!(place(&actions, |a| matches!(a, Action::KeepComponent(_))).is_none());
        assert!(job(&stage(&mut world, &known, 2, 4).1).is_none());
        assert!(job(&world.machine.handle(Input::Tick, now(900))).is_none());
        let mut actions = Vec::new();
        world.machine.unstage(&wanted(&known, 2), now(901), &mut actions);
        assert!(job(&stage(&mut world, &known, 2, 902).1).is_some());
    }
}

#[test]
fn a_failure_that_is_not_the_releases_is_tried_again_after_a_pause() {
    let (mut world, known) = elector();
    let (id, actions) = stage(&mut world, &known, 2, 1);
    let job_id = job(&actions).expect("begun").id;
    let nobody = Err(JobError::NoHolders("nobody".into()));
    let actions = world.machine.handle(Input::Fetched(job_id, nobody), now(2));
    assert!(job(&actions).is_none() && matches!(outcome(&world, id), Outcome::Failed(_)));
    assert_eq!(staged(&world, &known, 2), None);
    let due = world.machine.next_wakeup();
    let actions = world.machine.handle(Input::Tick, now(due.as_secs() + 1));
    let again = job(&actions).expect("tried again");
    assert_ne!(again.id, id);
    assert_eq!(stage(&mut world, &known, 2, 60).0, again.id, "whoever asks is told the newest");
}

#[test]
fn a_busy_component_is_waited_for() {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("1.0.0", |_| {});
    let installing = world.hear(gossip, 0);
    let known = newest(&world);
    let (id, actions) = stage(&mut world, &known, 2, 1);
    assert!(actions.is_empty() && matches!(outcome(&world, id), Outcome::Running));
    let actions = world.complete(&installing, 2);
    assert_eq!(job(&actions).expect("its turn").id, id);
}

#[test]
fn what_is_ready_stays_while_other_versions_are_installed() {
    let mut world = World::new(Duty::Full);
    let breaking = |manifest: &mut Manifest| manifest.compatibility = Compatibility::Breaking;
    let gossip = world.release("2.0.0", breaking);
    world.hear(gossip, 0);
    let known = newest(&world);
    let (id, actions) = stage(&mut world, &known, 2, 1);
    fetch(&mut world, &actions, 2);
    end(&mut world, id, Ok(tried(&known, 2)), 3);
    let gossip = world.release("1.0.1", |_| {});
    let other = job(&world.hear(gossip, 4)).expect("an update that settings allow");
    assert_eq!(other.extent, Extent::Install);
    assert_eq!(other.ahead, BTreeSet::from(["2.0.0".parse().expect("a version")]));
}

#[test]
fn what_leaves_its_channel_is_forgotten_and_its_place_given_back() {
    let (mut world, known) = elector();
    let (id, actions) = stage(&mut world, &known, 2, 1);
    fetch(&mut world, &actions, 2);
    end(&mut world, id, Ok(tried(&known, 2)), 3);
    world.releases.clear();
    let gossip = world.release("1.0.0", |_| {});
    let actions = world.hear(gossip, 4);
    assert_eq!(kept_ahead(&actions), Some(vec![]), "{actions:?}");
    assert_eq!(staged(&world, &known, 2), None);
}

#[test]
fn code_of_a_release_that_was_stopped_meanwhile_does_not_run() {
    let (mut world, known) = elector();
    let (id, actions) = stage(&mut world, &known, 2, 1);
    let rival = world.publisher.sign(&world.publisher.head(1, None, &[]), &[1, 2]);
    world.hear(Gossip::announce(rival.as_ref().clone(), None), 2);
    let actions = fetch(&mut world, &actions, 3);
    assert!(!actions.iter().any(is_stage), "its channel has two histories: {actions:?}");
    assert!(matches!(outcome(&world, id), Outcome::Failed(_)));
    assert!(job(&world.machine.handle(Input::Tick, now(900))).is_none(), "it stays frozen");
}

#[test]
fn a_trial_that_has_begun_is_called_off_when_its_release_is_stopped() {
    let (mut world, known) = elector();
    let (id, actions) = stage(&mut world, &known, 2, 1);
    fetch(&mut world, &actions, 2);
    let rival = world.publisher.sign(&world.publisher.head(1, None, &[]), &[1, 2]);
    let actions = world.hear(Gossip::announce(rival.as_ref().clone(), None), 3);
    assert!(place(&actions, |a| matches!(a, Action::CallOff(off, _) if *off == id)).is_some());
}

#[test]
fn what_nobody_claims_after_a_restart_goes_within_an_hour() {
    let mut world = World::new(Duty::Full);
    assert_eq!(kept_ahead(&world.machine.handle(Input::Tick, now(3_599))), None);
    assert_eq!(kept_ahead(&world.machine.handle(Input::Tick, now(3_600))), Some(vec![]));
    assert_eq!(kept_ahead(&world.machine.handle(Input::Tick, now(3_700))), None, "once");
}

#[test]
fn what_was_only_staged_is_tried_when_that_is_demanded_and_what_was_tried_is_staged_as_well() {
    let (mut world, known) = elector();
    let (id, actions) = stage_as(&mut world, &known, 2, Trial::Spared, 1);
    assert_eq!(
        job(&actions).expect("begun").extent,
        Extent::Stage { protocol: 2, trial: Trial::Spared }
    );
    fetch(&mut world, &actions, 2);
    let actions = end(&mut world, id, Ok(spared(&known)), 3);
    let told = actions.iter().find_map(|action| match action {
        Action::Emit(what @ What::ReleaseStaged { .. }) => Some(what.in_words()),
        _ => None,
    });
    assert_eq!(told.as_deref(), Some("updraft@2.0.0 lies staged for protocol 2"));
    assert_eq!(stage_as(&mut world, &known, 2, Trial::Spared, 4).0, id, "asking again is free");
    let (other, actions) = stage(&mut world, &known, 2, 5);
    assert_ne!(other, id);
    fetch(&mut world, &actions, 6);
    end(&mut world, other, Ok(tried(&known, 2)), 7);
    assert_eq!(stage_as(&mut world, &known, 2, Trial::Spared, 8).0, other, "it serves both");
}

#[test]
fn a_release_without_a_self_test_is_staged_for_who_spares_it_one() {
    let (mut world, known) = elector();
    let (id, actions) = stage(&mut world, &known, 2, 1);
    fetch(&mut world, &actions, 2);
    end(&mut world, id, Err(JobError::Unfit("no self-test is known".into())), 3);
    let (other, actions) = stage_as(&mut world, &known, 2, Trial::Spared, 4);
    assert_ne!(other, id);
    fetch(&mut world, &actions, 5);
    end(&mut world, other, Ok(spared(&known)), 6);
    assert_eq!(staged(&world, &known, 2), Some(&Ok(spared(&known))));
}

#[test]
fn who_is_replaced_before_it_has_begun_is_told_so() {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("1.0.0", |_| {});
    world.hear(gossip, 0);
    let known = newest(&world);
    let (first, actions) = stage_as(&mut world, &known, 2, Trial::Spared, 1);
    assert!(actions.is_empty(), "the component is busy");
    stage(&mut world, &known, 2, 2);
    assert!(matches!(outcome(&world, first), Outcome::Failed(_)));
}

#[test]
fn what_one_of_them_wants_no_more_goes_and_what_others_asked_for_stays() {
    let (mut world, known) = elector();
    let (id, actions) = stage(&mut world, &known, 2, 1);
    fetch(&mut world, &actions, 2);
    end(&mut world, id, Ok(tried(&known, 2)), 3);
    let mut actions = Vec::new();
    world.machine.unstage_unless("somebody else", |_| false, now(4), &mut actions);
    let own = wanted(&known, 2);
    world.machine.unstage_unless(BY, |what| *what == own, now(4), &mut actions);
    assert!(actions.is_empty() && staged(&world, &known, 2).is_some());
    world.machine.unstage_unless(BY, |_| false, now(5), &mut actions);
    assert_eq!(kept_ahead(&actions), Some(vec![]));
    assert_eq!(staged(&world, &known, 2), None);
}
