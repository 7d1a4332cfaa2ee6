//! Stub.
use super::{
    action::{Action, Now},
    machine::Machine,
    operation::OperationId,
};
use crate::catalog::Known;
use std::fmt::{Debug, Display};
use updraft_protocol::{ComponentName, Digest};
pub(super) struct Staged {
    pub(super) selftest: Digest,
}
impl<P: Copy + Ord + Debug + Display> Machine<P> {
    pub(super) fn stage(
        &mut self,
        _: &ComponentName,
        _: &Known,
        _: u32,
        _: &str,
        _: Now,
        _: &mut Vec<Action<P>>,
    ) -> Option<OperationId> {
        None
    }
    pub(super) fn staged(&self, _: &ComponentName, _: &Digest) -> Option<&Result<Staged, String>> {
        None
    }
    pub(super) fn may_stage(&self, _: &ComponentName, _: &Known, _: Now) -> bool {
        false
    }
}
