//! A vote that is over, for tests of what comes after it: its certificate, made with the electors' own keys.
//!
//! A certificate is believed whenever it comes, so nobody has to wait for a vote whose course is not what is tested.

use updraft_node::clock::Clock;
use updraft_protocol::{
    Ballot, Certificate, Digest, Proposal, Root, SecretKey, Signed, Stance, Statement, codec,
    vote::{Activation, Decision, Fraction},
};

use super::{ELECTORS, Parliament, wait_until};
use crate::harness::{items, text};

/// Electors who are for it: as many of the five as it takes.
const FOR_IT: usize = 4;

impl Parliament {
    /// Protocol 2 is in force, with this release of `updraft`, and the old one is spoken no more: all of it lies some
    /// seconds back, as short as the floors allow. The publisher knows, and tells everybody.
    #[track_caller]
    pub(super) fn decree_what_was(&self, version: &str) {
        self.decree(version, -3, 1);
        wait_until(&self.network.publisher, "final");
    }

    /// Protocol 2 is decided, with this release of `updraft`: in force in so many seconds, and the old one is spoken so
    /// many longer. The publisher knows, and tells everybody.
    #[track_caller]
    pub(super) fn decree(&self, version: &str, lead: i64, grace: u64) {
        let publisher = &self.network.publisher;
        let root = publisher.request("GET /api/v1/trust/root", "", b"");
        let root: Signed<Root> = codec::decode(&root.body).expect("a root");
        let root = root.peek().expect("a root");
        let electorate = root.electorate.as_ref().expect("founded with electors");
        let now = Clock::system().now().as_seconds();
        let activation = now.saturating_add_signed(lead);
        let keys: Vec<SecretKey> =
            ELECTORS[..FOR_IT].iter().map(|name| self.network.stolen_key(name)).collect();
        let proposal = Proposal {
            network: root.network,
            by: keys[0].public().id(),
            number: 1,
            line: "updraft".parse().expect("a name"),
            from: 1,
            to: 2,
            release: version.parse().expect("a version"),
            artifacts: self.manifests(version),
            electorate: electorate.epoch,
            opens: now - 5,
            lock_deadline: now - 4,
            activation: Activation::Epoch(activation),
            grace_end: activation + grace,
            threshold: Fraction { num: 2, den: 3 },
            min_ready: Fraction { num: 9, den: 10 },
            notes: String::new(),
        };
        let mut signed = Signed::unsigned(&proposal).expect("within limits");
        signed.sign(&keys[0], &root.network);
        let ballot = |key: &SecretKey| {
            let (artifact, selftest) = (proposal.artifacts[0], Digest::of(b"fine"));
            let ballot = Ballot {
                network: root.network,
                by: key.public().id(),
                proposal: signed.digest(),
                seq: 1,
                epoch: proposal.opens,
                stance: Stance::Ready { artifact, selftest },
                reason: String::new(),
            };
            let mut signed = Signed::unsigned(&ballot).expect("within limits");
            signed.sign(key, &root.network);
            signed
        };
        let mut voters: Vec<&SecretKey> = keys.iter().collect();
        voters.sort_by_key(|key| key.public().id());
        let ballots = voters.into_iter().map(ballot).collect();
        let certificate = Certificate { decision: Decision::LockIn, proposal: signed, ballots };
        let statement = Statement::Certificate(Box::new(certificate));
        let bytes = codec::encode(&statement).expect("within limits");
        let kind = "application/vnd.updraft.statement";
        let said = publisher.request("POST /api/v1/statements", kind, &bytes);
        assert_eq!(said.status, 202, "{}", String::from_utf8_lossy(&said.body));
    }

    /// Digests of the manifests of a release of `updraft`, one for each kind of machine, in ascending order.
    #[track_caller]
    fn manifests(&self, version: &str) -> Vec<Digest> {
        let releases = self.network.publisher.get("/api/v1/releases");
        let fits = items(&releases["items"])
            .iter()
            .filter(|release| release["component"] == "updraft" && release["version"] == version);
        let digest = |text: &str| text.parse().expect("a digest");
        let mut found: Vec<Digest> = fits.map(|fit| digest(text(&fit["manifest"]))).collect();
        found.sort();
        found
    }
}
