//! Archives of images that lie, lead out, or would take all memory: all of it is refused, and nothing stays.

use std::io::Cursor;

use image::ErrorKind;

use crate::{
    archive::{Archive, config, docker_archive, hex, oci_archive, root},
    scene::{Scene, nobody},
};

/// An archive with this table of contents, a configuration `c` and a layer `l`.
fn tabled(table: &str) -> Vec<u8> {
    let archive = Archive::new().file("c", &config(&[&root()])).file("l", &root());
    archive.file("manifest.json", table.as_bytes()).bytes()
}

fn item(config: &str, tag: &str, layer: &str) -> String {
    format!(r#"{{"Config":{config:?},"RepoTags":[{tag:?}],"Layers":[{layer:?}]}}"#)
}

#[tokio::test]
async fn archives_that_lie_are_refused_and_leave_nothing() {
    let scene = Scene::new().await;
    let (layer, other) = (root(), Archive::new().file("other", b"").bytes());
    let good = config(&[&layer]);
    let (layout, digest) = oci_archive("docker.io/library/a:1", &good, &[&layer]);
    let broken_blob = Archive::new()
        .file(&format!("blobs/sha256/{}", hex(&good)), &config(&[&other]))
        .file("index.json", &member(&layout, "index.json"))
        .file(
            &format!("blobs/sha256/{}", &digest[7..]),
            &member(&layout, &format!("blobs/sha256/{}", &digest[7..])),
        )
        .file(&format!("blobs/sha256/{}", hex(&layer)), &layer)
        .bytes();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("name with dots", docker_archive("../../etc/cron.d/x:y", &good, &[&layer])),
        ("name with a slash in front", docker_archive("/etc/passwd", &good, &[&layer])),
        ("name with capitals", docker_archive("Evil/Name:tag", &good, &[&layer])),
        ("name that is a digest", docker_archive(&"0".repeat(64), &good, &[&layer])),
        ("name with a zero", docker_archive("a\0b", &good, &[&layer])),
        ("long name", docker_archive(&"a".repeat(10_000), &good, &[&layer])),
        ("annotation with dots", oci_archive("../../../etc/x:y", &good, &[&layer]).0),
        ("annotation with a user", oci_archive("me:pw@host/a", &good, &[&layer]).0),
        ("other layer", docker_archive("a:1", &good, &[&other])),
        ("one blob for two layers", docker_archive("a:1", &config(&[&layer, &other]), &[&layer, &layer])),
        ("one layer less", docker_archive("a:1", &config(&[&layer, &other]), &[&layer])),
        ("blob of another digest", broken_blob),
        ("blob that is missing", oci_without(&layout, &format!("blobs/sha256/{}", hex(&layer)))),
        ("configuration out of the archive", tabled(&format!("[{}]", item("../../etc/passwd", "a:1", "l")))),
        ("layer of the machine", tabled(&format!("[{}]", item("c", "a:1", "/etc/passwd")))),
        ("layer as configuration", tabled(&format!("[{}]", item("l", "a:1", "l")))),
        ("table of another kind", tabled(r#"{"Config":"c"}"#)),
        ("deep table", tabled(&"[".repeat(100_000))),
        (
            "table with one image many times",
            tabled(&format!("[{}]", vec![item("c", "a:1", "l"); 20_000].join(","))),
        ),
        ("huge table", tabled(&format!("[{}]", " ".repeat(5 << 20)))),
        ("endless link", Archive::new().symlink("manifest.json", "manifest.json").bytes()),
        ("link out", Archive::new().symlink("manifest.json", "../../etc/passwd").bytes()),
        ("device", Archive::new().device("manifest.json", 1, 5).bytes()),
        ("name that leads out", Archive::new().file("../manifest.json", b"[]").bytes()),
        ("no table", Archive::new().file("x", b"").bytes()),
    ];
    for (what, bytes) in cases {
        let error = scene.images.load(Cursor::new(bytes), None, nobody()).await.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{what}: {error}");
        assert!(error.to_string().len() < 1000, "{what}: {error}");
        assert!(scene.images.list().await.unwrap().is_empty(), "{what}");
    }
    scene.eventually_empty().await;
}

/// A blob and a layer that are both here, of different images, are not each other's because a manifest says so.
#[tokio::test]
async fn what_is_here_is_not_taken_for_what_it_is_not() {
    let scene = Scene::new().await;
    let (one, two) = (root(), Archive::new().file("two", b"").bytes());
    for (name, layer) in [("one:1", &one), ("two:1", &two)] {
        scene
            .images
            .load(Cursor::new(docker_archive(name, &config(&[layer]), &[layer])), None, nobody())
            .await
            .unwrap();
    }
    let crossed = docker_archive("crossed:1", &config(&[&two]), &[&one]);
    let error = scene.images.load(Cursor::new(crossed), None, nobody()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(scene.images.list().await.unwrap().len(), 2);
}

/// A file of an archive.
fn member(archive: &[u8], wanted: &str) -> Vec<u8> {
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().to_str() == Some(wanted) {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            return bytes;
        }
    }
    panic!("no {wanted}");
}

/// The archive without one of its files.
fn oci_without(archive: &[u8], unwanted: &str) -> Vec<u8> {
    let mut left = Archive::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        if name != unwanted {
            left = left.file(&name, &bytes);
        }
    }
    left.bytes()
}
