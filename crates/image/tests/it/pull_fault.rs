//! Pull, when registries fall silent, fail for one of two, or never come to an end.

use std::time::Duration;

use image::{ErrorKind, ImagesConfig, RegistryAuth};
use tokio::sync::mpsc;

use crate::{
    archive::{gzip, hex, root},
    false_registry::good,
    registry::{Answer, Asked, FalseRegistry},
    scene::{Scene, eventually, nobody, open_with},
};

fn is_layer(asked: &Asked) -> bool {
    asked.path.ends_with(&hex(&gzip(&root())))
}

#[tokio::test]
async fn a_silent_registry_is_left_and_asked_again() {
    let directory = tempfile::Builder::new().prefix("shoal-image-").tempdir().unwrap();
    let images = open_with(ImagesConfig {
        root: directory.path().join("image"),
        max_silence: Duration::from_millis(200),
        ..ImagesConfig::default()
    })
    .await;
    let registry = FalseRegistry::start(|asked| {
        let whole = good(asked);
        let length = Some(whole.body.len() as u64);
        match asked.headers.get("range") {
            None if is_layer(asked) => {
                Answer { body: whole.body[..30].to_vec(), length, hangs: true, ..whole }
            }
            Some(range) => {
                assert_eq!(range, "bytes=30-");
                Answer { status: "206 Partial Content", body: whole.body[30..].to_vec(), ..whole }
                    .header("content-range: bytes 30-")
            }
            None => whole,
        }
    })
    .await;
    let (to, mut lines) = mpsc::channel(64);
    images.pull(&format!("{}/a:1", registry.address), None, None, to).await.unwrap();
    let mut told = Vec::new();
    while let Some(line) = lines.recv().await {
        told.push(line.status);
    }
    assert!(told.iter().any(|line| line == "Retrying in 1 second"), "{told:?}");
}

#[tokio::test]
async fn who_waited_for_a_fetch_that_failed_has_its_own_try() {
    let scene = Scene::new().await;
    let tokens = FalseRegistry::start(|_| Answer::new("200 OK", r#"{"token":"bad"}"#)).await;
    let realm = tokens.address;
    let registry = FalseRegistry::start(move |asked| {
        let knows = asked.headers.get("authorization").map(String::as_str) == Some("Bearer good");
        match is_layer(asked) && !knows {
            true => Answer::new("401 Unauthorized", r#"{"errors":[{"code":"DENIED","message":"no"}]}"#)
                .header(format!(r#"www-authenticate: Bearer realm="http://{realm}/",service="s""#)),
            // The manifests are open to all.
            false => good(asked),
        }
    })
    .await;
    let name = format!("{}/a:1", registry.address);
    let error = scene.images.pull(&name, None, None, nobody()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let auth = RegistryAuth { registry_token: "good".to_owned(), ..RegistryAuth::default() };
    // Whoever of them begins: it must not fail because others do.
    let without = || scene.images.pull(&name, None, None, nobody());
    let with = scene.images.pull(&name, None, Some(auth), nobody());
    let (_, _, with) = tokio::join!(without(), without(), with);
    with.unwrap();
}

#[tokio::test]
async fn two_pulls_at_once_ask_once_for_each_blob() {
    let scene = Scene::new().await;
    let registry = FalseRegistry::start(good).await;
    let name = format!("{}/a:1", registry.address);
    let pulls = (0..4).map(|_| scene.images.pull(&name, None, None, nobody()));
    for image in futures_util::future::join_all(pulls).await {
        assert_eq!(image.unwrap().size_bytes, 6);
    }
    assert_eq!(registry.asked().iter().filter(|asked| is_layer(asked)).count(), 1);
    scene.images.remove(&name, image::RemoveOptions::default()).await.unwrap();
    scene.eventually_empty().await;
}

#[tokio::test]
async fn a_pull_that_is_given_up_ends_its_fetch() {
    let scene = Scene::new().await;
    let registry = FalseRegistry::start(|asked| match is_layer(asked) {
        true => Answer { length: Some(gzip(&root()).len() as u64), hangs: true, ..Answer::new("200 OK", "") },
        false => good(asked),
    })
    .await;
    let name = format!("{}/a:1", registry.address);
    let images = scene.images.clone();
    let pull = tokio::spawn(async move { images.pull(&name, None, None, nobody()).await });
    eventually(|| registry.asked().iter().any(is_layer), || "the layer is not asked for".to_owned()).await;
    pull.abort();
    scene.eventually_empty().await;
}

#[tokio::test]
async fn tags_come_in_pages_from_the_registry_alone() {
    let scene = Scene::new().await;
    let registry = FalseRegistry::start(|asked| match asked.path.as_str() {
        "/v2/a/tags/list" => Answer::new("200 OK", r#"{"name":"a","tags":["1"]}"#)
            .header(r#"link: </v2/a/tags/list?last=1>; rel="next""#),
        "/v2/a/tags/list?last=1" => Answer::new("200 OK", r#"{"name":"a","tags":["2"]}"#)
            .header(r#"link: <http://127.0.0.1:1/v2/a/tags/list>; rel="next""#),
        "/v2/endless/tags/list" => {
            Answer::new("200 OK", r#"{"tags":[]}"#).header(r#"link: </v2/endless/tags/list>; rel="next""#)
        }
        "/v2/wrong/tags/list" => Answer::new("200 OK", r#"{"tags":["../../x"]}"#),
        _ => good(asked),
    })
    .await;
    let all = async |name: &str| {
        let name = format!("{}/{name}", registry.address);
        scene.images.pull_all(&name, None, None, nobody()).await
    };
    let names: Vec<String> = all("a").await.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["1", "2"].map(|tag| format!("{}/a:{tag}", registry.address)));
    let error = all("endless").await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("pages of tags"), "{error}");
    assert!(all("wrong").await.unwrap_err().to_string().ends_with("is no tag"));
    assert_eq!(all("a:1").await.unwrap_err().kind(), ErrorKind::Invalid);
}
