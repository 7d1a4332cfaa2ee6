//! Ways that are looked at again: who came, who left, and what turned out to be slow, between one blob and the next.

use std::num::NonZeroU64;

use super::*;

/// From 1.0.0 by patches through 1.1.0 to 1.2.0, and straight there by a patch of this size that nobody holds. The first
/// peer holds the two patches.
struct Crossing {
    world: World,
    middle: Manifest,
    goal: Manifest,
    straight: Blob,
}

impl Crossing {
    fn new(straight: u64) -> Self {
        let mut world = World { keeps: true, ..World::default() };
        let middle = world.release("1.1.0", "1.0.0");
        let mut goal = world.release("1.2.0", "1.1.0");
        let straight = world.blob("straight", straight);
        let offer = PatchOffer {
            from: version("1.0.0"),
            from_tree: tree("1.0.0"),
            blob: straight,
            ..goal.patches[0].clone()
        };
        goal.patches.push(offer);
        goal.patches.sort_by_key(|patch| (patch.from_tree, patch.codec));
        let mut crossing = Self { world, middle, goal, straight };
        let [first, second] = crossing.patches();
        crossing.world.peer(1, &[&first, &second]);
        crossing
    }

    /// The two patches through 1.1.0.
    fn patches(&self) -> [Blob; 2] {
        let of = |release: &Manifest, before| {
            release.patches_from(&tree(before)).next().expect("a patch").blob
        };
        [of(&self.middle, "1.0.0"), of(&self.goal, "1.1.0")]
    }

    /// What happens once the first of them is here.
    fn then(&mut self, change: impl FnOnce(&mut World) + 'static) {
        let [first, _] = self.patches();
        self.world.changes.insert(first.digest, Box::new(change));
    }

    fn go(&mut self) -> Result<Brought, JobError> {
        let job = job(&self.goal, Some("1.0.0"), &[&self.middle]);
        self.world.run(Errand::fetch(job))
    }

    fn fetched(&self) -> Vec<Digest> {
        self.world.fetched.iter().map(|(blob, _)| *blob).collect()
    }
}

fn route(brought: &Brought) -> Vec<Digest> {
    brought.fetched.route.iter().map(|leg| leg.blob).collect()
}

#[test]
fn a_newcomer_who_holds_something_much_smaller_changes_the_way() {
    let mut crossing = Crossing::new(PATCH / 10);
    let straight = crossing.straight;
    crossing.then(move |world| world.peer(2, &[&straight]));
    let brought = crossing.go().expect("brought");
    let [first, second] = crossing.patches();
    assert_eq!(crossing.fetched(), [first.digest, straight.digest]);
    assert_eq!(route(&brought), [straight.digest], "what came before is of no use on this way");
    assert_eq!(crossing.world.told, [2 * PATCH, PATCH + PATCH / 10]);
    assert_eq!(brought.fetched.bytes, PATCH + PATCH / 10);
    let asked = &crossing.world.asked;
    assert!(asked.contains(&(2, second.digest)), "newcomers are asked about everything");
    let again = asked.iter().filter(|(peer, _)| *peer == 1).count();
    assert_eq!(again, 5, "who was there is not asked again: two wholes and three patches, once");
}

#[test]
fn a_fifth_less_is_needed_to_change_the_way() {
    // What is left takes PATCH at the rate of one holder; contents are a few bytes.
    for (straight, changes) in [(PATCH * 79 / 100, true), (PATCH * 82 / 100, false)] {
        let mut crossing = Crossing::new(straight);
        let straight = crossing.straight;
        crossing.then(move |world| world.peer(2, &[&straight]));
        let brought = crossing.go().expect("brought");
        let [first, second] = crossing.patches();
        let last = if changes { straight } else { second };
        assert_eq!(crossing.fetched(), [first.digest, last.digest]);
        assert_eq!(route(&brought).len(), if changes { 1 } else { 2 });
        assert!(crossing.world.asked.contains(&(2, straight.digest)), "it was looked at");
    }
}

#[test]
fn what_is_here_of_another_way_costs_nothing() {
    let mut crossing = Crossing::new(PATCH * 3);
    let straight = crossing.straight;
    crossing.then(move |world| {
        world.here.insert(straight.digest, complete());
        world.peer(2, &[]);
    });
    let brought = crossing.go().expect("brought");
    assert_eq!(crossing.world.fetched.len(), 1);
    assert_eq!((route(&brought), brought.fetched.bytes), (vec![straight.digest], PATCH));
    let [first, _] = crossing.patches();
    assert_eq!(brought.blobs, [first.digest, straight.digest]);
}

#[test]
fn a_way_whose_holders_have_left_is_left_for_a_longer_one() {
    let mut crossing = Crossing::new(PATCH);
    let whole = crossing.goal.whole;
    crossing.world.peer(2, &[&whole]);
    crossing.then(|world| drop(world.peers.remove(&1)));
    let brought = crossing.go().expect("brought");
    let [first, _] = crossing.patches();
    assert_eq!(crossing.fetched(), [first.digest, whole.digest]);
    assert_eq!(route(&brought), [whole.digest]);
    assert!(crossing.world.looked_up.is_empty(), "there is no need to look for them");
}

#[test]
fn where_there_is_no_other_way_those_who_have_left_are_looked_for() {
    let mut crossing = Crossing::new(PATCH);
    let [first, second] = crossing.patches();
    crossing.world.dht.insert(second.digest, vec![7]);
    crossing.then(|world| drop(world.peers.remove(&1)));
    let brought = crossing.go().expect("brought");
    assert_eq!(route(&brought), [first.digest, second.digest]);
    assert_eq!(crossing.world.looked_up, [second.digest]);
    assert_eq!(crossing.world.fetched[1], (second.digest, vec![7]));
}

#[test]
fn who_was_named_by_the_dht_has_not_left_because_it_is_not_near() {
    let mut crossing = Crossing::new(PATCH * 3);
    let [first, second] = crossing.patches();
    crossing.world.peers.clear();
    for blob in [first, second] {
        crossing.world.dht.insert(blob.digest, vec![7]);
    }
    crossing.then(|world| world.peer(2, &[]));
    let brought = crossing.go();
    // Four blobs are looked up before a way is chosen, the second patch among them.
    let [before @ .., last] = &crossing.world.looked_up[..] else { panic!("looked up") };
    assert_eq!((before.len(), *last), (4, first.digest));
    let end = brought.map(|brought| route(&brought));
    assert_eq!(end, Ok(vec![first.digest, second.digest]));
    assert_eq!(crossing.world.fetched[1].1[0], 7);
}

#[test]
fn rates_that_were_measured_meanwhile_count() {
    let mut crossing = Crossing::new(PATCH);
    let dense = crossing.world.blob("dense", PATCH / 10);
    let [first, plain] = crossing.patches();
    let offer = PatchOffer {
        codec: PatchCodec::RefdiffDense,
        blob: dense,
        ..crossing.goal.patches_from(&tree("1.1.0")).next().expect("a patch").clone()
    };
    crossing.goal.patches.push(offer);
    crossing.goal.patches.sort_by_key(|patch| (patch.from_tree, patch.codec));
    crossing.goal.tree.bytes = 1_000_000;
    crossing.middle.tree.bytes = 1_000;
    crossing.world.peer(1, &[&first, &plain, &dense]);
    let brought = crossing.go().expect("brought");
    assert_eq!(route(&brought), [first.digest, dense.digest]);
    let mut slow = Means::default();
    slow.rates.dense = NonZeroU64::new(100_000).expect("not zero");
    crossing.world.here.clear();
    crossing.then(move |world| world.means = slow);
    let brought = crossing.go().expect("brought");
    assert_eq!(route(&brought), [first.digest, plain.digest], "measured meanwhile");
    assert_eq!(crossing.fetched(), [first, dense, first, plain].map(|blob| blob.digest));
}

#[test]
fn nothing_is_asked_again_where_nothing_has_changed() {
    let mut crossing = Crossing::new(PATCH);
    crossing.go().expect("brought");
    let Crossing { world, .. } = &crossing;
    assert_eq!((world.asked.len(), world.told.len(), world.now), (5, 1, Duration::ZERO));
}

#[test]
fn a_newcomer_who_does_not_answer_is_waited_for_as_long_as_others_were() {
    let mut crossing = Crossing::new(PATCH);
    crossing.then(|world| drop(world.peers.insert(2, Manner::Silent)));
    let brought = crossing.go().expect("brought");
    assert_eq!(route(&brought).len(), 2);
    assert_eq!((crossing.world.now, crossing.world.enough), (Duration::from_secs(3), 1));
}

#[test]
fn peers_that_come_and_go_all_the_time_hold_nobody_up() {
    let mut crossing = Crossing::new(PATCH);
    let [first, second] = crossing.patches();
    let whole = crossing.goal.whole;
    crossing.world.peer(1, &[&first, &second]);
    crossing.world.peer(2, &[&whole]);
    // Whoever is asked for is never there twice in a row.
    crossing.world.turns = [1, 2].into_iter().cycle().take(400).collect();
    crossing.go().expect("brought");
    let fetched = crossing.fetched();
    let blobs: BTreeSet<_> = fetched.iter().collect();
    assert_eq!(blobs.len(), fetched.len(), "nothing is fetched twice: {fetched:?}");
    assert!(crossing.world.told.len() <= 1 + fetched.len(), "one change for each blob at most");
    assert!(crossing.world.turns.len() > 380);
}
