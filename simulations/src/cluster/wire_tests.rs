//! The lines on a paused clock: what they promise in microseconds they keep in the time of the runtime.

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::io::{DuplexStream, ReadHalf};

use super::*;
use crate::{
    framing::FRAMED,
    scenario::{LineRate, Links, Time},
};

const MIB: usize = 1024 * 1024;

fn wire(nodes: usize, megabits: u64) -> Wire {
    let rate = LineRate(megabits * 125_000);
    let links = Links { up: rate, down: rate, latency: Time(10_000), ..Links::default() };
    let mut shaper = Shaper::new(1);
    (0..nodes).for_each(|_| shaper.add(links));
    Wire::new(shaper, Handle::current())
}

type Half = Shaped<ReadHalf<DuplexStream>>;

/// A connection between two nodes; the port makes it different from others.
fn connect(wire: &Wire, from: u32, to: u32, port: u16) -> (Half, Half) {
    let (one, other) = tokio::io::duplex(4 * MIB);
    let place = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let between = (place(port), place(1));
    let attach = |node, socket| {
        let (read, write) = tokio::io::split(socket);
        wire.attach(node, between, read, write)
    };
    (attach(from, one), attach(to, other))
}

async fn send(mut half: Half, bytes: usize) -> Half {
    half.write_all(&vec![1; bytes]).await.expect("room comes");
    half.close().await.expect("open");
    half
}

async fn receive(mut half: Half) -> usize {
    let (mut buffer, mut all) = (vec![0; 64 * 1024], 0);
    loop {
        match half.read(&mut buffer).await.expect("whole") {
            0 => return all,
            some => all += some,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_megabits_are_a_hundred_megabits() {
    let wire = wire(2, 100);
    let (from, to) = connect(&wire, 0, 1, 2);
    let began = Instant::now();
    let (_half, got) = tokio::join!(send(from, 20 * MIB), receive(to));
    assert_eq!(got, 20 * MIB);
    let (took, fluid) = (began.elapsed().as_secs_f64(), (20 * MIB) as f64 * FRAMED / 12_500_000.0);
    assert!((0.98..1.03).contains(&(took / (fluid + 0.01))), "{took} s for {fluid}");
}

#[tokio::test(start_paused = true)]
async fn two_connections_share_a_line_and_one_alone_has_all_of_it() {
    let wire = wire(3, 40);
    let ((a, to_a), (b, to_b)) = (connect(&wire, 0, 1, 2), connect(&wire, 0, 2, 3));
    let began = Instant::now();
    let short = async {
        let _half = tokio::join!(send(a, 5 * MIB), receive(to_a));
        began.elapsed().as_secs_f64()
    };
    let long = async {
        let _half = tokio::join!(send(b, 10 * MIB), receive(to_b));
        began.elapsed().as_secs_f64()
    };
    let (short, long) = tokio::join!(short, long);
    let mib = MIB as f64 * FRAMED / 5_000_000.0;
    assert!((short / (10.0 * mib) - 1.0).abs() < 0.03, "{short} s for ten MiB together");
    assert!((long / (15.0 * mib) - 1.0).abs() < 0.03, "{long} s for all");
}

#[tokio::test(start_paused = true)]
async fn what_is_reset_ends_for_both() {
    let wire = wire(2, 10);
    let (mut from, mut to) = connect(&wire, 0, 1, 2);
    from.write_all(b"x").await.expect("open");
    let mut byte = [0];
    to.read_exact(&mut byte).await.expect("it comes");
    wire.reset(1);
    let write = from.write_all(b"y").await;
    assert_eq!(write.expect_err("gone").kind(), io::ErrorKind::BrokenPipe);
    drop(from);
    assert_eq!(to.read(&mut byte).await.expect("an end"), 0);
}

#[tokio::test(start_paused = true)]
async fn who_has_left_is_not_heard_of_over_a_line_that_is_cut() {
    let wire = wire(2, 10);
    let (from, mut to) = connect(&wire, 0, 1, 2);
    wire.change(|ways| ways.set_cut(0, true));
    drop(from);
    let mut byte = [0];
    let heard = tokio::time::timeout(Duration::from_secs(60), to.read(&mut byte)).await;
    assert!(heard.is_err(), "nothing is heard: {heard:?}");
    wire.change(Ways::heal);
    assert_eq!(to.read(&mut byte).await.expect("the end"), 0);
    drop(to);
    // Nothing stays of a connection that both have left.
    let gone = async {
        while !wire.shared.state().carriers.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("both carriers end");
    assert!(wire.shared.state().halves.is_empty() && wire.shared.state().writers.is_empty());
}
