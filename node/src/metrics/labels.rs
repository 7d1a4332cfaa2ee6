//! The labels of the families: closed sets, and what this node itself runs.

use std::fmt::{self, Write};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
                encoder.write_str(match self { $(Self::$variant => $text,)* })
            }
        }
    )*};
}

labels! {
    /// What became of a manifest that arrived.
    Verdict {
        /// Believed and kept.
        Accepted "accepted",
        /// Known already.
        Known "known",
        /// A newer one is known.
        Superseded "superseded",
        /// Not believed.
        Refused "refused",
    }
    /// Which way bytes went.
    Direction {
        /// To this node.
        In "in",
        /// From this node.
        Out "out",
    }
    /// Where chunk bytes came from or went to.
    Source {
        /// Another node.
        Peer "peer",
        /// This node's own disk.
        Local "local",
    }
    /// Why bytes did not have to be fetched.
    Saving {
        /// A patch took the place of the whole.
        Delta "delta",
        /// The chunks were here already.
        Chunks "chunks",
    }
    /// Signed things that expire.
    Expiring {
        /// The trust root.
        Root "root",
        /// The head of the channel that expires first.
        Release "release",
    }
    /// How an update ended.
    UpdateResult {
        /// The new version runs.
        Ok "ok",
        /// It failed before anything was switched.
        Failed "failed",
        /// It was switched back.
        RolledBack "rolled_back",
    }
    /// How electors stand in a vote.
    Choice {
        /// For it, ready or not.
        Yes "yes",
        /// Against it.
        No "no",
        /// Neither.
        Abstain "abstain",
        /// For it and ready: a part of yes.
        Ready "ready",
        /// To call it off.
        Cancel "cancel",
    }
    /// Who wanted a rollback.
    Trigger {
        /// A person or a program, through the API.
        Request "request",
        /// The node itself, after a failure.
        Failure "failure",
    }
}

macro_rules! label_sets {
    ($($name:ident { $($field:ident: $type:ty),* })*) => {$(
        #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub(super) struct $name { $(pub(super) $field: $type,)* }
    )*};
}

label_sets! {
    Build { version: &'static str, revision: &'static str, rustc: &'static str, target: &'static str }
    ByVerdict { verdict: Verdict }
    ByReason { reason: &'static str }
    ByChannel { channel: String }
    ByState { state: &'static str }
    ByProposal { proposal: String }
    ByChoice { proposal: String, choice: Choice }
    ByRole { network: String, role: Expiring }
    ByMove { direction: Direction, source: Source }
    BySaving { by: Saving }
    Installed { component: String, channel: String, version: String, state: &'static str }
    Available { component: String, severity: &'static str }
    Held { component: String, reason: &'static str }
    ByResult { component: String, result: UpdateResult }
    ByPhase { component: String, phase: &'static str }
    ByTrigger { component: String, trigger: Trigger }
    Request { route: &'static str, method: &'static str, code: u16 }
    ByRoute { route: &'static str }
}
