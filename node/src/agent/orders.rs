//! Answers orders: looks up, or hands on to the machine. Decides nothing.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::Instant;
use updraft_protocol::{Digest, Stance, Statement, Wire, codec};

use super::{
    action::{Action, Input, Job, JobError},
    effects::{Ended, NotKept},
    ending::own_component,
    fetching, importing,
    importing::Imported,
    operation::OperationId,
    order::{Answer, BlobFile, HistoryLine, InstallOrder, Order, Peer, Plan, Published, Reply},
    saying::{self, Said},
    task::{Agent, CHECK_PATIENCE, PendingCheck},
    votes::Taken,
    voting,
};
use crate::{
    catalog::StatementOutcome,
    network::{Address, Direction, FoundBy, PeerId},
    problem::{Code, Problem, chain},
    store::{Happening, HistoryEntry, StoreError},
};

impl Agent {
    pub(super) async fn on_order(&mut self, order: Order) {
        self.audit.note(&order, self.context.clock.now()).await;
        let Some(order) = self.not_left_behind(order) else { return };
        match order {
            Order::Check { reply } => self.on_check(reply).await,
            Order::Install { order, reply } => {
                let begun = self.machine.install(&order, self.now());
                self.begun(begun, reply).await;
            }
            Order::Rollback { order, reply } => {
                let begun = self.machine.rollback(&order, self.now());
                self.begun(begun, reply).await;
            }
            Order::Plan { order, reply } => self.on_plan(&order, reply),
            Order::Operations { reply } => {
                self.refresh_status().await;
                answer(reply, Ok(self.machine.operations().iter().cloned().collect()));
            }
            Order::Releases { reply } => answer(reply, Ok(self.machine.releases(self.now()))),
            Order::SignedRoot { version, reply } => self.read(reply, move |store| {
                let root = match version {
                    // Roots are counted from 1.
                    Some(0) => None,
                    Some(version) => store.roots(version - 1, 1)?.into_iter().next(),
                    None => store.newest_root()?,
                };
                Ok(root.map(|root| encoded(&root)))
            }),
            Order::SignedHead { channel, seq: Some(seq), reply } => self
                .read(reply, move |store| {
                    Ok(store.head(&channel, seq)?.map(|head| encoded(&head)))
                }),
            Order::OfferRoot { root, by: _, reply } => self.on_offer_root(*root, reply).await,
            Order::SignedHead { channel, seq: None, reply } => {
                let head = self.machine.catalog().head(&channel);
                answer(reply, Ok(head.map(|head| encoded(head.signed.as_ref()))));
            }
            Order::SignedManifest { digest, reply } => {
                match self.machine.catalog().manifest(&digest) {
                    Some(known) => answer(reply, Ok(Some(encoded(known.signed.as_ref())))),
                    // Today's keys have not signed it, or it is not listed: whoever asks judges it.
                    None => self.read(reply, move |store| {
                        Ok(store.manifest(&digest)?.map(|manifest| encoded(&manifest)))
                    }),
                }
            }
            Order::Import { bundle, by, reply } => self.on_import(bundle, by, reply),
            Order::Say { statement, reply, by: _ } => self.on_say(statement, reply).await,
            Order::Statements { reply } => answer(reply, Ok(self.machine.statement_lines())),
            Order::Proposals { reply } => answer(reply, Ok(self.machine.proposals(self.now()))),
            Order::DraftProposal { wish, reply } => {
                answer(reply, self.machine.draft_proposal(*wish, self.now()));
            }
            Order::Vote { proposal, stance, reason, reply, by: _ } => {
                self.on_vote(&proposal, stance, reason, reply).await;
            }
            Order::History { component, limit, reply } => self.read(reply, move |store| {
                let lines = store.history(component.as_ref(), limit)?;
                Ok(lines.into_iter().filter_map(history_line).collect())
            }),
            Order::Peers { reply } => self.on_peers(reply).await,
            Order::Dial { address, reply } => self.on_dial(&address, reply),
            Order::Ban { peer, time, reply } => self.on_ban(&peer, Some(time), reply).await,
            Order::Unban { peer, reply } => self.on_ban(&peer, None, reply).await,
            Order::Object { digest, reply } => self.read(reply, move |store| store.object(&digest)),
            Order::Blob { digest, reply } => self.read(reply, move |store| {
                let size = store.chunk_list(&digest)?.map_or(0, |list| list.blob_size);
                let blob = store.open_blob(&digest)?;
                Ok(blob.map(|reader| BlobFile { reader: Box::new(reader), size }))
            }),
            Order::StartAgain { reply } => self.on_start_again(reply).await,
            Order::Replicas { manifest, reply } => self.on_replicas(manifest, reply),
        }
    }

    /// Refuses what a node that is left behind would do by rules that are over.
    fn not_left_behind(&self, order: Order) -> Option<Order> {
        let Some(behind) = self.machine.left_behind(self.now()) else { return Some(order) };
        let problem = voting::left_behind(&behind);
        match order {
            Order::Install { order, reply } if order.component != own_component() => {
                answer(reply, Err(problem));
            }
            Order::Import { reply, .. } => answer(reply, Err(problem)),
            Order::Say { reply, .. } | Order::Vote { reply, .. } => answer(reply, Err(problem)),
            Order::DraftProposal { reply, .. } => answer(reply, Err(problem)),
            other => return Some(other),
        }
        None
    }

    async fn begun(
        &mut self,
        begun: Result<(OperationId, Vec<Action<PeerId>>), Problem>,
        reply: Reply<OperationId>,
    ) {
        match begun {
            Ok((id, actions)) => {
                self.carry_out(actions).await;
                self.publish_status().await;
                answer(reply, Ok(id));
            }
            Err(problem) => answer(reply, Err(problem)),
        }
    }

    async fn on_check(&mut self, reply: Reply<super::order::CheckReport>) {
        let (_, heads_before) = self.machine.news_counts();
        let (asked, answers, actions) = self.machine.check(self.now());
        self.checks.push(PendingCheck {
            answers_wanted: answers + asked as u64,
            asked,
            heads_before,
            until: Instant::now() + CHECK_PATIENCE,
            reply,
        });
        self.carry_out(actions).await;
    }

    fn on_plan(&mut self, order: &InstallOrder, reply: Reply<Plan>) {
        let found = match self.machine.find(order, self.now()) {
            Ok(found) => found,
            Err(problem) => return answer(reply, Err(problem)),
        };
        let warnings = self.machine.warnings(&found, self.now());
        let job = Job {
            id: OperationId(0),
            component: order.component.clone(),
            channel: found.channel,
            release: found.known.signed.digest(),
            manifest: found.known.manifest,
            others: found.others,
            base: found.base,
            route: order.route,
            excluded: Default::default(),
            extent: order.extent,
            ahead: Default::default(),
        };
        let context = self.context.clone();
        self.effects.spawn(async move {
            let plan = match fetching::survey_and_choose(&context, &job).await {
                Ok(journey) => Ok(Plan {
                    from: job.base.as_ref().map(|base| base.version.clone()),
                    to: job.manifest.version.clone(),
                    route: journey.steps(),
                    fetch_bytes: journey.missing,
                    whole_bytes: job.manifest.whole.size,
                    disk_bytes: job.manifest.tree.bytes,
                    warnings,
                }),
                Err(JobError::NoHolders(text)) => Err(Problem::new(Code::NoProviders, text)),
                Err(error) => Err(Problem::new(Code::Failed, error.to_string())),
            };
            answer(reply, plan);
            Ended::Nothing
        });
    }

    fn on_import(&mut self, bundle: PathBuf, by: String, reply: Reply<Published>) {
        let (context, catalog) = (self.context.clone(), self.machine.catalog().clone());
        self.importing += 1;
        self.effects.spawn(async move {
            let work =
                tokio::task::spawn_blocking(move || importing::import(&context, &catalog, &bundle));
            let result = work
                .await
                .unwrap_or_else(|error| Err(Problem::new(Code::Failed, format!("a bug: {error}"))));
            Ended::Imported { result: Box::new(result), by, reply }
        });
    }

    /// The bytes are here: the machine judges again, because another head may have come meanwhile.
    pub(super) async fn on_imported(
        &mut self,
        result: Result<Imported, Problem>,
        by: String,
        reply: Reply<Published>,
    ) {
        self.importing -= 1;
        let Imported { head, manifest } = match result {
            Ok(imported) => imported,
            Err(problem) => {
                // What was taken in before it was refused is of no use to anybody.
                self.machine.sweep_due = true;
                let actions = self.machine.handle(Input::Tick, self.now());
                self.carry_out(actions).await;
                return answer(reply, Err(problem));
            }
        };
        let digest = manifest.digest();
        let channel = head.peek().map(|head| head.channel);
        let input = Input::Imported { head: head.clone(), manifest, by };
        let actions = self.machine.handle(input, self.now());
        let reached = self.connected_now().await;
        self.carry_out(actions).await;
        self.publish_status().await;
        let trusted = self.machine.catalog().manifest(&digest).cloned();
        let current = channel.ok().and_then(|channel| self.machine.catalog().head(&channel));
        answer(
            reply,
            match (trusted.clone(), current) {
                (Some(known), Some(current)) => Ok(Published {
                    component: known.manifest.component.clone(),
                    version: known.manifest.version.clone(),
                    channel: current.head.channel.clone(),
                    seq: current.head.seq,
                    manifest: digest,
                    reached,
                }),
                _ => Err(Problem::new(
                    Code::RollbackAttack,
                    "another head of the channel came first",
                )
                .hint("build the bundle again: it has to continue the newest head")),
            },
        );
    }

    async fn on_say(&mut self, statement: Arc<Statement>, reply: Reply<Said>) {
        let id = statement.id();
        let said = if statement.is_about_a_vote() {
            let said = self.machine.say_on_a_vote(statement.clone(), self.now());
            let said = said.map(|(taken, actions)| (taken == Taken::New, actions));
            said.map_err(|refusal| (refusal.label(), voting::refused(&statement, &refusal)))
        } else {
            let said = self.machine.say(statement.clone(), self.now());
            let said = said.map(|(outcome, actions)| (outcome != StatementOutcome::Known, actions));
            said.map_err(|refusal| (refusal.label(), saying::refused(&statement, &refusal)))
        };
        let (news, actions) = match said {
            Ok(said) => said,
            Err((label, problem)) => {
                self.context.metrics.refused(label);
                return answer(reply, Err(problem));
            }
        };
        let reached = self.connected_now().await;
        self.carry_out(actions).await;
        self.publish_status().await;
        let line = self.machine.statement_lines().into_iter().find(|line| line.id == id);
        // What could not be kept is not believed any more.
        let said = line.map(|line| Said { id, kind: line.kind, words: line.words, news, reached });
        let lost =
            || Problem::new(Code::Failed, "the statement could not be kept; the log says why");
        answer(reply, said.ok_or_else(lost));
    }

    /// Casts this node's ballot: keeps it, signs it, says it.
    async fn on_vote(
        &mut self,
        proposal: &Digest,
        stance: Stance,
        reason: String,
        reply: Reply<Said>,
    ) {
        let (ballot, actions) = match self.machine.vote(proposal, stance, reason, self.now()) {
            Ok(cast) => cast,
            Err(problem) => return answer(reply, Err(problem)),
        };
        let reached = self.connected_now().await;
        self.carry_out(actions).await;
        let lost = || Problem::new(Code::Failed, "the ballot could not be kept; the log says why");
        let signed = match self.cast(&ballot).await {
            Ok(signed) => signed,
            Err(NotKept) => {
                self.give_up(std::iter::empty()).await;
                return answer(reply, Err(lost()));
            }
        };
        let actions = self.machine.handle(Input::Cast(Box::new(signed)), self.now());
        self.carry_out(actions).await;
        self.publish_status().await;
        if self.machine.own_stance(proposal) != Some(stance) {
            let detail = "the ballot is not taken any more: the vote has just ended, or the key was taken back";
            return answer(reply, Err(Problem::new(Code::ProposalClosed, detail)));
        }
        let said = Said {
            id: *proposal,
            kind: "ballot",
            words: voting::ballot_in_words(&ballot),
            news: true,
            reached,
        };
        answer(reply, Ok(said));
    }

    async fn connected_now(&self) -> usize {
        let peers = self.context.network.peers().await.unwrap_or_default();
        peers
            .iter()
            .filter(|peer| peer.direction.is_some() && peer.speaks_updraft == Some(true))
            .count()
    }

    async fn on_peers(&self, reply: Reply<Vec<Peer>>) {
        let now = self.context.clock.now();
        let peers = self.context.network.peers().await.unwrap_or_default();
        let shown = peers.into_iter().filter(|peer| peer.direction.is_some() || peer.ban.is_some());
        let ago = |at: std::time::Instant| now.as_seconds().saturating_sub(at.elapsed().as_secs());
        let peers = shown.map(|peer| Peer {
            id: peer.id.to_string(),
            addresses: peer.addresses.iter().map(ToString::to_string).collect(),
            direction: match peer.direction {
                Some(Direction::Inbound) => "in",
                Some(Direction::Outbound) => "out",
                None => "none",
            },
            agent: peer.agent,
            rtt: peer.rtt,
            score: f64::from(peer.score),
            found_by: match peer.found_by {
                FoundBy::Bootstrap => "bootstrap",
                FoundBy::Mdns => "mdns",
                FoundBy::Dht => "dht",
                FoundBy::Inbound => "inbound",
                FoundBy::Dialled => "dialled",
            },
            since: updraft_protocol::Timestamp::from_seconds(ago(peer.since)),
            banned: peer.ban.map(|ban| {
                now.plus(ban.until.saturating_duration_since(std::time::Instant::now()).as_secs())
            }),
        });
        answer(reply, Ok(peers.collect()));
    }

    fn on_dial(&mut self, address: &str, reply: Reply<()>) {
        let address: Address = match address.parse() {
            Ok(address) => address,
            Err(error) => {
                return answer(reply, Err(Problem::from_error(Code::RequestInvalid, &error)));
            }
        };
        let network = self.context.network.clone();
        self.effects.spawn(async move {
            let dialled = network.dial(address).await;
            answer(
                reply,
                dialled.map(|_| ()).map_err(|error| Problem::from_error(Code::NoPeers, &error)),
            );
            Ended::Nothing
        });
    }

    /// Bans for a time, or lifts a ban. A peer may be named by the end of its id, wherever that is unique.
    async fn on_ban(&self, named: &str, time: Option<Duration>, reply: Reply<()>) {
        let peers = self.context.network.peers().await.unwrap_or_default();
        let mut fitting =
            peers.iter().map(|peer| peer.id).filter(|id| id.to_string().ends_with(named));
        let peer = match (named.parse::<PeerId>(), fitting.next(), fitting.next()) {
            (Ok(peer), _, _) => peer,
            (Err(_), Some(peer), None) if named.len() >= 4 => peer,
            (Err(_), Some(_), Some(_)) => {
                let problem = Problem::new(
                    Code::RequestInvalid,
                    format!("`{named}` fits more than one peer"),
                );
                return answer(
                    reply,
                    Err(problem.hint("give the whole id: `updraft peers --json`")),
                );
            }
            _ => {
                let problem =
                    Problem::new(Code::RequestInvalid, format!("no peer `{named}` is known"));
                return answer(reply, Err(problem.hint("`updraft peers` lists them")));
            }
        };
        let done = match time {
            Some(time) => self.context.network.ban(peer, time).await,
            None => self.context.network.unban(peer).await,
        };
        answer(reply, done.map_err(|error| Problem::from_error(Code::Stopping, &error)));
    }

    fn on_replicas(&mut self, manifest: Digest, reply: Reply<usize>) {
        let Some(known) = self.machine.catalog().manifest(&manifest) else {
            return answer(
                reply,
                Err(Problem::new(Code::ReleaseUnknown, format!("no release {manifest}"))),
            );
        };
        let (context, blob) = (self.context.clone(), known.manifest.whole.digest);
        self.effects.spawn(async move {
            answer(reply, Ok(fetching::replicas(&context, blob).await));
            Ended::Nothing
        });
    }

    /// Reads from the store on a thread that may block.
    fn read<T: Send + 'static>(
        &mut self,
        reply: Reply<T>,
        work: impl FnOnce(&crate::store::Store) -> Result<T, StoreError> + Send + 'static,
    ) {
        let store = self.context.store.clone();
        self.effects.spawn(async move {
            let read = tokio::task::spawn_blocking(move || work(&store)).await;
            answer(
                reply,
                match read {
                    Ok(Ok(value)) => Ok(value),
                    Ok(Err(error)) => Err(Problem::new(Code::Failed, chain(&error))),
                    Err(error) => Err(Problem::new(Code::Failed, format!("a bug: {error}"))),
                },
            );
            Ended::Nothing
        });
    }
}

/// Whoever asked may have gone; that is no trouble of ours.
pub(super) fn answer<T>(reply: Reply<T>, with: Answer<T>) {
    let _ = reply.send(with);
}

fn encoded<T: Wire>(value: &T) -> Vec<u8> {
    codec::encode(value).expect("what was decoded and verified can be encoded")
}

fn history_line(entry: HistoryEntry) -> Option<HistoryLine> {
    let what = match entry.what {
        Happening::Installed | Happening::Failed => "install",
        Happening::RolledBack => "rollback",
        Happening::Published => "publish",
        Happening::Withdrawn => "withdraw",
        Happening::ChannelChanged | Happening::HoldChanged => return None,
    };
    let failed = entry.what == Happening::Failed;
    Some(HistoryLine {
        at: entry.at,
        component: entry.component,
        from: entry.from,
        to: entry.to?,
        what: what.to_owned(),
        error: failed.then(|| entry.detail.clone()),
        by: entry.by,
        detail: if failed { String::new() } else { entry.detail },
    })
}
