//! The listings of kept versions, so that a version can be checked and read with no peer at hand.
//!
//! `trees/<hex>` holds the encoded [`Tree`] of that digest. Beside `versions`, never in it: no release can
//! have a file that is taken for one.

use std::{collections::BTreeSet, io::Read as _};

use updraft_protocol::{Digest, ReleaseVersion, Tree, codec, limits::MAX_OBJECT};

use super::{Installer, beneath::Folder, error::InstallError, stage::TEMPORARY};

/// Keeps a listing; durable when it returns.
pub(super) fn keep(trees: &Folder, digest: &Digest, encoded: &[u8]) -> Result<(), InstallError> {
    let name = digest.to_hex();
    if read(trees, digest)?.is_some_and(|held| held == encoded) {
        return Ok(());
    }
    trees.write_durable(&format!("{TEMPORARY}{name}"), &name, encoded)
}

/// The bytes of a listing's file, at most one more than a listing may have.
fn read(trees: &Folder, digest: &Digest) -> Result<Option<Vec<u8>>, InstallError> {
    let name = digest.to_hex();
    let Some(file) = trees.file(&name)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(MAX_OBJECT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(InstallError::io("read", trees.path_of(&name)))?;
    Ok(Some(bytes))
}

impl Installer {
    /// The listing of a kept version, checked against the digest in the journal.
    pub fn listing(&self, version: &ReleaseVersion) -> Result<Tree, InstallError> {
        let digest = self.slot(version)?.tree;
        let lost = |what| InstallError::ListingLost { version: version.clone(), what };
        let bytes = read(&self.trees, &digest)?.ok_or_else(|| lost("gone"))?;
        if Digest::of(&bytes) != digest {
            return Err(lost("damaged"));
        }
        codec::decode(&bytes).map_err(|_| lost("damaged"))
    }

    /// Removes listings that no kept version has. One that cannot be removed costs room and nothing else.
    pub(super) fn remove_stray_listings(&self) -> Result<(), InstallError> {
        let kept: BTreeSet<String> =
            self.state.slots().values().map(|slot| slot.tree.to_hex()).collect();
        for name in self.trees.names()? {
            let is_ours = name.starts_with(TEMPORARY) || name.parse::<Digest>().is_ok();
            if is_ours && !kept.contains(&name) {
                self.trees.unlink_if_there(&name)?;
            }
        }
        Ok(())
    }
}
