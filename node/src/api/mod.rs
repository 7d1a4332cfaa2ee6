//! Windows for programs: HTTP on a loopback port and on a Unix socket.
//!
//! ```text
//!  TCP  ──> guard (host, origin, token) ─┐
//!                                        ├─> routes ─> AgentHandle (orders, status, events)
//!  Unix socket ──> (file mode is the ────┘
//!                   guard; uid noted)
//! ```
//!
//! | bounded | by | when full |
//! |---|---|---|
//! | connections of each listener | 256 | later ones wait in the system's queue |
//! | event streams | 32 | 429 |
//! | events kept for resuming | 4,096 | the oldest go; who needs them is told to read the state again |
//! | header of a request | 10 s, 16 KiB | the connection is closed |
//! | body of a request | `max_body`, 30 s | 413, 400 |
//! | bundle | 4 GiB, 30 s for each piece | 413, 400 |
//!
//! This room decides nothing about updates: it translates between HTTP and the agent's handle.

mod auth;
mod body;
mod components;
mod count;
mod error;
mod events;
mod listen;
mod network;
mod objects;
mod proposal_name;
mod proposals;
mod releases;
mod ring;
mod roots;
mod router;
mod socket;
mod statements;
mod system;
#[cfg(test)]
mod tests;
pub mod types;
mod updates;
mod upload;

pub use self::{
    auth::{MetricsAccess, TokenHash},
    body::{BUNDLE_TYPE, ROOT_TYPE, STATEMENT_TYPE},
    listen::{Serving, serve},
    proposal_name::{InvalidProposalName, ProposalName},
    router::ApiSettings,
    socket::{BindError, SocketFile},
};
