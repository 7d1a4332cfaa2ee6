//! A broken build is caught: for every rule that can be left out there is a scenario that fails without it, and that passes
//! with it. The table is in `docs/TESTING.md`.
//!
//! Only with the feature `broken`: `cargo test -p updraft-simulations --features broken --test broken`.

use std::sync::atomic::AtomicBool;

use updraft_protocol::broken::{Break, choose};
use updraft_simulations::{
    builtin,
    outcome::Outcome,
    run::{RunOptions, Unwatched, run},
    scenario::read,
};

/// A run of a scenario with its own seed, with a rule left out. A panic inside is one way of being caught; it ends the
/// test all the same, because a broken rule has to be told by a promise or an expectation.
fn outcome(name: &str, without: Option<Break>) -> Outcome {
    let text = builtin::find(name).map(|found| found.text).expect("built in");
    let scenario = read(text, name).expect("built in");
    let options = RunOptions::of(name, &scenario);
    choose(without);
    let outcome = run(&scenario, &options, &mut Unwatched, &AtomicBool::new(false));
    choose(None);
    outcome.expect("a world can do it")
}

/// What catches a broken rule: the words of a promise, or of an expectation.
fn caught_by(outcome: &Outcome) -> Vec<&str> {
    let promises = outcome.broken.iter().map(|broken| broken.promise.as_str());
    let unmet = outcome.judged.iter().filter(|judged| !judged.met);
    promises.chain(unmet.map(|judged| judged.expected.as_str())).collect()
}

macro_rules! caught {
    ($($test:ident: $break:ident in $name:literal by $($by:literal)|+;)*) => { $(
        #[test]
        fn $test() {
            let kept = outcome($name, None);
            assert!(kept.is_good(), "{:?} {:?}", kept.broken, kept.judged);
            let broken = outcome($name, Some(Break::$break));
            let by = caught_by(&broken);
            println!("{:?} in {}: {by:?} {:?}", Break::$break, $name, broken.broken.first());
            // Whichever of them comes first ends the run.
            let is_one = |words: &&str| [$($by),+].iter().any(|by| words.contains(by));
            assert!(by.iter().any(is_one), "{by:?}");
        }
    )* };
}

caught! {
    files_that_are_not_synced: FilesAreNotSynced in "power-cut" by "nothing runs that was not published";
    folders_that_are_not_synced: FoldersAreNotSynced in "power-cut" by "a committed version stays" | "nothing runs that was not published";
    a_journal_that_is_not_synced: JournalIsNotSynced in "power-cut" by "a committed version stays";
    a_journal_that_is_forgotten: JournalIsForgotten in "power-cut" by "a committed version stays";
    trees_that_are_not_checked: TreesAreNotChecked in "wrong-patch" by "nothing runs that was not published";
    chunks_that_are_not_checked: ChunksAreNotChecked in "poisoned" by "failed";
    liars_that_are_not_blamed: LiarsAreNotBlamed in "poisoned" by "lies that were noticed";
    signatures_that_are_not_checked: SignaturesAreNotChecked in "stolen-key" by "nothing runs";
    keys_that_count_twice: KeysCountTwice in "stolen-key" by "nothing runs";
    older_heads_that_are_believed: OlderHeadsAreBelieved in "old-hands" by "nobody goes back to an older head";
    expired_heads_that_are_believed: ExpiredHeadsAreBelieved in "expired-head" by "nobody of `late`";
    heads_of_the_future_that_are_believed: FutureHeadsAreBelieved in "clock-skew" by "nobody of `behind`";
    forks_that_are_not_noticed: ForksAreNotNoticed in "two-heads" by "two heads with one number";
    peers_that_are_not_asked: NobodyIsAskedForNews in "late-joiners" by "all of `late`";
    silence_that_is_not_counted: SilenceIsNotCounted in "vote-fails-without-quorum" by "nothing is decided without a quorum";
    double_voters_that_count: DoubleVotersCount in "double-votes" by "failed";
}
