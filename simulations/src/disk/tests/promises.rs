//! What survives a power cut, and what does not.

use std::{collections::BTreeSet, io::ErrorKind};

use super::*;

/// Losses that take nothing but what the number says.
fn chosen() -> impl Iterator<Item = Loss> {
    (0..400).map(Loss::Chosen)
}

#[test]
fn a_program_that_ends_loses_nothing_and_its_handles_are_dead() {
    let disk = disk();
    let (root, mut file) = (disk.root(), write(&disk.root(), "a", b"abc"));
    disk.kill();
    assert!(file.write(b"d").is_err());
    assert!(root.names().is_err());
    assert!(root.sync().is_err());
    drop((root, file));
    assert_eq!(read(&disk.root(), "a").as_deref(), Some(&b"abc"[..]));
}

#[test]
fn a_file_needs_a_sync_of_its_own_and_one_of_its_folder() {
    for (syncs_file, syncs_folder, left) in
        [(true, true, Some(&b"abc"[..])), (true, false, None), (false, true, Some(&b""[..]))]
    {
        let disk = disk();
        let file = write(&disk.root(), "a", b"abc");
        if syncs_file {
            file.sync().expect("synced");
        }
        if syncs_folder {
            disk.root().sync().expect("synced");
        }
        disk.cut_power(Loss::Everything);
        assert_eq!(read(&disk.root(), "a").as_deref(), left);
    }
}

#[test]
fn a_folder_needs_a_sync_of_the_one_it_lies_in() {
    let disk = disk();
    disk.root().make_folder("a", 0o755).expect("made");
    let inner = disk.root().folder("a").expect("opens");
    write(&inner, "b", b"c").sync().expect("synced");
    inner.sync().expect("synced");
    let other = disk.copy();
    disk.cut_power(Loss::Everything);
    assert_eq!(names(&disk.root()), Vec::<String>::new());
    other.root().sync().expect("synced");
    other.cut_power(Loss::Everything);
    assert_eq!(read(&other.root(), "a/b").as_deref(), Some(&b"c"[..]));
}

#[test]
fn any_beginning_of_what_was_done_may_survive_and_nothing_else() {
    let disk = disk();
    let mut file = write(&disk.root(), "log", b"ab");
    file.sync().expect("synced");
    disk.root().sync().expect("synced");
    file.write_all(b"cde").expect("written");
    disk.root().link("x", "one").expect("linked");
    disk.root().rename("one", "two").expect("renamed");
    disk.root().unlink("two").expect("removed");
    let (mut contents, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for loss in chosen() {
        let after = disk.copy();
        after.cut_power(loss);
        contents.insert(read(&after.root(), "log").expect("is there"));
        folders.insert(names(&after.root()));
    }
    // Torn anywhere, with zeros in place of what is lost or without.
    let torn = ["ab", "abc", "abcd", "abcde", "ab\0\0\0", "abc\0\0", "abcd\0"];
    let torn: BTreeSet<Vec<u8>> = torn.iter().map(|text| text.as_bytes().to_vec()).collect();
    assert_eq!(contents, torn);
    // Never both names of what was renamed, never none of them and the file gone.
    let of = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(folders, BTreeSet::from([of(&["log"]), of(&["log", "one"]), of(&["log", "two"])]));
}

#[test]
fn a_file_written_aside_and_renamed_without_a_sync_may_be_empty() {
    let disk = disk();
    write(&disk.root(), "a", b"old").sync().expect("synced");
    disk.root().sync().expect("synced");
    write(&disk.root(), "a.tmp", b"new");
    disk.root().rename("a.tmp", "a").expect("renamed");
    disk.root().sync().expect("synced");
    disk.cut_power(Loss::Data);
    assert_eq!(read(&disk.root(), "a").as_deref(), Some(&b""[..]));
}

#[test]
fn a_cut_is_of_the_size_or_it_is_not() {
    let disk = disk();
    let file = write(&disk.root(), "a", b"abcdef");
    file.sync().expect("synced");
    disk.root().sync().expect("synced");
    file.set_len(2).expect("cut");
    let mut seen = BTreeSet::new();
    for loss in chosen() {
        let after = disk.copy();
        after.cut_power(loss);
        seen.insert(read(&after.root(), "a").expect("is there"));
    }
    assert_eq!(seen, BTreeSet::from([b"ab".to_vec(), b"abcdef".to_vec()]));
}

#[test]
fn a_mode_is_durable_with_a_sync_of_what_it_is_set_on() {
    let disk = disk();
    let file = write(&disk.root(), "a", b"a");
    file.sync().expect("synced");
    file.set_mode(0o755).expect("set");
    disk.root().set_mode(0o700).expect("set");
    disk.root().sync().expect("synced");
    let other = disk.copy();
    disk.cut_power(Loss::Everything);
    let mode = |disk: &VirtualDisk| disk.root().look_at("a").expect("looks").expect("there").mode;
    assert_eq!(mode(&disk), 0o600);
    assert_eq!(disk.root().look_at_self().expect("looks").mode, 0o700);
    other.root().open("a").expect("opens").expect("there").sync().expect("synced");
    other.cut_power(Loss::Everything);
    assert_eq!(mode(&other), 0o755);
}

#[test]
fn what_a_failed_sync_lost_can_be_read_and_synced_again_and_is_lost() {
    let disk = disk();
    let mut file = write(&disk.root(), "a", b"ab");
    file.sync().expect("synced");
    disk.root().sync().expect("synced");
    file.write_all(b"cd").expect("written");
    disk.fail_at(disk.counts().changes, Fault::Device);
    assert!(file.sync().is_err());
    file.sync().expect("says that all is well");
    assert_eq!(read(&disk.root(), "a").as_deref(), Some(&b"abcd"[..]));
    file.write_all(b"ef").expect("written");
    file.sync().expect("synced");
    disk.cut_power(Loss::Everything);
    assert_eq!(read(&disk.root(), "a").as_deref(), Some(&b"ab\0\0ef"[..]));
}

#[test]
fn a_folder_whose_sync_failed_is_durable_only_after_it_was_changed_again() {
    let disk = disk();
    disk.root().link("x", "a").expect("linked");
    disk.fail_at(disk.counts().changes, Fault::Device);
    assert!(disk.root().sync().is_err());
    disk.root().sync().expect("says that all is well");
    let other = disk.copy();
    disk.cut_power(Loss::Everything);
    assert_eq!(names(&disk.root()), Vec::<String>::new());
    other.root().link("x", "b").expect("linked");
    other.root().sync().expect("synced");
    other.cut_power(Loss::Everything);
    assert_eq!(names(&other.root()), ["a", "b"]);
}

#[test]
fn a_failing_change_is_not_done_and_the_next_one_is() {
    let disk = disk();
    for (fault, expected) in
        [(Fault::Device, ErrorKind::Other), (Fault::NoRoom, ErrorKind::StorageFull)]
    {
        disk.fail_at(disk.counts().changes, fault);
        assert_eq!(kind(disk.root().make_folder("a", 0o755)), Some(expected));
    }
    disk.root().make_folder("a", 0o755).expect("made");
    let before = disk.counts();
    disk.root().sync().expect("synced");
    assert_eq!((before.changes, before.syncs), (3, 0));
    assert_eq!((disk.counts().changes, disk.counts().syncs), (4, 1));
}

#[test]
fn a_program_that_is_dead_reads_and_changes_nothing() {
    let disk = disk();
    let (root, mut file) = (disk.root(), write(&disk.root(), "a", b"ab"));
    disk.dead_from(disk.counts().changes);
    assert!(root.look_at("a").is_ok(), "it ends with the next change");
    assert!(file.write(b"cdef").is_err());
    assert!(root.unlink("a").is_err());
    assert!(root.look_at("a").is_err());
    disk.kill();
    assert_eq!(read(&disk.root(), "a").as_deref(), Some(&b"abcd"[..]), "half a write is done");
}

#[test]
fn room_is_taken_in_blocks_and_given_back() {
    let disk = VirtualDisk::new(Capacity { bytes: 3 * 4_096, files: 4 });
    let root = disk.root();
    // The root folder takes one block and one file.
    let free = || (root.free().expect("measured").bytes, root.free().expect("measured").files);
    let mut file = write(&root, "a", b"a");
    assert_eq!(free(), (4_096, Some(2)));
    assert_eq!(file.write(&[0; 9_000]).expect("a part fits"), 8_191);
    assert_eq!(kind(file.write(b"a")), Some(ErrorKind::StorageFull));
    assert_eq!(kind(root.make_folder("b", 0o755)), Some(ErrorKind::StorageFull));
    root.link("x", "c").expect("takes no block");
    root.link("x", "d").expect("takes no block");
    assert_eq!(kind(root.create("e")), Some(ErrorKind::StorageFull), "there is no file left");
    root.unlink("a").expect("removed");
    assert_eq!(free().0, 0, "it is open");
    drop(file);
    assert_eq!(free(), (2 * 4_096, Some(1)));
    let file = write(&root, "a", b"");
    file.reserve(5_000).expect("reserved");
    assert_eq!((free().0, file.look_at().expect("looks").size), (0, 0));
    assert_eq!(kind(file.reserve(9_000)), Some(ErrorKind::StorageFull));
}

#[test]
fn what_is_gone_for_good_is_forgotten() {
    let disk = disk();
    for _ in 0..100 {
        write(&disk.root(), "a.tmp", b"a").sync().expect("synced");
        disk.root().rename("a.tmp", "a").expect("renamed");
        disk.root().sync().expect("synced");
    }
    assert!(disk.remembered() < 5, "{}", disk.remembered());
}

#[test]
fn the_same_number_takes_the_same() {
    let disk = disk();
    for n in 0..20 {
        write(&disk.root(), &format!("f{n}"), b"some bytes").set_mode(0o755).expect("set");
    }
    let after = |seed| {
        let after = disk.copy();
        after.cut_power(Loss::Chosen(seed));
        format!("{:?}", after.machine)
    };
    for seed in 0..20 {
        assert_eq!(after(seed), after(seed));
    }
    assert!((1..20).any(|seed| after(seed) != after(0)));
}
