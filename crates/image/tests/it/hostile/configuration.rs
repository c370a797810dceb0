//! Configurations of images that would steer the machine: what they say is data (CVE-2022-23648), and bounded.

use std::io::Cursor;

use image::ErrorKind;

use crate::{
    archive::{config, docker_archive, root},
    scene::{Scene, names, nobody},
};

fn saying(inner: &str) -> Vec<u8> {
    String::from_utf8(config(&[&root()])).unwrap().replace(r#"{"Cmd":["/bin/hello"]}"#, inner).into_bytes()
}

#[tokio::test]
async fn what_an_image_says_is_kept_as_it_is() {
    let scene = Scene::new().await;
    let before = names(scene.root());
    let hostile = saying(
        r#"{"User":"4294967296:x","WorkingDir":"/proc/self/fd/8","StopSignal":"KILL -1; reboot",
            "Volumes":{"../../../etc":{},"/proc/self/fd/9":{},"/a/../..":{}},
            "Env":["","=","A","LD_PRELOAD=/x","A=\u0000"],"Entrypoint":["/proc/self/exe"],
            "Labels":{"":"","io.shoal.privileged":"true","com.docker.swarm.task.id":"../x"},
            "Healthcheck":{"Test":["CMD-SHELL","x"],"Interval":-9223372036854775808,"Retries":9223372036854775807},
            "Shoal":{"Health":{"Http":"http://127.0.0.1/"}},"HostConfig":{"Privileged":true}}"#,
    );
    scene
        .images
        .load(Cursor::new(docker_archive("hostile:1", &hostile, &[&root()])), None, nobody())
        .await
        .unwrap();
    let image = scene.images.get("hostile:1").await.unwrap();
    assert!(image.config.volumes.contains("../../../etc") && image.config.volumes.len() == 3);
    assert_eq!((image.config.user.as_str(), image.config.env.len()), ("4294967296:x", 5));
    assert_eq!(image.config.labels["io.shoal.privileged"], "true");
    // Nothing of it became a name on disk.
    let rootfs = scene.images.prepare("c0ffee", &image.id).await.unwrap();
    scene.images.release("c0ffee").await.unwrap();
    drop(rootfs);
    assert_eq!(names(scene.root()), before);
}

#[tokio::test]
async fn configurations_that_no_reader_agrees_on_are_refused() {
    let scene = Scene::new().await;
    let good = String::from_utf8(config(&[&root()])).unwrap();
    let many = |n: usize| vec![r#""x""#; n].join(",");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("two root file systems", good.replace(r#""os""#, r#""rootfs":{"type":"layers"},"os""#).into_bytes()),
        ("two configurations", good.replace(r#""os""#, r#""config":{},"os""#).into_bytes()),
        ("depth", saying(&format!(r#"{{"Env":{}"#, "[".repeat(100_000)))),
        ("another system", good.replace(r#""linux""#, r#""windows""#).into_bytes()),
        ("another root", good.replace(r#""type":"layers""#, r#""type":"base""#).into_bytes()),
        ("size", saying(&format!(r#"{{"Env":[{}]}}"#, many((1 << 20) + 50_000)))),
        ("a number too large", saying(r#"{"StopTimeout":1e400}"#)),
        ("no text", [good.as_bytes(), b"\xff"].concat()),
        ("no layer id", good.replace("sha256:", "sha512:").into_bytes()),
        ("a layer id that leads out", good.replace("sha256:", "sha256:../../").into_bytes()),
        ("many layers", {
            let id = format!(r#""sha256:{}""#, "0".repeat(64));
            format!(
                r#"{{"os":"linux","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
                vec![id; 10_000].join(",")
            )
            .into_bytes()
        }),
    ];
    for (what, bytes) in cases {
        let archive = docker_archive("bad:1", &bytes, &[&root()]);
        let error = scene.images.load(Cursor::new(archive), None, nobody()).await.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{what}: {error}");
    }
    assert!(scene.images.list().await.unwrap().is_empty());
    scene.eventually_empty().await;
}
