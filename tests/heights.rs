//! Heights come from a program or an address of the operator's, and from nothing that says anything but a number.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use updraft_node::{
    config::HeightSource,
    height::{NoHeight, read},
};

fn command(script: &str) -> HeightSource {
    HeightSource::Command(["/bin/sh", "-c", script].map(str::to_owned).to_vec())
}

async fn address(answer: &'static str) -> HeightSource {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = [0; 512];
        let _ = stream.read(&mut request).await.expect("a request");
        stream.write_all(answer.as_bytes()).await.expect("taken");
    });
    HeightSource::Url(format!("http://{at}/height?of=chain"))
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
        (HeightSource::Command(vec!["/nowhere".to_owned()]), "`/nowhere` cannot be run"),
        (command("printf %0300d 1"), "it said more than 256 bytes"),
    ] {
        let error = read(&source).await.expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let endless = address("HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n1").await;
    assert!(matches!(read(&endless).await, Err(NoHeight::Unreachable { .. })));
    let broken = address("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").await;
    assert!(matches!(read(&broken).await, Err(NoHeight::Unreachable { .. })));
}

/// Waits for something that other processes do.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut look = tokio::time::interval(Duration::from_millis(5));
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        look.tick().await;
    }
}

/// Whether a process runs whose number a file tells; one that has ended and was not waited for yet does not.
fn runs(file: &Path) -> bool {
    let pid = fs::read_to_string(file).unwrap_or_default();
    let Ok(pid) = pid.trim().parse::<u32>() else { return false };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn the_program_gets_nothing_of_the_nodes_but_the_path_of_programs() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = folder.path().join("env");
    let script = format!("env >'{}'; cat; echo 7", said.display());
    assert_eq!(read(&command(&script)).await.expect("a number"), 7);
    let said = fs::read_to_string(said).expect("it ran");
    // Shells add some of their own.
    let own = ["OLDPWD", "PATH", "PWD", "SHLVL", "_"];
    let names = said.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    let strange: Vec<_> = names.filter(|name| !own.contains(name)).collect();
    assert!(strange.is_empty() && said.contains("PATH="), "{said}");
}

#[tokio::test]
async fn what_the_program_started_ends_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let pid = folder.path().join("pid");
    let script = format!("sleep 1000 & echo $! >'{}'; echo 7", pid.display());
    let said =
        read(&command(&script)).await.expect("its output is still held open, and nobody waits");
    assert_eq!(said, 7);
    assert!(pid.exists(), "it had a child");
    until("its child ends", || !runs(&pid)).await;
}

#[tokio::test]
async fn nobody_waits_for_the_answer_any_more_so_the_program_and_its_children_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (own, child) = (folder.path().join("own"), folder.path().join("child"));
    let script =
        format!("echo $$ >'{}'; sleep 1000 & echo $! >'{}'; wait", own.display(), child.display());
    let asked = tokio::spawn(async move { read(&command(&script)).await });
    until("both run", || runs(&own) && runs(&child)).await;
    asked.abort();
    assert!(asked.await.expect_err("aborted").is_cancelled());
    until("both end", || !runs(&own) && !runs(&child)).await;
}

#[tokio::test]
async fn a_program_without_an_end_gets_one() {
    let error = read(&command("exec yes 7")).await.expect_err("it is ended by its reader");
    assert!(matches!(error, NoHeight::Failed { .. }), "{error}");
}
