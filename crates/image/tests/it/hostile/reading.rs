//! Archives that two readers could read differently: they are read as Go's archive/tar does, or refused.

use std::{fs, io::Cursor};

use image::ErrorKind;
use tar::EntryType;

use super::named;
use crate::{
    archive::{Archive, root},
    scene::{Scene, names, nobody},
};

fn long(kind: EntryType, name: &str, archive: Archive) -> Archive {
    archive.entry("././@LongLink", format!("{name}\0").as_bytes(), |header| header.set_entry_type(kind))
}

#[tokio::test]
async fn one_archive_is_one_tree_for_every_reader() {
    let scene = Scene::new().await;
    let twice = |name: &'static [u8]| Archive::new().extended(&[("path", name)]);
    let cases: Vec<(&str, Archive, &[&str])> = vec![
        ("an empty extended name counts for nothing", twice(b"").file("own", b""), &["own"]),
        (
            "GNU's long name wins",
            long(EntryType::GNULongName, "gnu", twice(b"pax")).file("own", b""),
            &["gnu"],
        ),
        (
            "GNU's long name wins in any order",
            long(EntryType::GNULongName, "gnu", Archive::new())
                .extended(&[("path", b"pax")])
                .file("own", b""),
            &["gnu"],
        ),
        (
            "the last extended header counts",
            twice(b"first").extended(&[("mtime", b"1")]).file("own", b""),
            &["own"],
        ),
        (
            "a global header ends what was said before",
            twice(b"pax")
                .entry("g", b"12 path=all\n", |header| header.set_entry_type(EntryType::XGlobalHeader))
                .file("own", b""),
            &["own"],
        ),
        (
            "a directory has no data, whatever it says",
            Archive::new().extended(&[("size", b"512")]).directory("d/", 0o755).file("own", b""),
            &["d", "own"],
        ),
        (
            "a size in an extended header skips what lies there",
            Archive::new()
                .extended(&[("size", b"512")])
                .entry("own", &root()[..512], |header| header.set_size(0)),
            &["own"],
        ),
    ];
    for (what, archive, wanted) in cases {
        scene.images.import(Cursor::new(archive.bytes()), named("x"), nobody()).await.expect(what);
        let found = names(&scene.top_layer("x").await);
        assert!(found.iter().eq(wanted.iter()), "{what}: {found:?}");
    }
}

#[tokio::test]
async fn what_is_read_in_two_ways_is_refused() {
    let scene = Scene::new().await;
    let hidden = root();
    for archive in [
        Archive::new().file("d/", &hidden[..512]),
        Archive::new().entry("d/", &hidden[..512], |header| header.set_entry_type(EntryType::new(0))),
        Archive::new().entry("x", b"", |header| header.set_entry_type(EntryType::new(b'S'))),
        Archive::new().entry("x", b"", |header| header.set_entry_type(EntryType::new(b'Z'))),
    ] {
        let error = scene
            .images
            .import(Cursor::new(archive.file("own", b"").bytes()), named("x"), nobody())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    scene.eventually_empty().await;
}

/// A whiteout of a name that is a link hides the link, and an opaque directory behind a link is one of this layer.
#[tokio::test]
async fn whiteouts_do_not_go_through_links() {
    let scene = Scene::new().await;
    let victim = super::victim();
    let path = victim.path().to_str().unwrap();
    let tar = Archive::new()
        .directory(&format!("{}/", path.trim_start_matches('/')), 0o755)
        .symlink("s", path)
        .file(".wh.s", b"")
        .file("s/.wh.kept", b"")
        .file("s/.wh..wh..opq", b"")
        .file(".wh..wh.plnk", b"")
        .file("d/.wh..wh.aufs", b"")
        .bytes();
    scene.images.import(Cursor::new(tar), named("w"), nobody()).await.unwrap();
    let layer = scene.top_layer("w").await;
    assert!(fs::symlink_metadata(layer.join("s")).unwrap().is_symlink());
    assert_eq!(names(victim.path()).len(), 1);
    assert_eq!(fs::read(victim.path().join("kept")).unwrap(), b"kept");
    // Within the layer the link led to a directory of that name, which was made there.
    assert!(names(&layer.join(path.trim_start_matches('/'))).contains("kept"));
    assert!(!names(&layer).iter().any(|name| name.starts_with(".wh.")));
}

/// A thousand directories that no entry names, one in the other: they are made, and go again.
#[tokio::test]
async fn deep_names_are_made_and_removed() {
    let scene = Scene::new().await;
    let mut archive = Archive::new();
    for number in 0..2 {
        let deep = format!("{number}/{}x", "d/".repeat(500));
        archive = archive.extended(&[("path", deep.as_bytes())]).file("x", b"");
    }
    scene.images.import(Cursor::new(archive.bytes()), named("deep"), nobody()).await.unwrap();
    scene.images.remove("deep", image::RemoveOptions::default()).await.unwrap();
}
