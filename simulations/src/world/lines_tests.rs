//! Lines as a whole: rates that hold, shares that are fair, and an order that stays.

use super::*;

/// A megabit a second, in bytes.
const MBIT: u64 = 125_000;
const MIB: u64 = 1024 * 1024;

fn world(rates: &[(u64, u64)]) -> Lines {
    let mut lines = Lines::default();
    for (up, down) in rates {
        lines.add(Rates { up: up * MBIT, down: down * MBIT });
    }
    lines
}

fn run(lines: &mut Lines) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while lines.next().is_some() {
        deliveries.extend(lines.step());
    }
    deliveries
}

/// Whether a time is that many seconds, to a hundredth.
fn is_about(at: Micros, seconds: f64) -> bool {
    (at as f64 / 1e6 - seconds).abs() <= seconds / 100.0
}

#[test]
fn a_message_takes_as_long_as_the_slower_line_and_the_way() {
    for (up, down) in [(20, 100), (100, 20)] {
        let mut lines = world(&[(up, 100), (20, down)]);
        lines.send(0, 1, 20 * MIB, 30_000, 7, 0);
        let deliveries = run(&mut lines);
        let optimum = (20 * MIB) as f64 / (20 * MBIT) as f64 + 0.03;
        assert_eq!((deliveries.len(), deliveries[0].token), (1, 7));
        assert!(is_about(deliveries[0].at, optimum), "{} for {optimum}", deliveries[0].at);
        assert_eq!((lines.carried(0).0, lines.carried(1).1), (20 * MIB, 20 * MIB));
    }
}

#[test]
fn who_sends_to_several_at_once_gives_each_the_same() {
    let mut lines = world(&[(80, 100), (20, 100), (20, 100), (20, 100), (20, 100)]);
    (1..=4).for_each(|to| lines.send(0, to, 10 * MIB, 10_000, u64::from(to), 0));
    let optimum = (40 * MIB) as f64 / (80 * MBIT) as f64 + 0.01;
    for delivery in run(&mut lines) {
        assert!(is_about(delivery.at, optimum), "{delivery:?} for {optimum}");
    }
}

#[test]
fn what_a_slow_one_cannot_take_the_others_get() {
    let mut lines = world(&[(50, 100), (20, 10), (20, 100)]);
    lines.send(0, 1, 10 * MIB, 1_000, 1, 0);
    lines.send(0, 2, 40 * MIB, 1_000, 2, 0);
    let deliveries = run(&mut lines);
    let at = |token| deliveries.iter().find(|d| d.token == token).expect("it came").at;
    assert!(is_about(at(1), (10 * MIB) as f64 / (10 * MBIT) as f64), "{}", at(1));
    // Forty megabits a second while the other takes ten, and no less.
    assert!(is_about(at(2), (40 * MIB) as f64 / (40 * MBIT) as f64), "{}", at(2));
}

#[test]
fn a_small_message_does_not_wait_for_the_large_ones_of_others() {
    let mut lines = world(&[(20, 100), (20, 100), (20, 100)]);
    lines.send(0, 1, 20 * MIB, 1_000, 1, 0);
    lines.send(0, 2, 200, 1_000, 2, 0);
    let first = run(&mut lines)[0];
    assert_eq!(first.token, 2);
    assert!(first.at < 20_000, "{first:?}");
}

#[test]
fn messages_of_a_connection_come_in_the_order_in_which_they_were_sent_although_the_way_gets_shorter()
 {
    let mut lines = world(&[(1_000, 1_000), (1_000, 1_000)]);
    lines.send(0, 1, 100, 50_000, 1, 0);
    let first = lines.next().expect("it is sent");
    lines.step();
    lines.send(0, 1, 100, 10, 2, first);
    let tokens: Vec<u64> = run(&mut lines).iter().map(|d| d.token).collect();
    assert_eq!(tokens, [1, 2]);
}

#[test]
fn what_was_on_a_connection_that_is_cut_never_comes_and_the_line_goes_on() {
    let mut lines = world(&[(20, 100), (20, 100), (20, 100)]);
    lines.send(0, 1, MIB, 1_000, 1, 0);
    lines.send(0, 1, MIB, 1_000, 2, 0);
    lines.send(0, 2, MIB, 1_000, 3, 0);
    lines.step();
    assert_eq!(lines.cut(0, 1).len(), 2);
    let deliveries = run(&mut lines);
    assert_eq!(deliveries.iter().map(|d| d.token).collect::<Vec<_>>(), [3]);
    // After the two slices that had gone out by then.
    let optimum = (MIB + 2 * lines.lines[0].slice) as f64 / (20 * MBIT) as f64 + 0.002;
    assert!(is_about(deliveries[0].at, optimum), "{deliveries:?}");
}

/// One seeder and eight who want it, everybody with twenty megabits up: nobody can be faster than the fluid optimum of
/// design/transfer.md, and who passes every piece on at once comes close to it.
#[test]
fn eight_who_pass_pieces_on_come_close_to_the_optimum_of_a_fluid() {
    let (pieces, piece) = (80, MIB / 4);
    let mut lines = world(&[[(20, 100)].as_slice(), &[(20, 100); 8]].concat());
    // The seeder sends every piece to one of them, who sends it to the seven others; each waits for one at a time.
    let mut next = 0;
    let mut send = |lines: &mut Lines, to: u32, at: Micros| {
        if next < pieces {
            lines.send(0, to, piece, 15_000, next, at);
            next += 1;
        }
    };
    (1..=8).for_each(|to| send(&mut lines, to, 0));
    let (mut last, mut came) = (0, 0);
    while lines.next().is_some() {
        let Some(Delivery { at, from, to, token }) = lines.step() else { continue };
        (last, came) = (at, came + 1);
        if from == 0 {
            send(&mut lines, to, at);
            for other in (1..=8).filter(|other| *other != to) {
                lines.send(to, other, piece, 15_000, token, at);
            }
        }
    }
    assert_eq!(came, pieces * 8);
    // 20 MiB for each of eight over nine lines of 20 Mbit/s: 8.39 s for the seeder alone, 7.46 s for all lines.
    let optimum = (20 * MIB) as f64 / (20 * MBIT) as f64;
    assert!(last as f64 / 1e6 >= optimum, "{last} is better than possible");
    assert!(last as f64 / 1e6 <= optimum * 1.15, "{last} for {optimum}");
}
