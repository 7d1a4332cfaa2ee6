//! The one question that other programs' updaters ask: is there something newer for me?
//!
//! The answer comes from what trusted heads list; nothing is fetched for a stranger. Its first six members,
//! the headers and the error codes are an older contract.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use updraft_protocol::{
    ChannelName, Compatibility, ComponentName, Digest, Manifest, ReleaseVersion, Severity, Target,
};

use super::{
    body::{Asked, parse, parse_version},
    components::unknown_component,
    error::{Answered, Refused},
    releases::own_target,
    router::Api,
    types::{self, Release, UpdateOffer},
};
use crate::{
    agent::{self, AgentHandle},
    problem::Code,
};

/// When clients should ask again: six hours.
const ASK_AGAIN: u64 = 6 * 3_600;
/// The channel of clients that name none.
const DEFAULT_CHANNEL: &str = "stable";
/// Headers the answer depends on, for caches between.
const VARY: &str = "X-Current-Version, X-Channel, X-Component, X-Target";
/// SHA-256 sums remembered; past it the memory starts over and sums are made again when asked for.
const MAX_SUMS: usize = 64;

#[derive(Debug, Deserialize)]
pub(super) struct CheckQuery {
    component: Option<String>,
}

/// `GET /api/v1/updates/check`.
pub(super) async fn check(
    State(api): State<Api>,
    Asked(query): Asked<CheckQuery>,
    headers: HeaderMap,
) -> Answered<Response> {
    let client = Client::of(&headers, query.component)?;
    let mut releases = api.agent().releases().await?;
    // Other programs cannot weigh reasons: what this node would not install by itself is not offered to them.
    releases.retain(|release| release.withdrawn.is_none() && release.barred.is_none());
    let component = client.component(&releases)?;
    let target = client.target(&api, &releases, &component)?;
    let offers = offers(&releases, &component, &client.channel, &target);
    let offer = match choose(&offers, &client.version) {
        Some((release, manifest)) => {
            let base = base(&headers);
            let sum = api.checksums().sha256(api.agent(), manifest.whole.digest).await;
            available(release, manifest, &client, &base, sum)
        }
        None => nothing(&component, &client, &offers),
    };
    respond(&headers, &offer)
}

/// What a client says about itself.
struct Client {
    version: ReleaseVersion,
    channel: ChannelName,
    component: Option<ComponentName>,
    target: Option<Target>,
}

impl Client {
    fn of(headers: &HeaderMap, component: Option<String>) -> Answered<Self> {
        let version = text(headers, "x-current-version").ok_or_else(|| {
            Refused::new(Code::MissingHeader, "`X-Current-Version` is required")
                .hint("send the version the client runs, for example `X-Current-Version: 2.4.0`")
        })?;
        let component = text(headers, "x-component").map(str::to_owned).or(component);
        Ok(Self {
            version: parse_version(version)?,
            channel: parse(text(headers, "x-channel").unwrap_or(DEFAULT_CHANNEL))?,
            component: component.as_deref().map(parse).transpose()?,
            target: text(headers, "x-target").map(parse).transpose()?,
        })
    }

    /// The component asked for, or the network's only one.
    fn component(&self, releases: &[agent::Release]) -> Answered<ComponentName> {
        let mut known: Vec<_> = releases.iter().map(|r| &r.listing.component).collect();
        known.sort_unstable();
        known.dedup();
        match (&self.component, known.as_slice()) {
            (Some(name), known) if known.contains(&name) => Ok(name.clone()),
            (Some(name), known) => {
                Err(unknown_component(name, known.iter().map(|name| name.as_str())))
            }
            (None, [only]) => Ok((*only).clone()),
            (None, []) => Err(Refused::new(Code::ComponentUnknown, "no release is known yet")
                .hint("`updraft check` asks peers")),
            (None, known) => {
                let names: Vec<_> = known.iter().take(10).map(|name| name.as_str()).collect();
                Err(Refused::new(
                    Code::MissingHeader,
                    "`X-Component` is required where there are several components",
                )
                .hint(format!("one of {}", names.join(", "))))
            }
        }
    }

    /// The machine asked for, else this node's own, else the only one there are releases for.
    fn target(
        &self,
        api: &Api,
        releases: &[agent::Release],
        component: &ComponentName,
    ) -> Answered<Target> {
        if let Some(target) = self.target.clone().or_else(|| own_target(api, component)) {
            return Ok(target);
        }
        let mut known: Vec<_> = releases
            .iter()
            .filter(|release| release.listing.component == *component)
            .map(|release| &release.listing.target)
            .collect();
        known.sort_unstable();
        known.dedup();
        match known.as_slice() {
            [only] => Ok((*only).clone()),
            known => {
                let names: Vec<_> = known.iter().take(10).map(|name| name.as_str()).collect();
                Err(Refused::new(
                    Code::MissingHeader,
                    "`X-Target` is required where there are several targets",
                )
                .hint(format!("one of {}", names.join(", "))))
            }
        }
    }
}

type Offer<'a> = (&'a agent::Release, &'a Manifest);

/// Releases that run on the client's machine and whose manifest is here, the newest first.
fn offers<'a>(
    releases: &'a [agent::Release],
    component: &ComponentName,
    channel: &ChannelName,
    target: &Target,
) -> Vec<Offer<'a>> {
    let mut offers: Vec<Offer<'a>> = releases
        .iter()
        .filter(|release| {
            release.listing.component == *component
                && release.channel == *channel
                && release.listing.target.runs_on(target)
        })
        .filter_map(|release| Some((release, release.manifest.as_deref()?)))
        .collect();
    offers.sort_by(|(a, _), (b, _)| b.listing.version.cmp(&a.listing.version));
    offers
}

/// The newest release that a client may go straight to; the newest of all when it is below every floor.
fn choose<'a>(offers: &[Offer<'a>], current: &ReleaseVersion) -> Option<Offer<'a>> {
    let newer = || offers.iter().filter(|(release, _)| release.listing.version > *current);
    let allowed =
        |manifest: &Manifest| manifest.min_version.as_ref().is_none_or(|floor| current >= floor);
    newer().find(|(_, manifest)| allowed(manifest)).or_else(|| newer().next()).copied()
}

fn available(
    release: &agent::Release,
    manifest: &Manifest,
    client: &Client,
    base: &str,
    sha256: Option<String>,
) -> UpdateOffer {
    let told = Release::from(release);
    let (component, version) = (&told.component, &told.version);
    let below_floor = manifest.min_version.as_ref().is_some_and(|floor| client.version < *floor);
    let blake3 = manifest.whole.digest.to_hex();
    let signature =
        sha256.as_ref().map_or_else(|| format!("blake3:{blake3}"), |sum| format!("sha256:{sum}"));
    let address = format!("{base}/api/v1/releases/{component}/{version}");
    UpdateOffer {
        update_available: true,
        version: version.clone(),
        mandatory: manifest.severity == Severity::Critical || below_floor,
        release_notes: Some(address.clone()),
        download_url: Some(format!("{base}/api/v1/blobs/{}", manifest.whole.digest)),
        signature: Some(signature),
        component: component.clone(),
        channel: told.channel,
        kind: told.kind,
        severity: told.severity,
        breaking: Some(manifest.compatibility == Compatibility::Breaking),
        size_bytes: Some(manifest.whole.size),
        checksums: Some(types::Checksums { sha256, blake3 }),
        manifest_url: Some(format!("{address}/manifest")),
        signatures: told.signatures,
        deltas: types::deltas(manifest, base),
        minimum_version: told.minimum_version,
        check_again_after_seconds: ASK_AGAIN,
    }
}

fn nothing(component: &ComponentName, client: &Client, offers: &[Offer<'_>]) -> UpdateOffer {
    let newest = offers.first().map_or(&client.version, |(release, _)| &release.listing.version);
    UpdateOffer {
        update_available: false,
        version: newest.to_string(),
        mandatory: false,
        release_notes: None,
        download_url: None,
        signature: None,
        component: component.to_string(),
        channel: client.channel.to_string(),
        kind: None,
        severity: None,
        breaking: None,
        size_bytes: None,
        checksums: None,
        manifest_url: None,
        signatures: Vec::new(),
        deltas: Vec::new(),
        minimum_version: None,
        check_again_after_seconds: ASK_AGAIN,
    }
}

/// The answer with its tag; 304 when the client has it already.
fn respond(headers: &HeaderMap, offer: &UpdateOffer) -> Answered<Response> {
    let body = serde_json::to_vec(offer)
        .map_err(|error| Refused::new(Code::Failed, format!("cannot write the answer: {error}")))?;
    let tag = format!("\"b3-{}\"", Digest::of(&body).short());
    let known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    let out = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(header::ETAG, tag);
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
    out.insert(header::VARY, HeaderValue::from_static(VARY));
    Ok(response)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}

/// What addresses in the answer begin with. The guard has checked the host name of a TCP request.
fn base(headers: &HeaderMap) -> String {
    format!("http://{}", text(headers, "host").unwrap_or("localhost"))
}

/// SHA-256 sums of blobs this node holds, made when first asked for.
#[derive(Debug, Default)]
pub(super) struct Checksums {
    // Held only to look up or insert one line.
    known: Arc<Mutex<BTreeMap<Digest, String>>>,
    // One sum is made at a time, however many strangers ask.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Checksums {
    /// The sum in hexadecimal; `None` when the blob is not here or cannot be read.
    async fn sha256(&self, agent: &AgentHandle, digest: Digest) -> Option<String> {
        if let Some(sum) = self.known(&digest) {
            return Some(sum);
        }
        let turn = self.turn.clone().lock_owned().await;
        if let Some(sum) = self.known(&digest) {
            return Some(sum);
        }
        let blob = agent.blob(digest).await.ok()??;
        let known = self.known.clone();
        // The turn goes along, so that a client that goes away does not let the next one start too.
        let made = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let sum = sum_of(blob.reader).ok()?;
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MAX_SUMS {
                known.clear();
            }
            known.insert(digest, sum.clone());
            Some(sum)
        });
        made.await.ok()?
    }

    fn known(&self, digest: &Digest) -> Option<String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }
}

fn sum_of(mut reader: impl io::Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&buffer[..read]);
    }
}
