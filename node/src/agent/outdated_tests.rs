//! Which components a vote is said to have left behind, and which are not.

use super::{
    changing::{runs, runs_one_and_hears_of_two},
    *,
};
use crate::agent::{
    JobError,
    lifecycle::{Component, Following},
};

#[test]
fn a_component_that_a_vote_has_left_behind_is_told_of_until_it_runs_what_speaks_the_protocol() {
    let (mut desk, proposal) = runs_one_and_hears_of_two("demo-app", 2);
    desk.decide(&proposal, 11);
    let warnings = |desk: &Desk, at| desk.machine.rule_warnings(now(at));
    assert_eq!(warnings(&desk, 30), [], "it is on its way");
    nobody_has_it(&mut desk, 11);
    assert_eq!(warnings(&desk, 11), [], "it is decided, and not in force");
    desk.at(30);
    nobody_has_it(&mut desk, 30);
    let warned = warnings(&desk, 30);
    assert_eq!((warned.len(), warned[0].code), (1, Code::LeftBehind));
    let says = ["since p-1", "demo-app@1.0.0 may not speak it", "demo-app@2.0.0 does, and nobody"];
    assert!(says.iter().all(|part| warned[0].detail.contains(part)), "{warned:?}");
    runs(&mut desk, "2.0.1");
    assert_eq!(warnings(&desk, 31), []);
    runs(&mut desk, "1.9.0");
    assert_eq!(warnings(&desk, 31).len(), 1);
    desk.machine.components.values_mut().for_each(|one| one.following = Following::No);
    assert_eq!(warnings(&desk, 31), [], "nobody follows it here");
}

#[test]
fn after_a_way_back_nobody_is_warned_of_what_spoke_the_old_protocol_all_the_time() {
    let (mut desk, there) = runs_one_and_hears_of_two("demo-app", 2);
    desk.decide(&there, 11);
    desk.at(30);
    nobody_has_it(&mut desk, 30);
    assert_eq!(desk.machine.rule_warnings(now(30)).len(), 1, "protocol 2 is in force");
    let back = desk.proposal(|proposal| {
        proposal.line = "demo-app".parse().expect("a name");
        (proposal.number, proposal.from, proposal.to) = (2, 2, 1);
        (proposal.opens, proposal.lock_deadline) = (epoch(31), epoch(40));
        (proposal.activation, proposal.grace_end) = (Activation::Epoch(epoch(50)), epoch(60));
        proposal.release = "3.0.0".parse().expect("a version");
    });
    desk.decide(&back, 32);
    desk.at(50);
    nobody_has_it(&mut desk, 50);
    assert_eq!(desk.machine.protocol_of(&"demo-app".parse().expect("a name"), now(50)), 1);
    assert_eq!(desk.machine.rule_warnings(now(50)), []);
}

/// The end of the fetch that is under way.
fn nobody_has_it(desk: &mut Desk, at: u64) {
    let job = desk.machine.components.values().find_map(Component::busy).expect("one is under way");
    let nobody = Err(JobError::NoHolders("nobody has it".to_owned()));
    desk.machine.handle(Input::Fetched(job, nobody), now(at));
}
