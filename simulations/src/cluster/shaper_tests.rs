//! What lines promise: their rate and no more, fair shares, and that nothing is lost.

use super::*;
use crate::{framing::FRAMED, scenario::Time, world::ways::Weather};

/// What is sent.
static SOME: &[u8] = &[7; 128 * 1024];
const MIB: usize = 1024 * 1024;
/// Bytes a second of a megabit.
const MBIT: u64 = 125_000;

/// A shaper that somebody fills and empties as fast as it lets him.
struct Desk {
    shaper: Shaper,
    now: Micros,
    /// What is to be written still, by pipe, and what has been read.
    left: BTreeMap<PipeId, usize>,
    read: BTreeMap<PipeId, Vec<(Micros, usize)>>,
}

impl Desk {
    fn of(lines: &[(u64, u64)], latency: Micros) -> Self {
        let mut shaper = Shaper::new(1);
        for (up, down) in lines {
            shaper.add(links(*up, *down, latency));
        }
        Self { shaper, now: 0, left: BTreeMap::new(), read: BTreeMap::new() }
    }

    fn connect(&mut self, from: u32, to: u32, bytes: usize) -> PipeId {
        let (there, back) = (self.shaper.open(from), self.shaper.open(to));
        self.shaper.join(there, back, self.now);
        self.left.insert(there, bytes);
        there
    }

    /// Goes on until then, or until nothing happens any more.
    fn run(&mut self, until: Micros) {
        loop {
            for (id, left) in &mut self.left {
                *left -=
                    self.shaper.put(*id, &SOME[..SOME.len().min(*left)], self.now).unwrap_or(0);
            }
            let Some(next) = self.shaper.next().filter(|at| *at <= until) else { return };
            self.now = next;
            self.shaper.run(next);
            for id in self.left.keys() {
                if let Taken::Bytes(bytes) = self.shaper.take(*id) {
                    self.shaper.is_taken(*id, bytes.len(), self.now);
                    self.read.entry(*id).or_default().push((self.now, bytes.len()));
                }
            }
        }
    }

    fn got(&self, id: PipeId) -> usize {
        self.read.get(&id).into_iter().flatten().map(|(_, bytes)| bytes).sum()
    }

    fn done_at(&self, id: PipeId) -> f64 {
        self.read[&id].last().expect("something came").0 as f64 / 1e6
    }
}

fn links(up: u64, down: u64, latency: Micros) -> Links {
    let rate = crate::scenario::LineRate;
    Links { up: rate(up), down: rate(down), latency: Time(latency), ..Links::default() }
}

fn is_about(got: f64, expected: f64) -> bool {
    (got / expected - 1.0).abs() < 0.01
}

#[test]
fn a_line_carries_its_rate_with_headers_and_no_more() {
    for (up, down) in [(20, 100), (100, 20)] {
        let mut desk = Desk::of(&[(up * MBIT, 100 * MBIT), (100 * MBIT, down * MBIT)], 30_000);
        let pipe = desk.connect(0, 1, 20 * MIB);
        desk.run(Micros::MAX);
        assert_eq!(desk.got(pipe), 20 * MIB);
        let fluid = (20 * MIB) as f64 * FRAMED / (20 * MBIT) as f64 + 0.03;
        assert!(is_about(desk.done_at(pipe), fluid), "{} for {fluid}", desk.done_at(pipe));
        let (sent, received) = (desk.shaper.carried(0).0, desk.shaper.carried(1).1);
        assert_eq!(sent, received);
        assert!(is_about(sent as f64, (20 * MIB) as f64 * FRAMED));
    }
}

#[test]
fn a_line_is_shared_fairly_and_what_one_does_not_use_the_other_gets() {
    let mut desk = Desk::of(&[(40 * MBIT, MBIT), (MBIT, 100 * MBIT), (MBIT, 100 * MBIT)], 10_000);
    let (short, long) = (desk.connect(0, 1, 5 * MIB), desk.connect(0, 2, 10 * MIB));
    desk.run(1_000_000);
    let (one, other) = (desk.got(short), desk.got(long));
    assert!(one.abs_diff(other) <= 4 * SLICE, "{one} and {other} in a second");
    desk.run(Micros::MAX);
    let together = (15 * MIB) as f64 * FRAMED / (40 * MBIT) as f64 + 0.01;
    assert!(is_about(desk.done_at(long), together), "{} for {together}", desk.done_at(long));
}

#[test]
fn who_receives_slowly_does_not_take_the_line_from_others() {
    let mut desk = Desk::of(&[(50 * MBIT, MBIT), (MBIT, MBIT), (MBIT, 100 * MBIT)], 5_000);
    let (slow, quick) = (desk.connect(0, 1, 40 * MIB), desk.connect(0, 2, 20 * MIB));
    desk.run(5_000_000);
    // The slow one fills its window first; then nearly all of the line is the quick one's.
    assert!(desk.got(quick) > 17 * MIB, "{}", desk.got(quick));
    assert!(desk.got(slow) < MIB);
}

#[test]
fn a_pipe_takes_no_more_than_is_bounded_while_nobody_reads() {
    let mut shaper = Shaper::new(1);
    (0..2).for_each(|_| shaper.add(links(100 * MBIT, 100 * MBIT, 1_000)));
    let (there, back) = (shaper.open(0), shaper.open(1));
    shaper.join(there, back, 0);
    let (mut taken, mut now) = (0, 0);
    loop {
        let more = shaper.put(there, SOME, now).expect("it is there");
        taken += more;
        let Some(next) = shaper.next() else { break };
        now = next;
        shaper.run(now);
    }
    let window = usize::try_from(WINDOW).expect("a MiB");
    assert!((window..window + 256 * 1024).contains(&taken), "{taken}");
    let Taken::Bytes(bytes) = shaper.take(there) else { panic!("something came") };
    shaper.is_taken(there, bytes.len(), now);
    assert!(shaper.put(there, &[1], now).is_some_and(|room| room == 1), "it goes on");
}

#[test]
fn all_comes_in_order_whatever_is_lost_and_the_end_comes_last() {
    let mut shaper = Shaper::new(3);
    let lossy = Links { loss: Share(50_000), jitter: Time(20_000), ..links(MBIT, MBIT, 10_000) };
    (0..2).for_each(|_| shaper.add(lossy));
    shaper.ways.weather = Weather { late: Share(20_000), ..Weather::default() };
    let (there, back) = (shaper.open(0), shaper.open(1));
    shaper.join(there, back, 0);
    let sent: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[n as usize % 2]).collect();
    let (mut at, mut now, mut came) = (0, 0, Vec::new());
    let end = loop {
        at += shaper.put(there, &sent[at..], now).expect("it is there");
        if at == sent.len() {
            shaper.finish(there, now);
        }
        match shaper.take(there) {
            Taken::Bytes(bytes) => {
                shaper.is_taken(there, bytes.len(), now);
                came.extend(bytes);
            }
            Taken::Nothing => {
                now = shaper.next().expect("more is to come");
                shaper.run(now);
            }
            end => break end,
        }
    };
    assert_eq!((end, came == sent), (Taken::End, true));
    assert!(now > 3_000_000, "what was lost came later: {now}");
}

#[test]
fn a_line_that_is_cut_holds_back_what_is_put_until_it_is_whole() {
    let mut desk = Desk::of(&[(10 * MBIT, 10 * MBIT); 2], 5_000);
    let pipe = desk.connect(0, 1, MIB);
    desk.run(100_000);
    desk.shaper.ways.set_cut(1, true);
    desk.run(Micros::MAX);
    let before = desk.got(pipe);
    assert!(before > 0 && before < MIB, "{before}");
    desk.now = 60_000_000;
    desk.shaper.ways.heal();
    desk.shaper.look_again(desk.now);
    desk.run(Micros::MAX);
    assert_eq!(desk.got(pipe), MIB);
}

#[test]
fn who_is_muted_hears_and_is_not_heard() {
    let mut desk = Desk::of(&[(10 * MBIT, 10 * MBIT); 2], 5_000);
    desk.shaper.ways.divide(&[0].into(), true);
    let (out, back) = (desk.connect(0, 1, 1_000), desk.connect(1, 0, 1_000));
    desk.run(Micros::MAX);
    assert_eq!((desk.got(out), desk.got(back)), (0, 1_000));
}

#[test]
fn a_connection_that_both_have_left_is_gone_even_if_its_line_is_cut() {
    let mut desk = Desk::of(&[(MBIT, MBIT); 2], 1_000);
    desk.shaper.ways.set_cut(0, true);
    let (there, back) = (desk.shaper.open(0), desk.shaper.open(1));
    desk.shaper.join(there, back, 0);
    desk.shaper.abandon(there, 0);
    assert_eq!(desk.shaper.take(there), Taken::Nothing, "its end waits for the line");
    desk.shaper.abandon(back, 0);
    assert_eq!((desk.shaper.take(there), desk.shaper.take(back)), (Taken::Gone, Taken::Gone));
    assert!(desk.shaper.pipes.is_empty());
}

#[test]
fn what_is_reset_is_gone_at_once_and_the_line_is_free_for_others() {
    let mut desk = Desk::of(&[(MBIT, MBIT); 3], 1_000);
    let (gone, stays) = (desk.connect(0, 1, MIB), desk.connect(0, 2, 10_000));
    desk.run(10_000);
    desk.shaper.reset(1);
    assert_eq!(desk.shaper.put(gone, b"x", desk.now), None);
    desk.left.remove(&gone);
    desk.run(Micros::MAX);
    assert_eq!(desk.got(stays), 10_000);
}
