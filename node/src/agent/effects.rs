//! Carries out the machine's actions. Each effect ends as exactly one input.

use std::{future::Future, sync::Arc};

use updraft_protocol::{
    ChannelName, ComponentName, Digest, Equivocation, Head, Manifest, Signed, Timestamp,
};

use super::{
    action::{Action, Fetched, Input, Installation, Job, JobError},
    context::lock,
    fetching,
    importing::Imported,
    installing,
    lifecycle::{Component, InstalledVersion},
    operation::{OperationId, Phase},
    order::{Extent, HistoryLine, Published, Reply},
    restore,
    task::Agent,
};
use crate::{
    catalog,
    network::{PeerId, Verdict},
    problem::{Problem, chain},
    store::{ComponentRecord, Happening, HistoryEntry, Hold, Quarantined, Store, StoreError},
};

/// How an effect ended.
pub(super) enum Ended {
    /// The machine hears of it.
    Input(Box<Input<PeerId>>),
    /// A bundle was taken into the store, or not.
    Imported { result: Box<Result<Imported, Problem>>, by: String, reply: Reply<Published> },
    /// The question for the height was answered; `None` if by nothing that is one.
    Height(Option<u64>),
    /// Nobody needs to hear of it.
    Nothing,
}

/// Something that later actions rely on could not be kept.
#[derive(Debug)]
pub(super) struct NotKept;

impl Agent {
    /// Carries out actions in their order. When something cannot be kept, what stands behind it is given up:
    /// a promise that rests on nothing is not made.
    pub(super) async fn carry_out(&mut self, actions: Vec<Action<PeerId>>) {
        let said = actions.iter().any(Action::changes_what_is_said);
        let mut actions = actions.into_iter();
        while let Some(action) = actions.next() {
            if let Err(NotKept) = self.act(action).await {
                self.give_up(actions).await;
                self.serve_what_is_said();
                return;
            }
        }
        if said {
            self.serve_what_is_said();
        }
    }

    /// Peers that ask get what is believed now, and kept.
    pub(super) fn serve_what_is_said(&self) {
        *lock(&self.context.said) = self.machine.telling(self.now());
    }

    /// Ends what will not be carried out, and goes back to what is known to be kept.
    pub(super) async fn give_up(&mut self, actions: impl Iterator<Item = Action<PeerId>>) {
        for action in actions {
            if let Action::Verdict(token, _) = action {
                self.settle(token, catalog::Verdict::Ignore);
            } else if let Some(input) = action.given_up() {
                self.effects.spawn(async move { Ended::Input(Box::new(input)) });
            }
        }
        let mut store = self.context.store.clone();
        let (clock, skew) = (self.context.clock.now(), self.settings.trust.max_clock_skew);
        let restore = move || restore::from_the_ledger(&mut store, clock, skew);
        let read = tokio::task::spawn_blocking(restore).await;
        let error = match read {
            Ok(Ok((catalog, votes))) => return self.machine.believe_again(catalog, votes),
            Ok(Err(error)) => chain(&error),
            Err(error) => error.to_string(),
        };
        tracing::error!(error, "what was kept cannot be read");
        self.machine.votes.forget_what_was_begun();
    }

    pub(super) async fn act(&mut self, action: Action<PeerId>) -> Result<(), NotKept> {
        match action {
            Action::Verdict(token, verdict) => self.settle(token, verdict),
            Action::KeepRoot(root, _) => {
                self.keep("a root", move |store| store.append_root(&root)).await?;
            }
            Action::KeepHead(head, signers, base) => {
                let keep = move |store: &Store| store.accept_head(&head, &signers, base.as_ref());
                self.keep("a head", keep).await?;
            }
            Action::BeginAnew(channel, base) => {
                let begin = move |store: &Store| store.begin_anew(&channel, base.as_ref());
                self.keep("where a channel begins", begin).await?;
            }
            Action::KeepStatement(statement) => {
                self.keep("a statement", move |store| store.put_statement(&statement)).await?;
            }
            Action::ForgetStatements(gone) => {
                let forget = move |store: &Store| {
                    gone.iter().try_for_each(|one| store.remove_statement(one))
                };
                // A row that stays is read at the next start, found useless, and struck off then.
                let _ = self.keep("what is struck off", forget).await;
            }
            // What peers are told is renewed when all is done.
            Action::Told => {}
            Action::CallOff(id, reason) => self.context.call_off(id, reason),
            Action::Vouch(heartbeat, word) => self.vouch(&heartbeat, &word).await?,
            Action::Cast(ballot) => {
                let signed = Box::new(self.cast(&ballot).await?);
                self.effects.spawn(async move { Ended::Input(Box::new(Input::Cast(signed))) });
            }
            Action::KeepHeight(height) => {
                self.keep("the height", move |store| store.put_height(height)).await?;
            }
            Action::KeepLearnt(id, epoch) => {
                self.keep("when a decision came", move |store| store.put_learnt(&id, epoch))
                    .await?;
            }
            Action::AskNews(..)
            | Action::AskRoots(..)
            | Action::AskManifest(..)
            | Action::AskStatements(..)
            | Action::AskFork(..)
            | Action::Accuse(_)
            | Action::Announce(_) => self.talk(action),
            Action::Listen(listening) => self.listen(listening).await,
            Action::Speak(speech) => self.speak(speech).await,
            Action::KeepTime(time) => {
                self.keep("the signed time", move |store| store.put_time(time)).await?;
            }
            Action::ProveFork { channel, seq, head } => self.prove_fork(channel, seq, head),
            Action::KeepManifest(manifest, signers) => {
                self.keep("a manifest", move |store| store.put_manifest(&manifest, &signers))
                    .await?;
            }
            Action::KeepComponent(name) => self.keep_component(&name).await?,
            Action::Record(line) => self.record(line).await,
            Action::Fetch(_)
            | Action::Install(..)
            | Action::Stage(..)
            | Action::KeepAhead(..)
            | Action::SwitchBack { .. }
            | Action::StartAgain(_)
            | Action::Mirror(..) => self.work(action).await,
            Action::Provide(blobs) => self.provide(blobs),
            Action::Sweep => self.sweep().await,
            Action::Emit(what) => self.emit(what),
            Action::CountRefusal(label) => self.count_refusal(label),
            Action::CountManifest(seconds) => {
                self.context.metrics.manifest_judged(crate::metrics::Verdict::Accepted);
                self.context.metrics.manifest_travelled(std::time::Duration::from_secs(seconds));
            }
        }
        Ok(())
    }

    /// Begins what takes long. A folder that could not be opened before may be mended since.
    async fn work(&mut self, action: Action<PeerId>) {
        if let Action::Fetch(job) | Action::Install(job, _) | Action::Stage(job, _) = &action
            && job.extent != Extent::Download
        {
            self.open_installer(&job.component).await;
        }
        match action {
            Action::Fetch(job) => self.fetch(job),
            Action::Install(job, fetched) => self.install(job, fetched),
            Action::Stage(job, fetched) => self.stage(job, fetched),
            Action::KeepAhead(component, ahead) => self.keep_ahead(component, ahead),
            Action::SwitchBack { job, component, to } => self.switch_back(job, component, to),
            Action::StartAgain(component) => self.start_again(component).await,
            Action::Mirror(release, manifest) => self.mirror(release, manifest),
            other => tracing::error!(action = ?other, "not an action that takes long"),
        }
    }

    /// Looks up the kept head of a number and puts it together with another one of that number.
    fn prove_fork(&mut self, channel: ChannelName, seq: u64, head: Arc<Signed<Head>>) {
        let store = self.context.store.clone();
        self.effects.spawn(async move {
            let kept = tokio::task::spawn_blocking(move || store.head(&channel, seq)).await;
            match kept {
                Ok(Ok(Some(kept))) => {
                    let proof = Equivocation::new(kept, head.as_ref().clone());
                    Ended::Input(Box::new(Input::Proved(Box::new(proof))))
                }
                Ok(Ok(None)) => Ended::Nothing,
                Ok(Err(error)) => {
                    tracing::warn!(error = %chain(&error), "a kept head cannot be compared");
                    Ended::Nothing
                }
                Err(error) => {
                    tracing::error!(%error, "comparing heads ended badly");
                    Ended::Nothing
                }
            }
        });
    }

    fn settle(&mut self, token: u64, verdict: catalog::Verdict) {
        let verdict = match verdict {
            catalog::Verdict::Accept => Verdict::Accept,
            catalog::Verdict::Ignore => Verdict::Ignore,
            catalog::Verdict::Reject => Verdict::Reject,
        };
        if let Some(token) = self.tokens.remove(&token) {
            token.settle(verdict);
        }
    }

    /// Keeps something and waits until it is kept: what stands behind it in the actions relies on that.
    pub(super) async fn keep(
        &self,
        what: &'static str,
        work: impl FnOnce(&Store) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), NotKept> {
        let store = self.context.store.clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => tracing::error!(what, error = %chain(&error), "could not be kept"),
            Err(error) => tracing::error!(what, %error, "could not be kept"),
        }
        Err(NotKept)
    }

    async fn keep_component(&mut self, name: &ComponentName) -> Result<(), NotKept> {
        self.open_installer(name).await;
        let Some(component) = self.machine.component(name) else { return Ok(()) };
        let record = record(component, self.context.clock.now());
        let name = name.clone();
        self.keep("a component", move |store| store.put_component(&name, &record)).await
    }

    async fn record(&self, line: HistoryLine) {
        let what = match (line.what.as_str(), &line.error) {
            (_, Some(_)) => Happening::Failed,
            ("rollback", _) => Happening::RolledBack,
            ("publish", _) => Happening::Published,
            ("withdraw", _) => Happening::Withdrawn,
            _ => Happening::Installed,
        };
        let entry = HistoryEntry {
            at: line.at,
            component: line.component,
            from: line.from,
            to: Some(line.to),
            what,
            by: line.by,
            detail: line.error.unwrap_or(line.detail),
        };
        // Nothing rests on a line of the history; its loss is in the log.
        let _ = self.keep("a line of the history", move |store| store.history_append(&entry)).await;
    }

    fn fetch(&mut self, job: Job) {
        let context = self.context.clone();
        let id = job.id;
        self.machine.set_phase(id, Phase::Fetching);
        self.spawn_job(move |result| Input::Fetched(id, result), async move {
            if job.extent != Extent::Download {
                let (context, job) = (context.clone(), job.clone());
                if on_thread(move || Ok(installing::is_staged(&context, &job))).await? {
                    return Ok(Fetched::default());
                }
            }
            fetching::fetch_release(&context, &job).await
        });
    }

    fn install(&mut self, job: Job, fetched: Fetched) {
        let context = self.context.clone();
        let id = job.id;
        // What was said while it was fetched has been judged.
        context.called_off(id);
        self.spawn_job(move |result| Input::Installed(id, result), async move {
            on_thread(move || installing::install(&context, &job, &fetched)).await
        });
    }

    fn switch_back(&mut self, id: OperationId, component: ComponentName, to: InstalledVersion) {
        let context = self.context.clone();
        self.spawn_job(move |result| Input::Installed(id, result), async move {
            on_thread::<Installation>(move || installing::switch_back(&context, &component, &to))
                .await
        });
    }

    fn mirror(&mut self, release: Digest, manifest: Arc<Manifest>) {
        let context = self.context.clone();
        self.spawn_job(move |result| Input::Mirrored(release, result), async move {
            fetching::mirror_release(&context, &manifest).await
        });
    }

    /// Runs a job; a panic in it is a failed job, not a job that never ends.
    pub(super) fn spawn_job<T: Send + 'static>(
        &mut self,
        input: impl FnOnce(Result<T, JobError>) -> Input<PeerId> + Send + 'static,
        work: impl Future<Output = Result<T, JobError>> + Send + 'static,
    ) {
        self.effects.spawn(async move {
            // Aborted with this effect, because the handle is dropped with it.
            let job = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(work));
            let result =
                job.await.unwrap_or_else(|error| Err(JobError::Failed(format!("a bug: {error}"))));
            Ended::Input(Box::new(input(result)))
        });
    }

    fn provide(&mut self, blobs: Vec<Digest>) {
        let network = self.context.network.clone();
        self.effects.spawn(async move {
            for blob in blobs {
                if let Err(error) = network.provide(blob).await {
                    tracing::warn!(%blob, error = %chain(&error), "the DHT does not learn of a blob");
                }
            }
            Ended::Nothing
        });
    }

    /// Removes what no believed release names and nothing installed needs.
    async fn sweep(&mut self) {
        if self.importing > 0 {
            // A bundle's bytes lie in the store before its manifest does; the end of the import sweeps.
            self.machine.sweep_due = true;
            return;
        }
        let (roots, remembered) = (self.machine.needed(), self.machine.remembered());
        let store = self.context.store.clone();
        match tokio::task::spawn_blocking(move || store.sweep(&roots, &remembered)).await {
            Ok(Ok(swept)) => tracing::debug!(?swept, "swept"),
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&error), "the store could not be swept")
            }
            Err(error) => tracing::error!(%error, "the sweep ended badly"),
        }
        let held = self.machine.held.clone();
        let gone: Vec<Digest> =
            held.into_iter().filter(|blob| !self.context.store.has_blob(blob)).collect();
        self.machine.swept(&gone);
        let network = self.context.network.clone();
        self.effects.spawn(async move {
            for blob in gone {
                // A network that has stopped provides nothing.
                let _ = network.stop_providing(blob).await;
            }
            Ended::Nothing
        });
    }

    fn count_refusal(&self, label: &'static str) {
        tracing::debug!(reason = label, "refused");
        self.context.metrics.refused(label);
        self.context.metrics.manifest_judged(crate::metrics::Verdict::Refused);
    }
}

pub(super) async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
) -> Result<T, JobError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(JobError::Failed(format!("a bug: {error}"))))
}

fn record(component: &Component, now: Timestamp) -> ComponentRecord {
    let mut record = ComponentRecord::following(component.channel.clone());
    if component.pinned
        && let Some(installed) = &component.installed
    {
        let reason = "the operator went back".to_owned();
        record.hold = Some(Hold { version: installed.version.clone(), reason, since: now });
    }
    for (manifest, reason) in &component.quarantined {
        record.quarantine(Quarantined { manifest: *manifest, reason: reason.clone(), at: now });
    }
    record
}
