//! Whom to ask for what was missed. Pure.
//!
//! Gossip reaches who is there; everybody else asks: on meeting a peer, when a head comes whose links are
//! missing, and every [`ROUND`] a few peers. At most one question is under way with each peer, so a slow or
//! lying one costs its own place and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Debug,
    time::Duration,
};

use updraft_protocol::{
    ChannelName, Digest, HeadMark,
    broken::{self, Break},
    limits::{MAX_ROOT_STEPS, MAX_ROOTS_PER_ANSWER},
};

/// Time between two rounds of asking.
const ROUND: Duration = Duration::from_secs(600);
/// Peers asked in a round.
const ROUND_PEERS: usize = 3;
/// Peers known here; the network's own limit is lower.
const MAX_PEERS: usize = 512;
/// Manifests asked for at once.
const MAX_MANIFESTS: usize = 4;
/// Questions waiting for one peer; more are dropped, the next round asks again.
const MAX_WAITING: usize = 8;

/// What a peer can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    /// Roots after the one in force.
    Roots,
    /// Heads after those trusted.
    News,
    /// One manifest.
    Manifest(Digest),
    /// What is said beside heads, after this id.
    Statements(Option<Digest>),
}

/// Pages of statements that one peer is asked for in a row.
const MAX_STATEMENT_PAGES: usize = 64;

/// What it means that a peer has nothing else to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing: it is behind this node, or does not know yet itself.
    #[default]
    TellsLittle,
    /// That there is nothing else, as far as it knows.
    Counts,
}

/// Whether more may follow an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// It held as much as one answer may.
    Full,
    /// It held less.
    Last,
}

/// First pause after a question that came to nothing; doubles up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_secs(1);
/// How long updates wait for manifests that are on offer: what one peer takes at most to answer. Who lists a release and
/// hides it holds up the others for so long.
const MANIFEST_PATIENCE: Duration = Duration::from_secs(10);
/// Longest pause before a peer is asked the same thing again.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Tries that came to nothing, and when the next one may be.
#[derive(Debug, Clone, Copy, Default)]
struct Pause {
    tries: u32,
    until: Duration,
}

impl Pause {
    fn longer(&mut self, now: Duration) {
        let pause = MIN_PAUSE.saturating_mul(2_u32.saturating_pow(self.tries)).min(MAX_PAUSE);
        self.tries = self.tries.saturating_add(1);
        self.until = now + pause;
    }
}

#[derive(Debug, Clone, Default)]
struct Peer {
    asking: Option<Question>,
    waiting: VecDeque<Question>,
    /// Full pages of roots that the peer gave one after the other.
    root_pages: u64,
    /// Set while a question for news has to be put again.
    news: Option<Pause>,
    /// What its answers are worth.
    word: Word,
    /// Channels of which it gave heads that do not lead on here, until it has told the rest; at most those of the root.
    stuck: BTreeSet<ChannelName>,
    /// Pages of statements that it gave one after the other.
    statement_pages: usize,
    /// What these pages led to.
    pass: Pass,
    /// Set while a question for statements has to be put again.
    statements: Option<Pause>,
    /// Set while it has to be told again which rules this node follows.
    rules: Option<Pause>,
}

/// One time through all that a peer tells beside heads.
#[derive(Debug, Clone, Copy, Default)]
struct Pass {
    /// There was something about a vote that was not known yet.
    too_early: bool,
    /// A vote became known.
    leads_on: bool,
    /// It was the second time in a row.
    is_second: bool,
}

/// A manifest that is wanted.
#[derive(Debug, Clone)]
struct Wanted<P> {
    since: Duration,
    /// Peers that did not give it, and when they may be asked again.
    refused: BTreeMap<P, Pause>,
}

/// Who is asked what.
#[derive(Debug, Clone)]
pub(super) struct Sync<P> {
    peers: BTreeMap<P, Peer>,
    /// Manifests that are wanted.
    wanted: BTreeMap<Digest, Wanted<P>>,
    next_round: Duration,
    turn: usize,
}

impl<P: Copy + Ord + Debug> Default for Sync<P> {
    fn default() -> Self {
        Self { peers: BTreeMap::new(), wanted: BTreeMap::new(), next_round: ROUND, turn: 0 }
    }
}

impl<P: Copy + Ord + Debug> Sync<P> {
    /// A peer is there: it is asked for news first of all.
    pub(super) fn peer_came(&mut self, peer: P) {
        if self.peers.len() < MAX_PEERS {
            self.peers.entry(peer).or_default();
            self.ask(peer, Question::News);
        }
    }

    /// A peer is gone, and so are the questions to it.
    pub(super) fn peer_went(&mut self, peer: P) {
        self.peers.remove(&peer);
        self.wanted.values_mut().for_each(|wanted| {
            wanted.refused.remove(&peer);
        });
    }

    /// Peers that can be asked.
    pub(super) fn peers(&self) -> impl Iterator<Item = P> {
        self.peers.keys().copied()
    }

    /// Whether somebody is asked what was said, or is about to be.
    pub(super) fn is_asking_for_statements(&self) -> bool {
        let statements = |question: &Question| matches!(question, Question::Statements(_));
        self.peers.values().any(|peer| peer.asking.iter().chain(&peer.waiting).any(statements))
    }

    /// Puts a question to a peer, once.
    pub(super) fn ask(&mut self, peer: P, question: Question) {
        if question == Question::News && broken::is(Break::NobodyIsAskedForNews) {
            return;
        }
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        if question == Question::Roots {
            // A peer that leads us along an endless chain of roots is not followed for ever.
            if entry.root_pages.saturating_mul(MAX_ROOTS_PER_ANSWER as u64) >= MAX_ROOT_STEPS {
                return;
            }
        }
        if entry.asking != Some(question) {
            self.ask_once_more(peer, question);
        }
    }

    /// Puts a question to a peer although it may be under way: what is answered to that may be over already.
    pub(super) fn ask_once_more(&mut self, peer: P, question: Question) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        if !entry.waiting.contains(&question) && entry.waiting.len() < MAX_WAITING {
            entry.waiting.push_back(question);
        }
    }

    /// Asks every peer for news.
    pub(super) fn ask_all(&mut self) -> usize {
        let peers: Vec<P> = self.peers().collect();
        peers.iter().for_each(|peer| self.ask(*peer, Question::News));
        peers.len()
    }

    /// A question was answered or came to nothing.
    pub(super) fn answered(&mut self, peer: P, question: Question) {
        if let Some(entry) = self.peers.get_mut(&peer)
            && entry.asking == Some(question)
        {
            entry.asking = None;
        }
    }

    /// The peer gave roots, a full page of them or fewer, after which the next question begins anew.
    pub(super) fn roots_came(&mut self, peer: P, page: Page) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.root_pages = match page {
                Page::Full => entry.root_pages.saturating_add(1),
                Page::Last => 0,
            };
        }
    }

    /// Heads that the peer gave of these channels do not lead on. Says whether that is new: then the next question,
    /// without them, may bring more.
    pub(super) fn is_stuck_with(&mut self, peer: P, channels: BTreeSet<ChannelName>) -> bool {
        let Some(entry) = self.peers.get_mut(&peer) else { return false };
        let before = entry.stuck.len();
        entry.stuck.extend(channels);
        entry.stuck.len() > before
    }

    /// What a peer is asked for: channels in which it gets us on.
    pub(super) fn wanted_from(&self, peer: P, mut marks: Vec<HeadMark>) -> Vec<HeadMark> {
        if let Some(entry) = self.peers.get(&peer) {
            marks.retain(|mark| !entry.stuck.contains(&mark.channel));
        }
        marks
    }

    /// The peer has told all it has to tell. The next time it is asked for everything again.
    pub(super) fn told_all(&mut self, peer: P) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.stuck.clear();
        }
    }

    /// Notes what a peer's answers are worth.
    pub(super) fn tells(&mut self, peer: P, word: Word) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.word = word;
        }
    }

    /// What a peer's answers are worth.
    pub(super) fn word_of(&self, peer: P) -> Word {
        self.peers.get(&peer).map_or(Word::TellsLittle, |entry| entry.word)
    }

    /// The peer gave a page of statements. Says whether it may be asked for the next one: nobody keeps so many that
    /// it takes more than [`MAX_STATEMENT_PAGES`].
    pub(super) fn statements_came(&mut self, peer: P, page: Page, now: Duration) -> bool {
        let Some(entry) = self.peers.get_mut(&peer) else { return false };
        entry.statements = match page {
            // It may fail at the next page as it did before: that is not the first time, then.
            Page::Full => entry.statements.map(|pause| Pause { until: now + MAX_PAUSE, ..pause }),
            Page::Last => None,
        };
        entry.statement_pages = match page {
            Page::Full => entry.statement_pages.saturating_add(1),
            Page::Last => 0,
        };
        page == Page::Full && entry.statement_pages < MAX_STATEMENT_PAGES
    }

    /// The peer told something about a vote that is not known here.
    pub(super) fn told_too_early(&mut self, peer: P) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.pass.too_early = true;
        }
    }

    /// The peer told of a vote that was not known here.
    pub(super) fn told_of_a_vote(&mut self, peer: P) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.pass.leads_on = true;
        }
    }

    /// The peer has told all. Says whether it is to tell it again: if some of it came before what it is about, which is
    /// known by now; and not a third time, whatever it tells.
    pub(super) fn is_worth_another_pass(&mut self, peer: P) -> bool {
        let Some(entry) = self.peers.get_mut(&peer) else { return false };
        let Pass { too_early, leads_on, is_second } = std::mem::take(&mut entry.pass);
        let again = too_early && leads_on && !is_second;
        entry.pass.is_second = again;
        again
    }

    /// The peer did not give the manifest: it may have heard of it as little as we have, and get it soon.
    pub(super) fn has_not(&mut self, peer: P, manifest: Digest, now: Duration) {
        if let Some(Wanted { refused, .. }) = self.wanted.get_mut(&manifest) {
            refused.entry(peer).or_default().longer(now);
        }
    }

    /// The peer gave no answer to a question for news: it is asked again after a pause.
    pub(super) fn news_failed(&mut self, peer: P, now: Duration) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.news.get_or_insert_default().longer(now);
        }
    }

    /// What peers have told was lost: each is asked for news again after a pause.
    pub(super) fn begin_again(&mut self, now: Duration) {
        for entry in self.peers.values_mut() {
            entry.news.get_or_insert_default().longer(now);
        }
    }

    /// The peer gave no answer to a question for statements: it is asked again from the beginning after a pause, which
    /// news do not shorten.
    pub(super) fn statements_failed(&mut self, peer: P, now: Duration) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            (entry.pass, entry.statement_pages) = (Pass::default(), 0);
            entry.statements.get_or_insert_default().longer(now);
        }
    }

    /// The peer had news that it told by itself: it is asked at once, and if it does not know yet what else there is to
    /// know, again after the shortest pause, because whoever told it does.
    pub(super) fn had_news(&mut self, peer: P) {
        self.news_came(peer);
        self.ask(peer, Question::News);
    }

    /// The peer answered a question for news.
    pub(super) fn news_came(&mut self, peer: P) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.news = None;
        }
    }

    /// The peer was told which rules this node follows, and may not have heard it: it is told again after a pause. Or it
    /// would take this node for one that keeps to former rules, and refuse it when their grace is over.
    pub(super) fn rules_not_told(&mut self, peer: P, now: Duration) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.rules.get_or_insert_default().longer(now);
        }
    }

    /// The peer has heard which rules this node follows.
    pub(super) fn rules_told(&mut self, peer: P) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.rules = None;
        }
    }

    /// Peers that are to be told now which rules this node follows, and not again before the longest pause is over.
    pub(super) fn due_to_hear_the_rules(&mut self, now: Duration) -> Vec<P> {
        let due = self.peers.iter_mut().filter_map(|(id, peer)| {
            let pause = peer.rules.as_mut().filter(|pause| pause.until <= now)?;
            pause.until = now + MAX_PAUSE;
            Some(*id)
        });
        due.collect()
    }

    /// These manifests are wanted, and no others.
    pub(super) fn want(&mut self, manifests: &BTreeSet<Digest>, now: Duration) {
        self.wanted.retain(|digest, _| manifests.contains(digest));
        for digest in manifests {
            let wanted = Wanted { since: now, refused: BTreeMap::new() };
            self.wanted.entry(*digest).or_insert(wanted);
        }
    }

    /// Whether a manifest is worth waiting for: it is wanted, not for long yet, and some peer has not refused it.
    pub(super) fn is_awaited(&self, manifest: &Digest, now: Duration) -> bool {
        self.wanted.get(manifest).is_some_and(|Wanted { since, refused }| {
            now < *since + MANIFEST_PATIENCE
                && self.peers.keys().any(|peer| !refused.contains_key(peer))
        })
    }

    /// Questions to put now. Each is answered by [`Sync::answered`].
    pub(super) fn due(&mut self, now: Duration) -> Vec<(P, Question)> {
        if now >= self.next_round {
            self.next_round = now + ROUND;
            self.begin_round();
        }
        let is_due = |pause: &Option<Pause>| pause.is_some_and(|pause| pause.until <= now);
        let again: Vec<(P, Question)> = (self.peers.iter())
            .flat_map(|(id, peer)| {
                let news = is_due(&peer.news).then_some((*id, Question::News));
                let said = is_due(&peer.statements).then_some((*id, Question::Statements(None)));
                news.into_iter().chain(said)
            })
            .collect();
        again.into_iter().for_each(|(peer, question)| self.ask(peer, question));
        self.place_manifests(now);
        let mut due = Vec::new();
        for (id, peer) in &mut self.peers {
            if peer.asking.is_none()
                && let Some(question) = peer.waiting.pop_front()
            {
                peer.asking = Some(question);
                due.push((*id, question));
            }
        }
        due
    }

    /// When [`Sync::due`] has something to do even if nothing happens; later than `now`.
    pub(super) fn next_wakeup(&self, now: Duration) -> Duration {
        let pauses = self.peers.values().flat_map(|peer| [peer.news, peer.statements, peer.rules]);
        let news = pauses.flatten().map(|pause| pause.until);
        let refused = self.wanted.values().flat_map(|wanted| wanted.refused.values());
        let manifests = refused.map(|pause| pause.until);
        let patience = self.wanted.values().map(|wanted| wanted.since + MANIFEST_PATIENCE);
        let next = news
            .chain(manifests)
            .chain(patience)
            .chain([self.next_round])
            .filter(|at| *at > now)
            .min();
        next.unwrap_or(now + ROUND)
    }

    fn begin_round(&mut self) {
        let peers: Vec<P> = self.peers().collect();
        for offset in 0..ROUND_PEERS.min(peers.len()) {
            self.ask(peers[(self.turn + offset) % peers.len()], Question::News);
        }
        self.turn = self.turn.wrapping_add(ROUND_PEERS);
    }

    /// Gives each wanted manifest that nobody is asked for to a peer that is free.
    fn place_manifests(&mut self, now: Duration) {
        let asked: BTreeSet<Digest> = self
            .peers
            .values()
            .flat_map(|peer| peer.asking.iter().chain(&peer.waiting))
            .filter_map(|question| match question {
                Question::Manifest(digest) => Some(*digest),
                Question::Roots | Question::News | Question::Statements(_) => None,
            })
            .collect();
        let mut places = MAX_MANIFESTS.saturating_sub(asked.len());
        for (digest, Wanted { refused, .. }) in &self.wanted {
            if places == 0 {
                return;
            }
            if asked.contains(digest) {
                continue;
            }
            let free = self
                .peers
                .iter_mut()
                .filter(|(id, peer)| {
                    refused.get(id).is_none_or(|pause| pause.until <= now)
                        && peer.waiting.len() < MAX_WAITING
                })
                .min_by_key(|(_, peer)| (peer.asking.is_some(), peer.waiting.len()));
            if let Some((_, peer)) = free {
                peer.waiting.push_back(Question::Manifest(*digest));
                places -= 1;
            }
        }
    }
}

#[cfg(test)]
#[path = "sync_tests.rs"]
mod tests;
