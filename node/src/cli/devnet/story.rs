//! What happens in a development network, in order: keys, publisher, nodes, first release, second release.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::json;

use super::{
    desk::{Desk, Part},
    hint::{Scene, how_to_vote},
    process::{self, NodeProcess},
    table,
    watch::{self, Row, Totals},
};
use crate::{
    cli::{
        Context,
        client::{Client, Places},
        output::Format,
        words,
    },
    dirs::Dirs,
    problem::{Code, Problem},
};

/// How often the nodes are asked how they are.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long nodes have to find each other before the first release is published.
const MEET_TIME: Duration = Duration::from_secs(20);
const PUBLISHER: &str = "publisher";

fn node_name(number: u16) -> String {
    format!("node-{number}")
}

/// Two releases of one component.
#[derive(Debug, Clone)]
pub(super) struct Releases {
    /// What it is called.
    pub(super) component: String,
    /// Where the two lie.
    pub(super) paths: [PathBuf; 2],
}

impl Releases {
    /// Their versions.
    pub(super) const VERSIONS: [&'static str; 2] = ["1.0.0", "1.1.0"];
}

/// Who is in the network besides its publisher.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cast {
    /// How many nodes.
    pub(super) nodes: u16,
    /// What each of them is for.
    pub(super) part: Part,
}

/// A node at the desk.
struct Seat {
    name: String,
    data: PathBuf,
    client: Client,
    process: NodeProcess,
}

/// A development network while it runs.
pub(super) struct Story<'a> {
    context: &'a Context,
    desk: &'a Desk,
    cast: Cast,
    releases: Option<Releases>,
    deadline: Option<Instant>,
    started: Instant,
    seats: Vec<Seat>,
    /// What was shown last, so that only changes are told.
    shown: Vec<Row>,
    /// Lines of the table that stand at the end of a terminal.
    drawn: usize,
}

#[derive(Debug, Deserialize)]
struct TicketDocument {
    ticket: String,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        context: &'a Context,
        desk: &'a Desk,
        cast: Cast,
        releases: Option<Releases>,
        deadline: Option<Instant>,
    ) -> Self {
        let started = Instant::now();
        Self {
            context,
            desk,
            cast,
            releases,
            deadline,
            started,
            seats: Vec::new(),
            shown: Vec::new(),
            drawn: 0,
        }
    }

    /// Tells the story to its end; without a deadline it goes on until the caller stops listening.
    pub(super) async fn tell(mut self) -> Result<(), Problem> {
        self.say("Making a network: one key, for trying things out only");
        self.found().await?;
        self.say(&format!(
            "Started a publisher and {} nodes as processes of their own, on loopback",
            self.cast.nodes
        ));
        self.introduce()?;
        self.meet().await?;
        let Some(releases) = self.releases.clone() else { return self.go_on().await };
        for (version, path) in Releases::VERSIONS.into_iter().zip(&releases.paths) {
            self.publish(version, path, &releases.component).await?;
            self.wait_until_installed(version).await?;
        }
        self.summarise().await?;
        if self.deadline.is_some() {
            for seat in self.seats {
                seat.process.stop().await;
            }
            return Ok(());
        }
        self.go_on().await
    }

    /// Keys, root, publisher, then nodes that join with its ticket.
    async fn found(&mut self) -> Result<(), Problem> {
        let component =
            self.releases.as_ref().map_or("demo-app", |releases| &releases.component).to_owned();
        let data = self.desk.prepare(PUBLISHER, Part::Publisher, &component)?;
        let network = self.desk.network();
        process::run(&data, &["init", &text(&network), "--network", "devnet", "--dev"]).await?;
        self.seat(PUBLISHER.to_owned(), data.clone()).await?;
        if self.cast.part == Part::Elector {
            self.enrol().await?;
        }
        let ticket = process::run(&data, &["--json", "ticket", "create"]).await?;
        let ticket: TicketDocument = serde_json::from_str(&ticket).map_err(|error| {
            Problem::new(Code::Failed, "the publisher's ticket cannot be read")
                .cause(error.to_string())
        })?;
        for number in 1..=self.cast.nodes {
            let name = node_name(number);
            let data = self.desk.prepare(&name, self.cast.part, &component)?;
            process::run(&data, &["--yes", "join", &ticket.ticket]).await?;
            self.seat(name, data).await?;
        }
        Ok(())
    }

    /// The next root lets every node vote, each for an operator of its own.
    async fn enrol(&self) -> Result<(), Problem> {
        let (network, data) = (self.desk.network(), self.desk.node(PUBLISHER));
        let run = async |args: &[&str]| process::run_in(&network, &data, args).await.map(drop);
        run(&["root", "begin", "-m", "every node votes"]).await?;
        for number in 1..=self.cast.nodes {
            let name = node_name(number);
            run(&["key", "generate", &name, "--no-password"]).await?;
            let vote = ["--weight", "1", "--operator", &name];
            run(&[&["root", "add-key", "electorate", &name], &vote[..]].concat()).await?;
        }
        run(&["--yes", "root", "sign", "-k", "dev"]).await?;
        run(&["--yes", "root", "apply"]).await?;
        Ok(())
    }

    async fn seat(&mut self, name: String, data: PathBuf) -> Result<(), Problem> {
        let process = NodeProcess::start(&data).await?;
        let dirs = Dirs::alone(&data);
        let places = Places {
            named: process.ready.http.clone(),
            sockets: Vec::new(),
            address_file: dirs.http_address_file(),
            token_file: dirs.token_file(),
        };
        let client = Client::find(&places).await?;
        self.seats.push(Seat { name, data, client, process });
        Ok(())
    }

    fn introduce(&self) -> Result<(), Problem> {
        let out = &self.context.output;
        if out.format() == Format::Json {
            for seat in &self.seats {
                out.json_line(&json!({
                    "type": "node", "node": seat.name, "pid": seat.process.pid(), "http": seat.process.ready.http,
                    "listen": seat.process.ready.listen, "dataDir": seat.data.display().to_string(),
                }))?;
            }
            return Ok(());
        }
        for seat in &self.seats {
            let http = seat.process.ready.http.as_deref().unwrap_or("-");
            self.say(&format!("  {:<10} {http}   files in {}", seat.name, seat.data.display()));
        }
        if let Some(seat) = self.seats.get(1) {
            self.say(&format!("Talk to any of them: updraft -d {} status", seat.data.display()));
        }
        Ok(())
    }

    /// Waits until every node is connected to somebody.
    async fn meet(&mut self) -> Result<(), Problem> {
        let until = Instant::now() + MEET_TIME;
        let wanted = usize::from(self.cast.nodes).min(2);
        loop {
            let rows = self.look().await?;
            if rows.iter().all(|row| row.peers >= wanted) {
                self.say("All nodes are connected");
                return Ok(());
            }
            self.mind_the_deadline(&rows, None)?;
            if Instant::now() > until {
                let alone: Vec<&str> = rows
                    .iter()
                    .filter(|row| row.peers < wanted)
                    .map(|row| row.node.as_str())
                    .collect();
                return Err(Problem::new(
                    Code::NoPeers,
                    format!("{} found no peers", alone.join(", ")),
                ));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn publish(
        &mut self,
        version: &str,
        path: &Path,
        component: &str,
    ) -> Result<(), Problem> {
        self.say(&format!("Publishing {component} {version} from {}", path.display()));
        let (data, network) = (self.desk.node(PUBLISHER), self.desk.network());
        let key = format!("file:{}", network.join("keys").join("dev.key").display());
        let args = [
            "--yes",
            "publish",
            &text(path),
            "--component",
            component,
            "--as",
            version,
            "--key",
            &key,
        ];
        process::run(&data, &args).await?;
        if self.context.output.format() == Format::Json {
            self.context.output.json_line(&json!({
                "type": "published", "component": component, "version": version, "seconds": self.seconds(),
            }))?;
        }
        Ok(())
    }

    async fn wait_until_installed(&mut self, version: &str) -> Result<(), Problem> {
        loop {
            let rows = self.look().await?;
            self.show(&rows)?;
            if nodes(&rows).all(|row| row.installed.as_deref() == Some(version)) {
                self.rest_the_table();
                self.say(&format!("Every node runs {version}"));
                return Ok(());
            }
            self.mind_the_deadline(&rows, Some(version))?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn summarise(&mut self) -> Result<(), Problem> {
        let rows = self.look().await?;
        let totals = Totals::of(&rows);
        let last = Releases::VERSIONS[Releases::VERSIONS.len() - 1];
        let installed = nodes(&rows).filter(|row| row.installed.as_deref() == Some(last)).count();
        if self.context.output.format() == Format::Json {
            return self.context.output.json_line(&json!({
                "type": "summary", "nodes": self.cast.nodes, "installed": installed,
                "releases": Releases::VERSIONS.len(), "fullBytes": totals.full, "fetchedBytes": totals.fetched,
                "patchBytes": totals.patches, "peersUsedMax": totals.peers_max, "seconds": self.seconds(),
            }));
        }
        let out = &self.context.output;
        out.line(&format!(
            "{installed} of {} nodes run {last} after {:.1} s. Fetched {} instead of {}, {} of it as patches, from \
             up to {} peers at once.",
            self.cast.nodes,
            self.seconds(),
            words::size(totals.fetched),
            words::size(totals.full),
            words::size(totals.patches),
            totals.peers_max,
        ));
        if self.desk.is_kept() {
            out.say(&format!("Files stay in {}", self.desk.folder().display()));
        }
        Ok(())
    }

    /// Shows what happens until somebody stops it.
    async fn go_on(mut self) -> Result<(), Problem> {
        self.tell_how_to_vote();
        self.say("The network runs until Ctrl-C");
        loop {
            let rows = self.look().await?;
            self.show(&rows)?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn tell_how_to_vote(&self) {
        let [publisher, node, ..] = self.seats.as_slice() else { return };
        if self.cast.part != Part::Elector {
            return;
        }
        let network = self.desk.network();
        let lines = how_to_vote(&Scene {
            network: &network,
            publisher: &publisher.data,
            node: (&node.data, &node.name),
            published: self.releases.as_ref().map(|releases| releases.component.as_str()),
        });
        lines.iter().for_each(|line| self.say(line));
    }

    async fn look(&mut self) -> Result<Vec<Row>, Problem> {
        let component =
            self.releases.as_ref().map_or("demo-app", |releases| &releases.component).to_owned();
        let mut rows = Vec::new();
        for seat in &mut self.seats {
            if let Some(status) = seat.process.ended() {
                return Err(Problem::new(
                    Code::Failed,
                    format!("{} ended with {status}", seat.name),
                )
                .cause(format!("its log: {}", process::log_file(&seat.data).display())));
            }
            rows.push(watch::look(&seat.name, &seat.client, &component).await?);
        }
        Ok(rows)
    }

    /// Draws the table anew on a terminal; elsewhere tells changes only.
    fn show(&mut self, rows: &[Row]) -> Result<(), Problem> {
        if self.shown == rows {
            return Ok(());
        }
        let out = &self.context.output;
        if out.format() == Format::Json {
            for row in rows.iter().filter(|row| !self.shown.contains(row)) {
                out.json_line(&table::json(row, self.seconds()))?;
            }
        } else if out.is_terminal() {
            if self.drawn > 0 {
                out.raw(&format!("\x1b[{}A\x1b[J", self.drawn));
            }
            out.table(table::HEADER, rows.iter().map(table::cells));
            self.drawn = rows.len() + 1;
        } else {
            for row in rows.iter().filter(|row| !self.shown.contains(row)) {
                out.line(&table::line(row));
            }
        }
        self.shown = rows.to_vec();
        Ok(())
    }

    /// What was drawn stays; the next table goes below.
    fn rest_the_table(&mut self) {
        self.drawn = 0;
    }

    fn mind_the_deadline(&self, rows: &[Row], version: Option<&str>) -> Result<(), Problem> {
        if self.deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return Ok(());
        }
        // Before the first release is published that is the one they miss.
        let wanted = version.unwrap_or(Releases::VERSIONS[0]);
        let missing =
            nodes(rows).filter(|row| row.installed.as_deref() != Some(wanted)).map(|row| {
                format!(
                    "{} has {} and is {}",
                    row.node,
                    row.installed.as_deref().unwrap_or("nothing"),
                    row.state
                )
            });
        let problem = Problem::new(
            Code::Failed,
            format!("not all nodes run {wanted} after {:.0} s", self.seconds()),
        );
        Err(missing
            .fold(problem, Problem::cause)
            .hint("`--keep DIR` keeps the logs, `--timeout` waits longer"))
    }

    fn seconds(&self) -> f64 {
        // Whole milliseconds are enough for people and scripts.
        (self.started.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0
    }

    fn say(&self, words: &str) {
        self.context.output.say(words);
    }
}

/// All rows but the publisher's.
fn nodes(rows: &[Row]) -> impl Iterator<Item = &Row> {
    rows.iter().filter(|row| row.node != PUBLISHER)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
