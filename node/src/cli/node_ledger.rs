//! What a running node knows of earlier releases, asked over its API; and the door a new one leaves by.
//!
//! Answers are bounded before they are read and believed by nobody: `publish::ledger` checks them.

use std::{io::Write, path::Path, time::Duration};

use http_body_util::BodyExt as _;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{runtime::Runtime, time::Instant};
use updraft_protocol::{
    Blob, ChannelName, Digest, Head, KeyId, Listing, Manifest, Root, Signed, Statement,
    codec::{self, Wire},
    limits::MAX_OBJECT,
};

use super::{
    Context,
    client::{Client, Places, segment},
};
use crate::{
    api::{
        BUNDLE_TYPE, ROOT_TYPE, STATEMENT_TYPE,
        types::{Page, Published, Replicas, RootTaken, Said, StatementLine, Status},
    },
    problem::{Code, Problem},
    publish::ledger::{Ledger, LedgerError},
};

/// How often a node is asked how many peers hold a release.
const REPLICAS_EVERY: Duration = Duration::from_millis(500);
/// How long a publisher waits for replicas: as long as a person watches a slow link.
const REPLICAS_WAIT: Duration = Duration::from_secs(600);

/// A running node, asked by a program that waits.
#[derive(Debug)]
pub(super) struct NodeLedger {
    client: Client,
    runtime: Runtime,
}

/// The node that answers here; `None` if none runs. A node that was named and does not answer is an error.
pub(super) fn find(context: &Context) -> Result<Option<NodeLedger>, Problem> {
    let runtime = context.runtime()?;
    match runtime.block_on(Client::find(&Places::of(context)?)) {
        Ok(client) => Ok(Some(NodeLedger { client, runtime })),
        Err(problem) if problem.code == Code::NodeNotRunning && context.global.api.is_none() => {
            Ok(None)
        }
        Err(problem) => Err(problem),
    }
}

/// The node that answers here.
pub(super) fn require(context: &Context) -> Result<NodeLedger, Problem> {
    let runtime = context.runtime()?;
    let client = runtime.block_on(Client::find(&Places::of(context)?))?;
    Ok(NodeLedger { client, runtime })
}

impl NodeLedger {
    /// Addresses the node listens on, with its peer id.
    pub(super) fn listening(&self) -> Result<Vec<String>, Problem> {
        let status: Status = self.runtime.block_on(self.client.get("/api/v1/status"))?;
        Ok(status.listening)
    }

    /// Asks for a JSON answer.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.runtime.block_on(self.client.get(path))
    }

    /// Orders something and reads the JSON answer.
    pub(super) fn post<B, T>(&self, path: &str, body: &B) -> Result<T, Problem>
    where
        B: Serialize + Sync,
        T: DeserializeOwned,
    {
        self.runtime.block_on(self.client.post(path, body))
    }

    /// Hands a bundle over; the node verifies it, keeps it and announces it.
    pub(super) fn upload(&self, bundle: &Path) -> Result<Published, Problem> {
        self.runtime.block_on(self.client.upload("/api/v1/releases", bundle, BUNDLE_TYPE))
    }

    /// Hands a statement over; the node judges it, keeps it and tells everybody.
    pub(super) fn say(&self, statement: &Statement) -> Result<Said, Problem> {
        self.hand_in("/api/v1/statements", statement)
    }

    /// Hands a statement over at an address of its own.
    pub(super) fn hand_in(&self, path: &str, statement: &Statement) -> Result<Said, Problem> {
        let bytes = codec::encode(statement)
            .map_err(|error| Problem::from_error(Code::SourceRefused, &error))?;
        self.runtime.block_on(self.client.hand_in(path, bytes, STATEMENT_TYPE))
    }

    /// How many pauses of a key on a channel the node remembers, in force or over.
    pub(super) fn pauses_by(&self, key: &KeyId, channel: &ChannelName) -> Result<usize, Problem> {
        let page: Page<StatementLine> =
            self.runtime.block_on(self.client.get("/api/v1/statements"))?;
        let mut count = 0;
        for line in page.items.iter().filter(|line| line.kind == "brake") {
            let path = format!("/api/v1/statements/{}", segment(&line.id));
            // One that ended in between takes no place any more.
            let Some(statement) = self.signed::<Statement>("a statement", &path)? else { continue };
            if let Statement::Brake(signed) = statement
                && signed.peek().is_ok_and(|brake| brake.by == *key && brake.channel == *channel)
            {
                count += 1;
            }
        }
        Ok(count)
    }

    /// Hands the next root over; the node verifies it, keeps it and tells the network.
    pub(super) fn offer_root(&self, root: &Signed<Root>) -> Result<RootTaken, Problem> {
        let bytes = codec::encode(root)
            .map_err(|error| Problem::from_error(Code::RequestInvalid, &error))?;
        self.runtime.block_on(self.client.hand_in("/api/v1/trust/root", bytes, ROOT_TYPE))
    }

    /// Waits until `wanted` peers hold a release, and tells each change.
    pub(super) fn wait_for_replicas(
        &self,
        manifest: &Digest,
        wanted: usize,
        mut told: impl FnMut(usize),
    ) -> Result<usize, Problem> {
        self.runtime.block_on(async {
            let path = format!("/api/v1/replicas/{}", segment(&manifest.to_string()));
            let deadline = Instant::now() + REPLICAS_WAIT;
            let mut tick = tokio::time::interval(REPLICAS_EVERY);
            let mut last = None;
            loop {
                tick.tick().await;
                let replicas: Replicas = self.client.get(&path).await?;
                if last != Some(replicas.replicas) {
                    told(replicas.replicas);
                    last = Some(replicas.replicas);
                }
                if replicas.replicas >= wanted {
                    return Ok(replicas.replicas);
                }
                if Instant::now() >= deadline {
                    let detail =
                        format!("{} of {wanted} peers hold the release", replicas.replicas);
                    return Err(Problem::new(Code::NoProviders, detail)
                        .cause(format!("waited {} s", REPLICAS_WAIT.as_secs()))
                        .hint("it is announced; peers that come later still fetch it"));
                }
            }
        })
    }

    /// Bytes at a path of the API; `None` if the node has nothing there.
    fn held(&self, what: &str, path: &str, limit: usize) -> Result<Option<Vec<u8>>, LedgerError> {
        match self.runtime.block_on(self.client.bytes(path, limit)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(problem) => absent(what, problem).map(|()| None),
        }
    }

    fn signed<T: Wire>(&self, what: &str, path: &str) -> Result<Option<T>, LedgerError> {
        let Some(bytes) = self.held(what, path, T::MAX)? else { return Ok(None) };
        codec::decode(&bytes).map(Some).map_err(|error| LedgerError::new(what, error))
    }
}

/// Tells "not held" from a failure.
fn absent(what: &str, problem: Problem) -> Result<(), LedgerError> {
    match problem.code {
        Code::ReleaseUnknown | Code::ComponentUnknown | Code::StatementUnknown => Ok(()),
        _ => Err(LedgerError::new(what, problem)),
    }
}

impl Ledger for NodeLedger {
    fn root(&self, version: u64) -> Result<Option<Signed<Root>>, LedgerError> {
        self.signed("the trust root", &format!("/api/v1/trust/root/{version}"))
    }

    fn head(&self, channel: &ChannelName) -> Result<Option<Signed<Head>>, LedgerError> {
        self.signed("the channel's head", &format!("/api/v1/channels/{channel}/head"))
    }

    fn head_at(
        &self,
        channel: &ChannelName,
        seq: u64,
    ) -> Result<Option<Signed<Head>>, LedgerError> {
        self.signed("a head of the channel", &format!("/api/v1/channels/{channel}/head?seq={seq}"))
    }

    fn manifest(
        &self,
        channel: &ChannelName,
        listing: &Listing,
    ) -> Result<Option<Signed<Manifest>>, LedgerError> {
        let (component, version) = (&listing.component, segment(&listing.version.to_string()));
        let target = segment(listing.target.as_str());
        let path = format!(
            "/api/v1/releases/{component}/{version}/manifest?channel={channel}&target={target}"
        );
        self.signed("a manifest", &path)
    }

    fn object(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        let path = format!("/api/v1/objects/{}", segment(&digest.to_string()));
        self.held("an object", &path, MAX_OBJECT)
    }

    fn blob(&self, blob: &Blob, out: &mut dyn Write) -> Result<bool, LedgerError> {
        let path = format!("/api/v1/blobs/{}", segment(&blob.digest.to_string()));
        let failed = |error: Problem| LedgerError::new("a blob", error);
        self.runtime.block_on(async {
            let mut body = match self.client.stream(&path).await {
                Ok(body) => body,
                Err(problem) => return absent("a blob", problem).map(|()| false),
            };
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| {
                    failed(
                        Problem::new(Code::NodeNotRunning, "the node's answer broke off")
                            .cause(error.to_string()),
                    )
                })?;
                if let Some(bytes) = frame.data_ref() {
                    // `Trusted` refuses more than the blob has.
                    out.write_all(bytes).map_err(|error| LedgerError::new("a blob", error))?;
                }
            }
            Ok(true)
        })
    }
}

#[cfg(test)]
#[path = "node_ledger_tests.rs"]
mod tests;
