//! The desk on which a cluster stands: for each node a data directory with its keys, its trust and its configuration, and
//! an address that stays its own. Made with what people use to make them. Blocks.
//!
//! Ports are chosen by the system and kept by a socket that does not listen while their node is away: nobody else gets
//! them, and who dials them is refused.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use tokio::net::TcpSocket;
use updraft_node::{
    config::{self, Settings, Sources, show_size},
    dirs::Dirs,
    identity,
    join::{self, Chain},
    keys::{KeyFile, KeyFolder},
    network::NodeKey,
};
use updraft_protocol::{SecretKey, Timestamp};

use super::{Failure, making::Works};
use crate::{
    scenario::{Group, Role, Scenario, Updates},
    world::people::People,
};

/// Connections that a node takes at most.
const MAX_PEERS: u32 = 64;

/// A node as it was planned.
#[derive(Debug)]
pub(super) struct Character {
    /// Its number among all nodes.
    pub(super) number: u32,
    /// The place of its group.
    pub(super) group: usize,
    /// `machines-3`.
    pub(super) name: String,
    /// What it is for.
    pub(super) role: Role,
    /// Which elector it is, if it is one.
    pub(super) elector: Option<usize>,
    /// Its peer id.
    pub(super) peer: String,
    /// Where its things are.
    pub(super) dirs: Dirs,
    /// Its configuration.
    pub(super) settings: Settings,
    /// Where it listens.
    pub(super) place: SocketAddr,
}

/// A port that is kept for a node.
#[derive(Debug)]
pub(super) struct Kept(#[expect(dead_code, reason = "held, not used")] TcpSocket);

/// Keeps an address, or any free one.
///
/// # Errors
/// If somebody has it.
pub(super) fn keep(place: Option<SocketAddr>) -> std::io::Result<(SocketAddr, Kept)> {
    let socket = TcpSocket::new_v4()?;
    // Connections that were closed a moment ago do not keep it from its node.
    socket.set_reuseaddr(true)?;
    socket.bind(place.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
    Ok((socket.local_addr()?, Kept(socket)))
}

/// What is known of a node before its configuration is written.
struct Plan<'a> {
    number: u32,
    group: (usize, &'a Group),
    name: String,
    data: PathBuf,
    place: SocketAddr,
    peer: String,
    elector: Option<usize>,
    witness: Option<usize>,
}

/// Makes all nodes of a scenario below a folder, and gives them with their ports.
pub(super) fn lay(
    scenario: &Scenario,
    people: &People,
    works: &Works,
    folder: &Path,
    now: Timestamp,
    is_hidden: impl Fn(u32) -> bool,
) -> Result<Vec<(Character, Kept)>, Failure> {
    let mut plans = Vec::new();
    let (mut electors, mut witnesses) = (0, 0);
    let next =
        |count: &mut usize, is_one: bool| is_one.then(|| std::mem::replace(count, *count + 1));
    for (place, group) in scenario.groups.iter().enumerate() {
        for n in 0..group.count {
            let number = u32::try_from(plans.len()).expect("at most 64");
            let name = format!("{}-{}", group.name, n + 1);
            let data = folder.join("nodes").join(&name);
            let key = identity_of(&data)?;
            let address = keep(None).map_err(Failure::of(|| "no port is free".to_owned()))?;
            let plan = Plan {
                number,
                group: (place, group),
                name,
                data,
                place: address.0,
                peer: key.peer_id().to_string(),
                elector: next(&mut electors, n < group.electors),
                witness: next(&mut witnesses, n < group.witnesses),
            };
            plans.push((plan, address.1));
        }
    }
    let named = scenario.groups.iter().any(|group| group.bootstrap);
    let is_dialled = |plan: &Plan<'_>| {
        if named { plan.group.1.bootstrap } else { plan.group.0 == 0 }
    };
    let dialled = plans.iter().map(|(plan, _)| plan).filter(|plan| is_dialled(plan));
    let dialled: Vec<(u32, String)> = dialled.map(|plan| (plan.number, address_of(plan))).collect();
    let all = u32::try_from(plans.len()).expect("at most 64");
    let make = |(plan, kept): (Plan<'_>, Kept)| {
        let others = dialled.iter().filter(|(number, _)| *number != plan.number);
        let bootstrap: Vec<String> = others.map(|(_, address)| address.clone()).collect();
        let is_hidden = is_hidden(plan.number);
        let text = Text { people, bootstrap: &bootstrap, all, now, is_hidden };
        Ok((character(plan, &text, works)?, kept))
    };
    plans.into_iter().map(make).collect()
}

fn identity_of(data: &Path) -> Result<NodeKey, Failure> {
    let dirs = Dirs::alone(data);
    let failed = || format!("no node can be made in {}", data.display());
    fs::create_dir_all(data).map_err(Failure::of(failed))?;
    let key = identity::NodeKey::load_or_create(&dirs.identity_key());
    let key = key.map_err(Failure::of(failed))?;
    NodeKey::from_seed(*key.expose()).map_err(Failure::of(failed))
}

fn address_of(plan: &Plan<'_>) -> String {
    format!("/ip4/{}/tcp/{}/p2p/{}", plan.place.ip(), plan.place.port(), plan.peer)
}

/// What stands in a configuration besides what the node itself is.
struct Text<'a> {
    people: &'a People,
    bootstrap: &'a [String],
    all: u32,
    now: Timestamp,
    is_hidden: bool,
}

fn character(plan: Plan<'_>, text: &Text<'_>, works: &Works) -> Result<Character, Failure> {
    let people = text.people;
    let failed = || format!("{} cannot be made", plan.name);
    let dirs = Dirs::alone(&plan.data);
    let chain = Chain::begin(people.root.as_ref().clone(), &people.root.digest());
    let chain = chain.map_err(Failure::of(failed))?;
    join::keep(&plan.data, &chain, &[]).map_err(Failure::of(failed))?;
    let key = |kind: &str, key: Option<&std::sync::Arc<SecretKey>>| {
        let Some(key) = key else { return Ok(None) };
        let name = kind.parse().expect("a name");
        let file = KeyFile::new(name, key, None).map_err(Failure::of(failed))?;
        KeyFolder::new(dirs.keys()).keep(&file).map(Some).map_err(Failure::of(failed))
    };
    let voter = key("voter", plan.elector.and_then(|n| people.elector(n)))?;
    let witness = key("witness", plan.witness.and_then(|n| people.witness(n)))?;
    if let Some(version) = &plan.group.1.runs
        && let Some(made) = works.find(&version.0)
    {
        let root = dirs.components().join(people.component.as_str());
        fs::create_dir_all(dirs.components()).map_err(Failure::of(failed))?;
        made.install(&root, text.now)?;
    }
    let file = plan.data.join("updraft.toml");
    let written = configuration(&plan, text, voter.as_deref(), witness.as_deref());
    fs::write(&file, written).map_err(Failure::of(failed))?;
    let mut sources = Sources::builtin(dirs.clone(), "desk");
    sources.files = vec![file];
    let loaded = config::load(&sources).map_err(Failure::of(failed))?;
    Ok(Character {
        number: plan.number,
        group: plan.group.0,
        name: plan.name,
        role: plan.group.1.role,
        elector: plan.elector,
        peer: plan.peer,
        dirs,
        settings: loaded.settings,
        place: plan.place,
    })
}

fn configuration(
    plan: &Plan<'_>,
    text: &Text<'_>,
    voter: Option<&Path>,
    witness: Option<&Path>,
) -> String {
    let Plan { name, place, group: (_, group), .. } = plan;
    let role = match group.role {
        Role::Full => "full",
        Role::Seed => "seed",
        Role::Client => "client",
    };
    // Who cannot be dialled is of no use to others who look something up.
    let dht = if text.is_hidden { "client" } else { "server" };
    let peers = u32::from(group.peers).min(text.all.saturating_sub(1)).clamp(1, MAX_PEERS);
    let bootstrap: Vec<String> = text.bootstrap.iter().map(|at| format!("\"{at}\"")).collect();
    let bootstrap = bootstrap.join(", ");
    let upload = group
        .upload_limit
        .map_or_else(|| "unlimited".to_owned(), |rate| format!("{}/s", show_size(rate.0)));
    let updates = group.updates == Updates::Automatic;
    // Literal strings of TOML: nothing in a path but their own quote has to be escaped.
    let trust = witness
        .map_or_else(String::new, |key| format!("[trust]\nwitness_key = '{}'\n", key.display()));
    let voter = voter.map_or_else(String::new, |key| {
        format!("[governance]\nvoter = true\nvoter_key = '{}'\n", key.display())
    });
    let installs = match group.role {
        Role::Seed => String::new(),
        Role::Full | Role::Client => {
            let people = text.people;
            format!("[components.\"{}\"]\nchannel = \"{}\"\n", people.component, people.channel)
        }
    };
    format!(
        r#"[node]
name = "{name}"
role = "{role}"

[p2p]
listen = ["/ip4/{}/tcp/{}"]
bootstrap = [{bootstrap}]
mdns = false
dht = "{dht}"
peers_min = {peers}
peers_max = {MAX_PEERS}

[transfer]
upload_limit = "{upload}"

[store]
min_free_disk = "64MiB"

[auto_update]
enabled = {updates}
feature_updates = true

[http]
listen = "off"
socket = ""

{trust}
{voter}
{installs}"#,
        place.ip(),
        place.port()
    )
}
