//! How a release is brought home: who holds what, the cheapest way, then every blob of that way, one after the other.
//! Pure.
//!
//! ```text
//!  peers? ─> survey ─> what lies here? ─> the way ─> (the DHT, files that are here, and the way again) ─> peers? ─> listing
//!     ┌──────────────────────────────────────────────────────────────────────────────────────────┘
//!     └─> for each blob: is it here? ─> peers? ─> (the DHT) ─> chunk list ─> its chunks
//! ```
//!
//! Each step is an action, its end an input, and there is one step at a time but for the questions of the survey and of
//! the DHT. `survey.rs`, `route.rs` and `sparing.rs` know the first half, `bringing.rs` the second, and `reviewing.rs` when
//! the way is chosen again in between. `fetching.rs` drives it with the store and the swarm, simulations with neither.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::{Debug, Display},
    mem,
    sync::Arc,
    time::Duration,
};

use updraft_delta::{journey::Journey, plan::Reach};
use updraft_protocol::{Blob, ChunkList, Digest, Manifest, ObjectRef, TransferAnswer};

use super::{
    action::{Fetched, Job, JobError},
    bringing::some,
    route::{Here, Means, Sighted, Spared, Wanted, blobs, candidates, choose},
    survey::{Holders, Survey},
};
use crate::fetch::{GaveUp, PeerError, Report};

/// Blobs for whose holders the DHT is asked when nobody is known: the whole artifact and the first patches.
const MAX_LOOKUPS: usize = 4;

/// What happened on an errand.
#[derive(Debug)]
pub enum ErrandInput<P> {
    /// The end of [`ErrandAction::AskPeers`]: who is connected, the best behaved first.
    Peers(Vec<P>),
    /// The end of [`ErrandAction::AskHolding`].
    Holding(P, Digest, Result<TransferAnswer, PeerError>),
    /// The end of [`ErrandAction::Spare`]: no chunks if none is spared, or nobody could tell, and who gave what to find
    /// it out.
    Spared(Option<Spared>, Option<Report<P>>),
    /// The end of [`ErrandAction::LookUp`]: whom the DHT names as holders of a blob.
    Named(Digest, Vec<P>),
    /// The end of [`ErrandAction::Look`]. What is not in it does not lie here.
    Here(BTreeMap<Digest, Here>),
    /// The end of [`ErrandAction::Object`]: its bytes, verified and kept; `None` if nobody has it.
    Object(Digest, Result<Option<Vec<u8>>, JobError>),
    /// The end of [`ErrandAction::Blob`]: who gave it, once what is needed of it is in the store.
    Blob(Digest, Result<Report<P>, JobError>),
    /// Nothing; time passed. The first input of all.
    Tick,
}

/// What an errand asks to be done.
#[derive(Debug)]
pub enum ErrandAction<P> {
    /// Who is connected?
    AskPeers,
    /// Ask a peer what it holds of a blob.
    AskHolding(P, Digest),
    /// Nobody waits for the answers to these questions any more.
    Enough,
    /// Ask the DHT who holds a blob.
    LookUp(Digest),
    /// What of these blobs lies here?
    Look(Vec<Digest>),
    /// Which chunks of the whole artifact are not needed, because the files that they unpack to lie here? Who may have
    /// its listing and its ends, too.
    Spare(Vec<P>),
    /// So many bytes are to be fetched: for people who watch.
    Missing(u64),
    /// Bring an object here, from these peers if it does not lie here.
    Object {
        /// Which.
        object: ObjectRef,
        /// Whom to ask, in this order.
        holders: Vec<P>,
    },
    /// Fetch a blob and make it complete, or the chunks of it that are needed.
    Blob {
        /// Which.
        blob: Blob,
        /// Its chunks, as they are signed for.
        list: ChunkList,
        /// What of it is needed; `None` if all is.
        wanted: Option<Wanted>,
        /// Whom to ask first.
        holders: Vec<P>,
    },
    /// The errand is over. Comes once, and nothing after it.
    Done(Result<Brought, JobError>),
}

/// What came of an errand.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// What was fetched, and the way that it makes; nothing for a plan, and no way for a mirror.
    pub fetched: Fetched,
    /// Blobs that are complete here now, in the order in which they were wanted.
    pub blobs: Vec<Digest>,
    /// The way that was chosen; `None` for a mirror, which takes all there is.
    pub journey: Option<Journey>,
}

/// What an errand is for.
#[derive(Debug, Clone)]
pub(super) enum Purpose {
    /// Everything that a job needs.
    Fetch(Job),
    /// Only the way that a job would take as things stand, without asking beyond the peers that are connected.
    Plan(Job),
    /// Every blob of a release, for others.
    Mirror(Arc<Manifest>),
}

/// How far it has come: what it waits for.
#[derive(Debug, Clone)]
pub(super) enum Stage<P> {
    /// The first input.
    New,
    /// Who is there to be asked.
    Gathering,
    /// What they hold.
    Surveying(Survey<P>),
    /// Which files of the release lie here.
    Sparing(Sight),
    /// What lies here, so that a way can be chosen.
    Weighing(Sight),
    /// Whom the DHT names, for these blobs.
    Searching(BTreeSet<Digest>),
    /// What those hold who came while the way was gone.
    Reviewing(Survey<P>),
    /// What lies here, so that the way can be chosen again.
    WeighingAgain,
    /// Who is there now and may have the listing.
    Meeting,
    /// The listing of the release.
    Listing,
    /// Whether the next blob lies here.
    Looking,
    /// Who is there now and may have it.
    Finding,
    /// Whom the DHT names for it, beside these peers.
    Naming(Vec<P>),
    /// Its chunk list, of these peers.
    Chunks(Vec<P>),
    /// Its chunks.
    Fetching,
    /// Nothing any more.
    Over,
}

/// Whose word a way rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// That of the peers that are connected.
    Near,
    /// That of the DHT, too.
    Far,
}

/// A blob to bring.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) blob: Blob,
    pub(super) is_patch: bool,
    /// What is needed of it, if not all is.
    pub(super) wanted: Option<Wanted>,
}

/// What comes next, or why nothing does.
pub(super) type Step<P> = Result<Stage<P>, JobError>;

/// One release on its way here.
#[derive(Debug, Clone)]
pub struct Errand<P> {
    pub(super) purpose: Purpose,
    stage: Stage<P>,
    pub(super) holders: Holders<P>,
    /// What is still to be brought; the first is under way.
    pub(super) pieces: VecDeque<Piece>,
    pub(super) brought: Brought,
    /// What of the whole artifact need not be fetched, and whether that was asked.
    pub(super) spared: Option<Spared>,
    pub(super) looked_for_files: bool,
    /// What this machine has for making contents.
    pub(super) means: Means,
    /// The same when the way was chosen, and the peers that were there then.
    pub(super) means_then: Means,
    pub(super) near: BTreeSet<P>,
    /// Whether the way was looked at again since a blob was fetched.
    pub(super) reviewed: bool,
}

impl<P: Copy + Ord + Debug + Display> Errand<P> {
    /// Fetches everything that a job needs.
    pub fn fetch(job: Job) -> Self {
        Self::new(Purpose::Fetch(job))
    }

    /// Chooses the way that a job would take, and fetches nothing.
    pub fn plan(job: Job) -> Self {
        Self::new(Purpose::Plan(job))
    }

    /// Brings every blob of a release here, for others: the listing and the whole artifact, and the patches that
    /// anybody gives.
    pub fn mirror(manifest: Arc<Manifest>) -> Self {
        Self::new(Purpose::Mirror(manifest))
    }

    fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            stage: Stage::New,
            holders: Holders::new(),
            pieces: VecDeque::new(),
            brought: Brought::default(),
            spared: None,
            looked_for_files: false,
            means: Means::default(),
            means_then: Means::default(),
            near: BTreeSet::new(),
            reviewed: false,
        }
    }

    /// What this machine has for making contents, as far as is known now; what is usual if nobody says.
    pub fn note_means(&mut self, means: Means) {
        self.means = means;
    }

    /// Bytes of the blobs that have come so far; of the one under way, nothing.
    pub fn bytes(&self) -> u64 {
        self.brought.fetched.bytes
    }

    /// When to send [`ErrandInput::Tick`] if nothing else comes first; `None` if only the end of a step goes on.
    pub fn next_wakeup(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Surveying(survey) | Stage::Reviewing(survey) => Some(survey.deadline()),
            _ => None,
        }
    }

    /// Takes one input and says what to do; `now` is the time since the errand began.
    pub fn handle(&mut self, input: ErrandInput<P>, now: Duration) -> Vec<ErrandAction<P>> {
        let mut actions = Vec::new();
        let stage = mem::replace(&mut self.stage, Stage::Over);
        match self.step(stage, input, now, &mut actions) {
            Ok(stage) => self.stage = stage,
            Err(error) => actions.push(ErrandAction::Done(Err(error))),
        }
        actions
    }

    fn step(
        &mut self,
        stage: Stage<P>,
        input: ErrandInput<P>,
        now: Duration,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Step<P> {
        Ok(match (stage, input) {
            (Stage::New, _) => ask_peers(Stage::Gathering, out),
            (Stage::Gathering, ErrandInput::Peers(peers)) => self.survey(&peers, now, out),
            (Stage::Surveying(survey), input) => self.on_survey(survey, input, now, out),
            (Stage::Sparing(sight), ErrandInput::Spared(spared, came)) => {
                self.spared = spared;
                self.count(came.as_ref(), false);
                self.look_around(sight, out)
            }
            (Stage::Weighing(sight), ErrandInput::Here(here)) => self.weigh(sight, &here, out)?,
            (Stage::Searching(open), ErrandInput::Named(blob, named)) => {
                self.on_named(open, blob, named, out)
            }
            (Stage::Meeting, ErrandInput::Peers(peers)) => self.ask_for_listing(peers, out),
            (Stage::Listing, ErrandInput::Object(digest, bytes))
                if digest == self.listing().digest =>
            {
                some(bytes)?;
                let journey = self.brought.journey.as_ref();
                // What was fetched to choose the way counts as done.
                let all = journey.map(|journey| self.bytes().saturating_add(journey.missing));
                out.extend(all.map(ErrandAction::Missing));
                self.next_piece(out)?
            }
            (Stage::Looking, ErrandInput::Here(here)) => self.on_look(&here, out)?,
            (Stage::Finding, ErrandInput::Peers(peers)) => match self.review(&peers, now, out) {
                Some(review) => review,
                None => self.find(&peers, out)?,
            },
            (Stage::Reviewing(survey), input) => self.on_review(survey, input, now, out),
            (Stage::WeighingAgain, ErrandInput::Here(here)) => self.weigh_again(&here, out)?,
            (Stage::Naming(mut holders), ErrandInput::Named(blob, named)) if self.is_at(&blob) => {
                holders.extend(named);
                self.ask_for_chunk_list(holders, out)?
            }
            (Stage::Chunks(holders), ErrandInput::Object(digest, bytes)) if self.lacks(&digest) => {
                self.on_chunk_list(holders, bytes, out)?
            }
            (Stage::Fetching, ErrandInput::Blob(blob, end)) if self.is_at(&blob) => match end {
                Ok(report) => self.on_brought(Some(&report), out)?,
                Err(error) => self.on_not_brought(error, out)?,
            },
            // What nobody waits for changes nothing.
            (stage, _) => stage,
        })
    }

    pub(super) fn manifest(&self) -> &Manifest {
        match &self.purpose {
            Purpose::Fetch(job) | Purpose::Plan(job) => &job.manifest,
            Purpose::Mirror(manifest) => manifest,
        }
    }

    pub(super) fn job(&self) -> Option<&Job> {
        match &self.purpose {
            Purpose::Fetch(job) | Purpose::Plan(job) => Some(job),
            Purpose::Mirror(_) => None,
        }
    }

    /// The release's listing of its files.
    fn listing(&self) -> ObjectRef {
        self.manifest().tree.object
    }

    /// Whether this blob is under way.
    fn is_at(&self, blob: &Digest) -> bool {
        self.pieces.front().is_some_and(|piece| piece.blob.digest == *blob)
    }

    /// Whether this is the chunk list of the blob that is under way.
    fn lacks(&self, chunks: &Digest) -> bool {
        self.pieces.front().is_some_and(|piece| piece.blob.chunks.digest == *chunks)
    }

    /// Asks every peer about every blob that may be wanted.
    fn survey(&mut self, peers: &[P], now: Duration, out: &mut Vec<ErrandAction<P>>) -> Stage<P> {
        let wanted = match &self.purpose {
            Purpose::Fetch(job) | Purpose::Plan(job) => candidates(job),
            Purpose::Mirror(manifest) => manifest.blobs().map(|blob| blob.digest).collect(),
        };
        self.near = peers.iter().copied().collect();
        let (survey, questions) = Survey::begin(peers, wanted, now);
        out.extend(questions.into_iter().map(|(peer, blob)| ErrandAction::AskHolding(peer, blob)));
        self.on_survey(survey, ErrandInput::Tick, now, out)
    }

    fn on_survey(
        &mut self,
        survey: Survey<P>,
        input: ErrandInput<P>,
        now: Duration,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Stage<P> {
        self.holders = match hear(survey, input, now, out) {
            Ok(holders) => holders,
            Err(survey) => return Stage::Surveying(survey),
        };
        match &self.purpose {
            Purpose::Fetch(_) | Purpose::Plan(_) => self.look_around(Sight::Near, out),
            Purpose::Mirror(manifest) => {
                let piece = |blob: &Blob| Piece { blob: *blob, is_patch: false, wanted: None };
                self.pieces = manifest.blobs().map(piece).collect();
                ask_peers(Stage::Meeting, out)
            }
        }
    }

    pub(super) fn look_around(&self, sight: Sight, out: &mut Vec<ErrandAction<P>>) -> Stage<P> {
        if let Some(job) = self.job() {
            look(job, out);
        }
        Stage::Weighing(sight)
    }

    /// What is known of the blobs on all ways.
    pub(super) fn sighted<'a>(&'a self, here: &'a BTreeMap<Digest, Here>) -> Sighted<'a, P> {
        Sighted { here, holders: &self.holders, spared: self.spared.as_ref() }
    }

    /// Chooses the way, as far as is known who holds what.
    fn weigh(
        &mut self,
        sight: Sight,
        here: &BTreeMap<Digest, Here>,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Step<P> {
        // A mirror takes all there is.
        let Some(job) = self.job() else { return Ok(ask_peers(Stage::Meeting, out)) };
        let journey = choose(job, &self.sighted(here), &self.means)?;
        if let Purpose::Plan(_) = &self.purpose {
            self.brought.journey = Some(journey);
            return Ok(self.end(out));
        }
        if sight == Sight::Near && journey.reach == Reach::Unknown {
            let open: BTreeSet<Digest> = candidates(job).into_iter().take(MAX_LOOKUPS).collect();
            out.extend(open.iter().map(|blob| ErrandAction::LookUp(*blob)));
            return Ok(Stage::Searching(open));
        }
        if let Some(stage) = self.look_for_files(sight, &journey, out) {
            return Ok(stage);
        }
        tracing::info!(
            release = %self.manifest().release_name(),
            route = %journey.describe(),
            missing = journey.missing,
            whole = self.manifest().whole.size,
            "fetching"
        );
        self.means_then = self.means;
        self.take(journey);
        Ok(ask_peers(Stage::Meeting, out))
    }

    fn on_named(
        &mut self,
        mut open: BTreeSet<Digest>,
        blob: Digest,
        named: Vec<P>,
        out: &mut Vec<ErrandAction<P>>,
    ) -> Stage<P> {
        if open.remove(&blob) && !named.is_empty() {
            self.holders.entry(blob).or_default().extend(named);
        }
        if open.is_empty() {
            return self.look_around(Sight::Far, out);
        }
        Stage::Searching(open)
    }

    /// Whoever holds anything of the release may have its listing, and so may everybody else.
    fn ask_for_listing(&self, peers: Vec<P>, out: &mut Vec<ErrandAction<P>>) -> Stage<P> {
        let mut near: BTreeSet<P> = self.holders.values().flatten().copied().collect();
        near.extend(peers);
        let holders = near.into_iter().collect();
        out.push(ErrandAction::Object { object: self.listing(), holders });
        Stage::Listing
    }
}

pub(super) fn ask_peers<P>(then: Stage<P>, out: &mut Vec<ErrandAction<P>>) -> Stage<P> {
    out.push(ErrandAction::AskPeers);
    then
}

/// Takes an answer in a survey, and puts the next question to who gave it. Gives who holds what, or the survey again if
/// more is to be waited for.
pub(super) fn hear<P: Copy + Ord>(
    mut survey: Survey<P>,
    input: ErrandInput<P>,
    now: Duration,
    out: &mut Vec<ErrandAction<P>>,
) -> Result<Holders<P>, Survey<P>> {
    if let ErrandInput::Holding(peer, blob, answer) = input
        && let Some((peer, blob)) = survey.on_answer(peer, blob, &answer)
    {
        out.push(ErrandAction::AskHolding(peer, blob));
    }
    if !survey.is_over(now) {
        return Err(survey);
    }
    if survey.is_waiting() {
        out.push(ErrandAction::Enough);
    }
    Ok(survey.into_holders())
}

/// Asks what lies here of all blobs that a way may lead through.
pub(super) fn look<P>(job: &Job, out: &mut Vec<ErrandAction<P>>) {
    out.push(ErrandAction::Look(blobs(job).map(|blob| blob.digest).collect()));
}

impl From<GaveUp> for JobError {
    fn from(gave_up: GaveUp) -> Self {
        Self::NoHolders(gave_up.to_string())
    }
}

#[cfg(test)]
#[path = "errand_tests.rs"]
mod tests;
