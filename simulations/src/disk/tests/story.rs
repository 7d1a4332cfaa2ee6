//! A story that is told of an installer on a disk, and what must be true after it, wherever it broke off.
//!
//! Judgements are values: a disk that forgets must be found to break them.

use std::{collections::BTreeSet, error::Error, io::Write, sync::Arc};

use updraft_node::install::{Disk, InstallError, Installer, Pointer};
use updraft_protocol::{
    Digest, Entry, FileMode, LinkTarget, Node, ReleaseVersion, Timestamp, Tree, codec,
};

use super::{Loss, VirtualDisk};

/// Lays something over the disk that a program sees.
pub(super) type Lens = fn(Arc<dyn Disk>) -> Arc<dyn Disk>;

/// The disk as it is.
pub(super) fn plain(disk: Arc<dyn Disk>) -> Arc<dyn Disk> {
    disk
}

/// What is asked of an installer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deed {
    Install(&'static str),
    RollBack(&'static str),
    /// Keeps nothing but what is live.
    Keep,
}

/// Everything that an installer does in its life.
pub(super) const STORY: [Deed; 4] =
    [Deed::Install("1.0.0"), Deed::Install("2.0.0"), Deed::RollBack("1.0.0"), Deed::Keep];

pub(super) fn version(text: &str) -> ReleaseVersion {
    text.parse().expect("a version")
}

/// A release with a folder, a program in it, a link and two files.
fn release(name: &str) -> (Tree, Digest, Vec<u8>) {
    let contents = [format!("#!/bin/sh\necho {name}\n"), String::new(), name.to_owned()];
    let file = |mode, bytes: &str| Node::File {
        mode,
        size: bytes.len() as u64,
        digest: Digest::of(bytes.as_bytes()),
    };
    let entries = [
        ("bin", Node::Folder),
        ("bin/app", file(FileMode::Executable, &contents[0])),
        ("empty", file(FileMode::Plain, &contents[1])),
        ("latest", Node::Link { target: LinkTarget::new("bin/app") }),
        ("z", file(FileMode::Plain, &contents[2])),
    ];
    let entries = entries.map(|(path, node)| Entry { path: path.parse().expect("a path"), node });
    let tree = Tree { entries: entries.to_vec() };
    let digest = Digest::of(&codec::encode(&tree).expect("a tree"));
    (tree, digest, contents.concat().into_bytes())
}

/// The error with all its causes, on one line.
fn told(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

pub(super) fn open(disk: Arc<dyn Disk>) -> Result<Installer, InstallError> {
    Installer::open_on(disk, "demo-app".parse().expect("a name"), 0)
}

fn install(installer: &mut Installer, name: &str) -> Result<(), InstallError> {
    let (version, (tree, digest, contents)) = (version(name), release(name));
    installer.stage(&version, &digest, &tree, |out: &mut dyn Write| out.write_all(&contents))?;
    installer.switch(&version, Timestamp::from_seconds(5))?;
    installer.commit(&version)
}

/// Does it; what is done already is well.
pub(super) fn play(installer: &mut Installer, deed: Deed) -> Result<(), InstallError> {
    let done = match deed {
        Deed::Install(name) => install(installer, name),
        Deed::RollBack(name) => installer.rollback_to(&version(name), Timestamp::from_seconds(9)),
        Deed::Keep => installer.keep(0, &BTreeSet::new()).map(drop),
    };
    match done {
        Err(InstallError::AlreadyLive { .. }) => Ok(()),
        done => done,
    }
}

/// What was promised to whoever asked for the deeds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Promise {
    /// Live: the last deed that was reported done left it so.
    pub(super) live: Option<&'static str>,
    /// What may be live instead, while a deed is under way.
    pub(super) under_way: Option<&'static str>,
}

impl Promise {
    pub(super) fn of(live: &'static str) -> Self {
        Self { live: Some(live), under_way: None }
    }

    pub(super) fn begin(&mut self, deed: Deed) {
        self.under_way = match deed {
            Deed::Install(name) | Deed::RollBack(name) => Some(name),
            Deed::Keep => None,
        };
    }

    pub(super) fn end(&mut self) {
        self.live = self.under_way.take().or(self.live);
    }

    fn allows(&self, live: Option<&ReleaseVersion>) -> bool {
        let live = live.map(ToString::to_string);
        live.as_deref() == self.live || (live.is_some() && live.as_deref() == self.under_way)
    }
}

/// Tells a story to its end or to the first error, and what was promised by then.
pub(super) fn tell(
    root: Arc<dyn Disk>,
    story: &[Deed],
    mut promise: Promise,
) -> (Promise, Result<(), InstallError>) {
    let told = open(root).and_then(|mut installer| {
        for deed in story {
            promise.begin(*deed);
            play(&mut installer, *deed)?;
            promise.end();
        }
        Ok(())
    });
    (promise, told)
}

/// Whether `current` leads to what was promised and that is complete.
pub(super) fn judge_live(installer: &Installer, promise: &Promise) -> Result<(), String> {
    let live = match installer.current().map_err(|error| told(&error))? {
        Pointer::Missing => None,
        Pointer::At(version) => Some(version),
        Pointer::Foreign(what) => return Err(format!("`current` is {what}")),
    };
    if !promise.allows(live.as_ref()) {
        return Err(format!("{live:?} is live, {promise:?}"));
    }
    live.map_or(Ok(()), |live| installer.verify(&live).map_err(|error| told(&error)))
}

/// Opens the installation and judges all that must be true of one at rest.
pub(super) fn judge(
    disk: &VirtualDisk,
    lens: Lens,
    promise: &Promise,
) -> Result<Installer, String> {
    let opened = |disk: &VirtualDisk| open(lens(disk.root())).map_err(|error| told(&error));
    let installer = opened(disk)?;
    judge_live(&installer, promise)?;
    installer.check_current().map_err(|error| told(&error))?;
    let installed = installer.installed().map(|installed| installed.version);
    if !promise.allows(installed.as_ref()) {
        return Err(format!("{installed:?} is installed, {promise:?}"));
    }
    let slots = installer.state().slots();
    for version in slots.keys() {
        installer.verify(version).map_err(|error| told(&error))?;
    }
    let listed = |name| super::names(&disk.root().folder(name).expect("opens"));
    let kept: BTreeSet<String> = slots.keys().map(ToString::to_string).collect();
    if listed("versions").into_iter().collect::<BTreeSet<_>>() != kept {
        return Err(format!("{:?} lie there, {kept:?} are kept", listed("versions")));
    }
    let trees: BTreeSet<String> = slots.values().map(|slot| slot.tree.to_hex()).collect();
    if listed("trees").into_iter().collect::<BTreeSet<_>>() != trees {
        return Err("there are stray listings".to_owned());
    }
    if opened(disk)?.state() != installer.state() {
        return Err("a second start changes something".to_owned());
    }
    Ok(installer)
}

/// Whether the next release can be installed, and stays when the program ends or the power fails.
pub(super) fn judge_next(
    disk: &VirtualDisk,
    lens: Lens,
    installer: &mut Installer,
    loss: Option<Loss>,
) -> Result<(), String> {
    install(installer, "9.0.0").map_err(|error| format!("the next one: {}", told(&error)))?;
    end(disk, loss);
    judge(disk, lens, &Promise::of("9.0.0")).map(drop).map_err(|why| format!("the next one: {why}"))
}

/// The program ends, by a power cut if there is a loss.
pub(super) fn end(disk: &VirtualDisk, loss: Option<Loss>) {
    match loss {
        None => disk.kill(),
        Some(loss) => disk.cut_power(loss),
    }
}
