//! What a node wrote down of its speed: what is read is written again as the same, and is within what machines can be.

use std::str;

use updraft_delta::{Gauge, Measured};

use super::refused;
use crate::rig::Outcome;

pub(super) fn check(input: &[u8]) -> Outcome {
    let Ok(text) = str::from_utf8(input) else { return Outcome::Refused };
    match text.parse::<Measured>() {
        Ok(measured) => {
            let written = measured.to_string();
            assert_eq!(written.lines().count(), text.lines().count(), "a line is lost");
            assert!(written.parse().as_ref() == Ok(&measured), "something else was written");
            let rates = measured.rates();
            for gauge in Gauge::ALL {
                let line = format!("{} {}", gauge.as_str(), rates.of(gauge));
                let said = written.lines().any(|written| written == line);
                let begins = format!("{} ", gauge.as_str());
                let named = written.lines().any(|line| line.starts_with(&begins));
                assert!(said || !named, "{line} was not what counts");
            }
            Outcome::Read
        }
        Err(error) => refused(&error),
    }
}
