//! Releases of a cluster: real files of the size that a scenario asks for, cut, compressed, diffed and signed by the
//! publishing room of the node. Blocks.
//!
//! The bytes are noise of the seed, which nothing compresses: so a whole artifact is as large as its contents, and a patch
//! as large as what was changed. Where that does not come out within a few parts in a hundred, a note says so.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    num::NonZeroUsize,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use updraft_delta::{Level, offer};
use updraft_node::{
    bundle::BundleWriter,
    install::Installer,
    publish::{
        Effort,
        build::{self, Built, Draft},
        ledger::{Ledger, LedgerError, Trusted},
        source::Source,
    },
};
use updraft_protocol::{
    Blob, Compatibility, ComponentName, Head, Manifest, ReleaseKind, ReleaseVersion, Root,
    Severity, Signed, Target, Timestamp, Verified,
};

use super::Failure;
use crate::{scenario, world::people::People};

/// What the files of a release have besides noise: a program, a text, and their names.
const BESIDES: u64 = 256;
/// Changed bytes lie together in runs of this length, so that a patch has few places to name.
const RUN: usize = 4_096;
/// By how many parts in a hundred a size may differ from what was asked for without a note.
const NEAR: u64 = 4;
/// Patches are made one after the other: several clusters may be made at once.
const EFFORT: Effort =
    Effort { deltas: usize::MAX, level: Level::FAST, memory: u64::MAX, threads: NonZeroUsize::MIN };

/// A release that was made.
#[derive(Debug)]
pub(super) struct Made {
    /// What it is.
    pub(super) manifest: Manifest,
    /// The same, signed by enough publishers.
    pub(super) signed: Arc<Signed<Manifest>>,
    built: Built,
    source: Source,
}

/// All releases of a scenario.
#[derive(Debug, Default)]
pub(super) struct Works {
    made: BTreeMap<ReleaseVersion, Arc<Made>>,
    /// Sizes that are not as the scenario has them.
    pub(super) notes: Vec<String>,
}

/// What the publishing room asks for: the first root, and bytes of earlier releases.
struct Shelf<'a> {
    root: &'a Signed<Root>,
    made: &'a BTreeMap<ReleaseVersion, Arc<Made>>,
}

impl Ledger for Shelf<'_> {
    fn root(&self, version: u64) -> Result<Option<Signed<Root>>, LedgerError> {
        Ok((version == 1).then(|| self.root.clone()))
    }

    /// Compressed again: the same contents at the same level give the same bytes.
    fn blob(&self, blob: &Blob, out: &mut dyn Write) -> Result<bool, LedgerError> {
        let Some(made) = self.made.values().find(|made| made.manifest.whole == *blob) else {
            return Ok(false);
        };
        offer::whole(made.source.tree(), || made.source.contents(), Level::FAST, out)
            .map_err(|error| LedgerError::new("an earlier release", error))?;
        Ok(true)
    }
}

impl Works {
    /// Makes and signs every release of a scenario, in its order; files go below `folder`.
    pub(super) fn make(
        people: &People,
        scenario: &scenario::Scenario,
        seed: u64,
        folder: &Path,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let mut works = Self::default();
        let mut contents = BTreeMap::new();
        for wanted in &scenario.releases {
            let version = &wanted.version.0;
            let data = works.data(wanted, seed, &contents);
            works.make_one(people, wanted, &data, folder, now)?;
            contents.insert(version.clone(), data);
        }
        Ok(works)
    }

    /// A release.
    pub(super) fn find(&self, version: &ReleaseVersion) -> Option<&Arc<Made>> {
        self.made.get(version)
    }

    fn make_one(
        &mut self,
        people: &People,
        wanted: &scenario::Release,
        data: &[u8],
        folder: &Path,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let version = wanted.version.0.clone();
        let named = wanted.component.as_deref().and_then(|name| name.parse().ok());
        let component = named.unwrap_or_else(|| people.component.clone());
        let failed = |what: &str| format!("release {version} cannot be {what}");
        let place = folder.join(version.to_string());
        write_files(&place, &component, &version, data)
            .map_err(Failure::of(|| failed("written")))?;
        let source = Source::read(&place).map_err(Failure::of(|| failed("read")))?;
        let shelf = Shelf { root: &people.root, made: &self.made };
        let trusted = Trusted::follow(&shelf, None).map_err(Failure::of(|| failed("signed")))?;
        let past = self.past(people, wanted, &trusted)?;
        let draft = draft(people, component, wanted, now);
        let built = build::build(&source, draft, &past, &trusted, folder, &EFFORT, &mut |_| ())
            .map_err(Failure::of(|| failed("built")))?;
        self.compare(wanted, &built.manifest);
        let signed = people.manifest(&built.manifest);
        let manifest = built.manifest.clone();
        self.made.insert(version, Arc::new(Made { manifest, signed, built, source }));
        Ok(())
    }

    /// The releases from which there is to be a patch.
    fn past(
        &self,
        people: &People,
        wanted: &scenario::Release,
        trusted: &Trusted<'_>,
    ) -> Result<Vec<Verified<Manifest>>, Failure> {
        let role = trusted.role(&people.channel);
        let role = role.map_err(Failure::of(|| "the root has no publishers".to_owned()))?;
        let made = wanted.patches.keys().filter_map(|from| self.made.get(&from.0));
        made.map(|made| made.signed.verify(&people.network, role))
            .collect::<Result<_, _>>()
            .map_err(Failure::of(|| "an earlier release is not signed by enough".to_owned()))
    }

    /// The noise of a release: that of the release from which its smallest patch leads, with as much changed as the patch
    /// is to have; else its own.
    fn data(
        &self,
        wanted: &scenario::Release,
        seed: u64,
        contents: &BTreeMap<ReleaseVersion, Vec<u8>>,
    ) -> Vec<u8> {
        let length = usize::try_from(wanted.size.0.saturating_sub(BESIDES)).unwrap_or(usize::MAX);
        let version = &wanted.version.0;
        let mut own = noise(seed, &format!("release {version}"));
        let smallest = wanted.patches.iter().min_by_key(|(_, size)| **size);
        let base = smallest.and_then(|(from, size)| Some((contents.get(&from.0)?, size.0)));
        let mut data = vec![0; length];
        let Some((old, size)) = base else {
            own.fill(&mut data);
            return data;
        };
        let kept = old.len().min(length);
        data[..kept].copy_from_slice(&old[..kept]);
        own.fill(&mut data[kept..]);
        let changed = usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(length - kept);
        let runs = changed.min(kept).div_ceil(RUN).max(1);
        for run in 0..runs {
            let place = kept / runs * run;
            let end = (place + changed.min(kept) / runs).min(kept);
            own.fill(&mut data[place..end]);
        }
        data
    }

    /// Notes what came out otherwise than it was asked for.
    fn compare(&mut self, wanted: &scenario::Release, made: &Manifest) {
        let version = &wanted.version;
        let notes = &mut self.notes;
        let mut compare = |what: String, got: Option<u64>, asked: u64| match got {
            Some(got) if got.abs_diff(asked) <= (asked * NEAR / 100).max(1_024) => {}
            Some(got) => notes.push(format!("{what} has {got} bytes instead of {asked}")),
            None => notes.push(format!("{what} is not worth it")),
        };
        compare(format!("release {version}"), Some(made.whole.size), wanted.size.0);
        for (from, size) in &wanted.patches {
            let patches = made.patches.iter().filter(|patch| patch.from == from.0);
            let patch = patches.min_by_key(|patch| patch.blob.size);
            let got = patch.map(|patch| patch.blob.size);
            compare(format!("the patch from {from} to {version}"), got, size.0);
        }
    }
}

impl Made {
    /// Writes the bundle that a publisher hands to a node.
    pub(super) fn write(&self, head: &Signed<Head>, path: &Path) -> Result<(), Failure> {
        self.built
            .write(head.clone(), self.signed.as_ref().clone(), path)
            .map_err(Failure::of(|| format!("{} cannot be written", path.display())))
    }

    /// Writes a bundle that only says something about it.
    pub(super) fn write_without(&self, head: &Signed<Head>, path: &Path) -> Result<(), Failure> {
        BundleWriter::new(head.clone(), self.signed.as_ref().clone())
            .write(path)
            .map_err(Failure::of(|| format!("{} cannot be written", path.display())))
    }

    /// Puts it into a folder as what runs there, by the node's own installer.
    pub(super) fn install(&self, root: &Path, at: Timestamp) -> Result<(), Failure> {
        let (version, tree) = (&self.manifest.version, self.manifest.tree.object.digest);
        let failed = || format!("release {version} cannot be installed in {}", root.display());
        let install = || {
            let mut installer = Installer::open(root, self.manifest.component.clone(), 0)?;
            installer.stage(version, &tree, self.source.tree(), |out| {
                io::copy(&mut self.source.contents(), out).map(drop)
            })?;
            installer.switch(version, at)?;
            installer.commit(version)
        };
        install().map_err(Failure::of(failed))
    }
}

fn noise(seed: u64, called: &str) -> blake3::OutputReader {
    blake3::Hasher::new_derive_key("updraft simulation 2026 noise")
        .update(&seed.to_le_bytes())
        .update(called.as_bytes())
        .finalize_xof()
}

/// A program that says that it is fine, whatever it is asked, and the noise.
fn write_files(
    place: &Path,
    component: &ComponentName,
    version: &ReleaseVersion,
    data: &[u8],
) -> io::Result<()> {
    fs::create_dir_all(place.join("bin"))?;
    fs::create_dir_all(place.join("share"))?;
    let program: PathBuf = place.join("bin").join(component.as_str());
    fs::write(&program, format!("#!/bin/sh\necho {component} {version} is fine\n"))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    fs::write(place.join("share/data.bin"), data)
}

fn draft(
    people: &People,
    component: ComponentName,
    wanted: &scenario::Release,
    created: Timestamp,
) -> Draft {
    Draft {
        network: people.network,
        component,
        version: wanted.version.0.clone(),
        target: Target::ANY.parse().expect("a target"),
        channel: people.channel.clone(),
        created,
        kind: ReleaseKind::Feature,
        severity: Severity::Normal,
        compatibility: Compatibility::Compatible,
        min_version: None,
        barriers: Vec::new(),
        needs_protocol: wanted.needs_protocol,
        min_supported: None,
        source: None,
        notes: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::{Digest, codec};

    use super::*;

    const TEXT: &str = "title = \"t\"\nteaches = \"t\"\n[[group]]\nname = \"a\"\n[[release]]\nversion = \"1.0.0\"\n\
        size = \"2MiB\"\n[[release]]\nversion = \"1.1.0\"\nsize = \"2100KiB\"\npatches = { \"1.0.0\" = \"200KiB\" }\n";

    #[test]
    fn sizes_are_as_the_scenario_has_them() {
        let scenario = scenario::read(TEXT, "t.toml").expect("readable");
        let folder = tempfile::tempdir().expect("a folder");
        let now = Timestamp::from_seconds(1_800_000_000);
        let people = People::at(&scenario, now);
        let works = Works::make(&people, &scenario, 7, folder.path(), now).expect("made");
        assert_eq!(works.notes, [""; 0]);
        let version = |text: &str| text.parse().expect("a version");
        let new = works.find(&version("1.1.0")).expect("made");
        assert_eq!(new.manifest.patches.len(), 1);
        let tree = codec::encode(new.source.tree()).expect("small");
        assert_eq!(Digest::of(&tree), new.manifest.tree.object.digest);

        let root = folder.path().join("installed");
        new.install(&root, now).expect("installed");
        let mut installer =
            Installer::open(&root, new.manifest.component.clone(), 0).expect("whole");
        assert_eq!(installer.installed().map(|live| live.version), Some(version("1.1.0")));
        installer.lend(&version("1.1.0")).expect("its files are as they were");
    }
}
