//! Names that are swapped for links while an archive is unpacked: nothing outside is touched.
//!
//! Layers lie where only root may write, so for them this is a second line of defence. Into the root of a running
//! container its own processes write, and race exactly so.

use std::{
    fs::{self, File},
    io::Cursor,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use image::archive::{Rules, extract};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tar::EntryType;

use super::{named, victim};
use crate::{
    archive::Archive,
    scene::{Scene, names, nobody},
};

/// How long each attack goes on.
const LONG: Duration = Duration::from_millis(1500);

/// Entries of all kinds in one directory, with modes and owners that would show.
fn archive() -> Vec<u8> {
    let mut archive = Archive::new().directory("a/", 0o777).directory("a/sub/", 0o777);
    for number in 0..40 {
        archive = archive
            .entry(&format!("a/pipe{number}"), b"", |header| {
                header.set_entry_type(EntryType::Fifo);
                header.set_mode(0o777);
                header.set_uid(77);
            })
            .entry(&format!("a/file{number}"), b"new", |header| header.set_mode(0o777))
            .directory(&format!("a/dir{number}/"), 0o777)
            .file(&format!("a/sub/kept{number}"), b"new")
            .symlink(&format!("a/link{number}"), "kept")
            .hardlink(&format!("a/hard{number}"), "a/kept");
    }
    archive.bytes()
}

/// Swaps what is at `path` with a link, again and again.
fn swap(path: &Path, link: &Path) {
    let _ = renameat_with(CWD, path, CWD, link, RenameFlags::EXCHANGE);
}

struct Watch {
    path: PathBuf,
    before: (u32, u32, i64, u32, u64),
}

impl Watch {
    fn begin(path: &Path) -> Watch {
        Watch { path: path.to_owned(), before: Watch::state(path) }
    }

    fn state(path: &Path) -> (u32, u32, i64, u32, u64) {
        let (top, kept) = (fs::metadata(path).unwrap(), fs::metadata(path.join("kept")).unwrap());
        (top.mode(), top.uid(), top.mtime_nsec(), kept.mode(), kept.nlink())
    }

    fn end(self) {
        assert_eq!(names(&self.path).len(), 1, "{:?}", names(&self.path));
        assert_eq!(fs::read(self.path.join("kept")).unwrap(), b"kept");
        assert_eq!(Watch::state(&self.path), self.before);
    }
}

#[test]
fn a_container_that_swaps_names_while_files_are_copied_into_it() {
    assert!(rustix::process::geteuid().is_root(), "this test needs root: archives have owners");
    let (root, outside) = (tempfile::tempdir().unwrap(), victim());
    let watch = Watch::begin(outside.path());
    let archive = archive();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // One swaps the directory, the other what was just made in it.
        scope.spawn(|| {
            let (directory, link) = (root.path().join("a"), root.path().join("decoy"));
            symlink(outside.path(), &link).unwrap();
            while !is_over.load(Ordering::Relaxed) {
                swap(&directory, &link);
            }
        });
        scope.spawn(|| {
            let link = root.path().join("file-decoy");
            symlink(outside.path().join("kept"), &link).unwrap();
            let mut number = 0;
            while !is_over.load(Ordering::Relaxed) {
                number = (number + 1) % 40;
                swap(&root.path().join(format!("a/pipe{number}")), &link);
                if !fs::symlink_metadata(&link).is_ok_and(|found| found.is_symlink()) {
                    let _ = fs::remove_dir(&link).or_else(|_| fs::remove_file(&link));
                    let _ = symlink(outside.path().join("kept"), &link);
                }
            }
        });
        let begun = Instant::now();
        while begun.elapsed() < LONG {
            let opened = File::open(root.path()).unwrap();
            // Being disturbed may make it fail; it may not make it leave the root.
            let _ = extract(&archive[..], opened.into(), Rules::default());
        }
        is_over.store(true, Ordering::Relaxed);
    });
    watch.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layer_whose_directories_are_swapped_while_it_is_unpacked() {
    let scene = Scene::new().await;
    let outside = victim();
    let watch = Watch::begin(outside.path());
    let is_over = Arc::new(AtomicBool::new(false));
    let archive = archive();
    let tmp = scene.root().join("tmp");
    let link = tmp.join("decoy");
    symlink(outside.path(), &link).unwrap();
    let swapping = thread::spawn({
        let is_over = is_over.clone();
        move || {
            while !is_over.load(Ordering::Relaxed) {
                // tmp/work-N/layer-N/diff/a
                for work in fs::read_dir(&tmp).into_iter().flatten().flatten() {
                    for layer in fs::read_dir(work.path()).into_iter().flatten().flatten() {
                        swap(&layer.path().join("diff/a"), &link);
                    }
                }
            }
        }
    });
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        // Being disturbed may make it fail; it may not make it leave the layer.
        let _ = scene.images.import(Cursor::new(archive.clone()), named("raced"), nobody()).await;
    }
    is_over.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
    watch.end();
}

/// The state of the store is for nobody but its owner.
#[tokio::test]
async fn a_local_user_reaches_no_file_of_a_layer() {
    let scene = Scene::new().await;
    let tar = Archive::new().entry("su", b"x", |header| header.set_mode(0o4777)).device("mem", 1, 1).bytes();
    scene.images.import(Cursor::new(tar), named("open"), nobody()).await.unwrap();
    let mode = fs::metadata(scene.root()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "the store is open to others: {mode:o}");
    let layer = scene.top_layer("open").await;
    assert_eq!(fs::metadata(layer.join("su")).unwrap().permissions().mode() & 0o7777, 0o4777);
}
