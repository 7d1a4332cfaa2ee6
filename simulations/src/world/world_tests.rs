use super::*;

fn world(text: &str, seed: u64) -> World {
    let scenario: Scenario = toml::from_str(text).expect("a scenario");
    World::new(Arc::new(scenario), seed)
}

const FIRST: &str = r#"
title = "A release spreads"
teaches = "nothing"

[[group]]
name = "publisher"
role = "seed"

[[group]]
name = "machines"
count = 20
runs = "1.0.0"

[[release]]
version = "1.0.0"

[[release]]
version = "1.1.0"
size = "20MiB"

[[story]]
at = "5s"
do = "publish"
release = "1.1.0"
"#;

fn runs(world: &World) -> usize {
    let version: updraft_protocol::ReleaseVersion = "1.1.0".parse().expect("a version");
    let component = world.people.component.clone();
    let has = |node: &Node| node.inventory(&component).0.is_some_and(|live| live.version == version);
    world.nodes.iter().filter(|node| has(node)).count()
}

#[test]
fn a_release_comes_to_everybody() {
    let mut world = world(FIRST, 7);
    let mut last = 0;
    while world.step(60_000_000) {
        let now = runs(&world);
        if now != last {
            println!("{} s: {now} of 20, {} events", world.now() as f64 / 1e6, world.events());
            last = now;
        }
        if now == 20 {
            break;
        }
    }
    assert_eq!(runs(&world), 20);
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let hash = |seed| {
        let mut world = world(FIRST, seed);
        while world.step(15_000_000) {}
        (world.hash(), world.events())
    };
    assert_eq!(hash(7), hash(7));
    assert_ne!(hash(7).0, hash(8).0);
}
