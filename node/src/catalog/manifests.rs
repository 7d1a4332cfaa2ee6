//! Manifests: believed when the keys of their channel signed them and a trusted head names them. Pure.
//!
//! A channel's head may list what another channel's keys signed: that is how a release is promoted. So a manifest
//! is kept once, and each channel that lists it has its own say about it; none speaks for another.

use std::{collections::BTreeSet, sync::Arc};

use updraft_protocol::{
    ChannelName, ComponentName, Digest, KeyId, Listing, Manifest, ReleaseVersion, Signed, Target,
};

use super::{machine::Catalog, offers::Standing, refusal::Refusal};

/// A manifest that a trusted head names.
#[derive(Debug, Clone)]
pub struct Known {
    /// The signed bytes, for peers that ask.
    pub signed: Arc<Signed<Manifest>>,
    /// What they say.
    pub manifest: Arc<Manifest>,
    /// Who signed.
    pub signers: Vec<KeyId>,
}

impl Known {
    /// Whether a listing calls it what it is.
    pub(super) fn is_listed_as(&self, listing: &Listing) -> bool {
        name(&self.manifest) == (&listing.component, &listing.target, &listing.version)
    }
}

fn name(manifest: &Manifest) -> (&ComponentName, &Target, &ReleaseVersion) {
    (&manifest.component, &manifest.target, &manifest.version)
}

impl Catalog {
    /// Takes a manifest if a trusted head lists it and its channel's keys signed it.
    pub fn offer_manifest(&mut self, signed: &Arc<Signed<Manifest>>) -> Result<&Known, Refusal> {
        let digest = signed.digest();
        let known = self.verify_manifest(signed)?;
        let mut otherwise = None;
        let mut listed = false;
        for (_, listing) in self.listings().filter(|(_, listing)| listing.manifest == digest) {
            if known.is_listed_as(listing) {
                listed = true;
                break;
            }
            otherwise = Some(listing);
        }
        match (listed, otherwise) {
            (true, _) => Ok(self.manifests.entry(digest).or_insert(known)),
            (false, None) => Err(Refusal::NotListed(digest)),
            (false, Some(listing)) => {
                let text = |(c, t, v): (&ComponentName, &Target, &ReleaseVersion)| {
                    format!("{c}@{v} for {t}")
                };
                Err(Refusal::ListedOtherwise {
                    manifest: digest,
                    listed: text((&listing.component, &listing.target, &listing.version)),
                    is: text(name(&known.manifest)),
                })
            }
        }
    }

    /// Takes the manifest of a release that the trusted head of `channel` lists or withdraws; says which.
    pub fn offer_named(
        &mut self,
        channel: &ChannelName,
        signed: &Arc<Signed<Manifest>>,
    ) -> Result<Standing, Refusal> {
        if self.withdrawn(channel, &signed.digest()).is_some() {
            return self.restore_withdrawn(signed).map(|()| Standing::Withdrawn);
        }
        self.offer_manifest(signed).map(|_| Standing::Listed)
    }

    /// Takes up the manifest of a release that was withdrawn, so that a node which runs it can say so.
    pub fn restore_withdrawn(&mut self, signed: &Arc<Signed<Manifest>>) -> Result<(), Refusal> {
        let digest = signed.digest();
        if !self.withdrawals().any(|(_, withdrawn, _)| withdrawn.manifest == digest) {
            return Err(Refusal::NotListed(digest));
        }
        let known = self.verify_manifest(signed)?;
        self.manifests.entry(digest).or_insert(known);
        Ok(())
    }

    /// A manifest that is believed.
    pub fn manifest(&self, digest: &Digest) -> Option<&Known> {
        self.manifests.get(digest)
    }

    /// Digests that trusted heads list and whose manifests have not come yet.
    pub fn missing_manifests(&self) -> BTreeSet<Digest> {
        self.listings()
            .map(|(_, listing)| listing.manifest)
            .filter(|d| !self.manifests.contains_key(d))
            .collect()
    }

    /// Whether the keys of its channel signed a manifest, listed or not.
    pub fn vouches_for(&self, signed: &Signed<Manifest>) -> bool {
        let role =
            signed.peek().ok().and_then(|claim| self.root.release_role(&claim.channel).cloned());
        role.is_some_and(|role| {
            signed.verify(&self.root.network, self.doubts.authority(&role)).is_ok()
        })
    }

    fn verify_manifest(&self, signed: &Arc<Signed<Manifest>>) -> Result<Known, Refusal> {
        let claim = signed.peek().map_err(|error| Refusal::Unverified(error.into()))?;
        let role = self
            .root
            .release_role(&claim.channel)
            .ok_or_else(|| Refusal::UnknownChannel(claim.channel.clone()))?;
        let manifest = signed
            .verify(&self.root.network, self.doubts.authority(role))
            .map_err(|error| self.why_unverified(error, signed, role))?;
        let signers = manifest.signers().iter().copied().collect();
        Ok(Known { signed: signed.clone(), manifest: Arc::new(manifest.into_inner()), signers })
    }

    /// A release that its channel no longer lists is not on offer, whoever still has its manifest. What was
    /// withdrawn is remembered: somebody may run it.
    pub(super) fn forget_unlisted(&mut self) {
        let listed: BTreeSet<Digest> =
            self.listings().map(|(_, listing)| listing.manifest).collect();
        let withdrawn: BTreeSet<Digest> =
            self.withdrawals().map(|(_, withdrawn, _)| withdrawn.manifest).collect();
        self.manifests.retain(|digest, _| listed.contains(digest) || withdrawn.contains(digest));
        self.forget_attestations(&listed);
        self.index();
    }
}
