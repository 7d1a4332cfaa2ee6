//! The parts of a page, from the verdict to the single node. Each is a picture, and a table with the same numbers.

pub(super) mod compared;
mod groups;
mod head;
mod machines;
pub(super) mod spread;

pub(super) use self::{
    groups::{groups, told, votes},
    head::{broken, ending, head, judged, verdict},
    machines::{nodes, timeline},
};
