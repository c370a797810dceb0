//! A disk that is full.

use crate::world::{World, spec};
use engine::RemoveOptions;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs;
use std::io::Write;
use std::path::PathBuf;

/// Goes before the directory it is mounted on, also when the test fails.
struct SmallDisk(PathBuf);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

#[test]
fn creation_on_a_full_disk_is_an_error_and_leaves_nothing() {
    let mut world = World::new();
    world.crash();
    // A small disk of its own for the lasting directories, with the first engine's files in place.
    let containers = world.config.data_root.join("containers");
    let small = Some("size=64k,mode=700");
    mount(Some("small"), &containers, Some("tmpfs"), MsFlags::empty(), small).expect("a small disk");
    let _disk = SmallDisk(containers.clone());
    world.open();
    world.create("before", "true");
    let mut filler = fs::File::create(containers.join("filler")).unwrap();
    while filler.write_all(&[0; 512]).is_ok() {}
    let failed = (0..64).find_map(|number| {
        let made = world.wait(world.containers().create(spec(&format!("c{number}"), "true")));
        made.err().map(|error| (number, error))
    });
    if let Some((number, error)) = failed {
        assert!(error.to_string().contains("No space left"), "{error}");
        assert!(world.containers().inspect(&format!("c{number}")).is_err());
        assert_eq!(
            world.lasting_dirs().len(),
            world.containers().list().len() + 1,
            "directories match containers"
        );
    }
    // A start needs files: it fails with the disk's words, and works when there is room again.
    let error = world.wait(world.containers().start("before")).unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
    assert!(world.exec_dirs().is_empty());
    drop(filler);
    fs::remove_file(containers.join("filler")).unwrap();
    world.start("before");
    assert_eq!(world.exit_code("before"), 0);
    world.wait(world.containers().remove("before", RemoveOptions::default())).unwrap();
}
