//! Load: archives of `docker save` and OCI layouts, whole, cut and false.

use std::io::Cursor;

use image::{ErrorKind, Loaded};

use crate::{
    archive::{Archive, config, docker_archive, gzip, hex, oci_archive, root},
    scene::{Scene, nobody},
};

#[tokio::test]
async fn docker_archives_old_and_compressed() {
    let scene = Scene::new().await;
    let layers = [root(), Archive::new().file("etc/.wh.passwd", b"").bytes()];
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let config = config(&layers);
    let archive = docker_archive("busy:1", &config, &layers);
    let id = format!("sha256:{}", hex(&config));
    for bytes in [archive.clone(), gzip(&archive), zstd::encode_all(&archive[..], 1).unwrap()] {
        let loaded = scene.images.load(Cursor::new(bytes), None, nobody()).await.unwrap();
        assert_eq!(loaded, [Loaded { reference: Some("busy:1".to_owned()), image_id: id.clone() }]);
    }
    let image = scene.images.get("busy:1").await.unwrap();
    assert_eq!((image.diff_ids.len(), image.size_bytes), (2, 6));
    scene.eventually_only("layers", 2).await;
    scene.eventually_only("blobs/sha256", 4).await;
    scene.eventually_only("tmp", 0).await;
}

#[tokio::test]
async fn oci_layouts_keep_their_manifest() {
    let scene = Scene::new().await;
    let (layer, packed) = (root(), gzip(&root()));
    let (archive, manifest) = oci_archive("docker.io/library/oci:2", &config(&[&layer]), &[&packed]);
    let loaded = scene.images.load(Cursor::new(archive), None, nobody()).await.unwrap();
    assert_eq!(loaded[0].reference.as_deref(), Some("oci:2"));
    let scene = scene.reopen().await;
    let image = scene.images.get("oci:2").await.unwrap();
    assert_eq!(image.manifest_digest, manifest);
    assert!(scene.root().join("blobs/sha256").join(hex(&packed)).exists());
    let index = std::fs::read_to_string(scene.root().join("index.json")).unwrap();
    assert!(index.contains(&manifest) && index.contains("docker.io/library/oci:2"));
}

#[tokio::test]
async fn what_is_cut_or_false_leaves_nothing() {
    let scene = Scene::new().await;
    let layer = root();
    let good = docker_archive("a:1", &config(&[&layer]), &[&layer]);
    let other = Archive::new().file("x", b"1").bytes();
    let packed = gzip(&layer);
    let (oci, _) = oci_archive("a:1", &config(&[&layer]), &[&packed]);
    let flipped = |needle: &[u8]| {
        let mut bytes = oci.clone();
        let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
        bytes[at + needle.len() / 2] ^= 1;
        bytes
    };
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("no archive", b"hello".repeat(500)),
        ("cut in a header", good[..700].to_vec()),
        ("cut in data", good[..good.len() - 2600].to_vec()),
        ("cut compression", gzip(&good)[..300].to_vec()),
        ("layer of another digest", docker_archive("a:1", &config(&[&layer]), &[&other])),
        ("too few layers", docker_archive("a:1", &config(&[&layer]), &[])),
        ("no table", Archive::new().file("x", b"").bytes()),
        ("flipped blob", flipped(&packed)),
        ("bad name", docker_archive("A:1", &config(&[&layer]), &[&layer])),
        ("config is no JSON", docker_archive("a:1", b"{", &[])),
    ] {
        let error = scene.images.load(Cursor::new(bytes), None, nobody()).await.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{what}: {error}");
        assert!(scene.images.list().await.unwrap().is_empty(), "{what}");
    }
    scene.eventually_empty().await;
}

#[tokio::test]
async fn two_images_appear_together_or_not_at_all() {
    let scene = Scene::new().await;
    let (layer, other) = (root(), Archive::new().file("x", b"1").bytes());
    let (good, bad) = (config(&[&layer]), config(&[&other]));
    let table = format!(
        r#"[{{"Config":"good","RepoTags":["g:1"],"Layers":["{}"]}},{{"Config":"bad","RepoTags":null,"Layers":["LAYER"]}}]"#,
        "l1"
    );
    let archive = |second: &str| {
        let table = table.replace("LAYER", second);
        let files =
            Archive::new().file("good", &good).file("bad", &bad).file("l1", &layer).file("l2", &other);
        files.file("manifest.json", table.as_bytes()).bytes()
    };
    scene.images.load(Cursor::new(archive("l1")), None, nobody()).await.unwrap_err();
    assert!(scene.images.list().await.unwrap().is_empty());
    scene.eventually_empty().await;
    let loaded = scene.images.load(Cursor::new(archive("l2")), None, nobody()).await.unwrap();
    assert_eq!(loaded[1], Loaded { reference: None, image_id: format!("sha256:{}", hex(&bad)) });
    assert_eq!(scene.images.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_table_that_names_one_large_file_often_is_refused() {
    let scene = Scene::new().await;
    let large = [&b"{"[..], &vec![b' '; 3 << 20], b"}"].concat();
    let item = r#"{"Config":"c","RepoTags":null,"Layers":[]}"#;
    let table = format!("[{}]", vec![item; 1000].join(","));
    let archive = Archive::new().file("c", &large).file("manifest.json", table.as_bytes()).bytes();
    let error = scene.images.load(Cursor::new(archive), None, nobody()).await.unwrap_err();
    assert!(error.to_string().contains("larger than the limit"), "{error}");
    scene.eventually_empty().await;
}
