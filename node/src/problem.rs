//! Every failure a person or a program can be told about: one table of codes, one shape.
//!
//! The command line prints a [`Problem`], the API sends it as `application/problem+json` (RFC 9457), and a
//! command that got one from the API prints it as if it were its own. Rooms have errors of their own and
//! know nothing of this file; whoever stands at the border (API, CLI) turns an error into a problem.
//! This file must never decide what went wrong, only how it is called.

use std::{error::Error, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a type URN begins with. No host name is built in, so the names outlive every web site.
const URN: &str = "urn:updraft:problem:";

/// Most causes one problem carries; a longer chain is cut, the nearest causes stay.
const MAX_CAUSES: usize = 16;

/// One row of the table: what a [`Code`] is called in each place.
struct Row {
    code: Code,
    id: &'static str,
    slug: &'static str,
    http: Option<u16>,
    exit: u8,
    title: &'static str,
}

macro_rules! codes {
    ($($name:ident $id:literal $slug:literal $http:expr, $exit:literal, $title:literal;)*) => {
        /// What kind of problem it is. The number is for people to look up, the slug for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = concat!($id, ": ", $title, ".")] $name,)*
        }

        const TABLE: &[Row] = &[
            $(Row { code: Code::$name, id: $id, slug: $slug, http: $http, exit: $exit, title: $title },)*
        ];
    };
}

// The contract with scripts: a row may be added, never changed. HTTP `None`: only a command can have this problem.
// Exit codes: 1 failed, 2 usage or configuration, 3 no node, 4 not allowed, 5 no such thing,
// 6 verification, 7 refused by policy, 9 network, 11 another operation stands in the way.
codes! {
    Failed "UD0001" "failed" Some(500), 1, "The operation failed";

    NodeNotRunning "UD0101" "node-not-running" None, 3, "No running node answers";
    Unauthorized "UD0102" "unauthorized" Some(401), 4, "The request carries no valid token";
    ForbiddenScope "UD0103" "forbidden-scope" Some(403), 4, "The token's scope does not cover this";
    HostNotAllowed "UD0104" "host-not-allowed" Some(421), 1, "This host name is not answered";
    CrossOrigin "UD0105" "cross-origin" Some(403), 1, "Requests from other web sites are refused";
    RateLimited "UD0106" "rate-limited" Some(429), 9, "Too many requests";
    AddressUnknown "UD0107" "address-unknown" Some(404), 1, "The API has nothing at this address";
    MethodNotAllowed "UD0108" "method-not-allowed" Some(405), 1, "The API does not take this method here";
    BodyTooLarge "UD0109" "body-too-large" Some(413), 1, "The request's body is too large";
    MediaTypeUnsupported "UD0110" "media-type-unsupported" Some(415), 1, "The body is not of a type taken here";
    Stopping "UD0111" "stopping" Some(503), 9, "The node is stopping";

    ConfigInvalid "UD0201" "config-invalid" Some(422), 2, "The configuration is not valid";
    VersionInvalid "UD0202" "version-invalid" Some(400), 2, "Not a semantic version";
    MissingHeader "UD0203" "missing-header" Some(400), 2, "A required header is missing";
    RequestInvalid "UD0204" "request-invalid" Some(400), 2, "The request cannot be understood";
    ScenarioInvalid "UD0205" "scenario-invalid" None, 2, "The scenario cannot be run";

    ComponentUnknown "UD0301" "component-unknown" Some(404), 5, "No such component";
    ReleaseUnknown "UD0302" "release-unknown" Some(404), 5, "No such release";
    OperationConflict "UD0303" "operation-conflict" Some(409), 11, "Another operation on this component is under way";
    OperationUnknown "UD0304" "operation-unknown" Some(404), 5, "No such operation";
    StatementUnknown "UD0305" "statement-unknown" Some(404), 5, "No such statement";

    SignatureInvalid "UD0401" "signature-invalid" Some(422), 6, "A signature is not valid";
    ThresholdNotMet "UD0402" "threshold-not-met" Some(422), 6, "Not enough signatures";
    MetadataExpired "UD0403" "metadata-expired" Some(409), 6, "Signed metadata has expired";
    RollbackAttack "UD0404" "rollback-attack" Some(409), 6, "Older than what this node has already seen";
    KeyRevoked "UD0405" "key-revoked" Some(422), 6, "The signing key has been revoked";
    ChunkMismatch "UD0406" "chunk-mismatch" Some(502), 6, "Bytes do not match their signed digest";
    RootMismatch "UD0407" "root-mismatch" Some(422), 6, "Another trust root than the one expected";
    TrustDamaged "UD0408" "trust-damaged" Some(500), 6, "The trust kept on disk is damaged";

    ChannelFrozen "UD0409" "channel-frozen" Some(409), 7, "The channel is frozen";
    BuildersMissing "UD0410" "builders-missing" Some(409), 7, "Too few independent builds agree";
    KeyAlarm "UD0411" "key-alarm" Some(409), 6, "A key is not to be relied on";
    BuildsDiffer "UD0412" "builds-differ" Some(409), 7, "Independent builds differ from what is signed";
    Unsupported "UD0413" "unsupported" Some(409), 7, "The publisher no longer looks after this version";
    StatementRefused "UD0414" "statement-refused" Some(422), 6, "The statement is not believed";

    HeldByPin "UD0502" "held-by-pin" Some(409), 7, "The component is pinned";
    Paused "UD0504" "held-by-brake" Some(409), 7, "The release is paused";
    BreakingChange "UD0506" "breaking-change" Some(409), 7, "The release is marked as breaking";
    DowngradeRefused "UD0507" "downgrade-refused" Some(409), 7, "The release is older than what is installed";
    ReleaseRevoked "UD0508" "release-revoked" Some(410), 7, "The release has been withdrawn";
    Quarantined "UD0509" "quarantined" Some(409), 7, "The release failed here before";
    FloorRequired "UD0510" "floor-required" Some(409), 7, "An intermediate release has to come first";

    RequirementMissing "UD0511" "requirement-missing" Some(409), 7, "Something that the release needs is not there";

    RollbackFailed "UD0603" "rollback-failed" Some(500), 1, "The earlier version could not be restored";
    SelftestFailed "UD0604" "selftest-failed" Some(409), 1, "The release did not pass its self-test";

    NoPeers "UD0701" "no-peers" Some(503), 9, "No peers are connected";
    NoProviders "UD0702" "no-providers" Some(503), 9, "No connected peer holds the release";
    DiskFull "UD0703" "disk-full" Some(507), 1, "Not enough space on the disk";
    UploadDisabled "UD0704" "upload-disabled" Some(409), 7, "This node does not upload";
    DataDirectoryInUse "UD0705" "data-directory-in-use" None, 1, "Another node uses the data directory";
    AddressInUse "UD0706" "address-in-use" None, 1, "Another program listens on the address";
    FileUnusable "UD0707" "file-unusable" Some(500), 1, "A file cannot be read or written";
    SourceRefused "UD0708" "source-refused" Some(422), 1, "The files cannot be published as they are";
    ProgramMissing "UD0709" "program-missing" None, 1, "Another program of Updraft is not there";
    PatchRefused "UD0710" "patch-refused" None, 6, "The patch is not for this, or is none";
    InputRefused "UD0711" "input-refused" None, 1, "The files cannot be taken as they are";

    KeyLocked "UD0801" "key-locked" Some(409), 4, "The key cannot be unlocked";
    KeyUnknown "UD0801" "key-unknown" Some(404), 5, "No such key";
    ThresholdUnsafe "UD0802" "threshold-unsafe" Some(422), 2, "Losing one key would end the network";

    ProposalClosed "UD0901" "proposal-closed" Some(409), 7, "The vote does not take this any more, or not yet";
    NotAVoter "UD0902" "not-a-voter" Some(403), 4, "This key does not vote";
    ProposalUnknown "UD0904" "proposal-unknown" Some(404), 5, "No such proposal is known";
    LeftBehind "UD0905" "left-behind" Some(409), 7, "What is installed may not speak the protocol in force";
    RulesUnclear "UD0906" "rules-unclear" Some(409), 7, "This node may not know all that is decided";
    CountDiffers "UD0907" "count-differs" None, 6, "A vote counted again gives another result";
}

impl Code {
    /// Every code, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.code)
    }

    fn row(self) -> &'static Row {
        TABLE.iter().find(|row| row.code == self).expect("the macro writes a row for each variant")
    }

    /// The number people look up, for example `UD0402`. Two kinds may share one number, never a slug.
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// The name programs compare, for example `threshold-not-met`.
    pub fn slug(self) -> &'static str {
        self.row().slug
    }

    /// The status the API answers with; `None` for a problem only a command can have.
    pub fn http_status(self) -> Option<u16> {
        self.row().http
    }

    /// The exit code of a command that ends with this problem.
    pub fn exit_code(self) -> u8 {
        self.row().exit
    }

    /// What this kind of problem is, the same for each occurrence.
    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// The code of a slug, if this build knows it.
    pub fn from_slug(slug: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.slug == slug).map(|row| row.code)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// An error and everything that led to it, in one line: `what: why: why that`.
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        line = format!("{line}: {next}");
        cause = next.source();
    }
    line
}

/// One problem, ready to be told: what happened, why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which kind it is.
    pub code: Code,
    /// What happened this time, with the names in it; one line, without a full stop.
    pub detail: String,
    /// Why, from the nearest cause to the farthest; also lines of facts such as who signed.
    pub causes: Vec<String>,
    /// The next thing to do, as a sentence or a command.
    pub hint: Option<String>,
    /// The address of the request that failed; only the API sets it.
    pub instance: Option<String>,
}

impl Problem {
    /// A problem without causes and hint.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), causes: Vec::new(), hint: None, instance: None }
    }

    /// A problem from an error: the error is the detail, its sources are the causes.
    pub fn from_error(code: Code, error: &(dyn Error + 'static)) -> Self {
        Self::new(code, error.to_string()).because(error.source())
    }

    /// The same problem with the chain that begins at `error` added to its causes.
    #[must_use]
    pub fn because<'a>(mut self, error: Option<&'a (dyn Error + 'static)>) -> Self {
        let mut next = error;
        while let Some(error) = next {
            self = self.cause(error.to_string());
            next = error.source();
        }
        self
    }

    /// The same problem with one more cause; repetitions and everything past 16 causes are left out.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        let cause = cause.into();
        let said = self.detail == cause || self.causes.contains(&cause);
        if !said && self.causes.len() < MAX_CAUSES {
            self.causes.push(cause);
        }
        self
    }

    /// The same problem with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem as the answer to the request at `address`.
    #[must_use]
    pub fn at(mut self, address: impl Into<String>) -> Self {
        self.instance = Some(address.into());
        self
    }
}

/// `error[UD0402]: what`, a line for each cause, then after an empty line `hint: what next`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.detail)?;
        for cause in &self.causes {
            write!(f, "\n  {}", cause.replace('\n', "\n  "))?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl Error for Problem {}

/// The members of RFC 9457, then ours.
#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default)]
    detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(default)]
    code: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Document {
            kind: format!("{URN}{}", self.code.slug()),
            title: self.code.title().to_owned(),
            status: self.code.http_status(),
            detail: self.detail.clone(),
            instance: self.instance.clone(),
            code: self.code.id().to_owned(),
            causes: self.causes.clone(),
            hint: self.hint.clone(),
        }
        .serialize(serializer)
    }
}

/// A kind this build does not know (the node may be newer than the command) becomes [`Code::Failed`] and
/// keeps its number and title among the causes.
impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Document::deserialize(deserializer)?;
        let slug = document
            .kind
            .strip_prefix(URN)
            .ok_or_else(|| de::Error::custom("`type` is no problem of updraft"))?;
        let known = Code::from_slug(slug);
        let mut problem = Self::new(known.unwrap_or(Code::Failed), document.detail);
        for cause in document.causes {
            problem = problem.cause(cause);
        }
        if known.is_none() {
            problem = problem.cause(format!("{} {slug}: {}", document.code, document.title));
        }
        Ok(Self { hint: document.hint, instance: document.instance, ..problem })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the lid is shut")]
    struct Lid;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open `box`")]
    struct Shut(#[source] Lid);

    #[test]
    fn slugs_are_unique_and_lead_back_to_their_code() {
        let slugs: BTreeSet<_> = Code::all().map(Code::slug).collect();
        assert_eq!(slugs.len(), Code::all().count());
        for code in Code::all() {
            assert_eq!(Code::from_slug(code.slug()), Some(code));
        }
    }

    #[test]
    fn numbers_rise_and_are_shared_only_by_the_two_kinds_of_missing_key() {
        let ids: Vec<_> = Code::all().map(Code::id).collect();
        assert!(ids.is_sorted());
        let shared: Vec<_> = ids.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert_eq!(shared, [["UD0801", "UD0801"]]);
        assert!(ids.iter().all(|id| id.len() == 6 && id.starts_with("UD")));
    }

    #[test]
    fn the_table_keeps_what_scripts_rely_on() {
        for (code, id, http, exit) in [
            (Code::NodeNotRunning, "UD0101", None, 3),
            (Code::Unauthorized, "UD0102", Some(401), 4),
            (Code::HostNotAllowed, "UD0104", Some(421), 1),
            (Code::ConfigInvalid, "UD0201", Some(422), 2),
            (Code::ComponentUnknown, "UD0301", Some(404), 5),
            (Code::OperationConflict, "UD0303", Some(409), 11),
            (Code::ThresholdNotMet, "UD0402", Some(422), 6),
            (Code::ChunkMismatch, "UD0406", Some(502), 6),
            (Code::DowngradeRefused, "UD0507", Some(409), 7),
            (Code::RollbackFailed, "UD0603", Some(500), 1),
            (Code::NoPeers, "UD0701", Some(503), 9),
            (Code::DiskFull, "UD0703", Some(507), 1),
            (Code::KeyLocked, "UD0801", Some(409), 4),
            (Code::KeyUnknown, "UD0801", Some(404), 5),
            (Code::ThresholdUnsafe, "UD0802", Some(422), 2),
        ] {
            assert_eq!((code.id(), code.http_status(), code.exit_code()), (id, http, exit));
        }
    }

    #[test]
    fn every_exit_code_and_status_is_one_of_the_documented_ones() {
        for code in Code::all() {
            assert!([1, 2, 3, 4, 5, 6, 7, 9, 11].contains(&code.exit_code()), "{code:?}");
            assert!(code.http_status().is_none_or(|status| (400..600).contains(&status)));
            assert!(!code.title().ends_with('.') && !code.title().is_empty());
        }
    }

    #[test]
    fn a_person_sees_what_why_and_what_next() {
        let problem = Problem::from_error(Code::FileUnusable, &Shut(Lid)).hint("open the lid");
        assert_eq!(
            problem.to_string(),
            "error[UD0707]: cannot open `box`\n  the lid is shut\n\nhint: open the lid"
        );
    }

    #[test]
    fn a_cause_is_said_once_and_causes_have_a_bound() {
        let problem = Problem::new(Code::Failed, "x").cause("x").cause("y").cause("y");
        assert_eq!(problem.causes, ["y"]);
        let long = (0..100).fold(problem, |problem, n| problem.cause(n.to_string()));
        assert_eq!(long.causes.len(), MAX_CAUSES);
    }

    #[test]
    fn every_problem_survives_json() {
        for code in Code::all() {
            let problem = Problem::new(code, "stable needs 2 release signatures, this has 1")
                .cause("signed by ci")
                .hint("updraft sign")
                .at("/api/v1/releases");
            let text = serde_json::to_string(&problem).expect("problems are plain data");
            assert_eq!(serde_json::from_str::<Problem>(&text).expect("own document"), problem);
        }
    }

    #[test]
    fn the_document_has_the_members_of_the_rfc() {
        let document = serde_json::to_value(Problem::new(Code::NoPeers, "no peers")).expect("json");
        assert_eq!(
            document,
            serde_json::json!({
                "type": "urn:updraft:problem:no-peers", "title": "No peers are connected",
                "status": 503, "detail": "no peers", "code": "UD0701"
            })
        );
    }

    #[test]
    fn a_problem_of_a_newer_node_is_still_told() {
        let text = r#"{"type":"urn:updraft:problem:held-by-window","title":"Window is closed",
            "status":409,"detail":"waits","code":"UD0501","until":"2026-11-22T02:00:00Z"}"#;
        let problem: Problem = serde_json::from_str(text).expect("tolerated");
        assert_eq!(problem.code, Code::Failed);
        assert_eq!(problem.causes, ["UD0501 held-by-window: Window is closed"]);
    }

    #[test]
    fn a_document_of_another_program_is_no_problem_of_ours() {
        assert!(serde_json::from_str::<Problem>(r#"{"type":"about:blank","status":500}"#).is_err());
        assert!(serde_json::from_str::<Problem>(r#"{"detail":"x"}"#).is_err());
    }
}
