//! `updraft root`: the ceremony by which a network's keys change. One change at a time, in one file that travels.
//!
//! Rules are `publish::rootdraft`'s; here files are read and written, people asked and told.

mod apply;
mod edit;
mod review;
mod sign;
mod votes;

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Subcommand;
use updraft_protocol::{ChannelBase, Digest, KeyId, OperatorName, Root, Verified};

pub(super) use self::sign::sign_file;
use super::{
    Context, Exit,
    node_ledger::{self, NodeLedger},
    publisher::{DataDirectory, Publisher, data_directory},
    reference::When,
    trust,
};
use crate::{
    api::ProposalName,
    problem::{Code, Problem},
    publish::{
        ledger::{Ledger, OnlyRoots, Trusted, WithRoots},
        rootdraft::{Bases, MAX_DRAFT, RootDraft, Target},
    },
    whole,
};

/// The draft's usual name, in the project's folder.
const DRAFT: &str = "root.draft";

/// What to do with the trust root.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the root in force
    Show,
    /// Begin the next root
    Begin {
        /// Why, in a line, for those who will sign
        #[arg(short, long, value_name = "TEXT")]
        message: String,
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Let a key into a role: root, release, release:CHANNEL, witness, brake, builder, electorate
    AddKey {
        /// The role
        role: Target,
        /// updk1…, a key's name, or file:PATH
        key: String,
        /// What its vote weighs, for the electorate
        #[arg(long, value_name = "N")]
        weight: Option<u32>,
        /// Who runs the node that votes, for the electorate
        #[arg(long, value_name = "NAME")]
        operator: Option<OperatorName>,
        /// Where channels go on
        #[command(flatten)]
        base: BaseChoice,
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Take a key out of a role; for ever and out of every role, unless it is only rotated
    RemoveKey {
        /// The role
        role: Target,
        /// updk1…, a key's name, file:PATH, or the digits of its fingerprint
        key: String,
        /// rotated, compromised, lost, or in your own words
        #[arg(long, value_name = "REASON", default_value = "rotated")]
        reason: String,
        /// Since when a revoked key is not to be relied on: so long ago as 3d, or an RFC 3339 time
        #[arg(long, value_name = "WHEN")]
        since: Option<super::reference::Since>,
        /// Where channels go on
        #[command(flatten)]
        base: BaseChoice,
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Set how many keys of a role have to sign
    ///
    /// Of n witnesses of which k are needed, 2k - n have to lie before two histories can both look fresh: 2 of 3
    /// bear none that lies, 3 of 4 bear one.
    Threshold {
        /// The role
        role: Target,
        /// How many
        #[arg(value_parser = clap::value_parser!(u16).range(1..=32))]
        threshold: u16,
        /// Where channels go on
        #[command(flatten)]
        base: BaseChoice,
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Let channels go on from heads that you name, whether or not their keys change
    Base {
        /// CHANNEL=SEQ, 0 for anew
        #[arg(required = true, value_name = "CHANNEL=SEQ", value_parser = channel_and_number)]
        base: Vec<(updraft_protocol::ChannelName, u64)>,
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Let a vote of electors who are replaced go on counting
    ///
    /// When the draft replaces the electorate, what is open or decided is listed by itself, as far as it is known here;
    /// `updraft root diff` says which votes. What a root counts, all later ones count.
    Count {
        /// p-N, the beginning of its digest, or the whole digest of one that is not known here
        vote: ProposalName,
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Let a vote of electors who are replaced end, or undo what they decided
    Uncount {
        /// p-N, or the beginning of its digest
        vote: ProposalName,
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Set when the root goes stale
    Expire {
        /// The role; all roles end with the root
        #[arg(value_parser = ["root"])]
        role: String,
        /// A span from now as 365d, or an RFC 3339 time
        when: When,
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Say in words what the draft changes
    Diff {
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Sign the draft, after saying in words what it changes
    Sign {
        /// Sign with this key: a name, or file:PATH
        #[arg(short, long, value_name = "KEY", required = true)]
        key: Vec<String>,
        /// Other copies of the draft, whose signatures are taken over
        copies: Vec<PathBuf>,
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Say who has signed and who is missing
    Status {
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Put the draft into force, once enough have signed
    Apply {
        /// The draft and other copies of it; the project's draft if left out
        files: Vec<PathBuf>,
    },
    /// Remove the draft
    Cancel {
        /// Which draft
        #[command(flatten)]
        draft: DraftFile,
    },
    /// Recommend what to change
    Review,
}

/// Which draft.
#[derive(Debug, clap::Args)]
pub struct DraftFile {
    /// The draft; root.draft in the project's folder if left out
    #[arg(long, value_name = "FILE")]
    pub draft: Option<PathBuf>,
}

/// From which head channels go on.
#[derive(Debug, clap::Args)]
pub struct BaseChoice {
    /// The channel goes on from this head: CHANNEL=SEQ, 0 for anew; one whose keys change from the newest if left out
    #[arg(long, value_name = "CHANNEL=SEQ", value_parser = channel_and_number)]
    pub base: Vec<(updraft_protocol::ChannelName, u64)>,
}

fn channel_and_number(text: &str) -> Result<(updraft_protocol::ChannelName, u64), String> {
    let expected = || format!("`{text}`: expected CHANNEL=SEQ, for example stable=41");
    let (channel, seq) = text.split_once('=').ok_or_else(expected)?;
    Ok((channel.parse().map_err(|_| expected())?, seq.parse().map_err(|_| expected())?))
}

pub(super) fn run(command: Command, context: &Context) -> Result<Exit, Problem> {
    match command {
        Command::Show => trust::show_root(context),
        Command::Begin { message, draft } => edit::begin(&message, &draft, context),
        Command::AddKey { role, key, weight, operator, base, draft } => {
            let vote = (weight, operator);
            edit::add_key(&edit::Edit { role, base, draft }, &key, vote, context)
        }
        Command::RemoveKey { role, key, reason, since, base, draft } => {
            edit::remove_key(&edit::Edit { role, base, draft }, &key, &reason, since, context)
        }
        Command::Threshold { role, threshold, base, draft } => {
            edit::threshold(&edit::Edit { role, base, draft }, threshold, context)
        }
        Command::Base { base, draft } => edit::base(base, draft, context),
        Command::Count { vote, draft } => votes::count(&vote, draft, context),
        Command::Uncount { vote, draft } => votes::uncount(&vote, draft, context),
        Command::Expire { role: _, when, draft } => edit::expire(when, &draft, context),
        Command::Diff { draft } => sign::diff(&draft, context),
        Command::Sign { key, copies, draft } => sign::sign(&key, &copies, &draft, context),
        Command::Status { draft } => sign::status(&draft, context),
        Command::Apply { files } => apply::apply(&files, context),
        Command::Cancel { draft } => edit::cancel(&draft, context),
        Command::Review => review::review(context),
    }
}

/// Where a ceremony is held: the project, keys, and what this machine trusts.
struct Desk {
    publisher: Publisher,
    books: Books,
    roots: OnlyRoots,
}

/// Who remembers roots and heads.
enum Books {
    /// A running node.
    Node(NodeLedger),
    /// The data directory of this machine, which no node uses.
    Data(DataDirectory),
    /// Only the roots of the project: enough to judge and sign, not to edit.
    Project,
}

impl Desk {
    fn here(context: &Context) -> Result<Self, Problem> {
        let publisher = Publisher::here(context)?;
        let roots = publisher.project.as_ref().map(|project| project.roots()).transpose()?;
        let roots = OnlyRoots(roots.unwrap_or_default());
        let books = match node_ledger::find(context)? {
            Some(node) => Books::Node(node),
            // A signer's machine may have joined nothing: then no data directory is made for it.
            None if !roots.0.is_empty() && !context.dirs()?.data.join("trust").exists() => {
                Books::Project
            }
            None => Books::Data(data_directory(context)?),
        };
        Ok(Self { publisher, books, roots })
    }

    /// Has `work` done with what is trusted here.
    fn trusting<T>(
        &self,
        work: impl FnOnce(&Trusted<'_>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let ledger: &dyn Ledger = match &self.books {
            Books::Node(node) => node,
            Books::Data(data) => data,
            Books::Project => &self.roots,
        };
        let together = WithRoots { ledger, roots: self.roots.clone() };
        work(&self.publisher.trust(&together)?)
    }

    fn names(&self) -> BTreeMap<KeyId, String> {
        self.publisher.ring.names()
    }

    /// Where the draft is or will be.
    fn path(&self, file: &DraftFile) -> PathBuf {
        let folder = self.publisher.project.as_ref().map_or(Path::new("."), |p| p.folder());
        file.draft.clone().unwrap_or_else(|| folder.join(DRAFT))
    }

    /// The newest believed head of each channel.
    fn bases(&self, trusted: &Trusted<'_>) -> Result<Bases, Problem> {
        if matches!(self.books, Books::Project) {
            return Err(Problem::new(
                Code::NodeNotRunning,
                "this machine knows no heads, and channels have to go on from the newest",
            )
            .hint("edit the draft where a node of the network runs; sign it anywhere"));
        }
        let mut bases = Bases::new();
        for entry in &trusted.root().release {
            if let Some(head) = trusted.head(&entry.channel)? {
                let (seq, digest) = (head.seq, head.digest());
                bases.insert(entry.channel.clone(), base(&entry.channel, seq, Some(digest)));
            }
        }
        Ok(bases)
    }
}

fn base(channel: &updraft_protocol::ChannelName, seq: u64, head: Option<Digest>) -> ChannelBase {
    ChannelBase { channel: channel.clone(), seq, head }
}

/// Reads a draft, and refuses one that does not follow from what is trusted.
fn read(path: &Path, trusted: &Verified<Root>) -> Result<RootDraft, Problem> {
    let draft = read_any(path)?;
    draft.follows(trusted)?;
    Ok(draft)
}

fn read_any(path: &Path) -> Result<RootDraft, Problem> {
    let most = u64::try_from(MAX_DRAFT).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path);
    match opened.and_then(|file| file.take(most).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Problem::new(
                Code::FileUnusable,
                format!("no draft at {}", path.display()),
            )
            .hint("begin one with `updraft root begin -m TEXT`, or name it with `--draft FILE`"));
        }
        Err(error) => {
            return Err(Problem::new(
                Code::FileUnusable,
                format!("cannot read {}", path.display()),
            )
            .cause(error.to_string()));
        }
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Problem::new(Code::SignatureInvalid, "this is not a root draft"))?;
    Ok(RootDraft::parse(&text)?)
}

fn write(path: &Path, draft: &RootDraft) -> Result<(), Problem> {
    let text = draft.to_text()?;
    whole::replace::<io::Error>(path, |file| file.write_all(text.as_bytes())).map_err(|error| {
        Problem::new(Code::FileUnusable, format!("cannot write {}", path.display()))
            .cause(error.to_string())
    })
}
