//! What a publisher's commands have in common: the project they stand in, keys, passwords, what was published.

use std::{cell::OnceCell, env, io::Write, path::PathBuf};

use serde_json::{Value, json};
use updraft_protocol::{
    Blob, ChannelName, Compatibility, Digest, Head, Listing, Manifest, NetworkKind, PatchCodec,
    ReleaseKind, Root, Severity, Signed,
};

use super::{Context, output::Output, words};
use crate::{
    api::types::network_kind,
    join::open_store,
    keys::{Asking, KeyFolder, KeyReference, KeyRing, PasswordSource},
    lock::DataLock,
    problem::{Code, Problem},
    publish::{
        ledger::{Ledger, LedgerError, Trusted},
        project::Project,
    },
    store::Store,
};

/// Where a publisher's command was called.
#[derive(Debug)]
pub(super) struct Publisher {
    /// The project, if the current directory lies in one.
    pub(super) project: Option<Project>,
    /// The project's keys, then the user's.
    pub(super) ring: KeyRing,
    /// Where passwords come from.
    pub(super) passwords: PasswordSource,
    output: Output,
    kind_told: OnceCell<()>,
}

impl Publisher {
    /// Looks around in the current directory.
    pub(super) fn here(context: &Context) -> Result<Self, Problem> {
        let current = env::current_dir().map_err(|error| {
            Problem::new(Code::FileUnusable, "the current directory cannot be found")
                .cause(error.to_string())
        })?;
        let project = Project::find(&current)?;
        let own = project.as_ref().map(|project| KeyFolder::new(project.keys()));
        let users = KeyFolder::new(context.dirs()?.keys());
        let ring = KeyRing::new(own.into_iter().chain([users]).collect());
        let output = context.output.clone();
        let kind_told = OnceCell::new();
        Ok(Self { project, ring, passwords: passwords(context), output, kind_told })
    }

    /// Digest of the root that this project was founded with.
    pub(super) fn first_root(&self) -> Result<Option<Digest>, Problem> {
        Ok(self.project.as_ref().map(Project::first_root).transpose()?.flatten())
    }

    /// Believes what a ledger says as far as it follows from this project's root, and says once, here where no
    /// command can forget it, if the network is not to be relied on.
    pub(super) fn trust<'a>(&self, ledger: &'a dyn Ledger) -> Result<Trusted<'a>, Problem> {
        let trusted = Trusted::follow(ledger, self.first_root()?.as_ref())?;
        self.kind_told.get_or_init(|| warn_of_kind(trusted.root(), &self.output));
        Ok(trusted)
    }
}

/// Where passwords come from in this run.
pub(super) fn passwords(context: &Context) -> PasswordSource {
    let asking = if context.global.no_input { Asking::Never } else { Asking::Allowed };
    PasswordSource::from_environment(asking)
}

/// Says that a network is not to be relied on, if it is not.
pub(super) fn warn_of_kind(root: &Root, output: &Output) {
    match root.kind {
        NetworkKind::Development => output.warn(words::DEV_NETWORK),
        NetworkKind::Production => {}
    }
}

/// The same, of a network whose kind the node tells by its word.
pub(super) fn warn_of_kind_word(word: &str, output: &Output) {
    if word == network_kind(NetworkKind::Development) {
        output.warn(words::DEV_NETWORK);
    }
}

/// Reads `-k` arguments.
pub(super) fn references(keys: &[String]) -> Result<Vec<KeyReference>, Problem> {
    keys.iter().map(|key| key.parse().map_err(Problem::from)).collect()
}

/// Opens the data directory of this machine, which no node may be using.
pub(super) fn data_directory(context: &Context) -> Result<DataDirectory, Problem> {
    let data = context.dirs()?.data;
    let lock = DataLock::acquire(&data)?;
    Ok(DataDirectory { store: open_store(&data)?, _lock: lock })
}

/// The store of this machine, and the right to use it.
#[derive(Debug)]
pub(super) struct DataDirectory {
    /// The store.
    pub(super) store: Store,
    _lock: DataLock,
}

impl Ledger for DataDirectory {
    fn root(&self, version: u64) -> Result<Option<Signed<Root>>, LedgerError> {
        Ledger::root(&self.store, version)
    }

    fn head(&self, channel: &ChannelName) -> Result<Option<Signed<Head>>, LedgerError> {
        Ledger::head(&self.store, channel)
    }

    fn head_at(
        &self,
        channel: &ChannelName,
        seq: u64,
    ) -> Result<Option<Signed<Head>>, LedgerError> {
        Ledger::head_at(&self.store, channel, seq)
    }

    fn manifest(
        &self,
        channel: &ChannelName,
        listing: &Listing,
    ) -> Result<Option<Signed<Manifest>>, LedgerError> {
        Ledger::manifest(&self.store, channel, listing)
    }

    fn object(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        Ledger::object(&self.store, digest)
    }

    fn blob(&self, blob: &Blob, out: &mut dyn Write) -> Result<bool, LedgerError> {
        Ledger::blob(&self.store, blob, out)
    }
}

/// What will be signed, in words: one line each.
pub(super) fn in_words(head: &Head, manifest: &Manifest) -> Vec<String> {
    let kind = release_kind_word(manifest.kind);
    let severity = severity_word(manifest.severity);
    let is_it = |listing: &&Listing| {
        (&listing.component, &listing.target, &listing.version)
            == (&manifest.component, &manifest.target, &manifest.version)
    };
    // A head that does not offer its release withdraws it.
    let verb = if head.releases.iter().any(|l| is_it(&l)) { "sign" } else { "WITHDRAW" };
    let mut lines = vec![
        format!("Will {verb} {} for {}", manifest.release_name(), manifest.target),
        format!("  channel   {}, head {}, until {}", head.channel, head.seq, head.expires),
        format!(
            "  kind      {kind}, {severity}{}",
            match manifest.compatibility {
                Compatibility::Compatible => "",
                Compatibility::Breaking => ", BREAKING",
            }
        ),
        format!(
            "  contents  {} entries, {}, tree {}",
            manifest.tree.entries,
            words::size(manifest.tree.bytes),
            manifest.tree.object.digest
        ),
        format!("  whole     {}, {}", words::size(manifest.whole.size), manifest.whole.digest),
    ];
    if let Some(floor) = &manifest.min_version {
        lines.push(format!("  from      {floor} or later"));
    }
    if !manifest.barriers.is_empty() {
        let stops: Vec<_> = manifest.barriers.iter().map(ToString::to_string).collect();
        lines.push(format!("  through   {}", stops.join(", ")));
    }
    if let Some(source) = &manifest.source {
        lines.push(format!("  source    {source}"));
    }
    for patch in &manifest.patches {
        let (codec, size) = (codec_word(patch.codec), words::size(patch.blob.size));
        lines.push(format!("  patch     from {}, {codec}, {size}", patch.from));
    }
    let listed: Vec<_> = head
        .releases
        .iter()
        .map(|listing| format!("{}@{}", listing.component, listing.version))
        .collect();
    lines.push(format!("  on offer  {}", listed.join(", ")));
    lines.extend(head.withdrawn.iter().map(|withdrawn| {
        format!("  withdrawn {}: {}", withdrawn.manifest.short(), words::clean(&withdrawn.reason))
    }));
    lines.extend(
        head.min_supported
            .iter()
            .map(|min| format!("  supported {} from {} on", min.component, min.version)),
    );
    lines
}

/// The same for programs.
pub(super) fn in_json(head: &Head, manifest: &Manifest, digest: &Digest) -> Value {
    json!({
        "component": manifest.component.as_str(),
        "version": manifest.version.to_string(),
        "target": manifest.target.as_str(),
        "channel": head.channel.as_str(),
        "seq": head.seq,
        "expires": head.expires.to_string(),
        "kind": release_kind_word(manifest.kind),
        "severity": severity_word(manifest.severity),
        "breaking": manifest.compatibility == Compatibility::Breaking,
        "manifest": digest.to_string(),
        "tree": manifest.tree.object.digest.to_string(),
        "entries": manifest.tree.entries,
        "bytes": manifest.tree.bytes,
        "wholeBytes": manifest.whole.size,
        "patches": manifest.patches.iter().map(|patch| json!({
            "from": patch.from.to_string(),
            "codec": codec_word(patch.codec),
            "bytes": patch.blob.size,
        })).collect::<Vec<_>>(),
    })
}

/// A codec in one word.
pub(super) fn codec_word(codec: PatchCodec) -> &'static str {
    match codec {
        PatchCodec::BsdiffZstd => "plain",
        PatchCodec::RefdiffFast => "fast",
        PatchCodec::RefdiffDense => "dense",
    }
}

fn release_kind_word(kind: ReleaseKind) -> &'static str {
    match kind {
        ReleaseKind::Security => "security",
        ReleaseKind::Feature => "feature",
        ReleaseKind::Bugfix => "bugfix",
        ReleaseKind::Performance => "performance",
        ReleaseKind::Protocol => "protocol",
        ReleaseKind::Dependency => "dependency",
    }
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Normal => "normal",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// A file that a person named, read up to `limit` bytes.
pub(super) fn read_text(path: &PathBuf, limit: u64) -> Result<String, Problem> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| {
            std::io::Read::read_to_string(&mut std::io::Read::take(file, limit + 1), &mut text)
        })
        .map_err(|error| {
            Problem::new(Code::FileUnusable, format!("cannot read {}", path.display()))
                .cause(error.to_string())
        })?;
    if u64::try_from(text.len()).is_ok_and(|size| size <= limit) {
        return Ok(text);
    }
    Err(Problem::new(Code::RequestInvalid, format!("{} is over {limit} bytes", path.display())))
}
