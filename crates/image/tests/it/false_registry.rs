//! Pull, from registries that lie, break off, and ask for credentials.

use std::sync::atomic::{AtomicU32, Ordering};

use image::{ErrorKind, RegistryAuth};

use crate::{
    archive::{config, gzip, hex, root},
    registry::{Answer, Asked, FalseRegistry, OCI_INDEX, OCI_MANIFEST, manifest},
    scene::{Scene, nobody},
};

/// What a lying registry answers.
type Lie = Box<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// Serves one image, `a:1`, as a good registry would.
pub(crate) fn good(asked: &Asked) -> Answer {
    let (layer, config) = (gzip(&root()), config(&[&root()]));
    let last = asked.path.rsplit('/').next().unwrap();
    let of = |bytes: &[u8]| last == format!("sha256:{}", hex(bytes));
    match asked.path.as_str() {
        path if path.contains("/manifests/") => {
            Answer::new("200 OK", manifest(OCI_MANIFEST, &config, &[&layer]))
                .header(format!("content-type: {OCI_MANIFEST}"))
        }
        _ if of(&layer) => Answer::new("200 OK", layer),
        _ if of(&config) => Answer::new("200 OK", config),
        _ => Answer::new("404 Not Found", "{}"),
    }
}

#[tokio::test]
async fn false_content_is_refused_and_leaves_nothing() {
    let scene = Scene::new().await;
    let is_blob = |asked: &Asked, bytes: &[u8]| asked.path.ends_with(&format!("blobs/sha256:{}", hex(bytes)));
    let layer = gzip(&root());
    let lies: Vec<(&str, Lie)> = vec![
        (
            "layer of another digest",
            Box::new({
                let layer = layer.clone();
                move |asked| match is_blob(asked, &layer) {
                    true => Answer::new("200 OK", vec![b'x'; layer.len()]),
                    false => good(asked),
                }
            }),
        ),
        (
            "longer layer",
            Box::new({
                let layer = layer.clone();
                move |asked| match is_blob(asked, &layer) {
                    true => Answer::new("200 OK", [&layer[..], b"more"].concat()),
                    false => good(asked),
                }
            }),
        ),
        (
            "configuration of another digest",
            Box::new(move |asked| match is_blob(asked, &config(&[&root()])) {
                true => Answer::new("200 OK", "{}"),
                false => good(asked),
            }),
        ),
        (
            "endless manifest",
            Box::new(|asked| Answer { length: Some(1 << 40), body: vec![b' '; 5 << 20], ..good(asked) }),
        ),
        (
            "manifest that came as an index",
            Box::new(|asked| Answer { headers: vec![format!("content-type: {OCI_INDEX}")], ..good(asked) }),
        ),
        (
            "manifest of another digest",
            Box::new(|asked| good(asked).header(format!("docker-content-digest: sha256:{}", "0".repeat(64)))),
        ),
        (
            "manifest and index in one",
            Box::new(|asked| {
                let answer = good(asked);
                let body = String::from_utf8_lossy(&answer.body)
                    .replace(r#""config""#, r#""manifests":[],"config""#);
                Answer { body: body.into_bytes(), ..answer }
            }),
        ),
    ];
    for (what, lie) in lies {
        let registry = FalseRegistry::start(lie).await;
        let name = format!("{}/a:1", registry.address);
        let error = scene.images.pull(&name, None, None, nobody()).await.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{what}: {error}");
        assert!(scene.images.list().await.unwrap().is_empty(), "{what}");
    }
    scene.eventually_empty().await;
}

#[tokio::test]
async fn a_broken_download_is_resumed() {
    let scene = Scene::new().await;
    let tries = AtomicU32::new(0);
    let registry = FalseRegistry::start(move |asked| {
        let answer = good(asked);
        let layer = gzip(&root());
        if answer.body != layer {
            return answer;
        }
        let length = Some(layer.len() as u64);
        match (tries.fetch_add(1, Ordering::Relaxed), asked.headers.get("range").map(String::as_str)) {
            (0, None) => Answer { length, body: layer[..40].to_vec(), ..answer },
            (1, Some("bytes=40-")) => Answer {
                length: length.map(|n| n - 40),
                body: layer[40..60].to_vec(),
                status: "206 Partial Content",
                ..answer
            },
            // This time it does not honour the range.
            _ => answer,
        }
    })
    .await;
    let name = format!("{}/a:1", registry.address);
    let image = scene.images.pull(&name, None, None, nobody()).await.unwrap();
    assert_eq!(image.size_bytes, 6);
    let ranges: Vec<Option<String>> = registry
        .asked()
        .iter()
        .filter(|a| a.path.contains("blobs"))
        .map(|a| a.headers.get("range").cloned())
        .collect();
    assert!(ranges.contains(&Some("bytes=60-".to_owned())), "{ranges:?}");
}

#[tokio::test]
async fn tokens_are_fetched_once_and_stay_with_their_host() {
    let scene = Scene::new().await;
    let storage = FalseRegistry::start(good).await;
    let (elsewhere, blob) = (storage.address, gzip(&root()));
    let token_server = FalseRegistry::start(|_| Answer::new("200 OK", r#"{"token":"secret-token"}"#)).await;
    let realm = token_server.address;
    let registry = FalseRegistry::start(move |asked| {
        if asked.headers.get("authorization").map(String::as_str) != Some("Bearer secret-token") {
            let ask = format!(r#"www-authenticate: Bearer realm="http://{realm}/token",service="s",scope="repository:a:pull""#);
            return Answer::new("401 Unauthorized", "{}").header(ask);
        }
        match asked.path.ends_with(&hex(&blob)) {
            // Another port of the same machine is another host.
            true => Answer::new("307 Temporary Redirect", "").header(format!("location: http://{elsewhere}{}", asked.path)),
            false => good(asked),
        }
    })
    .await;
    let auth =
        RegistryAuth { username: "me".to_owned(), password: "pw".to_owned(), ..RegistryAuth::default() };
    let name = format!("{}/a:1", registry.address);
    scene.images.pull(&name, None, Some(auth), nobody()).await.unwrap();
    let asked = token_server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/token?service=s&scope=repository%3Aa%3Apull");
    assert_eq!(asked[0].headers["authorization"], "Basic bWU6cHc=");
    let asked = storage.asked();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].headers.contains_key("authorization"), "{asked:?}");
}

#[tokio::test]
async fn refusals_are_told_in_dockers_words() {
    let scene = Scene::new().await;
    let body = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    let registry = FalseRegistry::start(move |_| Answer::new("401 Unauthorized", body)).await;
    let name = format!("{}/a", registry.address);
    let error = scene.images.pull(&name, None, None, nobody()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let words = format!(
        "pull access denied for {name}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
    );
    assert_eq!(error.to_string(), words);
}
