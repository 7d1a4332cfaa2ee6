//! The program ends, the power fails, or a change fails: at every single change of a story.

use super::{
    story::{
        Deed, Lens, Promise, STORY, end, judge, judge_live, judge_next, open, plain, play, tell,
        version,
    },
    *,
};

/// What a power cut is tried with.
pub(super) const LOSSES: [Loss; 7] = [
    Loss::Everything,
    Loss::Data,
    Loss::Names,
    Loss::Chosen(1),
    Loss::Chosen(2),
    Loss::Chosen(3),
    Loss::Chosen(4),
];

/// How many changes a story asks for on a copy of this disk.
fn changes(before: &VirtualDisk, lens: Lens, story: &[Deed], promise: Promise) -> u64 {
    let disk = before.copy();
    tell(lens(disk.root()), story, promise).1.expect("goes well");
    disk.counts().changes - before.counts().changes
}

/// A copy of the disk, and what was promised, after the program ended with the `point`-th change.
fn ended_at(
    before: &VirtualDisk,
    lens: Lens,
    story: &[Deed],
    promise: Promise,
    point: u64,
) -> (VirtualDisk, Promise) {
    let disk = before.copy();
    disk.dead_from(before.counts().changes + point);
    let (promise, _) = tell(lens(disk.root()), story, promise);
    (disk, promise)
}

/// The program ends with every change; then the power fails, or not.
pub(super) fn ends_anywhere(lens: Lens, losses: &[Option<Loss>]) -> Result<(), String> {
    let empty = disk();
    for point in 0..changes(&empty, lens, &STORY, Promise::default()) {
        let (ended, promise) = ended_at(&empty, lens, &STORY, Promise::default(), point);
        for loss in losses {
            let disk = ended.copy();
            end(&disk, *loss);
            judge(&disk, lens, &promise)
                .and_then(|mut installer| judge_next(&disk, lens, &mut installer, *loss))
                .map_err(|why| format!("ended at {point}, {loss:?}: {why}"))?;
        }
    }
    Ok(())
}

/// What whoever uses an installer does after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Asks the same installer again.
    AskAgain,
    /// Starts the program anew and asks again.
    Restart,
}

/// Tells the story with one change that fails, and what becomes of it: at once, after a power cut then and there,
/// and after one at the end.
fn fails_at(lens: Lens, point: u64, fault: Fault, after: After) -> Result<(), String> {
    let disk = disk();
    disk.fail_at(point, fault);
    let mut promise = Promise::default();
    let cut_now = |promise: &Promise| {
        for loss in LOSSES {
            let copy = disk.copy();
            copy.cut_power(loss);
            judge(&copy, lens, promise).map_err(|why| format!("cut at the error: {why}"))?;
        }
        Ok::<_, String>(())
    };
    let mut installer = match open(lens(disk.root())) {
        Ok(installer) => installer,
        Err(_) => {
            cut_now(&promise)?;
            open(lens(disk.root())).map_err(|error| error.to_string())?
        }
    };
    for deed in STORY {
        promise.begin(deed);
        if play(&mut installer, deed).is_err() {
            judge_live(&installer, &promise)?;
            cut_now(&promise)?;
            if after == After::Restart {
                disk.kill();
                installer = open(lens(disk.root())).map_err(|error| error.to_string())?;
                judge_live(&installer, &promise)?;
            }
            play(&mut installer, deed).map_err(|error| format!("asked again: {error}"))?;
        }
        promise.end();
    }
    for loss in LOSSES {
        let copy = disk.copy();
        copy.cut_power(loss);
        let mut installer = judge(&copy, lens, &promise)?;
        judge_next(&copy, lens, &mut installer, Some(loss))?;
    }
    Ok(())
}

/// The same for every change of the story.
pub(super) fn fails_anywhere(lens: Lens, fault: Fault, after: After) -> Result<(), String> {
    for point in 0..changes(&disk(), lens, &STORY, Promise::default()) {
        fails_at(lens, point, fault, after)
            .map_err(|why| format!("{fault:?} at {point}, {after:?}: {why}"))?;
    }
    Ok(())
}

#[test]
fn killed_at_any_change_the_old_or_the_new_version_is_live_and_whole() {
    ends_anywhere(plain, &[None]).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn a_power_cut_at_any_change_leaves_the_old_or_the_new_version_live_and_whole() {
    ends_anywhere(plain, &LOSSES.map(Some)).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn a_change_that_fails_costs_one_attempt_and_nothing_that_was_committed() {
    for fault in [Fault::Device, Fault::NoRoom] {
        fails_anywhere(plain, fault, After::AskAgain).unwrap_or_else(|why| panic!("{why}"));
    }
}

#[test]
fn what_a_failed_sync_lost_is_not_believed_after_a_restart() {
    fails_anywhere(plain, Fault::Device, After::Restart).unwrap_or_else(|why| panic!("{why}"));
}

/// The deed ends at any change, then the recovery at any of its own; then the power fails once more.
fn recovery_ends_anywhere(deed: Deed) {
    let before = disk();
    let two = [Deed::Install("1.0.0"), Deed::Install("2.0.0")];
    tell(before.root(), &two, Promise::default()).1.expect("goes well");
    before.kill();
    let promise = Promise::of("2.0.0");
    let losses = [None, Some(Loss::Everything), Some(Loss::Chosen(5))];
    for point in 0..changes(&before, plain, &[deed], promise) {
        let (ended, promise) = ended_at(&before, plain, &[deed], promise, point);
        for first in losses {
            let ended = ended.copy();
            end(&ended, first);
            for second in 0..changes(&ended, plain, &[], promise) {
                let (again, _) = ended_at(&ended, plain, &[], promise, second);
                for then in losses {
                    let disk = again.copy();
                    end(&disk, then);
                    let judged = judge(&disk, plain, &promise).and_then(|_| {
                        disk.cut_power(Loss::Everything);
                        judge(&disk, plain, &promise)
                    });
                    judged.unwrap_or_else(|why| {
                        panic!(
                            "{deed:?} ended at {point} ({first:?}), at {second} ({then:?}): {why}"
                        )
                    });
                }
            }
        }
    }
}

#[test]
fn a_recovery_of_an_update_that_ends_at_any_change_comes_to_the_same() {
    recovery_ends_anywhere(Deed::Install("3.0.0"));
}

#[test]
fn a_recovery_of_a_rollback_or_a_removal_that_ends_at_any_change_comes_to_the_same() {
    recovery_ends_anywhere(Deed::RollBack("1.0.0"));
    recovery_ends_anywhere(Deed::Keep);
}

#[test]
fn a_disk_of_any_width_keeps_what_was_installed_and_takes_the_next_when_it_is_wide_enough() {
    let before = disk();
    tell(before.root(), &[Deed::Install("1.0.0")], Promise::default()).1.expect("goes well");
    let used = Capacity::AMPLE.bytes - before.root().free().expect("measured").bytes;
    let (mut refused, mut done) = (0, 0);
    for blocks in 0..20 {
        let disk = before.copy();
        disk.set_capacity(Capacity { bytes: used + blocks * 4_096, ..Capacity::AMPLE });
        let mut installer = open(disk.root()).expect("opens");
        let promise = match play(&mut installer, Deed::Install("2.0.0")) {
            Ok(()) => {
                done += 1;
                Promise::of("2.0.0")
            }
            Err(_) => {
                refused += 1;
                Promise { live: Some("1.0.0"), under_way: Some("2.0.0") }
            }
        };
        judge_live(&installer, &promise).unwrap_or_else(|why| panic!("{blocks}: {why}"));
        disk.set_capacity(Capacity::AMPLE);
        play(&mut installer, Deed::Install("2.0.0")).expect("there is room");
        disk.cut_power(Loss::Everything);
        judge(&disk, plain, &Promise::of("2.0.0")).unwrap_or_else(|why| panic!("{blocks}: {why}"));
    }
    assert!(refused > 0 && done > 0, "{refused} refused, {done} done");
}

#[test]
fn the_story_ends_with_one_version_and_asks_for_the_same_every_time() {
    let disk = disk();
    tell(disk.root(), &STORY, Promise::default()).1.expect("goes well");
    let installer = open(disk.root()).expect("opens");
    let kept: Vec<_> = installer.state().slots().keys().cloned().collect();
    assert_eq!(kept, [version("1.0.0")]);
    let again = super::disk();
    tell(again.root(), &STORY, Promise::default()).1.expect("goes well");
    open(again.root()).expect("opens");
    assert_eq!(again.counts(), disk.counts());
}
