//! Patches from several earlier releases at once, within a budget of memory.
//!
//! The same patches come out, byte for byte, whatever the memory and the number of threads are, but for those that do not
//! fit at all. This thread reads old contents and talks; others compare. They are no threads of rayon's: one of those that
//! waits for memory may be the one for which the work waits that holds it.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::mpsc::{SyncSender, sync_channel},
    thread,
    time::Instant,
};

use updraft_delta::{
    CreateError, Described, blob,
    offer::{self, Offers},
    patch::MAX_SIDE,
};
use updraft_protocol::{Digest, Manifest, PatchCodec, PatchOffer, Verified};

use super::{
    Effort, Step,
    budget::{Budget, Work, eta},
    ledger::Trusted,
};
use crate::plain::PlainFile;

/// A patch that is offered, and its bytes.
#[derive(Debug)]
pub(super) struct MadePatch {
    pub(super) offer: PatchOffer,
    pub(super) bytes: Vec<u8>,
    pub(super) list: Vec<u8>,
}

/// The releases from which patches are made, and what is said of the others.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    from: Vec<&'a Manifest>,
    told: Vec<Step>,
}

/// What every patch has to lead to.
pub(super) struct Goal<'a> {
    pub(super) new: &'a [u8],
    /// Bytes of the whole artifact, to compare.
    pub(super) whole: u64,
}

impl<'a> Chosen<'a> {
    /// Of the releases in `past`, the most wanted first, those from which a patch to a tree of `bytes` can be made.
    pub(super) fn of(
        past: &'a [Verified<Manifest>],
        tree: Digest,
        bytes: u64,
        effort: &Effort,
    ) -> Self {
        let mut chosen = Self { from: Vec::new(), told: Vec::new() };
        let mut seen = BTreeSet::from([tree]);
        for past in past {
            let why = if seen.insert(past.tree.object.digest) {
                too_much(past.tree.bytes, bytes, effort.memory)
            } else {
                Some("it has the same contents as another of these releases".to_owned())
            };
            match why {
                None => chosen.from.push(past),
                Some(why) => chosen.told.push(no_patch(past, why)),
            }
        }
        chosen
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.from.is_empty()
    }

    /// Says why there is no patch from the others.
    pub(super) fn tell(&mut self, told: &mut dyn FnMut(Step)) {
        self.told.drain(..).for_each(told);
    }

    /// Makes the patches, ordered as a manifest wants them. Old contents come from `trusted`; temporary files go to
    /// `work`.
    pub(super) fn make(
        &self,
        goal: &Goal<'_>,
        trusted: &Trusted<'_>,
        work: &Path,
        effort: &Effort,
        told: &mut dyn FnMut(Step),
    ) -> Vec<MadePatch> {
        let new = goal.new.len() as u64;
        let memory = |past: &Manifest| offer::memory(past.tree.bytes, new);
        let all = self.from.iter().enumerate();
        let all = all.map(|(name, past)| Work { name, memory: memory(past) });
        let (mut budget, left_out) = Budget::new(effort.memory, effort.threads, all);
        let mut progress = Progress::new(self.from.iter().map(|past| past.tree.bytes + new));
        let mut made = Vec::new();
        told(progress.step());
        for Work { name, memory } in left_out {
            let past = self.from[name];
            told(no_patch(past, over_memory(memory, effort.memory)));
            told(progress.another(past.tree.bytes + new));
        }
        thread::scope(|scope| {
            let (ends, ended) = sync_channel(self.from.len());
            let mut under_way = 0;
            loop {
                while let Some(begun) = budget.next() {
                    let past = self.from[begun.name];
                    match contents_of(past, trusted, work) {
                        Ok(old) => {
                            let end = End { work: begun, ends: ends.clone(), came: None };
                            let make =
                                move || offer::patch(&old, goal.new, effort.level, goal.whole);
                            scope.spawn(move || end.of(make));
                            under_way += 1;
                        }
                        Err(why) => {
                            told(no_patch(past, why));
                            budget.end(begun);
                            told(progress.another(past.tree.bytes + new));
                        }
                    }
                }
                if under_way == 0 {
                    break;
                }
                let (work, came) = ended.recv().expect("this thread could send, too");
                // It panicked, and so does the end of the scope.
                let Some(came) = came else { break };
                under_way -= 1;
                budget.end(work);
                let past = self.from[work.name];
                made.extend(tell_what_came(past, came, goal.whole, told));
                told(progress.another(past.tree.bytes + new));
            }
        });
        made.sort_by_key(|patch| (patch.offer.from_tree, patch.offer.codec));
        made
    }
}

/// Tells the end of one piece of work, even if it ends in a panic: whoever waits for it would wait for ever.
struct End {
    work: Work,
    ends: SyncSender<(Work, Option<Result<Offers, CreateError>>)>,
    came: Option<Result<Offers, CreateError>>,
}

impl End {
    fn of(mut self, make: impl FnOnce() -> Result<Offers, CreateError>) {
        self.came = Some(make());
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // There is a place for each; and if nobody listens any more, nobody waits.
        drop(self.ends.send((self.work, self.came.take())));
    }
}

/// How far it has come.
struct Progress {
    began: Instant,
    done: usize,
    of: usize,
    bytes_done: u64,
    bytes: u64,
}

impl Progress {
    fn new(sizes: impl ExactSizeIterator<Item = u64>) -> Self {
        let of = sizes.len();
        Self { began: Instant::now(), done: 0, of, bytes_done: 0, bytes: sizes.sum() }
    }

    fn another(&mut self, bytes: u64) -> Step {
        self.done += 1;
        self.bytes_done += bytes;
        self.step()
    }

    fn step(&self) -> Step {
        let eta = eta(self.bytes_done, self.bytes, self.began.elapsed());
        Step::Patching { done: self.done, of: self.of, eta }
    }
}

/// Why no patch can be made between contents of these sizes, if so.
fn too_much(old: u64, new: u64, memory: u64) -> Option<String> {
    let largest = old.max(new);
    if largest > MAX_SIDE {
        return Some(format!("patches are made between at most {MAX_SIDE} bytes, not {largest}"));
    }
    let takes = offer::memory(old, new);
    (takes > memory).then(|| over_memory(takes, memory))
}

fn over_memory(takes: u64, memory: u64) -> String {
    format!("making it may take {takes} bytes of memory, and {memory} may be used (--memory)")
}

fn no_patch(from: &Manifest, why: String) -> Step {
    Step::NoPatch { from: from.version.clone(), why }
}

fn tell_what_came(
    past: &Manifest,
    came: Result<Offers, CreateError>,
    whole: u64,
    told: &mut dyn FnMut(Step),
) -> Vec<MadePatch> {
    match came {
        Ok(Offers::Made(offers)) => offers
            .into_iter()
            .map(|offer| {
                let (from, codec) = (past.version.clone(), offer.codec);
                told(Step::Patch { from, codec, bytes: offer.described.blob.size, whole });
                patch_of(past, codec, offer.bytes, offer.described)
            })
            .collect(),
        Ok(Offers::NotWorth { patch_size, .. }) => {
            let why = format!("{patch_size} bytes are not worth it, the whole is sent");
            told(no_patch(past, why));
            Vec::new()
        }
        Err(error) => {
            told(no_patch(past, chain(error)));
            Vec::new()
        }
    }
}

fn patch_of(past: &Manifest, codec: PatchCodec, bytes: Vec<u8>, described: Described) -> MadePatch {
    let offer = PatchOffer {
        from: past.version.clone(),
        from_tree: past.tree.object.digest,
        codec,
        blob: described.blob,
    };
    MadePatch { offer, bytes, list: described.object }
}

/// The contents of an earlier release, unpacked from its whole blob.
fn contents_of(past: &Manifest, trusted: &Trusted<'_>, work: &Path) -> Result<Vec<u8>, String> {
    let mut file = tempfile::tempfile_in(work).map_err(chain)?;
    if !trusted.blob(&past.whole, &mut file).map_err(chain)? {
        return Err("its bytes are not kept here any more".to_owned());
    }
    let file = PlainFile::new(file).map_err(chain)?;
    let mut contents = Vec::new();
    blob::decompress_whole(&file, past.tree.bytes, &mut contents).map_err(chain)?;
    Ok(contents)
}

/// An error and its sources in one line.
fn chain(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_panics_ends_too() {
        let (ends, ended) = sync_channel(2);
        let work = |name| Work { name, memory: 1 };
        let end = |name| End { work: work(name), ends: ends.clone(), came: None };
        let none = || Ok(Offers::NotWorth { patch_size: 2, whole_size: 1 });
        let (good, bad) = (end(0), end(1));
        good.of(none);
        let panicked = thread::spawn(move || bad.of(|| panic!("on purpose"))).join();
        assert!(panicked.is_err());
        let (first, came) = ended.recv().expect("told");
        assert!(first == work(0) && matches!(came, Some(Ok(Offers::NotWorth { .. }))));
        let (second, came) = ended.recv().expect("told");
        assert!(second == work(1) && came.is_none());
    }

    #[test]
    fn what_is_too_much_is_said_with_both_numbers() {
        let takes = offer::memory(1_000, 2_000);
        assert_eq!(too_much(1_000, 2_000, takes), None);
        let why = too_much(1_000, 2_000, takes - 1).expect("a byte too few");
        assert!(why.contains(&takes.to_string()) && why.contains("--memory"), "{why}");
        assert_eq!(too_much(MAX_SIDE, 1, u64::MAX), None);
        assert!(too_much(1, MAX_SIDE + 1, u64::MAX).is_some());
        assert!(too_much(MAX_SIDE + 1, 1, u64::MAX).is_some());
    }
}
