//! What was published before: the root, the channel's head, and old releases' bytes.
//!
//! A publisher needs them to continue the chain and to make patches. They come from a running node, or from
//! this machine's data directory when none runs. Whatever a ledger says about heads and manifests is checked
//! against the root by [`Trusted`]; bytes are checked against the digests that were asked for.
//! All calls block.

use std::{error::Error, io::Write};

use updraft_protocol::{
    Blob, ChannelName, Digest, Hasher, Head, Listing, Manifest, Role, Root, Signed, Verified,
    codec::{self, DecodeError},
    limits::MAX_ROOT_STEPS,
    root::{self, RootError},
    signed::VerifyError,
};

use crate::store::{Store, StoreError};

/// Why a ledger did not answer.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {what}")]
pub struct LedgerError {
    /// What was asked for.
    pub what: String,
    /// Why not.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl LedgerError {
    /// A failure to read `what`.
    pub fn new(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { what: what.into(), source: source.into() }
    }
}

/// Somebody who remembers: roots, and whatever else it answers for; the rest it does not hold. No answer is believed without
/// a check. Who stands before another ledger hands on every question.
pub trait Ledger {
    /// The root of a version.
    fn root(&self, version: u64) -> Result<Option<Signed<Root>>, LedgerError>;

    /// The newest head of a channel.
    fn head(&self, _channel: &ChannelName) -> Result<Option<Signed<Head>>, LedgerError> {
        Ok(None)
    }

    /// The head of a channel with this number.
    fn head_at(
        &self,
        _channel: &ChannelName,
        _seq: u64,
    ) -> Result<Option<Signed<Head>>, LedgerError> {
        Ok(None)
    }

    /// The manifest of a release that a channel lists.
    fn manifest(
        &self,
        _channel: &ChannelName,
        _listing: &Listing,
    ) -> Result<Option<Signed<Manifest>>, LedgerError> {
        Ok(None)
    }

    /// An object.
    fn object(&self, _digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(None)
    }

    /// Copies a blob; `false` if it is not held. What was written before an error is worth nothing.
    fn blob(&self, _blob: &Blob, _out: &mut dyn Write) -> Result<bool, LedgerError> {
        Ok(false)
    }
}

/// Knows roots from the first on and nothing else: enough to judge who may sign, on a machine that has joined
/// nothing. Not fit for making a release, because a channel's head would seem not to exist.
#[derive(Debug, Clone)]
pub struct OnlyRoots(pub Vec<Signed<Root>>);

impl Ledger for OnlyRoots {
    fn root(&self, version: u64) -> Result<Option<Signed<Root>>, LedgerError> {
        let index = usize::try_from(version).ok().and_then(|version| version.checked_sub(1));
        Ok(index.and_then(|index| self.0.get(index)).cloned())
    }
}

/// What another ledger knows, and after its roots those of `roots`: a project keeps the roots that were made
/// in it, also before this machine's node has heard of them.
pub struct WithRoots<'a> {
    /// The other ledger.
    pub ledger: &'a dyn Ledger,
    /// Roots from the first on.
    pub roots: OnlyRoots,
}

impl Ledger for WithRoots<'_> {
    fn root(&self, version: u64) -> Result<Option<Signed<Root>>, LedgerError> {
        match self.ledger.root(version)? {
            Some(root) => Ok(Some(root)),
            None => self.roots.root(version),
        }
    }

    fn head(&self, channel: &ChannelName) -> Result<Option<Signed<Head>>, LedgerError> {
        self.ledger.head(channel)
    }

    fn head_at(
        &self,
        channel: &ChannelName,
        seq: u64,
    ) -> Result<Option<Signed<Head>>, LedgerError> {
        self.ledger.head_at(channel, seq)
    }

    fn manifest(
        &self,
        channel: &ChannelName,
        listing: &Listing,
    ) -> Result<Option<Signed<Manifest>>, LedgerError> {
        self.ledger.manifest(channel, listing)
    }

    fn object(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        self.ledger.object(digest)
    }

    fn blob(&self, blob: &Blob, out: &mut dyn Write) -> Result<bool, LedgerError> {
        self.ledger.blob(blob, out)
    }
}

impl std::fmt::Debug for WithRoots<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WithRoots({} roots)", self.roots.0.len())
    }
}

/// The data directory of this machine. Whoever opens the store holds the directory's lock.
impl Ledger for Store {
    fn root(&self, version: u64) -> Result<Option<Signed<Root>>, LedgerError> {
        let roots = self.roots(version.saturating_sub(1), 1).map_err(failed("the trust root"))?;
        Ok(roots.into_iter().next())
    }

    fn head(&self, channel: &ChannelName) -> Result<Option<Signed<Head>>, LedgerError> {
        self.newest_head(channel).map_err(failed("the channel's head"))
    }

    fn head_at(
        &self,
        channel: &ChannelName,
        seq: u64,
    ) -> Result<Option<Signed<Head>>, LedgerError> {
        Self::head(self, channel, seq).map_err(failed("a head of the channel"))
    }

    fn manifest(
        &self,
        _: &ChannelName,
        listing: &Listing,
    ) -> Result<Option<Signed<Manifest>>, LedgerError> {
        Self::manifest(self, &listing.manifest).map_err(failed("a manifest"))
    }

    fn object(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        Self::object(self, digest).map_err(failed("an object"))
    }

    fn blob(&self, blob: &Blob, out: &mut dyn Write) -> Result<bool, LedgerError> {
        let Some(mut bytes) = self.open_blob(&blob.digest).map_err(failed("a blob"))? else {
            return Ok(false);
        };
        std::io::copy(&mut bytes, out).map_err(|error| LedgerError::new("a blob", error))?;
        Ok(true)
    }
}

fn failed(what: &'static str) -> impl FnOnce(StoreError) -> LedgerError {
    move |error| LedgerError::new(what, error)
}

/// Why what a ledger said is not believed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It has no root at all.
    #[error("no trust root is known here")]
    NoRoot,
    /// Its roots do not follow from the one that is trusted.
    #[error("the trust root is not the expected one")]
    Root(#[source] RootError),
    /// The root knows no such channel.
    #[error("the network has no channel `{channel}`; it has {}", known.join(", "))]
    NoChannel {
        /// The channel.
        channel: ChannelName,
        /// The channels there are.
        known: Vec<String>,
    },
    /// Its head is not signed as the root asks.
    #[error("the head of `{channel}` is not believed")]
    Head {
        /// The channel.
        channel: ChannelName,
        /// Why not.
        #[source]
        source: VerifyError,
    },
    /// The root names a head that is not here.
    #[error("`{channel}` goes on from head {seq}, which is not kept here")]
    NoBase {
        /// The channel.
        channel: ChannelName,
        /// The head's number.
        seq: u64,
    },
    /// A manifest is not the one listed, or not signed as the root asks.
    #[error("the manifest of {release} is not believed")]
    Manifest {
        /// Of which release.
        release: String,
        /// Why not.
        #[source]
        source: VerifyError,
    },
    /// Bytes that do not have the digest they were asked for by.
    #[error("{what} is damaged where it is kept")]
    Damaged {
        /// What.
        what: String,
    },
    /// An object that is not what its place says.
    #[error("an object cannot be read")]
    Object(#[source] DecodeError),
}

/// A manifest that is believed, and as it was signed.
#[derive(Debug)]
pub struct HeldManifest {
    /// With its signatures, to be handed on.
    pub signed: Signed<Manifest>,
    /// What it says.
    pub verified: Verified<Manifest>,
}

/// A ledger and the newest root, through which everything it says is checked.
pub struct Trusted<'a> {
    ledger: &'a dyn Ledger,
    root: Verified<Root>,
    /// Those before it, the first one first.
    former: Vec<Verified<Root>>,
}

impl std::fmt::Debug for Trusted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trusted(root {})", self.root.version)
    }
}

impl<'a> Trusted<'a> {
    /// Follows the chain of roots from the first one on, which has to be `first` if one is named: the file
    /// that `init` wrote protects a publisher from signing for a network that only has the same name.
    ///
    /// # Errors
    /// [`TrustError::NoRoot`], [`TrustError::Root`], [`TrustError::Ledger`].
    pub fn follow(ledger: &'a dyn Ledger, first: Option<&Digest>) -> Result<Self, TrustError> {
        let signed = ledger.root(1)?.ok_or(TrustError::NoRoot)?;
        let named = first.copied().unwrap_or_else(|| signed.digest());
        let mut trusted = root::trust_first(&signed, &named).map_err(TrustError::Root)?;
        let mut former = Vec::new();
        for version in 2..=MAX_ROOT_STEPS {
            let Some(next) = ledger.root(version)? else { break };
            let next = root::trust_next(&trusted, &next).map_err(TrustError::Root)?;
            former.push(std::mem::replace(&mut trusted, next));
        }
        Ok(Self { ledger, root: trusted, former })
    }

    /// The root that the chain begins with.
    pub fn first(&self) -> &Verified<Root> {
        self.former.first().unwrap_or(&self.root)
    }

    /// Every root of the chain, the first one first. What a ledger says of roots is never asked for twice: a second
    /// answer may be another one.
    pub fn roots(&self) -> impl Iterator<Item = &Verified<Root>> {
        self.former.iter().chain([&self.root])
    }

    /// The newest root.
    pub fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// Who may sign for a channel.
    ///
    /// # Errors
    /// [`TrustError::NoChannel`].
    pub fn role(&self, channel: &ChannelName) -> Result<&Role, TrustError> {
        self.root.release_role(channel).ok_or_else(|| TrustError::NoChannel {
            channel: channel.clone(),
            known: self.root.release.iter().map(|role| role.channel.to_string()).collect(),
        })
    }

    /// The channel's newest head: vouched for by the channel's keys, or the one that the root lets the channel
    /// go on from. A channel that the root lets begin anew has none until it is signed.
    ///
    /// # Errors
    /// [`TrustError::Head`] and those of [`Trusted::role`].
    pub fn head(&self, channel: &ChannelName) -> Result<Option<Verified<Head>>, TrustError> {
        let role = self.role(channel)?;
        let newest = self.ledger.head(channel)?;
        let failed = |source| TrustError::Head { channel: channel.clone(), source };
        let refused = match newest.map(|signed| signed.verify(&self.root.network, role)) {
            Some(Ok(head)) => return Ok(Some(head)),
            Some(Err(error)) => Some(error),
            None => None,
        };
        let Some(base) = self.root.base(channel) else {
            return refused.map_or(Ok(None), |source| Err(failed(source)));
        };
        let Some(named) = base.head else { return Ok(None) };
        match self.ledger.head_at(channel, base.seq)? {
            Some(signed) => {
                signed.verify_named(&self.root.network, &named).map(Some).map_err(failed)
            }
            None => Err(TrustError::NoBase { channel: channel.clone(), seq: base.seq }),
        }
    }

    /// The head of a number, if it is held and this root's keys vouch for it, or the root's base by the links that
    /// lead back from it: so a root can go back behind the one before it.
    ///
    /// # Errors
    /// As [`Trusted::head`].
    pub fn head_at(
        &self,
        channel: &ChannelName,
        seq: u64,
    ) -> Result<Option<Verified<Head>>, TrustError> {
        let role = self.role(channel)?;
        let Some(signed) = self.ledger.head_at(channel, seq)? else { return Ok(None) };
        let failed = |source| TrustError::Head { channel: channel.clone(), source };
        let refused = match signed.verify(&self.root.network, role) {
            Ok(head) => return Ok(Some(head)),
            Err(error) => error,
        };
        match self.linked(channel, seq)? {
            Some(named) => {
                signed.verify_named(&self.root.network, &named).map(Some).map_err(failed)
            }
            None => Err(failed(refused)),
        }
    }

    /// The digest of the head of a number, by the links back from the root's base; `None` where one is not held.
    fn linked(&self, channel: &ChannelName, seq: u64) -> Result<Option<Digest>, TrustError> {
        let Some(base) = self.root.base(channel) else { return Ok(None) };
        let (mut at, mut named) = (base.seq, base.head);
        while at > seq
            && let Some(digest) = named
        {
            let Some(signed) = self.ledger.head_at(channel, at)? else { return Ok(None) };
            let head = signed
                .verify_named(&self.root.network, &digest)
                .map_err(|source| TrustError::Head { channel: channel.clone(), source })?;
            named = head.prev;
            at -= 1;
        }
        Ok(named.filter(|_| at == seq))
    }

    /// A listed release's manifest with its signatures, if it is held.
    ///
    /// # Errors
    /// [`TrustError::Manifest`], [`TrustError::Damaged`] and those of [`Trusted::role`].
    pub fn manifest(
        &self,
        channel: &ChannelName,
        listing: &Listing,
    ) -> Result<Option<HeldManifest>, TrustError> {
        let role = self.role(channel)?;
        let Some(signed) = self.ledger.manifest(channel, listing)? else { return Ok(None) };
        let release = format!("{}@{}", listing.component, listing.version);
        if signed.digest() != listing.manifest {
            return Err(TrustError::Damaged { what: format!("the manifest of {release}") });
        }
        let verified = signed
            .verify(&self.root.network, role)
            .map_err(|source| TrustError::Manifest { release, source })?;
        Ok(Some(HeldManifest { signed, verified }))
    }

    /// A listed release's manifest, believed because the head names it, whoever of today's keys has signed it:
    /// for finding out which releases have to be signed again.
    ///
    /// # Errors
    /// [`TrustError::Manifest`] and those of [`Trusted::role`].
    pub fn named_manifest(
        &self,
        channel: &ChannelName,
        listing: &Listing,
    ) -> Result<Option<HeldManifest>, TrustError> {
        let Some(signed) = self.ledger.manifest(channel, listing)? else { return Ok(None) };
        let release = format!("{}@{}", listing.component, listing.version);
        let verified = signed
            .verify_named(&self.root.network, &listing.manifest)
            .map_err(|source| TrustError::Manifest { release, source })?;
        Ok(Some(HeldManifest { signed, verified }))
    }

    /// An object of a known type, if it is held.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Object`], [`TrustError::Ledger`].
    pub fn object<T: codec::Wire>(&self, digest: &Digest) -> Result<Option<T>, TrustError> {
        let Some(bytes) = self.ledger.object(digest)? else { return Ok(None) };
        if Digest::of(&bytes) != *digest {
            return Err(TrustError::Damaged { what: format!("the {} {digest}", T::NAME) });
        }
        codec::decode(&bytes).map(Some).map_err(TrustError::Object)
    }

    /// Copies a blob if it is held; `false` if not. What was written before an error is worth nothing.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Ledger`].
    pub fn blob(&self, blob: &Blob, out: &mut dyn Write) -> Result<bool, TrustError> {
        let mut hashing = Hashing { out, hasher: Hasher::new(), left: blob.size };
        if !self.ledger.blob(blob, &mut hashing)? {
            return Ok(false);
        }
        if hashing.left == 0 && hashing.hasher.finish() == blob.digest {
            return Ok(true);
        }
        Err(TrustError::Damaged { what: format!("the blob {}", blob.digest) })
    }
}

/// Hashes what is written, and takes no more than the blob has.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    hasher: Hasher,
    left: u64,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let over = || std::io::Error::other("the blob is longer than its manifest says");
        let most = u64::try_from(bytes.len()).map_err(|_| over())?;
        if most > self.left {
            return Err(over());
        }
        let written = self.out.write(bytes)?;
        self.left -= u64::try_from(written).map_err(|_| over())?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
