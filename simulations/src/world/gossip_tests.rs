//! News reach everybody, and cost what was computed.

use updraft_protocol::{NetworkId, Role, Root, Signed, Timestamp};

use super::*;
use crate::world::people::key;

fn topic() -> ForkDigest {
    NetworkId::from_bytes([7; 32]).fork_digest(&[])
}

/// Nodes that are connected as these pairs say, after their first heartbeat.
fn gossiping(nodes: u32, pairs: &[(u32, u32)]) -> (Gossiping, Chance) {
    let (mut gossip, mut chance) = (Gossiping::default(), Chance::of(3, "gossip"));
    (0..nodes).for_each(|_| gossip.add());
    pairs.iter().for_each(|(one, other)| gossip.connect(*one, *other));
    gossip.heartbeat(&mut chance);
    (gossip, chance)
}

fn everybody(nodes: u32) -> Vec<(u32, u32)> {
    (0..nodes).flat_map(|one| (0..one).map(move |other| (other, one))).collect()
}

/// Something that can be said: a root that begins at this second.
fn word(n: u64) -> Gossip {
    let owner = key("owner");
    let role = Role::new(1, vec![owner.public()]).expect("a role");
    let network = NetworkId::from_bytes([7; 32]);
    let name = "told".parse().expect("a name");
    let root = Root::first(network, name, role, Timestamp::from_seconds(n + 1));
    let mut signed = Signed::unsigned(&root).expect("valid");
    signed.sign(&owner, &network);
    Gossip::Root(signed)
}

/// Delivers what is sent until nothing more is, in the order in which it was; gives who heard what, and how often.
fn deliver(gossip: &mut Gossiping, sent: Vec<Sent>) -> BTreeMap<u32, usize> {
    let (mut under_way, mut heard) = (VecDeque::from(sent), BTreeMap::new());
    while let Some(Sent { from, to, what, .. }) = under_way.pop_front() {
        match what {
            What::Message(id) => {
                *heard.entry(to).or_default() += 1;
                if gossip.hears(to, id) {
                    under_way.extend(gossip.accepts(to, from, id));
                }
            }
            What::Rumour(known) => under_way.extend(gossip.on_rumour(to, from, &known)),
            What::Wish(wanted) => under_way.extend(gossip.on_wish(to, from, &wanted)),
        }
    }
    heard
}

#[test]
fn what_is_said_comes_to_everybody_and_at_most_once_from_each_neighbour() {
    let (mut gossip, _) = gossiping(30, &everybody(30));
    let sent = gossip.say(0, topic(), word(1));
    assert_eq!(sent.len(), 29, "to all that it is connected to");
    let heard = deliver(&mut gossip, sent);
    assert!((1..30).all(|node| heard.contains_key(&node)));
    assert!(heard.values().all(|times| *times <= MESH_HIGH + 1), "{heard:?}");
    assert!(gossip.say(0, topic(), word(1)).is_empty(), "it has said so");
    assert!(gossip.say(5, topic(), word(1)).is_empty(), "it has heard so");
    let size = gossip.message(0).size;
    let all: u64 = (0..30).map(|node| gossip.bytes(node).0).sum();
    let said: u64 = (0..30).map(|node| gossip.bytes(node).1).sum();
    assert_eq!(all, size * heard.values().sum::<usize>() as u64);
    assert_eq!(said, all);
}

#[test]
fn a_mesh_has_few_neighbours_and_finds_others_when_they_go() {
    let (mut gossip, mut chance) = gossiping(30, &everybody(30));
    let meshes = |gossip: &Gossiping| -> Vec<usize> {
        gossip.ears.iter().map(|ear| ear.mesh.len()).collect()
    };
    assert!(meshes(&gossip).iter().all(|len| (MESH_LOW..=MESH_HIGH).contains(len)));
    for gone in 20..30 {
        (0..gone).for_each(|other| gossip.disconnect(other, gone));
    }
    gossip.heartbeat(&mut chance);
    gossip.heartbeat(&mut chance);
    let left = meshes(&gossip);
    assert!(left[..20].iter().all(|len| (MESH_LOW..=MESH_HIGH).contains(len)), "{left:?}");
    assert!(left[20..].iter().all(|len| *len == 0));
}

#[test]
fn who_has_missed_a_message_hears_a_rumour_of_it_and_asks() {
    let (mut gossip, mut chance) = gossiping(12, &everybody(12));
    let mut sent = gossip.say(0, topic(), word(1));
    // Node 7 hears nothing at first.
    sent.retain(|sent| sent.to != 7);
    while let Some(Sent { from, to, what: What::Message(id), .. }) = sent.pop() {
        if to != 7 && gossip.hears(to, id) {
            sent.extend(gossip.accepts(to, from, id));
        }
    }
    let rumours = gossip.heartbeat(&mut chance);
    assert!(!rumours.is_empty() && rumours.iter().all(|rumour| rumour.to == 7), "{rumours:?}");
    assert!(deliver(&mut gossip, rumours).contains_key(&7));
    for _ in 0..TOLD {
        assert!(gossip.heartbeat(&mut chance).is_empty());
    }
    assert!(gossip.talkative.is_empty());
}

#[test]
fn what_somebody_had_no_room_for_is_news_when_it_is_repeated() {
    let (mut gossip, _) = gossiping(2, &[(0, 1)]);
    let sent = gossip.say(0, topic(), word(1));
    let What::Message(id) = sent[0].what else { panic!("a message") };
    assert!(gossip.hears(1, id) && !gossip.hears(1, id));
    gossip.misses(1, id);
    assert!(gossip.hears(1, id));
    gossip.forget(1);
    assert!(gossip.hears(1, id), "it has started again");
}
