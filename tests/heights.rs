//! Heights come from a program or an address of the operator's, and from nothing that says anything but a number.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use updraft_node::height::{NoHeight, Source, read};

fn command(script: &str) -> Source {
    Source::Command(["/bin/sh", "-c", script].map(str::to_owned).to_vec())
}

async fn address(answer: &'static str) -> Source {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = [0; 512];
        let _ = stream.read(&mut request).await.expect("a request");
        stream.write_all(answer.as_bytes()).await.expect("taken");
    });
    Source::Url(format!("http://{at}/height?of=chain"))
}

#[tokio::test]
async fn a_number_is_read_from_a_program_and_from_an_address() {
    assert_eq!(read(&command("echo '  812345 blocks'")).await.expect("a number"), 812_345);
    let served = address("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n77\n").await;
    assert_eq!(read(&served).await.expect("a number"), 77);
}

#[tokio::test]
async fn what_is_no_number_is_refused_with_what_it_was() {
    for (source, expected) in [
        (command("echo up"), "`up` is no number"),
        (command("true"), "`` is no number"),
        (command("echo 7; exit 3"), "`/bin/sh` ended with exit status: 3"),
        (Source::Command(vec!["/nowhere".to_owned()]), "`/nowhere` cannot be run"),
        (command("printf %0300d 1"), "is no number"),
    ] {
        let error = read(&source).await.expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let endless = address("HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n1").await;
    assert!(matches!(read(&endless).await, Err(NoHeight::Unreachable { .. })));
    let broken = address("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").await;
    assert!(matches!(read(&broken).await, Err(NoHeight::Unreachable { .. })));
}
