//! Save: what goes out comes in again as the same images, and a load skips what is there.

use std::io::Cursor;

use futures_util::TryStreamExt;
use image::{ErrorKind, ImportOptions, Loaded, RemoveOptions};

use crate::{
    archive::{Archive, config, docker_archive, gzip, hex, oci_archive, root},
    scene::{Scene, nobody},
};

async fn save(scene: &Scene, names: &[&str]) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let (images, archive) = scene.images.save(&names, None).await.unwrap();
    assert!(!images.is_empty());
    archive.try_collect::<Vec<_>>().await.unwrap().concat()
}

async fn load(scene: &Scene, archive: Vec<u8>) -> Vec<Loaded> {
    scene.images.load(Cursor::new(archive), None, nobody()).await.unwrap()
}

/// Two images with a layer in common, one of them compressed, and a third that was made here.
async fn filled() -> Scene {
    let scene = Scene::new().await;
    let (shared, other) = (root(), Archive::new().file("x", &[7; 700_000]).bytes());
    let compressed = [gzip(&shared), gzip(&other)];
    let compressed: Vec<&[u8]> = compressed.iter().map(Vec::as_slice).collect();
    load(&scene, oci_archive("docker.io/library/one:1", &config(&[&shared, &other]), &compressed).0).await;
    let plain = docker_archive("two:1", &config(&[&shared]), &[&shared]);
    load(&scene, plain).await;
    scene.images.tag("one:1", "localhost:5000/one:2").await.unwrap();
    let options = ImportOptions { reference: Some("made".to_owned()), ..ImportOptions::default() };
    scene.images.import(Cursor::new(other), options, nobody()).await.unwrap();
    scene
}

#[tokio::test]
async fn what_goes_out_comes_in_again() {
    let (here, there) = (filled().await, Scene::new().await);
    let names = ["one", "localhost:5000/one:2", "two:1", "made"];
    let archive = save(&here, &names).await;
    let mut loaded: Vec<String> =
        load(&there, archive.clone()).await.into_iter().filter_map(|l| l.reference).collect();
    loaded.sort();
    assert_eq!(loaded, ["localhost:5000/one:2", "made:latest", "one:1", "two:1"]);
    for name in ["one:1", "localhost:5000/one:2", "two:1", "made"] {
        let (mine, theirs) = (here.images.get(name).await.unwrap(), there.images.get(name).await.unwrap());
        assert_eq!((&mine.id, &mine.manifest_digest), (&theirs.id, &theirs.manifest_digest), "{name}");
        assert_eq!((&mine.repo_tags, mine.size_bytes), (&theirs.repo_tags, theirs.size_bytes), "{name}");
    }
    assert!(save(&there, &names).await == archive, "the same request has other bytes");
    for name in ["one:1", "localhost:5000/one:2", "two:1", "made"] {
        let all = RemoveOptions { force: true, ..RemoveOptions::default() };
        there.images.remove(name, all).await.unwrap();
    }
    there.eventually_empty().await;
}

#[tokio::test]
async fn an_image_by_its_id_has_no_name() {
    let (here, there) = (filled().await, Scene::new().await);
    let id = here.images.get("two:1").await.unwrap().id.clone();
    for text in [&id, &id[7..], &id[7..19]] {
        let loaded = load(&there, save(&here, &[text]).await).await;
        assert_eq!(loaded, [Loaded { reference: None, image_id: id.clone() }]);
    }
}

#[tokio::test]
async fn wrong_names_are_told_before_the_first_byte() {
    let scene = filled().await;
    for (name, platform, words) in [
        ("absent", None, "No such image: absent:latest"),
        ("one:7", None, "No such image: one:7"),
        ("A", None, "invalid reference format: repository name (library/A) must be lowercase"),
        (
            "one:1",
            Some("linux/s390x"),
            "image with reference one:1 was found but does not provide the specified platform (linux/s390x)",
        ),
    ] {
        let error = scene.images.save(&[name.to_owned()], platform).await.map(drop).unwrap_err();
        assert_eq!(error.to_string(), words);
        assert_eq!(error.kind() == ErrorKind::NotFound, name != "A");
    }
}

/// An image that is removed while its archive is read is in it all the same, and goes afterwards.
#[tokio::test]
async fn a_removal_waits_for_the_reader() {
    let (here, there) = (Scene::new().await, Scene::new().await);
    let noise: Vec<u8> = (0..8_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let layer = Archive::new().file("large", &noise).bytes();
    load(&here, docker_archive("large:1", &config(&[&layer]), &[&layer])).await;
    let (_, archive) = here.images.save(&["large:1".to_owned()], None).await.unwrap();
    here.images.remove("large:1", RemoveOptions::default()).await.unwrap();
    let archive = archive.try_collect::<Vec<_>>().await.unwrap().concat();
    load(&there, archive).await;
    here.eventually_empty().await;
}

/// Content that an archive names by its digest is the store's own, whatever the archive's copy looks like.
#[tokio::test]
async fn what_is_there_is_not_read_again() {
    let scene = Scene::new().await;
    let (layer, config) = (root(), config(&[&root()]));
    load(&scene, docker_archive("a:1", &config, &[&layer])).await;
    let table = |layer: &str| format!(r#"[{{"Config":"c","RepoTags":["b:1"],"Layers":["{layer}"]}}]"#);
    for name in [format!("blobs/sha256/{}", hex(&layer)), format!("{}.tar", hex(&layer))] {
        let archive = Archive::new().file(&name, b"not read").file("c", &config);
        let archive = archive.file("manifest.json", table(&name).as_bytes()).bytes();
        assert_eq!(load(&scene, archive).await.len(), 1);
    }
    scene.eventually_only("layers", 1).await;
    assert_eq!(std::fs::read(scene.top_layer("b:1").await.join("bin/hello")).unwrap(), b"hello\n");
}

/// Archives may have the layers of several platforms; the wanted one is taken.
#[tokio::test]
async fn the_platform_that_is_wanted_is_loaded() {
    let scene = Scene::new().await;
    let layer = root();
    let amd = config(&[&layer]);
    let arm = String::from_utf8(amd.clone()).unwrap().replace("amd64", "arm64").into_bytes();
    let table = r#"[{"Config":"amd","RepoTags":["m:1"],"Layers":["l"]},{"Config":"arm","RepoTags":["m:2"],"Layers":["l"]}]"#;
    let archive = Archive::new().file("amd", &amd).file("arm", &arm).file("l", &layer);
    let archive = archive.file("manifest.json", table.as_bytes()).bytes();
    let ask =
        async |platform| scene.images.load(Cursor::new(archive.clone()), Some(platform), nobody()).await;
    let error = ask("linux/s390x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let loaded = ask("linux/arm64").await.unwrap();
    assert_eq!(
        loaded,
        [Loaded { reference: Some("m:2".to_owned()), image_id: format!("sha256:{}", hex(&arm)) }]
    );
    assert_eq!(scene.images.list().await.unwrap().len(), 1);
}
