//! A patch gives exactly the new contents back, is the same every time, and is about as small as bsdiff's.

mod generate;
#[path = "generate/executable.rs"]
mod programs;
mod vectors;

use std::{
    fs::File,
    io::{self, Read as _},
    sync::LazyLock,
};

use proptest::prelude::*;
use updraft_delta::{
    Level,
    offer::{self, Offers},
    patch::{self, Check, Expected, Options},
};
use updraft_protocol::{Digest, PatchCodec};

use programs::{Machine, Program};

fn apply(old: &[u8], patch: &[u8], codec: PatchCodec, new_size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let expected = Expected { codec, new_size: new_size as u64 };
    let applied = patch::apply(old, patch, &expected, &mut out).expect("an honest patch");
    assert_eq!((applied.size, applied.digest), (out.len() as u64, Digest::of(&out)));
    out
}

/// The patch of this codec, which gives the new contents back.
fn patch_of(codec: PatchCodec, old: &[u8], new: &[u8]) -> Vec<u8> {
    let patch = patch::create(old, new, &Options { codec, level: Level::FAST }).expect("small");
    let back = apply(old, &patch, codec, new.len());
    assert!(back == new, "{codec:?}: {} -> {}", old.len(), new.len());
    patch
}

/// The size of the largest patch; those of all codecs give the new contents back.
fn round_trip(old: &[u8], new: &[u8]) -> usize {
    let sizes = PatchCodec::ALL.map(|codec| patch_of(codec, old, new).len());
    sizes.into_iter().max().expect("three codecs")
}

#[test]
fn the_smallest_contents_come_back() {
    for (old, new) in [("", ""), ("", "n"), ("o", ""), ("o", "n"), ("o", "o"), ("on", "no")] {
        round_trip(old.as_bytes(), new.as_bytes());
    }
}

#[test]
fn equal_contents_cost_a_header() {
    let bytes = generate::noise(1, 100_000);
    assert!(round_trip(&bytes, &bytes) < 80);
}

#[test]
fn contents_without_anything_in_common_cost_themselves() {
    let new = generate::noise(2, 100_000);
    for codec in PatchCodec::ALL {
        // The dense codec pays for not knowing that there is nothing to know.
        let most = if codec == PatchCodec::RefdiffDense { 100_600 } else { 100_200 };
        assert!(patch_of(codec, &[], &new).len() < most, "{codec:?}");
    }
    assert!(round_trip(&generate::noise(3, 100_000), &new) < 103_000);
}

#[test]
fn a_moved_block_costs_a_record() {
    let (a, b) = (generate::noise(4, 50_000), generate::noise(5, 50_000));
    let patch = round_trip(&[a.clone(), b.clone()].concat(), &[b, a].concat());
    assert!(patch < 110, "{patch}");
}

#[test]
fn contents_larger_than_every_buffer_and_segment_come_back() {
    let old = generate::program(6, 5_000_000);
    round_trip(&old, &generate::next_version(&old, 7));
}

#[test]
fn the_same_input_gives_the_same_patch_on_any_number_of_threads() {
    let old = generate::program(8, 3_000_000);
    let new = generate::next_version(&old, 9);
    for codec in PatchCodec::ALL {
        let with = |threads| {
            let pool =
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let options = Options { codec, level: Level::FAST };
            pool.install(|| patch::create(&old, &new, &options).expect("small"))
        };
        assert_eq!(with(1), with(3), "{codec:?}");
    }
}

#[test]
fn the_header_says_what_the_patch_is() {
    let (old, new) = (generate::noise(10, 9_000), generate::noise(11, 10_000));
    for codec in PatchCodec::ALL {
        let header = patch::inspect(&patch_of(codec, &old, &new)).expect("a patch");
        assert_eq!((header.codec, header.old_size, header.new_size), (codec, 9_000, 10_000));
        assert_eq!(header.old_check, Check::of(&Digest::of(&old)));
        assert_eq!(header.new_check, Check::of(&Digest::of(&new)));
    }
}

/// Programs whose references all move: what knows of references needs a fraction of what does not.
#[test]
fn programs_come_back_and_moved_references_are_not_paid_for() {
    for machine in [Machine::X86, Machine::Arm] {
        let program = Program::new(machine, 60, 3000);
        let (old, new) = (program.link(), program.next(61).link());
        let [plain, fast, dense] = PatchCodec::ALL.map(|codec| patch_of(codec, &old, &new).len());
        assert!(fast * 4 < plain, "{machine:?}: fast {fast}, plain {plain}");
        assert!(dense <= fast, "{machine:?}: dense {dense}, fast {fast}");
    }
}

/// A program among other things, at an odd place, twice.
#[test]
fn programs_among_other_contents_come_back() {
    let side = |seed: u64, program: &Program| {
        let file = program.link();
        [generate::noise(seed, 777), file.clone(), generate::noise(seed + 1, 13), file, vec![7; 99]]
            .concat()
    };
    let program = Program::new(Machine::X86, 70, 200);
    let plain =
        patch_of(PatchCodec::BsdiffZstd, &side(1, &program), &side(2, &program.next(71))).len();
    let largest = round_trip(&side(1, &program), &side(2, &program.next(71)));
    assert_eq!(largest, plain, "those that know of references are smaller");
    round_trip(&side(1, &program), &[]);
    round_trip(&[], &side(1, &program));
    round_trip(&program.link(), &Program::new(Machine::Arm, 72, 200).link());
}

/// Files that stay, in another order and beside a program that changed: only the program is paid for.
#[test]
fn files_that_stay_are_copied_wherever_they_stand() {
    let [a, b, c] = [80, 81, 82].map(|seed| generate::noise(seed, 150_000));
    let program = Program::new(Machine::X86, 83, 300);
    let (old_file, new_file) = (program.link(), program.next(84).link());
    let old = [&*a, &old_file, &b, &c].concat();
    let new = [&*c, b"added", &a, &new_file, &b, &c[..100_000]].concat();
    for codec in [PatchCodec::RefdiffFast, PatchCodec::RefdiffDense] {
        let alone = patch_of(codec, &old_file, &new_file).len();
        let all = patch_of(codec, &old, &new).len();
        assert!(all < alone + 100, "{codec:?}: {all}, the program alone {alone}");
    }
}

/// Sides too large to be compared whole: only what changed is, and the rest comes from the old contents.
#[test]
fn of_large_sides_only_what_changed_is_compared() {
    let rest = generate::noise(90, 65 * 1024 * 1024);
    let program = Program::new(Machine::X86, 91, 300);
    let (half, other) = rest.split_at(rest.len() / 2);
    let old = [half, &program.link(), other].concat();
    let new = [other, &program.next(92).link(), half].concat();
    for codec in [PatchCodec::RefdiffFast, PatchCodec::RefdiffDense] {
        let alone = patch_of(codec, &program.link(), &program.next(92).link()).len();
        let all = patch_of(codec, &old, &new).len();
        assert!(all < alone + 100, "{codec:?}: {all}, the program alone {alone}");
    }
}

/// The fast patch is offered, and the dense one where it saves enough for its time.
#[test]
fn the_dense_patch_is_offered_beside_the_fast_one_only_where_it_saves_enough() {
    let program = Program::new(Machine::Arm, 93, 500);
    let text = generate::noise(94, 20_000);
    let pairs = [
        (program.link(), program.next(95).link()),
        (text.clone(), [&text[..10_000], b"x", &text[10_000..]].concat()),
        (Vec::new(), generate::noise(96, 5000)),
    ];
    let mut offered = Vec::new();
    for (old, new) in pairs {
        let [_, fast, dense] = PatchCodec::ALL.map(|codec| patch_of(codec, &old, &new).len());
        let made = offer::patch(&old, &new, Level::FAST, u64::MAX).expect("small");
        let Offers::Made(offers) = made else { panic!("worth it") };
        let got: Vec<_> = offers.iter().map(|offer| (offer.codec, offer.bytes.len())).collect();
        let mut expected = vec![(PatchCodec::RefdiffFast, fast)];
        if dense * 100 <= fast * 97 {
            expected.push((PatchCodec::RefdiffDense, dense));
        }
        assert_eq!(got, expected);
        offered.push(got.len());
    }
    assert!(offered.contains(&1) && offered.contains(&2), "{offered:?}");
}

/// One changed byte changes everything after it in a compressed stream; unpacked, it is one byte.
#[test]
fn compressed_streams_are_looked_through() {
    use std::io::Write as _;
    let packed = |contents: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(contents).expect("memory");
        gzip.finish().expect("memory")
    };
    let contents = generate::program(85, 200_000);
    let mut changed = contents.clone();
    changed[1000] ^= 0x20;
    let old = [generate::noise(86, 999), packed(&contents), generate::noise(87, 70_000)].concat();
    let new = [generate::noise(88, 99), packed(&changed), generate::noise(87, 70_000)].concat();
    let plain = patch_of(PatchCodec::BsdiffZstd, &old, &new).len();
    for codec in [PatchCodec::RefdiffFast, PatchCodec::RefdiffDense] {
        let size = patch_of(codec, &old, &new).len();
        assert!(size < 400 && size * 50 < plain, "{codec:?}: {size}, plain {plain}");
    }
}

/// The reference: the `bsdiff` crate, its output under the same compressor.
#[test]
fn patches_are_at_most_five_percent_larger_than_bsdiffs() {
    for seed in [20, 30, 40] {
        let old = generate::program(seed, 400_000);
        for new in [generate::next_version(&old, seed + 1), generate::program(seed + 2, 50_000)] {
            let options = Options::new(PatchCodec::BsdiffZstd);
            let ours = patch::create(&old, &new, &options).expect("small");
            let mut theirs = Vec::new();
            bsdiff::diff(&old, &new, &mut theirs).expect("memory");
            let theirs =
                zstd::encode_all(io::Cursor::new(theirs), options.level.get()).expect("memory");
            assert!(
                ours.len() * 100 <= theirs.len() * 105,
                "seed {seed}: {} bytes, bsdiff needs {}",
                ours.len(),
                theirs.len()
            );
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "only a linker makes bytes of a real program")]
static REAL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = Vec::new();
    let program = File::open(std::env::current_exe().expect("has a name")).expect("is running");
    program.take(1024 * 1024).read_to_end(&mut bytes).expect("reads");
    bytes
});

/// One change to contents.
#[derive(Debug, Clone)]
enum Edit {
    Overwrite { at: usize, bytes: Vec<u8> },
    Insert { at: usize, bytes: Vec<u8> },
    Delete { at: usize, len: usize },
    Move { at: usize, len: usize, to: usize },
}

fn edit() -> impl Strategy<Value = Edit> {
    let bytes = || prop::collection::vec(any::<u8>(), 1..80);
    let at = 0_usize..4000;
    prop_oneof![
        (at.clone(), bytes()).prop_map(|(at, bytes)| Edit::Overwrite { at, bytes }),
        (at.clone(), bytes()).prop_map(|(at, bytes)| Edit::Insert { at, bytes }),
        (at.clone(), 1_usize..500).prop_map(|(at, len)| Edit::Delete { at, len }),
        (at.clone(), 1_usize..900, at).prop_map(|(at, len, to)| Edit::Move { at, len, to }),
    ]
}

fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let size = bytes.len();
        match edit {
            Edit::Overwrite { at, bytes: fresh } => {
                for (slot, byte) in bytes.iter_mut().skip(*at).zip(fresh) {
                    *slot = *byte;
                }
            }
            Edit::Insert { at, bytes: fresh } => {
                let at = (*at).min(size);
                bytes.splice(at..at, fresh.iter().copied());
            }
            Edit::Delete { at, len } => {
                bytes.drain((*at).min(size)..(at + len).min(size));
            }
            Edit::Move { at, len, to } => {
                let block: Vec<u8> = bytes.drain((*at).min(size)..(at + len).min(size)).collect();
                let to = (*to).min(bytes.len());
                bytes.splice(to..to, block);
            }
        }
    }
    bytes
}

proptest! {
    #[test]
    fn any_edits_of_noise_come_back(
        seed: u64,
        size in 0_usize..4000,
        edits in prop::collection::vec(edit(), 0..12),
    ) {
        let old = generate::noise(seed, size);
        let new = edited(old.clone(), &edits);
        round_trip(&old, &new);
        round_trip(&new, &old);
    }

    /// Real bytes: those of this very program, whose first ones claim an image that goes on behind the end.
    #[test]
    fn any_edits_of_real_bytes_come_back(
        at in prop_oneof![Just(0), 0..REAL.len() - 4000],
        size in 0_usize..4000,
        edits in prop::collection::vec(edit(), 0..12),
    ) {
        let old = REAL[at..at + size].to_vec();
        let new = edited(old.clone(), &edits);
        round_trip(&old, &new);
        round_trip(&new, &old);
    }

    #[test]
    fn any_edits_of_a_program_come_back(
        seed in 0..1000_u64,
        arm: bool,
        edits in prop::collection::vec(edit(), 0..4),
    ) {
        let program = Program::new(if arm { Machine::Arm } else { Machine::X86 }, seed, 12);
        let old = program.link();
        let new = edited(program.next(seed + 1).link(), &edits);
        round_trip(&old, &new);
        round_trip(&new, &old);
    }

    #[test]
    fn any_edits_of_repeats_come_back(
        period in prop::collection::vec(0_u8..2, 1..6),
        size in 0_usize..4000,
        edits in prop::collection::vec(edit(), 0..6),
    ) {
        let old: Vec<u8> = period.iter().copied().cycle().take(size).collect();
        let new = edited(old.clone(), &edits);
        round_trip(&old, &new);
    }

    #[test]
    fn any_two_contents_come_back(
        old in prop::collection::vec(0_u8..5, 0..400),
        new in prop::collection::vec(0_u8..5, 0..400),
    ) {
        round_trip(&old, &new);
    }
}
