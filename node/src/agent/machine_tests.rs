//! The agent's rules, with values: what a node does about what it hears.

use std::{sync::Arc, time::Duration};

use updraft_protocol::{Compatibility, Head, ReleaseKind, Statement};

use updraft_protocol::Target;

use super::*;

use crate::catalog::Verdict;
use crate::{
    agent::{
        Consent, Extent, Fetched, InstallOrder, Installation, InstalledVersion, Leg, Outcome,
        RollbackOrder, RouteChoice, fake::rules, lifecycle::Stage,
    },
    policy::AutoUpdate,
    problem::Code,
    testing::{NOW, Publisher},
};
use updraft_protocol::{CatchUpAnswer, Gossip, Manifest, Signed};

fn now(seconds: u64) -> Now {
    Now { wall: NOW.plus(seconds), elapsed: Duration::from_secs(seconds) }
}

fn auto() -> AutoUpdate {
    AutoUpdate { enabled: true, security: true, feature: true, bugfix: true, breaking: false }
}

fn target() -> Target {
    "x86_64-unknown-linux-gnu".parse().expect("a target")
}

fn name() -> ComponentName {
    "demo-app".parse().expect("a name")
}

/// A publisher with a chain of heads, and a node that follows `demo-app`.
struct World {
    publisher: Publisher,
    releases: Vec<Arc<Signed<Manifest>>>,
    last: Option<Arc<Signed<Head>>>,
    machine: Machine<u8>,
}

impl World {
    fn new(duty: Duty) -> Self {
        let publisher = Publisher::new();
        let rules = Rules { duty, target: target(), auto: auto(), ..rules(&publisher) };
        let component = Component::new(name(), publisher.channel.clone(), target(), auto());
        let machine = Machine::new(rules, publisher.catalog(), vec![component], BTreeSet::new());
        Self { publisher, releases: Vec::new(), last: None, machine }
    }

    /// The publisher's next head, with one more release.
    fn release(&mut self, version: &str, change: impl FnOnce(&mut Manifest)) -> Gossip {
        let mut manifest = self.publisher.manifest(version);
        change(&mut manifest);
        let manifest = self.publisher.sign(&manifest, &[1, 2]);
        self.releases.push(manifest.clone());
        let seq = self.last.as_ref().map_or(1, |last| last.peek().expect("valid").seq + 1);
        let listed: Vec<_> = self.releases.iter().collect();
        let head = self.publisher.head(seq, self.last.as_ref().map(|last| last.digest()), &listed);
        let head = self.publisher.sign(&head, &[1, 2]);
        self.last = Some(head.clone());
        Gossip::announce(head.as_ref().clone(), Some(manifest.as_ref().clone()))
    }

    fn hear(&mut self, message: Gossip, at: u64) -> Vec<Action<u8>> {
        self.machine.handle(Input::Gossip { token: 7, from: 1, message }, now(at))
    }

    fn stage(&self) -> Stage {
        self.machine.component(&name()).expect("followed").stage().clone()
    }

    fn order(&self) -> InstallOrder {
        InstallOrder {
            component: name(),
            version: None,
            channel: None,
            extent: Extent::Install,
            route: RouteChoice::Cheapest,
            consent: Consent::default(),
            by: "test".to_owned(),
        }
    }

    /// Lets the installation under way end well.
    fn complete(&mut self, actions: &[Action<u8>], at: u64) -> Vec<Action<u8>> {
        let job = job(actions).expect("a fetch was begun");
        let manifest = job.manifest.clone();
        let fetched = Fetched {
            route: vec![Leg {
                to: manifest.clone(),
                from: None,
                blob: manifest.whole.digest,
                in_part: false,
            }],
            ..Fetched::default()
        };
        let kept =
            self.machine.component(&name()).and_then(|c| c.installed.clone()).into_iter().collect();
        self.machine.handle(Input::Fetched(job.id, Ok(fetched)), now(at));
        let installed = InstalledVersion {
            version: manifest.version.clone(),
            tree: manifest.tree.object.digest,
        };
        self.machine.handle(Input::Installed(job.id, Ok(Installation { installed, kept })), now(at))
    }
}

fn job(actions: &[Action<u8>]) -> Option<Job> {
    actions.iter().find_map(|action| match action {
        Action::Fetch(job) => Some(job.clone()),
        _ => None,
    })
}

fn verdict(actions: &[Action<u8>]) -> Option<Verdict> {
    actions.iter().find_map(|action| match action {
        Action::Verdict(7, verdict) => Some(*verdict),
        _ => None,
    })
}

fn place(actions: &[Action<u8>], is: impl Fn(&Action<u8>) -> bool) -> Option<usize> {
    actions.iter().position(is)
}

/// What an announcement carries.
fn announced(message: Gossip) -> (Signed<Head>, Option<Signed<Manifest>>) {
    match message {
        Gossip::Announcement { head, manifest } => (head, manifest),
        other => panic!("not an announcement: {other:?}"),
    }
}

#[test]
fn a_good_announcement_is_kept_before_it_is_passed_on_and_fetched() {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("1.0.0", |_| {});
    let actions = world.hear(gossip, 0);
    let head = place(&actions, |a| matches!(a, Action::KeepHead(..))).expect("kept");
    let manifest = place(&actions, |a| matches!(a, Action::KeepManifest(..))).expect("kept");
    let verdict =
        place(&actions, |a| matches!(a, Action::Verdict(7, Verdict::Accept))).expect("accepted");
    let fetch = place(&actions, |a| matches!(a, Action::Fetch(_))).expect("fetched");
    assert!(head < manifest && manifest < verdict && verdict < fetch);
}

#[test]
fn a_forged_announcement_is_rejected_and_nothing_is_kept() {
    let mut world = World::new(Duty::Full);
    let (head, manifest) = announced(world.release("1.0.0", |_| {}));
    let mut forged = Signed::unsigned(&head.peek().expect("valid")).expect("valid");
    forged.sign(&Publisher::key(66), &world.publisher.network);
    let actions = world.hear(Gossip::Announcement { head: forged, manifest }, 0);
    assert_eq!(verdict(&actions), Some(Verdict::Reject));
    assert!(
        place(&actions, |a| matches!(
            a,
            Action::KeepHead(..) | Action::KeepManifest(..) | Action::Fetch(_)
        ))
        .is_none()
    );
}

#[test]
fn an_announcement_heard_twice_is_not_passed_on_again_and_nobody_is_blamed() {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("1.0.0", |_| {});
    world.hear(gossip.clone(), 0);
    assert_eq!(verdict(&world.hear(gossip, 1)), Some(Verdict::Ignore));
}

#[test]
fn a_node_that_missed_heads_asks_for_them_and_goes_on() {
    let mut world = World::new(Duty::Full);
    let first = world.release("1.0.0", |_| {});
    let second = world.release("1.1.0", |_| {});
    world.machine.handle(Input::PeerCame(1), now(0));
    world.machine.handle(Input::News(1, Some(CatchUpAnswer::NotHeld)), now(0));
    let actions = world.hear(second.clone(), 1);
    assert_eq!(verdict(&actions), Some(Verdict::Accept));
    assert!(place(&actions, |a| matches!(a, Action::AskNews(1, _))).is_some());
    let heads = [first, second].map(|message| announced(message).0).to_vec();
    let news = CatchUpAnswer::News {
        root_version: 1,
        heads,
        more: false,
        statements: Statement::fingerprint([]),
    };
    let actions = world.machine.handle(Input::News(1, Some(news)), now(2));
    let wanted: Vec<Digest> = actions
        .iter()
        .filter_map(|action| match action {
            Action::AskManifest(_, digest) => Some(*digest),
            _ => None,
        })
        .collect();
    assert_eq!(wanted.len(), 1, "one question at a time with one peer");
    let manifest =
        world.releases.iter().find(|m| m.digest() == wanted[0]).expect("listed").as_ref().clone();
    let answer = Some(CatchUpAnswer::Manifest(manifest));
    let actions = world.machine.handle(Input::Manifest(1, wanted[0], answer), now(3));
    assert!(place(&actions, |a| matches!(a, Action::AskManifest(_, _))).is_some(), "then the next");
}

#[test]
fn what_was_dropped_unseen_is_asked_for_of_who_brought_it() {
    let mut world = World::new(Duty::Full);
    for peer in [1, 2] {
        world.machine.handle(Input::PeerCame(peer), now(0));
        world.machine.handle(Input::News(peer, Some(nothing_new())), now(0));
    }
    let asks = |actions: &[Action<u8>]| place(actions, |a| matches!(a, Action::AskNews(1, _)));
    let actions = world.machine.handle(Input::Missed(1), now(1));
    assert!(asks(&actions).is_some());
    assert!(place(&actions, |a| matches!(a, Action::AskNews(2, _))).is_none());
    // What is under way may be answered already: more that was dropped meanwhile is asked for after it.
    let actions = world.machine.handle(Input::Missed(1), now(2));
    assert!(asks(&actions).is_none());
    let actions = world.machine.handle(Input::News(1, Some(nothing_new())), now(2));
    assert!(asks(&actions).is_some());
    let CatchUpAnswer::News { root_version, heads, more, .. } = nothing_new() else { panic!() };
    let statements = Statement::fingerprint(&[Digest::of(b"a ballot that was dropped")]);
    let more_said = CatchUpAnswer::News { root_version, heads, more, statements };
    let actions = world.machine.handle(Input::News(1, Some(more_said)), now(3));
    assert!(place(&actions, |a| matches!(a, Action::AskStatements(1, _, None))).is_some());
}

#[test]
fn a_peer_that_answers_with_another_manifest_is_accused() {
    let mut world = World::new(Duty::Full);
    let (head, manifest) = announced(world.release("1.0.0", |_| {}));
    world.machine.handle(Input::PeerCame(1), now(0));
    let news = CatchUpAnswer::News {
        root_version: 1,
        heads: vec![head],
        more: false,
        statements: Statement::fingerprint([]),
    };
    world.machine.handle(Input::News(1, Some(news)), now(0));
    let other = world.publisher.sign(&world.publisher.manifest("6.6.6"), &[1, 2]).as_ref().clone();
    let wanted = manifest.expect("together").digest();
    let answer = Some(CatchUpAnswer::Manifest(other));
    let actions = world.machine.handle(Input::Manifest(1, wanted, answer), now(1));
    assert!(place(&actions, |a| matches!(a, Action::Accuse(1))).is_some());
}

#[test]
fn an_update_runs_from_announcement_to_history() {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("1.0.0", |_| {});
    let actions = world.hear(gossip, 0);
    let actions = world.complete(&actions, 1);
    assert!(place(&actions, |a| matches!(a, Action::KeepComponent(_))).is_some());
    assert!(
        place(&actions, |a| matches!(a, Action::Record(line) if line.error.is_none())).is_some()
    );
    assert_eq!(world.stage(), Stage::Idle);
    let gossip = world.release("1.1.0", |_| {});
    let next = job(&world.hear(gossip, 2)).expect("the next one");
    assert_eq!(next.base.map(|base| base.version.to_string()), Some("1.0.0".to_owned()));
    assert_eq!(next.others.len(), 1, "a route may lead through the release before");
}

#[test]
fn a_patch_that_leads_elsewhere_is_left_out_and_the_whole_is_the_last_word() {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("1.0.0", |_| {});
    let first = job(&world.hear(gossip, 0)).expect("begun");
    let patch = Digest::of(b"patch");
    let wrong = |blob| Err(JobError::WrongRoute { blob, error: "wrong digest".to_owned() });
    world.machine.handle(Input::Fetched(first.id, Ok(Fetched::default())), now(1));
    let actions = world.machine.handle(Input::Installed(first.id, wrong(patch)), now(2));
    let again = job(&actions).expect("another route");
    assert!(again.excluded.contains(&patch) && again.id == first.id);
    world.machine.handle(Input::Fetched(first.id, Ok(Fetched::default())), now(3));
    world.machine.handle(Input::Installed(first.id, wrong(first.manifest.whole.digest)), now(4));
    let component = world.machine.component(&name()).expect("followed");
    assert!(component.quarantined.contains_key(&first.release), "it is not tried again by itself");
    assert!(job(&world.machine.handle(Input::Tick, now(100_000))).is_none());
}

#[test]
fn a_fetch_without_holders_waits_and_a_new_peer_ends_the_wait() {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("1.0.0", |_| {});
    let first = job(&world.hear(gossip, 0)).expect("begun");
    let none = Err(JobError::NoHolders("nobody".to_owned()));
    let actions = world.machine.handle(Input::Fetched(first.id, none), now(1));
    assert!(job(&actions).is_none());
    assert!(world.machine.next_wakeup() <= Duration::from_secs(10));
    world.machine.handle(Input::PeerCame(3), now(1));
    let actions = world.machine.handle(Input::News(3, Some(nothing_new())), now(1));
    assert!(job(&actions).is_some());
}

/// What a peer answers that knows as much as this node and has heard nothing beside heads.
fn nothing_new() -> CatchUpAnswer {
    let statements = Statement::fingerprint(&[]);
    CatchUpAnswer::News { root_version: 1, heads: Vec::new(), more: false, statements }
}

#[test]
fn going_back_stays_back_until_somebody_asks() {
    let mut world = World::new(Duty::Full);
    for version in ["1.0.0", "1.1.0"] {
        let gossip = world.release(version, |_| {});
        let actions = world.hear(gossip, 0);
        world.complete(&actions, 0);
    }
    let order = RollbackOrder { component: name(), to: None, reason: None, by: "test".to_owned() };
    let (id, actions) = world.machine.rollback(&order, now(1)).expect("kept");
    let keep = place(&actions, |a| matches!(a, Action::KeepComponent(_))).expect("the pin is kept");
    let back = place(&actions, |a| matches!(a, Action::SwitchBack { .. })).expect("switched");
    assert!(keep < back, "the pin is kept before the switch");
    let component = world.machine.component(&name()).expect("followed");
    let (installed, newer) =
        (component.kept[0].clone(), component.installed.clone().expect("installed"));
    let installation = Installation { installed, kept: vec![newer] };
    let actions = world.machine.handle(Input::Installed(id, Ok(installation)), now(2));
    assert!(job(&actions).is_none());
    assert!(matches!(
        world.machine.operations().get(id).map(|o| o.outcome.clone()),
        Some(Outcome::Done)
    ));
    assert!(job(&world.machine.handle(Input::Tick, now(100_000))).is_none());
    assert!(world.machine.install(&world.order(), now(100_001)).is_ok());
}

#[test]
fn orders_that_cannot_be_followed_say_why_and_change_nothing() {
    let mut world = World::new(Duty::Full);
    for version in ["1.0.0", "2.0.0"] {
        let gossip = world.release(version, |_| {});
        let actions = world.hear(gossip, 0);
        if job(&actions).is_some() {
            world.complete(&actions, 0);
        }
    }
    let gossip = world.release("3.0.0", |manifest| {
        manifest.compatibility = Compatibility::Breaking;
        manifest.min_version = Some("2.5.0".parse().expect("a version"));
    });
    world.hear(gossip, 0);
    let version = |text: &str| Some(text.parse().expect("a version"));
    let other = InstallOrder { component: "other".parse().expect("a name"), ..world.order() };
    for (order, code) in [
        (other, Code::ComponentUnknown),
        (InstallOrder { version: version("9.9.9"), ..world.order() }, Code::ReleaseUnknown),
        (InstallOrder { version: version("1.0.0"), ..world.order() }, Code::DowngradeRefused),
        (InstallOrder { version: version("2.0.0"), ..world.order() }, Code::Failed),
        (InstallOrder { version: version("3.0.0"), ..world.order() }, Code::FloorRequired),
    ] {
        let problem = world.machine.install(&order, now(1)).expect_err("refused");
        assert_eq!(problem.code, code);
        assert!(problem.hint.is_some(), "{code:?} says what to do");
        assert_eq!(world.stage(), Stage::Idle);
    }
}

#[test]
fn a_release_of_a_kind_that_settings_hold_is_shown_and_not_fetched() {
    let mut world = World::new(Duty::Full);
    if let Some(component) = world.machine.components.get_mut(&name()) {
        component.auto.feature = false;
    }
    let gossip = world.release("1.0.0", |manifest| manifest.kind = ReleaseKind::Feature);
    assert!(job(&world.hear(gossip, 0)).is_none());
    let status = world.machine.component_statuses(&BTreeMap::new(), now(0)).remove(0);
    let held = status.held.expect("held");
    assert_eq!(held.reason.as_str(), "policy");
    assert!(held.detail.contains("updraft install demo-app"), "{}", held.detail);
}

#[test]
fn a_seed_copies_releases_and_installs_nothing() {
    let mut world = World::new(Duty::Seed);
    let gossip = world.release("1.0.0", |_| {});
    let actions = world.hear(gossip, 0);
    assert!(job(&actions).is_none());
    let Some(Action::Mirror(release, manifest)) =
        actions.into_iter().find(|action| matches!(action, Action::Mirror(..)))
    else {
        panic!("a copy is made")
    };
    let blobs: Vec<Digest> = manifest.blobs().map(|blob| blob.digest).collect();
    let actions = world.machine.handle(Input::Mirrored(release, Ok(blobs)), now(1));
    assert!(place(&actions, |a| matches!(a, Action::Provide(_))).is_some());
    assert!(place(&actions, |a| matches!(a, Action::Mirror(..))).is_none());
    assert!(world.machine.install(&world.order(), now(2)).is_err());
}

#[test]
fn an_expired_head_installs_nothing_by_itself_and_says_since_when() {
    let mut world = World::new(Duty::Full);
    let (head, manifest) = announced(world.release("1.0.0", |_| {}));
    let expires = head.peek().expect("valid").expires;
    let late = expires.since(NOW) + 1;
    world.machine.handle(Input::PeerCame(1), now(late));
    let news = CatchUpAnswer::News {
        root_version: 1,
        heads: vec![head],
        more: false,
        statements: Statement::fingerprint([]),
    };
    world.machine.handle(Input::News(1, Some(news)), now(late));
    let manifest = manifest.expect("together");
    let digest = manifest.digest();
    let answer = Some(CatchUpAnswer::Manifest(manifest));
    let actions = world.machine.handle(Input::Manifest(1, digest, answer), now(late));
    assert!(job(&actions).is_none());
    let status = world.machine.component_statuses(&BTreeMap::new(), now(late)).remove(0);
    assert_eq!(status.held.expect("held").reason.as_str(), "approval");
    assert!(world.machine.install(&world.order(), now(late)).is_ok(), "a person may");
}

#[test]
fn a_release_that_waits_for_a_person_does_not_hide_a_lower_one_that_mends() {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("1.0.0", |_| {});
    let actions = world.hear(gossip, 0);
    world.complete(&actions, 0);
    let gossip =
        world.release("2.0.0", |manifest| manifest.compatibility = Compatibility::Breaking);
    assert!(job(&world.hear(gossip, 1)).is_none());
    let gossip = world.release("1.0.1", |manifest| manifest.kind = ReleaseKind::Security);
    let next = job(&world.hear(gossip, 2)).expect("allowed");
    assert_eq!(next.manifest.version.to_string(), "1.0.1");
}

#[test]
fn a_downloaded_release_is_not_followed_and_a_consented_downgrade_stays() {
    let mut world = World::new(Duty::Full);
    world.machine.components.clear();
    for version in ["1.0.0", "1.1.0"] {
        let gossip = world.release(version, |_| {});
        assert!(job(&world.hear(gossip, 0)).is_none(), "nobody follows it");
    }
    let order = InstallOrder { extent: Extent::Download, ..world.order() };
    let (id, _) = world.machine.install(&order, now(1)).expect("on offer");
    let actions = world.machine.handle(Input::Fetched(id, Ok(Fetched::default())), now(2));
    assert!(job(&actions).is_none(), "what was only downloaded is not installed");
    assert!(world.machine.component_statuses(&BTreeMap::new(), now(2)).is_empty());

    let (_, actions) = world.machine.install(&world.order(), now(3)).expect("on offer");
    world.complete(&actions, 4);
    let consent = Consent { downgrade: true, force: false };
    let version = Some("1.0.0".parse().expect("a version"));
    let order = InstallOrder { version, consent, ..world.order() };
    let (_, actions) = world.machine.install(&order, now(5)).expect("consented");
    let actions = world.complete(&actions, 6);
    assert!(job(&actions).is_none() && job(&world.machine.handle(Input::Tick, now(7))).is_none());
}

#[path = "machine_stops_tests.rs"]
mod stops;

#[path = "staging_tests.rs"]
mod staging;
