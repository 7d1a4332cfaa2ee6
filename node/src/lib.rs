//! THE TOUR: the rooms a release walks through, in that order, and what all of them stand on.
//!
//! | | room | what happens there |
//! |---|---|---|
//! | 1 | [`network`] | it travels: gossip, DHT, questions and answers (libp2p lives here and nowhere else) |
//! | 2 | [`catalog`] | it is believed, or not |
//! | 3 | [`policy`] | may this node take it now? |
//! | 4 | [`fetch`] | it is carried home, from many peers at once |
//! | 5 | [`store`] | it is kept |
//! | 6 | [`install`] | it goes live, or back |
//! | – | [`agent`] | the corridor: joins the rooms, owns no rule of its own beyond their order |

pub mod agent;
pub mod catalog;
pub mod cli;
pub mod fetch;
pub mod install;
pub mod network;
pub mod policy;
pub mod store;

pub mod build;
pub mod clock;
pub mod config;
pub mod dirs;
pub mod identity;
pub mod lock;
pub mod logging;
pub mod metrics;
pub mod problem;
pub mod secret;

#[cfg(test)]
mod testing;
