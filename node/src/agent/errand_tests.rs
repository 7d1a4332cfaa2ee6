//! An errand as a value, in a world that is a few tables: who is there, who holds what, who gives it, and what lies here.

use updraft_protocol::{
    ChunkList, Holding, PatchCodec, PatchOffer, ReleaseVersion, codec, limits::DEFAULT_CHUNK,
};

use super::*;
use crate::{
    agent::{Extent, InstalledVersion, OperationId, RouteChoice},
    testing,
};

#[path = "reviewing_tests.rs"]
mod reviewing;

#[path = "sparing_tests.rs"]
mod sparing;

const WHOLE: u64 = 40_000_000;
const PATCH: u64 = 1_000_000;

fn version(text: &str) -> ReleaseVersion {
    text.parse().expect("a version")
}

fn tree(version: &str) -> Digest {
    Digest::of(version.as_bytes())
}

/// What a peer does when it is asked what it holds.
#[derive(Debug, Clone)]
enum Manner {
    /// It says so: these.
    Holds(Vec<Digest>),
    /// It answers nothing.
    Silent,
    /// It answers with an object.
    Confused,
}

/// What happens once.
type Change = Box<dyn FnOnce(&mut World)>;

/// The world of one errand, and what the errand did in it.
#[derive(Default)]
struct World {
    peers: BTreeMap<u8, Manner>,
    dht: BTreeMap<Digest, Vec<u8>>,
    here: BTreeMap<Digest, Here>,
    objects: BTreeMap<Digest, Vec<u8>>,
    /// Blobs that do not come, and why.
    lost: BTreeMap<Digest, JobError>,
    /// Whether what has come lies here from then on.
    keeps: bool,
    /// What happens when a blob has come.
    changes: BTreeMap<Digest, Change>,
    /// Who alone is there the next times that it is asked who is.
    turns: VecDeque<u8>,
    means: Means,
    asked: Vec<(u8, Digest)>,
    looked_up: Vec<Digest>,
    fetched: Vec<(Digest, Vec<u8>)>,
    /// What is spared by files that lie here, and who gave what to find it out.
    spared: Option<Spared>,
    ends: Option<Report<u8>>,
    asked_for_files: Vec<Vec<u8>>,
    /// The chunks that were wanted of the last blob.
    wanted: Option<Wanted>,
    listing_of: Vec<u8>,
    missing: Option<u64>,
    told: Vec<u64>,
    enough: usize,
    now: Duration,
}

impl World {
    /// A blob with its chunk list, which everybody has.
    fn blob(&mut self, name: &str, size: u64) -> Blob {
        let count = usize::try_from(size.div_ceil(u64::from(DEFAULT_CHUNK))).expect("few");
        let digests = vec![Digest::of(name.as_bytes()); count];
        let list = ChunkList { blob_size: size, chunk_size: DEFAULT_CHUNK, digests };
        let bytes = codec::encode(&list).expect("a list");
        let chunks = ObjectRef::of(&bytes).expect("small");
        self.objects.insert(chunks.digest, bytes);
        Blob { digest: Digest::of(format!("blob {name}").as_bytes()), size, chunks }
    }

    /// A release with a patch from the one before it, and its listing.
    fn release(&mut self, number: &str, before: &str) -> Manifest {
        let mut manifest = testing::manifest("demo-app", number);
        self.objects.insert(manifest.tree.object.digest, b"a listing".to_vec());
        manifest.whole = self.blob(number, WHOLE);
        manifest.patches = vec![PatchOffer {
            from: version(before),
            from_tree: tree(before),
            codec: PatchCodec::BsdiffZstd,
            blob: self.blob(&format!("{before} to {number}"), PATCH),
        }];
        manifest
    }

    fn peer(&mut self, peer: u8, holds: &[&Blob]) {
        let holds = holds.iter().map(|blob| blob.digest).collect();
        self.peers.insert(peer, Manner::Holds(holds));
    }

    /// Carries out an errand to its end. Steps take no time; who waits, waits.
    fn run(&mut self, mut errand: Errand<u8>) -> Result<Brought, JobError> {
        let mut inputs = VecDeque::from([ErrandInput::Tick]);
        loop {
            let input = inputs.pop_front().unwrap_or_else(|| {
                self.now = errand.next_wakeup().expect("something is waited for");
                ErrandInput::Tick
            });
            errand.note_means(self.means);
            for action in errand.handle(input, self.now) {
                if let ErrandAction::Done(end) = action {
                    let late = errand.handle(ErrandInput::Peers(vec![1]), self.now);
                    assert!(late.is_empty(), "nothing comes after the end: {late:?}");
                    assert_eq!(errand.next_wakeup(), None);
                    return end;
                }
                inputs.extend(self.carry_out(action));
            }
        }
    }

    fn carry_out(&mut self, action: ErrandAction<u8>) -> Option<ErrandInput<u8>> {
        Some(match action {
            ErrandAction::AskPeers => match self.turns.pop_front() {
                Some(peer) => ErrandInput::Peers(vec![peer]),
                None => ErrandInput::Peers(self.peers.keys().copied().collect()),
            },
            ErrandAction::AskHolding(peer, blob) => {
                self.asked.push((peer, blob));
                let answer = match &self.peers[&peer] {
                    Manner::Silent => return None,
                    Manner::Confused => TransferAnswer::Object(Vec::new()),
                    Manner::Holds(held) if held.contains(&blob) => {
                        TransferAnswer::Have(Holding::Everything)
                    }
                    Manner::Holds(_) => TransferAnswer::NotHeld,
                };
                ErrandInput::Holding(peer, blob, Ok(answer))
            }
            ErrandAction::Enough => {
                self.enough += 1;
                return None;
            }
            ErrandAction::LookUp(blob) => {
                self.looked_up.push(blob);
                ErrandInput::Named(blob, self.dht.get(&blob).cloned().unwrap_or_default())
            }
            ErrandAction::Look(blobs) => {
                let here = |blob: Digest| Some((blob, self.here.get(&blob)?.clone()));
                ErrandInput::Here(blobs.into_iter().filter_map(here).collect())
            }
            ErrandAction::Missing(missing) => {
                self.missing = Some(missing);
                self.told.push(missing);
                return None;
            }
            ErrandAction::Object { object, holders } => {
                if self.listing_of.is_empty() {
                    self.listing_of.clone_from(&holders);
                }
                let bytes = self.objects.get(&object.digest).filter(|_| !holders.is_empty());
                ErrandInput::Object(object.digest, Ok(bytes.cloned()))
            }
            ErrandAction::Spare(who) => {
                self.asked_for_files.push(who);
                ErrandInput::Spared(self.spared.clone(), self.ends.clone())
            }
            ErrandAction::Blob { blob, list, wanted, holders } => {
                assert_eq!(list.blob_size, blob.size, "its own chunk list");
                self.wanted = wanted;
                self.fetched.push((blob.digest, holders.clone()));
                let end = self.lost.get(&blob.digest).cloned().map_or_else(
                    || {
                        let sources = holders.first().map(|peer| (*peer, blob.size));
                        let sources = sources.into_iter().collect();
                        Ok(Report { sources, wrong: 0, duplicate: 0 })
                    },
                    Err,
                );
                if end.is_ok() && self.keeps {
                    self.here.insert(blob.digest, complete());
                }
                if let Some(change) = self.changes.remove(&blob.digest) {
                    change(self);
                }
                ErrandInput::Blob(blob.digest, end)
            }
            ErrandAction::Done(_) => unreachable!("the end is dealt with"),
        })
    }
}

/// A job for a node that runs `base`, and knows `others` beside the release.
fn job(manifest: &Manifest, base: Option<&str>, others: &[&Manifest]) -> Job {
    Job {
        id: OperationId(1),
        component: manifest.component.clone(),
        channel: manifest.channel.clone(),
        release: Digest::of(b"the manifest"),
        manifest: Arc::new(manifest.clone()),
        others: others.iter().map(|other| Arc::new(Manifest::clone(other))).collect(),
        base: base.map(|base| InstalledVersion { version: version(base), tree: tree(base) }),
        route: RouteChoice::Cheapest,
        excluded: BTreeSet::new(),
        extent: Extent::Install,
        ahead: BTreeSet::new(),
    }
}

fn complete() -> Here {
    Here { holding: Holding::Everything, is_complete: true }
}

#[test]
fn the_patch_is_fetched_from_who_holds_it_first_and_counted() {
    let mut world = World::default();
    let release = world.release("1.1.0", "1.0.0");
    let patch = release.patches[0].blob;
    world.peer(1, &[]);
    world.peer(2, &[&patch, &release.whole]);
    let brought = world.run(Errand::fetch(job(&release, Some("1.0.0"), &[]))).expect("brought");
    assert_eq!(world.fetched, [(patch.digest, vec![2, 1])]);
    assert_eq!((brought.fetched.bytes, brought.fetched.patch_bytes), (PATCH, PATCH));
    assert_eq!(brought.fetched.sources, BTreeMap::from([("2".to_owned(), PATCH)]));
    assert_eq!((brought.blobs, world.missing), (vec![patch.digest], Some(PATCH)));
    let [leg] = &brought.fetched.route[..] else { panic!("one leg") };
    assert_eq!(
        (leg.blob, leg.from, leg.to.version.clone()),
        (patch.digest, Some(tree("1.0.0")), version("1.1.0"))
    );
    assert!(world.looked_up.is_empty(), "the DHT has nothing to add");
    assert_eq!((world.now, world.enough), (Duration::ZERO, 0));
}

#[test]
fn who_does_not_answer_one_question_is_not_asked_the_others_and_waited_for_three_seconds() {
    let mut world = World::default();
    let release = world.release("1.1.0", "1.0.0");
    world.peers.insert(1, Manner::Silent);
    world.peer(2, &[&release.whole]);
    world.run(Errand::fetch(job(&release, None, &[]))).expect("brought");
    let to = |peer: u8| world.asked.iter().filter(|(asked, _)| *asked == peer).count();
    assert_eq!((to(1), to(2)), (1, 2));
    assert_eq!((world.now, world.enough), (Duration::from_secs(3), 1));
    assert_eq!(world.fetched, [(release.whole.digest, vec![2, 1])], "the fetch asks it again");
}

#[test]
fn a_failed_question_ends_those_to_its_peer_and_holds_nobody_up() {
    let mut world = World::default();
    let release = world.release("1.1.0", "1.0.0");
    let mut errand = Errand::plan(job(&release, None, &[]));
    errand.handle(ErrandInput::Tick, Duration::ZERO);
    let actions = errand.handle(ErrandInput::Peers(vec![1]), Duration::ZERO);
    let [ErrandAction::AskHolding(1, first)] = actions[..] else { panic!("{actions:?}") };
    let other = ErrandInput::Holding(1, Digest::of(b"other"), Ok(TransferAnswer::NotHeld));
    assert!(errand.handle(other, Duration::ZERO).is_empty(), "nobody asked that");
    let failed = ErrandInput::Holding(1, first, Err(PeerError::Unreachable));
    let actions = errand.handle(failed, Duration::ZERO);
    assert!(matches!(&actions[..], [ErrandAction::Look(_)]), "{actions:?}");
}

#[test]
fn an_answer_of_another_kind_makes_nobody_a_holder() {
    let mut world = World::default();
    let release = world.release("1.1.0", "1.0.0");
    world.peers.insert(1, Manner::Confused);
    world.dht.insert(release.whole.digest, vec![7]);
    world.run(Errand::fetch(job(&release, None, &[]))).expect("brought");
    assert_eq!(world.asked.len(), 2, "it is asked the other question all the same");
    assert_eq!(world.fetched, [(release.whole.digest, vec![7, 1])]);
}

#[test]
fn where_nobody_is_there_the_dht_is_asked_for_a_few_blobs_and_then_it_ends() {
    let mut world = World::default();
    let mut release = world.release("1.1.0", "1.0.0");
    let more: Vec<PatchOffer> = (2..9)
        .map(|n| {
            let before = format!("0.{n}.0");
            let blob = world.blob(&before, PATCH);
            PatchOffer {
                from: version(&before),
                from_tree: tree(&before),
                blob,
                ..release.patches[0].clone()
            }
        })
        .collect();
    release.patches.extend(more);
    let end = world.run(Errand::fetch(job(&release, None, &[])));
    let nobody = "nobody who was reached has the listing of the release";
    assert_eq!(end.expect_err("nobody"), JobError::NoHolders(nobody.to_owned()));
    assert_eq!(world.looked_up.len(), MAX_LOOKUPS);
    assert!(world.looked_up.contains(&release.whole.digest));
    assert_eq!(world.missing, None, "nothing was begun");
}

#[test]
fn an_object_that_nobody_has_ends_it() {
    let mut world = World::default();
    let release = world.release("1.1.0", "1.0.0");
    world.peer(1, &[&release.whole]);
    world.objects.remove(&release.whole.chunks.digest);
    let end = world.run(Errand::fetch(job(&release, None, &[])));
    assert!(matches!(end, Err(JobError::NoHolders(_))), "{end:?}");
    assert!(world.fetched.is_empty());
}

#[test]
fn a_patch_that_fails_is_named_and_the_way_round_it_leads_home() {
    let mut world = World::default();
    let release = world.release("1.1.0", "1.0.0");
    let patch = release.patches[0].blob.digest;
    world.peer(1, &[&release.whole, &release.patches[0].blob]);
    let reasons = [GaveUp { missing: 4 }.into(), JobError::Damaged("it is not".to_owned())];
    for reason in reasons {
        world.lost.insert(patch, reason.clone());
        let end = world.run(Errand::fetch(job(&release, Some("1.0.0"), &[])));
        let wrong = JobError::WrongRoute { blob: patch, error: reason.to_string() };
        assert_eq!(end.expect_err("lost"), wrong);
    }
    let mut again = job(&release, Some("1.0.0"), &[]);
    again.excluded.insert(patch);
    world.fetched.clear();
    let brought = world.run(Errand::fetch(again)).expect("brought");
    assert_eq!(world.fetched, [(release.whole.digest, vec![1])]);
    assert_eq!((brought.fetched.bytes, brought.fetched.patch_bytes), (WHOLE, 0));
}

#[test]
fn what_is_wrong_with_the_whole_or_with_this_node_is_no_reason_to_go_round() {
    let mut world = World::default();
    let release = world.release("1.1.0", "1.0.0");
    let patch = release.patches[0].blob;
    world.peer(1, &[&release.whole, &patch]);
    let full = JobError::Disk("it is full".to_owned());
    world.lost.insert(patch.digest, full.clone());
    let end = world.run(Errand::fetch(job(&release, Some("1.0.0"), &[])));
    assert_eq!(end.expect_err("full"), full);
    world.objects.insert(release.whole.chunks.digest, b"no list".to_vec());
    let end = world.run(Errand::fetch(job(&release, None, &[])));
    assert!(matches!(end, Err(JobError::Damaged(_))), "{end:?}");
}

#[test]
fn a_way_through_another_release_is_brought_leg_by_leg() {
    let mut world = World::default();
    let (middle, goal) = (world.release("1.1.0", "1.0.0"), world.release("1.2.0", "1.1.0"));
    let patches = [middle.patches[0].blob, goal.patches[0].blob];
    world.peer(1, &[&patches[0]]);
    world.peer(2, &[&patches[1]]);
    let brought = world.run(Errand::fetch(job(&goal, Some("1.0.0"), &[&middle]))).expect("brought");
    let [first, second] = patches.map(|patch| patch.digest);
    assert_eq!(world.fetched, [(first, vec![1, 2]), (second, vec![2, 1])]);
    assert_eq!((brought.fetched.bytes, world.missing), (2 * PATCH, Some(2 * PATCH)));
    let to: Vec<_> = brought.fetched.route.iter().map(|leg| leg.to.version.clone()).collect();
    assert_eq!(to, [version("1.1.0"), version("1.2.0")]);
}

#[test]
fn what_is_complete_here_is_not_fetched_and_what_is_begun_is() {
    let mut world = World::default();
    let release = world.release("1.1.0", "1.0.0");
    world.peer(1, &[]);
    let begun = Here { holding: Holding::Everything, is_complete: false };
    for (here, fetches) in [(complete(), 0), (begun, 1)] {
        world.here.insert(release.whole.digest, here);
        world.fetched.clear();
        let brought = world.run(Errand::fetch(job(&release, None, &[]))).expect("brought");
        assert_eq!(world.fetched.len(), fetches);
        assert_eq!((brought.fetched.route.len(), world.missing), (1, Some(0)));
    }
}

#[test]
fn a_plan_is_the_way_and_asks_for_nothing_more() {
    let mut world = World::default();
    let release = world.release("1.1.0", "1.0.0");
    let brought = world.run(Errand::plan(job(&release, Some("1.0.0"), &[]))).expect("a way");
    let journey = brought.journey.expect("a way");
    assert_eq!((journey.steps().len(), journey.reach), (1, Reach::Unknown));
    assert!(world.looked_up.is_empty() && world.fetched.is_empty() && brought.blobs.is_empty());
}

#[test]
fn below_a_barrier_there_is_no_way() {
    let mut world = World::default();
    let mut release = world.release("1.1.0", "1.0.0");
    release.min_version = Some(version("1.0.5"));
    let end = world.run(Errand::fetch(job(&release, Some("1.0.0"), &[])));
    assert!(matches!(end, Err(JobError::Failed(_))), "{end:?}");
}

#[test]
fn a_mirror_takes_all_that_is_given_and_needs_only_the_whole() {
    let mut world = World::default();
    let release = Arc::new(world.release("1.1.0", "1.0.0"));
    let (whole, patch) = (release.whole.digest, release.patches[0].blob.digest);
    world.peer(1, &[&release.whole]);
    world.peer(2, &[]);
    world.lost.insert(patch, GaveUp { missing: 4 }.into());
    let brought = world.run(Errand::mirror(release.clone())).expect("brought");
    assert_eq!((brought.blobs, brought.journey), (vec![whole], None));
    assert_eq!(world.listing_of, [1, 2], "whoever is there may have it");
    assert_eq!(world.looked_up, [patch], "nobody is known to hold it");
    let patch = world.lost.remove(&patch).expect("lost");
    world.lost.insert(whole, patch);
    let end = world.run(Errand::mirror(release));
    assert!(matches!(end, Err(JobError::NoHolders(_))), "{end:?}");
}
