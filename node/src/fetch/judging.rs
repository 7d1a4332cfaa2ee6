//! What answers of peers are worth, before anything is kept. Pure.
//!
//! Who drives a fetch hands every answer through here, a task as well as a simulation: what is a lie must not depend on
//! who asks. Keeps nothing and asks nobody.

use updraft_protocol::{Holding, PackedAnswer, TransferAnswer};

use super::{Lie, PeerError, machine::Failure};

/// What became of a question for chunks. They are kept in the order in which they were asked for, up to the first
/// that is wrong; nothing after it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The chunks that were asked for, as in the question.
    pub asked: Vec<u32>,
    /// Bytes of each chunk that came and is kept: the first of those asked for.
    pub kept: Vec<u64>,
    /// Why no more were kept.
    pub end: End,
}

/// Why no more chunks were kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The peer gave no more.
    Given,
    /// The next one came and was wrong.
    Wrong,
    /// None came.
    Failed(Failure),
    /// What came is no answer to this question.
    Lied,
}

/// What a peer says it holds; `None` if it does not say. And the lie, if its answer is one.
pub fn judge_holding(answer: Result<TransferAnswer, PeerError>) -> (Option<Holding>, Option<Lie>) {
    match answer {
        Ok(TransferAnswer::Have(holding)) => (Some(holding), None),
        Ok(TransferAnswer::NotHeld) => (Some(Holding::Nothing), None),
        Ok(TransferAnswer::Busy) | Err(_) => (None, None),
        Ok(TransferAnswer::Object(_) | TransferAnswer::Chunk(_)) => (None, Some(Lie::WrongAnswer)),
    }
}

/// The chunk in the answer to a question for one, unchecked; or why there is none.
pub fn judge_chunk(answer: Result<TransferAnswer, PeerError>) -> Result<Vec<u8>, End> {
    match answer {
        Ok(TransferAnswer::Chunk(bytes)) => Ok(bytes),
        Ok(other) => Err(no_chunk(&other)),
        Err(_) => Err(End::Failed(Failure::NoAnswer)),
    }
}

/// The chunks in the answer to a question for `asked` of them, unchecked and perhaps fewer; or why there are none.
pub fn judge_pack(
    asked: usize,
    answer: Result<PackedAnswer, PeerError>,
) -> Result<Vec<Vec<u8>>, End> {
    match answer {
        Ok(PackedAnswer::Chunks(came)) if came.len() > asked => Err(End::Lied),
        Ok(PackedAnswer::Chunks(came)) => Ok(came),
        Ok(PackedAnswer::One(other)) => Err(no_chunk(&other)),
        Err(_) => Err(End::Failed(Failure::NoAnswer)),
    }
}

/// What an answer means that is none of the chunks asked for.
fn no_chunk(answer: &TransferAnswer) -> End {
    match answer {
        TransferAnswer::NotHeld => End::Failed(Failure::NotHeld),
        TransferAnswer::Busy => End::Failed(Failure::Busy),
        // A chunk answers a question for one chunk, which is dealt with, and no question for a pack.
        TransferAnswer::Object(_) | TransferAnswer::Have(_) | TransferAnswer::Chunk(_) => End::Lied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_another_kind_is_a_lie_about_what_is_held() {
        let judged = |answer| judge_holding(answer);
        assert_eq!(judged(Ok(TransferAnswer::NotHeld)), (Some(Holding::Nothing), None));
        for silence in [Ok(TransferAnswer::Busy), Err(PeerError::Timeout)] {
            assert_eq!(judged(silence), (None, None));
        }
        for bytes in [TransferAnswer::Object(Vec::new()), TransferAnswer::Chunk(Vec::new())] {
            assert_eq!(judged(Ok(bytes)), (None, Some(Lie::WrongAnswer)));
        }
    }

    #[test]
    fn a_chunk_answers_a_question_for_one_and_none_for_a_pack() {
        let chunk = || TransferAnswer::Chunk(vec![1]);
        assert_eq!(judge_chunk(Ok(chunk())), Ok(vec![1]));
        assert_eq!(judge_pack(2, Ok(PackedAnswer::One(chunk()))), Err(End::Lied));
    }

    #[test]
    fn a_pack_may_have_fewer_chunks_than_asked_for_and_not_more() {
        let pack =
            |count: u8| Ok(PackedAnswer::Chunks((0..count).map(|byte| vec![byte]).collect()));
        assert_eq!(judge_pack(2, pack(0)), Ok(Vec::new()));
        assert_eq!(judge_pack(2, pack(2)), Ok(vec![vec![0], vec![1]]));
        assert_eq!(judge_pack(2, pack(3)), Err(End::Lied));
    }
}
