//! `updraft key`: the keys releases and roots are signed with. A node has none of them.

use std::path::PathBuf;

use clap::Subcommand;

/// What to do with signing keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key
    Generate {
        /// What the key is called here
        name: String,
        /// Keep it unprotected: whoever reads the file can sign
        #[arg(long)]
        no_password: bool,
    },
    /// List the keys there are
    List,
    /// Show a key's public part
    Show {
        /// Name, or file:PATH
        key: String,
    },
    /// Change a key's password
    Passwd {
        /// Name, or file:PATH
        key: String,
    },
    /// Take in a key file
    Import {
        /// The file
        file: PathBuf,
    },
    /// Write a key to a file
    Export {
        /// Name, or file:PATH
        key: String,
        /// Only the public part
        #[arg(long)]
        public: bool,
        /// Where to; standard output if left out
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}
