//! Writable layers, removal, and what a daemon that was killed finds again.

use std::{collections::HashSet, fs, io::Cursor, os::unix::fs::MetadataExt};

use image::{Error, ErrorKind, ImageUse, ImportOptions, RemoveOptions, Removed};

use crate::{
    archive::{Archive, config, docker_archive, root},
    scene::{Scene, nobody},
};

async fn load(scene: &Scene, name: &str, layers: &[&[u8]]) -> String {
    let archive = docker_archive(name, &config(layers), layers);
    scene.images.load(Cursor::new(archive), None, nobody()).await.unwrap()[0].image_id.clone()
}

fn forced() -> RemoveOptions {
    RemoveOptions { force: true, ..RemoveOptions::default() }
}

#[tokio::test]
async fn prepare_is_idempotent_and_release_takes_all() {
    let scene = Scene::new().await;
    let (a, b) = (root(), Archive::new().directory("./", 0o750).file("b", b"").bytes());
    // The lowest layer comes again on top: overlayfs would refuse to stack it twice.
    let id = load(&scene, "a:1", &[&a, &b, &a, &b]).await;
    let rootfs = scene.images.prepare("c1", &id).await.unwrap();
    assert_eq!(rootfs.lowers.len(), 2);
    assert!(rootfs.lowers[0].join("b").exists() && rootfs.lowers[1].join("bin/hello").exists());
    assert!(
        rootfs.lowers.iter().all(|lower| lower.strip_prefix(scene.root()).unwrap().as_os_str().len() <= 4)
    );
    assert_eq!(fs::metadata(&rootfs.upper).unwrap().mode() & 0o7777, 0o750);
    fs::write(rootfs.upper.join("mine"), "x").unwrap();
    assert_eq!(scene.images.prepare("c1", &id).await.unwrap(), rootfs);
    assert_eq!(scene.images.rootfs("c1").await.unwrap(), rootfs);
    assert!(rootfs.upper.join("mine").exists());
    scene.images.release("c1").await.unwrap();
    scene.images.release("c1").await.unwrap();
    assert!(matches!(scene.images.rootfs("c1").await, Err(Error::NoSuchLayer(_))));
    scene.eventually_only("containers", 0).await;
    scene.eventually_only("tmp", 0).await;
    for bad in ["", "../x", "a/b", "."] {
        assert_eq!(scene.images.prepare(bad, &id).await.unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[tokio::test]
async fn layers_stay_as_long_as_a_container_needs_them() {
    let scene = Scene::new().await;
    let id = load(&scene, "a:1", &[&root()]).await;
    let rootfs = scene.images.prepare("c1", &id).await.unwrap();
    scene.images.prepare("c2", &id).await.unwrap();
    scene.images.remove(&id, forced()).await.unwrap();
    assert!(rootfs.lowers[0].join("bin/hello").exists());
    let scene = scene.reopen().await;
    assert_eq!(scene.images.rootfs("c1").await.unwrap(), rootfs);
    assert!(rootfs.lowers[0].join("bin/hello").exists());
    scene.images.retain(&HashSet::from(["c1".to_owned()])).await;
    assert!(scene.images.rootfs("c2").await.is_err());
    assert!(rootfs.lowers[0].join("bin/hello").exists());
    scene.images.release("c1").await.unwrap();
    scene.eventually_empty().await;
}

#[tokio::test]
async fn a_list_of_layers_that_was_lost_is_made_again() {
    let scene = Scene::new().await;
    let id = load(&scene, "a:1", &[&root()]).await;
    let rootfs = scene.images.prepare("c1", &id).await.unwrap();
    fs::write(rootfs.upper.join("mine"), "x").unwrap();
    let list = scene.root().join("containers/c1/lower");
    let mut scene = scene;
    for lost in ["", "zz\n"] {
        fs::write(&list, lost).unwrap();
        scene = scene.reopen().await;
        assert_eq!(scene.images.prepare("c1", &id).await.unwrap(), rootfs, "{lost:?}");
    }
    assert!(rootfs.upper.join("mine").exists());
}

#[tokio::test]
async fn names_come_and_go() {
    let scene = Scene::new().await;
    let id = load(&scene, "a:1", &[&root()]).await;
    scene.images.tag("a:1", "b").await.unwrap();
    scene.images.tag(&id[..20], "localhost:5000/c:x").await.unwrap();
    let image = scene.images.get("b").await.unwrap();
    assert_eq!(image.repo_tags, ["a:1", "b:latest", "localhost:5000/c:x"]);
    for (target, words) in [
        ("B", "invalid reference format: repository name (library/B) must be lowercase"),
        ("sha256:1", "refusing to create an ambiguous tag using digest algorithm as name"),
    ] {
        assert_eq!(scene.images.tag("b", target).await.unwrap_err().to_string(), words);
    }
    assert_eq!(scene.images.tag("no", "x").await.unwrap_err().to_string(), "No such image: no:latest");
    let error = scene.images.remove(&id, RemoveOptions::default()).await.unwrap_err();
    let short = &id[7..19];
    let words = format!(
        "conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
    );
    assert_eq!((error.to_string(), error.kind()), (words, ErrorKind::Conflict));
    let removed = scene.images.remove("b", RemoveOptions::default()).await.unwrap();
    assert_eq!(removed, [Removed::Untagged("b:latest".to_owned())]);
    let removed = scene.images.remove(short, forced()).await.unwrap();
    assert_eq!(removed.len(), 4);
    assert_eq!(removed[2], Removed::Deleted(id));
    scene.eventually_empty().await;
}

#[tokio::test]
async fn a_killed_operation_is_swept() {
    let scene = Scene::new().await;
    load(&scene, "a:1", &[&root()]).await;
    for debris in ["tmp/work-9/x", "layers/0123/diff", "containers/.x", "tmp/trash-3"] {
        fs::create_dir_all(scene.root().join(debris)).unwrap();
    }
    fs::write(scene.root().join(format!("blobs/sha256/{}", "0".repeat(64))), "x").unwrap();
    std::os::unix::fs::symlink("/etc", scene.root().join("l/zz")).unwrap();
    let scene = scene.reopen().await;
    for (directory, wanted) in [("tmp", 0), ("layers", 1), ("blobs/sha256", 3), ("l", 1)] {
        scene.eventually_only(directory, wanted).await;
    }
    scene.images.retain(&HashSet::new()).await;
    scene.eventually_only("containers", 0).await;
    assert!(scene.images.get("a:1").await.is_ok());
}

#[tokio::test]
async fn an_image_that_lost_its_content_is_dropped() {
    let scene = Scene::new().await;
    load(&scene, "a:1", &[&root()]).await;
    load(&scene, "b:1", &[&Archive::new().file("b", b"").bytes()]).await;
    fs::remove_dir_all(scene.top_layer("a:1").await).unwrap();
    let scene = scene.reopen().await;
    assert_eq!(scene.images.get("a:1").await.unwrap_err().to_string(), "No such image: a:1");
    assert!(scene.images.get("b:1").await.is_ok());
    load(&scene, "a:1", &[&root()]).await;
    assert!(scene.top_layer("a:1").await.join("bin/hello").exists());
}

#[tokio::test]
async fn images_in_use_are_kept() {
    let scene = Scene::new().await;
    let options = ImportOptions { reference: Some("a".to_owned()), ..ImportOptions::default() };
    let id = scene.images.import(Cursor::new(root()), options, nobody()).await.unwrap().id.clone();
    let user = |running| ImageUse { image_id: id.clone(), container_id: "c".repeat(64), running };
    let with =
        |force, running| RemoveOptions { force, in_use: vec![user(running)], ..RemoveOptions::default() };
    let (short, container) = (&id[7..19], "c".repeat(12));
    for (text, options, words) in [
        (
            "a",
            with(false, true),
            format!(
                "unable to remove repository reference \"a\" (must force) - container {container} is using its referenced image {short}"
            ),
        ),
        (
            &id[..],
            with(true, true),
            format!(
                "unable to delete {short} (cannot be forced) - image is being used by running container {container}"
            ),
        ),
        (
            &id[..],
            with(false, false),
            format!(
                "unable to delete {short} (must be forced) - image is being used by stopped container {container}"
            ),
        ),
    ] {
        let error = scene.images.remove(text, options).await.unwrap_err();
        assert_eq!(error.to_string(), format!("conflict: {words}"));
    }
    assert_eq!(scene.images.get("a").await.unwrap().repo_tags, ["a:latest"]);
    // By name and force, the name goes and the image stays for its container.
    let removed = scene.images.remove("a", with(true, true)).await.unwrap();
    assert_eq!(removed, [Removed::Untagged("a:latest".to_owned())]);
    scene.images.remove(&id, with(true, false)).await.unwrap();
    scene.eventually_empty().await;
}
