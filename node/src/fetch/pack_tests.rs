//! Packs through the whole room.
