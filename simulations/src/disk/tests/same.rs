//! The virtual disk answers as the one of this machine does, to the kind of the error.

use std::{collections::BTreeMap, sync::Arc};

use updraft_node::install::{RealDisk, disk::Kind};

use super::*;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const CALLS: usize = 20_000;
/// Which calls are made, by their number below: things have to go as fast as they come.
const CHOICE: [usize; 20] = [0, 0, 0, 1, 2, 3, 3, 4, 5, 5, 6, 6, 6, 6, 7, 8, 9, 10, 11, 11];

/// Numbers in no order.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).expect("31 bits") % most
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.below(NAMES.len())]
    }
}

/// Does what the numbers say and tells what came of it.
fn call(disk: &Arc<dyn Disk>, numbers: &mut Numbers) -> String {
    let place = ["", "", "a", "b", "a/b"][numbers.below(5)];
    let what = CHOICE[numbers.below(CHOICE.len())];
    let (name, other, number) = (numbers.name(), numbers.name(), numbers.below(9_000));
    // The kernel says of a link that it is one, and the standard library has no name for that.
    let Ok(folder) = disk.folder(place) else { return format!("{place}: does not open") };
    let bytes = vec![b'x'; number];
    let outcome = match what {
        0 => folder.create(name).and_then(|mut file| file.write_all(&bytes)),
        1 => folder.make_folder(name, 0o755),
        2 => folder.link(other, name),
        3 => folder.rename(name, other),
        4 => folder.rename_to_free(name, other),
        5 => folder.unlink(name),
        6 => folder.remove_folder(name),
        7 => folder.set_mode(if number < 4_500 { 0o700 } else { 0o755 }),
        8 => folder.sync(),
        9 => match folder.open_log(name) {
            Ok(mut file) => file.write_all(&bytes[..number % 50]).and_then(|()| file.sync()),
            Err(_) => return format!("{place}/{name}: is no log"),
        },
        10 => match folder.open_log(name) {
            Ok(file) => file
                .set_len(number as u64)
                .and_then(|()| file.reserve(number as u64))
                .and_then(|()| file.set_mode(0o755)),
            Err(_) => return format!("{place}/{name}: is no log"),
        },
        _ => match folder.open(name) {
            Ok(Some(file)) => file.read_exact_at(&mut [0; 40], number as u64 % 100),
            Ok(None) => return format!("{place}/{name}: is not there"),
            Err(_) => return format!("{place}/{name}: does not open"),
        },
    };
    format!("{what} {place}/{name} {other} {number}: {:?}", kind(outcome))
}

/// All that can be seen from a folder on.
fn seen(disk: &Arc<dyn Disk>, path: &str, into: &mut Vec<String>) {
    let folder = disk.folder(path).expect("opens");
    into.push(format!("{path}: {:o}", folder.look_at_self().expect("looks").mode));
    for name in names(&folder) {
        let found = folder.look_at(&name).expect("looks").expect("is there");
        let inner = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        match found.kind {
            Kind::Folder => seen(disk, &inner, into),
            Kind::File => into.push(format!("{inner}: {found:?} {:?}", read(&folder, &name))),
            Kind::Link | Kind::Other => {
                into.push(format!("{inner}: {:?}", folder.link_text(&name)));
            }
        }
    }
}

#[test]
fn every_call_has_the_outcome_it_has_on_this_machine() {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let real: Arc<dyn Disk> = Arc::new(RealDisk::open(dir.path()).expect("opens"));
    let disk = disk();
    let root = disk.root();
    for folder in [&real, &root] {
        folder.set_mode(0o755).expect("set");
    }
    let (mut ours, mut theirs) = (Numbers(7), Numbers(7));
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for step in 0..CALLS {
        let told = call(&root, &mut ours);
        assert_eq!(told, call(&real, &mut theirs), "call {step}");
        let (_, outcome) = told.rsplit_once(": ").expect("every call has an outcome");
        *outcomes.entry(outcome.to_owned()).or_default() += 1;
        if step % 100 == 0 {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            seen(&root, "", &mut ours);
            seen(&real, "", &mut theirs);
            assert_eq!(ours, theirs, "after call {step}");
        }
    }
    // The numbers lead everywhere.
    assert!(outcomes["None"] > CALLS / 10, "{outcomes:?}");
    assert!(outcomes.len() > 8 && outcomes.values().all(|count| *count > 20), "{outcomes:?}");
}
