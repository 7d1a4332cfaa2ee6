//! A row of the devnet's table: as cells, as a line, as JSON.

use serde_json::{Value, json};

use super::watch::{Row, Update};
use crate::cli::words;

pub(super) const HEADER: [&str; 7] =
    ["NODE", "PEERS", "HEARD", "RUNS", "STATE", "LAST UPDATE", "FROM"];

pub(super) fn cells(row: &Row) -> [String; 7] {
    let last = row.updates.values().next_back();
    [
        row.node.clone(),
        row.peers.to_string(),
        match row.heard {
            0 => "-".to_owned(),
            1 => "1 release".to_owned(),
            n => format!("{n} releases"),
        },
        row.installed.clone().unwrap_or_else(|| "-".to_owned()),
        row.state.clone(),
        last.map_or_else(|| "-".to_owned(), update),
        last.map_or_else(|| "-".to_owned(), peers),
    ]
}

fn update(update: &Update) -> String {
    format!("{}: {} of {}", update.route(), words::size(update.fetched), words::size(update.whole))
}

fn peers(update: &Update) -> String {
    if update.peers == 1 { "1 peer".to_owned() } else { format!("{} peers", update.peers) }
}

pub(super) fn line(row: &Row) -> String {
    let [node, _, heard, runs, state, update, from] = cells(row);
    format!("{node}  heard {heard}  runs {runs}  {state}  {update}  from {from}")
}

pub(super) fn json(row: &Row, seconds: f64) -> Value {
    let updates: Vec<Value> = row
        .updates
        .iter()
        .map(|(version, update)| {
            json!({
                "version": version, "route": update.route(), "fetchedBytes": update.fetched,
                "patchBytes": update.patches, "fullBytes": update.whole, "peersUsed": update.peers,
            })
        })
        .collect();
    json!({
        "type": "progress", "node": row.node, "seconds": seconds, "peers": row.peers, "heard": row.heard,
        "installed": row.installed, "state": row.state, "updates": updates,
    })
}
