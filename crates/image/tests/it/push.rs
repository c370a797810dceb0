//! Push, to the registry that Debian ships and to false ones.

use std::io::Read;

use image::{ErrorKind, Images, ImportOptions, Progress, RegistryAuth};
use tokio::sync::mpsc;

use crate::{
    archive::{Archive, config, gzip, root},
    registry::{Answer, DOCKER_MANIFEST, FalseRegistry, OCI_INDEX, OCI_MANIFEST, Registry, manifest},
    scene::{Scene, nobody},
};

async fn push(images: &Images, name: &str) -> (image::Result<Vec<image::Pushed>>, Vec<Progress>) {
    let (to, mut from) = mpsc::channel(1000);
    let pushed = images.push(name, None, None, to).await;
    let mut lines = Vec::new();
    while let Some(line) = from.recv().await {
        lines.push(line);
    }
    (pushed, lines)
}

fn told(lines: &[Progress], status: &str) -> bool {
    lines.iter().any(|line| line.status == status)
}

/// More than two blocks, so that they come from several threads.
fn layer() -> Vec<u8> {
    let data: Vec<u8> = (0..1_200_000_u32).map(|n| (n / 3) as u8).collect();
    Archive::new().file("data", &data).bytes()
}

async fn import(scene: &Scene, name: &str) -> std::sync::Arc<image::Image> {
    let options = ImportOptions { reference: Some(name.to_owned()), ..ImportOptions::default() };
    scene.images.import(std::io::Cursor::new(layer()), options, nobody()).await.unwrap()
}

#[tokio::test]
async fn a_layer_made_here_is_compressed_on_the_way_once() {
    let (scene, registry) = (Scene::new().await, Registry::start().await);
    let name = registry.name("a:1");
    let image = import(&scene, &name).await;
    let (pushed, lines) = push(&scene.images, &name).await;
    let pushed = pushed.unwrap();
    assert_eq!(lines[0].status, format!("The push refers to repository [{}]", registry.name("a")));
    assert!(told(&lines, "Preparing") && told(&lines, "Pushed"), "{lines:?}");
    assert_eq!(lines[1].id.as_deref(), Some(&image.diff_ids[0][7..19]));
    let digests = scene.images.get(&name).await.unwrap().repo_digests.clone();
    assert_eq!(digests, [format!("{}@{}", registry.name("a"), pushed[0].digest)]);

    let other = Scene::new().await;
    let pulled = other.images.pull(&name, None, None, nobody()).await.unwrap();
    assert_eq!((&pulled.id, &pulled.diff_ids), (&image.id, &image.diff_ids));
    // One member of gzip, which the simplest of decoders reads, and nothing behind it.
    let blobs = other.root().join("blobs/sha256");
    let packed =
        std::fs::read_dir(&blobs).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let packed = packed.max_by_key(Vec::len).unwrap();
    let mut decoder = flate2::bufread::GzDecoder::new(&packed[..]);
    let mut plain = Vec::new();
    decoder.read_to_end(&mut plain).unwrap();
    assert!(plain == layer() && decoder.into_inner().is_empty() && packed.len() < plain.len() / 2);

    let (again, lines) = push(&scene.images, &name).await;
    assert_eq!(again.unwrap(), pushed);
    assert!(told(&lines, "Layer already exists") && !told(&lines, "Pushing"), "{lines:?}");
    scene.images.tag(&name, &registry.name("b/c:2")).await.unwrap();
    let scene = scene.reopen().await;
    let (_, lines) = push(&scene.images, &registry.name("b/c:2")).await;
    assert!(told(&lines, "Mounted from a"), "{lines:?}");
    scene.eventually_only("tmp", 0).await;
}

#[tokio::test]
async fn what_came_from_a_registry_goes_as_it_came() {
    let (scene, registry) = (Scene::new().await, Registry::start().await);
    let (packed, config) = (gzip(&root()), config(&[&root()]));
    for (repository, media_type) in [("oci", OCI_MANIFEST), ("docker", DOCKER_MANIFEST)] {
        for blob in [&packed, &config] {
            registry.push_blob(repository, blob).await;
        }
        let text = manifest(media_type, &config, &[&packed]);
        let digest = registry.push_manifest(repository, "1", media_type, &text).await;
        let (name, copy) =
            (registry.name(&format!("{repository}:1")), registry.name(&format!("copy/{repository}:1")));
        scene.images.pull(&name, None, None, nobody()).await.unwrap();
        scene.images.tag(&name, &copy).await.unwrap();
        let (pushed, lines) = push(&scene.images, &copy).await;
        assert_eq!(pushed.unwrap()[0].digest, digest, "{lines:?}");
        // Of an index the image of this machine is pushed.
        let entry = format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}}}"#, text.len());
        let index = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{}]}}"#,
            entry.replace("\"size\"", r#""platform":{"os":"linux","architecture":"amd64"},"size""#)
        );
        registry.push_manifest(repository, "multi", OCI_INDEX, &index).await;
        let name = registry.name(&format!("{repository}:multi"));
        scene.images.pull(&name, Some("linux/amd64"), None, nobody()).await.unwrap();
        let (pushed, _) = push(&scene.images, &name).await;
        assert_eq!(pushed.unwrap()[0].digest, digest);
    }
}

#[tokio::test]
async fn tokens_are_for_writing_and_stay_with_their_host() {
    let scene = Scene::new().await;
    let token_server =
        FalseRegistry::start(|_| Answer::new("200 OK", r#"{"access_token":"secret-token"}"#)).await;
    let elsewhere = FalseRegistry::start(|_| Answer::new("202 Accepted", "")).await;
    let (realm, other) = (token_server.address, elsewhere.address);
    let registry = FalseRegistry::start(move |asked| {
        if asked.headers.get("authorization").map(String::as_str) != Some("Bearer secret-token") {
            let ask = format!(r#"www-authenticate: Bearer realm="http://{realm}/token",service="s",scope="repository:a:pull""#);
            return Answer::new("401 Unauthorized", "{}").header(ask);
        }
        match asked.path.as_str() {
            "/v2/" => Answer::new("200 OK", "{}"),
            path if path.ends_with("/uploads/") => {
                Answer::new("202 Accepted", "").header(format!("location: http://{other}/upload?state=hidden"))
            }
            _ => Answer::new("404 Not Found", "{}"),
        }
    })
    .await;
    let name = format!("{}/a:1", registry.address);
    import(&scene, &name).await;
    let auth =
        RegistryAuth { username: "me".to_owned(), password: "pw".to_owned(), ..RegistryAuth::default() };
    let error = scene.images.push(&name, None, Some(auth), nobody()).await.unwrap_err();
    let words = format!("{error} {error:?}");
    assert!(!words.contains("hidden") && !words.contains("secret-token") && !words.contains("pw"), "{words}");
    let asked = token_server.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].path, "/token?service=s&scope=repository%3Aa%3Apull%2Cpush");
    assert!(!elsewhere.asked().is_empty(), "{words}");
    assert!(elsewhere.asked().iter().all(|asked| !asked.headers.contains_key("authorization")));
}

#[tokio::test]
async fn a_refused_push_and_login_are_told_in_the_registrys_words() {
    let scene = Scene::new().await;
    let body = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    let registry = FalseRegistry::start(move |_| Answer::new("403 Forbidden", body)).await;
    let name = format!("{}/a:1", registry.address);
    import(&scene, &name).await;
    let error = scene.images.push(&name, None, None, nobody()).await.unwrap_err();
    assert_eq!(error.to_string(), "denied: requested access to the resource is denied");
    assert_eq!(error.kind(), ErrorKind::Forbidden);

    let tokens = FalseRegistry::start(|asked| match asked.headers.get("authorization").map(String::as_str) {
        Some("Basic bWU6cHc=") => Answer::new("200 OK", r#"{"token":"t","refresh_token":"for-later"}"#),
        _ => Answer::new("401 Unauthorized", r#"{"details":"incorrect username or password"}"#),
    })
    .await;
    let realm = tokens.address;
    let registry = FalseRegistry::start(move |asked| match asked.headers.contains_key("authorization") {
        true => Answer::new("200 OK", "{}"),
        false => Answer::new("401 Unauthorized", "{}")
            .header(format!(r#"www-authenticate: Bearer realm="http://{realm}/token",service="s""#)),
    })
    .await;
    let auth = |password: &str| RegistryAuth {
        username: "me".to_owned(),
        password: password.to_owned(),
        server_address: registry.address.to_string(),
        ..RegistryAuth::default()
    };
    assert_eq!(scene.images.login(auth("pw")).await.unwrap().as_deref(), Some("for-later"));
    let path = &tokens.asked()[0].path;
    assert_eq!(path, "/token?service=s&account=me&client_id=shoal&offline_token=true");
    let error = scene.images.login(auth("other")).await.unwrap_err();
    let words =
        format!("Get \"http://{}/v2/\": unauthorized: incorrect username or password", registry.address);
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Forbidden, words));
}

#[tokio::test]
async fn a_refresh_token_follows_no_redirect() {
    let scene = Scene::new().await;
    let elsewhere = FalseRegistry::start(|_| Answer::new("200 OK", r#"{"token":"t"}"#)).await;
    let other = elsewhere.address;
    let tokens = FalseRegistry::start(move |_| {
        Answer::new("307 Temporary Redirect", "").header(format!("location: http://{other}/token"))
    })
    .await;
    let realm = tokens.address;
    let registry = FalseRegistry::start(move |_| {
        Answer::new("401 Unauthorized", "{}")
            .header(format!(r#"www-authenticate: Bearer realm="http://{realm}/token",service="s""#))
    })
    .await;
    let auth = RegistryAuth {
        identity_token: "long-lived".to_owned(),
        server_address: registry.address.to_string(),
        ..RegistryAuth::default()
    };
    let error = scene.images.login(auth).await.unwrap_err();
    assert!(elsewhere.asked().is_empty() && !error.to_string().contains("long-lived"), "{error}");
    assert_eq!(tokens.asked()[0].path, "/token");
}
