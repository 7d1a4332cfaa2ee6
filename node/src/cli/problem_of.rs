//! What a publisher's rooms refuse, as problems: code, causes, and the next thing to do.
//!
//! The rooms know nothing of codes; this is their border. Nothing here decides what is refused.

use std::{error::Error, io};

use updraft_protocol::{root::RootError, signed::VerifyError};

use crate::{
    bundle::BundleError,
    join::JoinError,
    keys::KeyError,
    lock::LockError,
    problem::{Code, Problem},
    publish::{
        PublishError,
        build::BuildError,
        founding::FoundingError,
        head::HeadError,
        ledger::{LedgerError, TrustError},
        project::ProjectError,
        rootdraft::DraftError,
        sign::SignError,
        source::SourceError,
    },
    secret::SecretError,
    store::StoreError,
};

/// A full disk is told as such, wherever in the chain it is met.
pub(super) fn file_code(error: &(dyn Error + 'static)) -> Code {
    let mut next = Some(error);
    while let Some(error) = next {
        let full = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(full, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
            return Code::DiskFull;
        }
        next = error.source();
    }
    Code::FileUnusable
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let code = match &error {
            KeyError::Unknown { .. } => Code::KeyUnknown,
            KeyError::NotAReference(_) | KeyError::BadPassword(_) => Code::RequestInvalid,
            KeyError::File(SecretError::Exposed { .. })
            | KeyError::Damaged { .. }
            | KeyError::OtherName { .. }
            | KeyError::OtherKey(_)
            | KeyError::PasswordNeeded(_)
            | KeyError::NewPasswordNeeded(_)
            | KeyError::WrongPassword(_)
            | KeyError::Cancelled => Code::KeyLocked,
            KeyError::Exists(_) | KeyError::File(_) | KeyError::Io { .. } => file_code(&error),
            KeyError::NoRandomness(_) => Code::Failed,
        };
        let problem = Self::from_error(code, &error);
        match error {
            KeyError::Unknown { known, .. } if known.is_empty() => {
                problem.hint("make one with `updraft key generate NAME`")
            }
            KeyError::Unknown { known, .. } => {
                problem.cause(format!("there are {}", known.join(", ")))
            }
            KeyError::PasswordNeeded(_) => problem.hint(
                "name a file that holds the password with UPDRAFT_KEY_PASSWORD_FILE, or an open \
                 descriptor with UPDRAFT_KEY_PASSWORD_FD",
            ),
            KeyError::NewPasswordNeeded(_) => problem.hint(
                "name a file that holds the new one with UPDRAFT_KEY_NEW_PASSWORD_FILE, or keep the \
                 key unprotected with `--no-password`",
            ),
            KeyError::OtherName { .. } => problem.hint("use `file:PATH`, or rename the file"),
            _ => problem,
        }
    }
}

impl From<BundleError> for Problem {
    fn from(error: BundleError) -> Self {
        let code = match &error {
            BundleError::Io { .. } => file_code(&error),
            // A bundle that is not as it was written: the same for a node that is handed it.
            BundleError::Damaged(_)
            | BundleError::Header(_)
            | BundleError::Length { .. }
            | BundleError::Unfitting(_)
            | BundleError::Missing(_) => Code::ChunkMismatch,
            BundleError::NotABundle(_) | BundleError::Unwritable(_) => Code::SourceRefused,
        };
        Self::from_error(code, &error)
    }
}

impl From<SignError> for Problem {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Key(error) => error.into(),
            SignError::Bundle(error) => error.into(),
            SignError::NotInRole { ref could, .. } => {
                let could = could.join(", ");
                Self::from_error(Code::ThresholdNotMet, &error)
                    .cause(format!("could sign {could}"))
                    .hint("sign with one of them: `--key NAME`; `updraft key list` shows those that are here")
            }
            SignError::TooFew { ref signed, ref could, .. } => {
                let names = |names: &[String]| match names {
                    [] => "nobody".to_owned(),
                    names => names.join(", "),
                };
                Self::from_error(Code::ThresholdNotMet, &error)
                    .cause(format!("signed by  {}", names(signed)))
                    .cause(format!("could sign {}", names(could)))
                    .hint("write it with `--out FILE`, and have it signed: `updraft sign FILE --key NAME`")
            }
        }
    }
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Self {
        let code = match &error {
            SourceError::Unreadable { .. } => file_code(&error),
            SourceError::Missing(_)
            | SourceError::Refused { .. }
            | SourceError::TooLarge { .. }
            | SourceError::Changed(_) => Code::SourceRefused,
        };
        let problem = Self::from_error(code, &error);
        match error {
            SourceError::Refused { others, .. } => {
                others.iter().fold(problem, |problem, other| problem.cause(other.to_string()))
            }
            _ => problem,
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        // What the node said is the problem; that it was asked is its circumstance.
        let LedgerError { what, source } = error;
        match source.downcast::<Self>() {
            Ok(problem) => Self::cause(*problem, format!("while reading {what}")),
            Err(source) => {
                let error = LedgerError { what, source };
                Self::from_error(file_code(&error), &error)
            }
        }
    }
}

fn verify_code(error: &VerifyError) -> Code {
    match error {
        VerifyError::Threshold(_) => Code::ThresholdNotMet,
        VerifyError::Decode(_)
        | VerifyError::WrongNetwork { .. }
        | VerifyError::OtherThanNamed { .. } => Code::SignatureInvalid,
    }
}

impl From<TrustError> for Problem {
    fn from(error: TrustError) -> Self {
        let told = |code| Self::from_error(code, &error);
        match &error {
            TrustError::Ledger(_) => {}
            TrustError::NoRoot => {
                return told(Code::ConfigInvalid).hint(
                    "make a network with `updraft init`, or enter one with `updraft join TICKET`",
                );
            }
            TrustError::Root(_) => {
                return told(Code::RootMismatch).hint(
                    "the project in this folder and this machine are of two networks: stand in another folder, or \
                     name the data of the right one with `-d DIR`",
                );
            }
            TrustError::NoChannel { .. } => {
                return told(Code::RequestInvalid)
                    .hint("name one of them with `--channel CHANNEL`");
            }
            TrustError::Head { source, .. } | TrustError::Manifest { source, .. } => {
                return told(verify_code(source));
            }
            TrustError::NoBase { .. } => {
                return told(Code::ReleaseUnknown)
                    .hint("let the node catch up first: `updraft check`");
            }
            TrustError::Damaged { .. } | TrustError::Object(_) => {
                return told(Code::ChunkMismatch);
            }
        }
        match error {
            TrustError::Ledger(error) => error.into(),
            other => Self::from_error(Code::Failed, &other),
        }
    }
}

impl From<HeadError> for Problem {
    fn from(error: HeadError) -> Self {
        let code = match &error {
            HeadError::Listed { .. } | HeadError::Taken { .. } => Code::SourceRefused,
            HeadError::Nothing(_) | HeadError::NotThere { .. } => Code::ReleaseUnknown,
            HeadError::Full | HeadError::UsedUp => Code::Failed,
        };
        let problem = Self::from_error(code, &error);
        match error {
            HeadError::Listed { .. } | HeadError::Taken { .. } => {
                problem.hint("a version keeps its contents for ever; publish the next one")
            }
            _ => problem,
        }
    }
}

impl From<BuildError> for Problem {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Source(error) => error.into(),
            BuildError::Describe(_) => Self::from_error(Code::SourceRefused, &error),
            BuildError::Compress(_) | BuildError::Work { .. } => {
                Self::from_error(file_code(&error), &error)
            }
            BuildError::Untrue(_) => Self::from_error(Code::Failed, &error)
                .hint("publish again, and see that nothing changes the files meanwhile"),
        }
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Trust(error) => error.into(),
            PublishError::Head(error) => error.into(),
            PublishError::Build(error) => error.into(),
            PublishError::Sign(error) => error.into(),
            PublishError::Bundle(error) => error.into(),
            PublishError::Describe(_) => Self::from_error(Code::SourceRefused, &error),
        }
    }
}

impl From<FoundingError> for Problem {
    fn from(error: FoundingError) -> Self {
        match &error {
            FoundingError::NoSpareKey(_) => Self::from_error(Code::ThresholdUnsafe, &error)
                .hint("use for example `--root-keys 2/3`, or `--dev` for trying things out"),
            FoundingError::Role(_) | FoundingError::Root(_) => {
                Self::from_error(Code::RequestInvalid, &error)
            }
        }
    }
}

impl From<DraftError> for Problem {
    fn from(error: DraftError) -> Self {
        let code = match &error {
            DraftError::NoSpareKey(_) => Code::ThresholdUnsafe,
            DraftError::OtherNetwork | DraftError::DoesNotFollow { .. } => Code::RootMismatch,
            DraftError::Stale { .. } => Code::RollbackAttack,
            DraftError::Revoked(_) => Code::KeyRevoked,
            DraftError::NoSay(_) => Code::ThresholdNotMet,
            DraftError::NotADraft(_) | DraftError::Different => Code::SignatureInvalid,
            DraftError::Refused(
                RootError::OldKeys { source: VerifyError::Threshold(_), .. }
                | RootError::OwnKeys { source: VerifyError::Threshold(_), .. },
            ) => Code::ThresholdNotMet,
            DraftError::Refused(_) => Code::SignatureInvalid,
            _ => Code::RequestInvalid,
        };
        let problem = Self::from_error(code, &error);
        match &error {
            DraftError::NoSpareKey(_) => problem.hint(
                "add a spare key with `updraft root add-key root KEY`, or lower the threshold with \
                 `updraft root threshold root N`",
            ),
            DraftError::TooFewLeft { role, .. } => problem.hint(format!(
                "add the new key first: `updraft root add-key {role} KEY`, or lower the threshold"
            )),
            DraftError::NobodyLeft(channel) => problem.hint(format!(
                "give it a key: `updraft root add-key release:{channel} KEY`; what nobody needs is withdrawn with \
                 `updraft yank`"
            )),
            DraftError::Stale { .. } => {
                problem.hint("begin again: `updraft root cancel`, then `updraft root begin`")
            }
            DraftError::DoesNotFollow { .. } => problem
                .hint("let this machine catch up first: `updraft check`, `updraft trust show`"),
            DraftError::Different => {
                problem.hint("an edit makes another root: send the edited file to everybody again")
            }
            DraftError::NotADraft(_) => problem.hint("ask for the file again"),
            DraftError::NotChosen { channel, base, newest } => problem.hint(format!(
                "let it go on from the newest, then all sign again: `updraft root base {channel}={newest}`; or \
                 keep to it on purpose, with the signatures: `updraft root base {channel}={base}`"
            )),
            DraftError::NotCounted(_) => problem.hint("`updraft root diff` says what it counts"),
            DraftError::NoChannel(_) | DraftError::NoRole(_) | DraftError::NotInRole(_) => {
                problem.hint("`updraft root show` shows the roles, their channels and their keys")
            }
            _ => problem,
        }
    }
}

impl From<ProjectError> for Problem {
    fn from(error: ProjectError) -> Self {
        let code = match &error {
            ProjectError::Unreadable { .. } => file_code(&error),
            ProjectError::Invalid { .. } => Code::ConfigInvalid,
            ProjectError::Root { .. } => Code::TrustDamaged,
        };
        Self::from_error(code, &error)
    }
}

impl From<LockError> for Problem {
    fn from(error: LockError) -> Self {
        let code = match &error {
            LockError::InUse { .. } => Code::DataDirectoryInUse,
            LockError::Unusable { .. } => file_code(&error),
        };
        Self::from_error(code, &error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::DiskFull { .. } => Code::DiskFull,
            StoreError::OtherNetwork { .. } | StoreError::RootDiffers { .. } => Code::RootMismatch,
            StoreError::DamagedRoot { .. } | StoreError::SeveralNetworks { .. } => {
                Code::TrustDamaged
            }
            _ => file_code(&error),
        };
        let problem = Self::from_error(code, &error);
        match code {
            Code::RootMismatch => {
                problem.hint("a data directory has one network; name another with `--data-dir DIR`")
            }
            _ => problem,
        }
    }
}

impl From<JoinError> for Problem {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Lock(error) => error.into(),
            JoinError::Store(error) => error.into(),
            JoinError::OtherRoot { .. } => Self::from_error(Code::RootMismatch, &error)
                .hint("do not go on: ask whoever gave you the ticket for the root's fingerprint"),
            JoinError::NobodyAnswers { ref tried } => {
                let problem = Self::from_error(Code::NoPeers, &error);
                tried.iter().fold(problem, |problem, line| problem.cause(line)).hint(
                    "ask for a newer ticket, or whether the node that made this one is running",
                )
            }
            JoinError::Start(_) => Self::from_error(Code::Failed, &error),
            JoinError::File { .. } => Self::from_error(file_code(&error), &error),
        }
    }
}
