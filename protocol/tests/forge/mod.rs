//! How the bytes of every attack were made.
//!
//! Attackers do not use our encoder, so what is forged here is written by hand. The verdicts are not here: they
//! stand beside the bytes, in `attacks/<name>/attack.txt`.

mod ballot;
mod certificate;
mod head;
mod pack;
mod proof;
mod proposal;
mod root;
mod shape;
pub(crate) mod statement;
mod tree;
mod trust;

use updraft_protocol::{BootstrapAnswer, Root, codec};

use crate::samples;

/// What stands before the roots in an answer of bootstrap, and not in `roots.hex`.
pub(crate) const KIND_OF_ROOTS: [u8; 4] = [0; 4];

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
    let answer = codec::encode(&BootstrapAnswer::Roots(roots)).expect("an honest chain");
    answer[KIND_OF_ROOTS.len()..].to_vec()
}

/// Roots 1 to 4: the last one has an electorate that can decide something.
fn roots_of_voters() -> [Root; 4] {
    [samples::root_1(), samples::root_2(), samples::root_3(), samples::root_4()]
}

/// Offered to somebody who has followed these.
fn voting(name: &'static str, offered: Vec<u8>) -> Attack {
    Attack::after_roots(name, &roots_of_voters(), offered)
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
    attacks.extend(root::of_counts());
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
    attacks.extend(proposal::of_fractions());
    attacks.extend(proposal::of_times());
    attacks.extend(proposal::of_contents());
    attacks.extend(proposal::on_openers());
    attacks.extend(proposal::on_floors());
    attacks.extend(ballot::of_rules());
    attacks.extend(ballot::on_voters());
    attacks.extend(ballot::on_pairs());
    attacks.extend(ballot::of_pairs());
    attacks.extend(certificate::on_counts());
    attacks.extend(certificate::on_ballots());
    attacks.extend(certificate::on_proposals());
    attacks.extend(certificate::of_rules());
    attacks.extend(pack::of_ranges());
    attacks.extend(pack::of_bootstrap());
    attacks
}
