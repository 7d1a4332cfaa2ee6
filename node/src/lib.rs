//! The Updraft node, room by room.

pub mod network;
