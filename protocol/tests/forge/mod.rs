//! How the bytes of every attack were made.
//!
//! Attackers do not use our encoder, so what is forged here is written by hand. The verdicts are not here: they
//! stand beside the bytes, in `attacks/<name>/attack.txt`.

mod head;
mod proof;
mod root;
mod shape;
pub(crate) mod statement;
mod tree;
mod trust;

use updraft_protocol::{BootstrapAnswer, Root, codec};

use crate::samples;

/// The bytes of one attack, by the names of their files without `.hex`.
pub(crate) struct Attack {
    /// Name of its folder.
    pub(crate) name: &'static str,
    /// Names and contents.
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
}

impl Attack {
    /// Bytes that are offered to somebody who trusts nothing yet.
    fn alone(name: &'static str, offered: Vec<u8>) -> Self {
        Self { name, files: vec![("offered", offered)] }
    }

    /// Bytes that are offered to somebody who has followed these roots.
    fn after_roots(name: &'static str, roots: &[Root], offered: Vec<u8>) -> Self {
        Self { name, files: vec![("roots", followed(roots)), ("offered", offered)] }
    }
}

/// A chain of honest roots, each signed by keys 2 and 3, which are in all of them.
fn followed(roots: &[Root]) -> Vec<u8> {
    let roots = roots.iter().map(|root| samples::signed(root, &[2, 3])).collect();
    codec::encode(&BootstrapAnswer { roots }).expect("an honest chain")
}

/// Every attack.
pub(crate) fn all() -> Vec<Attack> {
    let mut attacks = trust::on_signatures();
    attacks.extend(trust::on_roots());
    attacks.extend(trust::on_heads());
    attacks.extend(shape::of_encodings());
    attacks.extend(shape::of_lists());
    attacks.extend(shape::of_roles());
    attacks.extend(shape::of_rules());
    attacks.extend(root::of_roles());
    attacks.extend(root::of_channels());
    attacks.extend(root::on_what_is_kept());
    attacks.extend(head::of_rules());
    attacks.extend(head::on_bases());
    attacks.extend(statement::of_rules());
    attacks.extend(statement::on_speakers());
    attacks.extend(statement::on_domains());
    attacks.extend(statement::of_pages());
    attacks.extend(proof::on_channels());
    attacks.extend(proof::of_pairs());
    attacks.extend(tree::of_paths());
    attacks.extend(tree::of_listings());
    attacks
}
