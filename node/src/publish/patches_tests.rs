//! Patches from several releases at once: the same whatever the memory and the threads, and none that does not fit.

use updraft_delta::offer;

use super::*;

/// Four releases are on offer, and a fifth is to be made.
fn desk() -> Desk {
    let desk = Desk::new(&root(1, &[key(4)]));
    for n in 0..4_u8 {
        desk.edit(n);
        desk.publish(&format!("1.{n}.0"), &[key(4)]);
    }
    desk.edit(9);
    desk
}

/// Prepares it, and gives what was told, the manifest, and the bundle as it is written.
fn made(desk: &Desk, memory: u64, threads: usize) -> (Vec<Step>, Manifest, Vec<u8>) {
    let trusted = Trusted::follow(&desk.store, None).expect("a root");
    let threads = NonZeroUsize::new(threads).expect("some");
    let effort = Effort { deltas: 4, memory, threads, ..EFFORT };
    let mut steps = Vec::new();
    let told = &mut |step| steps.push(step);
    let prepared =
        prepare(&desk.source(), draft("1.9.0"), &trusted, effort, desk.home.path(), told);
    let prepared = prepared.expect("prepared");
    prepared.write(&desk.bundle_path()).expect("written");
    let bundle = fs::read(desk.bundle_path()).expect("there");
    (steps, prepared.built.manifest, bundle)
}

/// The memory that one patch between two of these releases takes.
fn enough() -> u64 {
    let contents = 40_000 + "edit 9\n".len() as u64;
    offer::memory(contents, contents)
}

fn progress(steps: &[Step]) -> Vec<(usize, usize, bool)> {
    let of = |step: &Step| match step {
        Step::Patching { done, of, eta } => Some((*done, *of, eta.is_some())),
        _ => None,
    };
    steps.iter().filter_map(of).collect()
}

#[test]
fn a_release_is_the_same_whatever_the_memory_and_the_threads() {
    let desk = desk();
    let (_, manifest, bundle) = made(&desk, u64::MAX, 1);
    let trees: BTreeSet<_> = manifest.patches.iter().map(|patch| patch.from_tree).collect();
    assert_eq!(trees.len(), 4);
    assert!(manifest.patches.is_sorted_by_key(|patch| (patch.from_tree, patch.codec)));
    for (memory, threads) in [(u64::MAX, 2), (u64::MAX, 4), (enough(), 4), (2 * enough(), 3)] {
        let (steps, again, bytes) = made(&desk, memory, threads);
        assert_eq!(again, manifest, "{memory} bytes, {threads} threads");
        assert!(bytes == bundle, "{memory} bytes, {threads} threads");
        assert!(!steps.iter().any(|step| matches!(step, Step::NoPatch { .. })));
    }
}

#[test]
fn a_patch_that_never_fits_is_told_and_left_out() {
    let desk = desk();
    let (steps, manifest, _) = made(&desk, enough() - 1, 2);
    assert!(manifest.patches.is_empty());
    let told = |step: &&Step| matches!(step, Step::NoPatch { why, .. } if why.contains("--memory"));
    assert_eq!(steps.iter().filter(told).count(), 4);
    assert!(progress(&steps).is_empty());
}

#[test]
fn how_far_it_is_and_how_long_it_takes_is_told_from_the_beginning_to_the_end() {
    let desk = desk();
    let (steps, ..) = made(&desk, u64::MAX, 2);
    let expected: Vec<_> = (0..=4).map(|done| (done, 4, done > 0)).collect();
    assert_eq!(progress(&steps), expected);
}

#[test]
fn a_release_whose_bytes_are_gone_keeps_the_others_from_nothing() {
    let desk = desk();
    let trusted = Trusted::follow(&desk.store, None).expect("a root");
    let head = trusted.head(&stable()).expect("a head").expect("one");
    let gone = head.releases.iter().find(|listing| listing.version == draft("1.2.0").version);
    let gone = trusted.manifest(&stable(), gone.expect("listed")).expect("kept").expect("kept");
    desk.store.remove_blob(&gone.verified.whole.digest).expect("removed");
    let (steps, manifest, _) = made(&desk, enough(), 2);
    let from: BTreeSet<_> = manifest.patches.iter().map(|patch| patch.from.to_string()).collect();
    assert_eq!(from.into_iter().collect::<Vec<_>>(), ["1.0.0", "1.1.0", "1.3.0"]);
    assert_eq!(progress(&steps).last(), Some(&(4, 4, true)));
}
