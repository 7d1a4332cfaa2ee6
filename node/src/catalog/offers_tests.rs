//! Channels have nothing to say about each other's releases.

use std::{collections::BTreeSet, sync::Arc};

use updraft_protocol::{
    Brake, ChannelName, ChannelRole, Head, Listing, Manifest, Signed, Statement, Target, Withdrawn,
};

use super::*;
use crate::{
    catalog::{HeadOutcome, Offer, Refusal},
    testing::{NOW, Publisher},
};

/// Keys 1 to 3 publish on `stable`, keys 4 to 6 on `alpha`, which comes first wherever channels are in order.
struct Channels {
    publisher: Publisher,
    catalog: Catalog,
    release: Arc<Signed<Manifest>>,
}

fn alpha() -> ChannelName {
    "alpha".parse().expect("a name")
}

impl Channels {
    /// With one release on `stable`.
    fn new() -> Self {
        let publisher = Publisher::new();
        let mut root = publisher.root();
        root.brake = Some(Publisher::role(1, &[21]));
        let role = Publisher::role(2, &[4, 5, 6]);
        root.release.insert(0, ChannelRole { channel: alpha(), role });
        let release = publisher.sign(&publisher.manifest("1.0.0"), &[1, 2]);
        let mut channels = Self { catalog: publisher.catalog_under(&root), publisher, release };
        let head = channels.publisher.head(1, None, &[&channels.release]);
        channels.take(&head, &[1, 2]);
        channels
    }

    fn take(&mut self, head: &Head, keys: &[u8]) {
        let head = self.publisher.sign(head, keys);
        let taken = self.catalog.offer_head(&head, Offer::News, NOW).expect("signed");
        assert!(matches!(taken, HeadOutcome::Accepted { .. }));
    }

    /// A head of `alpha`.
    fn alpha_head(&self, listings: Vec<Listing>, withdrawn: Vec<Withdrawn>) -> Head {
        let head = self.publisher.head(1, None, &[]);
        Head { channel: alpha(), releases: listings, withdrawn, ..head }
    }

    fn listing(&self) -> Listing {
        self.publisher.head(1, None, &[&self.release]).releases.remove(0)
    }

    fn on(&self, channel: &ChannelName) -> Option<&Known> {
        let machine: Target = "x86_64-unknown-linux-gnu".parse().expect("a target");
        self.catalog.newest(&"demo-app".parse().expect("a name"), channel, &machine)
    }

    fn pause(&mut self, channel: ChannelName) {
        let brake = Brake {
            network: self.publisher.network,
            by: Publisher::key(21).public().id(),
            channel,
            release: None,
            issued: NOW,
            expires: NOW.plus(600),
            reason: String::new(),
        };
        let brake = self.publisher.sign(&brake, &[21]).as_ref().clone();
        self.catalog.offer_statement(&Arc::new(Statement::Brake(brake)), NOW).expect("a brake key");
    }
}

#[test]
fn a_channel_withdraws_no_release_of_another() {
    let mut channels = Channels::new();
    let release = channels.release.clone();
    let withdrawn = Withdrawn { manifest: release.digest(), reason: "out of envy".to_owned() };
    channels.take(&channels.alpha_head(Vec::new(), vec![withdrawn]), &[4, 5]);
    channels.catalog.offer_manifest(&release).expect("listed by its own channel");
    let stable = channels.publisher.channel.clone();
    let known = channels.on(&stable).expect("on offer");
    assert_eq!(channels.catalog.obstacle(&stable, known, NOW), None);
}

#[test]
fn a_channel_whose_keys_sign_a_far_time_makes_no_other_one_stale() {
    let mut channels = Channels::new();
    let far = NOW.plus(1_000_000);
    let head = Head { time: far, expires: far.plus(1), ..channels.alpha_head(vec![], vec![]) };
    let head = channels.publisher.sign(&head, &[4, 5]);
    let refusal = channels.catalog.offer_head(&head, Offer::News, NOW).expect_err("far ahead");
    channels.catalog.note(&refusal);
    let stable = channels.publisher.channel.clone();
    assert!(matches!(channels.catalog.freshness(&stable, NOW), Freshness::Fresh { .. }));
    assert_eq!(channels.catalog.later_than_the_clock(&alpha(), NOW), Some(far));
}

#[test]
fn a_channel_that_lists_a_release_as_another_takes_it_from_nobody_and_installs_it_nowhere() {
    let mut channels = Channels::new();
    let release = channels.release.clone();
    let otherwise = Listing { version: "9.0.0".parse().expect("a version"), ..channels.listing() };
    channels.take(&channels.alpha_head(vec![otherwise], Vec::new()), &[4, 5]);
    channels.catalog.offer_manifest(&release).expect("its own channel lists it as what it is");
    assert!(channels.on(&channels.publisher.channel).is_some());
    assert!(channels.on(&alpha()).is_none());
}

#[test]
fn a_pause_holds_where_it_was_ordered_whoever_else_lists_the_release() {
    let mut channels = Channels::new();
    let release = channels.release.clone();
    channels.take(&channels.alpha_head(vec![channels.listing()], Vec::new()), &[4, 5]);
    channels.catalog.offer_manifest(&release).expect("listed");
    let stable = channels.publisher.channel.clone();
    channels.pause(stable.clone());
    let known = channels.on(&stable).expect("on offer");
    let paused = channels.catalog.obstacle(&stable, known, NOW);
    assert!(matches!(paused, Some(Obstacle::Paused { .. })), "{paused:?}");
    assert_eq!(channels.catalog.obstacle(&alpha(), known, NOW), None);
}

#[test]
fn a_release_that_only_another_channels_keys_signed_is_on_offer_where_both_want_it() {
    let mut channels = Channels::new();
    let stolen = channels.publisher.sign(&channels.publisher.manifest("2.0.0"), &[4, 5]);
    let listing = channels.publisher.head(1, None, &[&stolen]).releases.remove(0);
    channels.take(&channels.alpha_head(vec![listing], Vec::new()), &[4, 5]);
    let refusal = channels.catalog.offer_manifest(&stolen).expect_err("it says `stable`");
    assert!(matches!(refusal, Refusal::UnknownKeys { .. }), "{refusal:?}");
    let missing = BTreeSet::from([stolen.digest(), channels.release.digest()]);
    assert_eq!(channels.catalog.missing_manifests(), missing);
}
