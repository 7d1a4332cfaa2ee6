//! One node: a process of the real program in a data directory of its own.
//!
//! Ports are chosen by the system. A node ends with its test, even when the test program is killed (its standard
//! input closes), and shows its log when the test fails.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
};

use serde_json::{Value, json};
use updraft_protocol::{Digest, NetworkId};

use super::{
    DEADLINE, Said, arg,
    http::{self, Answer},
    release::COMPONENT,
    run, text, until, updraft,
};

/// What a node is for, and what differs from the usual settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kind {
    role: &'static str,
    follows: &'static str,
    /// Lines `section.key = value`.
    settings: Vec<(&'static str, String)>,
}

impl Kind {
    /// Stores and serves; installs nothing.
    pub(crate) fn seed() -> Self {
        Self { role: "seed", follows: "", settings: Vec::new() }
    }

    /// Installs by itself what comes.
    pub(crate) fn follower() -> Self {
        Self { role: "full", follows: "channel = \"stable\"\n", settings: Vec::new() }
    }

    /// Installs only what it is told to.
    pub(crate) fn obedient() -> Self {
        Self {
            role: "full",
            follows: "channel = \"stable\"\nauto_update = false\n",
            settings: Vec::new(),
        }
    }

    /// The same with another value of a setting.
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((key, value.into()));
        self
    }

    fn configuration(&self, name: &str) -> String {
        let mut settings = vec![
            ("node.name", format!("\"{name}\"")),
            ("node.role", format!("\"{}\"", self.role)),
            (
                "p2p.listen",
                "[\"/ip4/127.0.0.1/tcp/0\", \"/ip4/127.0.0.1/udp/0/quic-v1\"]".to_owned(),
            ),
            ("p2p.mdns", "false".to_owned()),
            ("p2p.dht", "\"server\"".to_owned()),
            ("p2p.peers_min", "1".to_owned()),
            ("transfer.upload_limit", "\"unlimited\"".to_owned()),
            ("store.min_free_disk", "\"16MiB\"".to_owned()),
            ("auto_update.feature_updates", "true".to_owned()),
            ("http.listen", "\"127.0.0.1:0\"".to_owned()),
            ("log.format", "\"plain\"".to_owned()),
            ("log.level", "\"info\"".to_owned()),
        ];
        for (key, value) in &self.settings {
            settings.retain(|(known, _)| known != key);
            settings.push((key, value.clone()));
        }
        let lines: String =
            settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let follows = match self.follows {
            "" => String::new(),
            follows => format!("\n[components.{COMPONENT}]\n{follows}"),
        };
        format!("{lines}{follows}")
    }
}

/// A data directory with its configuration, and the process that uses it if one does.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) data: PathBuf,
    home: PathBuf,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// The node stops when this closes.
    _stdin: ChildStdin,
    ready: Value,
}

impl Node {
    /// Makes a data directory below `place`, which is also the home of every command.
    pub(crate) fn prepare(place: &Path, name: &str, kind: &Kind) -> Self {
        let data = place.join(name);
        fs::create_dir_all(&data).expect("own folder");
        let node = Self { name: name.to_owned(), data, home: place.to_owned(), process: None };
        node.configure(kind);
        node
    }

    /// Writes the configuration, for the next start.
    pub(crate) fn configure(&self, kind: &Kind) {
        fs::write(self.config(), kind.configuration(&self.name)).expect("own folder");
    }

    fn config(&self) -> PathBuf {
        self.data.join("updraft.toml")
    }

    fn log(&self) -> PathBuf {
        self.data.join("updraft.log")
    }

    /// Everything the node has logged, over all its starts.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// A command for this node, not yet run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = updraft(&self.home);
        command.args(["-c", arg(&self.config()), "-d", arg(&self.data)]).args(args);
        command
    }

    /// Runs a command for this node.
    #[track_caller]
    pub(crate) fn say(&self, args: &[&str]) -> Said {
        run(&mut self.command(args))
    }

    /// Runs a command that prints one document.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        self.say(&all).good().json()
    }

    /// Forgets whom it knows, for the next start.
    pub(crate) fn forget_everybody(&self) {
        fs::remove_file(self.data.join("bootstrap")).expect("`join` has written whom it knows");
    }

    /// Starts the node and waits until it answers.
    #[track_caller]
    pub(crate) fn start(&mut self) {
        self.start_program(self.command(&["--json", "run", "--stop-with-stdin"]));
    }

    /// The same with another program.
    #[track_caller]
    pub(crate) fn start_as(&mut self, program: &Path) {
        let usual = self.command(&["--json", "run", "--stop-with-stdin"]);
        let mut command = Command::new(program);
        command.env_clear().env("HOME", &self.home).current_dir(&self.home).args(usual.get_args());
        self.start_program(command);
    }

    #[track_caller]
    fn start_program(&mut self, mut command: Command) {
        assert!(self.process.is_none(), "{} runs already", self.name);
        let log = OpenOptions::new().create(true).append(true).open(self.log()).expect("own file");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let stdin = child.stdin.take().expect("piped");
        let stdout = child.stdout.take().expect("piped");
        let line = first_line(stdout);
        let ready = serde_json::from_str::<Value>(&line).unwrap_or_else(|_| {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{} did not come up, it said {line:?}\n{}", self.name, self.logged())
        });
        assert_eq!(ready["type"], "ready");
        self.process = Some(Process { child, _stdin: stdin, ready });
    }

    /// Starts a node that is expected not to come up, and gives what it said.
    #[track_caller]
    pub(crate) fn start_in_vain(&self) -> Said {
        let mut child = self
            .command(&["run", "--stop-with-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let ended = {
            let child = &mut child;
            until("the end of a node that cannot run", || child.try_wait().expect("our child"))
        };
        let output = child.wait_with_output().expect("our child");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Said { code: ended.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn running(&self) -> &Process {
        self.process.as_ref().unwrap_or_else(|| panic!("{} does not run", self.name))
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.running().child.id()
    }

    /// Its name on the network.
    pub(crate) fn peer_id(&self) -> &str {
        text(&self.running().ready["peerId"])
    }

    /// The network it is of.
    #[track_caller]
    pub(crate) fn network_id(&self) -> NetworkId {
        let trust = self.get("/api/v1/trust");
        let id: Digest = text(&trust["networkId"]).parse().expect("32 bytes");
        NetworkId::from_bytes(*id.as_bytes())
    }

    /// The addresses it listens on.
    pub(crate) fn listen(&self) -> Vec<String> {
        super::items(&self.running().ready["listen"]).iter().map(|a| text(a).to_owned()).collect()
    }

    /// Ends the node as a power cut would: at once, without a word to it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.child.kill().expect("our child");
            process.child.wait().expect("our child");
        }
    }

    /// Stops the node in order, and fails if it does not end well.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        let Some(Process { mut child, _stdin, .. }) = self.process.take() else { return };
        drop(_stdin);
        let ended =
            until("the end of a node that was stopped", || child.try_wait().expect("our child"));
        assert!(ended.success(), "{} ended with {ended}\n{}", self.name, self.logged());
    }

    /// A ticket that leads to this node.
    pub(crate) fn ticket(&self) -> String {
        text(&self.json(&["ticket", "create"])["ticket"]).to_owned()
    }

    /// The status document.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        self.json(&["status"])
    }

    /// What the node knows of the test's component; `None` before it follows it.
    pub(crate) fn component(&self) -> Option<Value> {
        let status = self.get("/api/v1/status");
        super::items(&status["components"]).iter().find(|c| c["name"] == COMPONENT).cloned()
    }

    /// The installed version.
    pub(crate) fn installed(&self) -> Option<String> {
        self.component()?["installed"].as_str().map(str::to_owned)
    }

    /// Where the installed version lies.
    pub(crate) fn current(&self) -> PathBuf {
        self.data.join("components").join(COMPONENT).join("current")
    }

    /// Waits until a version is installed.
    #[track_caller]
    pub(crate) fn wait_for(&self, version: &str) {
        until(&format!("{} runs {version}", self.name), || {
            (self.installed().as_deref() == Some(version)).then_some(())
        });
    }

    /// Waits until so many peers are connected.
    #[track_caller]
    pub(crate) fn wait_for_peers(&self, count: u64) {
        until(&format!("{} has {count} peers", self.name), || {
            (super::number(&self.get("/api/v1/status")["peers"]["connected"]) >= count)
                .then_some(())
        });
    }

    /// Waits until a release is on offer here and its manifest has come.
    #[track_caller]
    pub(crate) fn wait_until_known(&self, version: &str) -> Value {
        self.wait_for_release(version, |release| !release["sizeBytes"].is_null())
    }

    /// Waits until a release is on offer here and its whole artifact lies here.
    #[track_caller]
    pub(crate) fn wait_until_held(&self, version: &str) -> Value {
        self.wait_for_release(version, |release| release["held"] == true)
    }

    #[track_caller]
    fn wait_for_release(&self, version: &str, is_so: fn(&Value) -> bool) -> Value {
        until(&format!("{} has {version}", self.name), || {
            let releases = self.get("/api/v1/releases");
            let found = super::items(&releases["items"])
                .iter()
                .find(|release| release["version"] == version && is_so(release));
            found.cloned()
        })
    }

    /// Asks the API.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        self.request(&format!("GET {path}"), "application/json", b"").good()
    }

    /// One number of its metrics, by its whole name.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str) -> u64 {
        self.find_metric(name).unwrap_or_else(|page| panic!("no {name} in\n{page}"))
    }

    /// The same of one that is not there before it was counted.
    #[track_caller]
    pub(crate) fn metric_or_zero(&self, name: &str) -> u64 {
        self.find_metric(name).unwrap_or_default()
    }

    fn find_metric(&self, name: &str) -> Result<u64, String> {
        let page = self.request("GET /metrics", "text/plain", b"").body;
        let page = String::from_utf8(page).expect("text");
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.ok_or(page)
    }

    /// Any request to the API.
    #[track_caller]
    pub(crate) fn request(&self, line: &str, kind: &str, body: &[u8]) -> Answer {
        let token = fs::read_to_string(self.data.join("api.token")).expect("the node's token");
        http::request(text(&self.running().ready["http"]), token.trim(), line, kind, body)
    }

    /// What the node believes and remembers, as its API tells it: trust, heads, releases, history.
    pub(crate) fn books(&self) -> Value {
        let mut status = self.get("/api/v1/status");
        json!({
            "trust": self.get("/api/v1/trust"),
            "releases": self.get("/api/v1/releases"),
            "history": self.get("/api/v1/history"),
            "channels": status["channels"].take(),
            "components": status["components"].take(),
        })
    }
}

/// The first line that a node prints; empty if it ends or says nothing in time.
fn first_line(stdout: ChildStdout) -> String {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        let _ = reader.read_line(&mut line);
        // Nobody waits any more if the deadline has passed.
        let _ = sender.send(line);
        // Read on, so that a node never waits for somebody to read.
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
    });
    receiver.recv_timeout(DEADLINE).unwrap_or_default()
}

impl Drop for Node {
    #[expect(clippy::print_stderr, reason = "the test program shows it with the failed test")]
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("---- log of {}\n{}", self.name, self.logged());
        }
    }
}
