//! How far a run has come: a bar where people watch, a line every few seconds where a log is kept.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::output::{Bars, Format, Output};
use crate::{
    report::seconds,
    run::{Progress, Watch},
};

/// The bar counts thousandths of the time that a run may last.
const WHOLE: u64 = 1_000;
const TEMPLATE: &str = "{prefix:>12.bold} [{bar:28}] {msg}";
/// Between two lines of a log.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Watches one run.
pub(super) struct Watching<'a> {
    output: &'a mut Output,
    bar: ProgressBar,
    began: Instant,
    /// When a line was written last.
    told: Instant,
}

impl<'a> Watching<'a> {
    /// From now on.
    pub(super) fn begin(output: &'a mut Output, name: &str) -> Self {
        let target = match output.bars() {
            Bars::Shown => ProgressDrawTarget::stderr(),
            Bars::Hidden => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template(TEMPLATE)
            .expect("the template is part of the program and tested")
            .progress_chars("=> ");
        let bar = ProgressBar::with_draw_target(Some(WHOLE), target).with_style(style);
        bar.set_prefix(updraft_node::cli::words::clean(name));
        let now = Instant::now();
        Self { output, bar, began: now, told: now }
    }

    /// Takes the bar away; the caller says how it ended.
    pub(super) fn end(self) {
        self.bar.finish_and_clear();
    }

    fn tell(&mut self, progress: &Progress, words: &str) {
        match self.output.format() {
            Format::Text => self.output.say(words),
            Format::Json => {
                let line = json!({
                    "type": "progress", "seconds": progress.seconds, "of": progress.of,
                    "events": progress.events, "nodesDone": progress.nodes_done,
                    "nodesWanted": progress.nodes_wanted,
                });
                self.output.raw(&format!("{line}\n"));
            }
        }
    }
}

impl Watch for Watching<'_> {
    fn progress(&mut self, progress: Progress) {
        let now = Instant::now();
        let words = words(&progress, now.duration_since(self.began));
        self.bar.set_position(thousandths(&progress));
        self.bar.set_message(words.clone());
        let due = now.duration_since(self.told) >= LINE_EVERY;
        if due && self.output.bars() == Bars::Hidden {
            self.told = now;
            self.tell(&progress, &words);
        }
    }
}

/// How far a run is, in words.
fn words(progress: &Progress, took: Duration) -> String {
    let Progress { seconds: at, of, events, nodes_done, nodes_wanted } = progress;
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = u128::from(*events) * 1_000 / u128::from(millis);
    format!(
        "{} of {}  {events} events, {rate} a second  {nodes_done}/{nodes_wanted} nodes",
        seconds(*at),
        seconds(*of)
    )
}

fn thousandths(progress: &Progress) -> u64 {
    let part = progress.seconds / progress.of;
    let whole = u32::try_from(WHOLE).unwrap_or(u32::MAX);
    let reached = |n: &u32| part.is_finite() && part * f64::from(whole) >= f64::from(*n);
    (1..=whole).take_while(reached).last().map_or(0, u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(seconds: f64, of: f64) -> Progress {
        Progress { seconds, of, events: 3_000_000, nodes_done: 18, nodes_wanted: 20 }
    }

    #[test]
    fn a_line_says_how_far_and_how_fast() {
        assert_eq!(
            words(&progress(83.21, 300.0), Duration::from_millis(2_500)),
            "83.2 s of 5 min  3000000 events, 1200000 a second  18/20 nodes"
        );
        let at_once = words(&progress(0.0, 300.0), Duration::ZERO);
        assert!(at_once.starts_with("0 s of 5 min"), "{at_once}");
    }

    #[test]
    fn a_bar_never_passes_its_end() {
        for (seconds, of, expected) in [
            (0.0, 10.0, 0),
            (5.0, 10.0, 500),
            (10.0, 10.0, 1_000),
            (99.0, 10.0, 1_000),
            (1.0, 0.0, 0),
        ] {
            assert_eq!(thousandths(&progress(seconds, of)), expected);
        }
        assert_eq!(thousandths(&progress(f64::NAN, 10.0)), 0);
    }
}
