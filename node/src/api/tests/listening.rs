//! Listeners: what is left behind, what is in use, what goes wrong.

use std::os::unix::{fs::PermissionsExt as _, net::UnixListener};

use super::*;
use crate::api::BindError;

async fn served(settings: ApiSettings, agent: &FakeAgent) -> (Serving, CancellationToken) {
    let stop = CancellationToken::new();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry, STARTED, crate::build::Build::THIS);
    let serving =
        serve(settings, agent.handle.clone(), Arc::new(registry), metrics, stop.clone()).await;
    (serving, stop)
}

#[tokio::test]
async fn a_socket_nobody_answers_on_is_replaced_and_has_its_mode() {
    let folder = TempDir::new().expect("a folder");
    let mut settings = settings(&folder);
    let path = folder.path().join("deep/api.sock");
    std::fs::create_dir(folder.path().join("deep")).expect("a folder");
    // A listener that is dropped without unlinking is what a killed node leaves behind.
    drop(UnixListener::bind(&path).expect("bound"));
    settings.socket = Some(SocketFile { path: path.clone(), mode: 0o600 });
    let (serving, stop) = served(settings, &FakeAgent::start()).await;
    assert!(matches!(&serving.socket, Some(Ok(bound)) if *bound == path), "{serving:?}");
    let mode = std::fs::metadata(&path).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    stop.cancel();
    serving.stopped().await;
    assert!(!path.exists(), "it takes its socket along");
}

#[tokio::test]
async fn a_socket_somebody_answers_on_is_left_alone() {
    let first = Desk::new().await;
    let mut second = settings(&first.folder);
    second.address_file = None;
    let (serving, stop) = served(second, &FakeAgent::start()).await;
    assert!(matches!(serving.socket, Some(Err(BindError::SocketInUse { .. }))), "{serving:?}");
    assert!(matches!(serving.http, Some(Ok(_))), "the rest goes on");
    stop.cancel();
    serving.stopped().await;
    let request = request(Method::GET, "/healthz").body(String::new()).expect("a request");
    assert_eq!(first.send_on_socket(request).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_file_that_is_no_socket_and_a_path_that_is_too_long_are_refused() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").expect("written");
    let mut one = settings(&folder);
    one.socket = Some(SocketFile { path: file.clone(), mode: 0o660 });
    let (serving, stop) = served(one, &FakeAgent::start()).await;
    assert!(matches!(serving.socket, Some(Err(BindError::NotASocket { .. }))), "{serving:?}");
    assert_eq!(std::fs::read(&file).expect("still there"), b"precious");
    stop.cancel();

    let mut other = settings(&folder);
    other.socket = Some(SocketFile { path: folder.path().join("n".repeat(120)), mode: 0o660 });
    let (serving, stop) = served(other, &FakeAgent::start()).await;
    assert!(matches!(serving.socket, Some(Err(BindError::PathTooLong { .. }))), "{serving:?}");
    stop.cancel();
}

#[tokio::test]
async fn a_port_in_use_does_not_take_the_socket_away() {
    let first = Desk::new().await;
    let folder = TempDir::new().expect("a folder");
    let mut second = settings(&folder);
    second.listen = Some(first.address);
    let (serving, stop) = served(second, &FakeAgent::start()).await;
    let address = match &serving.http {
        Some(Err(BindError::Tcp { address, .. })) => *address,
        other => panic!("{other:?}"),
    };
    assert_eq!(address, first.address);
    assert!(matches!(serving.socket, Some(Ok(_))));
    assert!(!folder.path().join("http.addr").exists(), "no address to be found");
    stop.cancel();
}

#[tokio::test]
async fn the_address_file_comes_with_the_listener_and_goes_with_it() {
    let desk = Desk::new().await;
    let file = desk.folder.path().join("http.addr");
    let text = std::fs::read_to_string(&file).expect("the address");
    assert_eq!(text.trim().parse(), Ok(desk.address));
    desk.stop.cancel();
    desk.serving.stopped().await;
    assert!(!file.exists());
}

#[tokio::test]
async fn a_stopped_agent_is_told_as_a_stopping_node() {
    let folder = TempDir::new().expect("a folder");
    let handle = crate::agent::AgentHandle::without_a_task();
    let stop = CancellationToken::new();
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry, STARTED, crate::build::Build::THIS);
    let serving = serve(settings(&folder), handle, Arc::new(registry), metrics, stop.clone()).await;
    let Some(Ok(address)) = serving.http else { panic!("not listening") };
    let request = request(Method::GET, "/api/v1/peers")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(String::new())
        .expect("a request");
    let stream = TcpStream::connect(address).await.expect("it listens");
    let answer = Answer::read(exchange(stream, request).await).await;
    assert_eq!(answer.refusal(), ("UD0111", 503));

    let request = super::request(Method::GET, "/readyz")
        .header("host", "localhost")
        .body(String::new())
        .expect("a request");
    let stream = TcpStream::connect(address).await.expect("it listens");
    let ready = Answer::read(exchange(stream, request).await).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["checks"][0]["ok"], false);
}
