//! Finding a node, the token, and what strange servers answer.

use super::*;

#[tokio::test]
async fn a_node_is_found_over_its_socket_without_a_token() {
    let desk = Desk::new().await;
    let found: Value = desk.client().await.get("/api/v1/status").await.expect("an answer");
    assert_eq!(found["schema"], "updraft.status/1");
}

#[tokio::test]
async fn without_a_socket_the_address_file_and_the_token_lead_there() {
    let desk = Desk::new().await;
    desk.write_token(TOKEN);
    let client = Client::find(&desk.over_tcp()).await.expect("it answers");
    client.get::<Value>("/api/v1/status").await.expect("the token is taken");
    let named = Places { named: Some(format!("http://{}", desk.address)), ..desk.over_tcp() };
    let client = Client::find(&named).await.expect("it answers");
    client.get::<Value>("/api/v1/status").await.expect("the token is taken");
}

#[tokio::test]
async fn a_wrong_missing_or_open_token_ends_with_4() {
    let desk = Desk::new().await;
    let client = Client::find(&desk.over_tcp()).await.expect("it answers");
    let missing = client.get::<Value>("/api/v1/status").await.expect_err("no token");
    assert_eq!((missing.code, missing.code.exit_code()), (Code::Unauthorized, 4));
    client.get::<Value>("/api/v1/version").await.expect("open without a token");

    let path = desk.write_token(&TOKEN.replace("abc", "xyz"));
    let client = Client::find(&desk.over_tcp()).await.expect("it answers");
    let wrong = client.get::<Value>("/api/v1/status").await.expect_err("wrong token");
    assert_eq!(wrong.code, Code::Unauthorized);
    assert_eq!(wrong.instance.as_deref(), Some("/api/v1/status"));

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("own file");
    let open = Client::find(&desk.over_tcp()).await.expect_err("others could read it");
    assert_eq!(open.code, Code::Unauthorized);
}

#[tokio::test]
async fn where_nobody_answers_every_place_is_named() {
    let folder = TempDir::new().expect("a folder");
    let stale = folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).expect("bound"));
    let address_file = folder.path().join("http.addr");
    let places = Places {
        named: None,
        sockets: vec![stale.clone(), folder.path().join("none.sock")],
        address_file: address_file.clone(),
        token_file: folder.path().join("api.token"),
    };
    let problem = Client::find(&places).await.expect_err("nobody");
    assert_eq!((problem.code, problem.code.exit_code()), (Code::NodeNotRunning, 3));
    let text = problem.to_string();
    for part in [
        format!("read {}   no such file", address_file.display()),
        format!("tried unix:{}   nobody answers", stale.display()),
        format!("tried unix:{}   no such file", folder.path().join("none.sock").display()),
        "hint: start one with `updraft run`".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    for named in ["https://x", "http://", "http://x/y", "x", "ftp:x"] {
        let places = Places { named: Some(named.to_owned()), ..Places::default() };
        let problem = Client::find(&places).await.expect_err(named);
        assert_eq!(problem.code.exit_code(), 2, "{named}");
    }
}

/// Answers every connection with these bytes, then closes it.
async fn strange_server(bytes: Vec<u8>) -> Places {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The request comes in one piece; a connection that was only tried ends without one. The other
            // end may be gone already, which is its own affair.
            drop(stream.read(&mut [0; 4_096]).await);
            drop(stream.write_all(&bytes).await);
        }
    });
    Places { named: Some(format!("http://{address}")), ..Places::default() }
}

#[tokio::test]
async fn strange_answers_are_problems_and_never_a_panic() {
    let header = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
    for (answer, code) in [
        ("", Code::NodeNotRunning),
        ("SSH-2.0-x\r\n", Code::NodeNotRunning),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}", Code::NodeNotRunning),
        (&format!("{header}not json!"), Code::Failed),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", Code::Failed),
    ] {
        let places = strange_server(answer.as_bytes().to_vec()).await;
        let client = Client::find(&places).await.expect("somebody listens");
        let problem = client.get::<Value>("/api/v1/status").await.expect_err("strange");
        assert_eq!(problem.code, code, "{answer:?}: {problem}");
    }
    let long = format!("{header}123456789");
    let client = Client::find(&strange_server(long.into_bytes()).await).await.expect("somebody");
    let problem = client.bytes("/x", 8).await.expect_err("over the limit");
    assert_eq!(problem.code, Code::BodyTooLarge);
}

#[tokio::test]
async fn a_file_is_uploaded_whole() {
    let desk = Desk::new().await;
    let bundle = desk.path("x.bundle");
    fs::write(&bundle, vec![b'x'; 300_000]).expect("written");
    let kind = "application/vnd.updraft.bundle";
    let client = desk.client().await;
    let refused = client.upload::<Value>("/api/v1/releases", &bundle, kind).await;
    assert_eq!(refused.expect_err("the fake refuses").code, Code::ThresholdNotMet);
    assert_eq!(desk.agent.world().imported.len(), 300_000);
}
