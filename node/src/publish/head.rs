//! The next head of a channel. Pure: the trusted head and the time in, the head to sign out.
//!
//! Older releases stay listed so that they stay installable and patches can start from them; a head has room
//! for so many, so the oldest of the component with the most go first and the newest of each never goes.
//! Must never list two contents under one version.

use std::{cmp::Reverse, collections::BTreeMap};

use updraft_protocol::{
    ChannelName, ComponentName, Digest, Head, Listing, MinSupported, NetworkId, ReleaseVersion,
    Target, Timestamp, Verified, Withdrawn,
    limits::{MAX_HEAD, MAX_LISTINGS, MAX_WITHDRAWN},
};

/// Versions of one component for one target that stay on offer: as many as an operator looks back for a
/// good one, and more than the patches that a release usually offers.
pub const KEPT_VERSIONS: usize = 8;

/// Bytes that listings may take: what a head may, less its other fields, which take under 200. Listings of
/// the longest names reach this before [`MAX_LISTINGS`].
const ROOM: usize = MAX_HEAD - 256;

/// Why there is no next head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The version is on offer with these very contents.
    #[error("{component}@{version} is on {channel} already")]
    Listed {
        /// Of what.
        component: ComponentName,
        /// Which.
        version: ReleaseVersion,
        /// Where.
        channel: ChannelName,
    },
    /// The version is on offer with other contents.
    #[error(
        "{component}@{version} is on {channel} already, with other contents or another description"
    )]
    Taken {
        /// Of what.
        component: ComponentName,
        /// Which.
        version: ReleaseVersion,
        /// Where.
        channel: ChannelName,
    },
    /// More components and targets than one head can list.
    #[error(
        "the channel lists {MAX_LISTINGS} components and targets, and a head has no room for more"
    )]
    Full,
    /// Nothing to withdraw or to bring back.
    #[error("{release} is not {expected} on {channel}")]
    NotThere {
        /// Which release.
        release: String,
        /// What it would have to be: on offer, or withdrawn.
        expected: &'static str,
        /// Where.
        channel: ChannelName,
    },
    /// Nothing to renew.
    #[error("nothing is published on {0} yet")]
    Nothing(ChannelName),
    /// The last number there is.
    #[error("the channel's numbers are used up")]
    UsedUp,
}

/// Where and when a head is signed.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The network.
    pub network: NetworkId,
    /// The channel.
    pub channel: &'a ChannelName,
    /// Now.
    pub now: Timestamp,
    /// Seconds until it says nothing about the present any more.
    pub lifetime: u64,
}

/// The head after `trusted` (`None`: the channel's first) that also lists `release`.
///
/// # Errors
/// Every [`HeadError`] but [`HeadError::Nothing`].
pub fn with_release(
    trusted: Option<&Verified<Head>>,
    release: Listing,
    place: Place<'_>,
) -> Result<Head, HeadError> {
    let mut releases = trusted.map(|head| head.releases.clone()).unwrap_or_default();
    let name = |listing: &Listing| {
        (listing.component.clone(), listing.target.clone(), listing.version.clone())
    };
    if let Some(same) = releases.iter().find(|listing| name(listing) == name(&release)) {
        let (component, version) = (release.component, release.version);
        let channel = place.channel.clone();
        return Err(if same.manifest == release.manifest {
            HeadError::Listed { component, version, channel }
        } else {
            HeadError::Taken { component, version, channel }
        });
    }
    let manifest = release.manifest;
    releases.push(release);
    let releases = kept(releases, &manifest)?;
    let mut next = following(trusted, releases, place)?;
    make_room(&mut next, &manifest);
    Ok(next)
}

/// The head after `trusted` with the same listings and a new end.
///
/// # Errors
/// [`HeadError::UsedUp`]; [`HeadError::Nothing`] when there is no head to renew.
pub fn renewed(trusted: Option<&Verified<Head>>, place: Place<'_>) -> Result<Head, HeadError> {
    let Some(head) = trusted.filter(|head| !head.releases.is_empty()) else {
        return Err(HeadError::Nothing(place.channel.clone()));
    };
    following(trusted, head.releases.clone(), place)
}

/// The head after `trusted` that withdraws a release it lists. When there is no room, another withdrawal is
/// forgotten: nobody can install that release from this head anyway, because it is not listed.
///
/// # Errors
/// [`HeadError::NotThere`], [`HeadError::UsedUp`].
pub fn without(
    trusted: Option<&Verified<Head>>,
    release: &Listing,
    reason: &str,
    place: Place<'_>,
) -> Result<Head, HeadError> {
    let listed = trusted.filter(|head| head.releases.contains(release));
    let head = listed.ok_or_else(|| not_there(release, "on offer", place.channel))?;
    let releases = head.releases.iter().filter(|listing| *listing != release).cloned().collect();
    let mut next = following(trusted, releases, place)?;
    next.withdrawn.push(Withdrawn { manifest: release.manifest, reason: reason.to_owned() });
    next.withdrawn.sort_by_key(|withdrawn| withdrawn.manifest);
    make_room(&mut next, &release.manifest);
    Ok(next)
}

/// The head after `trusted` that lists a release again which it withdraws.
///
/// # Errors
/// [`HeadError::NotThere`] and those of [`with_release`].
pub fn restored(
    trusted: Option<&Verified<Head>>,
    release: Listing,
    place: Place<'_>,
) -> Result<Head, HeadError> {
    let digest = release.manifest;
    if trusted.is_none_or(|head| head.withdrawn(&digest).is_none()) {
        return Err(not_there(&release, "withdrawn", place.channel));
    }
    let mut next = with_release(trusted, release, place)?;
    next.withdrawn.retain(|withdrawn| withdrawn.manifest != digest);
    Ok(next)
}

/// The same head, but it says that versions of `component` below `version` are looked after no more.
#[must_use]
pub fn looking_after(mut head: Head, component: &ComponentName, version: ReleaseVersion) -> Head {
    head.min_supported.retain(|min| min.component != *component);
    head.min_supported.push(MinSupported { component: component.clone(), version });
    head.min_supported.sort_by(|a, b| a.component.cmp(&b.component));
    head
}

fn not_there(release: &Listing, expected: &'static str, channel: &ChannelName) -> HeadError {
    let release = format!("{}@{}", release.component, release.version);
    HeadError::NotThere { release, expected, channel: channel.clone() }
}

/// Forgets withdrawals other than that of `new` until the head fits. A head does not say when each was made; which
/// one goes is decided by its digest, so that two publishers come to the same head.
fn make_room(head: &mut Head, new: &Digest) {
    let too_large = |head: &Head| {
        head.withdrawn.len() > MAX_WITHDRAWN || updraft_protocol::codec::encode(head).is_err()
    };
    while too_large(head) {
        let Some(at) = head.withdrawn.iter().position(|withdrawn| withdrawn.manifest != *new)
        else {
            return;
        };
        head.withdrawn.remove(at);
    }
}

/// Listings of one component and target that a patch may start from: below `version`, newest first.
pub fn earlier<'a>(
    head: &'a Head,
    component: &ComponentName,
    target: &Target,
    version: &ReleaseVersion,
) -> Vec<&'a Listing> {
    let mut found: Vec<_> = head
        .releases
        .iter()
        .filter(|listing| listing.component == *component && listing.target == *target)
        .filter(|listing| listing.version < *version)
        .collect();
    found.sort_by_key(|listing| Reverse(&listing.version));
    found
}

fn following(
    trusted: Option<&Verified<Head>>,
    releases: Vec<Listing>,
    place: Place<'_>,
) -> Result<Head, HeadError> {
    let seq = trusted.map_or(0, |head| head.seq).checked_add(1).ok_or(HeadError::UsedUp)?;
    // A clock that went back must not make a channel's time go back.
    let time = trusted.map_or(place.now, |head| head.time.max(place.now));
    Ok(Head {
        network: place.network,
        channel: place.channel.clone(),
        seq,
        prev: trusted.map(Verified::digest),
        time,
        expires: time.plus(place.lifetime),
        releases,
        withdrawn: trusted.map(|head| head.withdrawn.clone()).unwrap_or_default(),
        min_supported: trusted.map(|head| head.min_supported.clone()).unwrap_or_default(),
    })
}

/// At most [`KEPT_VERSIONS`] of each component and target, at most [`MAX_LISTINGS`] in all, in order. The
/// release named `new` and the newest of each stay.
fn kept(releases: Vec<Listing>, new: &Digest) -> Result<Vec<Listing>, HeadError> {
    let mut groups: BTreeMap<(ComponentName, Target), Vec<Listing>> = BTreeMap::new();
    for listing in releases {
        let group = (listing.component.clone(), listing.target.clone());
        groups.entry(group).or_default().push(listing);
    }
    for group in groups.values_mut() {
        group.sort_by(|a, b| b.version.cmp(&a.version));
        while group.len() > KEPT_VERSIONS && drop_oldest(group, new) {}
    }
    let over = |groups: &BTreeMap<_, Vec<Listing>>| {
        let listings = || groups.values().flatten();
        listings().count() > MAX_LISTINGS || listings().map(encoded_size).sum::<usize>() > ROOM
    };
    while over(&groups) {
        let largest = groups.values_mut().max_by_key(|group| group.len());
        if !largest.is_some_and(|group| drop_oldest(group, new)) {
            return Err(HeadError::Full);
        }
    }
    let mut kept: Vec<_> = groups.into_values().flatten().collect();
    kept.sort();
    Ok(kept)
}

/// Bytes that a listing takes in a head: three texts with their lengths, and a digest.
fn encoded_size(listing: &Listing) -> usize {
    let version = listing.version.to_string();
    let texts = [listing.component.as_str(), listing.target.as_str(), version.as_str()];
    texts.iter().map(|text| 8 + text.len()).sum::<usize>() + 32
}

/// Takes the last of a group that is sorted from the newest on, but not its first nor `new`.
fn drop_oldest(group: &mut Vec<Listing>, new: &Digest) -> bool {
    match group.iter().rposition(|listing| listing.manifest != *new) {
        Some(at) if at > 0 => {
            group.remove(at);
            true
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use updraft_protocol::{SecretKey, Signed, codec, head, threshold::Role};

    use super::*;

    const NETWORK: NetworkId = NetworkId::from_bytes([5; 32]);

    fn listing(component: &str, version: &str) -> Listing {
        Listing {
            component: component.parse().expect("a name"),
            target: "any".parse().expect("a target"),
            version: version.parse().expect("a version"),
            manifest: Digest::of(format!("{component} {version}").as_bytes()),
        }
    }

    fn channel() -> ChannelName {
        "stable".parse().expect("a channel")
    }

    fn at(channel: &ChannelName, now: u64) -> Place<'_> {
        let now = Timestamp::from_seconds(now);
        Place { network: NETWORK, channel, now, lifetime: 100 }
    }

    fn trusted(head: &Head) -> Verified<Head> {
        let key = SecretKey::from_seed(&[1; 32]);
        let mut signed = Signed::unsigned(head).expect("a head that keeps its rules");
        signed.sign(&key, &NETWORK);
        let role = Role::new(1, vec![key.public()]).expect("a role");
        signed.verify(&NETWORK, &role).expect("signed")
    }

    /// Publishes one after the other, each head checked as a node would.
    fn publish(releases: impl IntoIterator<Item = Listing>) -> Verified<Head> {
        let channel = channel();
        let mut last: Option<Verified<Head>> = None;
        for release in releases {
            let next = with_release(last.as_ref(), release, at(&channel, 10)).expect("a head");
            let next = trusted(&next);
            head::continues(None, last.as_ref(), &next).expect("continues the chain");
            last = Some(next);
        }
        last.expect("at least one release")
    }

    fn versions(head: &Head) -> Vec<String> {
        head.releases.iter().map(|listing| listing.version.to_string()).collect()
    }

    #[test]
    fn each_head_follows_the_one_before() {
        let head = publish([listing("a", "1.0.0"), listing("a", "1.1.0"), listing("b", "1.0.0")]);
        assert_eq!(head.seq, 3);
        assert_eq!(head.releases.len(), 3);
        assert_eq!((head.time.as_seconds(), head.expires.as_seconds()), (10, 110));
    }

    #[test]
    fn only_the_newest_versions_stay() {
        let head = publish((0..20).map(|n| listing("a", &format!("1.{n}.0"))));
        let expected: Vec<_> = (12..20).map(|n| format!("1.{n}.0")).collect();
        assert_eq!(versions(&head), expected);
    }

    #[test]
    fn a_release_for_an_old_line_is_listed_and_does_not_push_the_newest_out() {
        let newer = (0..8).map(|n| listing("a", &format!("2.{n}.0")));
        let head = publish(newer.chain([listing("a", "1.0.1")]));
        assert_eq!(head.releases.len(), KEPT_VERSIONS);
        assert!(versions(&head).contains(&"1.0.1".to_owned()));
        assert!(versions(&head).contains(&"2.7.0".to_owned()));
    }

    #[test]
    fn a_full_head_gives_up_old_versions_before_it_gives_up_a_component() {
        let mut releases: Vec<_> = (0..8).map(|n| listing("a", &format!("1.{n}.0"))).collect();
        releases.extend((0..199).map(|n| listing(&format!("c{n}"), "1.0.0")));
        let head = publish(releases);
        assert_eq!(head.releases.len(), MAX_LISTINGS);
        assert_eq!(head.releases[0], listing("a", "1.7.0"));
        let refused = with_release(Some(&head), listing("d", "1.0.0"), at(&channel(), 10));
        assert_eq!(refused, Err(HeadError::Full));
    }

    #[test]
    fn a_full_head_of_the_longest_names_still_fits_a_message() {
        let long = |component: usize, version: usize| Listing {
            component: format!("{component:0>64}").parse().expect("a name"),
            target: "t".repeat(64).parse().expect("a target"),
            version: format!("1.0.{version}-{}", "p".repeat(58)).parse().expect("a version"),
            manifest: Digest::of(format!("{component} {version}").as_bytes()),
        };
        let listings = (0..25).flat_map(|component| (0..8).map(move |n| long(component, n)));
        let head = publish(listings);
        assert!(head.releases.len() > 190);
        assert!(codec::encode(&*head).expect("fits").len() > MAX_HEAD - 512);
    }

    #[test]
    fn one_version_has_one_contents() {
        let head = publish([listing("a", "1.0.0")]);
        let channel = channel();
        let again = with_release(Some(&head), listing("a", "1.0.0"), at(&channel, 10));
        assert!(matches!(again, Err(HeadError::Listed { .. })));
        let other = Listing { manifest: Digest::of(b"other"), ..listing("a", "1.0.0") };
        let other = with_release(Some(&head), other, at(&channel, 10));
        assert!(matches!(other, Err(HeadError::Taken { .. })));
    }

    #[test]
    fn renewing_changes_nothing_but_number_and_time() {
        let head = publish([listing("a", "1.0.0"), listing("b", "1.0.0")]);
        let channel = channel();
        let next = renewed(Some(&head), at(&channel, 50)).expect("a head");
        assert_eq!((next.seq, &next.releases), (3, &head.releases));
        assert_eq!(next.prev, Some(head.digest()));
        assert_eq!(next.expires.as_seconds(), 150);
        assert!(matches!(renewed(None, at(&channel, 50)), Err(HeadError::Nothing(_))));
    }

    #[test]
    fn a_withdrawn_release_is_offered_no_more_and_can_be_brought_back() {
        let head = publish([listing("a", "1.0.0"), listing("a", "1.1.0")]);
        let channel = channel();
        let bad = listing("a", "1.1.0");
        let next = without(Some(&head), &bad, "it eats disks", at(&channel, 20)).expect("a head");
        let next = trusted(&next);
        head::continues(None, Some(&head), &next).expect("continues the chain");
        assert_eq!(versions(&next), ["1.0.0"]);
        assert_eq!(next.withdrawn(&bad.manifest).expect("withdrawn").reason, "it eats disks");
        let again = without(Some(&next), &bad, "", at(&channel, 20));
        assert!(matches!(again, Err(HeadError::NotThere { .. })), "{again:?}");
        let back = restored(Some(&next), bad.clone(), at(&channel, 30)).expect("a head");
        assert_eq!((versions(&back).len(), back.withdrawn.len(), back.seq), (2, 0, 4));
        let again = restored(Some(&trusted(&back)), bad, at(&channel, 30));
        assert!(matches!(again, Err(HeadError::NotThere { .. })), "{again:?}");
    }

    #[test]
    fn withdrawals_are_forgotten_when_there_is_no_room_but_never_the_newest() {
        let channel = channel();
        let reason = "r".repeat(512);
        let mut head = publish([listing("a", "0.0.1")]);
        for n in 0..70 {
            let release = listing("b", &format!("1.{n}.0"));
            let next = with_release(Some(&head), release.clone(), at(&channel, 10)).expect("room");
            let next = trusted(&next);
            let next = without(Some(&next), &release, &reason, at(&channel, 10)).expect("room");
            assert!(next.withdrawn(&release.manifest).is_some(), "the newest, {n}");
            head = trusted(&next);
        }
        assert_eq!(head.withdrawn.len(), MAX_WITHDRAWN);
    }

    #[test]
    fn the_lowest_version_looked_after_is_said_once_for_each_component() {
        let head = publish([listing("a", "1.0.0")]).into_inner();
        let version = |text: &str| text.parse::<ReleaseVersion>().expect("a version");
        let (a, b) = ("a".parse().expect("a name"), "b".parse().expect("a name"));
        let head = looking_after(head, &b, version("2.0.0"));
        let head = looking_after(head, &a, version("1.0.0"));
        let head = looking_after(head, &a, version("1.1.0"));
        assert_eq!(head.min_supported(&a), Some(&version("1.1.0")));
        assert_eq!(head.min_supported.len(), 2);
        codec::encode(&head).expect("in order");
    }

    #[test]
    fn a_clock_that_went_back_does_not_take_the_channel_along() {
        let head = publish([listing("a", "1.0.0")]);
        let channel = channel();
        let next = renewed(Some(&head), at(&channel, 3)).expect("a head");
        assert_eq!(next.time.as_seconds(), 10);
    }

    #[test]
    fn patches_start_from_earlier_versions_of_the_same_thing_newest_first() {
        let other_target =
            Listing { target: "x86".parse().expect("a target"), ..listing("a", "1.2.0") };
        let head = publish([
            listing("a", "1.0.0"),
            listing("a", "1.10.0"),
            listing("a", "1.9.0"),
            listing("a", "3.0.0"),
            listing("b", "1.1.0"),
            other_target,
        ]);
        let new = listing("a", "2.0.0");
        let found = earlier(&head, &new.component, &new.target, &new.version);
        let found: Vec<_> = found.iter().map(|listing| listing.version.to_string()).collect();
        assert_eq!(found, ["1.10.0", "1.9.0", "1.0.0"]);
    }
}
