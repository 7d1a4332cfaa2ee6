//! What the room promises: every key has a good and a bad value, every fault says where and how to mend it.

use std::{collections::BTreeSet, ffi::OsString, fs, path::Path, path::PathBuf, time::Duration};

use super::*;
use crate::dirs::Dirs;

/// A folder with configuration files, and what else a load needs.
struct Desk {
    folder: tempfile::TempDir,
    sources: Sources,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut sources = Sources::builtin(Dirs::alone(Path::new("/data")), "desk");
        sources.dirs.config_candidates =
            vec![folder.path().join("user"), folder.path().join("system")];
        sources.dirs.runtime_base = "/run".into();
        Self { folder, sources }
    }

    fn with_file(text: &str) -> Self {
        let desk = Self::new();
        desk.write("user/updraft.toml", text);
        desk
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("own folder");
        fs::write(&path, text).expect("own folder");
        path
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((OsString::from(name), OsString::from(value)));
        self
    }

    fn flag(mut self, flag: &'static str, key: &'static str, value: &str) -> Self {
        self.sources.flags.push(Override { flag, key, value: value.to_owned() });
        self
    }

    fn loaded(&self) -> Loaded {
        load(&self.sources).unwrap_or_else(|invalid| panic!("{:#?}", invalid.faults()))
    }

    fn refusal(&self) -> String {
        let invalid = load(&self.sources).expect_err("to be refused");
        let lines: Vec<_> = invalid.faults().iter().map(ToString::to_string).collect();
        lines.join("\n").replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// A file in which one key has one value.
fn file_with(key: &str, value: &str) -> String {
    let (section, name) = key.rsplit_once('.').expect("section and name");
    format!("[{section}]\n{name} = {value}\n")
}

const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

/// Every key, a value that is taken and values that are not.
fn every_key() -> Vec<(&'static str, String, Vec<&'static str>)> {
    let plain: &[(&str, &str, &[&str])] = &[
        ("node.name", r#""node %h""#, &[r#""""#, "3", r#""a\u0007b""#]),
        ("node.network", r#""demo""#, &[r#""Demo""#, "true"]),
        ("node.role", r#""seed""#, &[r#""master""#, "1"]),
        ("p2p.listen", r#"["/ip4/127.0.0.1/tcp/0"]"#, &[r#"["127.0.0.1:1"]"#, r#""x""#, "[1]"]),
        ("p2p.external", r#"["/dns4/node.example/tcp/8917"]"#, &[r#"["node"]"#]),
        ("p2p.bootstrap", "", &[r#"["/ip4/192.0.2.1/tcp/8917"]"#]),
        ("p2p.mdns", "false", &[r#""no""#, "0"]),
        ("p2p.dht", r#""server""#, &[r#""on""#]),
        ("p2p.peers_min", "5", &["0", "-1", "4097", "1.5", r#""3""#]),
        ("p2p.peers_max", "8", &["7", "4097", "99999999999999999999"]),
        (
            "p2p.allow_peers",
            "",
            &[r#"["ann"]"#, r#"["12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nX0O"]"#],
        ),
        ("p2p.deny_peers", "", &[r#"["*"]"#]),
        ("p2p.idle_timeout", r#""15m""#, &[r#""0s""#, r#""2d""#, "60"]),
        ("transfer.download_limit", r#""1GiB/s""#, &[r#""1GiB""#, "0"]),
        ("transfer.upload", "false", &[r#""off""#]),
        ("transfer.upload_limit", r#""unlimited""#, &[r#""0B/s""#]),
        ("transfer.parallel_chunks", "256", &["0", "257"]),
        ("transfer.peers_per_release", "1", &["0", "65"]),
        ("transfer.chunk_timeout", r#""10m""#, &[r#""11m""#, r#""0s""#]),
        ("store.max_size", r#""256MiB""#, &[r#""255MiB""#, r#""20GB""#, "5"]),
        ("store.min_free_disk", r#""0B""#, &[r#""little""#]),
        ("store.keep_versions", "50", &["0", "51"]),
        ("store.verify_on_start", r#""full""#, &[r#""all""#]),
        ("trust.max_clock_skew", r#""2m""#, &[r#""11m""#]),
        (
            "trust.witness_key",
            r#""witness-1""#,
            &[r#""keys/witness.key""#, r#""file:witness.key""#, "1"],
        ),
        ("trust.heartbeat_lifetime", r#""4m""#, &[r#""3m""#, r#""8d""#, "24"]),
        ("trust.require_builders", "2", &["-1", "33", r#""2""#]),
        ("governance.voter", "true", &["1"]),
        ("governance.voter_key", r#""ann""#, &[r#""keys/ann.key""#, "1"]),
        ("governance.auto_activate", "false", &[r#""no""#]),
        ("governance.signal_ready", "false", &[r#""no""#]),
        (
            "governance.height_command",
            r#"["/bin/echo", "7"]"#,
            &[r#""/bin/echo 7""#, "7", r#"[""]"#, r#"["", "7"]"#, r#"["/bin/echo", "\u0000"]"#],
        ),
        (
            "governance.height_url",
            r#""http://127.0.0.1:1/height""#,
            &[
                r#""https://a""#,
                "7",
                r#""http://""#,
                r#""http:///height""#,
                r#""http://:80/""#,
                r#""http://a:0/""#,
                r#""http://a:port/""#,
                r#""http://a b/""#,
                r#""http://a/b c""#,
                r#""http://ann:secret@a/""#,
                r#""http://[::1/""#,
                r#""http://::1/""#,
            ],
        ),
        ("governance.height_interval", r#""1s""#, &[r#""0s""#, r#""2h""#]),
        ("auto_update.enabled", "false", &["1"]),
        ("auto_update.check_interval", r#""1m""#, &[r#""59s""#, r#""5w""#]),
        ("auto_update.security_updates", "false", &[r#""""#]),
        ("auto_update.feature_updates", "true", &[r#""""#]),
        ("auto_update.bugfix_updates", "false", &[r#""""#]),
        ("auto_update.breaking_changes", "true", &[r#""""#]),
        ("components.demo-app.channel", r#""beta""#, &[r#""Beta""#, "1"]),
        ("components.demo-app.auto_update", "false", &[r#""never""#]),
        ("components.demo-app.target", r#""any""#, &[r#""My Machine""#]),
        ("components.demo-app.root", r#""/opt/demo""#, &[r#""opt/demo""#]),
        ("http.listen", r#""[::1]:0""#, &[r#""localhost:80""#, r#""0.0.0.0:8918""#, "8918"]),
        ("http.socket", r#""/run/x.sock""#, &[r#""x.sock""#]),
        ("http.socket_mode", r#""0600""#, &[r#""0666""#, r#""rw""#, "0o600"]),
        ("http.allowed_hosts", r#"["Node.lan"]"#, &[r#"["node lan"]"#]),
        ("http.token_file", r#""/secret/token""#, &[r#""token""#]),
        ("http.max_body", r#""64MiB""#, &[r#""65MiB""#, r#""1B""#]),
        ("metrics.enabled", "false", &["[]"]),
        ("metrics.require_token", "true", &["[]"]),
        ("log.level", r#""info,libp2p=warn""#, &[r#""loud""#, r#""""#]),
        ("log.format", r#""json""#, &[r#""xml""#]),
        ("log.file", r#""/var/log/updraft.log""#, &[r#""updraft.log""#]),
        ("log.audit_file", r#""/var/log/audit.jsonl""#, &["1979-05-27"]),
    ];
    plain
        .iter()
        .map(|(key, good, bad)| {
            let good = match *key {
                "p2p.bootstrap" => format!(r#"["/ip4/192.0.2.1/tcp/8917/p2p/{PEER}"]"#),
                "p2p.allow_peers" | "p2p.deny_peers" => format!(r#"["{PEER}"]"#),
                _ => (*good).to_owned(),
            };
            (*key, good, bad.to_vec())
        })
        .collect()
}

#[test]
fn the_defaults_are_valid_and_safe_to_run_at_home() {
    let settings = Desk::new().loaded().settings;
    assert_eq!(settings.node.name, "desk");
    assert_eq!(settings.http.listen, Some(([127, 0, 0, 1], 8918).into()));
    assert_eq!(settings.http.socket.as_deref(), Some(Path::new("/run/updraft/api.sock")));
    assert_eq!(settings.http.token_file, Path::new("/data/api.token"));
    assert_eq!(settings.transfer.upload_limit.to_string(), "2MiB/s");
    assert_eq!(settings.auto_update.check_interval, Duration::from_secs(6 * 3_600));
    assert!(!settings.auto_update.feature_updates && !settings.auto_update.breaking_changes);
    assert_eq!(settings.log.audit_file, Path::new("/data/audit.jsonl"));
    assert_eq!(settings.log.file, None);
}

#[test]
fn every_key_of_the_defaults_is_in_the_table_of_this_test() {
    let tested: BTreeSet<_> = every_key().into_iter().map(|(key, _, _)| key.to_owned()).collect();
    let loaded = Desk::new().loaded();
    let there: BTreeSet<_> = loaded.merged.iter().map(|(key, _)| key.to_owned()).collect();
    let missing: Vec<_> = there.difference(&tested).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let component = |key: &&String| key.starts_with("components.");
    assert_eq!(tested.iter().filter(|key| !component(key)).count(), there.len());
    assert_eq!(tested.iter().filter(component).count(), 4);
}

#[test]
fn every_key_takes_a_good_value_and_remembers_its_place() {
    for (key, good, _) in every_key() {
        // Whoever votes needs a key, and a key is there to vote.
        let more = match key {
            "governance.voter" => "voter_key = \"ann\"\n",
            "governance.voter_key" => "voter = true\n",
            _ => "",
        };
        let loaded = Desk::with_file(&(file_with(key, &good) + more)).loaded();
        let slot = loaded.merged.get(key).expect("written");
        assert_eq!(slot.written.to_string(), good, "{key}");
        assert!(matches!(slot.origin, Origin::File { line: 2, column: 1, .. }), "{key}");
        let default = Desk::new().loaded().settings;
        let same = loaded.settings == default;
        // The name is equal when `%h` is; each of the others changes something.
        assert!(!same, "{key} = {good} changed nothing");
    }
}

#[test]
fn every_key_refuses_bad_values_by_key_value_file_and_form() {
    for (key, _, bad) in every_key() {
        assert!(!bad.is_empty(), "{key}");
        for value in bad {
            let refusal = Desk::with_file(&file_with(key, value)).refusal();
            let name = key.rsplit('.').next().expect("a name");
            assert!(refusal.starts_with("user/updraft.toml:2:1: "), "{key} = {value}: {refusal}");
            assert!(refusal.contains(name), "{key} = {value}: {refusal}");
            let says_how = refusal.contains("is not") || refusal.contains("take a loopback");
            assert!(says_how, "{key} = {value}: {refusal}");
        }
    }
}

#[test]
fn a_refusal_reads_like_a_sentence() {
    let desk = Desk::with_file("[p2p]\nmdns = true\n  peers_max = 5\n");
    assert_eq!(
        desk.refusal(),
        "user/updraft.toml:3:3: `p2p.peers_max = 5` is not a whole number from 8 to 4096, for example 4096"
    );
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_name() {
    for (text, expected) in [
        ("[p2p]\nmdsn = true", "2:1: unknown key `p2p.mdsn`; the nearest is `p2p.mdns`"),
        ("[p2q]\nmdns = true", "1:2: unknown key `p2q`; the nearest is `p2p`"),
        ("mdns = true", "1:1: unknown key `mdns`; the nearest is `p2p.mdns`"),
        ("[node]\nlevel = 3", "2:1: unknown key `node.level`; the nearest is `log.level`"),
        (
            "[components.a]\nchanel = \"x\"",
            "2:1: unknown key `components.a.chanel`; the nearest is `components.a.channel`",
        ),
        (
            "[slots]\ngroup = \"a\"",
            "1:2: unknown key `slots`; `updraft config default` lists all keys",
        ),
    ] {
        assert_eq!(Desk::with_file(text).refusal(), format!("user/updraft.toml:{expected}"));
    }
}

#[test]
fn keys_nothing_obeys_yet_are_refused_instead_of_being_accepted_and_broken() {
    for text in [
        "[maintenance_window]\nstart_time = \"02:00:00\"",
        "[rollback]\nquarantine = true",
        "[store]\nquota = 1",
        "[components.a]\nrun = [\"x\"]",
    ] {
        assert!(Desk::with_file(text).refusal().contains("unknown key"), "{text}");
    }
}

#[test]
fn all_faults_of_all_layers_are_told_at_once() {
    let file = "[p2p]\nmdsn = 1\npeers_max = 5\n[log]\nlevel = \"loud\"
[components.a]\nchannel = 1\n[components.b]\nroot = 2";
    let desk = Desk::with_file(file).variable("UPDRAFT_STORE_KEEP_VERSIONS", "many").flag(
        "--http",
        "http.listen",
        "nowhere",
    );
    assert_eq!(desk.refusal().lines().count(), 7, "{}", desk.refusal());
}

#[test]
fn layers_win_in_their_order_and_origins_are_kept() {
    let origin = |desk: &Desk, key: &str| {
        let loaded = desk.loaded();
        let slot = loaded.merged.get(key).expect("a key").clone();
        let origin = slot.origin.to_string();
        let prefix = format!("{}/", desk.folder.path().display());
        (slot.written.to_string(), origin.replace(&prefix, ""))
    };
    let desk = Desk::with_file("[node]\nname = \"file\"\n[log]\nlevel = \"warn\"");
    assert_eq!(origin(&desk, "p2p.mdns"), ("true".into(), "built-in".into()));
    assert_eq!(origin(&desk, "node.name").1, "user/updraft.toml:2:1");
    desk.write("user/conf.d/20-b.toml", "[node]\nname = \"b\"");
    desk.write("user/conf.d/10-a.toml", "[node]\nname = \"a\"\n[log]\nlevel = \"error\"");
    desk.write("user/conf.d/README", "not TOML");
    assert_eq!(origin(&desk, "node.name"), ("\"b\"".into(), "user/conf.d/20-b.toml:2:1".into()));
    assert_eq!(origin(&desk, "log.level").1, "user/conf.d/10-a.toml:4:1");
    let desk = desk.variable("UPDRAFT_NODE_NAME", "variable");
    assert_eq!(origin(&desk, "node.name").1, "UPDRAFT_NODE_NAME");
    let desk = desk.flag("--name", "node.name", "flag");
    assert_eq!(origin(&desk, "node.name"), ("\"flag\"".into(), "--name".into()));
}

#[test]
fn named_files_replace_the_usual_ones_and_later_ones_win() {
    let mut desk = Desk::with_file("[node]\nname = \"usual\"\n[log]\nlevel = \"warn\"");
    desk.write("user/conf.d/10.toml", "[log]\nlevel = \"error\"");
    let first = desk.write("first.toml", "[node]\nname = \"first\"");
    let second = desk.write("second.toml", "[node]\nname = \"second\"");
    desk.sources.files = vec![first, second];
    let settings = desk.loaded().settings;
    assert_eq!((settings.node.name.as_str(), settings.log.level.as_str()), ("second", "info"));
}

#[test]
fn the_systems_file_is_read_only_where_the_user_has_none() {
    let desk = Desk::new();
    desk.write("system/updraft.toml", "[node]\nname = \"system\"");
    desk.write("user/keys/ci.key", "a folder of keys is no configuration");
    assert_eq!(desk.loaded().settings.node.name, "system");
    desk.write("user/updraft.toml", "[log]\nlevel = \"warn\"");
    assert_eq!(desk.loaded().settings.node.name, "desk");
}

#[test]
fn a_named_file_has_to_exist_and_to_be_a_configuration() {
    let mut desk = Desk::new();
    desk.sources.files = vec![desk.folder.path().join("missing.toml")];
    assert_eq!(desk.refusal(), "missing.toml: cannot be read");
    desk.sources.files = vec![desk.write("broken.toml", "[p2p]\nmdns = \n")];
    assert!(desk.refusal().starts_with("broken.toml:2:"), "{}", desk.refusal());
    desk.sources.files = vec![desk.write("huge.toml", &"#".repeat((1 << 20) + 1))];
    assert!(desk.refusal().contains("larger than 1048576 bytes"));
    desk.sources.files = vec![desk.write("flat.toml", "p2p = 3")];
    assert_eq!(desk.refusal(), "flat.toml:1:1: `p2p = 3` is not a table, for example [p2p]");
}

#[test]
fn variables_set_every_form_of_value() {
    let settings = Desk::new()
        .variable("UPDRAFT_P2P_MDNS", "no")
        .variable("UPDRAFT_P2P_PEERS_MAX", "128")
        .variable("UPDRAFT_HTTP_ALLOWED_HOSTS", "a.lan, B.lan")
        .variable("UPDRAFT_AUTO_UPDATE_CHECK_INTERVAL", "2h")
        .variable("UPDRAFT_P2P_LISTEN", "")
        .loaded()
        .settings;
    assert!(!settings.p2p.mdns && settings.p2p.listen.is_empty());
    assert_eq!(settings.p2p.peers_max.get(), 128);
    assert_eq!(settings.http.allowed_hosts, ["a.lan", "b.lan"]);
    assert_eq!(settings.auto_update.check_interval, Duration::from_secs(7_200));
}

#[test]
fn a_mistyped_variable_is_refused_and_strangers_are_left_alone() {
    let desk = Desk::new().variable("UPDRAFT_P2P_MDSN", "no");
    assert_eq!(
        desk.refusal(),
        "UPDRAFT_P2P_MDSN: unknown key `UPDRAFT_P2P_MDSN`; the nearest is `UPDRAFT_P2P_MDNS`"
    );
    let strangers = Desk::new()
        .variable("UPDRAFT_DATA_DIR", "/x")
        .variable("UPDRAFT_KEY_PASSWORD_FILE", "/x")
        .variable("P2P_MDNS", "maybe");
    assert_eq!(strangers.loaded().settings, Desk::new().loaded().settings);
}

#[test]
fn variables_reach_components_whose_names_have_dashes() {
    let file = "[components.demo-app]\nchannel = \"beta\"\n[components.demo_tool]";
    let settings = Desk::with_file(file)
        .variable("UPDRAFT_COMPONENTS_DEMO_APP_AUTO_UPDATE", "off")
        .variable("UPDRAFT_COMPONENTS_DEMO_TOOL_CHANNEL", "edge")
        .variable("UPDRAFT_COMPONENTS_NEW_ONE_ROOT", "/opt/new")
        .loaded()
        .settings;
    let component = |name: &str| settings.components[&name.parse().expect("a name")].clone();
    assert!(!component("demo-app").auto_update && component("demo-app").channel.as_str() == "beta");
    assert_eq!(component("demo_tool").channel.as_str(), "edge");
    assert_eq!(component("new-one").root, Path::new("/opt/new"));
    let desk = Desk::new().variable("UPDRAFT_COMPONENTS_DEMO_APP_COLOUR", "red");
    assert!(desk.refusal().contains("unknown key"), "{}", desk.refusal());
}

#[test]
fn a_component_without_a_table_gets_the_standard() {
    let file = "[auto_update]\nenabled = false\n[components.own]\nauto_update = true\n[components.\"lib.so\"]";
    let settings = Desk::with_file(file).loaded().settings;
    let component = |name: &str| settings.component(&name.parse().expect("a name"));
    assert!(component("own").auto_update && !component("other").auto_update);
    assert_eq!(component("other").root, Path::new("/data/components/other"));
    assert_eq!(component("lib.so").root, Path::new("/data/components/lib.so"));
    assert_eq!(component("other").target.to_string(), crate::build::TARGET);
    assert_eq!(settings.components.len(), 2, "an empty table is a table");
}

#[test]
fn a_self_test_lies_inside_its_release() {
    let selftest = |value: &str| format!("[components.demo-app]\nselftest = {value}");
    let of = |value: &str| {
        let settings = Desk::with_file(&selftest(value)).loaded().settings;
        settings.component(&"demo-app".parse().expect("a name")).selftest
    };
    assert_eq!(of(r#"["bin/x", "--selftest", "../y"]"#), ["bin/x", "--selftest", "../y"]);
    assert!(of("[]").is_empty());
    for bad in
        [r#"["/bin/true"]"#, r#"["../x"]"#, r#"["bin/../../x"]"#, r#"["./x"]"#, r#"[""]"#, r#""x""#]
    {
        let refusal = Desk::with_file(&selftest(bad)).refusal();
        assert!(refusal.contains("a path inside the release"), "{bad}: {refusal}");
    }
}

#[test]
fn a_component_needs_the_name_of_one() {
    let refusal = Desk::with_file("[components.\"../etc\"]\nchannel = \"stable\"").refusal();
    assert!(refusal.starts_with("user/updraft.toml:1:"), "{refusal}");
    assert!(refusal.contains("is not a component name"), "{refusal}");
}

#[test]
fn fewer_peers_wanted_than_allowed() {
    let refusal = Desk::with_file("[p2p]\npeers_min = 9\npeers_max = 8").refusal();
    assert!(
        refusal.starts_with("user/updraft.toml:2:1: `p2p.peers_min = 9` is above"),
        "{refusal}"
    );
}

#[test]
fn what_nothing_can_obey_about_votes_is_refused() {
    let long = "x".repeat(4_097);
    for (text, says) in [
        ("voter = true".to_owned(), "needs a key to vote with"),
        ("voter_key = \"ann\"".to_owned(), "votes only with `governance.voter = true`"),
        (
            "height_command = [\"a\"]\nheight_url = \"http://a\"".to_owned(),
            "heights come from one place",
        ),
        (format!("height_command = [\"a\", \"{long}\"]"), "is not a program"),
        (format!("height_url = \"http://a/{long}\""), "is not an address"),
    ] {
        let refusal = Desk::with_file(&format!("[governance]\n{text}")).refusal();
        assert!(refusal.contains(says), "{says}: {refusal}");
    }
    for url in ["http://a", "http://[::1]:80/x?y=1", "http://node.lan:8080"] {
        let file = format!("[governance]\nheight_url = \"{url}\"");
        let height = Desk::with_file(&file).loaded().settings.governance.height;
        assert_eq!(height, Some(HeightSource::Url(url.to_owned())));
    }
}

#[test]
fn the_api_is_open_to_the_network_only_on_purpose() {
    let file = "[http]\nlisten = \"0.0.0.0:8918\"";
    assert!(Desk::with_file(file).refusal().contains("in clear"));
    let loaded = Desk::with_file(file).variable("UPDRAFT_INSECURE_HTTP", "1").loaded();
    assert!(loaded.notes.len() == 1 && loaded.settings.http.listen.is_some());
    assert!(Desk::with_file("[http]\nlisten = \"off\"").loaded().settings.http.listen.is_none());
}

#[test]
fn a_socket_path_too_long_for_the_system_is_left_out_or_refused() {
    let mut desk = Desk::new();
    desk.sources.dirs.runtime_base = format!("/{}", "x".repeat(100)).into();
    let loaded = desk.loaded();
    assert_eq!(loaded.settings.http.socket, None);
    assert!(loaded.notes[0].contains("107"), "{:?}", loaded.notes);
    let desk = desk.variable("UPDRAFT_HTTP_SOCKET", &format!("/{}", "y".repeat(107)));
    assert!(desk.refusal().contains("take a shorter one"));
}

#[test]
fn the_machines_name_cannot_spoil_the_nodes_name() {
    let mut desk = Desk::new();
    desk.sources.host_name = format!("a\u{7}b{}", "c".repeat(100));
    assert_eq!(desk.loaded().settings.node.name.len(), 64);
    desk.sources.host_name = String::new();
    assert_eq!(desk.loaded().settings.node.name, "node");
}

#[test]
fn the_defaults_name_a_variable_for_every_key_that_leads_back_to_it() {
    let loaded = Desk::new().loaded();
    for (key, slot) in loaded.merged.iter() {
        let Written::Text(text) = &slot.written else { continue };
        let name = format!("UPDRAFT_{}", key.to_uppercase().replace('.', "_"));
        let loaded = Desk::new().variable(&name, text).loaded();
        assert_eq!(loaded.merged.get(key).expect("there").origin, Origin::Environment(name));
    }
}
