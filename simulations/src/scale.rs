//! How cost grows with the number of nodes: one row for each size, and an exponent for each column. Pure.

use crate::{
    outcome::Outcome,
    report::{bytes, count, seconds},
};

/// One size of a network, measured.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Nodes.
    pub nodes: u64,
    /// Whether all came as it was expected.
    pub good: bool,
    /// Seconds until half, 99 % and all of them knew of the release.
    pub heard: [Option<f64>; 3],
    /// Seconds until all who were to run it did.
    pub installed: Option<f64>,
    /// Seconds from the first ballot until all knew of the decision.
    pub decided: Option<f64>,
    /// Gossip bytes that a node heard: mean and most.
    pub gossip: (f64, f64),
    /// DHT lookups of a node.
    pub lookups: f64,
    /// Events of the run.
    pub events: u64,
    /// Seconds that it took on this machine.
    pub took: f64,
    /// Bytes of memory that it took at most, if the system tells.
    pub memory: Option<u64>,
}

impl Row {
    /// Of a run that took so long and so much memory.
    pub fn of(outcome: &Outcome, took: f64, memory: Option<u64>) -> Self {
        let release = outcome.releases.last();
        let heard = |percent: u8| release.and_then(|release| release.heard.get(&percent).copied());
        let nodes = outcome.nodes.max(1) as f64;
        let mean = |of: fn(&crate::outcome::GroupLine) -> f64| {
            let all = outcome.groups.iter().map(|group| of(group) * group.nodes as f64);
            all.sum::<f64>() / nodes
        };
        let most = outcome.groups.iter().map(|group| group.gossip.1).max().unwrap_or(0);
        Self {
            nodes: outcome.nodes,
            good: outcome.is_good(),
            heard: [50, 99, 100].map(heard),
            installed: release.and_then(|release| release.reached.get(&100).copied()),
            decided: outcome.votes.last().and_then(|vote| vote.known),
            gossip: (mean(|group| group.gossip.0), most as f64),
            lookups: mean(|group| group.lookups.0),
            events: outcome.events,
            took,
            memory,
        }
    }

    /// What an exponent is fitted to, in the order of [`HEADINGS`] after the nodes.
    fn numbers(&self) -> [Option<f64>; 10] {
        let [half, nearly, all] = self.heard;
        let number = |value: f64| (value > 0.0).then_some(value);
        [
            half,
            nearly,
            all,
            self.installed,
            self.decided,
            number(self.gossip.0),
            number(self.gossip.1),
            number(self.lookups),
            number(self.took),
            self.memory.map(|bytes| bytes as f64),
        ]
    }

    fn cells(&self) -> [String; 12] {
        let none = || "–".to_owned();
        let time = |value: Option<f64>| value.map_or_else(none, seconds);
        let [half, nearly, all, installed, decided, gossip, most, lookups, took, memory] =
            self.numbers();
        let size = |value: Option<f64>| value.map_or_else(none, bytes);
        let rate = if self.took > 0.0 { self.events as f64 / self.took } else { 0.0 };
        [
            count(self.nodes),
            time(half),
            time(nearly),
            time(all),
            time(installed),
            time(decided),
            size(gossip),
            size(most),
            lookups.map_or_else(none, |value| format!("{value:.2}")),
            time(took),
            size(memory),
            format!("{rate:.0}"),
        ]
    }
}

/// The columns.
pub const HEADINGS: [&str; 12] = [
    "NODES",
    "HEARD 50 %",
    "99 %",
    "ALL",
    "RUN BY ALL",
    "VOTE KNOWN",
    "GOSSIP",
    "MOST",
    "LOOKUPS",
    "TOOK",
    "MEMORY",
    "EVENTS/S",
];

/// The rows as text, each cell a text, and under them the exponents.
pub fn cells(rows: &[Row]) -> Vec<[String; 12]> {
    let mut cells: Vec<_> = rows.iter().map(Row::cells).collect();
    if rows.len() > 1 {
        let fitted = exponents(rows);
        let shown = |place: usize| match place.checked_sub(1) {
            None => "exponent".to_owned(),
            Some(column) => match fitted.get(column) {
                Some(Some(exponent)) => format!("{exponent:.2}"),
                Some(None) => "–".to_owned(),
                None => String::new(),
            },
        };
        cells.push(std::array::from_fn(shown));
    }
    cells
}

/// The exponent of each column: `value ~ nodes^exponent`, by least squares over the logarithms.
pub fn exponents(rows: &[Row]) -> [Option<f64>; 10] {
    std::array::from_fn(|column| {
        let points: Vec<(f64, f64)> = rows
            .iter()
            .filter_map(|row| Some((row.nodes as f64, row.numbers()[column]?)))
            .collect();
        fit(&points)
    })
}

fn fit(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .filter(|(n, v)| *n > 0.0 && *v > 0.0)
        .map(|(n, v)| (n.ln(), v.ln()))
        .collect();
    let count = logs.len() as f64;
    let (x, y) = logs.iter().fold((0.0, 0.0), |(x, y), (a, b)| (x + a / count, y + b / count));
    let (mut over, mut under) = (0.0, 0.0);
    for (a, b) in &logs {
        over += (a - x) * (b - y);
        under += (a - x) * (a - x);
    }
    (logs.len() > 1 && under > 0.0).then(|| over / under)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn an_exponent_is_found_again() {
        for exponent in [0.0, 0.5, 1.0, 2.0] {
            let at = |n: f64| (n, 3.0 * n.powf(exponent));
            let found = fit(&[100.0, 1_000.0, 10_000.0].map(at)).expect("three points");
            assert!((found - exponent).abs() < 1e-9, "{found} for {exponent}");
        }
        assert_eq!(fit(&[(100.0, 5.0)]), None);
        assert_eq!(fit(&[(100.0, 5.0), (1_000.0, 0.0)]), None);
    }

    #[test]
    fn a_table_has_a_row_for_each_size_and_one_for_the_exponents() {
        let mut large = sample::outcome();
        large.nodes *= 10;
        let rows = [(sample::outcome(), 1.0), (large, 10.0)]
            .map(|(one, took)| Row::of(&one, took, Some(1)));
        let cells = cells(&rows);
        assert_eq!(cells.len(), 3);
        assert_eq!((cells[2][0].as_str(), cells[2][9].as_str()), ("exponent", "1.00"));
        assert_eq!(exponents(&rows)[8].map(|took| (took * 100.0).round()), Some(100.0));
    }
}
