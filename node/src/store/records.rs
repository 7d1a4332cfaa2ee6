//! What the store remembers of components and of the past, and how it is written in the database.
//!
//! The text form is JSON: small, and readable with nothing but the database. Every name and version is parsed
//! again on the way in, so a damaged record is an error and never a wrong name.

use std::fmt::Display;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use updraft_protocol::{ChannelName, ComponentName, Digest, ReleaseVersion, Stance, Timestamp};

use super::error::StoreError;

/// Quarantined releases remembered for a component; the oldest is forgotten when another comes.
pub const MAX_QUARANTINED: usize = 64;
/// Bytes of a reason or a detail; what is longer is cut when it is written.
pub const MAX_TEXT: usize = 1_024;

/// What this node remembers of a component besides its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentRecord {
    /// The channel it follows.
    pub channel: ChannelName,
    /// Set by a rollback: it stays at this version until somebody says otherwise.
    pub hold: Option<Hold>,
    /// Releases that failed here and are not tried again by themselves; at most [`MAX_QUARANTINED`].
    pub quarantined: Vec<Quarantined>,
}

/// A component is held at a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The version.
    pub version: ReleaseVersion,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// A release that failed on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Digest of its manifest.
    pub manifest: Digest,
    /// What went wrong.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl ComponentRecord {
    /// A component that follows `channel` and has no past.
    pub fn following(channel: ChannelName) -> Self {
        Self { channel, hold: None, quarantined: Vec::new() }
    }

    /// Remembers that a release failed here. A second failure of one release replaces the first.
    pub fn quarantine(&mut self, entry: Quarantined) {
        self.quarantined.retain(|earlier| earlier.manifest != entry.manifest);
        self.quarantined.push(entry);
        let over = self.quarantined.len().saturating_sub(MAX_QUARANTINED);
        self.quarantined.drain(..over);
    }

    /// Why a release is not tried again, if it is quarantined.
    pub fn quarantined(&self, manifest: &Digest) -> Option<&Quarantined> {
        self.quarantined.iter().find(|entry| entry.manifest == *manifest)
    }
}

/// What happened to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// A release went live.
    Installed,
    /// An earlier release went live again.
    RolledBack,
    /// A release could not be installed; what was live stayed.
    Failed,
    /// A release was made on this node.
    Published,
    /// A release was withdrawn, by whoever uses this node to publish.
    Withdrawn,
    /// The component was put on another channel.
    ChannelChanged,
    /// A hold was set or lifted.
    HoldChanged,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// To which component.
    pub component: ComponentName,
    /// The version before, if there was one.
    pub from: Option<ReleaseVersion>,
    /// The version after, if there is one.
    pub to: Option<ReleaseVersion>,
    /// What happened.
    pub what: Happening,
    /// Who asked: a user, an API token's name, or a policy.
    pub by: String,
    /// The rest, for people.
    pub detail: String,
}

/// What this node, as a witness, said last about a channel: kept before it is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Number of the root that was in force.
    pub root_version: u64,
    /// Number of the root that had last said by whose keys, and from where, the channel goes on.
    pub begun: u64,
    /// Number of the head.
    pub seq: u64,
    /// Its digest.
    pub head: Digest,
    /// When it was said.
    pub time: Timestamp,
}

/// How this node voted last on a proposal: kept before it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CastBallot {
    /// Number of the ballot.
    pub seq: u32,
    /// What it said.
    pub stance: Stance,
}

/// A record with a text form in the database.
pub(super) trait Record: Sized {
    type Row: Serialize + DeserializeOwned;

    fn to_row(&self) -> Self::Row;
    fn from_row(row: Self::Row) -> Result<Self, String>;

    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&self.to_row())
            .expect("rows have text keys and no value that JSON cannot hold")
    }

    fn decode(what: impl FnOnce() -> String, bytes: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(bytes)
            .map_err(|error| error.to_string())
            .and_then(Self::from_row)
            .map_err(|reason| StoreError::BadRecord { what: what(), reason })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct ComponentRow {
    channel: String,
    hold: Option<HoldRow>,
    quarantined: Vec<QuarantinedRow>,
}

#[derive(Serialize, Deserialize)]
struct HoldRow {
    version: String,
    reason: String,
    since: u64,
}

#[derive(Serialize, Deserialize)]
struct QuarantinedRow {
    manifest: String,
    reason: String,
    at: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct HistoryRow {
    at: u64,
    component: String,
    from: Option<String>,
    to: Option<String>,
    what: Happening,
    by: String,
    detail: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct VouchedRow {
    root_version: u64,
    begun: u64,
    seq: u64,
    head: String,
    time: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct CastRow {
    seq: u32,
    stance: String,
    artifact: Option<String>,
    selftest: Option<String>,
}

impl Record for CastBallot {
    type Row = CastRow;

    fn to_row(&self) -> CastRow {
        let (artifact, selftest) = match self.stance {
            Stance::Ready { artifact, selftest } => (Some(artifact), Some(selftest)),
            Stance::Yes | Stance::No | Stance::Abstain | Stance::Cancel => (None, None),
        };
        CastRow {
            seq: self.seq,
            stance: self.stance.word().to_owned(),
            artifact: artifact.map(|digest| digest.to_string()),
            selftest: selftest.map(|digest| digest.to_string()),
        }
    }

    fn from_row(row: CastRow) -> Result<Self, String> {
        let digest = |text: Option<String>| -> Result<Digest, String> {
            parse(&text.ok_or("a digest of what is ready is missing")?)
        };
        let stance = match (Stance::plain(&row.stance), row.stance.as_str()) {
            (Some(stance), _) => stance,
            (None, "ready") => {
                Stance::Ready { artifact: digest(row.artifact)?, selftest: digest(row.selftest)? }
            }
            (None, other) => return Err(format!("`{other}` is no stance")),
        };
        Ok(Self { seq: row.seq, stance })
    }
}

impl Record for Vouched {
    type Row = VouchedRow;

    fn to_row(&self) -> VouchedRow {
        VouchedRow {
            root_version: self.root_version,
            begun: self.begun,
            seq: self.seq,
            head: self.head.to_string(),
            time: self.time.as_seconds(),
        }
    }

    fn from_row(row: VouchedRow) -> Result<Self, String> {
        Ok(Self {
            root_version: row.root_version,
            begun: row.begun,
            seq: row.seq,
            head: parse(&row.head)?,
            time: Timestamp::from_seconds(row.time),
        })
    }
}

impl Record for ComponentRecord {
    type Row = ComponentRow;

    fn to_row(&self) -> ComponentRow {
        let hold = self.hold.as_ref().map(|hold| HoldRow {
            version: hold.version.to_string(),
            reason: cut(&hold.reason),
            since: hold.since.as_seconds(),
        });
        // The newest stay when a caller filled the list by hand.
        let from = self.quarantined.len().saturating_sub(MAX_QUARANTINED);
        let quarantined = self.quarantined.iter().skip(from).map(|entry| QuarantinedRow {
            manifest: entry.manifest.to_string(),
            reason: cut(&entry.reason),
            at: entry.at.as_seconds(),
        });
        ComponentRow { channel: self.channel.to_string(), hold, quarantined: quarantined.collect() }
    }

    fn from_row(row: ComponentRow) -> Result<Self, String> {
        let hold = row.hold.map(|hold| {
            Ok::<_, String>(Hold {
                version: parse(&hold.version)?,
                reason: hold.reason,
                since: Timestamp::from_seconds(hold.since),
            })
        });
        let quarantined = row.quarantined.into_iter().map(|entry| {
            Ok::<_, String>(Quarantined {
                manifest: parse(&entry.manifest)?,
                reason: entry.reason,
                at: Timestamp::from_seconds(entry.at),
            })
        });
        Ok(Self {
            channel: parse(&row.channel)?,
            hold: hold.transpose()?,
            quarantined: quarantined.collect::<Result<_, _>>()?,
        })
    }
}

impl Record for HistoryEntry {
    type Row = HistoryRow;

    fn to_row(&self) -> HistoryRow {
        HistoryRow {
            at: self.at.as_seconds(),
            component: self.component.to_string(),
            from: self.from.as_ref().map(ToString::to_string),
            to: self.to.as_ref().map(ToString::to_string),
            what: self.what,
            by: cut(&self.by),
            detail: cut(&self.detail),
        }
    }

    fn from_row(row: HistoryRow) -> Result<Self, String> {
        Ok(Self {
            at: Timestamp::from_seconds(row.at),
            component: parse(&row.component)?,
            from: row.from.as_deref().map(parse).transpose()?,
            to: row.to.as_deref().map(parse).transpose()?,
            what: row.what,
            by: row.by,
            detail: row.detail,
        })
    }
}

fn parse<T: std::str::FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// The first [`MAX_TEXT`] bytes, cut between characters.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(n: u8) -> Quarantined {
        let manifest = Digest::of(&[n]);
        Quarantined { manifest, reason: "é".repeat(900), at: Timestamp::from_seconds(n.into()) }
    }

    #[test]
    fn a_record_reads_back_with_long_texts_cut() {
        let mut record = ComponentRecord::following("stable".parse().expect("channel"));
        record.quarantine(failed(1));
        let read = ComponentRecord::decode(String::new, &record.encode()).expect("reads back");
        assert_eq!(read.channel, record.channel);
        assert_eq!(read.quarantined[0].manifest, record.quarantined[0].manifest);
        assert_eq!(read.quarantined[0].reason.len(), MAX_TEXT);
    }

    #[test]
    fn the_oldest_quarantine_is_forgotten_first_and_none_is_there_twice() {
        let mut record = ComponentRecord::following("stable".parse().expect("channel"));
        for n in (0..=64).chain([64]) {
            record.quarantine(failed(n));
        }
        assert_eq!(record.quarantined.len(), MAX_QUARANTINED);
        assert!(record.quarantined(&Digest::of(&[0])).is_none());
        assert!(record.quarantined(&Digest::of(&[64])).is_some());
    }

    #[test]
    fn a_damaged_record_is_an_error_that_names_it() {
        let bytes = br#"{"channel":"No Such","hold":null,"quarantined":[]}"#;
        let error = ComponentRecord::decode(|| "component `app`".into(), bytes).expect_err("bad");
        assert!(error.to_string().starts_with("the store's record of component `app`"), "{error}");
    }
}
