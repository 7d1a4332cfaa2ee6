//! `get`: what is written, and what a lying node cannot bring about.

use super::*;

/// A network with one release of `entries`, and what `get` needs to trust it.
fn publish(
    desk: &Desk,
    entries: Vec<(updraft_protocol::Entry, Vec<u8>)>,
) -> updraft_protocol::Manifest {
    let publisher = Publisher::new();
    let (root, first) = publisher.root();
    desk.agent.set_status(|status| status.root.first = first);
    let mut world = desk.agent.world();
    world.roots = vec![root];
    publisher.publish(&mut world, "demo-app", "1.1.0", entries, |_| {})
}

async fn get_to(desk: &Desk, path: &Path) -> Result<Exit, Problem> {
    let args = get::Args {
        release: "demo-app".parse().expect("a name"),
        output: Some(path.to_owned()),
        target: None,
    };
    get::get(&args, &desk.client().await, &pages(Format::Text).0).await
}

fn names_in(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| name(entry).into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn get_writes_the_signed_tree_with_its_modes_and_links() {
    let desk = Desk::new().await;
    publish(&desk, tree("1.1.0"));
    let place = TempDir::new().expect("a folder");
    let path = place.path().join("app");
    get_to(&desk, &path).await.expect("verified");
    assert_eq!(fs::read(path.join("bin/app")).expect("the program"), program("1.1.0"));
    let mode =
        |name: &str| fs::metadata(path.join(name)).expect("there").permissions().mode() & 0o777;
    assert_eq!(
        (mode("bin/app"), mode("README"), mode("bin"), mode("")),
        (0o755, 0o644, 0o755, 0o755)
    );
    assert_eq!(fs::read_link(path.join("run")).expect("a link"), Path::new("bin/app"));
    assert_eq!(names_in(place.path()), ["app"], "nothing is left beside it");

    let again = get_to(&desk, &path).await.expect_err("a folder takes the place of nothing");
    assert_eq!(again.code, Code::FileUnusable);
    assert_eq!(names_in(place.path()), ["app"]);
}

#[tokio::test]
async fn get_of_a_single_file_is_that_file_and_takes_the_place_of_one() {
    let desk = Desk::new().await;
    publish(&desk, vec![file("demo-app", FileMode::Executable, program("1.1.0"))]);
    let place = TempDir::new().expect("a folder");
    let path = place.path().join("tool");
    fs::write(&path, "old").expect("written");
    get_to(&desk, &path).await.expect("verified");
    assert_eq!(fs::read(&path).expect("the program"), program("1.1.0"));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o755);
    assert_eq!(names_in(place.path()), ["tool"]);
}

#[tokio::test]
async fn a_node_that_lies_is_not_believed_and_leaves_nothing() {
    let place = TempDir::new().expect("a folder");
    let path = place.path().join("app");
    let lie = async |change: &dyn Fn(&Desk, &updraft_protocol::Manifest)| {
        let desk = Desk::new().await;
        let manifest = publish(&desk, tree("1.1.0"));
        change(&desk, &manifest);
        let problem = get_to(&desk, &path).await.expect_err("a lie");
        assert_eq!(names_in(place.path()), Vec::<String>::new());
        desk.stop.cancel();
        problem.code
    };
    let blob = lie(&|desk, manifest| {
        let mut world = desk.agent.world();
        let blob = world.blobs.get_mut(&manifest.whole.digest).expect("held");
        *blob.last_mut().expect("bytes") ^= 1;
    });
    assert_eq!(blob.await, Code::ChunkMismatch);
    let short = lie(&|desk, manifest| {
        let mut world = desk.agent.world();
        world.blobs.get_mut(&manifest.whole.digest).expect("held").pop();
    });
    assert_eq!(short.await, Code::ChunkMismatch);
    let object = lie(&|desk, manifest| {
        let mut world = desk.agent.world();
        world.objects.get_mut(&manifest.tree.object.digest).expect("held")[9] ^= 1;
    });
    assert_eq!(object.await, Code::ChunkMismatch);
    let root = lie(&|desk, _| {
        desk.agent.set_status(|status| status.root.first = updraft_protocol::Digest::of(b"other"));
    });
    assert_eq!(root.await, Code::RootMismatch);
    let signature = lie(&|desk, _| {
        let mut world = desk.agent.world();
        let manifest = world.manifests.values_mut().next().expect("one");
        // The last bytes are of the signature.
        *manifest.last_mut().expect("bytes") ^= 1;
    });
    assert_eq!(signature.await, Code::ThresholdNotMet);
    let other = lie(&|desk, _| {
        let mut world = desk.agent.world();
        let mut other = crate::agent::fake::World::default();
        Publisher::new().publish(&mut other, "demo-app", "1.0.0", tree("1.0.0"), |_| {});
        let old = other.manifests.into_values().next().expect("one");
        *world.manifests.values_mut().next().expect("one") = old;
    });
    assert_eq!(other.await, Code::ChunkMismatch);
}

#[tokio::test]
async fn get_has_the_node_fetch_what_it_does_not_hold() {
    let desk = Desk::new().await;
    publish(&desk, tree("1.1.0"));
    desk.has_component();
    desk.agent.world().releases[0].held = false;
    let place = TempDir::new().expect("a folder");
    get_to(&desk, &place.path().join("app")).await.expect("verified");
    let asked = desk.agent.world().asked.clone();
    assert!(asked[0].starts_with("install demo-app Download WholeOnly"), "{asked:?}");
}
