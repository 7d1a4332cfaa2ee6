//! How far something has come: a bar where people watch, a line at each tenth where a log is kept.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{output::Output, words};

/// A bar of bytes.
const TEMPLATE: &str = "{prefix:>12.bold} [{bar:28}] {binary_bytes}/{binary_total_bytes} \
                        {binary_bytes_per_sec} eta {eta} {msg}";

/// The progress of one thing, counted in bytes.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    output: Output,
    what: String,
    total: u64,
    tenths_told: u64,
}

impl Progress {
    /// Begins at 0 of `total` bytes; `what` says what is being done, for example `Fetching`.
    pub fn begin(output: &Output, what: &str, total: u64) -> Self {
        let target = if output.shows_bars() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template(TEMPLATE)
            .expect("the template is part of the program and tested")
            .progress_chars("=> ");
        let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style);
        bar.set_prefix(what.to_owned());
        Self { bar, output: output.clone(), what: what.to_owned(), total, tenths_told: 0 }
    }

    /// `done` bytes are done; `note` is a word about it, for example `from 6 peers`.
    pub fn reach(&mut self, done: u64, note: &str) {
        let note = words::clean(note);
        self.bar.set_position(done.min(self.total));
        self.bar.set_message(note.clone());
        if self.output.shows_bars() {
            return;
        }
        let tenths = tenths(done, self.total);
        if tenths > self.tenths_told {
            self.tenths_told = tenths;
            let (done, total) = (words::size(done), words::size(self.total));
            self.output.say(&format!("{} {} %  {done} of {total}  {note}", self.what, tenths * 10));
        }
    }

    /// Takes the bar away; the caller says how it ended.
    pub fn end(self) {
        self.bar.finish_and_clear();
    }
}

/// How many tenths of `total` are done; nothing of nothing is all of it.
fn tenths(done: u64, total: u64) -> u64 {
    let share = u128::from(done) * 10 / u128::from(total.max(1));
    if total == 0 { 10 } else { u64::try_from(share.min(10)).unwrap_or(10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_never_pass_the_whole() {
        for (done, total, expected) in [
            (0, 100, 0),
            (9, 100, 0),
            (10, 100, 1),
            (99, 100, 9),
            (100, 100, 10),
            (500, 100, 10),
            (0, 0, 10),
            (u64::MAX, u64::MAX, 10),
        ] {
            assert_eq!(tenths(done, total), expected, "{done} of {total}");
        }
    }

    #[test]
    fn the_template_is_one() {
        ProgressStyle::with_template(TEMPLATE).expect("valid");
    }
}
