//! Fetching an object (a tree, a chunk list) by its digest, until some holder gives the right bytes.
//!
//! One holder is asked at a time as long as it answers quickly; a slow one does not hold the others up, and one
//! that is busy is asked again. [`ObjectSearch`] decides that and is pure; [`fetch_object`] only asks.

use std::{
    collections::VecDeque,
    fmt::{Debug, Display},
};

use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::time::Instant;
use updraft_protocol::{Digest, ObjectRef, TransferAnswer, TransferRequest};

use super::{Elapsed, Lie, PeerError, Peers};

/// After this long without an answer the next holder is asked too.
const HEDGE_AFTER: Elapsed = Elapsed::from_secs(1);
/// Requests under way at once.
const MAX_COPIES: usize = 3;
/// How often a busy holder is asked again.
const MAX_BUSY: u32 = 3;

/// What happened in a search for an object.
#[derive(Debug)]
pub enum ObjectInput<P> {
    /// A holder that was asked has answered, or has not.
    Answered(P, Result<TransferAnswer, PeerError>),
    /// Nothing; time passed. The first input of all.
    Tick,
}

/// What a search for an object asks to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectAction<P> {
    /// Ask a holder for the object.
    Ask(P),
    /// Tell the network that a holder lied.
    Accuse(P, Lie),
    /// The search is over: the bytes, verified, or `None` if nobody gave them. Comes once, and nothing after it.
    Done(Option<Vec<u8>>),
}

/// The search for one object. Pure: time and answers come in, questions go out.
#[derive(Debug, Clone)]
pub struct ObjectSearch<P> {
    object: ObjectRef,
    /// Holders to ask, and how often each was busy.
    left: VecDeque<(P, u32)>,
    /// Holders that were asked and have not answered; at most [`MAX_COPIES`].
    asked: Vec<(P, u32)>,
    /// When the next holder is asked although others have not answered.
    hedge_at: Elapsed,
    is_over: bool,
}

impl<P: Copy + Eq + Debug + Display> ObjectSearch<P> {
    /// Begins; holders are asked in this order.
    pub fn new(object: ObjectRef, holders: impl IntoIterator<Item = P>) -> Self {
        Self {
            object,
            left: holders.into_iter().map(|holder| (holder, 0)).collect(),
            asked: Vec::new(),
            hedge_at: Elapsed::ZERO,
            is_over: false,
        }
    }

    /// Takes one input and says what to do.
    pub fn handle(&mut self, input: ObjectInput<P>, now: Elapsed) -> Vec<ObjectAction<P>> {
        let mut actions = Vec::new();
        if self.is_over {
            return actions;
        }
        match input {
            ObjectInput::Answered(holder, answer) => {
                self.on_answer(holder, answer, now, &mut actions);
            }
            ObjectInput::Tick if self.may_hedge() && now >= self.hedge_at => {
                self.ask_next(now, &mut actions);
            }
            ObjectInput::Tick => {}
        }
        if self.asked.is_empty() && !self.is_over && !self.ask_next(now, &mut actions) {
            self.end(None, &mut actions);
        }
        actions
    }

    /// When to send [`ObjectInput::Tick`] if nothing else comes first; `None` if only an answer goes on.
    pub fn next_wakeup(&self) -> Option<Elapsed> {
        (self.may_hedge() && !self.is_over).then_some(self.hedge_at)
    }

    fn may_hedge(&self) -> bool {
        !self.asked.is_empty() && self.asked.len() < MAX_COPIES && !self.left.is_empty()
    }

    fn on_answer(
        &mut self,
        holder: P,
        answer: Result<TransferAnswer, PeerError>,
        now: Elapsed,
        actions: &mut Vec<ObjectAction<P>>,
    ) {
        // Whoever was not asked has nothing to say.
        let Some(place) = self.asked.iter().position(|(asked, _)| *asked == holder) else { return };
        let (_, tries) = self.asked.remove(place);
        // Somebody answers: the others have their time again before one more is asked.
        self.hedge_at = now + HEDGE_AFTER;
        match answer {
            Ok(TransferAnswer::Object(bytes)) if Digest::of(&bytes) == self.object.digest => {
                self.end(Some(bytes), actions);
            }
            Ok(TransferAnswer::Object(_)) => {
                actions.push(ObjectAction::Accuse(holder, Lie::WrongBytes));
            }
            Ok(TransferAnswer::Have(_) | TransferAnswer::Chunk(_)) => {
                actions.push(ObjectAction::Accuse(holder, Lie::WrongAnswer));
            }
            Ok(TransferAnswer::Busy) if tries < MAX_BUSY => {
                self.left.push_back((holder, tries + 1))
            }
            Ok(TransferAnswer::NotHeld | TransferAnswer::Busy) => {}
            Err(error) => {
                tracing::debug!(peer = %holder, object = %self.object.digest, %error, "no object");
            }
        }
    }

    /// Asks the next holder; says whether there is one.
    fn ask_next(&mut self, now: Elapsed, actions: &mut Vec<ObjectAction<P>>) -> bool {
        let Some(next) = self.left.pop_front() else { return false };
        self.asked.push(next);
        self.hedge_at = now + HEDGE_AFTER;
        actions.push(ObjectAction::Ask(next.0));
        true
    }

    fn end(&mut self, bytes: Option<Vec<u8>>, actions: &mut Vec<ObjectAction<P>>) {
        self.is_over = true;
        actions.push(ObjectAction::Done(bytes));
    }
}

/// The object's bytes, verified; `None` if none of `holders` gave them. Ends in bounded time.
pub async fn fetch_object<P: Peers>(
    peers: &P,
    object: ObjectRef,
    holders: &[P::Id],
) -> Option<Vec<u8>> {
    let mut search = ObjectSearch::new(object, holders.iter().copied());
    let mut asked = FuturesUnordered::new();
    let began = Instant::now();
    let mut input = ObjectInput::Tick;
    loop {
        for action in search.handle(input, began.elapsed()) {
            match action {
                ObjectAction::Ask(holder) => {
                    let answer = peers.transfer(holder, TransferRequest::Object(object.digest));
                    asked.push(answer.map(move |answer| (holder, answer)));
                }
                ObjectAction::Accuse(holder, lie) => peers.accuse(holder, lie),
                ObjectAction::Done(bytes) => return bytes,
            }
        }
        let wakeup = search.next_wakeup();
        let hedge_at = began + wakeup.unwrap_or_default();
        input = tokio::select! {
            // Cancel-safe: an answer that came stays in the set until it is taken.
            Some((holder, answer)) = asked.next() => ObjectInput::Answered(holder, answer),
            // A timer loses nothing when another arm wins.
            () = tokio::time::sleep_until(hedge_at), if wakeup.is_some() => ObjectInput::Tick,
            // Somebody is asked until the search is over.
            else => return None,
        };
    }
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
