//! Import: what an archive of a root directory becomes.

use std::{
    fs,
    io::Cursor,
    os::unix::fs::{FileTypeExt, MetadataExt},
};

use image::{ErrorKind, ImportOptions};

use crate::{
    archive::{Archive, gzip, hex, root},
    scene::{Scene, nobody},
};

fn named(name: &str) -> ImportOptions {
    ImportOptions { reference: Some(name.to_owned()), ..ImportOptions::default() }
}

#[tokio::test]
async fn every_compression_gives_the_same_layer() {
    let scene = Scene::new().await;
    let plain = root();
    for (name, bytes) in
        [("plain", plain.clone()), ("gzip", gzip(&plain)), ("zstd", zstd::encode_all(&plain[..], 1).unwrap())]
    {
        let image = scene.images.import(Cursor::new(bytes), named(name), nobody()).await.unwrap();
        assert_eq!(image.repo_tags, [format!("{name}:latest")]);
        assert_eq!(image.diff_ids, [format!("sha256:{}", hex(&plain))]);
        assert_eq!((image.size_bytes, image.comment.as_str()), (6, "Imported from -"));
    }
    scene.eventually_only("layers", 1).await;
    let layer = scene.top_layer("gzip").await;
    assert_eq!(fs::read(layer.join("bin/hello")).unwrap(), b"hello\n");
    assert_eq!(fs::read_link(layer.join("bin/hi")).unwrap().to_str(), Some("hello"));
    scene.eventually_only("tmp", 0).await;
}

#[tokio::test]
async fn changes_message_and_platform_are_kept() {
    let scene = Scene::new().await;
    let options = ImportOptions {
        reference: Some("localhost:5000/me/app:1".to_owned()),
        message: Some("made here".to_owned()),
        changes: vec!["CMD [\"sh\"]".to_owned(), "ENV A=1".to_owned(), "EXPOSE 80".to_owned()],
        platform: Some("linux/arm64/v8".to_owned()),
    };
    let made = scene.images.import(Cursor::new(root()), options, nobody()).await.unwrap();
    let scene = scene.reopen().await;
    let image = scene.images.get("localhost:5000/me/app:1").await.unwrap();
    assert_eq!((image.id.as_str(), image.comment.as_str()), (made.id.as_str(), "made here"));
    assert_eq!((image.architecture.as_str(), image.variant.as_deref()), ("arm64", Some("v8")));
    assert_eq!(image.config.cmd.as_deref(), Some(&["sh".to_owned()][..]));
    assert!(image.config.exposed_ports.contains("80/tcp"));
    assert_eq!(scene.images.get(&made.id[7..15]).await.unwrap().id, made.id);
}

#[tokio::test]
async fn metadata_of_files_is_kept() {
    let scene = Scene::new().await;
    let tar = Archive::new()
        .directory("./", 0o711)
        .directory("d/", 0o1777)
        .entry("d/suid", b"x", |header| {
            header.set_mode(0o4755);
            header.set_uid(1000);
            header.set_gid(1001);
        })
        .hardlink("d/same", "d/suid")
        .extended(&[("SCHILY.xattr.user.color", b"red"), ("mtime", b"1234567890.5")])
        .file("d/marked", b"y")
        .entry("pipe", b"", |header| header.set_entry_type(tar::EntryType::Fifo))
        .device("null", 1, 3)
        .file("no/parents/named", b"z")
        .bytes();
    scene.images.import(Cursor::new(tar), named("meta"), nobody()).await.unwrap();
    let layer = scene.top_layer("meta").await;
    let stat = |name: &str| fs::symlink_metadata(layer.join(name)).unwrap();
    assert_eq!(stat("").mode() & 0o7777, 0o711);
    assert_eq!((stat("d").mode() & 0o7777, stat("d").mtime()), (0o1777, 1_700_000_000));
    let suid = stat("d/suid");
    assert_eq!((suid.mode() & 0o7777, suid.uid(), suid.gid(), suid.nlink()), (0o4755, 1000, 1001, 2));
    assert_eq!(suid.ino(), stat("d/same").ino());
    assert_eq!((stat("d/marked").mtime(), stat("d/marked").mtime_nsec()), (1_234_567_890, 500_000_000));
    let mut value = [0; 8];
    let length = rustix::fs::lgetxattr(layer.join("d/marked"), "user.color", &mut value).unwrap();
    assert_eq!(&value[..length], b"red");
    assert!(stat("pipe").file_type().is_fifo() && stat("null").file_type().is_char_device());
    assert_eq!((stat("no").mode() & 0o7777, stat("no/parents").mode() & 0o7777), (0o755, 0o755));
}

#[tokio::test]
async fn whiteouts_become_those_of_overlayfs() {
    let scene = Scene::new().await;
    let tar = Archive::new()
        .file("a/.wh.gone", b"")
        .file("b/.wh..wh..opq", b"")
        .directory("c/kept/", 0o755)
        .file("c/.wh.kept", b"")
        .file("c/.wh.again", b"")
        .directory("c/again/", 0o755)
        .file(".wh..wh.plnk", b"")
        .bytes();
    scene.images.import(Cursor::new(tar), named("white"), nobody()).await.unwrap();
    let layer = scene.top_layer("white").await;
    let gone = fs::symlink_metadata(layer.join("a/gone")).unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    for opaque in ["b", "c/kept", "c/again"] {
        let mut value = [0; 4];
        let length = rustix::fs::lgetxattr(layer.join(opaque), "trusted.overlay.opaque", &mut value);
        assert_eq!(length.map(|n| value[..n].to_vec()).unwrap(), b"y", "{opaque}");
    }
    assert_eq!(crate::scene::names(&layer).len(), 3);
}

#[tokio::test]
async fn wrong_requests_are_told_before_reading() {
    let scene = Scene::new().await;
    for (options, words) in [
        (named("Bad"), "invalid reference format: repository name (library/Bad) must be lowercase"),
        (
            ImportOptions { changes: vec!["RUN x".to_owned()], ..named("a") },
            "RUN is not a valid change command",
        ),
        (
            ImportOptions { platform: Some("a/b/c/d".to_owned()), ..named("a") },
            "\"a/b/c/d\" is an invalid platform: expected os[/arch[/variant]], for example linux/amd64",
        ),
    ] {
        let error = scene.images.import(Cursor::new(root()), options, nobody()).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), (words, ErrorKind::Invalid));
    }
    scene.eventually_empty().await;
}
