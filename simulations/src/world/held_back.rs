//! Answers that are held back by their node's upload limit, as the node's own agent does it (`agent/serving.rs`).

use std::time::Duration;

use updraft_node::agent::UPLOAD_PATIENCE;
use updraft_protocol::{PackedAnswer, TransferAnswer};

use super::{
    Event, World,
    lines::Micros,
    talk::{Answer, Body, QUESTION, QuestionId},
};

/// An answer that is held back by its node's upload limit. Its places are kept.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) to: u32,
    pub(super) question: QuestionId,
    pub(super) answer: Answer,
    pub(super) size: u64,
    pub(super) weight: u32,
}

impl World {
    /// A node gives an answer after that time; its places are kept meanwhile.
    pub(super) fn answer_after(&mut self, node: u32, wait: Micros, waiting: Waiting) {
        if wait == 0 {
            let Waiting { to, question, answer, size, weight } = waiting;
            return self.send_and_keep(node, to, Body::Answer(question, answer), size, weight);
        }
        if let Some(running) = &mut self.node(node).running {
            *running.serving.entry(waiting.to).or_default() += waiting.weight;
        }
        let life = self.nodes[node as usize].life;
        self.queue.put(self.now + wait, Event::Answers(node, life, Box::new(waiting)));
    }

    /// An answer that was held back goes out.
    pub(super) fn answer_at_last(&mut self, node: u32, life: u32, waiting: Waiting) {
        if !self.lives(node, life) {
            return;
        }
        let Waiting { to, question, answer, size, weight } = waiting;
        self.note("answers", node, question.0);
        self.served(node, to, weight);
        if self.nodes[node as usize].peers.contains(&to) {
            self.send_and_keep(node, to, Body::Answer(question, answer), size, weight);
        }
    }

    /// What of an answer a node's upload limit lets through, and how long it is held back.
    pub(super) fn limited(
        &mut self,
        node: u32,
        answer: Answer,
        size: u64,
    ) -> (Answer, u64, Micros) {
        let busy = || PackedAnswer::One(TransferAnswer::Busy);
        let now = Duration::from_micros(self.now);
        let counters = self.nodes[node as usize].counters.gave;
        let this = self.node(node);
        let Some(bucket) = &mut this.upload else { return (answer, size, 0) };
        let mut pass = |bytes| {
            let wait = bucket.take_within(bytes, UPLOAD_PATIENCE, now)?;
            Some(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX))
        };
        match answer {
            Answer::Transfer(TransferAnswer::Chunk(_)) => match pass(size) {
                Some(wait) => (answer, size, wait),
                None => {
                    this.counters.gave = counters.saturating_sub(size);
                    (Answer::Transfer(TransferAnswer::Busy), QUESTION, 0)
                }
            },
            Answer::Packed(PackedAnswer::Chunks(mut chunks)) if !chunks.is_empty() => {
                // Of a pack goes as much of its beginning as need not wait too long.
                let each = (size - QUESTION) / chunks.len() as u64;
                let all = chunks.len() as u64 * each;
                loop {
                    let bytes = each * chunks.len() as u64;
                    if let Some(wait) = pass(bytes) {
                        this.counters.gave = counters.saturating_sub(all - bytes);
                        let answer = Answer::Packed(PackedAnswer::Chunks(chunks));
                        return (answer, bytes + QUESTION, wait);
                    }
                    if chunks.len() == 1 {
                        this.counters.gave = counters.saturating_sub(all);
                        return (Answer::Packed(busy()), QUESTION, 0);
                    }
                    chunks.truncate(chunks.len() / 2);
                }
            }
            other => (other, size, 0),
        }
    }
}
