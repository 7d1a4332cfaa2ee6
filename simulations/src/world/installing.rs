//! A release goes live on a simulated node: the real installer on a disk in memory, that may fail at any change.

use std::collections::{BTreeMap, BTreeSet};

use updraft_node::{
    agent::{
        Extent, Fetched, Input, Installation as Live, InstalledVersion, Job, JobError, OperationId,
        Staged, Trial,
    },
    install::{Disk, InstallError, Installed, Installer, disk::Kind},
    trial::Tried,
};
use updraft_protocol::{ComponentName, Digest, ReleaseVersion};

use super::{Event, World, lines::Micros, node::Node};
use crate::disk::VirtualDisk;

/// Versions kept besides the live one: `store.keep_versions`.
const KEEP: usize = 3;
/// What unpacking gives in a second, and the flushes of an installation take: rounded from what `cargo bench` says of this
/// program on a small machine.
const UNPACK_RATE: u64 = 200_000_000;
const FLUSHES: Micros = 60_000;

/// A component's folder on a node's disk.
#[derive(Debug)]
pub struct Folder {
    /// The disk that it lies on, all of it.
    pub disk: VirtualDisk,
    /// The installer, while the program runs and could open it.
    pub installer: Option<Installer>,
}

/// What lies under `current`, read from the disk as anybody could.
#[derive(Debug)]
pub(super) struct OnDisk {
    pub(super) version: ReleaseVersion,
    /// All files in the order of their paths.
    pub(super) contents: Vec<u8>,
}

impl Folder {
    /// What is live, by the disk alone; nothing if nothing is, and why not if it cannot be read.
    pub(super) fn live(&self) -> Option<Result<OnDisk, String>> {
        let root = self.disk.root();
        let link = match root.link_text("current") {
            Ok(Some(link)) => String::from_utf8_lossy(&link).into_owned(),
            Ok(None) => return None,
            Err(error) => return Some(Err(format!("`current` cannot be read: {error}"))),
        };
        let elsewhere = || format!("`current` leads to `{link}`");
        let read = || {
            let version = link.strip_prefix("versions/").and_then(|version| version.parse().ok());
            let version = version.ok_or_else(elsewhere)?;
            let mut contents = Vec::new();
            read_all(&*root, &link, &mut contents).map_err(|error| error.to_string())?;
            Ok(OnDisk { version, contents })
        };
        Some(read())
    }
}

/// Appends all files below a folder, in the order of their paths.
fn read_all(from: &dyn Disk, path: &str, into: &mut Vec<u8>) -> std::io::Result<()> {
    let folder = from.folder(path)?;
    let mut names = folder.names()?;
    names.sort();
    for name in names {
        let name = name.into_string().map_err(|_| std::io::Error::other("a name is not UTF-8"))?;
        match folder.look_at(&name)?.map(|found| found.kind) {
            Some(Kind::Folder) => read_all(&*folder, &name, into)?,
            Some(Kind::File) => {
                if let Some(mut file) = folder.open(&name)? {
                    std::io::Read::read_to_end(&mut file, into)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The folders of a node.
pub(super) type Folders = BTreeMap<ComponentName, Folder>;

/// What is about to be built.
#[derive(Debug)]
pub(super) struct Installation {
    job: Job,
    fetched: Fetched,
}

impl Node {
    /// The installer of a component, if its folder is open.
    pub fn installer(&self, component: &ComponentName) -> Option<&Installer> {
        self.folders.get(component).and_then(|folder| folder.installer.as_ref())
    }

    /// Opens a component's folder, which comes to rest by that.
    pub fn open(&mut self, component: &ComponentName) -> Result<(), InstallError> {
        let room = self.room;
        let empty = || Folder { disk: VirtualDisk::new(room), installer: None };
        let folder = self.folders.entry(component.clone()).or_insert_with(empty);
        if folder.installer.is_none() {
            folder.installer = Some(Installer::open_on(folder.disk.root(), component.clone(), 0)?);
        }
        Ok(())
    }

    /// What is live of a component, and what else is kept, newest first.
    pub fn inventory(
        &self,
        component: &ComponentName,
    ) -> (Option<InstalledVersion>, Vec<InstalledVersion>) {
        let Some(installer) = self.installer(component) else { return (None, Vec::new()) };
        let of = |installed: Installed| InstalledVersion {
            version: installed.version,
            tree: installed.tree,
        };
        let installed = installer.installed().map(of);
        let previous = installer.previous().map(of);
        let mut kept: Vec<InstalledVersion> = installer.kept().into_iter().map(of).collect();
        kept.retain(|version| Some(version) != installed.as_ref());
        kept.sort_by(|a, b| {
            (Some(b) == previous.as_ref(), &b.version)
                .cmp(&(Some(a) == previous.as_ref(), &a.version))
        });
        (installed, kept)
    }
}

impl World {
    /// A node begins to build a release; that takes its time.
    pub(super) fn begin_install(&mut self, node: u32, job: Job, fetched: Fetched) {
        let life = self.nodes[node as usize].life;
        let takes = job.manifest.whole.size.saturating_mul(1_000_000) / UNPACK_RATE + FLUSHES;
        let installation = Box::new(Installation { job, fetched });
        self.queue.put(self.now + takes, Event::Installs(node, life, installation));
    }

    /// The same beside what is live.
    pub(super) fn begin_stage(&mut self, node: u32, job: Job, fetched: Fetched) {
        self.begin_install(node, job, fetched);
    }

    /// The disk of a node is changed, and what came of it is told to its machine.
    pub(super) fn install(&mut self, node: u32, life: u32, installation: Installation) {
        if !self.lives(node, life) {
            return;
        }
        self.note("installs", node, 0);
        let Installation { job, fetched } = installation;
        let id = job.id;
        let input = match job.extent {
            Extent::Stage { protocol, trial } => {
                Input::Staged(id, self.stage_and_try(node, &job, &fetched, protocol, trial))
            }
            Extent::Install | Extent::Download => {
                Input::Installed(id, self.go_live(node, &job, &fetched))
            }
        };
        if self.meets_its_doom(node) {
            return;
        }
        let failed = matches!(&input, Input::Installed(_, Err(_)));
        self.input(node, input);
        if failed {
            // It may have failed half way: what is installed is what the folder says.
            self.look_at_folder(node, &job.component);
        }
    }

    /// A node's machine learns what lies in a component's folder.
    pub(super) fn look_at_folder(&mut self, node: u32, component: &ComponentName) {
        let (installed, kept) = self.nodes[node as usize].inventory(component);
        if let Some(running) = &mut self.node(node).running {
            running.machine.note_installed(component, installed, kept);
        }
    }

    fn go_live(&mut self, node: u32, job: &Job, fetched: &Fetched) -> Result<Live, JobError> {
        let at = self.nodes[node as usize].wall(self.now);
        let version = &job.manifest.version;
        let called_off = self.called_off(node, job.id);
        self.with_contents(node, job, fetched, |installer, made| {
            installer.check_current().map_err(|error| refused(&error))?;
            match made {
                Made::Already => {}
                Made::Staged => {
                    if let Some(reason) = called_off {
                        return Err(JobError::Failed(reason));
                    }
                    installer.switch(version, at).map_err(|error| refused(&error))?;
                    installer.commit(version).map_err(|error| refused(&error))?;
                }
            }
            // What cannot be removed costs room and nothing else.
            let _ = installer.keep(KEEP, &job.ahead);
            Ok(())
        })?;
        let live = self.live(node, &job.component)?;
        self.what_runs_is_genuine(node);
        self.runs(node, &live.installed.version);
        if job.component == self.people.component {
            self.committed(node, live.installed.version.clone());
        }
        Ok(live)
    }

    fn live(&self, node: u32, component: &ComponentName) -> Result<Live, JobError> {
        let (installed, kept) = self.nodes[node as usize].inventory(component);
        let installed =
            installed.ok_or_else(|| Self::failed("nothing is committed after a commit"))?;
        Ok(Live { installed, kept })
    }

    fn called_off(&mut self, node: u32, id: OperationId) -> Option<String> {
        self.node(node).running.as_mut()?.called_off.remove(&id)
    }

    fn stage_and_try(
        &mut self,
        node: u32,
        job: &Job,
        fetched: &Fetched,
        protocol: u32,
        trial: Trial,
    ) -> Result<Staged, JobError> {
        let called_off = self.called_off(node, job.id);
        self.with_contents(node, job, fetched, |_, _| Ok(()))?;
        if let Some(reason) = called_off {
            return Err(JobError::Failed(reason));
        }
        let version = job.manifest.version.clone();
        let said = format!("{} speaks {protocol}", job.manifest.release_name());
        let speaks = self.releases.speaks(&job.component, &version);
        let tried = match trial {
            Trial::Spared => None,
            Trial::Demanded if speaks.is_none_or(|newest| newest >= protocol) => {
                Some(Tried { printed: Digest::of(said.as_bytes()), said })
            }
            Trial::Demanded => {
                return Err(JobError::Unfit(format!("it does not speak protocol {protocol}")));
            }
        };
        Ok(Staged { version, protocol, tried })
    }

    /// Has the contents of a job's release staged, and does something with the installer then.
    fn with_contents(
        &mut self,
        node: u32,
        job: &Job,
        fetched: &Fetched,
        then: impl FnOnce(&mut Installer, Made) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let tree = job.manifest.tree.object.digest;
        let made = self.releases.with_tree(&tree).cloned();
        let made =
            made.ok_or_else(|| JobError::Damaged("nobody has made these contents".to_owned()))?;
        self.check_route(node, job, fetched)?;
        let (contents, wrong) = self.assembled(node, fetched, &made.contents);
        let this = self.node(node);
        this.open(&job.component).map_err(|error| refused(&error))?;
        let installer =
            this.folders.get_mut(&job.component).and_then(|folder| folder.installer.as_mut());
        let installer = installer.ok_or_else(|| Self::failed("the folder could not be opened"))?;
        let staged = installer
            .stage(&job.manifest.version, &tree, &made.tree, |out| out.write_all(&contents));
        let made = match staged {
            Ok(_) => Made::Staged,
            Err(InstallError::AlreadyLive { .. }) => Made::Already,
            Err(error) => return Err(blamed(&error, wrong)),
        };
        then(installer, made)
    }

    /// What the blobs of a way make, and which of them makes something else than what is signed for.
    fn assembled(&self, node: u32, fetched: &Fetched, right: &[u8]) -> (Vec<u8>, Option<Digest>) {
        let mut contents = right.to_vec();
        let is_wrong = |blob: &Digest| {
            let spoilt = self.nodes[node as usize].shelves.get(blob).is_some_and(|s| s.is_spoilt);
            spoilt || self.releases.find(blob).is_some_and(|made| made.leads_elsewhere)
        };
        let wrong = fetched.route.iter().map(|leg| leg.blob).find(is_wrong);
        if let Some(first) = contents.first_mut().filter(|_| wrong.is_some()) {
            *first ^= 1;
        }
        (contents, wrong)
    }

    /// Whether the blobs of a way are here, and the way begins with what is installed.
    fn check_route(&self, node: u32, job: &Job, fetched: &Fetched) -> Result<(), JobError> {
        let this = &self.nodes[node as usize];
        let mut has = job.base.as_ref().map(|base| base.tree);
        for leg in &fetched.route {
            if !this.shelves.get(&leg.blob).is_some_and(|shelf| shelf.is_complete) {
                return Err(Self::failed("a blob of the way is not complete here"));
            }
            if leg.from.is_some() && leg.from != has {
                let error = "the way begins elsewhere".to_owned();
                return Err(JobError::WrongRoute { blob: leg.blob, error });
            }
            has = Some(leg.to.tree.object.digest);
        }
        Ok(())
    }

    /// What nobody needs ready is removed.
    pub(super) fn keep_ahead(
        &mut self,
        node: u32,
        component: &ComponentName,
        ahead: &BTreeSet<ReleaseVersion>,
    ) {
        let folder = self.node(node).folders.get_mut(component);
        if let Some(installer) = folder.and_then(|folder| folder.installer.as_mut()) {
            // What stays costs room.
            let _ = installer.keep_ahead(ahead);
        }
    }

    /// A node goes back to a version that it kept.
    pub(super) fn switch_back(
        &mut self,
        node: u32,
        job: OperationId,
        component: ComponentName,
        to: InstalledVersion,
    ) {
        let at = self.nodes[node as usize].wall(self.now);
        let folder = self.node(node).folders.get_mut(&component);
        let result = match folder.and_then(|folder| folder.installer.as_mut()) {
            None => Err(Self::failed("the folder could not be opened")),
            Some(installer) => {
                installer.rollback_to(&to.version, at).map_err(|error| refused(&error))
            }
        };
        let result = result.and_then(|()| self.live(node, &component));
        self.ends(node, Input::Installed(job, result));
    }
}

/// Whether what was asked for is live already.
#[derive(Debug, Clone, Copy)]
enum Made {
    Already,
    Staged,
}

/// Whose fault a failed staging is: that of a blob, if one makes something else, or of this machine.
fn blamed(error: &InstallError, wrong: Option<Digest>) -> JobError {
    match wrong {
        Some(blob) => JobError::WrongRoute { blob, error: error.to_string() },
        None => refused(error),
    }
}

fn refused(error: &InstallError) -> JobError {
    match error {
        InstallError::DiskFull { .. } => JobError::Disk(error.to_string()),
        _ => JobError::Failed(error.to_string()),
    }
}
