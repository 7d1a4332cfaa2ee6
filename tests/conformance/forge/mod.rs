//! How the objects of every case were made: by whom they are signed and what is wrong with them.
//!
//! What has to come of an object is not here: it stands beside the bytes, in the case's `story.txt`. Everything
//! is counted from a moment `zero`, so the same cases are forged for the files (a fixed day) and for a program
//! that reads a clock (today).

mod basic;
mod brake;
mod expiration;
mod freeze;
mod heartbeat;
mod keys;
mod people;
mod rollback;
mod rotation;
mod scene;

use updraft_protocol::Timestamp;

pub(super) use self::scene::{NETWORK, Scene};

/// Every case, by its folder below `cases/`.
pub(super) fn all(zero: Timestamp) -> Vec<Scene> {
    let mut scenes = basic::scenes(zero);
    scenes.extend(expiration::scenes(zero));
    scenes.extend(keys::scenes(zero));
    scenes.extend(rollback::scenes(zero));
    scenes.extend(rotation::scenes(zero));
    scenes.extend(freeze::scenes(zero));
    scenes.extend(brake::scenes(zero));
    scenes.extend(heartbeat::scenes(zero));
    scenes.extend(people::scenes(zero));
    scenes
}
