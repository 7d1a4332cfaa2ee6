//! How people name a proposal: `p-3`, its digest, or the beginning of that. Whoever names one that fits several is
//! told all of them: votes are too dear for a guess.

use std::{fmt, str::FromStr};

use updraft_protocol::Digest;

use crate::problem::{Code, Problem};

/// Digits of a digest that name a proposal, at the least: as many as are shown.
const MIN_DIGITS: usize = 8;
/// Digits of a whole digest.
const MAX_DIGITS: usize = 64;

/// What somebody calls a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProposalName {
    /// `p-3`.
    Number(u32),
    /// The first digits of its digest, in lower case.
    Digits(String),
}

/// Text that names no proposal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no proposal: expected for example p-3, or 8 or more digits of its digest")]
pub struct InvalidProposalName(String);

impl FromStr for ProposalName {
    type Err = InvalidProposalName;

    fn from_str(text: &str) -> Result<Self, InvalidProposalName> {
        let invalid = || InvalidProposalName(text.chars().take(80).collect());
        if let Some(number) = text.strip_prefix("p-") {
            let plain = number.bytes().all(|byte| byte.is_ascii_digit());
            return number.parse().ok().filter(|_| plain).map(Self::Number).ok_or_else(invalid);
        }
        let digits = text.strip_prefix(Digest::PREFIX).unwrap_or(text).to_ascii_lowercase();
        let fits = (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if fits { Ok(Self::Digits(digits)) } else { Err(invalid()) }
    }
}

impl fmt::Display for ProposalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "p-{number}"),
            Self::Digits(digits) => write!(f, "{}{digits}", Digest::PREFIX),
        }
    }
}

impl ProposalName {
    /// The one proposal of `known` that has this name; `of` gives the number and the digest of each.
    ///
    /// # Errors
    /// [`Code::ProposalUnknown`] if none has it, or several, which it then names.
    pub fn find<T>(
        &self,
        known: impl IntoIterator<Item = T>,
        of: impl Fn(&T) -> (u32, Digest),
    ) -> Result<T, Problem> {
        let fits = |one: &T| {
            let (number, digest) = of(one);
            match self {
                Self::Number(wanted) => number == *wanted,
                Self::Digits(digits) => digest.to_hex().starts_with(digits),
            }
        };
        let mut fitting: Vec<T> = known.into_iter().filter(fits).collect();
        match (fitting.pop(), fitting.as_slice()) {
            (Some(one), []) => Ok(one),
            (None, _) => {
                Err(Problem::new(Code::ProposalUnknown, format!("no proposal {self} is known"))
                    .hint("`updraft votes --all` shows what is known, `updraft check` asks peers"))
            }
            (Some(last), others) => {
                let all = others.iter().chain([&last]);
                let problem = Problem::new(
                    Code::ProposalUnknown,
                    format!("{} proposals are called {self}", others.len() + 1),
                );
                let problem =
                    all.fold(problem, |problem, one| problem.cause(of(one).1.to_string()));
                Err(problem.hint("name it by the first digits of its digest"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_eight_digits_name_a_proposal_and_nothing_less() {
        for (text, name) in [
            ("p-3", Some(ProposalName::Number(3))),
            ("b3:0A1b2c3d", Some(ProposalName::Digits("0a1b2c3d".to_owned()))),
            ("0a1b2c3d", Some(ProposalName::Digits("0a1b2c3d".to_owned()))),
            ("p-", None),
            ("p-+3", None),
            ("p-99999999999", None),
            ("3", None),
            ("0a1b2c3", None),
            ("0a1b2c3g", None),
        ] {
            assert_eq!(text.parse().ok(), name, "{text}");
        }
        assert!("0".repeat(65).parse::<ProposalName>().is_err());
    }

    #[test]
    fn a_name_that_fits_several_is_refused_with_all_of_them() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let known = [(3, one), (3, two), (4, Digest::of(b"3"))];
        let find = |name: &str| {
            let name: ProposalName = name.parse().expect("a name");
            name.find(known, |known| *known)
        };
        assert_eq!(find("p-4"), Ok(known[2]));
        assert_eq!(find(&two.short()), Ok(known[1]));
        assert_eq!(find(&two.to_string()), Ok(known[1]));
        let problem = find("p-3").expect_err("two are called so");
        assert_eq!(problem.code, Code::ProposalUnknown);
        for digest in [one, two] {
            assert!(problem.causes.contains(&digest.to_string()), "{problem:?}");
        }
        assert_eq!(find("p-5").expect_err("none").code.http_status(), Some(404));
    }
}
