//! Carries out what a change of the protocol asks for: where to talk and listen, how to ask, and which program to be.

use super::{
    changing::{Listening, Speech},
    task::Agent,
};

impl Agent {
    pub(super) fn listen(&mut self, listening: Listening) {
        tracing::info!(?listening, "rules");
    }

    pub(super) fn speak(&mut self, speech: Speech) {
        tracing::info!(?speech, "protocol");
    }

    pub(super) fn start_again(&mut self) {}
}
