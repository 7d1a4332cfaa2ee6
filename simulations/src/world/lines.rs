//! Lines with a rate up and a rate down, and what is sent over them. Pure: time comes in, deliveries come out.
//!
//! ```text
//!  send ─> a connection's queue ─> the sender's line, one slice of each connection in turn ─> the way
//!       ─> the receiver's line, one slice after the other ─> delivered with its last slice
//! ```
//!
//! Whoever is busy serves its connections in turn, a slice each (deficit round robin, Shreedhar and Varghese 1995, with
//! slices of one size): so a line is shared fairly, and what one connection cannot use the others get. A connection of
//! which too much lies before the receiver's line waits, as a window makes it wait: so a slow receiver does not take the
//! sender's line from others. Small slices are close to a fluid, and cost events: a slice takes about eight milliseconds of
//! the sender's line, and a message smaller than one is one slice.

use std::collections::{BTreeMap, VecDeque};

use super::{queue::Queue, slots::Slots};

/// Microseconds since the beginning of the world.
pub type Micros = u64;

/// Microseconds that one turn takes, as far as [`SLICES`] allow: a fifth of the ways that are usual between nodes.
const TURN: Micros = 8_000;
/// The fewest and the most bytes that are sent in one turn.
const SLICES: (u64, u64) = (16 * 1024, 64 * 1024);
/// Bytes of a connection that may be on the way or lie before the receiver's line.
pub const WINDOW: u64 = 1024 * 1024;

/// One end of the network: what its line carries, in bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Away from it.
    pub up: u64,
    /// To it.
    pub down: u64,
}

/// A message that is there in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// When.
    pub at: Micros,
    /// Who sent it.
    pub from: u32,
    /// Who has it.
    pub to: u32,
    /// What the sender called it.
    pub token: u64,
}

#[derive(Debug)]
struct Message {
    token: u64,
    left: u64,
}

/// What goes from one end to another. Its messages are sent a slice each in turn, as streams of one connection are: a small
/// one that was sent later may be there first.
#[derive(Debug, Default)]
struct Connection {
    waiting: VecDeque<Message>,
    /// Messages of which something is under way still, in their order.
    under_way: VecDeque<u64>,
    /// Tells it from what lay in its slot before.
    number: u64,
    to: u32,
    /// Bytes between the two lines.
    between: u64,
    /// One way, for what is sent now.
    delay: Micros,
    /// Whether the sender's line has it in its round.
    in_round: bool,
    /// The last slice arrives then; no slice overtakes another of its connection.
    last_arrival: Micros,
}

/// Where a connection lies, if it was not cut since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    slot: u32,
    number: u64,
}

#[derive(Debug)]
struct Line {
    rates: Rates,
    /// Bytes that it sends in one turn.
    slice: u64,
    /// Connections that wait for their turn.
    round: VecDeque<Place>,
    sending: bool,
    arrived: VecDeque<Slice>,
    receiving: bool,
    /// Bytes that went out and came in, for reports.
    sent: u64,
    received: u64,
}

/// A piece of a message between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slice {
    from: u32,
    to: u32,
    connection: Place,
    bytes: u64,
    /// The message that ends with it.
    ends: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// A line has sent a slice.
    Sent(Slice),
    /// A slice is at the other end.
    Arrived(Slice),
    /// It has come through the line there.
    Received(Slice),
}

/// All lines of a world.
#[derive(Debug, Default)]
pub struct Lines {
    lines: Vec<Line>,
    connections: Slots<Connection>,
    /// Connections by their ends.
    places: BTreeMap<(u32, u32), Place>,
    events: Queue<Event>,
    numbers: u64,
}

/// How long a line takes for some bytes: at least a microsecond, rounded up.
fn takes(bytes: u64, rate: u64) -> Micros {
    bytes.saturating_mul(1_000_000).div_ceil(rate.max(1)).max(1)
}

impl Lines {
    /// Adds an end; they are numbered from 0.
    pub fn add(&mut self, rates: Rates) -> u32 {
        let number =
            u32::try_from(self.lines.len()).expect("fewer than four thousand million ends");
        self.lines.push(Line {
            rates,
            slice: (rates.up / 1_000_000 * TURN).clamp(SLICES.0, SLICES.1),
            round: VecDeque::new(),
            sending: false,
            arrived: VecDeque::new(),
            receiving: false,
            sent: 0,
            received: 0,
        });
        number
    }

    /// Sends a message of so many bytes; what is sent from now on takes `delay` on the way.
    pub fn send(&mut self, from: u32, to: u32, bytes: u64, delay: Micros, token: u64, now: Micros) {
        let place = *self.places.entry((from, to)).or_insert_with(|| {
            self.numbers += 1;
            let number = self.numbers;
            let slot = self.connections.put(Connection { number, to, ..Connection::default() });
            Place { slot, number }
        });
        let Some(connection) = self.connection(place) else { return };
        connection.delay = delay;
        connection.waiting.push_back(Message { token, left: bytes.max(1) });
        connection.under_way.push_back(token);
        self.enter(from, place);
        self.go_on(from, now);
    }

    /// How long both lines take for a few bytes that go past what waits there. They are counted.
    pub fn passes(&mut self, from: u32, to: u32, bytes: u64) -> Micros {
        let (sender, receiver) = (from as usize, to as usize);
        self.lines[sender].sent += bytes;
        self.lines[receiver].received += bytes;
        takes(bytes, self.lines[sender].rates.up) + takes(bytes, self.lines[receiver].rates.down)
    }

    /// Counts bytes that an end has sent and received beside all this.
    pub fn count(&mut self, end: u32, sent: u64, received: u64) {
        let line = &mut self.lines[end as usize];
        line.sent += sent;
        line.received += received;
    }

    /// Ends a connection: what was not delivered is lost. Gives the messages of which nothing comes any more.
    pub fn cut(&mut self, from: u32, to: u32) -> Vec<u64> {
        let place = self.places.remove(&(from, to));
        let connection = place.and_then(|place| self.connections.take(place.slot));
        connection.into_iter().flat_map(|connection| connection.under_way).collect()
    }

    /// What the line of an end carries.
    pub fn rates(&self, end: u32) -> Rates {
        self.lines[end as usize].rates
    }

    /// Bytes that an end has sent and received.
    pub fn carried(&self, end: u32) -> (u64, u64) {
        self.lines.get(end as usize).map_or((0, 0), |line| (line.sent, line.received))
    }

    /// When something happens next.
    pub fn next(&self) -> Option<Micros> {
        self.events.next()
    }

    /// Lets happen what happens next; gives what is delivered by it.
    pub fn step(&mut self) -> Option<Delivery> {
        let (at, event) = self.events.take()?;
        match event {
            Event::Sent(slice) => self.sent(slice, at),
            Event::Arrived(slice) => {
                self.lines[slice.to as usize].arrived.push_back(slice);
                self.take_in(slice.to, at);
            }
            Event::Received(slice) => return self.received(slice, at),
        }
        None
    }

    /// Puts a connection into its sender's round, if it has something to send and may.
    fn enter(&mut self, from: u32, place: Place) {
        let Some(connection) = self.connection(place) else { return };
        if !connection.in_round && !connection.waiting.is_empty() && connection.between < WINDOW {
            connection.in_round = true;
            self.lines[from as usize].round.push_back(place);
        }
    }

    /// The next slice goes out, if the line is free.
    fn go_on(&mut self, from: u32, now: Micros) {
        let line = &mut self.lines[from as usize];
        while !line.sending
            && let Some(place) = line.round.pop_front()
        {
            // A connection that was cut has left its turn in the round.
            let found = self.connections.get_mut(place.slot);
            let Some(connection) = found.filter(|found| found.number == place.number) else {
                continue;
            };
            connection.in_round = false;
            let Some(message) = connection.waiting.front_mut() else { continue };
            let bytes = message.left.min(line.slice);
            message.left -= bytes;
            let ends = (message.left == 0).then_some(message.token);
            if ends.is_some() {
                connection.waiting.pop_front();
            } else {
                // Streams of one connection take turns, too: yamux sends a frame of each.
                connection.waiting.rotate_left(1);
            }
            connection.between += bytes;
            line.sending = true;
            line.sent += bytes;
            let done = now + takes(bytes, line.rates.up);
            let slice = Slice { from, to: connection.to, connection: place, bytes, ends };
            self.events.put(done, Event::Sent(slice));
            return;
        }
    }

    /// The connection that lies there, unless it was cut since.
    fn connection(&mut self, place: Place) -> Option<&mut Connection> {
        self.connections.get_mut(place.slot).filter(|found| found.number == place.number)
    }

    fn sent(&mut self, slice: Slice, now: Micros) {
        self.lines[slice.from as usize].sending = false;
        if let Some(connection) = self.connection(slice.connection) {
            let arrival = (now + connection.delay).max(connection.last_arrival);
            connection.last_arrival = arrival;
            self.events.put(arrival, Event::Arrived(slice));
            self.enter(slice.from, slice.connection);
        }
        self.go_on(slice.from, now);
    }

    fn take_in(&mut self, to: u32, now: Micros) {
        let line = &mut self.lines[to as usize];
        if line.receiving {
            return;
        }
        if let Some(slice) = line.arrived.pop_front() {
            line.receiving = true;
            let done = now + takes(slice.bytes, line.rates.down);
            self.events.put(done, Event::Received(slice));
        }
    }

    fn received(&mut self, slice: Slice, now: Micros) -> Option<Delivery> {
        let Slice { from, to, connection: place, bytes, ends } = slice;
        let line = &mut self.lines[to as usize];
        line.receiving = false;
        self.take_in(to, now);
        self.lines[to as usize].received += bytes;
        let connection = self.connection(place)?;
        connection.between = connection.between.saturating_sub(bytes);
        self.enter(from, place);
        self.go_on(from, now);
        let token = ends?;
        let under_way = &mut self.connection(place)?.under_way;
        let place = under_way.iter().position(|other| *other == token)?;
        under_way.remove(place);
        Some(Delivery { at: now, from, to, token })
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
