//! Sizes and times in a person's words. Machines get bytes and RFC 3339 instead.

use std::time::Duration;

use updraft_protocol::Timestamp;

/// What is said wherever a network is named that was made for trying things out.
pub const DEV_NETWORK: &str = "DEV NETWORK: one unprotected key, for trying things out";

/// A size with three digits and a binary unit: `512 B`, `412 KiB`, `13.0 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In tenths, rounded to the nearest; integers only, so that every size comes out exact.
    let mut unit = 0;
    let mut divisor: u128 = 1024;
    let tenths = |divisor: u128| (u128::from(bytes) * 10 + divisor / 2) / divisor;
    while tenths(divisor) >= 10_240 && unit + 1 < UNITS.len() {
        unit += 1;
        divisor *= 1024;
    }
    let tenths = tenths(divisor);
    match tenths {
        0..1_000 => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
        _ => format!("{} {}", (tenths + 5) / 10, UNITS[unit]),
    }
}

/// A part of a whole in tenths of a percent: `5.3 %`.
pub fn share(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1_000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A span in its two largest units: `3 d 4 h`, `2 min 5 s`, `0 s`.
pub fn span(span: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let seconds = span.as_secs();
    let first = UNITS.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(UNITS.len() - 1);
    let (unit, name) = UNITS[first];
    let mut words = format!("{} {name}", seconds / unit);
    if let Some((smaller, name)) = UNITS.get(first + 1) {
        let rest = seconds % unit / smaller;
        if rest > 0 {
            words.push_str(&format!(" {rest} {name}"));
        }
    }
    words
}

/// A moment seen from `now`: `in 3 d 4 h`, `5 min ago`, `now`.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    match (at.since(now), now.since(at)) {
        (0, 0) => "now".to_owned(),
        (ahead, 0) => format!("in {}", span(Duration::from_secs(ahead))),
        (_, behind) => format!("{} ago", span(Duration::from_secs(behind))),
    }
}

/// Text that may come from somebody else, made harmless for a terminal: control characters, which could
/// move the cursor or retitle the window, become `\u{…}`; a tab or new line becomes a space.
pub fn clean(text: &str) -> String {
    // The bidirectional overrides are no controls for Unicode, yet they can reorder what a person reads.
    let is_hidden = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\r' => clean.push(' '),
            c if c.is_control() || is_hidden(c) => clean.extend(c.escape_unicode()),
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_and_round_to_the_nearest() {
        for (bytes, words) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (421_888, "412 KiB"),
            (13_631_488, "13.0 MiB"),
            (1_048_575, "1.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), words, "{bytes}");
        }
    }

    #[test]
    fn shares_are_tenths_of_a_percent_of_anything() {
        for (part, whole, words) in [
            (53, 1_000, "5.3 %"),
            (0, 0, "0.0 %"),
            (3, 2, "150.0 %"),
            (u64::MAX, u64::MAX, "100.0 %"),
        ] {
            assert_eq!(share(part, whole), words);
        }
    }

    #[test]
    fn spans_show_their_two_largest_units() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (125, "2 min 5 s"),
            (3_600, "1 h"),
            (273_600, "3 d 4 h"),
            (86_401, "1 d"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn moments_are_told_from_now() {
        let at = Timestamp::from_seconds;
        assert_eq!(relative(at(1_000), at(1_000)), "now");
        assert_eq!(relative(at(1_300), at(1_000)), "in 5 min");
        assert_eq!(relative(at(1_000), at(1_061)), "1 min 1 s ago");
    }

    #[test]
    fn foreign_text_cannot_reach_the_terminal() {
        assert_eq!(clean("a\u{1b}]0;x\u{7}b\nc"), "a\\u{1b}]0;x\\u{7}b c");
        assert_eq!(clean("safe\u{202e}txt.exe"), "safe\\u{202e}txt.exe");
        assert_eq!(clean("größer 大"), "größer 大");
    }
}
