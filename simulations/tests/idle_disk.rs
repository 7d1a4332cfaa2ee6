//! What a node costs that has installed something and does nothing: a world has thousands of them.
//!
//! Alone in its program, because it counts all memory of it.

use std::io::Write;

use peak_alloc::PeakAlloc;
use updraft_node::install::Installer;
use updraft_protocol::{Digest, Entry, FileMode, Node, Timestamp, Tree, codec};
use updraft_simulations::disk::{Capacity, VirtualDisk};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const DISKS: usize = 200;
/// Three folders, a journal, a listing, a link and four files of 256 bytes.
const MOST_A_DISK: usize = 8 * 1024;

fn disk_with_a_release() -> VirtualDisk {
    let bytes = [b'x'; 256];
    let file =
        Node::File { mode: FileMode::Plain, size: bytes.len() as u64, digest: Digest::of(&bytes) };
    let entries = ["a", "b", "c", "d"]
        .map(|path| Entry { path: path.parse().expect("a path"), node: file.clone() });
    let tree = Tree { entries: entries.to_vec() };
    let digest = Digest::of(&codec::encode(&tree).expect("a tree"));
    let version = "1.0.0".parse().expect("a version");
    let disk = VirtualDisk::new(Capacity::AMPLE);
    let name = "demo-app".parse().expect("a name");
    let mut installer = Installer::open_on(disk.root(), name, 0).expect("opens");
    let fill = |out: &mut dyn Write| out.write_all(&bytes.repeat(4));
    installer.stage(&version, &digest, &tree, fill).expect("staged");
    installer.switch(&version, Timestamp::from_seconds(1)).expect("switches");
    installer.commit(&version).expect("commits");
    disk
}

#[test]
fn an_idle_disk_takes_a_few_kibibytes_and_a_copy_not_its_contents_again() {
    drop(disk_with_a_release());
    let before = MEMORY.current_usage();
    let disks: Vec<VirtualDisk> = (0..DISKS).map(|_| disk_with_a_release()).collect();
    let each = (MEMORY.current_usage() - before) / DISKS;
    assert!(each < MOST_A_DISK, "{each} bytes a disk");
    let before = MEMORY.current_usage();
    let copies: Vec<VirtualDisk> = disks.iter().map(VirtualDisk::copy).collect();
    let copied = (MEMORY.current_usage() - before) / DISKS;
    assert!(copied + 4 * 256 < each, "{copied} bytes a copy, {each} a disk");
    drop(copies);
}
