//! The pure machine as the one who is lied to: what a catalog says to each step, and what it believes then.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use updraft_node::catalog::{
    Catalog, Contradiction, Freshness, HeadOutcome, KeyAlarm, Obstacle, Offer, Refusal,
    StatementOutcome,
};
use updraft_protocol::{
    ChannelName, Digest, Head, Manifest, Root, Signed, Statement, Timestamp, Wire, codec,
    root::trust_first, signed::VerifyError,
};

use super::story::{Deed, Outcome, Step};

/// A catalog, its clock, and the objects that it may be offered.
#[derive(Debug)]
pub(super) struct Victim {
    zero: Timestamp,
    now: Timestamp,
    /// Time that has gone by, whatever was done to the clock.
    elapsed: Duration,
    objects: BTreeMap<String, Vec<u8>>,
    /// `None` until a first root is trusted.
    catalog: Option<Catalog>,
}

impl Victim {
    pub(super) fn new(zero: Timestamp, objects: BTreeMap<String, Vec<u8>>) -> Self {
        Self { zero, now: zero, elapsed: Duration::ZERO, objects, catalog: None }
    }

    /// Does what the step says and tells what came of it. Whatever is refused must change nothing.
    pub(super) fn take(&mut self, step: &Step) -> Result<Outcome, String> {
        let before = format!("{:?}", self.catalog);
        let mut noted = None;
        let outcome = match self.act(&step.deed) {
            Ok(outcome) => outcome,
            Err(refusal) => {
                noted = Some(refusal.clone());
                refused(&refusal)
            }
        };
        let changed = before != format!("{:?}", self.catalog);
        if let (Some(refusal), Some(catalog)) = (noted, &mut self.catalog) {
            catalog.note(&refusal);
        }
        if outcome.is_refusal() && changed {
            return Err(format!("{}: refused, and the catalog is another", step.text));
        }
        Ok(outcome)
    }

    fn act(&mut self, deed: &Deed) -> Result<Outcome, Refusal> {
        match deed {
            Deed::At(after) => {
                let now = self.zero.plus(*after);
                // A clock may be set back; time goes by all the same, here none.
                self.elapsed += Duration::from_secs(now.since(self.now));
                self.now = now;
                let elapsed = self.elapsed;
                self.catalog.iter_mut().for_each(|catalog| catalog.pass(elapsed));
                Ok(Outcome::default())
            }
            Deed::Trust(file) => {
                let root: Signed<Root> = self.object(file)?;
                let root = trust_first(&root, &root.digest())?;
                let version = root.version;
                self.catalog = Some(Catalog::new(root, Timestamp::from_seconds(0)));
                Ok(Outcome::of(format!("root {version}")))
            }
            Deed::Root(file) => {
                let root = self.object(file)?;
                let changed = self.catalog_mut().offer_root(&root)?;
                Ok(Outcome::of(format!("root {}", changed.version)))
            }
            Deed::Head(file) => self.offer_head(file, Offer::News),
            Deed::Link(file) => self.offer_head(file, Offer::Link),
            Deed::Manifest(file) => {
                let manifest = Arc::new(self.object::<Signed<Manifest>>(file)?);
                let known = self.catalog_mut().offer_manifest(&manifest)?;
                Ok(Outcome::of(format!("release {}", known.manifest.version)))
            }
            Deed::Prove(file) => self.prove(file),
            Deed::Statement(file) => {
                let statement = self.object::<Statement>(file)?;
                self.offer_statement(statement)
            }
            Deed::See(what) => Ok(Outcome::of(self.see(what))),
        }
    }

    fn offer_head(&mut self, file: &str, offer: Offer) -> Result<Outcome, Refusal> {
        let head = Arc::new(self.object::<Signed<Head>>(file)?);
        let now = self.now;
        Ok(Outcome::of(match self.catalog_mut().offer_head(&head, offer, now)? {
            HeadOutcome::Accepted { seq, .. } => format!("head {seq}"),
            HeadOutcome::Missing { have, .. } => format!("heads after {have} are missing"),
            HeadOutcome::Known => "known".to_owned(),
        }))
    }

    /// What a refused head proves together with the trusted one is offered as anybody's statement would be.
    fn prove(&mut self, file: &str) -> Result<Outcome, Refusal> {
        let head = self.object::<Signed<Head>>(file)?;
        match self.catalog().contradiction(&head) {
            None => Ok(Outcome::of("nothing")),
            Some(Contradiction::LookUp { seq, .. }) => {
                Ok(Outcome::of(format!("something against the head {seq} that was passed")))
            }
            Some(Contradiction::Proof(proof)) => {
                self.offer_statement(Statement::Equivocation(proof))
            }
        }
    }

    fn offer_statement(&mut self, statement: Statement) -> Result<Outcome, Refusal> {
        let now = self.now;
        match self.catalog_mut().offer_statement(&Arc::new(statement), now)? {
            StatementOutcome::Accepted(_) => Ok(Outcome::of("accepted")),
            StatementOutcome::Known => Ok(Outcome::of("known")),
        }
    }

    /// What is believed of `what`.
    fn see(&self, what: &str) -> String {
        let catalog = self.catalog();
        let stable: ChannelName = "stable".parse().expect("a name");
        let head = catalog.head(&stable);
        match what.split_once(' ').unwrap_or((what, "")) {
            ("root", _) => catalog.root().version.to_string(),
            ("head", _) => head.map_or("none".to_owned(), |head| head.head.seq.to_string()),
            ("bytes", file) => {
                let kept = head.map(|head| codec::encode(head.signed.as_ref()).expect("decoded"));
                if kept.as_ref() == self.objects.get(file) { "the same" } else { "others" }
                    .to_owned()
            }
            ("newest", _) => {
                let component = "demo-app".parse().expect("a name");
                let machine = "x86_64-unknown-linux-gnu".parse().expect("a target");
                let newest = catalog.newest(&component, &stable, &machine);
                newest.map_or("none".to_owned(), |known| known.manifest.version.to_string())
            }
            ("release", file) => self.release(file).to_owned(),
            ("freshness", _) => match catalog.freshness(&stable, self.now) {
                Freshness::Fresh { .. } => "fresh".to_owned(),
                Freshness::Stale { why, .. } => format!("stale, {why}"),
            },
            ("frozen", _) => {
                if catalog.freeze(&stable).is_some() { "yes" } else { "no" }.to_owned()
            }
            ("alarms", _) => {
                let signed = |alarm: &KeyAlarm| matches!(alarm, KeyAlarm::SignedTwoHeads { .. });
                let alarms = catalog.alarms();
                alarms.iter().filter(|(_, alarm)| signed(alarm)).count().to_string()
            }
            _ => panic!("see {what}: what is that?"),
        }
    }

    /// Whether the release of this manifest is on offer.
    fn release(&self, file: &str) -> &'static str {
        let digest = self.digest(file);
        let catalog = self.catalog();
        let stable: ChannelName = "stable".parse().expect("a name");
        if let Some(known) = catalog.manifest(&digest) {
            match catalog.obstacle(&stable, known, self.now) {
                None => "on offer",
                Some(Obstacle::Paused { .. }) => "paused",
                Some(Obstacle::Frozen(_)) => "frozen",
                Some(Obstacle::SignerRevoked) => "short of signers",
                Some(Obstacle::Withdrawn { .. }) => "withdrawn",
            }
        } else if catalog.withdrawn(&stable, &digest).is_some() {
            "withdrawn"
        } else if catalog.missing_manifests().contains(&digest) {
            "missing"
        } else {
            "not on offer"
        }
    }

    fn digest(&self, file: &str) -> Digest {
        self.object::<Signed<Manifest>>(file).expect("a manifest").digest()
    }

    fn object<T: Wire>(&self, file: &str) -> Result<T, Refusal> {
        let bytes = self.objects.get(file).unwrap_or_else(|| panic!("there is no {file}"));
        codec::decode(bytes).map_err(|error| VerifyError::from(error).into())
    }

    fn catalog(&self) -> &Catalog {
        self.catalog.as_ref().expect("a first root is trusted")
    }

    fn catalog_mut(&mut self) -> &mut Catalog {
        self.catalog.as_mut().expect("a first root is trusted")
    }
}

fn refused(refusal: &Refusal) -> Outcome {
    let verdict = format!("{:?}", refusal.verdict()).to_lowercase();
    let mut words = refusal.to_string();
    let mut error: &dyn std::error::Error = refusal;
    while let Some(source) = error.source() {
        let more = source.to_string();
        if !words.ends_with(&more) {
            words = format!("{words}: {more}");
        }
        error = source;
    }
    Outcome { what: format!("refused {} ({verdict})", refusal.label()), words }
}
