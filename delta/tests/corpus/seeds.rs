//! What the fuzzer begins with: small patches without their headers, programs of every format, streams and lists.

use updraft_delta::{
    Level,
    container::{Limits, find_rebuildable},
    patch::{self, Options},
};
use updraft_protocol::PatchCodec;

use crate::{
    checks::{
        changed,
        files::{Format, program},
        olds::{CALLS, OLDS, TEXTS, archive, deflated, gzip, text, zip},
        patches::{LARGE, MOST_NEW, MOST_NEW_OF_DENSE, PARTED, WHOLE, header},
    },
    generate,
};

/// Target, name of the file, contents.
pub(crate) type Seed = (&'static str, String, Vec<u8>);

/// Longer ones are not worth their place.
const LONGEST: usize = 256;

/// All of them.
pub(crate) fn all() -> Vec<Seed> {
    let mut seeds = patches();
    seeds.extend(told());
    seeds.extend(containers());
    seeds.extend(executables());
    seeds.extend(creations());
    seeds.extend(parted());
    seeds.extend(wholes());
    seeds.extend(folders());
    seeds.extend(rates());
    seeds.retain(|(.., bytes)| bytes.len() <= LONGEST);
    seeds
}

fn seed(target: &'static str, name: &str, bytes: Vec<u8>) -> Seed {
    (target, name.to_owned(), bytes)
}

fn low(number: usize) -> [u8; 2] {
    u16::try_from(number).expect("small").to_le_bytes()
}

/// What becomes of old contents, by their number.
fn news() -> Vec<(usize, &'static str, Vec<u8>)> {
    let mut grown = CALLS;
    grown[1] = 4;
    let elf = |calls: &[u8]| [b"text before it ".to_vec(), program(Format::Elf, calls)].concat();
    let arm = |calls: &[u8]| {
        [program(Format::Macho, calls), program(Format::ElfArm, &CALLS[..4])].concat()
    };
    let plain = &OLDS[3];
    vec![
        (0, "same", OLDS[0].clone()),
        (0, "grown", elf(&grown)),
        (0, "short", elf(&CALLS[..3])),
        (0, "shortest", elf(&CALLS[..1])),
        (0, "text", b"text before it, and nothing else".to_vec()),
        (1, "grown", arm(&grown)),
        (1, "short", arm(&CALLS[..5])),
        (1, "macho_short", program(Format::Macho, &CALLS[..2])),
        (2, "pe_short", program(Format::Pe, &CALLS[1..3])),
        (2, "pe_one", program(Format::Pe, &CALLS[4..5])),
        (1, "one", program(Format::ElfArm, &CALLS[1..4])),
        (2, "same", OLDS[2].clone()),
        (2, "grown", archive(Format::Pe, &grown, TEXTS)),
        (2, "packed", archive(Format::Pe, &CALLS, [TEXTS[0] + 7, TEXTS[1]])),
        (2, "stream", [gzip(&text(TEXTS[0] + 1)), zip(&text(TEXTS[1] - 9))].concat()),
        (2, "stream_alone", gzip(&text(TEXTS[0] + 1))),
        (3, "same", plain.clone()),
        (3, "next", generate::next_version(plain, 2)),
        (3, "part", plain[700..1500].to_vec()),
        (3, "new", generate::noise(5, 90)),
        (3, "empty", Vec::new()),
    ]
}

const PATCHED: [(&str, PatchCodec, usize); 3] = [
    ("patch_plain", PatchCodec::BsdiffZstd, MOST_NEW),
    ("patch_fast", PatchCodec::RefdiffFast, MOST_NEW),
    ("patch_dense", PatchCodec::RefdiffDense, MOST_NEW_OF_DENSE),
];

/// Real patches, halves of some, and some with their headers.
fn patches() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (number, name, new) in news() {
        for (target, codec, _) in PATCHED.into_iter().filter(|(.., most)| new.len() <= *most) {
            let old = &OLDS[number];
            let options = Options { codec, level: Level::PUBLISH };
            let patch = patch::create(old, &new, &options).expect("small");
            let header = header(codec, old, new.len(), "0000000000000000").len();
            let [size, more] = low(new.len());
            let choice = u8::try_from(number).expect("few") | LARGE;
            let input = [&[choice, size, more], &patch[header..]].concat();
            let cut = input[..input.len() / 2].to_vec();
            seeds.push(seed(target, &format!("{number}_{name}_cut"), cut));
            seeds.push(seed(target, &format!("{number}_{name}"), input));
            let whole = [&[choice | WHOLE, size, more], &*patch].concat();
            seeds.push(seed(target, &format!("{number}_{name}_whole"), whole));
        }
    }
    // Some of each are enough.
    seeds.retain(|(_, name, _)| {
        let rare = name.ends_with("_cut") || name.ends_with("_whole");
        !rare || name.contains("short") || name.contains("new")
    });
    seeds
}

/// Bits of numbers as a patch has them: how many digits, then the digits behind the first.
fn bits(numbers: &[u64]) -> Vec<u8> {
    let mut bits = Vec::new();
    for number in numbers {
        let length = (number + 1).ilog2();
        bits.extend((0..length).map(|_| true).chain([false]));
        bits.extend((0..length).rev().map(|place| (number + 1) >> place & 1 == 1));
    }
    bits.chunks(8)
        .map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
        .collect()
}

/// Images and pieces that are told: as the old ones are, none, all of them, and lies.
fn told() -> Vec<Seed> {
    let input = |choice: u8, size: usize, numbers: &[u64]| {
        let [low, high] = low(size);
        // All old contents are compared, and nothing is the same.
        [vec![choice, low, high], bits(&[&[0, 0], numbers].concat())].concat()
    };
    let long = |more: usize, numbers: &[u64]| {
        let [low, high] = low(more);
        [vec![4, low, high], bits(numbers)].concat()
    };
    // An old image where it lies, a new one like it in the same place, and one piece.
    let like = |at: u64, sections: usize, size: u64| {
        let image = [vec![1, at, 1, at], vec![0; 5 + 4 * sections + 1]].concat();
        [image, vec![1, 0, 0, 0, size - 1]].concat()
    };
    let sizes = [0, 1, 2].map(|old: usize| OLDS[old].len());
    vec![
        seed("told", "nothing", input(3, 100, &[])),
        seed("told", "a_piece", input(3, 100, &[0, 0, 1, 10, 0, 40, 49])),
        seed("told", "as_it_was", input(0, sizes[0], &like(15, 12, 2000))),
        seed(
            "told",
            "as_it_was_wrong",
            input(0, sizes[0], &[like(15, 12, 2000), vec![9; 60]].concat()),
        ),
        seed("told", "arm", input(1, sizes[1], &like(0, 6, 1200))),
        seed("told", "pe", input(2, sizes[2], &like(0, 6, 900))),
        seed("told", "no_image", input(3, 100, &[1, 0])),
        seed("told", "outside", input(3, 100, &[0, 0, 1, 0, 0, 0, 5000])),
        seed("told", "unchanged", long(800, &[0, 1, 300, 2000, 14])),
        seed("told", "not_compared", long(800, &[1, 1, 300, 2000, 14])),
        seed("told", "unchanged_twice", long(4000, &[0, 2, 0, 0, 0, 0, 0, 0])),
        seed("told", "unchanged_outside", long(800, &[0, 1, 300, 9999, 14])),
        seed(
            "told",
            "own_image",
            input(0, 2000, &[1, 15, 1, 0, 1, 0, 0, 4000, 2, 0, 3, 7, 0, 0, 600]),
        ),
    ]
}

/// Contents with streams, and lists of them.
fn containers() -> Vec<Seed> {
    let short = text(25);
    let (member, entry) = (gzip(&short), zip(&short));
    let both = [member.clone(), b" between ".to_vec(), gzip(&text(27))].concat();
    let mut seeds = Vec::new();
    for target in ["container", "recipe"] {
        seeds.extend([
            seed(target, "gzip", [&[0], &*member].concat()),
            seed(target, "zip", [&[0], &*entry].concat()),
            seed(target, "two", [&[0], &*both].concat()),
            seed(target, "stream", [&[1], &*deflated(&text(60))].concat()),
            seed(target, "stream_cut", [&[1], &deflated(&short)[..50]].concat()),
            seed(target, "stored", [&[1], &*deflated(&generate::noise(3, 90))].concat()),
            seed(target, "nothing", vec![0; 40]),
        ]);
    }
    for (name, contents, raw) in [("gzip", &member, &short), ("zip", &entry, &short)] {
        let limits = Limits { raw: 8 * 1024, streams: 4 };
        let mut list = Vec::new();
        find_rebuildable(contents, &limits).write(&mut list);
        let list = [&low(list.len())[..], &list].concat();
        seeds.push(seed("container", &format!("{name}_list"), [&[2], &*list, contents].concat()));
        let size = low(contents.len());
        seeds.push(seed(
            "container",
            &format!("{name}_told"),
            [&[3], &size[..], &list, raw].concat(),
        ));
    }
    // One stream of 64 bytes that holds 60, of one stored block: its habits, and a block that is not as expected.
    let list = [1, 0, 65, 60, 5, 0, 3, 0, 4 | 8, 60];
    let told = [&[3, 65, 0, 10, 0], &list[..], &generate::noise(4, 60)].concat();
    seeds.push(seed("container", "stored_told", told));
    seeds
}

/// Programs as they are, twice, and changed where it matters.
fn executables() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (number, format) in (0_u8..).zip(Format::ALL) {
        let name = format!("{format:?}").to_lowercase();
        seeds.push(seed("executable", &name, vec![number]));
        seeds.push(seed("executable", &format!("{name}_twice"), vec![number | 0x80]));
        let at = |at: usize, bytes: &[u8]| {
            let len = u8::try_from(bytes.len()).expect("few");
            [&[number], &low(at)[..], &[len, len], bytes].concat()
        };
        seeds.push(seed("executable", &format!("{name}_no_magic"), at(0, b"none")));
        seeds.push(seed("executable", &format!("{name}_changed"), at(0x200, &[0xff; 8])));
        seeds.push(seed("executable", &format!("{name}_headers"), at(0x48, &[1; 16])));
        seeds.push(seed("executable", &format!("{name}_tables"), at(0x300, &[0; 40])));
    }
    let elf = program(Format::Elf, &[]);
    seeds.push(seed("executable", "as_it_is", [&[0x7f], &elf[..200]].concat()));
    seeds
}

/// Old contents and changes; two halves.
fn creations() -> Vec<Seed> {
    let change = [&low(400)[..], &[3, 5], b"other", &low(900), &[0, 9], b"put in it"].concat();
    let mut seeds = Vec::new();
    for number in 0..4_u8 {
        let old = OLDS[usize::from(number)].clone();
        assert!(changed(old.clone(), &change) != old, "a change that changes nothing");
        seeds.push(seed("create", &format!("{number}_same"), vec![number]));
        seeds.push(seed("create", &format!("{number}_changed"), [&[number], &*change].concat()));
    }
    let halves =
        [&[4], &low(60)[..], &generate::program(7, 60), &generate::program(7, 90)].concat();
    seeds.push(seed("create", "halves", halves));
    seeds.push(seed("create", "empty", vec![4]));
    seeds.push(seed("create", "from_empty", [&[4, 0, 0], &*generate::noise(6, 40)].concat()));
    seeds
}

/// Patches of every codec without their headers, and what is left of them when they are cut.
fn parted() -> Vec<Seed> {
    let program = |seed| generate::program(seed, PARTED);
    let (old, mut new) = (program(1), program(1));
    new.iter_mut().step_by(40).for_each(|byte| *byte = byte.wrapping_add(3));
    let mut packed = zip(&text(80));
    packed.resize(PARTED, b' ');
    let mut seeds = Vec::new();
    for (number, codec) in (0_u8..).zip(PatchCodec::ALL) {
        for (name, old, new) in
            [("program", &*old, &new), ("new", b"", &new), ("packed", b"", &packed)]
        {
            let options = Options { codec, level: Level::PUBLISH };
            let patch = patch::create(old, new, &options).expect("small");
            let header = header(codec, old, PARTED, "0000000000000000").len();
            let body = &patch[header..patch.len().min(header + LONGEST - 1)];
            seeds.push(seed("parts", &format!("{number}_{name}"), [&[number], body].concat()));
            let cut = &body[..body.len() / 3];
            seeds.push(seed("parts", &format!("{number}_{name}_cut"), [&[number], cut].concat()));
        }
    }
    seeds
}

/// Lists as they are, and changed in one place and in many.
fn wholes() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for number in 0..3_u8 {
        let input = |changes: &[u8]| [&[number], changes].concat();
        seeds.push(seed("whole", &format!("{number}_as_it_is"), input(&[])));
        seeds.push(seed("whole", &format!("{number}_cut"), input(&[2, 0, 255, 0])));
        seeds.push(seed("whole", &format!("{number}_longer"), input(&[0, 0, 0, 3, 1, 2, 3])));
        for at in [0, 1, 4, 9, 14, 20] {
            let name = format!("{number}_changed_{at}");
            seeds.push(seed("whole", &name, input(&[at, 0, 1, 1, 0x55])));
        }
    }
    seeds
}

/// The folder of the document, others, and lies about them.
fn folders() -> Vec<Seed> {
    let known = b"\x14\x02\x03app\x06\x03\x06latest\x05./app#!app\n";
    let of =
        |name: &str, piece: u8, stream: &[u8]| seed("folder", name, [&[piece], stream].concat());
    vec![
        of("document", 255, known),
        of("document_by_bytes", 0, known),
        of("document_cut", 255, &known[..known.len() - 1]),
        of("folders", 6, b"\x0d\x00\x01a\x00\x03a/b\x01\x05a/b/c\x02hi"),
        of("tree", 6, b"\x10\x00\x01a\x00\x03a/b\x01\x05a/b/c\x02hi"),
        of("climbs", 255, b"\x07\x01\x04../b\x01x"),
        of("leads_out", 255, b"\x08\x03\x01a\x04../x"),
        of("kind", 255, b"\x03\x07\x01a"),
        of("no_text", 255, b"\x04\x01\x01\xff\x00"),
        of("twice", 255, b"\x08\x01\x01a\x00\x01\x01a\x00"),
        of("long", 255, b"\xff\xff\xff\x7f"),
        of("nothing", 0, b""),
    ]
}

/// What a node wrote down, and what it never would.
fn rates() -> Vec<Seed> {
    let mut seeds: Vec<Seed> = [
        ("one", "line 10000000\n"),
        ("two", "line 10000000\nfast 90000000\n"),
        ("twice", "line 10000000\nline 10000000\n"),
        ("unknown", "rumour 10000000\n"),
        ("none", "line 0\n"),
        ("too_much", "line 18446744073709551615\n"),
        ("no_number", "line fast\n"),
        ("no_end", "line 10000000"),
    ]
    .into_iter()
    .map(|(name, text)| seed("rates", name, text.as_bytes().to_vec()))
    .collect();
    seeds.push(seed("rates", "no_text", vec![0xff; 4]));
    seeds
}
