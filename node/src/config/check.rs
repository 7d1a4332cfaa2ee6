//! From values as written to [`Settings`]: forms, bounds, and what has to fit together.
//!
//! Every fault is collected, so one run shows them all. Pure: no file is looked at, no address resolved.

use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use updraft_protocol::{ChannelName, ComponentName, Target, TreePath, limits};

use super::{
    fault::Fault,
    merge::{Merged, Origin},
    reader::{
        Reader, has_peer, is_address, is_host, is_http_address, is_listen_address, is_peer_id,
    },
    settings::{
        AutoUpdate, Component, DhtMode, Governance, HeightSource, Http, Log, LogFormat, Metrics,
        Node, P2p, Role, Settings, Store, Transfer, Trust, VerifyOnStart,
    },
    sources::Sources,
};
use crate::{build, dirs::Dirs, logging};

/// Most components with a table.
const MAX_COMPONENTS: usize = 256;
/// What a Unix socket's path may have: `sun_path` is 108 bytes with its final zero.
const MAX_SOCKET_PATH: usize = 107;
const MIB: u64 = 1 << 20;
const DAY: Duration = Duration::from_secs(86_400);

/// What became of a check.
pub(super) struct Checked {
    pub(super) settings: Option<Settings>,
    pub(super) faults: Vec<Fault>,
    pub(super) notes: Vec<String>,
}

/// Checks every value. Settings are missing only if there are faults.
pub(super) fn check(merged: &Merged, sources: &Sources) -> Checked {
    let mut reader = Reader { merged, faults: Vec::new(), notes: Vec::new() };
    let settings = settings(&mut reader, sources);
    let settings = settings.filter(|_| reader.faults.is_empty());
    Checked { settings, faults: reader.faults, notes: reader.notes }
}

/// Each section is read before the first missing one ends the function, so that all faults are seen.
fn settings(r: &mut Reader<'_>, sources: &Sources) -> Option<Settings> {
    let dirs = &sources.dirs;
    let node = node(r, &sources.host_name);
    let p2p = p2p(r);
    let transfer = transfer(r);
    let store = store(r);
    let trust = trust(r);
    let governance = governance(r);
    let auto_update = auto_update(r);
    let components = auto_update.as_ref().and_then(|auto| components(r, auto, dirs));
    let http = http(r, sources);
    let metrics = metrics(r);
    let log = log(r, dirs);
    let auto_update = auto_update?;
    Some(Settings {
        node: node?,
        p2p: p2p?,
        transfer: transfer?,
        store: store?,
        trust: trust?,
        governance: governance?,
        components: components?,
        standard: standard(&auto_update, dirs),
        auto_update,
        http: http?,
        metrics: metrics?,
        log: log?,
    })
}

fn node(r: &mut Reader<'_>, host_name: &str) -> Option<Node> {
    let name = r.text("node.name", "1 to 64 characters, for example \"%h\"", |text| {
        let host: String = host_name.chars().filter(|c| !c.is_control()).take(64).collect();
        let host = if host.is_empty() { "node" } else { host.as_str() };
        let name = text.replace("%h", host);
        let fits = (1..=64).contains(&name.chars().count());
        (fits && !name.chars().any(char::is_control)).then_some(name)
    });
    let network = r.text(
        "node.network",
        "a network name (1 to 32 of a-z 0-9 -), or \"\" for the only one joined",
        |text| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) },
    );
    let role = r.choice(
        "node.role",
        &[("full", Role::Full), ("seed", Role::Seed), ("client", Role::Client)],
    );
    Some(Node { name: name?, network: network?, role: role? })
}

fn p2p(r: &mut Reader<'_>) -> Option<P2p> {
    const LISTEN: &str = "a list of addresses, for example [\"/ip4/0.0.0.0/tcp/8917\"]";
    const DIAL: &str = "a list of addresses with a peer id, for example \
         [\"/ip4/192.0.2.1/tcp/8917/p2p/12D3KooW…\"]";
    const PEERS: &str = "a list of peer ids, for example [\"12D3KooW…\"]";
    let listen = r.list("p2p.listen", LISTEN, is_listen_address);
    let external = r.list("p2p.external", LISTEN, is_address);
    let bootstrap = r.list("p2p.bootstrap", DIAL, |text| is_address(text) && has_peer(text));
    let mdns = r.flag("p2p.mdns");
    let dht = r.choice(
        "p2p.dht",
        &[("auto", DhtMode::Auto), ("client", DhtMode::Client), ("server", DhtMode::Server)],
    );
    let min = r.whole("p2p.peers_min", 1, 4_096).and_then(NonZeroU32::new);
    let max = r.whole("p2p.peers_max", 8, 4_096).and_then(NonZeroU32::new);
    let allow_peers = r.list("p2p.allow_peers", PEERS, is_peer_id);
    let deny_peers = r.list("p2p.deny_peers", PEERS, is_peer_id);
    let idle_timeout = r.duration("p2p.idle_timeout", Duration::from_secs(1), DAY);
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        r.contradiction("p2p.peers_min", format!(
            "`p2p.peers_min = {min}` is above `p2p.peers_max = {max}`; lower the one or raise the other"
        ));
    }
    Some(P2p {
        listen: listen?,
        external: external?,
        bootstrap: bootstrap?,
        mdns: mdns?,
        dht: dht?,
        peers_min: min?,
        peers_max: max?,
        allow_peers: allow_peers?,
        deny_peers: deny_peers?,
        idle_timeout: idle_timeout?,
    })
}

fn transfer(r: &mut Reader<'_>) -> Option<Transfer> {
    let download_limit = r.rate("transfer.download_limit");
    let upload = r.flag("transfer.upload");
    let upload_limit = r.rate("transfer.upload_limit");
    let parallel = r.small("transfer.parallel_chunks", 1, 256);
    let peers = r.small("transfer.peers_per_release", 1, 64);
    let second = Duration::from_secs(1);
    let timeout = r.duration("transfer.chunk_timeout", second, 600 * second);
    Some(Transfer {
        download_limit: download_limit?,
        upload: upload?,
        upload_limit: upload_limit?,
        parallel_chunks: parallel?,
        peers_per_release: peers?,
        chunk_timeout: timeout?,
    })
}

fn store(r: &mut Reader<'_>) -> Option<Store> {
    let max_size = r.size("store.max_size", 256 * MIB, u64::MAX);
    let min_free_disk = r.size("store.min_free_disk", 0, u64::MAX);
    let keep_versions = r.small("store.keep_versions", 1, 50);
    let verify = r.choice(
        "store.verify_on_start",
        &[
            ("none", VerifyOnStart::None),
            ("sample", VerifyOnStart::Sample),
            ("full", VerifyOnStart::Full),
        ],
    );
    Some(Store {
        max_size: max_size?,
        min_free_disk: min_free_disk?,
        keep_versions: keep_versions?,
        verify_on_start: verify?,
    })
}

fn trust(r: &mut Reader<'_>) -> Option<Trust> {
    let most = Duration::from_secs(limits::MAX_CLOCK_SKEW);
    let skew = r.duration("trust.max_clock_skew", Duration::ZERO, most);
    let witness_key = r.text(
        "trust.witness_key",
        "the name of a key, the absolute path of a key file, or \"\" for no witness",
        own_key,
    );
    // A quarter of it is the time between two heartbeats, and nobody listens more often than each minute.
    let least = Duration::from_secs(4 * 60);
    let longest = Duration::from_secs(limits::MAX_HEARTBEAT_LIFETIME);
    let lifetime = r.duration("trust.heartbeat_lifetime", least, longest);
    let most_keys = u32::try_from(limits::MAX_KEYS_PER_ROLE).unwrap_or(u32::MAX);
    let require_builders = r.whole("trust.require_builders", 0, most_keys);
    Some(Trust {
        max_clock_skew: skew?,
        witness_key: witness_key?,
        heartbeat_lifetime: lifetime?,
        require_builders: require_builders?,
    })
}

/// A key as key commands take it: `NAME`, or `file:PATH`.
fn own_key(text: &str) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    let path = text.strip_prefix("file:").unwrap_or(text);
    if path.starts_with('/') {
        return Some(Some(format!("file:{path}")));
    }
    text.parse::<ComponentName>().ok().map(|name| Some(name.to_string()))
}

fn governance(r: &mut Reader<'_>) -> Option<Governance> {
    let voter = r.flag("governance.voter");
    let voter_key = r.text(
        "governance.voter_key",
        "the name of a key, the absolute path of a key file, or \"\" for none",
        own_key,
    );
    let auto_activate = r.flag("governance.auto_activate");
    let signal_ready = r.flag("governance.signal_ready");
    let command = r.command(
        "governance.height_command",
        "a program and its arguments, for example [\"/usr/bin/chain\", \"height\"]",
        |program| !program.is_empty(),
    );
    let url = r.text(
        "governance.height_url",
        "an address such as \"http://127.0.0.1:8080/height\", or \"\" for none",
        |text| (text.is_empty() || is_http_address(text)).then(|| text.to_owned()),
    );
    let (least, most) = (Duration::from_secs(1), Duration::from_secs(3_600));
    let height_interval = r.duration("governance.height_interval", least, most);
    if voter == Some(true) && voter_key == Some(None) {
        r.contradiction(
            "governance.voter",
            "`governance.voter = true` needs a key to vote with: set `governance.voter_key`"
                .to_owned(),
        );
    }
    if voter == Some(false) && matches!(voter_key, Some(Some(_))) {
        r.contradiction(
            "governance.voter_key",
            "`governance.voter_key` votes only with `governance.voter = true`: set it, or take the key out"
                .to_owned(),
        );
    }
    let (command, url) = (command?, url?);
    if !command.is_empty() && !url.is_empty() {
        r.contradiction(
            "governance.height_url",
            "heights come from one place: take out `governance.height_command` or `governance.height_url`".to_owned(),
        );
    }
    let height = match (command.is_empty(), url.is_empty()) {
        (false, _) => Some(HeightSource::Command(command)),
        (true, false) => Some(HeightSource::Url(url)),
        (true, true) => None,
    };
    Some(Governance {
        voter: voter?,
        voter_key: voter_key?,
        auto_activate: auto_activate?,
        signal_ready: signal_ready?,
        height,
        height_interval: height_interval?,
    })
}

fn auto_update(r: &mut Reader<'_>) -> Option<AutoUpdate> {
    let enabled = r.flag("auto_update.enabled");
    let interval = r.duration("auto_update.check_interval", Duration::from_secs(60), 28 * DAY);
    let security_updates = r.flag("auto_update.security_updates");
    let feature_updates = r.flag("auto_update.feature_updates");
    let bugfix_updates = r.flag("auto_update.bugfix_updates");
    let breaking_changes = r.flag("auto_update.breaking_changes");
    Some(AutoUpdate {
        enabled: enabled?,
        check_interval: interval?,
        security_updates: security_updates?,
        feature_updates: feature_updates?,
        bugfix_updates: bugfix_updates?,
        breaking_changes: breaking_changes?,
    })
}

/// What a component without a table of its own gets.
fn standard(auto: &AutoUpdate, dirs: &Dirs) -> Component {
    Component {
        channel: "stable".parse().expect("`stable` is a channel name"),
        auto_update: auto.enabled,
        target: this_machine(),
        root: dirs.data.join("components"),
        selftest: Vec::new(),
    }
}

/// The target triple this program was built for.
fn this_machine() -> Target {
    build::TARGET.parse().expect("cargo's triples are targets; a test parses this one")
}

fn components(
    r: &mut Reader<'_>,
    auto: &AutoUpdate,
    dirs: &Dirs,
) -> Option<BTreeMap<ComponentName, Component>> {
    let named: Vec<(String, Origin)> =
        r.merged.components().map(|(name, origin)| (name.to_owned(), origin.clone())).collect();
    if named.len() > MAX_COMPONENTS {
        let origin = named.last().map_or(Origin::BuiltIn, |(_, origin)| origin.clone());
        let message = format!("more than {MAX_COMPONENTS} components have a table");
        r.faults.push(Fault::Contradiction { origin, message });
        return None;
    }
    let mut all = BTreeMap::new();
    for (text, origin) in named {
        match text.parse::<ComponentName>() {
            // One that does not fit has left its fault; the others are looked at all the same.
            Ok(name) => {
                if let Some(component) = component(r, &name, auto, dirs) {
                    all.insert(name, component);
                }
            }
            Err(error) => {
                let message = format!("[components.{text:?}]: {error}");
                r.faults.push(Fault::Contradiction { origin, message });
            }
        }
    }
    Some(all)
}

fn component(
    r: &mut Reader<'_>,
    name: &ComponentName,
    auto: &AutoUpdate,
    dirs: &Dirs,
) -> Option<Component> {
    let standard = standard(auto, dirs);
    let key = |key: &str| format!("components.{name}.{key}");
    let channel = r.optional(&key("channel"), standard.channel, |r, key| {
        r.text(key, "a channel name (1 to 32 of a-z 0-9 -), for example \"stable\"", |text| {
            text.parse::<ChannelName>().ok()
        })
    });
    let auto_update = r.optional(&key("auto_update"), standard.auto_update, |r, key| r.flag(key));
    let target = r.optional(&key("target"), standard.target, |r, key| {
        r.text(key, "a target triple, or \"auto\" for this machine's", |text| match text {
            "auto" => Some(this_machine()),
            triple => triple.parse().ok(),
        })
    });
    let own = standard.root.join(name.as_str());
    let root = r.optional(&key("root"), own.clone(), |r, key| r.path(key, own.clone()));
    let selftest = r.optional(&key("selftest"), standard.selftest, |r, key| {
        let expected =
            "a path inside the release and arguments, for example [\"bin/app\", \"--selftest\"]";
        r.command(key, expected, |program| program.parse::<TreePath>().is_ok())
    });
    Some(Component {
        channel: channel?,
        auto_update: auto_update?,
        target: target?,
        root: root?,
        selftest: selftest?,
    })
}

fn http(r: &mut Reader<'_>, sources: &Sources) -> Option<Http> {
    let insecure_is_wanted = sources
        .environment
        .iter()
        .any(|(name, value)| name == "UPDRAFT_INSECURE_HTTP" && value == "1");
    let listen =
        r.text("http.listen", "an address such as \"127.0.0.1:8918\", or \"off\"", |text| {
            if text == "off" { Some(None) } else { text.parse::<SocketAddr>().ok().map(Some) }
        });
    if let Some(Some(address)) = listen
        && !address.ip().is_loopback()
    {
        let what =
            format!("`http.listen = \"{address}\"` would send the token over the network in clear");
        if insecure_is_wanted {
            r.notes.push(format!("{what}; UPDRAFT_INSECURE_HTTP=1 allows it"));
        } else {
            r.contradiction(
                "http.listen",
                format!(
                    "{what}; take a loopback address and reach it through a tunnel or a TLS proxy, \
                 or set UPDRAFT_INSECURE_HTTP=1"
                ),
            );
        }
    }
    let socket = socket(r, &sources.dirs);
    let socket_mode = r.text(
        "http.socket_mode",
        "permission bits in octal that give others nothing, for example \"0660\"",
        |text| u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o770 && mode & 0o007 == 0),
    );
    let allowed_hosts =
        r.list("http.allowed_hosts", "a list of host names, for example [\"node.lan\"]", is_host);
    let token_file = r.path("http.token_file", sources.dirs.token_file());
    let max_body =
        r.size("http.max_body", 1024, 64 * MIB).and_then(|bytes| usize::try_from(bytes).ok());
    Some(Http {
        listen: listen?,
        socket: socket?,
        socket_mode: socket_mode?,
        allowed_hosts: allowed_hosts?.iter().map(|host| host.to_ascii_lowercase()).collect(),
        token_file: token_file?,
        max_body: max_body?,
    })
}

/// A socket whose path is too long for the system: left out with a note if nobody asked for it.
fn socket(r: &mut Reader<'_>, dirs: &Dirs) -> Option<Option<PathBuf>> {
    const KEY: &str = "http.socket";
    let run = dirs.runtime_base.display().to_string();
    let path =
        r.text(KEY, "an absolute path, \"%t/…\" in the run-time directory, or \"\"", |text| {
            let path = PathBuf::from(text.replace("%t", &run));
            match text {
                "" => Some(None),
                _ => (path.is_absolute() && !text.contains('\0')).then_some(Some(path)),
            }
        })?;
    let Some(path) = path else { return Some(None) };
    let length = path.as_os_str().len();
    if length <= MAX_SOCKET_PATH {
        return Some(Some(path));
    }
    let what = format!(
        "the path of `{KEY}` has {length} bytes, the system takes {MAX_SOCKET_PATH}: {}",
        path.display()
    );
    if r.merged.get(KEY).is_some_and(|slot| slot.origin == Origin::BuiltIn) {
        r.notes.push(format!("no Unix socket: {what}"));
        return Some(None);
    }
    r.contradiction(KEY, format!("{what}; take a shorter one, or \"\" for none"));
    None
}

fn metrics(r: &mut Reader<'_>) -> Option<Metrics> {
    let enabled = r.flag("metrics.enabled");
    let require_token = r.flag("metrics.require_token");
    Some(Metrics { enabled: enabled?, require_token: require_token? })
}

fn log(r: &mut Reader<'_>, dirs: &Dirs) -> Option<Log> {
    let level = r.text(
        "log.level",
        "a level or a filter, for example \"info\" or \"info,libp2p=warn\"",
        |text| logging::is_filter(text).then(|| text.to_owned()),
    );
    let format = r.choice(
        "log.format",
        &[
            ("auto", LogFormat::Auto),
            ("pretty", LogFormat::Pretty),
            ("plain", LogFormat::Plain),
            ("json", LogFormat::Json),
        ],
    );
    let none = PathBuf::new();
    let file = r.path("log.file", none);
    let audit_file = r.path("log.audit_file", dirs.audit_file());
    Some(Log {
        level: level?,
        format: format?,
        file: file.map(|file| (!file.as_os_str().is_empty()).then_some(file))?,
        audit_file: audit_file?,
    })
}
