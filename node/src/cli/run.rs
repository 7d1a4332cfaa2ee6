//! `updraft run`: a node in the foreground.

use crate::config::Override;

/// Start a node in the foreground
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Addresses to listen on (multiaddr)
    #[arg(long, value_name = "MULTIADDR", env = "UPDRAFT_LISTEN", value_delimiter = ',')]
    pub listen: Vec<String>,
    /// Peers to meet first (multiaddr)
    #[arg(long, value_name = "MULTIADDR", env = "UPDRAFT_BOOTSTRAP", value_delimiter = ',')]
    pub bootstrap: Vec<String>,
    /// HTTP address, or 'off'
    #[arg(long, value_name = "ADDR", env = "UPDRAFT_HTTP")]
    pub http: Option<String>,
    /// Only store and serve, install nothing
    #[arg(long)]
    pub seed_only: bool,
    /// Forget everything at exit
    #[arg(long, conflicts_with = "data_dir")]
    pub ephemeral: bool,
    /// Check the configuration and the data directory, then exit
    #[arg(long)]
    pub dry_run: bool,
}

impl Args {
    /// The arguments that stand for keys of the configuration.
    pub fn overrides(&self) -> Vec<Override> {
        let set = |flag, key, value: String| Override { flag, key, value };
        let mut flags = Vec::new();
        if !self.listen.is_empty() {
            flags.push(set("--listen", "p2p.listen", self.listen.join(",")));
        }
        if !self.bootstrap.is_empty() {
            flags.push(set("--bootstrap", "p2p.bootstrap", self.bootstrap.join(",")));
        }
        if let Some(http) = &self.http {
            flags.push(set("--http", "http.listen", http.clone()));
        }
        if self.seed_only {
            flags.push(set("--seed-only", "node.role", "seed".to_owned()));
        }
        flags
    }
}
