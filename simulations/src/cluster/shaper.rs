//! Lines with a rate up and a rate down, a length and faults, and the bytes that go over them. Pure: time comes in.
//!
//! ```text
//!  put ─> a pipe's unsent bytes ─> the sender's line, one slice of each pipe in turn ─> the way
//!      ─> the receiver's line, one slice after the other ─> taken
//! ```
//!
//! A pipe is one direction of a connection. What is true of a world's lines (`world/lines.rs`) is true here, of bytes
//! instead of messages: a line serves its pipes in turn (deficit round robin, which for bytes that can be cut anywhere is a
//! slice each), what one pipe does not use the others get, and a pipe of which too much is under way or not taken waits.
//! Its unsent bytes are bounded, so whoever writes waits, too. Every event happens at the moment at which the line was
//! free for it, not when somebody came to look: so a line carries its rate however late its driver wakes up.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
};

use crate::{
    framing::{PAYLOAD, on_the_wire},
    scenario::{Links, Share},
    world::{
        chance::Chance,
        lines::{Micros, WINDOW},
        ways::{RESEND, Ways},
    },
};

/// Bytes that are sent in one turn: four packets.
const SLICE: usize = 4 * PAYLOAD;
/// Unsent bytes that a pipe takes at least, and for how long its sender's line they are to last: a driver that wakes late
/// finds something to send, and no more than that stands between a question and the line.
const UNSENT: usize = 16 * 1024;
const UNSENT_TIME: u64 = 10_000;
/// How much later than others a packet may come that bad weather holds up.
const LATEST: Micros = 2_000_000;
/// What is lost again and again comes at last.
const MAX_RESENT: u64 = 6;

/// Names one direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PipeId(u64);

/// What comes out of a pipe.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Bytes, all that have come.
    Bytes(Vec<u8>),
    /// Nothing more will ever come.
    End,
    /// Nothing yet.
    Nothing,
    /// There is no such pipe any more.
    Gone,
}

/// A piece of what is sent.
#[derive(Debug)]
enum Piece {
    Bytes(Vec<u8>),
    End,
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::End => 0,
        }
    }
}

/// Bytes that wait, in one piece of memory: they are copied, never looked at one by one.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Those before this are taken.
    taken: usize,
}

impl Queue {
    fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    fn put(&mut self, more: &[u8]) {
        if self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(more);
    }

    /// The first so many, of which there have to be as many.
    fn take(&mut self, count: usize) -> Vec<u8> {
        let end = self.taken + count;
        let first = self.bytes[self.taken..end].to_vec();
        self.taken = end;
        first
    }
}

/// How far the sender of a pipe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    /// The end waits behind the unsent bytes.
    Finished,
    /// The end is under way.
    EndSent,
}

#[derive(Debug)]
struct Pipe {
    from: u32,
    /// Who is at the other end, once it is known.
    to: Option<u32>,
    /// The other direction.
    twin: Option<PipeId>,
    /// Whether its writer is gone, and with it who reads its twin.
    is_abandoned: bool,
    writing: Writing,
    unsent: Queue,
    under_way: VecDeque<Piece>,
    arrived: VecDeque<Piece>,
    /// Bytes that were sent and not taken.
    between: u64,
    is_in_round: bool,
    /// Nothing overtakes within a pipe.
    last_arrival: Micros,
}

#[derive(Debug)]
struct Line {
    up: u64,
    down: u64,
    round: VecDeque<PipeId>,
    is_sending: bool,
    arrived: VecDeque<(PipeId, u64)>,
    is_receiving: bool,
    sent: u64,
    received: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A line has sent a slice of so many bytes.
    Sent(u32, PipeId, u64),
    /// It is before the other line.
    Arrived(u32, PipeId, u64),
    /// It has come through.
    Received(u32, PipeId),
}

/// All lines of a cluster.
#[derive(Debug)]
pub(super) struct Shaper {
    /// How long the ways are, and whether they lead anywhere. After a change: [`Shaper::look_again`].
    pub(super) ways: Ways,
    lines: Vec<Line>,
    pipes: BTreeMap<PipeId, Pipe>,
    events: BinaryHeap<Reverse<(Micros, u64, Event)>>,
    order: u64,
    last_pipe: u64,
    chance: Chance,
    /// Pipes out of which something can be taken, and that have room, since they were last asked for.
    ready: BTreeSet<PipeId>,
    roomy: BTreeSet<PipeId>,
}

/// How long a line takes for some bytes: at least a microsecond, rounded up.
fn takes(bytes: u64, rate: u64) -> Micros {
    bytes.saturating_mul(1_000_000).div_ceil(rate.max(1)).max(1)
}

impl Shaper {
    /// Lines without ends, with the chances of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            ways: Ways::default(),
            lines: Vec::new(),
            pipes: BTreeMap::new(),
            events: BinaryHeap::new(),
            order: 0,
            last_pipe: 0,
            chance: Chance::of(seed, "ways"),
            ready: BTreeSet::new(),
            roomy: BTreeSet::new(),
        }
    }

    /// Adds the line of a node; they are numbered from 0.
    pub(super) fn add(&mut self, links: Links) {
        self.ways.add(links, &mut self.chance);
        self.lines.push(Line {
            up: links.up.0,
            down: links.down.0,
            round: VecDeque::new(),
            is_sending: false,
            arrived: VecDeque::new(),
            is_receiving: false,
            sent: 0,
            received: 0,
        });
    }

    /// Bytes that a line has sent and received, with all that is around them.
    pub(super) fn carried(&self, node: u32) -> (u64, u64) {
        self.lines.get(node as usize).map_or((0, 0), |line| (line.sent, line.received))
    }

    /// What a line carries in a second, up and down.
    pub(super) fn rates(&self, node: u32) -> (u64, u64) {
        self.lines.get(node as usize).map_or((0, 0), |line| (line.up, line.down))
    }

    /// A direction away from a node; nobody knows yet where to.
    pub(super) fn open(&mut self, from: u32) -> PipeId {
        self.last_pipe += 1;
        let id = PipeId(self.last_pipe);
        let pipe = Pipe {
            from,
            to: None,
            twin: None,
            is_abandoned: false,
            writing: Writing::Open,
            unsent: Queue::default(),
            under_way: VecDeque::new(),
            arrived: VecDeque::new(),
            between: 0,
            is_in_round: false,
            last_arrival: 0,
        };
        self.pipes.insert(id, pipe);
        id
    }

    /// Two pipes are the two directions of one connection.
    pub(super) fn join(&mut self, one: PipeId, other: PipeId, now: Micros) {
        for (pipe, twin) in [(one, other), (other, one)] {
            let to = self.pipes.get(&twin).map(|twin| twin.from);
            if let Some(pipe) = self.pipes.get_mut(&pipe) {
                (pipe.to, pipe.twin) = (to, Some(twin));
            }
        }
        self.go_on_with(one, now);
        self.go_on_with(other, now);
    }

    /// Takes bytes to be sent, as many as there is room for; `None` if the pipe is gone.
    pub(super) fn put(&mut self, id: PipeId, bytes: &[u8], now: Micros) -> Option<usize> {
        let pipe = self.pipes.get_mut(&id)?;
        let rate = self.lines[pipe.from as usize].up;
        let lasting = usize::try_from(rate / (1_000_000 / UNSENT_TIME)).unwrap_or(usize::MAX);
        let room = UNSENT.max(lasting).saturating_sub(pipe.unsent.len());
        let taken = &bytes[..room.min(bytes.len())];
        pipe.unsent.put(taken);
        let taken = taken.len();
        self.go_on_with(id, now);
        Some(taken)
    }

    /// Nothing more is to be sent after what was put.
    pub(super) fn finish(&mut self, id: PipeId, now: Micros) {
        if let Some(pipe) = self.pipes.get_mut(&id)
            && pipe.writing == Writing::Open
        {
            pipe.writing = Writing::Finished;
            self.go_on_with(id, now);
        }
    }

    /// Whoever wrote into it, and read from its twin, is gone. What was put still comes, if there is anybody to take it.
    pub(super) fn abandon(&mut self, id: PipeId, now: Micros) {
        self.finish(id, now);
        let Some(pipe) = self.pipes.get_mut(&id) else { return };
        pipe.is_abandoned = true;
        let twin = pipe.twin;
        let listens = twin.and_then(|twin| self.pipes.get(&twin)).is_some_and(|t| !t.is_abandoned);
        if !listens {
            self.remove(id);
            twin.into_iter().for_each(|twin| self.remove(twin));
        }
    }

    /// Takes what has come. What is taken goes on being under way until [`Shaper::is_taken`].
    pub(super) fn take(&mut self, id: PipeId) -> Taken {
        let Some(pipe) = self.pipes.get_mut(&id) else { return Taken::Gone };
        let mut bytes = Vec::new();
        while let Some(Piece::Bytes(more)) =
            pipe.arrived.pop_front_if(|piece| matches!(piece, Piece::Bytes(_)))
        {
            bytes.extend_from_slice(&more);
        }
        match (bytes.is_empty(), pipe.arrived.is_empty()) {
            (false, _) => Taken::Bytes(bytes),
            (true, false) => Taken::End,
            (true, true) => Taken::Nothing,
        }
    }

    /// So many bytes that were taken have reached who reads them.
    pub(super) fn is_taken(&mut self, id: PipeId, bytes: usize, now: Micros) {
        if let Some(pipe) = self.pipes.get_mut(&id) {
            pipe.between = pipe.between.saturating_sub(bytes as u64);
            self.go_on_with(id, now);
        }
    }

    /// Ends a pipe with all that is in it.
    pub(super) fn remove(&mut self, id: PipeId) {
        self.pipes.remove(&id);
        self.ready.insert(id);
        self.roomy.insert(id);
    }

    /// Ends all pipes from and to a node.
    pub(super) fn reset(&mut self, node: u32) {
        let is = |pipe: &Pipe| pipe.from == node || pipe.to == Some(node);
        let of: Vec<PipeId> =
            self.pipes.iter().filter(|(_, pipe)| is(pipe)).map(|(id, _)| *id).collect();
        of.into_iter().for_each(|id| self.remove(id));
    }

    /// The ways have changed: what waits for one may go on.
    pub(super) fn look_again(&mut self, now: Micros) {
        let all: Vec<PipeId> = self.pipes.keys().copied().collect();
        all.into_iter().for_each(|id| self.go_on_with(id, now));
    }

    /// Pipes out of which something can be taken, and those that have room or are gone, since the last time.
    pub(super) fn changes(&mut self) -> (BTreeSet<PipeId>, BTreeSet<PipeId>) {
        (std::mem::take(&mut self.ready), std::mem::take(&mut self.roomy))
    }

    /// When something happens next.
    pub(super) fn next(&self) -> Option<Micros> {
        self.events.peek().map(|Reverse((at, ..))| *at)
    }

    /// Lets everything happen that happens by `now`. Gives how many things did.
    pub(super) fn run(&mut self, now: Micros) -> u64 {
        let mut count = 0;
        while self.next().is_some_and(|at| at <= now)
            && let Some(Reverse((at, _, event))) = self.events.pop()
        {
            count += 1;
            self.happen(at, event);
        }
        count
    }

    fn plan(&mut self, at: Micros, event: Event) {
        self.order += 1;
        self.events.push(Reverse((at, self.order, event)));
    }

    fn happen(&mut self, at: Micros, event: Event) {
        match event {
            Event::Sent(from, id, wire) => {
                self.lines[from as usize].is_sending = false;
                self.leave(id, wire, at);
                self.enter(id);
                self.go_on(from, at);
            }
            Event::Arrived(to, id, wire) => {
                self.lines[to as usize].arrived.push_back((id, wire));
                self.take_in(to, at);
            }
            Event::Received(to, id) => {
                self.lines[to as usize].is_receiving = false;
                self.take_in(to, at);
                if let Some(pipe) = self.pipes.get_mut(&id)
                    && let Some(piece) = pipe.under_way.pop_front()
                {
                    pipe.arrived.push_back(piece);
                    self.ready.insert(id);
                }
            }
        }
    }

    /// A slice leaves its sender's line.
    fn leave(&mut self, id: PipeId, wire: u64, now: Micros) {
        let Some(pipe) = self.pipes.get_mut(&id) else { return };
        let Some(to) = pipe.to else { return };
        let packets = wire.div_ceil(on_the_wire(PAYLOAD as u64)).max(1);
        let (ways, chance) = (&self.ways, &mut self.chance);
        let under_way = (0..packets)
            .map(|_| ways.takes(pipe.from, to, chance) + bad_weather(ways, chance))
            .max()
            .unwrap_or(0);
        let arrival = (now + under_way).max(pipe.last_arrival);
        pipe.last_arrival = arrival;
        self.plan(arrival, Event::Arrived(to, id, wire));
    }

    fn go_on_with(&mut self, id: PipeId, now: Micros) {
        self.enter(id);
        if let Some(from) = self.pipes.get(&id).map(|pipe| pipe.from) {
            self.go_on(from, now);
        }
    }

    /// Puts a pipe into its sender's round, if it has something to send and may.
    fn enter(&mut self, id: PipeId) {
        let Some(pipe) = self.pipes.get_mut(&id) else { return };
        let Some(to) = pipe.to else { return };
        let has = pipe.unsent.len() > 0 || pipe.writing == Writing::Finished;
        if has && !pipe.is_in_round && pipe.between < WINDOW && self.ways.leads(pipe.from, to) {
            pipe.is_in_round = true;
            self.lines[pipe.from as usize].round.push_back(id);
        }
    }

    /// The next slice goes out, if the line is free.
    fn go_on(&mut self, from: u32, now: Micros) {
        while !self.lines[from as usize].is_sending
            && let Some(id) = self.lines[from as usize].round.pop_front()
        {
            let Some(pipe) = self.pipes.get_mut(&id) else { continue };
            pipe.is_in_round = false;
            // The way may have been cut since it came into the round.
            let Some(to) = pipe.to.filter(|to| self.ways.leads(from, *to)) else { continue };
            let piece = match pipe.unsent.len().min(SLICE) {
                0 if pipe.writing == Writing::Finished => {
                    pipe.writing = Writing::EndSent;
                    Piece::End
                }
                0 => continue,
                len => Piece::Bytes(pipe.unsent.take(len)),
            };
            debug_assert_ne!(to, from, "nobody is connected with himself");
            let wire = on_the_wire(piece.len() as u64);
            pipe.between += piece.len() as u64;
            pipe.under_way.push_back(piece);
            self.roomy.insert(id);
            let line = &mut self.lines[from as usize];
            line.is_sending = true;
            line.sent += wire;
            let done = now + takes(wire, line.up);
            self.plan(done, Event::Sent(from, id, wire));
        }
    }

    fn take_in(&mut self, to: u32, now: Micros) {
        let line = &mut self.lines[to as usize];
        if line.is_receiving {
            return;
        }
        if let Some((id, wire)) = line.arrived.pop_front() {
            line.is_receiving = true;
            line.received += wire;
            let done = now + takes(wire, line.down);
            self.plan(done, Event::Received(to, id));
        }
    }
}

/// By how much bad weather holds a packet up. Nothing is lost for good: what is lost is sent again.
fn bad_weather(ways: &Ways, chance: &mut Chance) -> Micros {
    let (Share(loss), Share(late)) = (ways.weather.loss, ways.weather.late);
    let mut held_up = if chance.happens(late) { chance.between(0, LATEST) } else { 0 };
    let mut resent = 0;
    while resent < MAX_RESENT && chance.happens(loss) {
        held_up += RESEND << resent;
        resent += 1;
    }
    held_up
}

#[cfg(test)]
#[path = "shaper_tests.rs"]
mod tests;
