//! A release on its way to a node: carries out what the node's errand, search and fetch ask for.

use std::{sync::Arc, time::Duration};

use updraft_node::{
    agent::{Errand, ErrandAction, ErrandInput, Extent, Here, Input, Job},
    fetch::{
        BlobAction, BlobFetch, BlobInput, End, Limits, ObjectAction, ObjectInput, ObjectSearch,
        Outcome, PeerError,
    },
};
use updraft_protocol::{
    Blob, ChunkList, Digest, Manifest, ObjectRef, TransferAnswer, TransferRequest,
    broken::{self, Break},
    limits::MAX_PACK_CHUNKS,
};

use super::{
    Event, World,
    dht::{self, Dht},
    lines::Micros,
    node::{Carrying, Fetching, Task},
    talk::{About, Ask, RIGHT},
};

/// Chunks and peers of a fetch at once: `transfer.parallel_chunks` and `transfer.peers_per_release`.
const LIMITS: Limits = Limits { in_flight: 16, peers: 8 };
/// Peers asked what they hold when a fetch begins or runs dry (`agent/adapters.rs`).
const MAX_ASKED: usize = 32;
/// Bytes of one round of a lookup: a question and an answer with twenty peers, for each of those asked at once.
const LOOKUP_ROUND: u64 = 3 * 1_200;

fn since(begun: Micros, now: Micros) -> Duration {
    Duration::from_micros(now.saturating_sub(begun))
}

impl World {
    /// A node begins to bring a release home.
    pub(super) fn carry(&mut self, node: u32, job: Job) {
        if job.extent != Extent::Download && self.is_staged(node, &job) {
            return self.ends(node, Input::Fetched(job.id, Ok(Default::default())));
        }
        let task = Task::Job(job.id);
        self.begin(node, task, Errand::fetch(job.clone()), Some(job));
    }

    /// A seed begins to copy a release.
    pub(super) fn mirror(&mut self, node: u32, release: Digest, manifest: Arc<Manifest>) {
        self.begin(node, Task::Mirror(release), Errand::mirror(manifest), None);
    }

    fn begin(&mut self, node: u32, task: Task, errand: Errand<u32>, job: Option<Job>) {
        let begun = self.now;
        let Some(running) = &mut self.node(node).running else { return };
        let carrying = Carrying { errand, begun, job, object: None, blob: None, wakes: None };
        running.carrying.insert(task, carrying);
        self.errand(node, task, ErrandInput::Tick);
    }

    fn carrying(&mut self, node: u32, task: Task) -> Option<&mut Carrying> {
        self.node(node).running.as_mut()?.carrying.get_mut(&task)
    }

    /// Something has happened on an errand.
    pub(super) fn errand(&mut self, node: u32, task: Task, input: ErrandInput<u32>) {
        let now = self.now;
        let Some(carrying) = self.carrying(node, task) else { return };
        let actions = carrying.errand.handle(input, since(carrying.begun, now));
        for action in actions {
            self.run_errand(node, task, action);
        }
        self.plan_task(node, task);
    }

    fn run_errand(&mut self, node: u32, task: Task, action: ErrandAction<u32>) {
        match action {
            ErrandAction::AskPeers => {
                let peers = self.asked_first(node);
                self.errand(node, task, ErrandInput::Peers(peers));
            }
            ErrandAction::AskHolding(peer, blob) => {
                let have = TransferRequest::Have(blob);
                self.ask_for(node, peer, have, About::Survey(task, blob));
            }
            ErrandAction::Enough => {
                self.forget_questions(
                    node,
                    |about| matches!(about, About::Survey(of, _) if *of == task),
                );
            }
            ErrandAction::LookUp(blob) => self.look_up(node, task, blob),
            ErrandAction::Look(blobs) => {
                let here = |blob: Digest| {
                    let shelf = self.nodes[node as usize].shelves.get(&blob)?;
                    let here = Here { holding: shelf.holding(), is_complete: shelf.is_complete };
                    Some((blob, here))
                };
                let here = blobs.into_iter().filter_map(here).collect();
                self.errand(node, task, ErrandInput::Here(here));
            }
            ErrandAction::Missing(_) => {}
            // Contents of simulated releases have nothing in common but what patches say.
            ErrandAction::Spare(_) => self.errand(node, task, ErrandInput::Spared(None, None)),
            ErrandAction::Object { object, holders } => {
                self.find_object(node, task, object, holders)
            }
            ErrandAction::Blob { blob, list, holders, .. } => {
                self.fetch(node, task, blob, Arc::new(list), &holders);
            }
            ErrandAction::Done(result) => {
                let running = self.node(node).running.as_mut();
                running.and_then(|running| running.carrying.remove(&task));
                let input = match task {
                    Task::Job(id) => Input::Fetched(id, result.map(|brought| brought.fetched)),
                    Task::Mirror(release) => {
                        Input::Mirrored(release, result.map(|brought| brought.blobs))
                    }
                };
                self.ends(node, input);
            }
        }
    }

    /// Connected peers, as far as they are asked.
    fn asked_first(&self, node: u32) -> Vec<u32> {
        self.nodes[node as usize].peers.iter().copied().take(MAX_ASKED).collect()
    }

    /// Asks the DHT for the holders of a blob.
    fn look_up(&mut self, node: u32, task: Task, blob: Digest) {
        let nodes = self.nodes.len();
        let rounds = Dht::rounds(nodes);
        let round_trip = 2 * self.ways.usual(node);
        let this = self.node(node);
        this.counters.lookups += 1;
        let life = this.life;
        self.lines.count(node, rounds * LOOKUP_ROUND / dht::ALPHA, rounds * LOOKUP_ROUND);
        let at = self.now + Dht::takes(nodes, round_trip);
        self.queue.put(at, Event::Named(node, life, task, blob));
    }

    /// A lookup has ended.
    pub(super) fn named(&mut self, node: u32, life: u32, task: Task, blob: Digest) {
        if !self.lives(node, life) {
            return;
        }
        self.note("named", node, 0);
        let (nodes, ways) = (&self.nodes, &self.ways);
        let is_there = |other: u32| {
            other != node && nodes[other as usize].running.is_some() && ways.opens(node, other)
        };
        let found = self.dht.find(&blob, &mut self.chances.dht, is_there);
        let fetches = self.carrying(node, task).is_some_and(|carrying| {
            carrying.blob.as_ref().is_some_and(|fetching| fetching.digest == blob)
        });
        if !fetches {
            return self.errand(node, task, ErrandInput::Named(blob, found));
        }
        let mut holders = self.asked_first(node);
        holders.extend(found);
        holders.sort_unstable();
        holders.dedup();
        for holder in holders {
            self.blob(node, task, blob, holder, BlobInput::Found(holder));
        }
        self.blob_input(node, task, blob, BlobInput::Searched);
    }

    fn find_object(&mut self, node: u32, task: Task, object: ObjectRef, holders: Vec<u32>) {
        let digest = object.digest;
        if self.nodes[node as usize].objects.contains(&digest) {
            let bytes = self.releases.object_bytes(&digest).map(|bytes| bytes.to_vec());
            return self.errand(node, task, ErrandInput::Object(digest, Ok(bytes)));
        }
        let now = self.now;
        if let Some(carrying) = self.carrying(node, task) {
            carrying.object = Some((digest, ObjectSearch::new(object, holders), now));
        }
        self.search(node, task, ObjectInput::Tick);
    }

    /// A holder has answered a question for an object, or has not.
    pub(super) fn on_object(
        &mut self,
        node: u32,
        task: Task,
        digest: Digest,
        from: u32,
        answer: Result<TransferAnswer, PeerError>,
    ) {
        let searched = self.carrying(node, task).and_then(|carrying| carrying.object.as_ref());
        if searched.is_some_and(|(searched, ..)| *searched == digest) {
            self.search(node, task, ObjectInput::Answered(from, answer));
        }
    }

    fn search(&mut self, node: u32, task: Task, input: ObjectInput<u32>) {
        let now = self.now;
        let Some(carrying) = self.carrying(node, task) else { return };
        let Some((digest, search, begun)) = &mut carrying.object else { return };
        let digest = *digest;
        for action in search.handle(input, since(*begun, now)) {
            match action {
                ObjectAction::Ask(peer) => {
                    let object = TransferRequest::Object(digest);
                    self.ask_for(node, peer, object, About::Object(task, digest));
                }
                ObjectAction::Accuse(peer, _) => self.accuse(node, peer),
                ObjectAction::Done(bytes) => {
                    if let Some(carrying) = self.carrying(node, task) {
                        carrying.object = None;
                    }
                    if bytes.is_some() {
                        self.node(node).objects.insert(digest);
                    }
                    let of = |about: &About| matches!(about, About::Object(t, d) if (*t, *d) == (task, digest));
                    self.forget_questions(node, of);
                    self.errand(node, task, ErrandInput::Object(digest, Ok(bytes)));
                }
            }
        }
        self.plan_task(node, task);
    }

    fn fetch(&mut self, node: u32, task: Task, blob: Blob, list: Arc<ChunkList>, holders: &[u32]) {
        let (digest, begun) = (blob.digest, self.now);
        let chunks = list.digests.len();
        let seed = self.chances.nodes.any();
        let shelf = self.node(node).shelves.entry(digest).or_default();
        shelf.held.resize(chunks, false);
        let fetch = BlobFetch::new(shelf.held.clone(), list.chunk_size, LIMITS, seed);
        if let Some(carrying) = self.carrying(node, task) {
            carrying.blob = Some(Fetching { digest, list, fetch, begun });
        }
        self.blob_input(node, task, digest, BlobInput::Tick);
        for holder in holders {
            self.blob(node, task, digest, *holder, BlobInput::Found(*holder));
        }
    }

    /// Something has happened in the fetch of a blob, with a peer.
    pub(super) fn blob(
        &mut self,
        node: u32,
        task: Task,
        blob: Digest,
        peer: u32,
        input: BlobInput<u32>,
    ) {
        let most = if self.asks_in_packs(node, peer) { MAX_PACK_CHUNKS } else { 1 };
        if let Some(fetching) =
            self.carrying(node, task).and_then(|carrying| carrying.blob.as_mut())
            && fetching.digest == blob
        {
            fetching.fetch.set_pack(peer, most);
            self.blob_input(node, task, blob, input);
        }
    }

    fn blob_input(&mut self, node: u32, task: Task, blob: Digest, input: BlobInput<u32>) {
        let now = self.now;
        let Some(carrying) = self.carrying(node, task) else { return };
        let Some(fetching) = carrying.blob.as_mut().filter(|fetching| fetching.digest == blob)
        else {
            return;
        };
        for action in fetching.fetch.handle(input, since(fetching.begun, now)) {
            match action {
                BlobAction::AskHolding(peer) => {
                    let have = TransferRequest::Have(blob);
                    self.ask_for(node, peer, have, About::Holding(task, blob));
                }
                BlobAction::AskChunks(peer, chunks) => {
                    let about = About::Chunks(task, blob, chunks.clone());
                    match chunks.as_slice() {
                        [index] => {
                            let chunk = TransferRequest::Chunk { blob, index: *index };
                            self.ask_for(node, peer, chunk, about);
                        }
                        _ => self.ask(node, peer, Ask::Pack(blob, chunks), about),
                    }
                }
                BlobAction::Accuse(peer, _) => self.accuse(node, peer),
                BlobAction::Search => self.look_up(node, task, blob),
                BlobAction::End(end) => {
                    self.end_fetch(node, task);
                    let of = |about: &About| match about {
                        About::Holding(t, d) | About::Chunks(t, d, _) => (*t, *d) == (task, blob),
                        _ => false,
                    };
                    self.forget_questions(node, of);
                    if end.is_ok() {
                        let shelf = self.node(node).shelves.entry(blob).or_default();
                        shelf.is_complete = true;
                    }
                    self.errand(node, task, ErrandInput::Blob(blob, end.map_err(Into::into)));
                }
            }
        }
        self.plan_task(node, task);
    }

    /// The fetch of a blob ends, however it does: what came has come.
    fn end_fetch(&mut self, node: u32, task: Task) {
        let fetching = self.carrying(node, task).and_then(|carrying| carrying.blob.take());
        let Some(Fetching { digest, fetch, .. }) = fetching else { return };
        if let Some((release, is_patch)) = self.release_of(node, task, &digest) {
            self.fetched(&release, is_patch, fetch.report());
        }
        self.node(node).counters.twice += fetch.report().duplicate;
    }

    /// The program of a node ends, and with it all that it was fetching.
    pub(super) fn end_fetches(&mut self, node: u32) {
        let running = self.nodes[node as usize].running.as_ref();
        let tasks = running.into_iter().flat_map(|running| running.carrying.keys().copied());
        for task in tasks.collect::<Vec<_>>() {
            self.end_fetch(node, task);
        }
    }

    /// The release for which a blob is fetched, and whether it is a patch.
    fn release_of(&mut self, node: u32, task: Task, blob: &Digest) -> Option<(Digest, bool)> {
        let is_patch = self.releases.find(blob)?.from.is_some();
        let release = match task {
            Task::Mirror(release) => release,
            Task::Job(_) => self.carrying(node, task)?.job.as_ref()?.release,
        };
        Some((release, is_patch))
    }

    /// Chunks came, or did not: they are judged one after the other, up to the first that is wrong.
    pub(super) fn on_chunks(
        &mut self,
        node: u32,
        task: Task,
        blob: Digest,
        from: u32,
        asked: Vec<u32>,
        came: Result<Vec<Vec<u8>>, End>,
    ) {
        let outcome = match came {
            Err(end) => Outcome { asked, kept: Vec::new(), end },
            Ok(came) => self.keep_chunks(node, blob, asked, &came),
        };
        self.node(node).counters.got += outcome.kept.iter().sum::<u64>();
        self.blob(node, task, blob, from, BlobInput::Chunks(from, outcome));
    }

    fn keep_chunks(
        &mut self,
        node: u32,
        blob: Digest,
        asked: Vec<u32>,
        came: &[Vec<u8>],
    ) -> Outcome {
        let Some(made) = self.releases.find(&blob).cloned() else {
            return Outcome { asked, kept: Vec::new(), end: End::Wrong };
        };
        let shelf = self.node(node).shelves.entry(blob).or_default();
        let mut kept = Vec::new();
        for (index, bytes) in asked.iter().zip(came) {
            // Stands in for the digest of the chunk, which a real node looks at when it keeps it.
            let is_right = bytes.as_slice() == [RIGHT];
            let passes = is_right || broken::is(Break::ChunksAreNotChecked);
            let Some(span) = made.list.span(*index).filter(|_| passes) else {
                return Outcome { asked, kept, end: End::Wrong };
            };
            shelf.is_spoilt |= !is_right;
            if let Some(held) = shelf.held.get_mut(*index as usize) {
                *held = true;
            }
            kept.push(u64::from(span.len));
        }
        Outcome { asked, kept, end: End::Given }
    }

    /// Wakes a carrying when it wants to be.
    fn plan_task(&mut self, node: u32, task: Task) {
        let (now, life) = (self.now, self.nodes[node as usize].life);
        let Some(carrying) = self.carrying(node, task) else { return };
        let after = |begun: Micros, wait: Duration| {
            begun.saturating_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX))
        };
        let errand = carrying.errand.next_wakeup().map(|at| after(carrying.begun, at));
        let object = carrying.object.as_ref();
        let object =
            object.and_then(|(_, search, begun)| Some(after(*begun, search.next_wakeup()?)));
        let blob = carrying.blob.as_ref().map(|fetching| {
            after(fetching.begun, fetching.fetch.next_wakeup(since(fetching.begun, now)))
        });
        let Some(at) = errand.into_iter().chain(object).chain(blob).min() else { return };
        let at = at.max(now + 1);
        // What was planned for earlier plans anew when it comes.
        if carrying.wakes.is_none_or(|planned| at < planned || planned <= now) {
            carrying.wakes = Some(at);
            self.queue.put(at, Event::WakeTask(node, life, task));
        }
    }

    /// A carrying is woken.
    pub(super) fn wake_task(&mut self, node: u32, life: u32, task: Task) {
        let now = self.now;
        if !self.lives(node, life) {
            return;
        }
        let Some(carrying) = self.carrying(node, task) else { return };
        if carrying.wakes != Some(now) {
            return;
        }
        carrying.wakes = None;
        let blob = carrying.blob.as_ref().map(|fetching| fetching.digest);
        self.note("wake task", node, 0);
        self.errand(node, task, ErrandInput::Tick);
        self.search(node, task, ObjectInput::Tick);
        if let Some(blob) = blob {
            self.blob_input(node, task, blob, BlobInput::Tick);
        }
        self.plan_task(node, task);
    }

    /// Whether a release lies staged here, so that nothing of it needs to be fetched.
    fn is_staged(&self, node: u32, job: &Job) -> bool {
        self.nodes[node as usize].installer(&job.component).is_some_and(|installer| {
            let slot = installer.state().slots().get(&job.manifest.version);
            slot.is_some_and(|slot| slot.tree == job.manifest.tree.object.digest)
        })
    }
}
