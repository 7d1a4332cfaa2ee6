//! The forms a value can have: each is read in one place, and what does not fit becomes a fault.
//!
//! Pure, like all of checking. Which key has which form and which bounds is `check.rs`'s business.

use std::{
    num::NonZeroU16,
    path::{Path, PathBuf},
    time::Duration,
};

use updraft_protocol::limits;

use super::{
    fault::Fault,
    file::Written,
    merge::{Merged, Origin},
    quantity::{Rate, parse_duration, parse_size, show_size},
};

/// Most elements of a list.
const MAX_LIST: usize = 64;
/// Bytes of one argument of a program.
const MAX_ARGUMENT: usize = 4_096;

/// Reads values of one form each and collects what does not fit.
pub(super) struct Reader<'a> {
    pub(super) merged: &'a Merged,
    pub(super) faults: Vec<Fault>,
    pub(super) notes: Vec<String>,
}

impl Reader<'_> {
    fn read<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&Written) -> Option<T>,
    ) -> Option<T> {
        let slot = self.merged.get(key).expect("the built-in layer has every key; a test loads it");
        let parsed = parse(&slot.written);
        if parsed.is_none() {
            self.faults.push(Fault::Value {
                key: key.to_owned(),
                got: slot.written.to_string().chars().take(80).collect(),
                origin: slot.origin.clone(),
                expected: expected.to_owned(),
            });
        }
        parsed
    }

    /// A key of a component: `otherwise` if nobody wrote it.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        otherwise: T,
        read: impl FnOnce(&mut Self, &str) -> Option<T>,
    ) -> Option<T> {
        if self.merged.get(key).is_none() { Some(otherwise) } else { read(self, key) }
    }

    pub(super) fn contradiction(&mut self, key: &str, message: String) {
        let origin = self.merged.get(key).map_or(Origin::BuiltIn, |slot| slot.origin.clone());
        self.faults.push(Fault::Contradiction { origin, message });
    }

    pub(super) fn text<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(key, expected, |written| match written {
            Written::Text(text) => parse(text),
            _ => None,
        })
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.read(key, "true or false", |written| match written {
            Written::Flag(flag) => Some(*flag),
            _ => None,
        })
    }

    pub(super) fn whole(&mut self, key: &str, least: u32, most: u32) -> Option<u32> {
        let expected = format!("a whole number from {least} to {most}, for example {most}");
        self.read(key, &expected, |written| match written {
            Written::Whole(number) => {
                u32::try_from(*number).ok().filter(|number| (least..=most).contains(number))
            }
            _ => None,
        })
    }

    pub(super) fn small(&mut self, key: &str, least: u16, most: u16) -> Option<NonZeroU16> {
        let number = self.whole(key, u32::from(least), u32::from(most))?;
        u16::try_from(number).ok().and_then(NonZeroU16::new)
    }

    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        self.text(key, &format!("one of {}", names.join(", ")), |text| {
            choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
        })
    }

    pub(super) fn duration(
        &mut self,
        key: &str,
        least: Duration,
        most: Duration,
    ) -> Option<Duration> {
        let expected = format!(
            "a duration from {}s to {}s such as \"90s\", \"15m\", \"8h\" or \"3d\"",
            least.as_secs(),
            most.as_secs()
        );
        self.text(key, &expected, |text| {
            parse_duration(text).ok().filter(|duration| (least..=most).contains(duration))
        })
    }

    pub(super) fn size(&mut self, key: &str, least: u64, most: u64) -> Option<u64> {
        let expected = match most {
            u64::MAX => format!("a size of at least {} such as \"512MiB\"", show_size(least)),
            _ => {
                format!("a size from {} to {} such as \"2MiB\"", show_size(least), show_size(most))
            }
        };
        self.text(key, &expected, |text| {
            parse_size(text).ok().filter(|size| (least..=most).contains(size))
        })
    }

    pub(super) fn rate(&mut self, key: &str) -> Option<Rate> {
        self.text(key, "a rate such as \"2MiB/s\", or \"unlimited\"", |text| text.parse().ok())
    }

    /// A path; `otherwise` if the text is empty.
    pub(super) fn path(&mut self, key: &str, otherwise: PathBuf) -> Option<PathBuf> {
        self.text(key, "an absolute path, or \"\" for the usual one", |text| match text {
            "" => Some(otherwise),
            _ => Some(Path::new(text).to_owned())
                .filter(|path| path.is_absolute() && !text.contains('\0')),
        })
    }

    /// A program that fits and its arguments, or nothing.
    pub(super) fn command(
        &mut self,
        key: &str,
        expected: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        let runs = |items: &[String]| items.first().is_none_or(|program| fits(program));
        self.read(key, expected, |written| match written {
            Written::List(items)
                if items.len() <= MAX_LIST
                    && runs(items)
                    && items.iter().all(|item| is_argument(item)) =>
            {
                Some(items.clone())
            }
            _ => None,
        })
    }

    pub(super) fn list(
        &mut self,
        key: &str,
        expected: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        self.read(key, expected, |written| match written {
            Written::List(items)
                if items.len() <= MAX_LIST && items.iter().all(|item| fits(item)) =>
            {
                Some(items.clone())
            }
            _ => None,
        })
    }
}

pub(super) fn is_address(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    plain
        && text.starts_with('/')
        && text.len() <= limits::MAX_ADDRESS
        && text.matches('/').count() >= 4
}

pub(super) fn is_listen_address(text: &str) -> bool {
    let family = text.starts_with("/ip4/") || text.starts_with("/ip6/");
    family && is_address(text) && (text.contains("/tcp/") || text.contains("/udp/"))
}

pub(super) fn has_peer(text: &str) -> bool {
    text.rsplit_once("/p2p/").is_some_and(|(_, peer)| is_peer_id(peer))
}

/// Base58 of an ed25519 key (52 characters) or of a hash of another key (46).
pub(super) fn is_peer_id(text: &str) -> bool {
    let base58 =
        |byte: u8| byte.is_ascii_alphanumeric() && !matches!(byte, b'0' | b'O' | b'I' | b'l');
    (46..=52).contains(&text.len()) && text.bytes().all(base58)
}

/// One argument of a program, or the program.
fn is_argument(text: &str) -> bool {
    text.len() <= MAX_ARGUMENT && !text.contains('\0')
}

/// An address of a plain HTTP service: a host, perhaps a port, and what is asked there. Without a name and a password:
/// nothing would send them.
pub(super) fn is_http_address(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = |port: &str| port.parse::<NonZeroU16>().is_ok_and(|_| !port.starts_with('+'));
    let is_one = host.starts_with('[') == host.ends_with(']')
        && (host.starts_with('[') || !host.contains(':'));
    let is_said = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    is_host(host)
        && is_one
        && port.is_none_or(is_port)
        && text.len() <= MAX_ARGUMENT
        && text.bytes().all(is_said)
}

pub(super) fn is_host(text: &str) -> bool {
    let byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    (1..=253).contains(&text.len()) && text.bytes().all(byte)
}
