//! Carries out what a change of the protocol asks for: where to talk and listen, how to ask, when to look for the height,
//! and which program to be.

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::{
    action::Input,
    changing::{self, Listening, Speech, Understood},
    effects::Ended,
    task::Agent,
};
use crate::{
    height,
    network::{Forks, InboundRequest, PeerId, Way},
    problem::chain,
};

/// The network room refuses more, and then nothing that is new would be heard.
const _: () = assert!(changing::MAX_ALSO <= Forks::MAX_ALSO);

impl Agent {
    /// Talks and listens under other rules from here on.
    pub(super) async fn listen(&mut self, listening: Listening) {
        tracing::info!(fork = %listening.current, "the rules in force");
        let forks = Forks { current: listening.current, also: listening.also };
        if let Err(error) = self.context.network.follow(forks).await {
            tracing::error!(error = %chain(&error), "cannot listen under the rules in force");
        }
    }

    /// Asks and answers by another protocol from here on.
    pub(super) async fn speak(&mut self, speech: Speech) {
        tracing::info!(protocol = speech.protocol, "the protocol in force");
        // People see it at once.
        self.next_status = Instant::now();
        self.context.packs.set(speech.packs);
        let way = match speech.understood {
            Understood::Yes => Way::Usual,
            Understood::No => Way::Bootstrap,
        };
        if let Err(error) = self.context.network.take(way).await {
            tracing::error!(error = %chain(&error), "cannot speak the protocol in force");
        }
    }

    /// Whether a question is answered. What every node understands always is; the rest goes by the rules in force.
    pub(super) fn answers(&self, peer: &PeerId, request: &InboundRequest) -> bool {
        let now = self.now();
        match request {
            InboundRequest::Bootstrap(..) => true,
            InboundRequest::CatchUp(..) => self.machine.answers(peer, now),
            InboundRequest::Transfer(..) => {
                self.machine.answers(peer, now) && self.machine.speaks_singly(now)
            }
            InboundRequest::Packed(..) => {
                self.machine.answers(peer, now) && self.machine.speaks_packs(now)
            }
        }
    }

    /// When the height is to be asked for, if anything depends on it.
    pub(super) fn height_is_due(&self) -> Option<Instant> {
        let wanted = self.settings.governance.height.is_some() && self.machine.waits_for_a_height();
        wanted.then_some(self.next_height).flatten()
    }

    /// Asks for the height, if it is time. There is no other question before this one was answered, however long the
    /// answer takes.
    pub(super) fn look_for_the_height(&mut self) {
        let now = Instant::now();
        if self.height_is_due().is_none_or(|due| due > now) {
            return;
        }
        let Some(source) = self.settings.governance.height.clone() else { return };
        self.next_height = None;
        self.effects.spawn(async move {
            // Aborted with this effect, because the handle is dropped with it.
            let asked =
                AbortOnDropHandle::new(tokio::spawn(async move { height::read(&source).await }));
            match asked.await {
                Ok(Ok(height)) => Ended::Height(Some(height)),
                Ok(Err(error)) => {
                    tracing::warn!(error = %chain(&error), "the height is not known");
                    Ended::Height(None)
                }
                Err(error) => {
                    tracing::error!(%error, "the question for the height ended without an answer");
                    Ended::Height(None)
                }
            }
        });
    }

    /// The question for the height has been answered, or not: from here the time to the next one runs.
    pub(super) async fn on_height_said(&mut self, height: Option<u64>) {
        self.next_height = Some(Instant::now() + self.settings.governance.height_interval);
        if let Some(height) = height {
            self.feed(Input::Height(height)).await;
        }
    }
}
