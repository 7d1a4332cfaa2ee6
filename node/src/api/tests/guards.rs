//! Who is let in, and in which order the checks refuse.

use futures::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;

use super::*;

/// One request without a token, with these headers.
async fn ask(desk: &Desk, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut builder = request(method, path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        builder = builder.header("host", desk.address.to_string());
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let has_type = headers.iter().any(|(name, _)| *name == "content-type");
    let body = if has_type { "{}".to_owned() } else { String::new() };
    desk.send(builder.body(body).expect("a request")).await
}

#[tokio::test]
async fn each_check_refuses_and_an_earlier_one_goes_first() {
    let desk = Desk::new().await;
    let bearer = format!("Bearer {TOKEN}");
    let (host, origin) = (("host", "evil.example"), ("origin", "http://evil.example"));
    let (site, kind) = (("sec-fetch-site", "cross-site"), ("content-type", "text/plain"));
    let good = ("authorization", bearer.as_str());
    let own = format!("http://{}", desk.address);
    for (headers, refusal) in [
        (vec![host, origin, site, kind], ("UD0104", 421)),
        (vec![origin, site, kind], ("UD0105", 403)),
        (vec![("origin", "null")], ("UD0105", 403)),
        (vec![site, kind], ("UD0105", 403)),
        (vec![("sec-fetch-site", "same-site")], ("UD0105", 403)),
        (vec![kind], ("UD0102", 401)),
        (vec![kind, ("authorization", "Bearer updt_wrong")], ("UD0102", 401)),
        (vec![kind, ("authorization", "Basic dXA=")], ("UD0102", 401)),
        (vec![kind, good], ("UD0110", 415)),
        (
            vec![("content-type", "application/json"), good, ("content-length", "9999")],
            ("UD0109", 413),
        ),
    ] {
        let mut builder = request(Method::POST, "/api/v1/check");
        if !headers.contains(&host) {
            builder = builder.header("host", desk.address.to_string());
        }
        for (name, value) in &headers {
            builder = builder.header(*name, *value);
        }
        let long = headers.iter().any(|(name, _)| *name == "content-length");
        let body = if long { "x".repeat(9_999) } else { "{}".to_owned() };
        let answer = desk.send(builder.body(body).expect("a request")).await;
        assert_eq!(answer.refusal(), refusal, "{headers:?}");
        assert_eq!(answer.problem().instance.as_deref(), Some("/api/v1/check"));
    }
    assert!(desk.agent.world().asked.is_empty(), "nothing refused reaches the agent");

    let fine = [good, ("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(ask(&desk, Method::POST, "/api/v1/check", &fine).await.status, StatusCode::OK);
    assert_eq!(desk.agent.world().asked, ["check"]);
}

#[tokio::test]
async fn host_names_of_loopback_and_of_the_settings_are_answered() {
    let desk = Desk::new().await;
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8918", "[::1]", "node.example:80"] {
        let answer = ask(&desk, Method::GET, "/healthz", &[("host", host)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
    }
    for host in ["", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1"] {
        let answer = ask(&desk, Method::GET, "/healthz", &[("host", host)]).await;
        assert_eq!(answer.refusal(), ("UD0104", 421), "{host}");
    }
}

#[tokio::test]
async fn only_the_listed_addresses_are_open() {
    let desk = Desk::new().await;
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1", "/api/v1/version"] {
        assert_eq!(ask(&desk, Method::GET, path, &[]).await.status, StatusCode::OK, "{path}");
    }
    for path in ["/api/v1/status", "/api/v1/blobs/x", "/nothing", "/api/v1/", "//healthz"] {
        let answer = ask(&desk, Method::GET, path, &[]).await;
        assert_eq!(answer.refusal(), ("UD0102", 401), "{path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(ask(&desk, Method::POST, "/healthz", &[]).await.refusal(), ("UD0102", 401));
}

#[tokio::test]
async fn metrics_can_ask_for_the_token_or_be_off() {
    let desk = Desk::with(|settings| settings.metrics = MetricsAccess::Token).await;
    assert_eq!(ask(&desk, Method::GET, "/metrics", &[]).await.refusal(), ("UD0102", 401));
    assert_eq!(desk.get("/metrics").await.status, StatusCode::OK);
    let off = Desk::with(|settings| settings.metrics = MetricsAccess::Off).await;
    assert_eq!(off.get("/metrics").await.refusal(), ("UD0107", 404));
}

#[tokio::test]
async fn the_socket_needs_no_token_and_notes_the_user() {
    let desk = Desk::new().await;
    let plan = crate::agent::Plan {
        from: None,
        to: "1.0.0".parse().expect("a version"),
        route: vec!["whole".to_owned()],
        fetch_bytes: 10,
        whole_bytes: 10,
        disk_bytes: 20,
        warnings: Vec::new(),
    };
    desk.agent.world().plan = Some(plan);
    let request = request(Method::POST, "/api/v1/components/demo-app/install")
        .header("host", "anything")
        .body(String::new())
        .expect("a request");
    let answer = desk.send_on_socket(request).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.header("location"), "/api/v1/operations/op-1");
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(answer.json()["by"], format!("socket:{uid}"));
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_browsers_away() {
    let desk = Desk::new().await;
    let refused = ask(&desk, Method::GET, "/api/v1/status", &[]).await;
    let misled = ask(&desk, Method::GET, "/healthz", &[("host", "evil.example")]).await;
    for answer in [desk.get("/api/v1/status").await, desk.get("/nothing").await, refused, misled] {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn what_is_too_long_is_refused_whether_it_says_so_or_not() {
    let desk = Desk::new().await;
    let long = format!("/api/v1/{}", "x".repeat(2_048));
    assert_eq!(desk.get(&long).await.refusal(), ("UD0204", 400));

    // A chunked body does not say how long it is.
    let body: Vec<Result<Frame<Bytes>, std::io::Error>> =
        (0..9).map(|_| Ok(Frame::data(Bytes::from(vec![b' '; 1_000])))).collect();
    let request = request(Method::POST, "/api/v1/components/demo-app/install")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .body(StreamBody::new(stream::iter(body)))
        .expect("a request");
    let connection = TcpStream::connect(desk.address).await.expect("it listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await.expect("http");
    tokio::spawn(connection);
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(Answer::read(response).await.refusal(), ("UD0109", 413));
}
