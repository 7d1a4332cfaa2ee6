//! What is said to peers and asked of them. Each question ends as exactly one input.

use std::future::Future;

use updraft_protocol::{CatchUpAnswer, CatchUpRequest};

use super::{
    action::{Action, Input},
    effects::Ended,
    task::Agent,
};
use crate::{
    network::{Conduct, PeerId, RequestError, Way},
    problem::chain,
};

impl Agent {
    /// Puts a question, or tells something.
    pub(super) fn talk(&mut self, action: Action<PeerId>) {
        match action {
            Action::AskFork(peer, asked, fork) => {
                let network = self.context.network.clone();
                let input = move |answer: Option<Option<_>>| Input::Forked(peer, answer.flatten());
                self.ask(peer, input, async move { network.fork(peer, asked, fork).await });
            }
            Action::AskNews(peer, request) => {
                self.ask_what_was_missed(peer, request, move |answer| Input::News(peer, answer));
            }
            Action::AskRoots(peer, asked, after) => {
                let network = self.context.network.clone();
                let input = move |answer| Input::Roots(peer, answer);
                self.ask(peer, input, async move { network.roots(peer, asked, after).await });
            }
            Action::AskManifest(peer, digest) => {
                let input = move |answer| Input::Manifest(peer, digest, answer);
                self.ask_what_was_missed(peer, CatchUpRequest::Manifest(digest), input);
            }
            Action::AskStatements(peer, asked, after) => {
                let request = CatchUpRequest::Statements { network: asked, after };
                let input = move |answer| Input::Statements(peer, after, answer);
                self.ask_what_was_missed(peer, request, input);
            }
            Action::Accuse(peer) => {
                let network = self.context.network.clone();
                self.effects.spawn(async move {
                    // A network that has stopped has nobody left to tell.
                    let _ = network.report(peer, Conduct::Invalid).await;
                    Ended::Nothing
                });
            }
            Action::Announce(gossip) => {
                let network = self.context.network.clone();
                self.effects.spawn(async move {
                    match network.announce(gossip).await {
                        Ok(reach) => tracing::info!(?reach, "announced"),
                        Err(error) => {
                            tracing::warn!(error = %chain(&error), "not announced; peers will ask")
                        }
                    }
                    Ended::Nothing
                });
            }
            other => tracing::error!(action = ?other, "nothing that is said to anybody"),
        }
    }

    /// Asks a peer whose rules are unknown here by the way that every node understands: by another it may not answer.
    fn ask_what_was_missed(
        &mut self,
        peer: PeerId,
        request: CatchUpRequest,
        input: impl FnOnce(Option<CatchUpAnswer>) -> Input<PeerId> + Send + 'static,
    ) {
        let network = self.context.network.clone();
        let unknown = self.machine.follows_unknown_rules(&peer, self.now());
        self.ask(peer, input, async move {
            if unknown {
                network.catch_up_by(Way::Bootstrap, peer, request).await
            } else {
                network.catch_up(peer, request).await
            }
        });
    }

    fn ask<T: Send + 'static>(
        &mut self,
        peer: PeerId,
        input: impl FnOnce(Option<T>) -> Input<PeerId> + Send + 'static,
        answer: impl Future<Output = Result<T, RequestError>> + Send + 'static,
    ) {
        self.effects.spawn(async move {
            let answer =
                answer.await.inspect_err(|error| tracing::debug!(%peer, %error, "no answer")).ok();
            Ended::Input(Box::new(input(answer)))
        });
    }
}
