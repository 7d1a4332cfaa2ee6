//! What dashboards rely on: names, labels, and that series end where they should.

use std::time::Duration;

use prometheus_client::registry::Registry;
use updraft_protocol::Timestamp;

use super::*;

fn start() -> (Registry, Metrics) {
    let mut registry = Registry::default();
    let metrics = Metrics::register(
        &mut registry,
        Timestamp::from_seconds(1_700_000_000),
        crate::build::Build::THIS,
    );
    (registry, metrics)
}

fn page(registry: &Registry) -> String {
    encode(registry).expect("text")
}

#[test]
fn every_family_of_the_contract_is_there() {
    let (registry, metrics) = start();
    // A family without a series is not written, so each of them gets one.
    metrics.component_is("demo-app", "stable", "2.4.1", "upToDate");
    metrics.metadata_expires("demo", Expiring::Root, Timestamp::from_seconds(1));
    metrics.update_available("demo-app", Some("high"));
    metrics.update_held("demo-app", Some("pin"));
    metrics.update_phase_took("demo-app", "fetching", Duration::from_secs(1));
    metrics.answered("/healthz", "GET", 200, Duration::from_millis(1));
    let stable = ChannelNumbers { name: "stable", fresh: true, stale_seconds: 0, frozen: false };
    metrics.channels_are([stable].into_iter());
    metrics.refusals_begin(&["expired"]);
    metrics.rules_are(1, &[open("p-1.0a1b2c3d", 0.5)]);
    let page = page(&registry);
    for name in [
        "build_info",
        "refusals",
        "channel_fresh",
        "channel_stale_seconds",
        "channel_frozen",
        "key_alarms",
        "start_time_seconds",
        "manifests",
        "manifest_propagation_seconds",
        "metadata_expiry_timestamp_seconds",
        "chunk_bytes",
        "chunks_rejected",
        "bytes_saved",
        "fetch_duration_seconds",
        "store_bytes",
        "store_limit_bytes",
        "refusals",
        "component_info",
        "update_available",
        "update_held",
        "updates",
        "update_duration_seconds",
        "rollbacks",
        "last_check_timestamp_seconds",
        "protocol_version",
        "proposals",
        "proposal_quorum_ratio",
        "proposal_votes",
        "http_requests",
        "http_request_duration_seconds",
        "event_subscribers",
    ] {
        assert!(page.contains(&format!("# TYPE updraft_{name} ")), "{name}\n{page}");
    }
    assert!(page.contains("updraft_start_time_seconds 1700000000.0\n"), "{page}");
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn known_labels_begin_at_zero() {
    let (registry, metrics) = start();
    metrics.component_is("demo-app", "stable", "2.4.1", "upToDate");
    let page = page(&registry);
    for line in [
        "updraft_manifests_total{verdict=\"refused\"} 0",
        "updraft_bytes_saved_total{by=\"delta\"} 0",
        "updraft_chunk_bytes_total{direction=\"in\",source=\"peer\"} 0",
        "updraft_chunks_rejected_total 0",
        "updraft_updates_total{component=\"demo-app\",result=\"rolled_back\"} 0",
        "updraft_rollbacks_total{component=\"demo-app\",trigger=\"failure\"} 0",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}

#[test]
fn every_reason_of_a_refusal_begins_at_zero_and_is_counted_by_itself() {
    let (registry, metrics) = start();
    metrics.refusals_begin(&["expired", "forked"]);
    metrics.refused("expired");
    let page = page(&registry);
    for line in [
        "updraft_refusals_total{reason=\"expired\"} 1",
        "updraft_refusals_total{reason=\"forked\"} 0",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}

#[test]
fn an_old_version_leaves_no_series_behind() {
    let (registry, metrics) = start();
    for version in ["1.0.0", "1.1.0", "1.1.0"] {
        metrics.component_is("demo-app", "stable", version, "upToDate");
    }
    let now = page(&registry);
    assert!(!now.contains("version=\"1.0.0\""), "{now}");
    assert!(now.contains(
        "updraft_component_info{component=\"demo-app\",channel=\"stable\",version=\"1.1.0\",state=\"upToDate\"} 1"
    ));
    metrics.component_is_gone("demo-app");
    assert!(!page(&registry).contains("updraft_component_info{"));
}

#[test]
fn a_reason_that_holds_no_longer_goes_to_zero() {
    let (registry, metrics) = start();
    metrics.update_held("demo-app", Some("pin"));
    metrics.update_held("demo-app", Some("breaking"));
    let now = page(&registry);
    assert!(now.contains("reason=\"pin\"} 0") && now.contains("reason=\"breaking\"} 1"), "{now}");
    metrics.update_held("demo-app", None);
    assert!(page(&registry).contains("reason=\"breaking\"} 0"));
}

#[test]
fn a_subscriber_counts_until_it_leaves() {
    let (registry, metrics) = start();
    let (one, two) = (metrics.subscribed(), metrics.clone().subscribed());
    assert!(page(&registry).contains("updraft_event_subscribers 2\n"));
    drop((one, two));
    assert!(page(&registry).contains("updraft_event_subscribers 0\n"));
}

#[test]
fn what_is_counted_shows() {
    let (registry, metrics) = start();
    metrics.manifest_judged(Verdict::Accepted);
    metrics.manifest_travelled(Duration::from_millis(700));
    metrics.metadata_expires("demo", Expiring::Root, Timestamp::from_seconds(5));
    metrics.chunk_moved(Direction::In, Source::Peer, 4_096);
    metrics.saved(Saving::Delta, 7);
    metrics.store_holds(u64::MAX, 1);
    metrics.update_ended("demo-app", UpdateResult::Ok);
    metrics.rolled_back("demo-app", Trigger::Request);
    metrics.answered("/api/v1/status", "GET", 200, Duration::from_millis(3));
    let page = page(&registry);
    for line in [
        "updraft_manifests_total{verdict=\"accepted\"} 1",
        "updraft_manifest_propagation_seconds_bucket{le=\"1.0\"} 1",
        "updraft_metadata_expiry_timestamp_seconds{network=\"demo\",role=\"root\"} 5.0",
        "updraft_chunk_bytes_total{direction=\"in\",source=\"peer\"} 4096",
        "updraft_bytes_saved_total{by=\"delta\"} 7",
        "updraft_store_bytes 9223372036854775807",
        "updraft_updates_total{component=\"demo-app\",result=\"ok\"} 1",
        "updraft_rollbacks_total{component=\"demo-app\",trigger=\"request\"} 1",
        "updraft_http_requests_total{route=\"/api/v1/status\",method=\"GET\",code=\"200\"} 1",
        "updraft_http_request_duration_seconds_bucket{le=\"0.005\",route=\"/api/v1/status\"} 1",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}

#[test]
fn a_stale_channel_counts_its_seconds_and_one_that_left_the_root_is_gone() {
    let (registry, metrics) = start();
    let channel =
        |name, fresh, stale_seconds| ChannelNumbers { name, fresh, stale_seconds, frozen: !fresh };
    metrics.channels_are([channel("beta", true, 0), channel("stable", false, 90)].into_iter());
    let before = page(&registry);
    for line in [
        "updraft_channel_fresh{channel=\"beta\"} 1\n",
        "updraft_channel_fresh{channel=\"stable\"} 0\n",
        "updraft_channel_stale_seconds{channel=\"stable\"} 90\n",
        "updraft_channel_frozen{channel=\"stable\"} 1\n",
    ] {
        assert!(before.contains(line), "{line}{before}");
    }
    metrics.channels_are([channel("stable", true, 0)].into_iter());
    let after = page(&registry);
    assert!(!after.contains("beta"), "{after}");
    assert!(after.contains("updraft_channel_fresh{channel=\"stable\"} 1\n"), "{after}");
}

fn open(name: &str, quorum: f64) -> ProposalNumbers {
    let open = OpenVote { quorum, yes: 4, no: 1, abstain: 0, ready: 3, cancel: 2 };
    ProposalNumbers { name: name.to_owned(), state: "voting", open: Some(open) }
}

#[test]
fn a_vote_that_is_over_is_counted_by_its_end_and_has_no_series_of_its_own() {
    let (registry, metrics) = start();
    metrics.rules_are(1, &[open("p-1.0a1b2c3d", 0.5), open("p-2.00000000", 0.0)]);
    let before = page(&registry);
    for line in [
        "updraft_proposals{state=\"voting\"} 2\n",
        "updraft_proposals{state=\"active\"} 0\n",
        "updraft_proposal_quorum_ratio{proposal=\"p-1.0a1b2c3d\"} 0.5\n",
        "updraft_proposal_votes{proposal=\"p-1.0a1b2c3d\",choice=\"yes\"} 4\n",
        "updraft_proposal_votes{proposal=\"p-1.0a1b2c3d\",choice=\"no\"} 1\n",
        "updraft_proposal_votes{proposal=\"p-1.0a1b2c3d\",choice=\"abstain\"} 0\n",
        "updraft_proposal_votes{proposal=\"p-1.0a1b2c3d\",choice=\"ready\"} 3\n",
        "updraft_proposal_votes{proposal=\"p-1.0a1b2c3d\",choice=\"cancel\"} 2\n",
    ] {
        assert!(before.contains(line), "{line}{before}");
    }
    let series = before.lines().filter(|line| line.contains("proposal=\"p-")).count();
    assert_eq!(series, 12, "six for each open vote: {before}");
    let active = ProposalNumbers { state: "active", open: None, ..open("p-1.0a1b2c3d", 1.0) };
    metrics.rules_are(2, &[active]);
    let after = page(&registry);
    assert!(!after.contains("proposal=\"p-"), "{after}");
    for line in [
        "updraft_proposals{state=\"voting\"} 0\n",
        "updraft_proposals{state=\"active\"} 1\n",
        "updraft_protocol_version 2\n",
    ] {
        assert!(after.contains(line), "{line}{after}");
    }
}
