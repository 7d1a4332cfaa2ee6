//! What is answered: the shapes that programs outside rely on.

use serde_json::json;

use super::*;
use crate::{
    agent::{
        Alarm, Available, ComponentState, ComponentStatus, Concern, ConcernKind, Freshness, Held,
        HistoryLine, HoldReason, LastUpdate, Pause, Plan, Published, WitnessCount,
        fake::{
            peer,
            release::{Publisher, tree, version},
        },
    },
    problem::Code,
};
use updraft_protocol::{Digest, ReleaseKind, Severity};

fn component() -> ComponentStatus {
    ComponentStatus {
        name: "demo-app".parse().expect("a name"),
        channel: "stable".parse().expect("a name"),
        target: "any".parse().expect("a target"),
        installed: Some(version("1.0.0")),
        available: Some(Available {
            version: version("1.1.0"),
            manifest: Digest::of(b"m"),
            kind: ReleaseKind::Feature,
            severity: Severity::Normal,
            whole_bytes: 1_000,
            patch_bytes: Some(40),
        }),
        state: ComponentState::Held,
        held: Some(Held {
            reason: HoldReason::Policy,
            until: None,
            detail: "feature updates wait for you".to_owned(),
        }),
        kept: vec![version("0.9.0")],
        fault: None,
        concerns: Vec::new(),
        last_update: Some(LastUpdate {
            at: STARTED,
            from: None,
            to: version("1.0.0"),
            error: None,
        }),
    }
}

#[tokio::test]
async fn the_status_has_its_documented_shape() {
    let desk = Desk::new().await;
    desk.agent.set_status(|status| status.components = vec![component()]);
    let status = desk.get("/api/v1/status").await.json();
    assert_eq!(status["schema"], "updraft.status/1");
    assert_eq!(status["health"], "ok");
    assert_eq!(status["problems"], json!([]));
    assert_eq!(status["node"]["network"], "demo");
    assert_eq!(status["node"]["protocol"], 1);
    assert_eq!(status["node"]["startedAt"], STARTED.to_string());
    assert_eq!(status["peers"], json!({"connected": 3, "needed": 1, "inbound": 1}));
    assert_eq!(status["store"]["limitBytes"], 100);
    assert_eq!(
        status["components"],
        json!([{
            "name": "demo-app", "target": "any", "installed": "1.0.0", "channel": "stable",
            "available": "1.1.0", "kind": "feature", "severity": "normal", "state": "held",
            "progress": null,
            "heldBy": {"reason": "policy", "until": null, "detail": "feature updates wait for you"},
            "kept": ["0.9.0"],
            "plan": {"fetchBytes": 40, "fullBytes": 1000, "path": ["1.0.0", "1.1.0"]},
            "lastUpdate": {"at": STARTED.to_string(), "from": null, "to": "1.0.0",
                           "result": "ok", "error": null},
            "concerns": []
        }])
    );
    assert_eq!(desk.get("/api/v1/components").await.json(), status["components"]);
    assert_eq!(desk.get("/api/v1/components/demo-app").await.json(), status["components"][0]);
    let unknown = desk.get("/api/v1/components/other").await;
    assert_eq!(unknown.refusal(), ("UD0301", 404));
    assert!(unknown.problem().hint.expect("a hint").contains("demo-app"));
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_code() {
    let desk = Desk::new().await;
    desk.agent.set_status(|status| {
        status.peers.connected = 0;
        status.root.expires = STARTED;
    });
    let status = desk.get("/api/v1/status").await.json();
    assert_eq!(status["health"], "degraded");
    assert_eq!(status["problems"][0]["code"], "UD0403");
    assert_eq!(status["problems"][1]["code"], "UD0701");
    let ready = desk.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["ready"], false);
}

#[tokio::test]
async fn doubts_about_channels_keys_and_releases_are_told_and_counted_as_problems() {
    let desk = Desk::new().await;
    let key = updraft_protocol::SecretKey::from_seed(&[7; 32]).public().id();
    desk.agent.set_status(|status| {
        let channel = &mut status.channels[0];
        channel.freshness = Freshness::StaleSince(STARTED);
        channel.why = Some("1 of the 2 witnesses needed vouch for the head".to_owned());
        channel.witnesses = Some(WitnessCount { have: 1, need: 2 });
        let reason = "it eats disks".to_owned();
        let release = Some("demo-app@1.1.0".to_owned());
        channel.pauses = vec![Pause { release, by: key, until: STARTED.plus(60), reason }];
        status.alarms = vec![Alarm { key, reason: "it revoked itself".to_owned() }];
        let detail = "demo-app@1.0.0 runs here and was withdrawn".to_owned();
        let concerns = vec![Concern { kind: ConcernKind::Withdrawn, detail }];
        status.components = vec![ComponentStatus { concerns, ..component() }];
    });
    let status = desk.get("/api/v1/status").await.json();
    let problems = status["problems"].as_array().expect("a list");
    let codes: Vec<_> = problems.iter().map(|problem| &problem["code"]).collect();
    assert_eq!(codes, ["UD0411", "UD0403", "UD0504", "UD0508"], "{problems:#?}");
    let stale = problems[1]["detail"].as_str().expect("a sentence");
    assert!(stale.starts_with("cannot prove freshness of `stable` since "), "{stale}");
    let channel = &status["channels"][0];
    assert_eq!((&channel["freshness"], &channel["freshUntil"]), (&json!("stale"), &json!(null)));
    assert_eq!(channel["staleSince"], STARTED.to_string());
    assert_eq!(channel["witnesses"], json!({"have": 1, "need": 2}));
    assert_eq!(channel["pauses"][0]["release"], "demo-app@1.1.0");
    assert_eq!(status["alarms"][0]["keyId"], key.to_hex());
    assert_eq!(status["components"][0]["concerns"][0]["kind"], "withdrawn");

    desk.agent.set_status(|status| status.channels[0].frozen = Some("two histories".to_owned()));
    let channel = desk.get("/api/v1/status").await.json()["channels"][0].clone();
    assert_eq!(
        (&channel["freshness"], &channel["why"]),
        (&json!("frozen"), &json!("two histories"))
    );
}

#[tokio::test]
async fn orders_reach_the_agent_as_they_were_given() {
    let desk = Desk::new().await;
    desk.agent.world().plan = Some(Plan {
        from: Some(version("1.0.0")),
        to: version("1.1.0"),
        route: vec!["1.0.0".to_owned(), "1.1.0".to_owned()],
        fetch_bytes: 40,
        whole_bytes: 1_000,
        disk_bytes: 2_000,
        warnings: Vec::new(),
    });
    let path = "/api/v1/components/demo-app/install";
    let plan = desk.ask(Method::POST, path, r#"{"dryRun":true}"#).await;
    assert_eq!((plan.status, &plan.json()["fetchBytes"]), (StatusCode::OK, &json!(40)));
    assert_eq!(desk.get("/api/v1/components/demo-app/plan?noDelta=true").await.json(), plan.json());
    assert!(desk.agent.world().asked.is_empty());

    let body = r#"{"downloadOnly":true,"noDelta":true,"force":true}"#;
    let accepted = desk.ask(Method::POST, path, body).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    assert_eq!(accepted.json()["state"], "running");
    assert_eq!(
        desk.agent.world().asked,
        ["install demo-app Download WholeOnly Consent { downgrade: false, force: true } by token"]
    );
    let ended = loop {
        let operation = desk.get("/api/v1/operations/op-1").await.json();
        if operation["state"] != "running" {
            break operation;
        }
    };
    assert_eq!((&ended["state"], &ended["phase"]), (&json!("done"), &json!("committed")));
    assert_eq!(ended["sources"], json!([{"peer": "12D3KooWPeer", "bytes": 40}]));
    assert_eq!(desk.get("/api/v1/operations?state=running").await.json(), json!([]));
    for id in ["op-9", "nonsense"] {
        let path = format!("/api/v1/operations/{id}");
        assert_eq!(desk.get(&path).await.refusal(), ("UD0304", 404));
    }
}

#[tokio::test]
async fn a_refusal_of_the_agent_comes_out_whole() {
    let desk = Desk::new().await;
    let answer = desk.ask(Method::POST, "/api/v1/components/other/install", "{}").await;
    assert_eq!(answer.refusal(), ("UD0301", 404));
    assert_eq!(answer.problem().code, Code::ComponentUnknown);
}

#[tokio::test]
async fn bad_requests_say_what_is_bad() {
    let desk = Desk::new().await;
    let install = "/api/v1/components/demo-app/install";
    for (method, path, body, refusal) in [
        (Method::POST, install, r#"{"version":"one"}"#, ("UD0202", 400)),
        (Method::POST, install, r#"{"versoin":"1.0.0"}"#, ("UD0204", 400)),
        (Method::POST, install, "{", ("UD0204", 400)),
        (Method::POST, "/api/v1/components/..%2f/install", "{}", ("UD0204", 400)),
        (Method::GET, "/api/v1/components/%ff", "", ("UD0204", 400)),
        (Method::GET, "/api/v1/releases?limit=many", "", ("UD0204", 400)),
        (Method::GET, "/api/v1/blobs/b3:12", "", ("UD0204", 400)),
        (Method::GET, "/nothing", "", ("UD0107", 404)),
        (Method::PUT, "/api/v1/status", "", ("UD0108", 405)),
    ] {
        let answer = desk.ask(method, path, body).await;
        assert_eq!(answer.refusal(), refusal, "{path} {body}");
    }
}

#[tokio::test]
async fn releases_are_listed_shown_and_read_as_signed() {
    let desk = Desk::new().await;
    let publisher = Publisher::new();
    let (root, first) = publisher.root();
    let manifest = {
        let mut world = desk.agent.world();
        world.roots = vec![root.clone()];
        world.heads.insert("stable".parse().expect("a name"), b"head".to_vec());
        publisher.publish(&mut world, "demo-app", "1.0.0", tree("1.0.0"), |_| {});
        publisher.publish(&mut world, "demo-app", "1.1.0", tree("1.1.0"), |_| {})
    };
    desk.agent.set_status(|status| status.root.first = first);

    let list = desk.get("/api/v1/releases?component=demo-app&limit=1").await.json();
    assert_eq!(list["items"][0]["version"], "1.1.0");
    let next = list["next"].as_str().expect("there is more");
    let rest = desk.get(&format!("/api/v1/releases?limit=1&cursor={next}")).await.json();
    assert_eq!(rest["items"][0]["version"], "1.0.0");
    assert_eq!(rest["next"], Value::Null);
    assert_eq!(desk.get("/api/v1/releases?channel=beta").await.json()["items"], json!([]));

    let one = desk.get("/api/v1/releases/demo-app/1.1.0").await.json();
    assert_eq!(one, list["items"][0]);
    assert_eq!(one["deltas"][0]["format"], "updraft-bsdiff-zstd");
    assert_eq!(one["signatures"].as_array().map(Vec::len), Some(1));
    let unknown = desk.get("/api/v1/releases/demo-app/9.0.0").await;
    assert_eq!(unknown.refusal(), ("UD0302", 404));
    assert!(unknown.problem().hint.expect("a hint").contains("1.1.0, 1.0.0"));

    let signed = desk.get("/api/v1/releases/demo-app/1.1.0/manifest").await;
    assert_eq!(signed.header("content-type"), "application/vnd.updraft.manifest");
    assert!(desk.agent.world().manifests.values().any(|bytes| *bytes == signed.body));
    assert_eq!(desk.get("/api/v1/trust/root").await.body, root);
    assert_eq!(desk.get("/api/v1/trust/root/1").await.body, root);
    assert_eq!(desk.get("/api/v1/trust/root/2").await.refusal(), ("UD0302", 404));
    assert_eq!(desk.get("/api/v1/channels/stable/head").await.body, b"head");
    let trust = desk.get("/api/v1/trust").await.json();
    assert_eq!(trust["rootVersion"], 1);
    assert_eq!(
        (&trust["firstRoot"], &trust["root"]),
        (&json!(first.to_string()), &json!(first.to_string()))
    );
    assert_eq!(trust["kind"], "development");
    assert_eq!(trust["roles"][1]["channel"], "stable");
    let mut older = trust;
    older.as_object_mut().expect("members").remove("counts").expect("it is told");
    let told = serde_json::from_value::<crate::api::types::Trust>(older);
    assert!(told.is_ok_and(|trust| trust.counts.is_empty()), "an older node does not tell it");

    let blob = desk.get(&format!("/api/v1/blobs/{}", manifest.whole.digest)).await;
    assert_eq!(blob.header("content-length"), manifest.whole.size.to_string());
    assert_eq!(Digest::of(&blob.body), manifest.whole.digest);
    let object = desk.get(&format!("/api/v1/objects/{}", manifest.tree.object.digest)).await;
    assert_eq!(Digest::of(&object.body), manifest.tree.object.digest);
    let missing = desk.get(&format!("/api/v1/objects/{}", Digest::of(b"no"))).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn peers_are_shown_dialled_and_banned() {
    let desk = Desk::new().await;
    desk.agent.world().peers = vec![peer("12D3KooWPeer")];
    let peers = desk.get("/api/v1/peers").await.json();
    assert_eq!(peers[0]["rttMs"], 12);
    assert_eq!(peers[0]["foundBy"], "dht");
    let body = r#"{"addr":"/ip4/192.0.2.7/tcp/1"}"#;
    let path = "/api/v1/peers/12D3KooWPeer/ban";
    assert_eq!(desk.ask(Method::POST, "/api/v1/peers", body).await.status, StatusCode::ACCEPTED);
    assert_eq!(
        desk.ask(Method::PUT, path, r#"{"seconds":90}"#).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(desk.ask(Method::PUT, path, "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(desk.ask(Method::DELETE, path, "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        desk.agent.world().asked,
        [
            "dial /ip4/192.0.2.7/tcp/1",
            "ban 12D3KooWPeer for 90",
            "ban 12D3KooWPeer for 86400",
            "unban 12D3KooWPeer"
        ]
    );
    let replicas = desk.get(&format!("/api/v1/replicas/{}", Digest::of(b"m"))).await.json();
    assert_eq!(replicas["replicas"], 2);
}

#[tokio::test]
async fn the_history_is_a_page() {
    let desk = Desk::new().await;
    desk.agent.world().history = vec![HistoryLine {
        at: STARTED,
        component: "demo-app".parse().expect("a name"),
        from: None,
        to: version("1.0.0"),
        what: "install".to_owned(),
        error: Some("no room".to_owned()),
        by: "token".to_owned(),
        detail: String::new(),
    }];
    let page = desk.get("/api/v1/history?component=demo-app").await.json();
    assert_eq!(page["items"][0]["result"], "failed");
    assert_eq!(desk.get("/api/v1/history?component=other").await.json()["items"], json!([]));
}

async fn upload(desk: &Desk, kind: &str, body: String) -> Answer {
    upload_to(desk, "/api/v1/releases", kind, body).await
}

async fn upload_to(desk: &Desk, path: &str, kind: &str, body: String) -> Answer {
    let request = request(Method::POST, path)
        .header("host", "localhost")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", kind)
        .body(body)
        .expect("a request");
    desk.send(request).await
}

#[tokio::test]
async fn a_bundle_is_handed_over_whole_and_leaves_no_file() {
    let desk = Desk::new().await;
    desk.agent.world().published = Some(Published {
        component: "demo-app".parse().expect("a name"),
        version: version("1.1.0"),
        channel: "stable".parse().expect("a name"),
        seq: 5,
        manifest: Digest::of(b"m"),
        reached: 3,
    });
    let bundle = "b".repeat(90_000);
    let kind = "application/vnd.updraft.bundle";
    let answer = upload(&desk, kind, bundle.clone()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.header("location"), "/api/v1/releases/demo-app/1.1.0");
    assert_eq!(desk.agent.world().imported, bundle.into_bytes());

    desk.agent.world().published = None;
    assert_eq!(upload(&desk, kind, "few".to_owned()).await.refusal(), ("UD0402", 422));
    assert_eq!(upload(&desk, kind, "b".repeat(100_001)).await.refusal(), ("UD0109", 413));
    assert_eq!(upload(&desk, "application/json", "{}".to_owned()).await.refusal(), ("UD0110", 415));
    let left = std::fs::read_dir(desk.folder.path().join("tmp")).expect("the folder").count();
    assert_eq!(left, 0, "whatever happened, the file is gone");
}

#[tokio::test]
async fn what_is_no_root_does_not_reach_the_agent() {
    let desk = Desk::new().await;
    let path = "/api/v1/trust/root";
    for (kind, body, refusal) in [
        ("application/vnd.updraft.root", "no root".to_owned(), ("UD0401", 422)),
        ("application/vnd.updraft.root", "x".repeat(80_000), ("UD0109", 413)),
        ("application/vnd.updraft.bundle", "{}".to_owned(), ("UD0110", 415)),
        ("application/json", "{}".to_owned(), ("UD0110", 415)),
    ] {
        assert_eq!(upload_to(&desk, path, kind, body).await.refusal(), refusal, "{kind}");
    }
    assert!(desk.agent.world().asked.is_empty());
}

#[tokio::test]
async fn requests_are_counted_by_template_and_never_by_address() {
    let desk = Desk::new().await;
    desk.get("/api/v1/components/secret-name").await;
    desk.get("/not/there").await;
    let text = String::from_utf8(desk.get("/metrics").await.body).expect("text");
    let counted = r#"updraft_http_requests_total{route="/api/v1/components/{name}",method="GET",code="404"} 1"#;
    assert!(text.contains(counted), "{text}");
    assert!(text.contains(r#"route="other",method="GET",code="404"} 1"#), "{text}");
    assert!(!text.contains("secret-name") && !text.contains("not/there"));
}
