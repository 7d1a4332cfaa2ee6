//! How bytes change: from one version's files to the next one's, with as few bytes on the wire as can be.
//!
//! ```text
//!  publisher   Tree ─ contents ─┬─────────────── blob::compress_whole ──▶ whole blob ─┐
//!              (files in order) │                                                     ├─▶ chunk lists ─▶ manifest
//!                      old ─────┴─ matching ─▶ Equivalence ─▶ patch::create ─▶ patch ─┘
//!
//!  node        manifest × what is here × who holds what ─▶ journey ─▶ Route
//!              Route × blob × installed contents ─▶ assemble ─▶ contents ─▶ TreeWriter ─▶ files, each checked
//! ```
//!
//! | file | question it answers |
//! |---|---|
//! | [`read_at`] | how are old bytes read by position? |
//! | [`tree`] | which file does a byte of the contents belong to? |
//! | [`folder`] | how are a folder's names, modes and contents one stream? |
//! | [`blob`] | how are contents compressed whole, and a blob cut into chunks? |
//! | `whole` | what makes programs smaller before they are compressed? |
//! | [`container`] | which bytes are compressed inside of the contents, and how do they become so again? |
//! | `executable` | which byte lies at which address, and what leads where? |
//! | [`matching`] | which parts of the new bytes resemble which old ones? |
//! | [`patch`] | how is that written, read and refused? |
//! | `entropy` | how do symbols become bits? |
//! | [`offer`] | what does a publisher offer, and is a patch worth offering? |
//! | [`rates`] | how fast do things go on this machine? |
//! | [`plan`] | what does a route cost this node? |
//! | [`mod@journey`] | which way is the cheapest, straight or through other releases? |
//! | [`reuse`] | what of a whole artifact need not be fetched, because the files lie here? |
//! | [`mod@assemble`] | how is a route followed? |
//! | [`error`] | what can go wrong, and whose fault is it? |
//!
//! The crate is pure: bytes come as slices, [`ReadAt`] or `Read` and leave through `Write`. It knows no path of
//! a disk, no peer and no clock. Nothing it is given is trusted: sizes are compared with what the signed
//! manifest says before memory is taken, and a result counts only when its digest is the one announced.

pub mod assemble;
pub mod blob;
pub mod container;
mod entropy;
pub mod error;
mod executable;
pub mod folder;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
pub mod journey;
pub mod matching;
pub mod offer;
pub mod patch;
pub mod plan;
pub mod rates;
pub mod read_at;
pub mod reuse;
pub mod tree;
mod whole;

pub use assemble::{assemble, assemble_tree};
pub use blob::{Described, Level};
pub use error::{
    AssembleError, Blame, BlobError, ContainerError, CreateError, FolderError, FrameError,
    PatchError, SplitError, StreamError,
};
pub use folder::{FolderSink, FolderStream, FolderWriter, Sides};
pub use journey::Journey;
pub use plan::Route;
pub use rates::{Gauge, Measured, Rates};
pub use read_at::{ReadAt, Tail};
pub use tree::{Contents, FileSink, FileSource, TreeWriter};
