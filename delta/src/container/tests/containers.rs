//! What is found in contents, and what is not.

use super::*;
use crate::container::{ContainerError, Stream};

fn places(contents: &[u8]) -> Vec<(usize, usize, usize)> {
    let found = find(contents, &LIMITS);
    found.streams().iter().map(|stream| (stream.at, stream.packed, stream.raw)).collect()
}

#[test]
fn contents_without_streams_stay_as_they_are() {
    for contents in [vec![], vec![0x1f], b"PK\x03\x04".to_vec(), noise(1, 100_000), vec![0x1f; 500]]
    {
        assert!(there_and_back(&contents).streams().is_empty());
    }
}

#[test]
fn members_with_every_set_of_optional_fields_are_found() {
    let raw = text(1, 3000);
    let packed = deflate(&raw, 6);
    for flags in 0..32 {
        let mut fields = Vec::new();
        for (flag, field) in [(4, &b"\x05\0extra"[..]), (8, b"a name\0"), (16, b"\0"), (2, b"cs")] {
            if flags & flag != 0 {
                fields.extend_from_slice(field);
            }
        }
        let contents = [b"before".to_vec(), gzip_with(flags, &fields, &packed, &raw)].concat();
        let at = 6 + 10 + fields.len();
        assert_eq!(places(&contents), [(at, packed.len(), raw.len())], "flags {flags:x}");
        assert_eq!(there_and_back(&contents).streams().len(), 1);
    }
    assert!(places(&gzip_with(0x20, &[], &packed, &raw)).is_empty(), "a flag without a meaning");
    assert!(places(&gzip_with(8, b"no end of the name", &packed, &raw)).is_empty());
}

#[test]
fn members_and_entries_one_after_another_are_all_found() {
    let mut contents = noise(2, 50);
    for part in 0..20 {
        let raw = text(part, 500 + 100 * usize::try_from(part).expect("small"));
        let packed = deflate(&raw, 1 + u32::try_from(part).expect("small") % 9);
        contents.extend(if part % 3 == 0 {
            Entry::new(&packed, &raw).bytes()
        } else {
            gzip(&packed, &raw)
        });
        contents.extend(noise(part, usize::try_from(part % 4).expect("small")));
    }
    let layout = there_and_back(&contents);
    assert_eq!(layout.streams().len(), 20);
    let unpacked = unpack(&contents, &layout).expect("unpacks");
    assert!(unpacked.windows(500).any(|window| window == &text(7, 1200)[..500]));
}

#[test]
fn entries_are_found_whether_or_not_their_sizes_are_known() {
    let raw = text(3, 4000);
    let packed = deflate(&raw, 6);
    let whole = Entry::new(&packed, &raw);
    let expected = [(37, packed.len(), raw.len())];
    assert_eq!(places(&whole.bytes()), expected);
    let later = Entry { flags: 8, sizes: (0, 0), ..whole };
    assert_eq!(places(&later.bytes()), expected, "sizes in the descriptor behind it");
    let elsewhere = Entry { sizes: (u32::MAX, u32::MAX), ..whole };
    assert_eq!(places(&elsewhere.bytes()), expected, "sizes of 64 bits");
    let with_bit_11 = Entry { flags: 0x800, ..whole };
    assert_eq!(places(&with_bit_11.bytes()), expected, "a name in UTF-8");
    for other in [
        Entry { flags: 1, ..whole },
        Entry { method: 0, ..whole },
        Entry { method: 9, ..whole },
        Entry { sizes: (whole.sizes.0 - 1, whole.sizes.1), ..whole },
        Entry { sizes: (whole.sizes.0, whole.sizes.1 + 1), ..whole },
    ] {
        assert!(
            places(&other.bytes()).is_empty(),
            "{:?}",
            (other.flags, other.method, other.sizes)
        );
    }
    for contents in [whole, later, elsewhere] {
        assert_eq!(there_and_back(&contents.bytes()).streams().len(), 1);
    }
}

#[test]
fn what_a_stream_holds_is_not_looked_into() {
    let raw = text(4, 3000);
    let packed = deflate(&raw, 6);
    let inner = [Entry::new(&packed, &raw).bytes(), gzip(&packed, &raw)].concat();
    let outer = Entry::new(&deflate(&inner, 9), &inner).bytes();
    let layout = there_and_back(&outer);
    assert_eq!(layout.streams().len(), 1);
    assert_eq!(layout.streams()[0].raw, inner.len());
    let stored = Entry { method: 0, ..Entry::new(&inner, &inner) }.bytes();
    assert_eq!(there_and_back(&stored).streams().len(), 2, "what is stored stands there as it is");
}

#[test]
fn streams_below_64_bytes_and_empty_ones_are_left_alone() {
    for len in 0..100 {
        let raw = noise(len, usize::try_from(len).expect("small"));
        let packed = deflate(&raw, 6);
        let layout = there_and_back(&gzip(&packed, &raw));
        assert_eq!(layout.streams().len(), usize::from(packed.len() >= 64), "{len}");
    }
}

#[test]
fn a_member_whose_size_is_another_is_none() {
    let raw = text(5, 3000);
    let packed = deflate(&raw, 6);
    assert!(places(&gzip(&packed, &raw[1..])).is_empty());
    let mut cut = gzip(&packed, &raw);
    cut.pop();
    assert!(places(&cut).is_empty(), "the end of the size is missing");
}

#[test]
fn what_would_go_past_a_limit_stays_as_it_is() {
    let zeros = vec![0; 3_000_000];
    let bomb = gzip(&deflate(&zeros, 9), &zeros);
    let raw = text(6, 10_000);
    let small = gzip(&deflate(&raw, 6), &raw);
    let contents = [small.clone(), bomb, small.clone(), small].concat();
    let found = |raw, streams| {
        let layout = find(&contents, &Limits { raw, streams });
        layout.streams().iter().map(|stream| stream.raw).collect::<Vec<_>>()
    };
    assert_eq!(found(10_000_000, 9), [10_000, 3_000_000, 10_000, 10_000]);
    assert_eq!(found(2_000_000, 9), [10_000, 10_000, 10_000]);
    assert_eq!(found(29_999, 9), [10_000, 10_000]);
    assert_eq!(found(10_000_000, 2), [10_000, 3_000_000]);
    assert_eq!(found(9_999, 9), [0_usize; 0]);
    assert_eq!(found(10_000_000, 0), [0_usize; 0]);
}

#[test]
fn what_looks_like_many_headers_is_given_up_in_time() {
    // Each header is followed by a stream that is broken after megabytes.
    let raw = text(7, 200_000);
    let mut packed = deflate(&raw, 9);
    let end = packed.len() - 40;
    packed.truncate(end);
    let mut contents = Vec::new();
    for _ in 0..50 {
        contents.extend([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
        contents.extend(&packed);
        contents.extend([0xff; 64]);
    }
    let limits = Limits { raw: 1_000_000, streams: 10 };
    assert!(find(&contents, &limits).streams().is_empty());
    let good = [contents, gzip(&deflate(&raw, 6), &raw)].concat();
    assert!(find(&good, &limits).streams().is_empty(), "the search has ended before");
    assert_eq!(find(&good, &Limits { raw: 100_000_000, streams: 10 }).streams().len(), 1);
}

#[test]
fn the_result_is_the_same_on_any_number_of_threads() {
    let mut contents = Vec::new();
    for part in 0..30 {
        let raw = text(part, 20_000);
        contents.extend(gzip(&deflate(&raw, 1 + u32::try_from(part).expect("small") % 9), &raw));
    }
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let layout = there_and_back(&contents);
            let mut list = Vec::new();
            layout.write(&mut list);
            list
        })
    };
    assert_eq!(with(1), with(7));
}

#[test]
fn a_stream_without_a_recipe_can_be_unpacked_and_not_packed() {
    let raw = text(8, 3000);
    let contents = gzip(&deflate(&raw, 6), &raw);
    let layout = find(&contents, &LIMITS);
    let unpacked = unpack(&contents, &layout).expect("unpacks");
    assert!(unpacked[10..].starts_with(&raw));
    let error = pack(&unpacked, &layout, Vec::new()).expect_err("no recipe");
    assert!(matches!(error, ContainerError::Pack { at: 10, .. }), "{error:?}");
}

#[test]
fn contents_of_another_size_are_refused() {
    let raw = text(9, 3000);
    let contents = gzip(&deflate(&raw, 6), &raw);
    let layout = find_rebuildable(&contents, &LIMITS);
    for wrong in [&contents[1..], &[contents.clone(), vec![0]].concat(), &[]] {
        let error = unpack(wrong, &layout).expect_err("another size");
        assert!(matches!(error, ContainerError::OtherSize { .. }), "{error:?}");
        let error = pack(wrong, &layout, Vec::new()).expect_err("another size");
        assert!(matches!(error, ContainerError::OtherSize { .. }), "{error:?}");
    }
}

#[test]
fn a_caller_may_drop_streams() {
    let parts: Vec<_> = (0..6).map(|part| text(part, 3000)).collect();
    let contents: Vec<u8> = parts.iter().flat_map(|raw| gzip(&deflate(raw, 6), raw)).collect();
    let mut odd = false;
    let layout = find_rebuildable(&contents, &LIMITS).only(|_: &Stream| {
        odd = !odd;
        odd
    });
    assert_eq!(layout.streams().len(), 3);
    let unpacked = unpack(&contents, &layout).expect("unpacks");
    assert_eq!(unpacked.len(), layout.unpacked_size());
    let mut again = Vec::new();
    pack(&unpacked, &layout, &mut again).expect("packs");
    assert_eq!(again, contents);
}
