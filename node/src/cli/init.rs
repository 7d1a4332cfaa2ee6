//! `updraft init`: makes a network: its keys and its trust root.

use std::{num::NonZeroU8, path::PathBuf, str::FromStr};

use updraft_protocol::NetworkName;

/// Create a network: trust root and keys
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to put keys and root
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// What people call the network; the directory's name if left out
    #[arg(long, value_name = "NAME")]
    pub network: Option<NetworkName>,
    /// Threshold and number of root keys
    #[arg(long, value_name = "T/N", default_value = "2/3", conflicts_with = "dev")]
    pub root_keys: Share,
    /// One unprotected key that expires in 30 days, for trying things out
    #[arg(long)]
    pub dev: bool,
}

/// So many of so many, written `2/3`; never more than there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// How many are needed.
    pub needed: NonZeroU8,
    /// How many there are.
    pub of: NonZeroU8,
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.needed, self.of)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "expected two numbers such as 2/3, the first not above the second".to_owned();
        let (needed, of) = text.split_once('/').ok_or_else(form)?;
        let share = Self {
            needed: needed.parse().map_err(|_| form())?,
            of: of.parse().map_err(|_| form())?,
        };
        let most = u8::try_from(updraft_protocol::limits::MAX_KEYS_PER_ROLE).unwrap_or(u8::MAX);
        if share.of.get() > most {
            return Err(format!("at most {most} keys for one role"));
        }
        if share.needed > share.of { Err(form()) } else { Ok(share) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_needs_no_more_than_there_are() {
        let share: Share = "2/3".parse().expect("a share");
        assert_eq!((share.needed.get(), share.of.get(), share.to_string().as_str()), (2, 3, "2/3"));
        for wrong in ["", "2", "0/3", "4/3", "2/33", "2/300", "-1/3", "2/3/4", "two/three"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong:?}");
        }
    }
}
