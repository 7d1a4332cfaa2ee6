//! Outcomes for tests: one rich in everything, one empty, one whose names attack whoever shows them.

use std::collections::BTreeMap;

use crate::{
    outcome::{
        Broken, Ended, GroupLine, Judged, NodeLine, Optimum, Outcome, ReleaseLine, Timeline,
        VoteLine,
    },
    scenario::{Counted, Hostility, Kind},
};

/// A run in which a release spread, a vote was decided, a promise was broken and an expectation did not come.
pub(crate) fn outcome() -> Outcome {
    let text = str::to_owned;
    Outcome {
        scenario: text("first-release"),
        title: text("One publisher, 120 machines, one release of 20 MiB"),
        kind: Kind::World,
        seed: 7,
        hash: Some("3f9c".repeat(16)),
        ended: Ended::TimeUp,
        seconds: 300.0,
        events: 1_482_113,
        nodes: 124,
        releases: vec![release(), patched()],
        groups: groups(),
        machines: (0..40).map(machine).collect(),
        votes: vec![VoteLine {
            number: 1,
            proposed: 60.0,
            states: BTreeMap::from([(text("lockedIn"), 121), (text("voting"), 1)]),
            known: Some(4.2),
        }],
        counted: BTreeMap::from([
            (Counted::GossipBytes, 381_021.0),
            (Counted::Lookups, 14.0),
            (Counted::SeederShare, 0.06),
            (Counted::Duplicates, 0.012),
            (Counted::FetchedBytes, 22_020_096.0),
            (Counted::Accusations, 3.0),
            (Counted::FailedInstalls, 0.0),
            (Counted::Alarms, 0.0),
        ]),
        broken: vec![Broken {
            at: 131.25,
            event: 902_114,
            node: text("machines-17"),
            promise: text("quorum-kept"),
            detail: text("4 of 7 electors were there, 5 are needed"),
        }],
        judged: vec![
            Judged {
                expected: text("all nodes that follow it run release 1.1.0 by 2m"),
                met: true,
                got: text("120 of 120, the last 12.6 s after it was published"),
            },
            Judged {
                expected: text("release 1.1.0 is everywhere within 1.1 times what the lines allow"),
                met: false,
                got: text("1.42 times"),
            },
        ],
        timeline: Timeline { node: text("machines-17"), lines: timeline() },
    }
}

fn release() -> ReleaseLine {
    let coverage = (1_u32..=120).map(|n| {
        let part = f64::from(n) / 120.0;
        (7.0 + 5.6 * part.powi(2), u64::from(n))
    });
    ReleaseLine {
        version: "1.1.0".to_owned(),
        published: 10.0,
        size: 20_971_520,
        wanted: 120,
        installed: 120,
        coverage: coverage.collect(),
        reached: BTreeMap::from([(50, 9.8), (90, 11.9), (99, 12.4), (100, 12.6)]),
        heard: BTreeMap::from([(50, 0.4), (90, 0.6), (99, 0.8), (100, 1.1)]),
        optimum: Some(Optimum { seconds: 8.9, bound: "the seeders' lines up".to_owned() }),
        sources: BTreeMap::from([
            ("machines".to_owned(), 2_348_810_240),
            ("publisher".to_owned(), 150_994_944),
            ("relays".to_owned(), 16_777_216),
        ]),
        from_seeders: 150_994_944,
        patches: 0,
        duplicates: 30_198_988,
        wrong: 3,
    }
}

/// A release that came as a patch, and not everywhere.
fn patched() -> ReleaseLine {
    ReleaseLine {
        version: "1.1.1".to_owned(),
        published: 200.0,
        size: 20_971_520,
        wanted: 120,
        installed: 97,
        coverage: (1_u32..=97).map(|n| (f64::from(n) * 0.9, u64::from(n))).collect(),
        reached: BTreeMap::from([(50, 54.0)]),
        heard: BTreeMap::from([(50, 0.4)]),
        optimum: None,
        sources: BTreeMap::from([("machines".to_owned(), 28_000_000)]),
        from_seeders: 2_400_000,
        patches: 28_000_000,
        duplicates: 0,
        wrong: 0,
    }
}

fn groups() -> Vec<GroupLine> {
    let group = |name: &str, nodes, hostile, used, mean| GroupLine {
        name: name.to_owned(),
        nodes,
        hostile,
        rates: (2_500_000, 12_500_000),
        used,
        gossip: (mean, 381_021),
        lookups: (2.25, 14),
        fetched: (20_971_520.0, 22_020_096),
        served: 150_994_944,
    };
    vec![
        group("publisher", 1, None, (0.94, 0.01), 210_000.0),
        group("machines", 120, None, (0.68, 0.14), 184_320.0),
        group("relays", 2, None, (0.31, 0.22), 381_000.5),
        group("poisoners", 1, Some(Hostility::Corrupt), (0.02, 0.0), 12_345.0),
    ]
}

fn machine(n: u64) -> NodeLine {
    NodeLine {
        name: format!("machines-{}", n + 1),
        group: "machines".to_owned(),
        runs: (!n.is_multiple_of(7)).then(|| "1.1.0".to_owned()),
        since: (!n.is_multiple_of(7)).then_some(21.5),
        carried: (18_000_000 + n * 65_536, 21_500_000),
        gossip: (184_320, 90_000),
        lookups: n % 5,
        chunks: (20_971_520, 17_301_504 + n * 65_536),
        duplicates: 262_144 * (n % 3),
    }
}

fn timeline() -> Vec<(f64, String)> {
    let told = [
        "hears of head 2",
        "asks relays-1 for chunks 0 to 15",
        "got chunk 3",
        "is given a chunk twice",
    ];
    let lines = (0_u32..60).zip(told.iter().cycle());
    lines.map(|(n, what)| (10.0 + f64::from(n) * 0.21, (*what).to_owned())).collect()
}

/// A run that was stopped before anything happened.
pub(crate) fn empty() -> Outcome {
    Outcome {
        scenario: "empty".to_owned(),
        title: "Nothing".to_owned(),
        kind: Kind::Cluster,
        seed: 0,
        hash: None,
        ended: Ended::Done,
        seconds: 0.0,
        events: 0,
        nodes: 0,
        releases: Vec::new(),
        groups: Vec::new(),
        machines: Vec::new(),
        votes: Vec::new(),
        counted: BTreeMap::new(),
        broken: Vec::new(),
        judged: Vec::new(),
        timeline: Timeline::default(),
    }
}

/// Numbers that are none, and a release that nobody wants.
pub(crate) fn odd() -> Outcome {
    let mut outcome = outcome();
    outcome.seconds = f64::INFINITY;
    outcome.groups[0].used = (f64::NAN, f64::NEG_INFINITY);
    outcome.groups[0].gossip = (f64::NAN, 0);
    outcome.counted.insert(Counted::Lookups, f64::NAN);
    outcome.timeline.lines = vec![(f64::NAN, "when?".to_owned())];
    outcome.votes[0].states = BTreeMap::new();
    let release = &mut outcome.releases[0];
    release.wanted = 0;
    release.coverage = vec![(f64::NAN, 3), (f64::INFINITY, 4)];
    release.reached = BTreeMap::from([(50, f64::NAN)]);
    release.sources = BTreeMap::new();
    release.optimum = Some(Optimum { seconds: 0.0, bound: String::new() });
    outcome
}

/// Every text attacks a page or a terminal.
pub(crate) fn hostile() -> Outcome {
    let evil = || {
        "\"></style><script>alert('x')</script><img src=x onerror=\"y\">\u{202e}\u{1b}[2J\u{7}"
            .to_owned()
    };
    let mut outcome = outcome();
    outcome.scenario = evil();
    outcome.title = evil();
    outcome.hash = Some(evil());
    for release in &mut outcome.releases {
        release.version = evil();
        release.sources = BTreeMap::from([(evil(), 7)]);
        release.optimum = Some(Optimum { seconds: 1.0, bound: evil() });
    }
    outcome.groups.iter_mut().for_each(|group| group.name = evil());
    for machine in &mut outcome.machines {
        (machine.name, machine.group, machine.runs) = (evil(), evil(), Some(evil()));
    }
    outcome.votes[0].states = BTreeMap::from([(evil(), 3)]);
    for broken in &mut outcome.broken {
        (broken.node, broken.promise, broken.detail) = (evil(), evil(), evil());
    }
    for judged in &mut outcome.judged {
        (judged.expected, judged.got) = (evil(), evil());
    }
    outcome.timeline = Timeline { node: evil(), lines: vec![(1.0, evil())] };
    outcome
}
