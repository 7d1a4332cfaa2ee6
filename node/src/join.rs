//! How a machine comes to believe a network: the chain of roots behind a ticket, kept in the data directory.
//!
//! A ticket names the first root by its digest, and that alone decides: peers are asked because they are
//! there, not because they are believed. The edge of `init` and `join`; it must never keep a root that does
//! not follow from the one that a person named, and never replace one that is kept.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use updraft_protocol::{
    Digest, Root, Signed, Ticket, Verified,
    limits::{MAX_ROOT_STEPS, MAX_ROOTS_PER_ANSWER},
    root::{RootError, trust_first, trust_next},
};

use crate::{
    lock::{DataLock, LockError},
    network::{
        Address, DialError, Network, NetworkMetrics, NetworkSettings, NodeKey, RequestError,
        StartError, Started,
    },
    publish::project,
    store::{Store, StoreError, StoreOptions, VerifyOnStart},
    whole,
};

/// Addresses kept to begin with after a restart. Tickets bring four each; the oldest go.
const MAX_BOOTSTRAP: usize = 64;
/// Bytes of the file that holds them, far more than that many lines take.
const MAX_BOOTSTRAP_FILE: u64 = 64 * 1024;

/// Why a machine did not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The ephemeral node did not start.
    #[error("cannot start to ask the network")]
    Start(#[source] StartError),
    /// Nobody at the ticket's addresses gave an answer; one line for each.
    #[error("nobody at the ticket's addresses answers")]
    NobodyAnswers {
        /// What happened at each address.
        tried: Vec<String>,
    },
    /// Who answered has another first root, or a chain that does not hold.
    #[error("{from} serves another trust root")]
    OtherRoot {
        /// Who.
        from: String,
        /// What is wrong with it.
        #[source]
        source: RootError,
    },
    /// Another process has the data directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store refused.
    #[error("the data directory does not take the trust root")]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Roots from the first to the newest, each believed because of the one before.
#[derive(Debug)]
pub struct Chain {
    first: Digest,
    roots: Vec<Signed<Root>>,
    newest: Verified<Root>,
}

impl Chain {
    /// Begins with the root of this digest.
    ///
    /// # Errors
    /// [`RootError`] if it is another, or not signed by its own keys.
    pub fn begin(first: Signed<Root>, named: &Digest) -> Result<Self, RootError> {
        let newest = trust_first(&first, named)?;
        Ok(Self { first: *named, roots: vec![first], newest })
    }

    /// Adds the next root.
    ///
    /// # Errors
    /// [`RootError`] if the newest does not vouch for it.
    pub fn follow(&mut self, next: Signed<Root>) -> Result<(), RootError> {
        self.newest = trust_next(&self.newest, &next)?;
        self.roots.push(next);
        Ok(())
    }

    /// The newest root.
    pub fn newest(&self) -> &Verified<Root> {
        &self.newest
    }

    /// Digest of the first root: what people compare.
    pub fn first(&self) -> Digest {
        self.first
    }
}

/// Asks the ticket's addresses, one after the other, for the chain of roots, with a node that exists for this
/// only. An address that answers wrongly is passed over; it may be a liar or a stranger.
///
/// # Errors
/// [`JoinError::OtherRoot`] if somebody answered but nobody with the ticket's root,
/// [`JoinError::NobodyAnswers`], [`JoinError::Start`].
pub async fn ask(ticket: &Ticket) -> Result<Chain, JoinError> {
    let stop = CancellationToken::new();
    let metrics = NetworkMetrics::register(&mut Registry::default());
    let settings = NetworkSettings { peers_min: 0, ..NetworkSettings::new(ticket.network) };
    let started = Network::start(settings, NodeKey::generate(), metrics, stop.clone())
        .await
        .map_err(JoinError::Start)?;
    let Started { network, mut events, task } = started;
    // Nothing that peers ask of this node is answered; unread events would stall it.
    let silent = tokio::spawn(async move { while events.recv().await.is_some() {} });
    let found = ask_each(&network, ticket).await;
    stop.cancel();
    // Both end because of the token; how they end says nothing about what was found.
    let _ = tokio::join!(task, silent);
    found
}

async fn ask_each(network: &Network, ticket: &Ticket) -> Result<Chain, JoinError> {
    let mut tried = Vec::new();
    let mut other_root = None;
    for text in &ticket.addresses {
        match ask_one(network, ticket, text).await {
            Ok(Ok(chain)) => return Ok(chain),
            Ok(Err(source)) => {
                let from = text.clone();
                other_root.get_or_insert(JoinError::OtherRoot { from, source });
            }
            Err(reason) => tried.push(format!("{text}: {reason}")),
        }
    }
    Err(other_root.unwrap_or(JoinError::NobodyAnswers { tried }))
}

/// What went wrong at one address, in a person's words.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("not an address")]
    NotAnAddress,
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("it does not serve this network")]
    Stranger,
}

/// The chain that one peer serves; `Ok(Err(…))` if it is not the ticket's.
async fn ask_one(
    network: &Network,
    ticket: &Ticket,
    text: &str,
) -> Result<Result<Chain, RootError>, NoAnswer> {
    let address: Address = text.parse().map_err(|_| NoAnswer::NotAnAddress)?;
    let peer = network.dial(address).await?;
    let mut chain: Option<Chain> = None;
    loop {
        let after = chain.as_ref().map_or(0, |chain| chain.newest.version);
        let roots = network.roots(peer, ticket.network, after).await?;
        let last_page = roots.len() < MAX_ROOTS_PER_ANSWER;
        for root in roots {
            let followed = match &mut chain {
                None => Chain::begin(root, &ticket.root).map(|begun| chain = Some(begun)),
                Some(chain) => chain.follow(root),
            };
            if let Err(error) = followed {
                return Ok(Err(error));
            }
        }
        let Some(chain) =
            chain.take_if(|chain| last_page || chain.newest.version >= MAX_ROOT_STEPS)
        else {
            if last_page {
                return Err(NoAnswer::Stranger);
            }
            continue;
        };
        return Ok(Ok(chain));
    }
}

/// Keeps a chain of roots and bootstrap addresses in the data directory. Doing it again changes nothing.
/// Blocks.
///
/// # Errors
/// [`JoinError::Lock`] while a node runs there, [`JoinError::Store`] if the directory believes another
/// network, [`JoinError::File`].
pub fn keep(data: &Path, chain: &Chain, addresses: &[String]) -> Result<(), JoinError> {
    if is_kept(data, chain, addresses)? {
        return Ok(());
    }
    let _lock = DataLock::acquire(data)?;
    let store = open_store(data)?;
    for root in &chain.roots {
        store.append_root(root)?;
    }
    add_bootstrap(data, addresses)
}

/// Whether there is nothing to do, seen without the lock, so that asking again does not need the node stopped.
fn is_kept(data: &Path, chain: &Chain, addresses: &[String]) -> Result<bool, JoinError> {
    let folder = data.join("trust").join(chain.newest.name.as_str());
    let mut kept = chain.roots.iter().zip(1_u64..).map(|(root, version)| {
        let there = project::read_root(&folder.join(format!("root.{version}")));
        matches!(there, Ok(Some(there)) if there.digest() == root.digest())
    });
    if !kept.all(|same| same) {
        return Ok(false);
    }
    let known = bootstrap(data)?;
    Ok(addresses.iter().all(|address| known.contains(address)))
}

/// Opens a data directory's store for a command. The caller holds the directory's lock.
///
/// # Errors
/// Those of [`Store::open`].
pub fn open_store(data: &Path) -> Result<Store, StoreError> {
    // Limits are the node's business, which fetches; a command only reads, or keeps a few roots.
    let options =
        StoreOptions { max_size: u64::MAX, min_free_disk: 0, verify: VerifyOnStart::None };
    Store::open(data, options)
}

fn bootstrap_file(data: &Path) -> PathBuf {
    data.join("bootstrap")
}

/// The addresses that this node begins with, in the order they were learnt. Blocks.
///
/// # Errors
/// [`JoinError::File`]; a file that is not there has none.
pub fn bootstrap(data: &Path) -> Result<Vec<String>, JoinError> {
    let path = bootstrap_file(data);
    let failed = |source| JoinError::File { doing: "read", path: path.clone(), source };
    let mut text = String::new();
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    io::Read::read_to_string(&mut io::Read::take(file, MAX_BOOTSTRAP_FILE), &mut text)
        .map_err(failed)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.take(MAX_BOOTSTRAP).map(str::to_owned).collect())
}

fn add_bootstrap(data: &Path, addresses: &[String]) -> Result<(), JoinError> {
    let mut all = bootstrap(data)?;
    let before = all.len();
    for address in addresses {
        if !all.contains(address) {
            all.push(address.clone());
        }
    }
    if all.len() == before {
        return Ok(());
    }
    let over = all.len().saturating_sub(MAX_BOOTSTRAP);
    all.drain(..over);
    let path = bootstrap_file(data);
    whole::replace::<io::Error>(&path, |file| writeln!(file, "{}", all.join("\n")))
        .map_err(|source| JoinError::File { doing: "write", path: path.clone(), source })
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
