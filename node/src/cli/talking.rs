//! Commands against a real server over its socket and its port; behind it is a fake that answers orders.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Parser;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_util::sync::CancellationToken;
use updraft_protocol::FileMode;

use super::{
    Exit, check,
    client::{Client, Places},
    get, history, install, list,
    output::{Format, Output, Page},
    peers, rollback, show, status,
};
use crate::{
    agent::{
        Available, ComponentState, ComponentStatus, Held, HistoryLine, HoldReason, Plan,
        fake::{
            FakeAgent, STARTED, peer,
            release::{Publisher, file, program, tree, version},
        },
    },
    api::{ApiSettings, MetricsAccess, SocketFile, TokenHash, serve},
    clock::Clock,
    metrics::Metrics,
    problem::{Code, Problem},
};

const TOKEN: &str = "updt_0123456789012345678901234567890123456789abc";

/// A node that runs, as far as a command can see.
struct Desk {
    agent: FakeAgent,
    folder: TempDir,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Desk {
    async fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let agent = FakeAgent::start();
        let settings = ApiSettings {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            socket: Some(SocketFile { path: folder.path().join("api.sock"), mode: 0o600 }),
            address_file: Some(folder.path().join("http.addr")),
            allowed_hosts: Vec::new(),
            token: TokenHash::of(TOKEN),
            metrics: MetricsAccess::Open,
            max_body: 4_096,
            max_bundle: 1_000_000,
            uploads: folder.path().join("tmp"),
            clock: Clock::moved_by_hand(STARTED).0,
        };
        let stop = CancellationToken::new();
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, STARTED);
        let handle = agent.handle.clone();
        let serving = serve(settings, handle, Arc::new(registry), metrics, stop.clone()).await;
        let address = *serving.http.as_ref().expect("asked for").as_ref().expect("bound");
        tokio::spawn(serving.stopped());
        Self { agent, folder, address, stop }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_token(&self, token: &str) -> PathBuf {
        let path = self.path("api.token");
        fs::write(&path, token).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("own file");
        path
    }

    async fn client(&self) -> Client {
        let places = Places { sockets: vec![self.path("api.sock")], ..Places::default() };
        Client::find(&places).await.expect("it answers")
    }

    /// Places without a socket, so that TCP is taken.
    fn over_tcp(&self) -> Places {
        Places {
            named: None,
            sockets: vec![self.path("nobody.sock")],
            address_file: self.path("http.addr"),
            token_file: self.path("api.token"),
        }
    }

    fn has_component(&self) {
        self.agent.set_status(|status| {
            status.components = vec![ComponentStatus {
                name: "demo-app".parse().expect("a name"),
                channel: "stable".parse().expect("a name"),
                target: "any".parse().expect("a target"),
                installed: Some(version("1.0.0")),
                available: Some(Available {
                    version: version("1.1.0"),
                    manifest: updraft_protocol::Digest::of(b"m"),
                    kind: updraft_protocol::ReleaseKind::Feature,
                    severity: updraft_protocol::Severity::Normal,
                    whole_bytes: 13_631_488,
                    patch_bytes: Some(421_888),
                }),
                state: ComponentState::Held,
                held: Some(Held {
                    reason: HoldReason::Policy,
                    until: None,
                    detail: "Feature updates wait for you".to_owned(),
                }),
                kept: vec![version("0.9.0")],
                last_update: None,
            }];
        });
        self.agent.world().plan = Some(Plan {
            from: Some(version("1.0.0")),
            to: version("1.1.0"),
            route: vec!["1.0.0".to_owned(), "1.1.0".to_owned()],
            fetch_bytes: 421_888,
            whole_bytes: 13_631_488,
            disk_bytes: 27_262_976,
        });
    }
}

/// The arguments that a line of a shell would give.
fn arguments<T: clap::Args>(line: &str) -> T {
    let command = T::augment_args(clap::Command::new("test").no_binary_name(true));
    let words = line.split(' ').filter(|word| !word.is_empty());
    T::from_arg_matches(&command.get_matches_from(words)).expect("arguments")
}

fn pages(format: Format) -> (Output, [Page; 2]) {
    Output::to_pages(format)
}

fn document(page: &Page) -> Value {
    serde_json::from_str(&page.text()).unwrap_or_else(|error| panic!("{error}: {}", page.text()))
}

fn lines(page: &Page) -> Vec<Value> {
    page.text().lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

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

#[tokio::test]
async fn status_is_a_table_and_a_sentence_for_what_waits() {
    let desk = Desk::new().await;
    desk.has_component();
    let (output, [data, talk]) = pages(Format::Text);
    let args = arguments("--exit-code");
    let exit = status::status(&args, &desk.client().await, Some(&output)).await;
    assert_eq!(exit, Ok(Exit::ConditionTrue));
    let text = data.text();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("NODE      node-a · demo · 3 peers · protocol 1 · up "), "{text}");
    assert_eq!(lines[1], "COMPONENT  INSTALLED  CHANNEL  AVAILABLE  STATE");
    assert_eq!(lines[2], "demo-app   1.0.0      stable   1.1.0      held: policy");
    assert_eq!(
        lines[4],
        "demo-app 1.1.0 (feature, 412 KiB patch) is available. Feature updates wait for you."
    );
    assert!(talk.text().contains("hint: `updraft install demo-app`"), "{}", talk.text());

    let other = status::status(&arguments("other"), &desk.client().await, None).await;
    assert_eq!(other.expect_err("unknown").code.exit_code(), 5);
}

#[tokio::test]
async fn status_is_the_document_of_the_api() {
    let desk = Desk::new().await;
    desk.has_component();
    let (output, [data, talk]) = pages(Format::Json);
    let exit = status::status(&arguments(""), &desk.client().await, Some(&output)).await;
    assert_eq!((exit, talk.text().as_str()), (Ok(Exit::Done), ""));
    let document = document(&data);
    assert_eq!(document["schema"], "updraft.status/1");
    assert_eq!(document["components"][0]["heldBy"]["reason"], "policy");
}

#[tokio::test]
async fn check_asks_and_tells_what_is_new() {
    let desk = Desk::new().await;
    desk.has_component();
    let (output, [data, _]) = pages(Format::Json);
    let args = arguments("--exit-code");
    let exit = check::check(&args, &desk.client().await, Some(&output)).await;
    assert_eq!(exit, Ok(Exit::ConditionTrue));
    assert_eq!(desk.agent.world().asked, ["check"]);
    let found = document(&data);
    assert_eq!(found["schema"], "updraft.check/1");
    assert_eq!(
        (&found["updates"][0]["current"], &found["updates"][0]["available"]),
        (&json!("1.0.0"), &json!("1.1.0"))
    );
    assert_eq!(found["updates"][0]["heldBy"]["reason"], "policy");

    let offline = check::check(&arguments("--offline"), &desk.client().await, None).await;
    assert_eq!(offline, Ok(Exit::Done));
    assert_eq!(desk.agent.world().asked, ["check"], "nobody was asked again");
    let other = check::check(&arguments("other"), &desk.client().await, None).await;
    assert_eq!(other.expect_err("unknown").code, Code::ComponentUnknown);
}

#[tokio::test]
async fn install_tells_the_plan_the_way_and_the_end() {
    let desk = Desk::new().await;
    desk.has_component();
    let (output, [data, talk]) = pages(Format::Text);
    let args = arguments("demo-app");
    let exit = install::install(&args, &desk.client().await, &output).await;
    assert_eq!(exit, Ok(Exit::Done));
    assert_eq!(data.text(), "Updated demo-app 1.0.0 → 1.1.0 in 4 s.\n");
    let plan = "demo-app 1.0.0 → 1.1.0   412 KiB to fetch instead of 13.0 MiB, 26.0 MiB of disk";
    assert!(talk.text().contains(plan), "{}", talk.text());

    let (output, [data, _]) = pages(Format::Json);
    install::install(&args, &desk.client().await, &output).await.expect("it goes well");
    let told = lines(&data);
    let kinds: Vec<_> = told.iter().map(|line| line["type"].as_str().expect("a type")).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"plan"), Some(&"done")));
    assert!(kinds.contains(&"progress"), "{kinds:?}");
    assert_eq!(told.last().expect("an end")["to"], "1.1.0");
}

#[tokio::test]
async fn a_dry_run_does_nothing_and_no_wait_does_not_wait() {
    let desk = Desk::new().await;
    desk.has_component();
    desk.agent.world().stuck = true;
    let (output, [data, _]) = pages(Format::Json);
    let client = desk.client().await;
    let dry = arguments("demo-app --dry-run");
    install::install(&dry, &client, &output).await.expect("a plan");
    assert!(desk.agent.world().asked.is_empty());
    let begun = arguments("demo-app --no-wait");
    install::install(&begun, &client, &output).await.expect("begun");
    let told = lines(&data);
    assert_eq!(told[0]["type"], "plan");
    assert_eq!(told.last().expect("lines")["type"], "begun");
    assert_eq!(desk.agent.world().asked.len(), 1);
}

#[tokio::test]
async fn an_installation_that_fails_ends_with_its_problem() {
    let desk = Desk::new().await;
    desk.has_component();
    desk.agent.world().failure = Some(Problem::new(Code::DiskFull, "needs 26 MiB, has 3"));
    let (output, _) = pages(Format::Text);
    let ended = install::install(&arguments("demo-app"), &desk.client().await, &output).await;
    assert_eq!(ended.expect_err("it fails").code, Code::DiskFull);
}

#[tokio::test]
async fn rollback_lists_and_goes_back() {
    let desk = Desk::new().await;
    desk.has_component();
    let (output, [data, _]) = pages(Format::Json);
    let client = desk.client().await;
    rollback::rollback(&arguments("demo-app --list"), &client, &output).await.expect("a list");
    assert_eq!(document(&data)["kept"], json!(["0.9.0"]));
    let (output, [data, _]) = pages(Format::Json);
    let args = arguments("demo-app --to 0.9.0");
    rollback::rollback(&args, &client, &output).await.expect("it goes back");
    assert_eq!(document(&data)["schema"], "updraft.rollback/1");
    assert_eq!(desk.agent.world().asked, ["rollback demo-app to Some(0.9.0)"]);
}

#[tokio::test]
async fn list_show_and_history_have_documents_and_tables() {
    let desk = Desk::new().await;
    desk.has_component();
    {
        let mut world = desk.agent.world();
        Publisher::new().publish(&mut world, "demo-app", "1.0.0", tree("1.0.0"), |_| {});
        Publisher::new().publish(&mut world, "demo-app", "1.1.0", tree("1.1.0"), |manifest| {
            manifest.notes = "Faster.\u{1b}[2J".to_owned();
        });
        world.history = vec![HistoryLine {
            at: STARTED,
            component: "demo-app".parse().expect("a name"),
            from: None,
            to: version("1.0.0"),
            what: "install".to_owned(),
            error: None,
            by: "policy".to_owned(),
            detail: String::new(),
        }];
    }
    let client = desk.client().await;
    let (json, [data, _]) = pages(Format::Json);
    list::list(&arguments("--all"), &client, &json).await.expect("a list");
    list::list(&arguments(""), &client, &json).await.expect("a list");
    show::show(&arguments("demo-app --from 1.0.0"), &client, &json).await.expect("a release");
    history::history(&arguments(""), &client, &json).await.expect("a history");
    let documents = lines(&data);
    assert_eq!(documents[0]["releases"][0]["version"], "1.1.0");
    assert_eq!(documents[1]["components"][0]["name"], "demo-app");
    assert_eq!(documents[2]["plan"]["path"], json!(["1.0.0", "1.1.0"]));
    assert_eq!(documents[3]["items"][0]["result"], "ok");
    let schemas: Vec<_> = documents.iter().map(|document| document["schema"].clone()).collect();
    let expected = ["updraft.list/1", "updraft.list/1", "updraft.show/1", "updraft.history/1"];
    assert_eq!(schemas, expected);

    let (text, [data, _]) = pages(Format::Text);
    show::show(&arguments("demo-app@1.1.0"), &client, &text).await.expect("a release");
    let shown = data.text();
    assert!(shown.contains("  signed     1 of 1 needed\n"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "notes cannot steer a terminal: {shown:?}");
    let unknown = show::show(&arguments("demo-app@9.0.0"), &client, &text).await;
    assert_eq!(unknown.expect_err("unknown").code, Code::ReleaseUnknown);
    let since = history::history(&arguments("--since 1h"), &client, &json).await;
    assert_eq!(since, Ok(Exit::Done));
}

#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct PeersLine {
    #[command(subcommand)]
    command: peers::Command,
}

#[tokio::test]
async fn peers_are_named_by_their_last_characters() {
    let desk = Desk::new().await;
    desk.agent.world().peers = vec![peer("12D3KooWaaaabbbb"), peer("12D3KooWaaaacccc")];
    let client = desk.client().await;
    let (output, [data, _]) = pages(Format::Text);
    let act = async |line: &str| {
        let args = PeersLine::try_parse_from(line.split(' ')).expect("arguments");
        peers::peers(&args.command, &client, &output).await
    };
    act("list").await.expect("a list");
    assert!(data.text().contains("aaaabbbb  out"), "{}", data.text());
    act("ban aaaabbbb --for 2m").await.expect("banned");
    act("unban 12D3KooWaaaabbbb").await.expect("unbanned");
    act("add /ip4/192.0.2.1/tcp/1").await.expect("dialled");
    assert_eq!(
        desk.agent.world().asked,
        ["ban 12D3KooWaaaabbbb for 120", "unban 12D3KooWaaaabbbb", "dial /ip4/192.0.2.1/tcp/1"]
    );
    let (json, [data, _]) = pages(Format::Json);
    peers::peers(&peers::Command::List, &client, &json).await.expect("a list");
    assert_eq!(document(&data)["peers"][1]["id"], "12D3KooWaaaacccc");
}

/// A network with one release of `entries`, and what `get` needs to trust it.
fn publish(
    desk: &Desk,
    entries: Vec<(updraft_protocol::Entry, Vec<u8>)>,
) -> updraft_protocol::Manifest {
    let publisher = Publisher::new();
    let (root, first) = publisher.root();
    desk.agent.set_status(|status| status.root.first = first);
    let mut world = desk.agent.world();
    world.roots = vec![root];
    publisher.publish(&mut world, "demo-app", "1.1.0", entries, |_| {})
}

async fn get_to(desk: &Desk, path: &Path) -> Result<Exit, Problem> {
    let args = get::Args {
        release: "demo-app".parse().expect("a name"),
        output: Some(path.to_owned()),
        target: None,
    };
    get::get(&args, &desk.client().await, &pages(Format::Text).0).await
}

fn names_in(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| name(entry).into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn get_writes_the_signed_tree_with_its_modes_and_links() {
    let desk = Desk::new().await;
    publish(&desk, tree("1.1.0"));
    let place = TempDir::new().expect("a folder");
    let path = place.path().join("app");
    get_to(&desk, &path).await.expect("verified");
    assert_eq!(fs::read(path.join("bin/app")).expect("the program"), program("1.1.0"));
    let mode =
        |name: &str| fs::metadata(path.join(name)).expect("there").permissions().mode() & 0o777;
    assert_eq!(
        (mode("bin/app"), mode("README"), mode("bin"), mode("")),
        (0o755, 0o644, 0o755, 0o755)
    );
    assert_eq!(fs::read_link(path.join("run")).expect("a link"), Path::new("bin/app"));
    assert_eq!(names_in(place.path()), ["app"], "nothing is left beside it");

    let again = get_to(&desk, &path).await.expect_err("a folder takes the place of nothing");
    assert_eq!(again.code, Code::FileUnusable);
    assert_eq!(names_in(place.path()), ["app"]);
}

#[tokio::test]
async fn get_of_a_single_file_is_that_file_and_takes_the_place_of_one() {
    let desk = Desk::new().await;
    publish(&desk, vec![file("demo-app", FileMode::Executable, program("1.1.0"))]);
    let place = TempDir::new().expect("a folder");
    let path = place.path().join("tool");
    fs::write(&path, "old").expect("written");
    get_to(&desk, &path).await.expect("verified");
    assert_eq!(fs::read(&path).expect("the program"), program("1.1.0"));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o755);
    assert_eq!(names_in(place.path()), ["tool"]);
}

#[tokio::test]
async fn a_node_that_lies_is_not_believed_and_leaves_nothing() {
    let place = TempDir::new().expect("a folder");
    let path = place.path().join("app");
    let lie = async |change: &dyn Fn(&Desk, &updraft_protocol::Manifest)| {
        let desk = Desk::new().await;
        let manifest = publish(&desk, tree("1.1.0"));
        change(&desk, &manifest);
        let problem = get_to(&desk, &path).await.expect_err("a lie");
        assert_eq!(names_in(place.path()), Vec::<String>::new());
        desk.stop.cancel();
        problem.code
    };
    let blob = lie(&|desk, manifest| {
        let mut world = desk.agent.world();
        let blob = world.blobs.get_mut(&manifest.whole.digest).expect("held");
        *blob.last_mut().expect("bytes") ^= 1;
    });
    assert_eq!(blob.await, Code::ChunkMismatch);
    let short = lie(&|desk, manifest| {
        let mut world = desk.agent.world();
        world.blobs.get_mut(&manifest.whole.digest).expect("held").pop();
    });
    assert_eq!(short.await, Code::ChunkMismatch);
    let object = lie(&|desk, manifest| {
        let mut world = desk.agent.world();
        world.objects.get_mut(&manifest.tree.object.digest).expect("held")[9] ^= 1;
    });
    assert_eq!(object.await, Code::ChunkMismatch);
    let root = lie(&|desk, _| {
        desk.agent.set_status(|status| status.root.first = updraft_protocol::Digest::of(b"other"));
    });
    assert_eq!(root.await, Code::RootMismatch);
    let signature = lie(&|desk, _| {
        let mut world = desk.agent.world();
        let manifest = world.manifests.values_mut().next().expect("one");
        // The last bytes are of the signature.
        *manifest.last_mut().expect("bytes") ^= 1;
    });
    assert_eq!(signature.await, Code::ThresholdNotMet);
    let other = lie(&|desk, _| {
        let mut world = desk.agent.world();
        let mut other = crate::agent::fake::World::default();
        Publisher::new().publish(&mut other, "demo-app", "1.0.0", tree("1.0.0"), |_| {});
        let old = other.manifests.into_values().next().expect("one");
        *world.manifests.values_mut().next().expect("one") = old;
    });
    assert_eq!(other.await, Code::ChunkMismatch);
}

#[tokio::test]
async fn get_has_the_node_fetch_what_it_does_not_hold() {
    let desk = Desk::new().await;
    publish(&desk, tree("1.1.0"));
    desk.has_component();
    desk.agent.world().releases[0].held = false;
    let place = TempDir::new().expect("a folder");
    get_to(&desk, &place.path().join("app")).await.expect("verified");
    let asked = desk.agent.world().asked.clone();
    assert!(asked[0].starts_with("install demo-app Download WholeOnly"), "{asked:?}");
}
