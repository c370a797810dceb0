//! A disk that is full: an error of that kind, and no debris.

use std::{io::Cursor, path::PathBuf, process::Command};

use image::{ErrorKind, ImportOptions};

use crate::{
    archive::{Archive, config, docker_archive, gzip, oci_archive},
    registry::{Answer, FalseRegistry, OCI_MANIFEST, manifest},
    scene::{Scene, nobody},
};

/// A small disk, in memory.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> SmallDisk {
        let directory = tempfile::Builder::new().prefix("shoal-image-disk-").tempdir().unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
            .arg(directory.path())
            .status();
        assert!(status.unwrap().success(), "this test needs root, to mount a small disk");
        SmallDisk(directory)
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("image")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The store may still hold its metadata file open.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// Half a layer fits, or the blob but not its files.
fn layers() -> [Vec<u8>; 2] {
    let noise = |bytes: usize| -> Vec<u8> {
        let mut state = 88_172_645_463_325_252_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        (0..bytes).map(|_| next()).collect()
    };
    [Archive::new().file("big", &noise(9 << 20)).bytes(), Archive::new().file("big", &noise(4 << 20)).bytes()]
}

#[tokio::test]
async fn every_way_in_fails_cleanly() {
    let disk = SmallDisk::mount();
    let scene = Scene::at(disk.root()).await;
    for layer in layers() {
        let packed = gzip(&layer);
        let config = config(&[&layer]);
        let import =
            scene.images.import(Cursor::new(layer.clone()), ImportOptions::default(), nobody()).await;
        let docker =
            scene.images.load(Cursor::new(docker_archive("a:1", &config, &[&layer])), None, nobody()).await;
        let oci =
            scene.images.load(Cursor::new(oci_archive("a:1", &config, &[&packed]).0), None, nobody()).await;
        let registry = {
            let (layer, config) = (packed.clone(), config.clone());
            FalseRegistry::start(move |asked| {
                let body = match &asked.path {
                    path if path.contains("/manifests/") => {
                        manifest(OCI_MANIFEST, &config, &[&layer]).into_bytes()
                    }
                    path if path.ends_with(&crate::archive::hex(&layer)) => layer.clone(),
                    _ => config.clone(),
                };
                Answer::new("200 OK", body)
            })
            .await
        };
        let pull = scene.images.pull(&format!("{}/a:1", registry.address), None, None, nobody()).await;
        for (what, result) in [
            ("import", import.map(drop)),
            ("docker", docker.map(drop)),
            ("oci", oci.map(drop)),
            ("pull", pull.map(drop)),
        ] {
            let error = result.expect_err(what);
            assert_eq!(error.kind(), ErrorKind::Exhausted, "{what}: {error}");
            assert!(error.to_string().contains("No space left on device"), "{what}: {error}");
        }
        scene.eventually_empty().await;
    }
    let small = Archive::new().file("x", b"1").bytes();
    scene.images.import(Cursor::new(small), ImportOptions::default(), nobody()).await.unwrap();
}
