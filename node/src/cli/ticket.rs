//! `updraft ticket`: a line of text that lets others join.

use clap::Subcommand;

/// What to do with tickets.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a ticket for the network of this directory
    Create,
    /// Show what a ticket says
    Show {
        /// Ticket (updraft1…), or a file that holds one
        ticket: String,
    },
}
