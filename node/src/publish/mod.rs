//! Where a release is made: files become blobs, a manifest and a head, are signed, and leave for a node.

pub mod source;
