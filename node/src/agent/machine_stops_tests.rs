//! What a node does not do, whatever a peer gives or keeps silent about.

use updraft_protocol::{ChannelName, ChannelRole, HeadMark};

use super::*;

#[test]
fn what_is_stopped_while_its_bytes_come_does_not_go_live() {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("1.0.0", |_| {});
    let first = job(&world.hear(gossip, 0)).expect("begun");
    let rival = world.publisher.sign(&world.publisher.head(1, None, &[]), &[1, 2]);
    let actions = world.hear(Gossip::announce(rival.as_ref().clone(), None), 1);
    assert!(place(&actions, |a| matches!(a, Action::KeepStatement(_))).is_some(), "a fork");
    let actions = world.machine.handle(Input::Fetched(first.id, Ok(Fetched::default())), now(2));
    assert!(place(&actions, |a| matches!(a, Action::Install(..))).is_none(), "{actions:?}");
    assert!(matches!(world.stage(), Stage::Waiting { .. }));
}

#[test]
fn nothing_is_installed_by_itself_before_a_peer_has_said_what_else_is_said_or_kept_silent_for_long()
{
    for silent in [true, false] {
        let mut world = World::new(Duty::Full);
        world.machine.handle(Input::PeerCame(1), now(0));
        let gossip = world.release("1.0.0", |_| {});
        assert!(job(&world.hear(gossip, 1)).is_none(), "it may be paused");
        if silent {
            let due = world.machine.next_wakeup();
            assert!(due <= Duration::from_secs(30), "{due:?}");
            assert!(job(&world.machine.handle(Input::Tick, now(29))).is_none());
            assert!(job(&world.machine.handle(Input::Tick, now(30))).is_some());
        } else {
            let told = world.machine.handle(Input::News(1, Some(nothing_new())), now(2));
            assert!(job(&told).is_some());
        }
    }
}

#[test]
fn an_update_that_began_fresh_does_not_go_live_when_that_is_long_ago() {
    for (late, goes_live) in [(1_599, true), (1_600, false)] {
        let mut world = World::new(Duty::Full);
        let gossip = world.release("1.0.0", |_| {});
        let first = job(&world.hear(gossip, 0)).expect("begun");
        world.machine.handle(Input::Tick, now(1_000));
        world.machine.handle(Input::Tick, now(1_060));
        let fetched = Input::Fetched(first.id, Ok(Fetched::default()));
        let actions = world.machine.handle(fetched, now(late));
        let installs = place(&actions, |a| matches!(a, Action::Install(..))).is_some();
        assert_eq!(installs, goes_live, "its head ran out after 1,000 s, and it is {late} s");
    }
}

/// Its clock stood still while the machine slept.
#[test]
fn an_update_does_not_go_live_after_a_long_sleep() {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("1.0.0", |_| {});
    let first = job(&world.hear(gossip, 0)).expect("begun");
    let awake = Now { wall: NOW.plus(100_000), elapsed: Duration::from_secs(5) };
    let actions = world.machine.handle(Input::Fetched(first.id, Ok(Fetched::default())), awake);
    assert!(place(&actions, |a| matches!(a, Action::Install(..))).is_none());
}

#[test]
fn who_answers_nothing_useful_is_asked_again_after_a_pause_each_time() {
    let mut world = World::new(Duty::Full);
    let asked = |actions: &[Action<u8>]| place(actions, |a| matches!(a, Action::AskNews(..)));
    assert!(asked(&world.machine.handle(Input::PeerCame(1), now(0))).is_some());
    assert!(asked(&world.machine.handle(Input::News(1, None), now(0))).is_none());
    for second in [2, 5, 10] {
        let asks = asked(&world.machine.handle(Input::Tick, now(second)));
        assert!(asks.is_some(), "after {second} s");
        let nothing = Some(CatchUpAnswer::NotHeld);
        let actions = world.machine.handle(Input::News(1, nothing), now(second));
        assert!(asked(&actions).is_none(), "not at once: {actions:?}");
    }
}

#[test]
fn what_this_nodes_own_publisher_signs_teaches_it_no_time() {
    let mut world = World::new(Duty::Full);
    let ahead = Now { wall: NOW.plus(86_400), elapsed: Duration::ZERO };
    let manifest = world.publisher.sign(&world.publisher.manifest("1.0.0"), &[1, 2]);
    let head = Head {
        time: ahead.wall,
        expires: ahead.wall.plus(1_000),
        ..world.publisher.head(1, None, &[&manifest])
    };
    let head = world.publisher.sign(&head, &[1, 2]);
    let input = Input::Imported { head, manifest, by: "api".to_owned() };
    world.machine.handle(input, ahead);
    assert!(world.machine.catalog().head(&world.publisher.channel).is_some());
    assert_eq!(world.machine.catalog().trusted_time(NOW), NOW, "its clock was a day ahead");
}

#[test]
fn who_invents_channels_is_not_asked_again_for_more() {
    let mut world = World::new(Duty::Full);
    world.machine.handle(Input::PeerCame(1), now(0));
    let invented = |n: u8| {
        let channel = format!("made-up-{n}").parse().expect("a name");
        let head = Head { channel, ..world.publisher.head(1, None, &[]) };
        world.publisher.sign(&head, &[]).as_ref().clone()
    };
    let news = CatchUpAnswer::News {
        root_version: 1,
        heads: (0..64).map(invented).collect(),
        more: true,
        statements: Statement::fingerprint(&[]),
    };
    let actions = world.machine.handle(Input::News(1, Some(news)), now(1));
    assert!(place(&actions, |a| matches!(a, Action::AskNews(..))).is_none());
}

#[test]
fn two_newcomers_do_not_take_each_others_ignorance_for_an_answer() {
    let mut world = World::new(Duty::Full);
    assert!(world.machine.is_untold());
    world.machine.handle(Input::PeerCame(1), now(0));
    let (root_version, more) = (1, false);
    let news = |statements| {
        Some(CatchUpAnswer::News { root_version, heads: Vec::new(), more, statements })
    };
    let untold = Digest::from_bytes([0; 32]);
    let actions = world.machine.handle(Input::News(1, news(untold)), now(1));
    assert!(place(&actions, |a| matches!(a, Action::AskStatements(..))).is_none());
    let gossip = world.release("1.0.0", |_| {});
    assert!(job(&world.hear(gossip, 2)).is_none() && world.machine.is_untold());
    let told = news(Statement::fingerprint(&[]));
    let actions = world.machine.handle(Input::News(1, told.clone()), now(3));
    assert!(job(&actions).is_some());
    assert!(!world.machine.is_untold());
    // It tells others at once, and not when something else happens that they have to hear.
    let begins_to_tell = |actions: &[_]| place(actions, |a| matches!(a, Action::Told)).is_some();
    assert!(begins_to_tell(&actions) && actions.iter().any(Action::changes_what_is_said));
    assert!(!begins_to_tell(&world.machine.handle(Input::News(1, told), now(4))), "only once");
}

#[test]
fn what_was_told_and_could_not_be_kept_is_asked_for_again_and_not_vouched_for() {
    let mut world = World::new(Duty::Full);
    world.machine.handle(Input::PeerCame(1), now(0));
    let statements = Statement::fingerprint(&[]);
    let (root_version, more) = (1, false);
    let news = CatchUpAnswer::News { root_version, heads: Vec::new(), more, statements };
    let told = || Input::News(1, Some(news.clone()));
    world.machine.handle(told(), now(100));
    assert!(!world.machine.is_untold());
    let kept = world.publisher.catalog();
    let votes = Votes::new(Governance::new(kept.root()), Vec::new());
    world.machine.believe_again(kept, votes);
    assert!(world.machine.is_untold() && world.machine.waits_for_statements(now(100)));
    let asks = |actions: &[_]| place(actions, |a| matches!(a, Action::AskNews(1, _))).is_some();
    let at_once = world.machine.handle(Input::Tick, now(100));
    assert!(!asks(&at_once), "a full disk stays full for a while");
    assert!(asks(&world.machine.handle(Input::Tick, now(102))));
    let actions = world.machine.handle(told(), now(103));
    assert!(place(&actions, |a| matches!(a, Action::Told)).is_some() && !world.machine.is_untold());
}

#[test]
fn what_is_stopped_while_it_is_written_is_called_off_once() {
    let mut world = World::new(Duty::Full);
    let gossip = world.release("1.0.0", |_| {});
    let first = job(&world.hear(gossip, 0)).expect("begun");
    let actions = world.machine.handle(Input::Fetched(first.id, Ok(Fetched::default())), now(1));
    assert!(place(&actions, |a| matches!(a, Action::Install(..))).is_some());
    let rival = world.publisher.sign(&world.publisher.head(1, None, &[]), &[1, 2]);
    let called_off = |actions: &[Action<u8>]| {
        place(actions, |a| matches!(a, Action::CallOff(id, _) if *id == first.id))
    };
    let actions = world.hear(Gossip::announce(rival.as_ref().clone(), None), 2);
    assert!(called_off(&actions).is_some(), "a fork: {actions:?}");
    assert!(called_off(&world.machine.handle(Input::Tick, now(3))).is_none());
}

#[test]
fn a_channel_in_which_a_peer_leads_nowhere_hides_no_other() {
    let mut world = World::new(Duty::Full);
    let mut root = world.publisher.root();
    let beta: ChannelName = "beta".parse().expect("a name");
    root.release.insert(0, ChannelRole { channel: beta.clone(), role: Publisher::role(1, &[4]) });
    world.machine.catalog = world.publisher.catalog_under(&root);
    world.machine.handle(Input::PeerCame(1), now(0));
    // The second head of a channel of which nobody gives the first, and a good first one of another.
    let lost = Head { channel: beta, ..world.publisher.head(2, Some(Digest::of(b"lost")), &[]) };
    let lost = world.publisher.sign(&lost, &[4]);
    let good = world.publisher.sign(&world.publisher.head(1, None, &[]), &[1, 2]);
    let news = CatchUpAnswer::News {
        root_version: 1,
        heads: [&lost, &good].map(|head| head.as_ref().clone()).into(),
        more: true,
        statements: Statement::fingerprint(&[]),
    };
    let actions = world.machine.handle(Input::News(1, Some(news)), now(1));
    assert!(
        place(&actions, |a| matches!(a, Action::KeepHead(head, ..) if *head == good)).is_some()
    );
    let asked = |actions: &[Action<u8>]| {
        actions.iter().find_map(|action| match action {
            Action::AskNews(1, CatchUpRequest::Since { marks, .. }) => Some(marks.clone()),
            _ => None,
        })
    };
    let names = |marks: Vec<HeadMark>| -> Vec<String> {
        marks.iter().map(|mark| mark.channel.to_string()).collect()
    };
    assert_eq!(names(asked(&actions).expect("there is more")), ["stable"]);
    let news = CatchUpAnswer::News {
        root_version: 1,
        heads: Vec::new(),
        more: false,
        statements: Statement::fingerprint(&[]),
    };
    assert!(asked(&world.machine.handle(Input::News(1, Some(news)), now(2))).is_none());
    let (_, _, actions) = world.machine.check(now(3));
    assert_eq!(names(asked(&actions).expect("a person asks")), ["beta", "stable"]);
}

#[test]
fn who_was_away_begins_nothing_while_newer_releases_are_about_to_become_known_and_not_for_ever() {
    for tells in [true, false] {
        let mut world = World::new(Duty::Full);
        let messages = ["1.0.0", "1.1.0"].map(|version| world.release(version, |_| {}));
        let heads = messages.map(|message| announced(message).0).to_vec();
        world.machine.handle(Input::PeerCame(1), now(0));
        let statements = Statement::fingerprint(&[]);
        let news = CatchUpAnswer::News { root_version: 1, heads, more: false, statements };
        world.machine.handle(Input::News(1, Some(news)), now(1));
        let give = |world: &mut World, n: usize, at| {
            let manifest = world.releases[n].as_ref().clone();
            let (digest, answer) = (manifest.digest(), CatchUpAnswer::Manifest(manifest));
            world.machine.handle(Input::Manifest(1, digest, Some(answer)), now(at))
        };
        assert!(job(&give(&mut world, 0, 2)).is_none(), "1.1.0 may come, and a way to it");
        let (begun, version) = if tells {
            (give(&mut world, 1, 3), "1.1.0")
        } else {
            assert!(world.machine.next_wakeup() <= Duration::from_secs(11));
            (world.machine.handle(Input::Tick, now(11)), "1.0.0")
        };
        assert_eq!(job(&begun).expect("begun").manifest.version.to_string(), version);
    }
}
