//! Statements as people hand them in and read them: in words, with their end, and why one is refused.
//!
//! Believes nothing and keeps nothing; that is the catalog's and the machine's.

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use updraft_protocol::{
    Digest, Statement, Timestamp, codec, equivocation::ProvesNothing, limits::BRAKE_AGAIN,
    signed::VerifyError, vote::Decision,
};

use super::{machine::Machine, voting};
use crate::{
    catalog::Refusal,
    problem::{Code, Problem},
};

/// What became of a statement that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its name.
    pub id: Digest,
    /// The word for what it is.
    pub kind: &'static str,
    /// What it says.
    pub words: String,
    /// Whether this node had not heard it before.
    pub news: bool,
    /// Peers that were there when it was told.
    pub reached: usize,
}

/// A statement that this node believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    /// Its name.
    pub id: Digest,
    /// The word for what it is.
    pub kind: &'static str,
    /// What it says.
    pub words: String,
    /// When it matters no more; `None` if that is up to the trust root.
    pub expires: Option<Timestamp>,
    /// Its encoding.
    pub bytes: Vec<u8>,
}

impl<P: Copy + Ord + Debug + Display> Machine<P> {
    /// What is said beside heads and still matters, by id.
    pub fn statement_lines(&self) -> Vec<StatementLine> {
        self.catalog.said().iter().map(|(id, statement)| self.line(*id, statement)).collect()
    }

    fn line(&self, id: Digest, statement: &Arc<Statement>) -> StatementLine {
        StatementLine {
            id,
            kind: statement.kind(),
            words: in_words(statement, |release| self.name_of(release)),
            expires: end_of(statement),
            bytes: codec::encode(statement.as_ref())
                .expect("what was decoded and verified can be encoded"),
        }
    }
}

/// What a statement says, believed or not; `name_of` calls releases what people call them.
pub fn in_words(statement: &Statement, name_of: impl Fn(&Digest) -> String) -> String {
    let unreadable = |kind: &str| format!("a {kind} that cannot be read");
    let what = |release: &Option<Digest>, channel: &dyn Display| match release {
        Some(release) => format!("{} on `{channel}`", name_of(release)),
        None => format!("everything on `{channel}`"),
    };
    match statement {
        Statement::Heartbeat(signed) => signed.peek().map_or_else(
            |_| unreadable("heartbeat"),
            |word| {
                let (by, seq, channel, until) = (word.by, word.seq, &word.channel, word.expires());
                format!("witness {by} vouches for head {seq} of `{channel}` until {until}")
            },
        ),
        Statement::Brake(signed) => signed.peek().map_or_else(
            |_| unreadable("brake"),
            |brake| {
                let what = what(&brake.release, &brake.channel);
                let (by, until) = (brake.by, brake.expires);
                format!("key {by} pauses {what} until {until}: {}", brake.reason)
            },
        ),
        Statement::Lift(signed) => signed.peek().map_or_else(
            |_| unreadable("lift"),
            |lift| {
                let what = what(&lift.release, &lift.channel);
                format!("pauses of {what} from before {} end: {}", lift.issued, lift.reason)
            },
        ),
        Statement::Revocation(signed) => signed.peek().map_or_else(
            |_| unreadable("revocation"),
            |word| format!("key {} takes itself back for ever: {}", word.key, word.reason),
        ),
        Statement::Attestation(signed) => signed.peek().map_or_else(
            |_| unreadable("build attestation"),
            |word| {
                format!(
                    "builder {} got the tree {} from the sources {} of {}@{} for {}",
                    word.by, word.tree, word.source, word.component, word.version, word.target
                )
            },
        ),
        Statement::Equivocation(proof) => {
            let [first, second] = proof.heads();
            first.peek().map_or_else(
                |_| unreadable("proof"),
                |head| {
                    format!(
                        "two different heads {} of `{}` are signed: {} and {}",
                        head.seq,
                        head.channel,
                        first.digest(),
                        second.digest()
                    )
                },
            )
        }
        Statement::Proposal(signed) => signed.peek().map_or_else(
            |_| unreadable("proposal"),
            |proposal| voting::proposal_in_words(&proposal),
        ),
        Statement::Ballot(signed) => signed
            .peek()
            .map_or_else(|_| unreadable("ballot"), |ballot| voting::ballot_in_words(&ballot)),
        Statement::Certificate(certificate) => certificate.proposal.peek().map_or_else(
            |_| unreadable("certificate"),
            |proposal| {
                let what = match certificate.decision {
                    Decision::LockIn => "has decided",
                    Decision::Cancel => "has called off",
                };
                let voices = certificate.ballots.len();
                format!("a vote of {voices} {what}: {}", voting::proposal_in_words(&proposal))
            },
        ),
        Statement::DoubleVote(proof) => proof.by().map_or_else(
            || unreadable("proof"),
            |by| format!("elector {by} has signed two different ballots with one number"),
        ),
    }
}

/// When a statement matters no more, by itself. A pause still stands against the next one of its key after its end.
fn end_of(statement: &Statement) -> Option<Timestamp> {
    match statement {
        Statement::Heartbeat(signed) => Some(signed.peek().ok()?.expires()),
        Statement::Brake(signed) => Some(signed.peek().ok()?.expires),
        Statement::Lift(signed) => Some(signed.peek().ok()?.expires()),
        Statement::Revocation(_)
        | Statement::Attestation(_)
        | Statement::Equivocation(_)
        | Statement::Proposal(_)
        | Statement::Ballot(_)
        | Statement::Certificate(_)
        | Statement::DoubleVote(_) => None,
    }
}

/// A refusal in the words of the table that scripts rely on.
pub(super) fn refused(statement: &Statement, refusal: &Refusal) -> Problem {
    let detail = format!("this {} is refused: {refusal}", statement.kind());
    let problem = |code| Problem::new(code, detail.clone());
    match refusal {
        Refusal::Unverified(VerifyError::Threshold(_)) => problem(Code::ThresholdNotMet)
            .hint("`updraft sign FILE --key NAME` adds a signature to a statement in a file"),
        Refusal::Unverified(_) | Refusal::ProvesNothing(ProvesNothing::Unverified(_)) => {
            problem(Code::SignatureInvalid).hint(
                "it is damaged, or another network's: `updraft trust show` says which this is; have it made again",
            )
        }
        Refusal::UnknownKeys { .. } => problem(Code::ThresholdNotMet).hint(
            "the trust root has no such key in the role that this needs: `updraft trust show`",
        ),
        Refusal::NoSuchRole(_) => problem(Code::ThresholdNotMet)
            .hint("the root keys can give somebody this role: `updraft root begin`, then `updraft root add-key`"),
        Refusal::RevokedKey => problem(Code::KeyRevoked)
            .hint("sign with another key: `updraft trust show` shows who may, `updraft status` who may no more"),
        Refusal::UnknownChannel(_) => problem(Code::ReleaseUnknown)
            .hint("channels are named in the trust root: `updraft status --json` lists them"),
        Refusal::NotListed(_) => problem(Code::ReleaseUnknown)
            .hint("`updraft list --all` shows what is on offer, `updraft check` asks peers"),
        Refusal::Expired { .. } | Refusal::FromTheFuture { .. } => {
            problem(Code::MetadataExpired).hint("look at the clocks of both machines")
        }
        Refusal::TooFewNow { .. } => problem(Code::ThresholdNotMet)
            .hint("`updraft sign FILE --key NAME` adds a signature to a statement in a file"),
        Refusal::TooSoon if !matches!(statement, Statement::Brake(_)) => {
            problem(Code::StatementRefused).hint("a minute later the same key is heard again")
        }
        Refusal::TooSoon => problem(Code::StatementRefused).hint(format!(
            "one brake key pauses the same thing once in {} days; take another key, or have the release keys \
             withdraw it with `updraft yank`",
            BRAKE_AGAIN / 86_400
        )),
        Refusal::Full { .. } => problem(Code::StatementRefused).hint(
            "take another brake key: `updraft brake … --key NAME`; or withdraw the release: `updraft yank`",
        ),
        _ => problem(Code::StatementRefused),
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::{Brake, Digest, NetworkId, SecretKey, Signed};

    use super::*;

    #[test]
    fn who_is_refused_reads_what_to_type() {
        let by = SecretKey::from_seed(&[1; 32]).public().id();
        let brake = Brake {
            network: NetworkId::from_bytes([1; 32]),
            by,
            channel: "stable".parse().expect("a channel"),
            release: None,
            issued: Timestamp::from_seconds(1),
            expires: Timestamp::from_seconds(2),
            reason: String::new(),
        };
        let statement = Statement::Brake(Signed::unsigned(&brake).expect("within limits"));
        let (named, got) = (Digest::of(b"a"), Digest::of(b"b"));
        for (refusal, code) in [
            (VerifyError::OtherThanNamed { named, got }.into(), Code::SignatureInvalid),
            (Refusal::NoSuchRole("brake"), Code::ThresholdNotMet),
            (Refusal::RevokedKey, Code::KeyRevoked),
            (Refusal::UnknownChannel(brake.channel.clone()), Code::ReleaseUnknown),
            (Refusal::TooSoon, Code::StatementRefused),
            (Refusal::Full { by }, Code::StatementRefused),
        ] {
            let problem = refused(&statement, &refusal);
            assert_eq!(problem.code, code, "{refusal}");
            let hint = problem.hint.unwrap_or_default();
            assert!(hint.contains("`updraft "), "{refusal}: {hint}");
        }
    }
}
