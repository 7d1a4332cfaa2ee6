//! What is not fetched because the files lie here: when that is asked, and what becomes of the answer.

use super::*;

/// A release that is cut into blocks, its only patch as large as this.
fn large(world: &mut World, patch: u64) -> Manifest {
    let mut release = world.release("1.1.0", "1.0.0");
    release.tree.bytes = 3 * WHOLE;
    release.patches[0].blob = world.blob("the patch", patch);
    release
}

/// All but the chunks from 10 to 19 and the last two are spared.
fn spared(world: &World, whole: &Blob) -> Spared {
    let list: ChunkList = codec::decode(&world.objects[&whole.chunks.digest]).expect("a list");
    let last = list.len() - 2;
    let wanted = (0..list.len()).map(|index| (10..20).contains(&index) || index >= last).collect();
    Spared::new(&list, wanted, BTreeMap::new())
}

fn fetch(world: &mut World, job: Job) -> Brought {
    world.run(Errand::fetch(job)).expect("brought")
}

#[test]
fn of_a_whole_only_the_chunks_are_fetched_that_no_file_here_spares() {
    let mut world = World::default();
    let release = large(&mut world, WHOLE / 2);
    world.peer(1, &[&release.whole]);
    let of_it = spared(&world, &release.whole);
    let needed = WHOLE - of_it.bytes;
    assert!(needed < 12 * u64::from(DEFAULT_CHUNK));
    world.ends = Some(Report { sources: [(1, 500)].into(), wrong: 1, duplicate: 0 });
    world.spared = Some(of_it.clone());
    let brought = fetch(&mut world, job(&release, Some("1.0.0"), &[]));
    assert_eq!(world.asked_for_files, [[1]]);
    // What it took to find out is done already.
    assert_eq!((&world.wanted, world.missing), (&Some(of_it.wanted), Some(needed + 500)));
    let [leg] = &brought.fetched.route[..] else { panic!("one leg") };
    assert_eq!((leg.blob, leg.from, leg.in_part), (release.whole.digest, None, true));
    assert!(brought.blobs.is_empty(), "nothing is complete here");
    // The fake gives a blob whole, whatever is wanted; what it took to find out counts, too.
    assert_eq!((brought.fetched.bytes, brought.fetched.wrong), (WHOLE + 500, 1));
    let journey = brought.journey.expect("a way");
    assert_eq!(journey.describe(), "whole, but for files that are here");
}

#[test]
fn chunks_that_are_here_and_spared_are_not_counted_twice() {
    let mut world = World::default();
    let release = large(&mut world, WHOLE / 2);
    world.peer(1, &[&release.whole]);
    let of_it = spared(&world, &release.whole);
    let flags: Vec<bool> = (0..of_it.wanted.flags.len()).map(|index| index < 15).collect();
    let here = Here { holding: Holding::from_flags(&flags), is_complete: false };
    world.here.insert(release.whole.digest, here);
    let needed = WHOLE - of_it.bytes - 5 * u64::from(DEFAULT_CHUNK);
    world.spared = Some(of_it);
    fetch(&mut world, job(&release, Some("1.0.0"), &[]));
    assert_eq!(world.missing, Some(needed));
}

#[test]
fn chunks_that_came_to_find_out_are_not_fetched_again() {
    let mut world = World::default();
    let release = large(&mut world, WHOLE / 2);
    world.peer(1, &[&release.whole]);
    let list: ChunkList =
        codec::decode(&world.objects[&release.whole.chunks.digest]).expect("a list");
    let needed: Vec<bool> = (0..list.len()).map(|index| index < 4).collect();
    let came = BTreeMap::from([(0, vec![0; 7]), (3, vec![0; 7])]);
    world.spared = Some(Spared::new(&list, needed, came));
    fetch(&mut world, job(&release, Some("1.0.0"), &[]));
    assert_eq!(world.missing, Some(2 * u64::from(DEFAULT_CHUNK)));
}

#[test]
fn a_small_patch_that_cannot_be_taken_is_no_reason_not_to_look() {
    let mut world = World::default();
    let release = large(&mut world, WHOLE / 50);
    let patch = release.patches[0].blob;
    world.peer(1, &[&release.whole, &patch]);
    let mut excluded = job(&release, Some("1.0.0"), &[]);
    excluded.excluded.insert(patch.digest);
    fetch(&mut world, excluded);
    assert_eq!(world.asked_for_files.len(), 1);
}

#[test]
fn a_patch_that_is_cheaper_all_the_same_is_taken() {
    let mut world = World::default();
    let release = large(&mut world, WHOLE / 5);
    let patch = release.patches[0].blob;
    world.peer(1, &[&release.whole, &patch]);
    let list: ChunkList =
        codec::decode(&world.objects[&release.whole.chunks.digest]).expect("a list");
    let wanted = (0..list.len()).map(|index| index > 20).collect();
    world.spared = Some(Spared::new(&list, wanted, BTreeMap::new()));
    fetch(&mut world, job(&release, Some("1.0.0"), &[]));
    assert_eq!(world.asked_for_files.len(), 1);
    assert_eq!((world.fetched[0].0, &world.wanted), (patch.digest, &None));
}

#[test]
fn nobody_looks_for_files_where_that_saves_nothing() {
    let asked = |base: Option<&str>, patch: u64, change: fn(&mut Job), holds: bool| {
        let mut world = World::default();
        let release = large(&mut world, patch);
        let blobs = [&release.whole, &release.patches[0].blob];
        world.peer(1, if holds { &blobs } else { &blobs[1..] });
        let mut job = job(&release, base, &[]);
        change(&mut job);
        world.run(Errand::fetch(job)).expect("brought");
        world.asked_for_files.len()
    };
    assert_eq!(asked(Some("1.0.0"), WHOLE / 2, |_| (), true), 1);
    assert_eq!(asked(None, WHOLE / 2, |_| (), true), 0, "nothing is installed");
    assert_eq!(asked(Some("1.0.0"), WHOLE / 10, |_| (), true), 0, "the patch is small");
    assert_eq!(asked(Some("0.9.0"), WHOLE / 10, |_| (), true), 1, "but not for this version");
    assert_eq!(asked(Some("1.0.0"), WHOLE / 2, |_| (), false), 0, "nobody can tell");
    let whole_only = |job: &mut Job| job.route = RouteChoice::WholeOnly;
    assert_eq!(asked(Some("1.0.0"), WHOLE / 2, whole_only, true), 0, "all of it is wanted");
    let download = |job: &mut Job| job.extent = Extent::Download;
    assert_eq!(asked(Some("1.0.0"), WHOLE / 2, download, true), 0, "it is installed another day");
    let small = |job: &mut Job| Arc::make_mut(&mut job.manifest).tree.bytes = 1_000_000;
    assert_eq!(asked(Some("1.0.0"), WHOLE / 2, small, true), 0, "it is not cut");
}

#[test]
fn who_is_found_by_the_dht_is_asked_once() {
    let mut world = World::default();
    let release = large(&mut world, WHOLE / 2);
    world.peer(1, &[]);
    world.dht.insert(release.whole.digest, vec![7]);
    fetch(&mut world, job(&release, Some("1.0.0"), &[]));
    assert_eq!(world.asked_for_files, [[1, 7]]);
    assert_eq!(world.wanted, None, "nothing is spared");
}

#[test]
fn a_plan_asks_nobody() {
    let mut world = World::default();
    let release = large(&mut world, WHOLE / 2);
    world.peer(1, &[&release.whole]);
    let planned = world.run(Errand::plan(job(&release, Some("1.0.0"), &[]))).expect("planned");
    assert!(world.asked_for_files.is_empty());
    assert_eq!(planned.journey.expect("a way").describe(), "whole");
}
