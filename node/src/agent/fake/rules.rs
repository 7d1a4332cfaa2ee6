//! What an operator decided who runs a node for everything, wants everything and set nothing by hand.

use crate::{
    agent::{Duty, Rules, Upload},
    build::Speaks,
    policy::AutoUpdate,
    testing::Publisher,
};

/// His rules, for a node that follows the channel of this publisher. A test changes what it is about.
pub(crate) fn rules(publisher: &Publisher) -> Rules {
    Rules {
        duty: Duty::Full,
        upload: Upload::On,
        target: "any".parse().expect("a target"),
        auto: AutoUpdate::EVERYTHING,
        builders: 0,
        program: "1.0.0".parse().expect("a version"),
        speaks: Speaks::THIS,
        auto_activate: true,
        signal_ready: true,
        knows_heights: false,
        awaits_peers: false,
        channel: publisher.channel.clone(),
    }
}
