//! Attacks on decoders: bytes that are no value, or a value that breaks a rule.

use updraft_protocol::{
    Blob, ChunkList, Digest, Head, Manifest, ObjectRef, PatchCodec, PatchOffer, Root, Timestamp,
    limits::{MAX_BLOB_BYTES, MAX_NOTES},
};

use super::Attack;
use crate::samples::{self, NETWORK, by_hand, by_hand::Bytes};

/// `bytes` with `new` in the place of the only `old`.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    assert_eq!(places.len(), 1, "the bytes to replace are there once");
    [&bytes[..places[0]], new, &bytes[places[0] + old.len()..]].concat()
}

/// On the encoding itself.
pub(super) fn of_encodings() -> Vec<Attack> {
    let head = by_hand::head(&samples::head_1());
    // Network, the length of `stable`, its letters, the number: then the option.
    let mut option = head.clone();
    option[32 + 8 + 6 + 8] = 2;
    let manifest = by_hand::manifest(&samples::manifest());
    let text = |text: &str| Bytes::default().text(text).done();
    let version_with_build = replaced(&manifest, &text("1.1.0"), &text("1.1.0+b"));
    let news = |more| Bytes::default().u32(0).u64(2).list([]).u8(more).raw(&[7; 32]).done();
    let since = Bytes::default().u32(0).raw(NETWORK.as_bytes()).u64(2);
    vec![
        Attack::alone("honest_news", news(1)),
        Attack::alone("flag_neither_yes_nor_no", news(2)),
        Attack::alone("option_neither_some_nor_none", option),
        Attack::alone("text_not_utf8", replaced(&manifest, "ß".as_bytes(), &[0xc3, 0x28])),
        Attack::alone(
            "text_with_overlong_utf8",
            replaced(&manifest, "ß".as_bytes(), &[0xc0, 0xaf]),
        ),
        Attack::alone("name_that_climbs", replaced(&manifest, b"demo-app", b"../../..")),
        Attack::alone("version_with_build", version_with_build),
        Attack::alone("bytes_after_the_end", [&head[..], &[0]].concat()),
        Attack::alone("bytes_end_early", head[..head.len() - 1].to_vec()),
        Attack::alone("bytes_none", Vec::new()),
        Attack::alone("length_is_a_lie", since.u64(u64::MAX).done()),
        Attack::alone("length_is_a_gigabyte", Bytes::default().u32(0).u64(1 << 30).done()),
        Attack::alone("kind_unknown", Bytes::default().u32(9).raw(&[7; 32]).done()),
        Attack::alone("request_too_large", vec![0; 8_209]),
        Attack::alone("ticket_too_large", vec![0; 625]),
    ]
}

/// Lists that are longer than allowed, or sets that are not in order.
pub(super) fn of_lists() -> Vec<Attack> {
    let marks = |channels: &[String]| {
        let mark = |channel: &String| Bytes::default().text(channel).u64(1).option(None).done();
        let start = Bytes::default().u32(0).raw(NETWORK.as_bytes()).u64(1);
        start.list(channels.iter().map(mark)).done()
    };
    let many_marks: Vec<String> = (0..65).map(|n| format!("c{n:02}")).collect();
    let nothing_signed = || by_hand::signed(&[], &[]);
    let many_signatures = by_hand::signed(&[], &vec![vec![7; 96]; 33]);
    let listing = samples::head_2().releases[0].clone();
    let another = updraft_protocol::Listing { manifest: Digest::of(b"2"), ..listing.clone() };
    let releases = |releases| by_hand::head(&Head { releases, ..samples::head_2() });
    let many_releases = (0..201).map(|n| {
        let component = samples::name(&format!("c{n:03}"));
        updraft_protocol::Listing { component, ..listing.clone() }
    });
    let mut backwards = samples::head_2().releases;
    backwards.reverse();
    let patch = samples::manifest().patches[0].clone();
    let patches = |patches| by_hand::manifest(&Manifest { patches, ..samples::manifest() });
    let many_patches =
        (0..65_u8).map(|n| PatchOffer { from_tree: Digest::from_bytes([n; 32]), ..patch.clone() });
    let of_codec = |codec| PatchOffer { codec, ..patch.clone() };
    let [plain, fast, dense] = PatchCodec::ALL.map(of_codec);
    let addresses = |addresses: Vec<String>| {
        let start = Bytes::default().raw(NETWORK.as_bytes()).text("sample").raw(&[7; 32]);
        start.list(addresses.iter().map(|text| Bytes::default().text(text).done())).done()
    };
    vec![
        Attack::alone("marks_too_many", marks(&many_marks)),
        Attack::alone("marks_twice", marks(&["beta".to_owned(), "beta".to_owned()])),
        Attack::alone("marks_unsorted", marks(&["stable".to_owned(), "beta".to_owned()])),
        Attack::alone("roots_too_many", {
            Bytes::default().u32(0).list((0..17).map(|_| nothing_signed())).done()
        }),
        Attack::alone("heads_too_many", {
            let heads = (0..65).map(|_| nothing_signed());
            Bytes::default().u32(0).u64(1).list(heads).u8(0).raw(&[7; 32]).done()
        }),
        Attack::alone("gossip_with_too_many_signatures", {
            Bytes::default().u32(0).raw(&many_signatures).option(None).done()
        }),
        Attack::alone("gossip_with_too_many_signatures_on_its_manifest", {
            Bytes::default().u32(0).raw(&nothing_signed()).option(Some(many_signatures)).done()
        }),
        Attack::alone("listings_too_many", releases(many_releases.collect())),
        Attack::alone("listings_unsorted", releases(backwards)),
        Attack::alone("listings_of_one_release_twice", releases(vec![listing, another])),
        Attack::alone("patches_too_many", patches(many_patches.collect())),
        Attack::alone("patches_twice", patches(vec![patch.clone(), patch])),
        Attack::alone(
            "patches_of_one_codec_twice",
            patches(vec![plain.clone(), dense.clone(), dense.clone()]),
        ),
        Attack::alone("patches_unsorted_by_codec", patches(vec![plain, dense, fast])),
        Attack::alone("honest_patches_of_all_codecs", {
            by_hand::manifest(&samples::manifest_of_all_codecs())
        }),
        Attack::alone("holding_too_large", {
            Bytes::default().u32(1).u32(1).bytes(&[0xff; 2_049]).done()
        }),
        Attack::alone("addresses_too_many", addresses(vec!["/a".to_owned(); 5])),
        Attack::alone("address_too_long", addresses(vec!["a".repeat(129)])),
    ]
}

/// Roles that would verify nothing, or count one key twice.
pub(super) fn of_roles() -> Vec<Attack> {
    let attack = |name, threshold, keys: &[[u8; 32]]| {
        let role = by_hand::role(threshold, keys);
        Attack::alone(name, by_hand::root_with_role(&samples::root_1(), &role))
    };
    let sorted = |mut numbers: Vec<u8>| {
        numbers.sort_by_key(|n| by_hand::key_id(*n));
        numbers.iter().map(|n| *samples::public(*n).as_bytes()).collect::<Vec<_>>()
    };
    let keys = sorted(vec![1, 2, 3]);
    let backwards: Vec<_> = keys.iter().rev().copied().collect();
    let small = |first| {
        let mut point = [0; 32];
        point[0] = first;
        point
    };
    let mut beyond = [0xff; 32];
    (beyond[0], beyond[31]) = (0xf0, 0x7f);
    vec![
        attack("honest_role", 2, &keys),
        attack("role_threshold_zero", 0, &keys),
        attack("role_threshold_above_its_keys", 4, &keys),
        attack("role_without_keys", 1, &[]),
        attack("role_key_twice", 2, &[keys[0], keys[0]]),
        attack("role_keys_unsorted", 2, &backwards),
        attack("role_keys_too_many", 1, &sorted((1..=33).collect())),
        // y = 1 is the neutral point, under which one signature fits every message.
        attack("role_key_weak", 1, &[small(1)]),
        attack("role_key_no_point", 1, &[small(2)]),
        attack("role_key_in_second_form", 1, &[beyond]),
    ]
}

/// Rules of heads, roots, manifests and chunk lists.
pub(super) fn of_rules() -> Vec<Attack> {
    let (head, root) = (samples::head_2(), samples::root_2());
    let heads = |name, head: Head| Attack::alone(name, by_hand::head(&head));
    let roots = |name, root: Root| Attack::alone(name, by_hand::root(&root));
    let manifests = |name, manifest: Manifest| Attack::alone(name, by_hand::manifest(&manifest));
    let lists = |name, blob_size, chunk_size, count| {
        let digests = vec![Digest::of(b"chunk"); count];
        Attack::alone(name, by_hand::chunk_list(&ChunkList { blob_size, chunk_size, digests }))
    };
    let manifest = samples::manifest();
    let mut large_tree = manifest.clone();
    large_tree.tree.bytes = u64::MAX;
    let mut many_entries = manifest.clone();
    many_entries.tree.entries = u32::MAX;
    let mut large_object = manifest.clone();
    large_object.tree.object = ObjectRef { digest: Digest::of(b""), size: u32::MAX };
    let whole = |size| Manifest { whole: Blob { size, ..manifest.whole }, ..manifest.clone() };
    let channels = vec![root.release[1].clone(), root.release[1].clone()];
    vec![
        heads("head_zero", Head { seq: 0, prev: None, ..head.clone() }),
        heads("head_zero_with_a_past", Head { seq: 0, ..head.clone() }),
        heads("head_one_with_a_past", Head { seq: 1, ..head.clone() }),
        heads("head_two_without_a_past", Head { prev: None, ..head.clone() }),
        heads("head_expires_before_it_begins", Head { expires: head.time, ..head.clone() }),
        heads("head_at_the_end_of_time", {
            let time = Timestamp::from_seconds(u64::MAX);
            Head { time, expires: time, ..head }
        }),
        roots("root_zero", Root { version: 0, prev: None, ..root.clone() }),
        roots("root_one_with_a_past", Root { version: 1, ..root.clone() }),
        roots("root_two_without_a_past", Root { prev: None, ..root.clone() }),
        roots("root_expires_before_it_begins", Root { expires: root.issued, ..root.clone() }),
        roots("root_channel_twice", Root { release: channels, ..root }),
        manifests("manifest_minimum_above_itself", {
            Manifest { min_version: Some(samples::name("1.1.1")), ..manifest.clone() }
        }),
        manifests("manifest_notes_too_long", {
            Manifest { notes: "n".repeat(MAX_NOTES + 1), ..manifest.clone() }
        }),
        manifests("manifest_tree_too_large", large_tree),
        manifests("manifest_tree_of_too_many_entries", many_entries),
        manifests("manifest_object_too_large", large_object),
        manifests("manifest_blob_empty", whole(0)),
        manifests("manifest_blob_too_large", whole(MAX_BLOB_BYTES + 1)),
        lists("honest_chunk_list", 600_000, 262_144, 3),
        lists("chunks_too_few", 600_000, 262_144, 2),
        lists("chunks_too_many", 600_000, 262_144, 4),
        lists("chunks_of_nothing", 0, 262_144, 0),
        lists("chunks_of_an_endless_blob", u64::MAX, 262_144, 3),
        lists("chunks_of_zero_bytes", 600_000, 0, 3),
        lists("chunks_too_small", 600_000, 65_535, 10),
        lists("chunks_too_large", 600_000, 1_048_577, 1),
    ]
}
