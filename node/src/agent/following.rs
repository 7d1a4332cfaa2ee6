//! Carries out what a change of the protocol asks for: where to talk and listen, how to ask, when to look for the height,
//! and which program to be.

use tokio::time::Instant;

use super::{
    action::Input,
    changing::{Listening, Speech},
    effects::Ended,
    height,
    task::Agent,
};
use crate::{
    network::{InboundRequest, PeerId},
    problem::chain,
};

impl Agent {
    pub(super) fn listen(&mut self, listening: Listening) {
        tracing::info!(?listening, "rules");
    }

    pub(super) fn speak(&mut self, speech: Speech) {
        tracing::info!(?speech, "protocol");
    }

    pub(super) fn start_again(&mut self) {}

    /// Whether a question is answered. What every node understands always is; the rest goes by the rules in force.
    pub(super) fn answers(&self, peer: &PeerId, request: &InboundRequest) -> bool {
        let now = self.now();
        match request {
            InboundRequest::Bootstrap(..) => true,
            InboundRequest::CatchUp(..) => self.machine.answers(peer, now),
            InboundRequest::Transfer(..) => {
                self.machine.answers(peer, now) && self.machine.speaks_singly(now)
            }
        }
    }

    /// When the height is to be asked for, if anything depends on it.
    pub(super) fn height_is_due(&self) -> Option<Instant> {
        let wanted = self.settings.governance.height.is_some() && self.machine.waits_for_a_height();
        wanted.then_some(self.next_height)
    }

    /// Asks for the height, if it is time. The next question waits for this answer's turn.
    pub(super) fn look_for_the_height(&mut self) {
        let now = Instant::now();
        if self.height_is_due().is_none_or(|due| due > now) {
            return;
        }
        self.next_height = now + self.settings.governance.height_interval;
        let Some(source) = self.settings.governance.height.clone() else { return };
        self.effects.spawn(async move {
            match height::read(&source).await {
                Ok(height) => Ended::Input(Box::new(Input::Height(height))),
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "the height is not known");
                    Ended::Nothing
                }
            }
        });
    }
}
