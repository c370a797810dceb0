//! Layers that attack: nothing outside of the layer's directory is touched, and nothing is half-imported.

mod bomb;
mod configuration;
mod credential;
mod image_archive;
mod race;
mod reading;
mod registry;

use std::{fs, io::Cursor, os::unix::fs::MetadataExt};

use image::{ErrorKind, ImportOptions};

use crate::{
    archive::{Archive, gzip},
    scene::{Scene, names, nobody},
};

pub(super) fn named(name: &str) -> ImportOptions {
    ImportOptions { reference: Some(name.to_owned()), ..ImportOptions::default() }
}

/// A directory beside the store that no layer may change.
fn victim() -> tempfile::TempDir {
    let victim = tempfile::Builder::new().prefix("shoal-image-victim-").tempdir().unwrap();
    fs::write(victim.path().join("kept"), "kept").unwrap();
    victim
}

#[tokio::test]
async fn refused_layers_leave_nothing() {
    let scene = Scene::new().await;
    let victim = victim();
    let path = victim.path().to_str().unwrap();
    let up = format!("..{}", "/..".repeat(12));
    let before = fs::metadata(victim.path()).unwrap();
    let file = |name: &str| Archive::new().file(name, b"bad").bytes();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("dots", file("../x")),
        ("dots inside", file("a/../../x")),
        ("dots to the victim", file(&format!("{up}{path}/x")[..99.min(up.len() + path.len() + 2)])),
        ("whiteout of dots", file("a/.wh...")),
        ("whiteout of nothing", file("a/.wh.")),
        ("a name within a whiteout", file(".wh.a/b")),
        ("hard link out", Archive::new().hardlink("x", &format!("{up}/etc/passwd")).bytes()),
        ("hard link to an absolute name", Archive::new().hardlink("x", "/etc/passwd").bytes()),
        ("hard link through a link", Archive::new().symlink("s", path).hardlink("x", "s/kept").bytes()),
        ("parent is a link to nowhere", Archive::new().symlink("s", "/nowhere").file("s/x", b"").bytes()),
        ("parent is a link to itself", Archive::new().symlink("s", "s").file("s/x", b"").bytes()),
        ("parent is a file", Archive::new().file("f", b"").file("f/x", b"").bytes()),
        ("the root is no file", file("/")),
        (
            "owner that chown ignores",
            Archive::new().entry("x", b"", |h| h.set_uid(u64::from(u32::MAX))).bytes(),
        ),
        (
            "sparse file",
            Archive::new().entry("x", b"", |h| h.set_entry_type(tar::EntryType::GNUSparse)).bytes(),
        ),
        ("extended name with dots", Archive::new().extended(&[("path", b"../../x")]).file("y", b"").bytes()),
        ("extended name with a zero", Archive::new().extended(&[("path", b"a\0b")]).file("y", b"").bytes()),
        ("long part", Archive::new().extended(&[("path", &[b'a'; 300])]).file("y", b"").bytes()),
        ("huge extended header", huge_extension()),
        ("size beyond the end", Archive::new().extended(&[("size", b"99999999999")]).file("x", b"1").bytes()),
    ];
    for (what, bytes) in cases {
        for bytes in [gzip(&bytes), bytes] {
            let error =
                scene.images.import(Cursor::new(bytes), named("bad"), nobody()).await.expect_err(what);
            assert_eq!(error.kind(), ErrorKind::Invalid, "{what}: {error}");
        }
    }
    assert!(scene.images.list().await.unwrap().is_empty());
    scene.eventually_empty().await;
    let after = fs::metadata(victim.path()).unwrap();
    assert_eq!(
        (before.mode(), before.mtime_nsec(), before.uid()),
        (after.mode(), after.mtime_nsec(), after.uid())
    );
    assert_eq!(names(victim.path()).len(), 1);
}

fn huge_extension() -> Vec<u8> {
    Archive::new().entry("x", &vec![b'1'; 2 << 20], |h| h.set_entry_type(tar::EntryType::XHeader)).bytes()
}

#[tokio::test]
async fn absolute_names_and_linked_parents_stay_inside() {
    let scene = Scene::new().await;
    let victim = victim();
    let path = victim.path().to_str().unwrap();
    let mode = fs::metadata(victim.path()).unwrap().mode();
    let inside = path.trim_start_matches('/');
    let tar = Archive::new()
        .file("/abs/file", b"1")
        .directory(&format!("{inside}/"), 0o777)
        .symlink("out", path)
        .file("out/new", b"2")
        .directory("out/", 0o700)
        .symlink("up", "../../../../../../../../etc")
        .directory("etc/", 0o755)
        .file("up/passwd", b"3")
        .bytes();
    scene.images.import(Cursor::new(tar), named("in"), nobody()).await.unwrap();
    let layer = scene.top_layer("in").await;
    assert_eq!(fs::read(layer.join("abs/file")).unwrap(), b"1");
    assert_eq!(fs::read(layer.join(inside).join("new")).unwrap(), b"2");
    assert_eq!(fs::read(layer.join("etc/passwd")).unwrap(), b"3");
    // A directory entry replaces the link of that name; it does not go through it.
    assert!(fs::symlink_metadata(layer.join("out")).unwrap().is_dir());
    assert_eq!(names(victim.path()).len(), 1);
    assert_eq!(fs::metadata(victim.path()).unwrap().mode(), mode);
}

#[tokio::test]
async fn a_link_is_replaced_and_never_written_through() {
    let scene = Scene::new().await;
    let victim = victim();
    let kept = victim.path().join("kept");
    let tar = Archive::new()
        .symlink("f", kept.to_str().unwrap())
        .file("f", b"new")
        .directory("d/sub/", 0o755)
        .file("d/sub/x", b"")
        .symlink("d", victim.path().to_str().unwrap())
        .bytes();
    scene.images.import(Cursor::new(tar), named("link"), nobody()).await.unwrap();
    let layer = scene.top_layer("link").await;
    assert_eq!(fs::read_to_string(&kept).unwrap(), "kept");
    assert_eq!(fs::read(layer.join("f")).unwrap(), b"new");
    assert!(fs::symlink_metadata(layer.join("d")).unwrap().is_symlink());
    assert_eq!(names(victim.path()).len(), 1);
}

#[tokio::test]
async fn attributes_of_overlayfs_are_not_taken_from_archives() {
    let scene = Scene::new().await;
    let tar = Archive::new()
        .extended(&[
            ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
            ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ])
        .directory("d/", 0o755)
        .bytes();
    scene.images.import(Cursor::new(tar), named("x"), nobody()).await.unwrap();
    let layer = scene.top_layer("x").await;
    let mut list = [0; 256];
    let length = rustix::fs::llistxattr(layer.join("d"), &mut list).unwrap();
    assert!(!String::from_utf8_lossy(&list[..length]).contains("overlay"));
}
