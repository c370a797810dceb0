//! Pull, from the registry that Debian ships.

use image::{ErrorKind, Images, ImagesConfig, Progress};
use tokio::sync::mpsc;

use crate::{
    archive::{Archive, config, gzip, hex, root},
    registry::{DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Registry, manifest},
    scene::{Scene, nobody, open_with},
};

/// Pushes an image with these layers; returns the digest of its manifest.
async fn push(registry: &Registry, name: &str, tag: &str, media_type: &str, layers: &[&[u8]]) -> String {
    let packed: Vec<Vec<u8>> = layers.iter().map(|layer| gzip(layer)).collect();
    let packed: Vec<&[u8]> = packed.iter().map(Vec::as_slice).collect();
    let config = config(layers);
    for blob in packed.iter().copied().chain([&config[..]]) {
        registry.push_blob(name, blob).await;
    }
    registry.push_manifest(name, tag, media_type, &manifest(media_type, &config, &packed)).await
}

async fn pull(images: &Images, name: &str) -> (image::Result<std::sync::Arc<image::Image>>, Vec<Progress>) {
    let (to, mut from) = mpsc::channel(1000);
    let image = images.pull(name, None, None, to).await;
    let mut lines = Vec::new();
    while let Some(line) = from.recv().await {
        lines.push(line);
    }
    (image, lines)
}

fn statuses(lines: &[Progress]) -> Vec<&str> {
    lines.iter().map(|line| line.status.as_str()).collect()
}

#[tokio::test]
async fn both_formats_with_dockers_progress() {
    let (scene, registry) = (Scene::new().await, Registry::start().await);
    let second = Archive::new().file("etc/motd", b"hi").bytes();
    for media_type in [OCI_MANIFEST, DOCKER_MANIFEST] {
        let repository = if media_type == OCI_MANIFEST { "oci" } else { "docker" };
        let digest = push(&registry, repository, "1", media_type, &[&root(), &second]).await;
        let name = registry.name(&format!("{repository}:1"));
        let (image, lines) = pull(&scene.images, &name).await;
        let image = image.unwrap();
        assert!(image.repo_tags.contains(&name));
        assert!(image.repo_digests.contains(&format!("{}@{digest}", registry.name(repository))));
        let statuses = statuses(&lines);
        assert_eq!(statuses[0], format!("Pulling from {repository}"));
        assert_eq!(statuses[statuses.len() - 2], format!("Digest: {digest}"));
        if media_type == OCI_MANIFEST {
            assert_eq!(*statuses.last().unwrap(), format!("Status: Downloaded newer image for {name}"));
            for status in [
                "Pulling fs layer",
                "Downloading",
                "Verifying Checksum",
                "Download complete",
                "Extracting",
                "Pull complete",
            ] {
                assert_eq!(statuses.iter().filter(|s| **s == status).count(), 2, "{status}: {statuses:?}");
            }
            assert_eq!(lines[1].id.as_ref().unwrap().len(), 12);
        } else {
            assert_eq!(statuses.iter().filter(|s| **s == "Already exists").count(), 2);
        }
        let (_, again) = pull(&scene.images, &name).await;
        assert_eq!(again.last().unwrap().status, format!("Status: Image is up to date for {name}"));
        let (by_digest, _) = pull(&scene.images, &registry.name(&format!("{repository}@{digest}"))).await;
        assert_eq!(by_digest.unwrap().id, image.id);
    }
    scene.eventually_only("layers", 2).await;
    scene.eventually_only("tmp", 0).await;
}

#[tokio::test]
async fn the_index_decides_by_platform() {
    let (scene, registry) = (Scene::new().await, Registry::start().await);
    let other = Archive::new().file("other", b"x").bytes();
    let mut entries = Vec::new();
    for (platform, layer) in [("s390x", &other), (arch(), &root())] {
        let digest = push(&registry, "multi", platform, OCI_MANIFEST, &[layer]).await;
        let length = manifest(OCI_MANIFEST, &config(&[layer]), &[&gzip(layer)]).len();
        entries.push(format!(
            r#"{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":{length},"platform":{{"os":"linux","architecture":"{platform}"}}}}"#
        ));
    }
    let index =
        format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{}]}}"#, entries.join(","));
    let digest = registry.push_manifest("multi", "latest", OCI_INDEX, &index).await;
    let name = registry.name("multi");
    let (image, lines) = pull(&scene.images, &name).await;
    assert_eq!(image.unwrap().diff_ids, [format!("sha256:{}", hex(&root()))]);
    assert_eq!(lines[lines.len() - 2].status, format!("Digest: {digest}"));
    let chosen = scene.images.pull(&name, Some("linux/s390x"), None, nobody()).await.unwrap();
    assert_eq!(chosen.diff_ids, [format!("sha256:{}", hex(&other))]);
    let error = scene.images.pull(&name, Some("linux/riscv64"), None, nobody()).await.unwrap_err();
    assert_eq!(error.to_string(), "no matching manifest for linux/riscv64 in the manifest list entries");
}

fn arch() -> &'static str {
    if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" }
}

#[tokio::test]
async fn what_is_not_there_is_told_in_dockers_words() {
    let (scene, registry) = (Scene::new().await, Registry::start().await);
    push(&registry, "a", "1", OCI_MANIFEST, &[&root()]).await;
    let (error, _) = pull(&scene.images, &registry.name("a:2")).await;
    let error = error.unwrap_err();
    let name = registry.name("a:2");
    assert_eq!(
        error.to_string(),
        format!("manifest for {name} not found: manifest unknown: manifest unknown")
    );
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let address = registry.address;
    drop(registry);
    let (error, _) = pull(&scene.images, &name).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().starts_with(&format!("Get \"http://{address}/v2/a/manifests/2\": ")),
        "{error}"
    );
    scene.eventually_empty().await;
}

#[tokio::test]
async fn a_mirror_serves_docker_hub() {
    let registry = Registry::start().await;
    push(&registry, "library/busybox", "latest", OCI_MANIFEST, &[&root()]).await;
    let directory = tempfile::Builder::new().prefix("shoal-image-").tempdir().unwrap();
    let images = open_with(ImagesConfig {
        root: directory.path().join("image"),
        registry_mirrors: vec![format!("http://{}", registry.address)],
        ..ImagesConfig::default()
    })
    .await;
    let (image, lines) = pull(&images, "busybox").await;
    assert_eq!(image.unwrap().repo_tags, ["busybox:latest"]);
    assert_eq!(lines[0].status, "Pulling from library/busybox");
    assert_eq!(lines.last().unwrap().status, "Status: Downloaded newer image for busybox:latest");
}
