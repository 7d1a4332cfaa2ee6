//! Attacks on packs, and on the frozen questions: ranges that make their reader count for ever, and kinds that nobody
//! knows. What is too large to lie in a folder is tried beside the rules (`pack.rs`) and in `memory.rs`.

use updraft_protocol::{
    ChunkRange,
    limits::{MAX_PACK_CHUNKS, MAX_PACK_RANGES, MAX_REQUEST},
};

use super::Attack;
use crate::samples::{self, NETWORK, by_hand, by_hand::Bytes};

/// On packed requests and answers.
pub(super) fn of_ranges() -> Vec<Attack> {
    let wanted = |name, ranges: &[(u32, u32)]| {
        let range = |(first, count): &(u32, u32)| ChunkRange { first: *first, count: *count };
        let ranges: Vec<_> = ranges.iter().map(range).collect();
        Attack::alone(name, by_hand::votes::chunks_wanted(&samples::digest(b"blob"), &ranges))
    };
    let given = |name, chunks: usize| {
        Attack::alone(name, by_hand::votes::chunks_given(&vec![b"chunk".to_vec(); chunks]))
    };
    let many = |ranges: usize, count| -> Vec<(u32, u32)> {
        (0..u32::try_from(ranges).expect("few")).map(|n| (n * 10, count)).collect()
    };
    vec![
        wanted("honest_pack_of_as_many_as_there_may_be", &many(MAX_PACK_RANGES, 2)),
        wanted("honest_pack_of_one_range", &[(0, 64)]),
        wanted("pack_of_nothing", &[]),
        wanted("pack_of_an_empty_range", &[(3, 0)]),
        wanted("pack_of_ranges_that_overlap", &[(3, 2), (4, 1)]),
        wanted("pack_of_ranges_that_touch", &[(3, 2), (5, 1)]),
        wanted("pack_of_ranges_unsorted", &[(5, 1), (3, 1)]),
        wanted("pack_of_a_range_past_the_last_number", &[(u32::MAX, 1)]),
        wanted("pack_of_all_numbers", &[(0, u32::MAX)]),
        wanted("pack_of_too_many_ranges", &many(MAX_PACK_RANGES + 1, 1)),
        wanted("pack_of_a_chunk_too_many", &[(0, 65)]),
        wanted("pack_of_too_many_chunks_in_many_ranges", &many(MAX_PACK_RANGES, 3)),
        Attack::alone("pack_too_large_a_question", vec![0; MAX_REQUEST + 1]),
        Attack::alone("pack_of_an_unknown_kind", Bytes::default().u32(2).raw(&[7; 32]).done()),
        given("honest_pack_of_as_many_chunks_as_there_may_be", MAX_PACK_CHUNKS),
        given("pack_that_gives_too_many_chunks", MAX_PACK_CHUNKS + 1),
        Attack::alone("pack_of_a_holding_too_large", {
            Bytes::default().u32(0).u32(1).u32(1).bytes(&[0xff; 2_049]).done()
        }),
    ]
}

/// On the frozen protocol: it keeps the rules of what it carries, and a kind that it does not have is a newer node's.
pub(super) fn of_bootstrap() -> Vec<Attack> {
    let fork =
        |option: u8| Bytes::default().u32(1).raw(NETWORK.as_bytes()).raw(&[1, 2, 3, 4]).u8(option);
    let mark = |channel: &str| Bytes::default().text(channel).u64(1).option(None).done();
    let since = Bytes::default().u32(2).u32(0).raw(NETWORK.as_bytes()).u64(1);
    vec![
        Attack::alone("honest_fork_id", fork(1).u64(u64::MAX).done()),
        Attack::alone("fork_id_neither_with_nor_without_a_next", fork(2).u64(7).done()),
        Attack::alone("fork_id_cut", fork(1).raw(&[0; 7]).done()),
        Attack::alone("bootstrap_request_of_an_unknown_kind", {
            Bytes::default().u32(4).raw(NETWORK.as_bytes()).done()
        }),
        Attack::alone("bootstrap_answer_of_an_unknown_kind", Bytes::default().u32(5).done()),
        Attack::alone("bootstrap_with_marks_unsorted", {
            since.list([mark("stable"), mark("beta")]).done()
        }),
        Attack::alone("bootstrap_with_a_holding_too_large", {
            Bytes::default().u32(3).u32(1).u32(1).bytes(&[0xff; 2_049]).done()
        }),
    ]
}
