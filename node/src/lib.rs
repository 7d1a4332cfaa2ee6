//! THE TOUR: the rooms a release walks through, in that order, and what all of them stand on.
//!
//! | | room | what happens there |
//! |---|---|---|
//! | 1 | [`publish`] | it is made: cut, diffed, signed ([`keys`]) and put into a [`bundle`] |
//! | 2 | [`network`] | it travels: gossip, DHT, questions and answers (libp2p lives here and nowhere else) |
//! | 3 | [`catalog`] | it is believed, or not |
//! | 4 | [`policy`] | may this node take it now? |
//! | 5 | [`fetch`] | it is carried home, from many peers at once |
//! | 6 | [`store`] | it is kept |
//! | 7 | [`install`] | it goes live, or back |
//! | – | [`trial`] | it is tried beside what is live, when it is staged for a later day |
//! | – | [`governance`] | what the network decides about its own rules, by vote |
//! | – | [`height`] | where the height comes from at which a vote may come into force |
//! | – | [`agent`] | the corridor: joins the rooms, owns no rule of its own beyond their order |
//! | – | [`join`] | how a newcomer comes to trust a network |
//! | – | [`api`], [`cli`], [`cli::devnet`] | windows for programs and people, and a whole network on one desk |
//! | – | [`node`] | puts a node together from its settings and takes it apart again |

pub mod agent;
pub mod api;
pub mod bundle;
pub mod catalog;
pub mod cli;
pub mod fetch;
pub mod governance;
pub mod height;
pub mod install;
pub mod join;
pub mod keys;
pub mod network;
pub mod node;
pub mod policy;
pub mod publish;
pub mod store;
pub mod trial;

pub mod again;
pub mod build;
pub mod clock;
pub mod config;
pub mod dirs;
pub mod fingerprint;
pub mod group;
pub mod identity;
pub mod lock;
pub mod logging;
pub mod memory;
pub mod metrics;
pub mod plain;
pub mod problem;
pub mod secret;
pub mod whole;

#[cfg(test)]
mod testing;
