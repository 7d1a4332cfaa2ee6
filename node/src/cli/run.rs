//! `updraft run`: a node in the foreground.

use std::{convert::Infallible, env};

use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use updraft_protocol::NetworkKind;

use super::{
    Context, Exit,
    become_program::become_program,
    output::Format,
    publisher::{passwords, warn_of_kind},
    words::DEV_NETWORK,
};
use crate::{
    again::{self, StartAgain, Starts},
    agent::{AgentHandle, Trust},
    api::types::network_kind,
    config::Override,
    node::{self, Node},
    problem::{Code, Problem},
};

/// Start a node in the foreground
///
/// SIGINT and SIGTERM stop it, a second one at once. SIGUSR2 stops it in order and starts it again under the same
/// process id: as the program that is installed as the component `updraft`, or as this one if none is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Addresses to listen on (multiaddr)
    #[arg(long, value_name = "MULTIADDR", env = "UPDRAFT_LISTEN", value_delimiter = ',')]
    pub listen: Vec<String>,
    /// Peers to meet first (multiaddr)
    #[arg(long, value_name = "MULTIADDR", env = "UPDRAFT_BOOTSTRAP", value_delimiter = ',')]
    pub bootstrap: Vec<String>,
    /// HTTP address, or 'off'
    #[arg(long, value_name = "ADDR", env = "UPDRAFT_HTTP")]
    pub http: Option<String>,
    /// Only store and serve, install nothing
    #[arg(long)]
    pub seed_only: bool,
    /// Check the configuration and the data directory, then exit
    #[arg(long)]
    pub dry_run: bool,
    /// Stop when standard input closes: for programs that start a node and may be killed
    #[arg(long, hide = true)]
    pub stop_with_stdin: bool,
}

impl Args {
    /// The arguments that stand for keys of the configuration.
    pub fn overrides(&self) -> Vec<Override> {
        let set = |flag, key, value: String| Override { flag, key, value };
        let mut flags = Vec::new();
        if !self.listen.is_empty() {
            flags.push(set("--listen", "p2p.listen", self.listen.join(",")));
        }
        if !self.bootstrap.is_empty() {
            flags.push(set("--bootstrap", "p2p.bootstrap", self.bootstrap.join(",")));
        }
        if let Some(http) = &self.http {
            flags.push(set("--http", "http.listen", http.clone()));
        }
        if self.seed_only {
            flags.push(set("--seed-only", "node.role", "seed".to_owned()));
        }
        flags
    }
}

/// The first line of `run --json`: the node answers from here on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadyLine<'a> {
    r#type: &'static str,
    peer_id: &'a str,
    listen: &'a [String],
    http: Option<&'a str>,
    socket: Option<String>,
    network: &'a str,
    network_kind: &'static str,
}

/// Runs a node until it is told to stop.
///
/// # Errors
/// Whatever keeps it from starting; see [`node::open`] and [`Node::start`].
pub fn run(args: &Args, context: &Context) -> Result<Exit, Problem> {
    let mut flags = args.overrides();
    flags.extend(context.verbosity());
    let loaded = context.load(flags)?;
    let dirs = context.dirs()?;
    context.start_logging(&loaded.settings.log)?;
    let opened = node::open(&loaded.settings, &dirs, &passwords(context))?;
    if args.dry_run {
        warn_of_kind(&opened.trust().newest, &context.output);
        context.output.say("The configuration and the data directory are in order.");
        return Ok(Exit::Done);
    }
    let name = loaded.settings.node.name.clone();
    let trust = opened.trust().clone();
    let runtime = context.runtime()?;
    let (ended, lock) = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let told = listen(SignalKind::user_defined2())?;
        let starts = Starts::read(env::var(again::STARTS).ok().as_deref());
        let mut node = Node::start(loaded.settings, &dirs, opened, context.build, starts).await?;
        introduce(&node, &name, &trust, context)?;
        let agent = node.agent.clone();
        let ended = tokio::select! {
            exit = signals.next() => Ok(End::Exit(exit)),
            ended = node.ended() => ended.map(End::StartAgain),
            never = start_again_when_told(told, &agent) => match never {},
            () = stdin_closed(), if args.stop_with_stdin => Ok(End::Exit(Exit::Done)),
        };
        tokio::select! {
            lock = node.stop() => Ok((ended, Some(lock))),
            // Asked twice: at once. The store and the journals are made for that.
            exit = signals.next() => {
                let stays = |end| if let End::StartAgain(_) = end { End::Exit(exit) } else { end };
                Ok::<_, Problem>((ended.map(stays), None))
            }
        }
    })?;
    match lock {
        Some(lock) => {
            // What still writes on a thread of the runtime ends before another node may have the directory.
            drop(runtime);
            drop(lock);
        }
        None => runtime.shutdown_background(),
    }
    match ended? {
        End::Exit(exit) => Ok(exit),
        End::StartAgain(again) => Err(become_program(&again, context)),
    }
}

/// What a node that has stopped leads to.
enum End {
    /// The command ends.
    Exit(Exit),
    /// The process becomes another program.
    StartAgain(StartAgain),
}

fn introduce(node: &Node, name: &str, trust: &Trust, context: &Context) -> Result<(), Problem> {
    let ready = &node.ready;
    let root = &trust.newest;
    if context.output.format() == Format::Json {
        return context.output.json_line(&ReadyLine {
            r#type: "ready",
            peer_id: &ready.peer_id,
            listen: &ready.listen,
            http: ready.http.as_deref(),
            socket: ready.socket.as_ref().map(|path| path.display().to_string()),
            network: root.name.as_str(),
            network_kind: network_kind(root.kind),
        });
    }
    let out = &context.output;
    out.say(&format!("updraft {}  {name}  {}", context.build.version, ready.peer_id));
    let kind = match root.kind {
        NetworkKind::Production => String::new(),
        NetworkKind::Development => format!("  {DEV_NETWORK}"),
    };
    out.say(&format!(
        "  network    {}, root {} ({}){kind}",
        root.name,
        root.version,
        trust.first.short()
    ));
    for address in &ready.listen {
        out.say(&format!("  listening  {address}"));
    }
    for place in
        ready.http.iter().cloned().chain(ready.socket.iter().map(|path| path.display().to_string()))
    {
        out.say(&format!("  API        {place}"));
    }
    for without in &ready.without {
        out.warn(&format!("the node runs, but {without}"));
    }
    Ok(())
}

/// Ends when whoever started this program closes its standard input, or is gone. Reads on a thread of its own,
/// which nothing waits for: the runtime's would keep the process from ending.
async fn stdin_closed() {
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // A stream that cannot be read is as good as closed.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = closed.send(());
    });
    let _ = is_closed.await;
}

/// Passes on what operators start a node again with, for as long as it runs.
async fn start_again_when_told(mut signal: Signal, agent: &AgentHandle) -> Infallible {
    while signal.recv().await.is_some() {
        if let Err(problem) = agent.start_again().await {
            tracing::error!(%problem, "the node goes on as the program that it is");
        }
    }
    std::future::pending().await
}

fn listen(kind: SignalKind) -> Result<Signal, Problem> {
    signal(kind).map_err(|error| {
        Problem::new(Code::Failed, "signals cannot be listened for").cause(error.to_string())
    })
}

/// What people and service managers stop a node with.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Problem> {
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// How the command ends because of the next signal: a service that is told to stop has done well.
    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Done,
        }
    }
}
