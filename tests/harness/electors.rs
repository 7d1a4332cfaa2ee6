//! A network that votes: electors and their nodes, and waiting for what becomes of its first vote.

use serde_json::Value;

use super::{
    ceremony::all,
    network::Network,
    node::{Kind, Node},
    text, until_ok,
};

/// Founds a network with these electors of one vote each, whose keys lie in the project without a password.
#[track_caller]
pub(crate) fn electing(electors: &[&str]) -> Network {
    let network = Network::found();
    for name in electors {
        all(&network, &[&format!("key generate {name} --no-password")]);
    }
    all(&network, &["root begin -m electors"]);
    for name in electors {
        let line = format!("root add-key electorate {name} --weight 1 --operator {name}");
        all(&network, &[&line]);
    }
    all(&network, &["root sign -k dev --yes", "root apply --yes"]);
    network
}

/// The same kind of node, voting with the key of this elector.
pub(crate) fn voter(kind: Kind, network: &Network, name: &str) -> Kind {
    let key = network.project().join("keys").join(format!("{name}.key"));
    kind.with("governance.voter", "true")
        .with("governance.voter_key", format!("\"{}\"", key.display()))
}

/// The vote, as a node sees it; `None` before it has heard of it.
pub(crate) fn vote(node: &Node) -> Option<Value> {
    let answer = node.request("GET /api/v1/proposals/p-1?all=true", "application/json", b"");
    (answer.status == 200).then(|| answer.good())
}

/// Whether a vote that stands like this will never stand as it is wanted. A decision that others made changes even
/// how a vote has ended; whoever waits for that does not ask here.
fn is_over(state: &str, wanted: &str) -> bool {
    let step = |state: &str| match state {
        "announced" => 0,
        "voting" => 1,
        "lockedIn" | "failed" | "rejected" => 2,
        "active" | "cancelled" => 3,
        _ => 4,
    };
    let ended = matches!(state, "failed" | "rejected" | "cancelled" | "overtaken" | "final");
    state != wanted && (ended || step(state) >= step(wanted))
}

/// Waits until the vote stands like this on a node, and fails at once when it has come to stand otherwise for good.
#[track_caller]
pub(crate) fn wait_until(node: &Node, state: &str) -> Value {
    until_ok(&format!("p-1 is {state} on {}", node.name), || {
        let seen = vote(node).ok_or("it has not heard of it")?;
        let stands = text(&seen["state"]);
        assert!(
            !is_over(stands, state),
            "p-1 is {stands} and not {state} on {}: {seen:#}",
            node.name
        );
        if stands == state { Ok(seen) } else { Err(format!("{seen:#}")) }
    })
}
