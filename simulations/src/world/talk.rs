//! What nodes say to each other beside gossip: questions, their answers, and how long both take.

use updraft_node::{
    agent::{ErrandInput, Input, Understood, answer},
    fetch::{self, PeerError},
};
use updraft_protocol::{
    CatchUpAnswer, CatchUpRequest, Digest, ForkId, PackedAnswer, Root, Signed, TransferAnswer,
    TransferRequest, codec, limits::MAX_ROOTS_PER_ANSWER,
};

use super::{
    Event, World,
    gossip::What,
    held_back::Waiting,
    letters::{Held, Letter, LetterId},
    lines::Micros,
    node::{Running, Task},
};
use crate::framing::on_the_wire;
use updraft_node::agent::Ledger as _;

/// Names a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QuestionId(pub(super) u64);

/// Bytes up to which a letter goes past what waits for the line: it is a few packets, and lines send packets of several
/// connections in turn.
const SMALL: u64 = 4 * 1024;
/// Bytes around what is said: frames of yamux and noise.
const AROUND: u64 = 40;
/// How much later than others a letter may come that bad weather holds up.
const LATEST: Micros = 2_000_000;
/// Bytes of a question.
pub(super) const QUESTION: u64 = 60;
/// After this time a question is given up, but for chunks: what the network room of the node waits.
const PATIENCE: Micros = 10_000_000;
/// Time that a question for chunks may take: `transfer.chunk_timeout`, for four chunks of a pack each.
const CHUNK_PATIENCE: Micros = 20_000_000;
const CHUNKS_PER_PATIENCE: usize = 4;
/// What an object and a pack weigh, beside a chunk that weighs 1 (`network/serving.rs`).
const OBJECT_WEIGHT: u32 = 4;
const PACK_WEIGHT: u32 = 3;

/// What it says.
#[derive(Debug)]
pub(super) enum Body {
    /// Gossip.
    Gossip(What),
    /// A question.
    Ask(QuestionId, Ask),
    /// The end of a question.
    Answer(QuestionId, Answer),
}

/// A question to a peer.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    /// What was missed.
    CatchUp(CatchUpRequest),
    /// The same, by the way that every node understands.
    CatchUpByBootstrap(CatchUpRequest),
    /// Roots after a version.
    Roots(u64),
    /// Which rules it follows; these are the asker's.
    Fork(ForkId),
    /// Bytes, or what it holds, in the first version of the protocol.
    Transfer(TransferRequest),
    /// The same by the way that every node understands.
    TransferByBootstrap(TransferRequest),
    /// The same in the second.
    PackedOne(TransferRequest),
    /// Many chunks of a blob.
    Pack(Digest, Vec<u32>),
}

/// The end of a question.
#[derive(Debug)]
pub(super) enum Answer {
    /// What was missed.
    CatchUp(CatchUpAnswer),
    /// Roots.
    Roots(Vec<Signed<Root>>),
    /// The rules that it follows.
    Fork(ForkId),
    /// Bytes. A chunk is one byte here, that says whether it is right.
    Transfer(TransferAnswer),
    /// Many chunks.
    Packed(PackedAnswer),
    /// It does not answer such questions.
    Refused,
}

/// The byte that stands for the bytes of a chunk that is right, and of one that is not.
pub(super) const RIGHT: u8 = 1;
pub(super) const WRONG: u8 = 0;

/// A question under way.
#[derive(Debug)]
pub(super) struct Question {
    asker: u32,
    life: u32,
    to: u32,
    about: About,
}

/// What a question is for.
#[derive(Debug, Clone)]
pub(super) enum About {
    /// The machine asks for news.
    News,
    /// For roots.
    Roots,
    /// For statements after this one.
    Statements(Option<Digest>),
    /// For a manifest.
    Manifest(Digest),
    /// For the rules that a peer follows.
    Fork,
    /// An errand asks what a peer holds.
    Survey(Task, Digest),
    /// A search asks for an object.
    Object(Task, Digest),
    /// A fetch asks what a peer holds.
    Holding(Task, Digest),
    /// A fetch asks for chunks.
    Chunks(Task, Digest, Vec<u32>),
}

impl World {
    /// Sends something; large things over the lines, small ones past what waits there.
    pub(super) fn send(&mut self, from: u32, to: u32, body: Body, size: u64) {
        self.send_and_keep(from, to, body, size, 0);
    }

    /// The same, and keeps places until it is there.
    pub(super) fn send_and_keep(&mut self, from: u32, to: u32, body: Body, size: u64, serves: u32) {
        if !self.ways.leads(from, to) {
            // What is sent into a cut line is sent again until the connection is given up.
            self.held.push(Held { from, to, body, size, serves });
            return;
        }
        let way = self.ways.takes(from, to, &mut self.chances.ways);
        let Some(way) = self.weathered(way) else { return };
        if let Some(running) = self.node(from).running.as_mut().filter(|_| serves > 0) {
            *running.serving.entry(to).or_default() += serves;
        }
        let bytes = on_the_wire(size + AROUND);
        let id = LetterId(self.letters.put(Letter { from, to, body, serves }));
        if bytes <= SMALL {
            let takes = self.lines.passes(from, to, bytes);
            self.queue.put(self.now + way + takes, Event::Arrives(id));
        } else {
            self.lines.send(from, to, bytes, way, id.token(), self.now);
        }
    }

    /// Sends again what waited for lines that are whole now.
    pub(super) fn send_held(&mut self) {
        let (whole, cut) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|held: &Held| self.ways.leads(held.from, held.to));
        self.held = cut;
        let whole: Vec<Held> = whole;
        for Held { from, to, body, size, serves } in whole {
            self.send_and_keep(from, to, body, size, serves);
        }
    }

    /// What befalls a letter on its way: it may be lost, or come later than others.
    fn weathered(&mut self, way: Micros) -> Option<Micros> {
        let weather = self.ways.weather;
        if self.chances.ways.happens(weather.loss.0) {
            return None;
        }
        let late = self.chances.ways.happens(weather.late.0);
        Some(way + if late { self.chances.ways.below(LATEST) } else { 0 })
    }

    /// A letter is there.
    pub(super) fn deliver(&mut self, id: LetterId) {
        let Some(Letter { from, to, body, serves }) = self.letters.take(id.0) else { return };
        self.served(from, to, serves);
        // Nobody is there any more, or the connection is not.
        if self.nodes[to as usize].running.is_none()
            || !self.nodes[to as usize].peers.contains(&from)
        {
            return;
        }
        match body {
            Body::Gossip(what) => self.on_gossip(to, from, what),
            Body::Ask(question, ask) => self.on_ask(to, from, question, ask),
            Body::Answer(question, answer) => self.on_answer(question, Ok(answer)),
        }
    }

    /// Puts a question. If it cannot be put, it has failed at once, as far as the asker can see.
    pub(super) fn ask(&mut self, asker: u32, to: u32, ask: Ask, about: About) {
        self.next_question += 1;
        let id = QuestionId(self.next_question);
        let patience = match &about {
            About::Chunks(_, _, chunks) => {
                CHUNK_PATIENCE * chunks.len().div_ceil(CHUNKS_PER_PATIENCE).max(1) as u64
            }
            _ => PATIENCE,
        };
        let life = self.node(asker).life;
        self.questions.insert(id, Question { asker, life, to, about });
        if let Some(running) = &mut self.node(asker).running {
            running.asked.insert(id);
        }
        if self.nodes[asker as usize].peers.contains(&to) || self.connect(asker, to) {
            let size = QUESTION + ask_size(&ask);
            self.send(asker, to, Body::Ask(id, ask), size);
            self.deadlines.put(self.now, patience, id);
        } else {
            // Not before it is known that the peer was asked.
            self.deadlines.put(self.now, 0, id);
        }
    }

    /// A letter is there, or lost: its places are free.
    pub(super) fn served(&mut self, from: u32, to: u32, weight: u32) {
        // Most letters take no place, and a node that is not looked at costs nothing.
        if weight > 0
            && let Some(running) = &mut self.node(from).running
            && let Some(kept) = running.serving.get_mut(&to)
        {
            *kept = kept.saturating_sub(weight);
            if *kept == 0 {
                running.serving.remove(&to);
            }
        }
    }

    /// Letters that are lost with a connection.
    pub(super) fn lose(&mut self, letters: impl IntoIterator<Item = u64>) {
        for token in letters {
            if let Some(Letter { from, to, serves, .. }) = self.letters.take(LetterId::of(token).0)
            {
                self.served(from, to, serves);
            }
        }
    }

    /// The questions of a node that are about something.
    fn questions_of(&self, node: u32, of: impl Fn(&Question) -> bool) -> Vec<QuestionId> {
        let asked = self.nodes[node as usize].running.iter().flat_map(|running| &running.asked);
        let is = |id: &&QuestionId| self.questions.get(id).is_some_and(&of);
        asked.filter(is).copied().collect()
    }

    /// Asks for bytes, or what a peer holds, in the newest version that both speak.
    pub(super) fn ask_for(&mut self, asker: u32, to: u32, request: TransferRequest, about: About) {
        let ask = if self.is_left_behind(asker) {
            Ask::TransferByBootstrap(request)
        } else if self.asks_in_packs(asker, to) {
            Ask::PackedOne(request)
        } else {
            Ask::Transfer(request)
        };
        self.ask(asker, to, ask, about);
    }

    /// Whether a node's program does not understand the rules in force: then it asks everything by the one way that
    /// every node understands.
    pub(super) fn is_left_behind(&self, node: u32) -> bool {
        let running = self.nodes[node as usize].running.as_ref();
        let speech = running.and_then(|running| running.speech);
        speech.is_some_and(|speech| speech.understood == Understood::No)
    }

    /// Whether a node asks a peer in the second version of the protocol.
    pub(super) fn asks_in_packs(&self, asker: u32, to: u32) -> bool {
        let (asker, peer) = (&self.nodes[asker as usize], &self.nodes[to as usize]);
        let now = peer.now(self.now);
        asker.running.as_ref().is_some_and(Running::packs)
            && peer.running.as_ref().is_some_and(|running| running.machine.speaks_packs(now))
    }

    /// Forgets questions whose answers nobody waits for.
    pub(super) fn forget_questions(&mut self, asker: u32, about: impl Fn(&About) -> bool) {
        for id in self.questions_of(asker, |question| about(&question.about)) {
            self.take_question(id);
        }
    }

    fn take_question(&mut self, id: QuestionId) -> Option<Question> {
        let question = self.questions.remove(&id)?;
        if let Some(running) = &mut self.node(question.asker).running {
            running.asked.remove(&id);
        }
        Some(question)
    }

    /// A question was not answered in time.
    pub(super) fn give_up(&mut self, id: QuestionId) {
        if self.questions.contains_key(&id) {
            self.on_answer(id, Err(PeerError::Timeout));
        }
    }

    /// All questions of a node to another have failed: their connection is gone.
    pub(super) fn fail_questions(&mut self, asker: u32, to: u32) {
        for id in self.questions_of(asker, |question| question.to == to) {
            self.on_answer(id, Err(PeerError::Unreachable));
        }
    }

    fn on_ask(&mut self, node: u32, from: u32, id: QuestionId, ask: Ask) {
        self.note("ask", node, id.0);
        if let Ask::Fork(fork) = &ask {
            // Whoever asks for our rules says which are his.
            self.input(node, Input::Forked(from, Some(*fork)));
        }
        let weight = match &ask {
            Ask::Transfer(TransferRequest::Object(_))
            | Ask::TransferByBootstrap(TransferRequest::Object(_))
            | Ask::PackedOne(TransferRequest::Object(_)) => OBJECT_WEIGHT,
            Ask::Pack(..) => PACK_WEIGHT,
            _ => 1,
        };
        let Some((answer, size)) = self.reply(node, from, &ask, weight) else { return };
        let (answer, size, wait) = self.limited(node, answer, size);
        // To say no takes no place.
        let is_no = match &answer {
            Answer::Refused => true,
            Answer::Transfer(answer) | Answer::Packed(PackedAnswer::One(answer)) => {
                matches!(answer, TransferAnswer::Busy | TransferAnswer::NotHeld)
            }
            _ => false,
        };
        let kept = if is_no { 0 } else { weight };
        self.answer_after(
            node,
            wait,
            Waiting { to: from, question: id, answer, size, weight: kept },
        );
    }

    /// What a node answers, and how many bytes that is; `None` if it does not.
    fn reply(&mut self, node: u32, from: u32, ask: &Ask, weight: u32) -> Option<(Answer, u64)> {
        let now = self.nodes[node as usize].now(self.now);
        let this = &self.nodes[node as usize];
        let running = this.running.as_ref()?;
        let machine = &running.machine;
        let network = self.people.network;
        let always = matches!(
            ask,
            Ask::Fork(_) | Ask::Roots(_) | Ask::CatchUpByBootstrap(_) | Ask::TransferByBootstrap(_)
        );
        let speaks = match ask {
            Ask::Transfer(_) => machine.speaks_singly(now),
            Ask::PackedOne(_) | Ask::Pack(..) => machine.speaks_packs(now),
            _ => true,
        };
        if !(always || machine.answers(&from, now) && speaks) {
            return Some((Answer::Refused, QUESTION));
        }
        if !self.has_room(node, from, weight) {
            return Some(match ask {
                Ask::Transfer(_) | Ask::TransferByBootstrap(_) | Ask::PackedOne(_) => {
                    (Answer::Transfer(TransferAnswer::Busy), QUESTION)
                }
                Ask::Pack(..) => {
                    (Answer::Packed(PackedAnswer::One(TransferAnswer::Busy)), QUESTION)
                }
                _ => (Answer::Refused, QUESTION),
            });
        }
        Some(match ask {
            Ask::CatchUp(request) | Ask::CatchUpByBootstrap(request) => {
                let given = match answer(&this.kept, &running.telling, network, request.clone()) {
                    Ok(given) => given,
                    Err(never) => match never {},
                };
                let size = codec::encode(&given).map_or(0, |bytes| bytes.len() as u64);
                (Answer::CatchUp(given), size)
            }
            Ask::Roots(after) => {
                let roots = this.kept.roots(*after, MAX_ROOTS_PER_ANSWER).unwrap_or_default();
                let size = roots.iter().map(|root| root.payload().len() as u64 + 100).sum();
                (Answer::Roots(roots), size)
            }
            Ask::Fork(_) => (Answer::Fork(machine.fork_id(now)), QUESTION),
            Ask::Transfer(request)
            | Ask::TransferByBootstrap(request)
            | Ask::PackedOne(request) => self.give(node, request)?,
            Ask::Pack(blob, chunks) => self.give_pack(node, *blob, chunks)?,
        })
    }

    fn on_answer(&mut self, id: QuestionId, answer: Result<Answer, PeerError>) {
        let Some(Question { asker, life, to, about }) = self.take_question(id) else { return };
        if !self.lives(asker, life) {
            return;
        }
        self.note("answer", asker, id.0);
        let answer = match answer {
            Ok(Answer::Refused) | Err(PeerError::Stopped) => Err(PeerError::Unreachable),
            other => other,
        };
        let caught = |answer| match answer {
            Ok(Answer::CatchUp(answer)) => Some(answer),
            _ => None,
        };
        let given = |answer| match answer {
            Ok(Answer::Transfer(answer)) => Ok(answer),
            Ok(_) => Err(PeerError::Malformed),
            Err(error) => Err(error),
        };
        match about {
            About::News => self.input(asker, Input::News(to, caught(answer))),
            About::Statements(after) => {
                self.input(asker, Input::Statements(to, after, caught(answer)));
            }
            About::Manifest(digest) => {
                self.input(asker, Input::Manifest(to, digest, caught(answer)));
            }
            About::Roots => {
                let roots = match answer {
                    Ok(Answer::Roots(roots)) => Some(roots),
                    _ => None,
                };
                self.input(asker, Input::Roots(to, roots));
            }
            About::Fork => {
                let fork = match answer {
                    Ok(Answer::Fork(fork)) => Some(fork),
                    _ => None,
                };
                self.input(asker, Input::Forked(to, fork));
            }
            About::Survey(task, blob) => {
                self.errand(asker, task, ErrandInput::Holding(to, blob, given(answer)));
            }
            About::Object(task, digest) => self.on_object(asker, task, digest, to, given(answer)),
            About::Holding(task, blob) => {
                let input = fetch::BlobInput::Holding(to, given(answer));
                self.blob(asker, task, blob, to, input);
            }
            About::Chunks(task, blob, asked) => {
                let came = match (asked.len(), answer) {
                    (1, answer) if !matches!(answer, Ok(Answer::Packed(_))) => {
                        fetch::judge_chunk(given(answer)).map(|bytes| vec![bytes])
                    }
                    (many, Ok(Answer::Packed(packed))) => fetch::judge_pack(many, Ok(packed)),
                    (many, Ok(_)) => fetch::judge_pack(many, Err(PeerError::Malformed)),
                    (many, Err(error)) => fetch::judge_pack(many, Err(error)),
                };
                self.on_chunks(asker, task, blob, to, asked, came);
            }
        }
    }
}

impl Running {
    /// Whether chunks are asked for in packs.
    pub(super) fn packs(&self) -> bool {
        self.speech.is_some_and(|speech| speech.packs)
    }
}

/// Bytes of a question beyond those that every one has.
fn ask_size(ask: &Ask) -> u64 {
    match ask {
        Ask::CatchUp(request) | Ask::CatchUpByBootstrap(request) => {
            codec::encode(request).map_or(0, |bytes| bytes.len() as u64)
        }
        Ask::Pack(_, chunks) => chunks.len() as u64,
        _ => 0,
    }
}
