//! `updraft join`: from a ticket to a network this node believes.

/// Join an update network from a ticket
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Ticket (updraft1…), or a file that holds one
    pub ticket: String,
}
