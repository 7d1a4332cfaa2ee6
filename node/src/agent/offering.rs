//! A root that a person hands in: judged like one that a peer sends, kept, then told to everybody.

use updraft_protocol::{Root, Signed, root::RootError, signed::VerifyError};

use super::{order::Reply, orders::answer, task::Agent};
use crate::{
    catalog::Refusal,
    problem::{Code, Problem},
};

impl Agent {
    pub(super) async fn on_offer_root(&mut self, root: Signed<Root>, reply: Reply<u64>) {
        let digest = root.digest();
        // Handing in the root in force changes nothing.
        if self.machine.catalog().root().digest() != digest {
            match self.machine.take_root(root, self.now()) {
                Ok(actions) => self.carry_out(actions).await,
                Err(refusal) => return answer(reply, Err(refused(&refusal))),
            }
            self.publish_status().await;
        }
        let store = self.context.store.clone();
        let kept = tokio::task::spawn_blocking(move || store.newest_root()).await;
        let is_kept = matches!(&kept, Ok(Ok(Some(newest))) if newest.digest() == digest);
        let version = self.machine.catalog().root().version;
        answer(
            reply,
            match is_kept {
                true => Ok(version),
                false => Err(Problem::new(Code::FileUnusable, "the root could not be kept")
                    .hint("look into the node's log, then hand it in again")),
            },
        );
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let code = match refusal {
        Refusal::Root(
            RootError::OldKeys { source: VerifyError::Threshold(_), .. }
            | RootError::OwnKeys { source: VerifyError::Threshold(_), .. },
        ) => Code::ThresholdNotMet,
        Refusal::Root(RootError::WrongVersion { expected, offered }) if offered < expected => {
            Code::RollbackAttack
        }
        Refusal::Root(RootError::WrongVersion { .. } | RootError::WrongLink { .. }) => {
            Code::RootMismatch
        }
        _ => Code::SignatureInvalid,
    };
    Problem::from_error(code, refusal).hint("the root in force: `updraft trust show`")
}
