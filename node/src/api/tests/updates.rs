//! The update check that other programs' clients make.

use updraft_protocol::{Digest, FileMode, Severity};

use super::*;
use crate::agent::fake::release::{Publisher, file, program, tree, version};

async fn check(desk: &Desk, headers: &[(&str, &str)]) -> Answer {
    let mut builder = request(Method::GET, "/api/v1/updates/check").header("host", "localhost:1");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    desk.send(builder.body(String::new()).expect("a request")).await
}

fn publish(desk: &Desk, component: &str, version: &str) {
    let mut world = desk.agent.world();
    Publisher::new().publish(&mut world, component, version, tree(version), |_| {});
}

#[tokio::test]
async fn the_version_is_required_and_has_to_be_one() {
    let desk = Desk::new().await;
    publish(&desk, "demo-app", "1.0.0");
    assert_eq!(check(&desk, &[]).await.refusal(), ("UD0203", 400));
    assert_eq!(check(&desk, &[("x-current-version", "1.0")]).await.refusal(), ("UD0202", 400));
    assert_eq!(check(&desk, &[("x-current-version", "new")]).await.refusal(), ("UD0202", 400));
}

#[tokio::test]
async fn an_update_is_offered_in_the_documented_order() {
    let desk = Desk::new().await;
    publish(&desk, "demo-app", "1.0.0");
    publish(&desk, "demo-app", "1.1.0");
    let answer = check(&desk, &[("x-current-version", "1.0.0")]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("cache-control"), "max-age=60");
    assert!(answer.header("vary").contains("X-Current-Version"));
    let offer = answer.json();
    assert_eq!(offer["updateAvailable"], true);
    assert_eq!(offer["version"], "1.1.0");
    assert_eq!(offer["mandatory"], false);
    assert_eq!(offer["channel"], "stable");
    let url = offer["downloadUrl"].as_str().expect("an address");
    let path = url.strip_prefix("http://localhost:1").expect("the host that was asked");
    let blob = desk.get(path).await.body;
    assert_eq!(offer["checksums"]["blake3"], Digest::of(&blob).to_hex());
    let sum: String = {
        use sha2::Digest as _;
        sha2::Sha256::digest(&blob).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    assert_eq!(offer["signature"], format!("sha256:{sum}"));
    let text = String::from_utf8(answer.body.clone()).expect("text");
    let places: Vec<_> =
        ["updateAvailable", "version", "mandatory", "releaseNotes", "downloadUrl", "signature"]
            .iter()
            .map(|name| text.find(&format!("\"{name}\":")).expect("it is there"))
            .collect();
    assert!(places.is_sorted() && places[0] == 1, "{text}");

    let tag = answer.header("etag");
    let again = check(&desk, &[("x-current-version", "1.0.0"), ("if-none-match", tag)]).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn nothing_newer_is_an_answer_too() {
    let desk = Desk::new().await;
    publish(&desk, "demo-app", "1.1.0");
    for (current, channel, newest) in
        [("1.1.0", "stable", "1.1.0"), ("2.0.0", "stable", "1.1.0"), ("1.0.0", "beta", "1.0.0")]
    {
        let headers = [("x-current-version", current), ("x-channel", channel)];
        let offer = check(&desk, &headers).await.json();
        assert_eq!(offer["updateAvailable"], false, "{current} {channel}");
        assert_eq!(offer["version"], newest, "{current} {channel}");
    }
}

#[tokio::test]
async fn a_component_has_to_be_named_where_there_are_several() {
    let desk = Desk::new().await;
    let version = ("x-current-version", "1.0.0");
    assert_eq!(check(&desk, &[version]).await.refusal(), ("UD0301", 404));
    publish(&desk, "demo-app", "1.1.0");
    publish(&desk, "proxy", "1.0.1");
    assert_eq!(check(&desk, &[version]).await.refusal(), ("UD0203", 400));
    let named = check(&desk, &[version, ("x-component", "proxy")]).await.json();
    assert_eq!(named["version"], "1.0.1");
    let other = check(&desk, &[version, ("x-component", "other")]).await;
    assert_eq!(other.refusal(), ("UD0301", 404));
}

#[tokio::test]
async fn a_floor_is_kept_and_urgency_is_told() {
    let desk = Desk::new().await;
    let publisher = Publisher::new();
    let entries = |v: &str| vec![file("app", FileMode::Executable, program(v))];
    {
        let mut world = desk.agent.world();
        publisher.publish(&mut world, "demo-app", "1.5.0", entries("1.5.0"), |_| {});
        publisher.publish(&mut world, "demo-app", "2.0.0", entries("2.0.0"), |manifest| {
            manifest.min_version = Some(version("1.5.0"));
            manifest.severity = Severity::Critical;
        });
    }
    let step = check(&desk, &[("x-current-version", "1.0.0")]).await.json();
    assert_eq!((&step["version"], &step["mandatory"]), (&"1.5.0".into(), &false.into()));
    let last = check(&desk, &[("x-current-version", "1.5.0")]).await.json();
    assert_eq!((&last["version"], &last["mandatory"]), (&"2.0.0".into(), &true.into()));
}
