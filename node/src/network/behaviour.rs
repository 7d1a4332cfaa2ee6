//! The protocols this node speaks, and their parameters. Those that refuse connections stand first, so that a
//! refused connection costs the others nothing.

use std::{num::NonZeroUsize, time::Duration};

use libp2p::{
    StreamProtocol, connection_limits, identify,
    identity::Keypair,
    kad, mdns, memory_connection_limits, ping,
    request_response::{self, ProtocolSupport},
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
};
use updraft_protocol::{
    BootstrapAnswer, BootstrapRequest, CatchUpAnswer, CatchUpRequest, PackedAnswer, PackedRequest,
    TransferAnswer, TransferRequest,
    network::{
        BOOTSTRAP_PROTOCOL, CATCHUP_PROTOCOL, IDENTIFY_PROTOCOL, KAD_PROTOCOL, PACKED_SINCE,
        PACKED_TRANSFER_PROTOCOL, TRANSFER_PROTOCOL,
    },
};

use super::{
    bans::Bans,
    counted::Counted,
    discovery::MAX_PROVIDED,
    gate::Gate,
    gossip,
    metrics::Service,
    quota::{MAX_RECORDS, RECORD_LIFETIME},
    settings::{DhtMode, Mdns, NetworkSettings},
    wire::{Codec, EXCHANGE, Exchange},
};

/// Connections that have not finished their handshake, each way. Measured: a node without this bound keeps
/// 1,000 silent TCP connections for up to 18 s.
const MAX_PENDING: u32 = 32;
/// Connections of one peer: one, and one more when both dial at the same moment.
const MAX_PER_PEER: u32 = 2;
/// Streams of one connection for each service, both ways: eight served and sixteen asked, with room for those
/// that are being refused.
const MAX_EXCHANGES: usize = 32;
/// Own keys are said again this often: three tries before a record is forgotten.
const REPUBLISH: Duration = Duration::from_secs(20 * 60);
/// A query of the DHT ends after this at the latest.
const QUERY: Duration = Duration::from_secs(15);

/// What every node understands.
#[derive(Debug, Clone)]
pub(super) struct BootstrapService;
/// Heads and manifests.
#[derive(Debug, Clone)]
pub(super) struct CatchUpService;
/// Objects and chunks.
#[derive(Debug, Clone)]
pub(super) struct TransferService;
/// Objects, and many chunks at once.
#[derive(Debug, Clone)]
pub(super) struct PackedService;

impl Exchange for BootstrapService {
    type Request = BootstrapRequest;
    type Answer = BootstrapAnswer;

    fn bulk(answer: &BootstrapAnswer) -> usize {
        match answer {
            BootstrapAnswer::Transfer(answer) => TransferService::bulk(answer),
            BootstrapAnswer::Roots(_)
            | BootstrapAnswer::Fork(_)
            | BootstrapAnswer::CatchUp(_)
            | BootstrapAnswer::OtherNetwork => 0,
        }
    }
}

impl Exchange for CatchUpService {
    type Request = CatchUpRequest;
    type Answer = CatchUpAnswer;
}

impl Exchange for TransferService {
    type Request = TransferRequest;
    type Answer = TransferAnswer;

    fn bulk(answer: &TransferAnswer) -> usize {
        match answer {
            TransferAnswer::Object(bytes) | TransferAnswer::Chunk(bytes) => bytes.len(),
            TransferAnswer::Have(_) | TransferAnswer::NotHeld | TransferAnswer::Busy => 0,
        }
    }
}

impl Exchange for PackedService {
    type Request = PackedRequest;
    type Answer = PackedAnswer;

    fn bulk(answer: &PackedAnswer) -> usize {
        match answer {
            PackedAnswer::One(answer) => TransferService::bulk(answer),
            PackedAnswer::Chunks(chunks) => chunks.iter().map(Vec::len).sum(),
        }
    }
}

/// One service as libp2p sees it.
pub(super) type Exchanges<E> = request_response::Behaviour<Codec<E>>;

/// Everything spoken on a connection.
#[derive(NetworkBehaviour)]
pub(super) struct Protocols {
    pub(super) gate: Gate,
    pub(super) limits: connection_limits::Behaviour,
    pub(super) memory: memory_connection_limits::Behaviour,
    pub(super) identify: identify::Behaviour,
    pub(super) ping: ping::Behaviour,
    pub(super) gossip: Counted,
    pub(super) kad: kad::Behaviour<kad::store::MemoryStore>,
    pub(super) bootstrap: Exchanges<BootstrapService>,
    pub(super) catchup: Exchanges<CatchUpService>,
    pub(super) transfer: Exchanges<TransferService>,
    pub(super) packed: Toggle<Exchanges<PackedService>>,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
}

impl Protocols {
    pub(super) fn new(key: &Keypair, settings: &NetworkSettings) -> Result<Self, String> {
        let memory = memory_connection_limits::Behaviour::with_max_bytes(settings.max_memory);
        Ok(Self {
            gate: Gate::new(Bans::new(&settings.allow_peers, &settings.deny_peers)),
            limits: connection_limits::Behaviour::new(limits(settings)),
            memory,
            identify: identify::Behaviour::new(
                identify::Config::new(IDENTIFY_PROTOCOL.to_owned(), key.public())
                    .with_agent_version(cut(&settings.agent, NetworkSettings::MAX_AGENT))
                    .with_push_listen_addr_updates(true)
                    .with_cache_size(0),
            ),
            ping: ping::Behaviour::new(ping::Config::new()),
            gossip: gossip::behaviour(key, &settings.forks)?,
            kad: kad(key, settings),
            bootstrap: exchanges(BOOTSTRAP_PROTOCOL),
            catchup: exchanges(CATCHUP_PROTOCOL),
            transfer: exchanges(TRANSFER_PROTOCOL),
            packed: (settings.newest_protocol >= PACKED_SINCE)
                .then(|| exchanges(PACKED_TRANSFER_PROTOCOL))
                .into(),
            mdns: mdns(key, settings.mdns),
        })
    }
}

/// The protocol name of each service.
pub(super) const fn protocol_of(service: Service) -> &'static str {
    match service {
        Service::Bootstrap => BOOTSTRAP_PROTOCOL,
        Service::CatchUp => CATCHUP_PROTOCOL,
        Service::Transfer => TRANSFER_PROTOCOL,
        Service::Packed => PACKED_TRANSFER_PROTOCOL,
    }
}

fn limits(settings: &NetworkSettings) -> connection_limits::ConnectionLimits {
    let all = settings.peers_max.get();
    connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(MAX_PENDING))
        .with_max_pending_outgoing(Some(MAX_PENDING))
        .with_max_established_incoming(Some(settings.inbound_max()))
        .with_max_established(Some(all))
        .with_max_established_per_peer(Some(MAX_PER_PEER))
}

fn exchanges<E: Exchange>(protocol: &'static str) -> Exchanges<E> {
    request_response::Behaviour::with_codec(
        Codec::default(),
        [(StreamProtocol::new(protocol), ProtocolSupport::Full)],
        request_response::Config::default()
            .with_request_timeout(EXCHANGE)
            .with_max_concurrent_streams(MAX_EXCHANGES),
    )
}

fn kad(key: &Keypair, settings: &NetworkSettings) -> kad::Behaviour<kad::store::MemoryStore> {
    let id = key.public().to_peer_id();
    let mut config = kad::Config::new(StreamProtocol::new(KAD_PROTOCOL));
    config
        // Nothing is stored that the quota has not seen; records other than of providers never are.
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_query_timeout(QUERY)
        .disjoint_query_paths(true)
        .set_provider_record_ttl(Some(RECORD_LIFETIME))
        .set_provider_publication_interval(Some(REPUBLISH))
        .set_record_ttl(None)
        .set_publication_interval(None)
        .set_replication_interval(None)
        // Only those enter the table that said by identify that they serve it.
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_periodic_bootstrap_interval(Some(Duration::from_secs(300)));
    let store = kad::store::MemoryStore::with_config(
        id,
        kad::store::MemoryStoreConfig {
            max_records: 0,
            max_value_bytes: 0,
            // Own keys and those of others share this; the quota leaves room for the own ones.
            max_provided_keys: MAX_RECORDS + MAX_PROVIDED,
            max_providers_per_key: kad::K_VALUE.get(),
        },
    );
    let mut kad = kad::Behaviour::with_config(id, store, config);
    let serves = match settings.dht {
        DhtMode::Auto => !settings.listen.is_empty(),
        DhtMode::Client => false,
        DhtMode::Server => true,
    };
    kad.set_mode(Some(if serves { kad::Mode::Server } else { kad::Mode::Client }));
    kad
}

/// A machine without multicast still has bootstrap addresses, so this is no reason not to start.
fn mdns(key: &Keypair, wanted: Mdns) -> Toggle<mdns::tokio::Behaviour> {
    if wanted == Mdns::Off {
        return None.into();
    }
    match mdns::tokio::Behaviour::new(mdns::Config::default(), key.public().to_peer_id()) {
        Ok(mdns) => Some(mdns).into(),
        Err(error) => {
            tracing::warn!(%error, "cannot look for peers on the local network");
            None.into()
        }
    }
}

fn cut(text: &str, limit: usize) -> String {
    text.get(..text.floor_char_boundary(limit)).unwrap_or_default().to_owned()
}

/// How many providers end a lookup: as many as a fetch asks at once, with some to spare.
pub(super) const ENOUGH_PROVIDERS: NonZeroUsize = NonZeroUsize::new(8).expect("not zero");
