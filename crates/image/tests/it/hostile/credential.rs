//! Credentials: they reach the host they are for, and neither other hosts nor any log.

use std::{
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use image::RegistryAuth;

use crate::{
    archive::{config, gzip, hex, root},
    registry::{Answer, Asked, FalseRegistry, OCI_MANIFEST, manifest},
    scene::{Scene, nobody},
};

const PASSWORD: &str = "opensesame-4711";
/// `me:opensesame-4711` as basic authentication sends it.
const BASIC: &str = "bWU6b3BlbnNlc2FtZS00NzEx";
const REFRESH: &str = "refresh-0815";
const TOKEN: &str = "token-4242";

fn auth() -> RegistryAuth {
    RegistryAuth { username: "me".to_owned(), password: PASSWORD.to_owned(), ..RegistryAuth::default() }
}

fn good(asked: &Asked) -> Answer {
    let (layer, config) = (gzip(&root()), config(&[&root()]));
    match asked.path.as_str() {
        path if path.contains("/manifests/") => {
            Answer::new("200 OK", manifest(OCI_MANIFEST, &config, &[&layer]))
                .header(format!("content-type: {OCI_MANIFEST}"))
        }
        path if path.ends_with(&hex(&layer)) => Answer::new("200 OK", layer),
        path if path.ends_with(&hex(&config)) => Answer::new("200 OK", config),
        _ => Answer::new("404 Not Found", "{}"),
    }
}

fn is_layer(asked: &Asked) -> bool {
    asked.path.ends_with(&hex(&gzip(&root())))
}

fn moved(to: SocketAddr, path: &str) -> Answer {
    Answer::new("307 Temporary Redirect", "").header(format!("location: http://{to}{path}"))
}

fn assert_no_secret(asked: &[Asked]) {
    for asked in asked {
        let text = format!("{asked:?}");
        for secret in [PASSWORD, BASIC, REFRESH, TOKEN] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

/// A host that a registry redirects to asks for credentials itself, naming a token server of its own (CVE-2020-15157).
#[tokio::test]
async fn a_host_that_a_redirect_leads_to_gets_no_answer_to_its_challenge() {
    let scene = Scene::new().await;
    let thief = FalseRegistry::start(|_| Answer::new("200 OK", format!(r#"{{"token":"{TOKEN}"}}"#))).await;
    for scheme in ["Bearer", "Basic"] {
        let realm = thief.address;
        let storage = FalseRegistry::start(move |_| {
            Answer::new("401 Unauthorized", "{}")
                .header(format!(r#"www-authenticate: {scheme} realm="http://{realm}/token",service="s""#))
        })
        .await;
        let elsewhere = storage.address;
        let registry = FalseRegistry::start(move |asked| match is_layer(asked) {
            true => moved(elsewhere, &asked.path),
            false => good(asked),
        })
        .await;
        let name = format!("{}/a:1", registry.address);
        scene.images.pull(&name, None, Some(auth()), nobody()).await.unwrap_err();
        assert!(!storage.asked().is_empty());
        assert_no_secret(&storage.asked());
        assert!(thief.asked().is_empty(), "{:?}", thief.asked());
    }
}

/// The same at a login, whose first request has no credentials yet.
#[tokio::test]
async fn a_login_is_to_the_registry_and_not_to_where_it_leads() {
    let scene = Scene::new().await;
    let thief = FalseRegistry::start(|_| Answer::new("200 OK", format!(r#"{{"token":"{TOKEN}"}}"#))).await;
    let realm = thief.address;
    let elsewhere = FalseRegistry::start(move |_| {
        Answer::new("401 Unauthorized", "{}")
            .header(format!(r#"www-authenticate: Bearer realm="http://{realm}/token",service="s""#))
    })
    .await;
    let further = elsewhere.address;
    let registry = FalseRegistry::start(move |asked| moved(further, &asked.path)).await;
    let auth = RegistryAuth { server_address: registry.address.to_string(), ..auth() };
    scene.images.login(auth).await.unwrap_err();
    assert!(!elsewhere.asked().is_empty());
    assert_no_secret(&elsewhere.asked());
    assert!(thief.asked().is_empty(), "{:?}", thief.asked());
}

/// Basic credentials, sent with each request, stay behind at a redirect to another port of the same machine.
#[tokio::test]
async fn basic_credentials_do_not_follow_a_redirect() {
    let scene = Scene::new().await;
    let storage = FalseRegistry::start(good).await;
    let elsewhere = storage.address;
    let registry = FalseRegistry::start(move |asked| {
        if asked.headers.get("authorization").map(String::as_str) != Some(&format!("Basic {BASIC}")) {
            return Answer::new("401 Unauthorized", "{}").header("www-authenticate: Basic realm=\"r\"");
        }
        if is_layer(asked) { moved(elsewhere, &asked.path) } else { good(asked) }
    })
    .await;
    let name = format!("{}/a:1", registry.address);
    scene.images.pull(&name, None, Some(auth()), nobody()).await.unwrap();
    assert_eq!(storage.asked().len(), 1);
    assert_no_secret(&storage.asked());
}

/// A refresh token travels in a body, which a redirect with the same method would carry along.
#[tokio::test]
async fn a_token_server_hands_no_credentials_on() {
    for identity in ["", REFRESH] {
        let scene = Scene::new().await;
        let thief = FalseRegistry::start(|_| Answer::new("200 OK", r#"{"token":"x"}"#)).await;
        let further = thief.address;
        let tokens = FalseRegistry::start(move |_| moved(further, "/token")).await;
        let realm = tokens.address;
        let registry = FalseRegistry::start(move |_| {
            Answer::new("401 Unauthorized", "{}")
                .header(format!(r#"www-authenticate: Bearer realm="http://{realm}/token",service="s""#))
        })
        .await;
        let name = format!("{}/a:1", registry.address);
        let auth = RegistryAuth { identity_token: identity.to_owned(), ..auth() };
        scene.images.pull(&name, None, Some(auth), nobody()).await.unwrap_err();
        assert!(!tokens.asked().is_empty());
        // The false registry tells no bodies: that nobody came is what can be seen.
        assert!(thief.asked().is_empty(), "{:?}", thief.asked());
    }
}

/// Everything that this process logs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// At the most talkative level, in pulls that succeed and in pulls that fail.
#[tokio::test]
async fn no_log_and_no_error_has_a_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let scene = Scene::new().await;
    let tokens = FalseRegistry::start(|_| Answer::new("200 OK", format!(r#"{{"token":"{TOKEN}"}}"#))).await;
    let realm = tokens.address;
    let signed = "/storage?X-Signature=signed-1234";
    let storage = FalseRegistry::start(|_| Answer::new("403 Forbidden", "no")).await;
    let elsewhere = storage.address;
    let mut errors = Vec::new();
    for broken in [false, true] {
        let registry = FalseRegistry::start(move |asked| match asked.headers.get("authorization") {
            Some(value) if value.contains(TOKEN) && broken && is_layer(asked) => moved(elsewhere, signed),
            Some(value) if value.contains(TOKEN) => good(asked),
            _ => Answer::new("401 Unauthorized", "{}")
                .header(format!(r#"www-authenticate: Bearer realm="http://{realm}/token",service="s""#)),
        })
        .await;
        for auth in [auth(), RegistryAuth { identity_token: REFRESH.to_owned(), ..auth() }] {
            let name = format!("{}/a:1", registry.address);
            // The image of the last round would spare the layer.
            for image in scene.images.list().await.unwrap() {
                let all = image::RemoveOptions { force: true, ..image::RemoveOptions::default() };
                scene.images.remove(&image.id, all).await.unwrap();
            }
            errors.extend(scene.images.pull(&name, None, Some(auth.clone()), nobody()).await.err());
            errors.extend(scene.images.pull("127.0.0.1:1/a", None, Some(auth), nobody()).await.err());
        }
    }
    assert_eq!(errors.len(), 6, "{errors:?}");
    let told: String = errors.iter().map(|error| format!("{error} {error:?}\n")).collect();
    let logged = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(logged.contains(&realm.to_string()) || logged.contains("download"), "something is logged at all");
    for secret in [PASSWORD, BASIC, REFRESH, TOKEN, "signed-1234"] {
        assert!(!told.contains(secret), "an error tells {secret}: {told}");
        let line = logged.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "a log tells {secret}: {}", line.unwrap_or_default());
    }
}
