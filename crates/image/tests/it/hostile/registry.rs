//! Registries that lie about kinds, sizes and ranges: every answer is bounded and verified, and nothing is half-pulled.

use image::ErrorKind;

use crate::{
    archive::{config, gzip, hex, root},
    registry::{Answer, Asked, FalseRegistry, OCI_INDEX, OCI_MANIFEST, manifest},
    scene::{Scene, nobody},
};

/// What a lying registry answers.
type Lie = Box<dyn Fn(&Asked) -> Answer + Send + Sync>;

fn layer() -> Vec<u8> {
    gzip(&root())
}

fn text() -> String {
    manifest(OCI_MANIFEST, &config(&[&root()]), &[&layer()])
}

/// Serves the image under this manifest, whose type is told as `kind`.
fn serve(asked: &Asked, manifest: &str, kind: &str) -> Answer {
    let last = asked.path.rsplit('/').next().unwrap();
    let of = |bytes: &[u8]| last == format!("sha256:{}", hex(bytes));
    match asked.path.as_str() {
        path if path.contains("/manifests/") => {
            Answer::new("200 OK", manifest).header(format!("content-type: {kind}"))
        }
        _ if of(&layer()) => Answer::new("200 OK", layer()),
        _ if of(&config(&[&root()])) => Answer::new("200 OK", config(&[&root()])),
        _ => Answer::new("404 Not Found", "{}"),
    }
}

fn manifests(text: String, kind: &'static str) -> Lie {
    Box::new(move |asked| serve(asked, &text, kind))
}

fn is_layer(asked: &Asked) -> bool {
    asked.path.ends_with(&hex(&layer()))
}

fn index(entries: &str) -> String {
    format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entries}]}}"#)
}

fn entry(kind: &str, digest: &str) -> String {
    format!(
        r#"{{"mediaType":"{kind}","digest":"{digest}","size":9,"platform":{{"os":"linux","architecture":"amd64"}}}}"#
    )
}

async fn expect_refused(lies: Vec<(&str, Lie)>, kinds: &[ErrorKind]) {
    let scene = Scene::new().await;
    for (what, lie) in lies {
        let registry = FalseRegistry::start(lie).await;
        let name = format!("{}/a:1", registry.address);
        let error = scene.images.pull(&name, None, None, nobody()).await.expect_err(what);
        assert!(kinds.contains(&error.kind()), "{what}: {error}");
        assert!(error.to_string().len() < 1000, "{what}: {error}");
        assert!(scene.images.list().await.unwrap().is_empty(), "{what}");
    }
    scene.eventually_empty().await;
}

/// CVE-2021-41190: what a document is follows from its structure, and every name of its kind must agree.
#[tokio::test]
async fn confused_manifests_are_refused() {
    let (config, layer) = (config(&[&root()]), layer());
    let typed = |from: &str, to: &str| text().replace(from, to);
    let self_index = index(&entry(OCI_INDEX, &format!("sha256:{}", "1".repeat(64))));
    let inner = index("");
    let outer = index(&entry(OCI_INDEX, &format!("sha256:{}", hex(inner.as_bytes()))));
    let nested: Lie = Box::new(move |asked| match asked.path.contains("/manifests/sha256:") {
        true => Answer::new("200 OK", inner.clone()).header(format!("content-type: {OCI_INDEX}")),
        false => serve(asked, &outer, OCI_INDEX),
    });
    let lies: Vec<(&str, Lie)> = vec![
        ("it says manifest and came as an index", manifests(text(), OCI_INDEX)),
        ("it says index and came as a manifest", manifests(self_index, OCI_MANIFEST)),
        ("an index in an index", nested),
        ("both", manifests(typed(r#""config""#, r#""manifests":[],"config""#), OCI_MANIFEST)),
        ("layers twice", manifests(typed(r#""config""#, r#""layers":[],"config""#), OCI_MANIFEST)),
        ("a layer as configuration", manifests(manifest(OCI_MANIFEST, &layer, &[&layer]), OCI_MANIFEST)),
        ("a configuration as layer", manifests(manifest(OCI_MANIFEST, &config, &[&config]), OCI_MANIFEST)),
        (
            "a configuration of another type",
            manifests(typed("image.config.v1+json", "empty.v1+json"), OCI_MANIFEST),
        ),
        (
            "a layer of another type",
            manifests(typed("image.layer.v1.tar+gzip", "image.manifest.v1+json"), OCI_MANIFEST),
        ),
        ("layers in other letters", manifests(typed(r#""config""#, r#""Layers":[],"config""#), OCI_MANIFEST)),
        ("schema 1", manifests(typed(r#""config""#, r#""fsLayers":[],"config""#), OCI_MANIFEST)),
        ("no JSON", manifests("<html>".to_owned(), OCI_MANIFEST)),
        ("depth", manifests(format!(r#"{{"schemaVersion":2,"a":{}"#, "[".repeat(100_000)), OCI_MANIFEST)),
        (
            "many entries",
            manifests(
                index(&vec![entry(OCI_MANIFEST, &format!("sha256:{}", "1".repeat(64))); 20_000].join(",")),
                OCI_INDEX,
            ),
        ),
        ("many layers", manifests(manifest(OCI_MANIFEST, &config, &vec![&layer[..]; 1000]), OCI_MANIFEST)),
        ("a digest that leads out", manifests(typed("sha256:", "sha256:../../../"), OCI_MANIFEST)),
        ("a negative size", manifests(typed(r#""size":"#, r#""size":-"#), OCI_MANIFEST)),
    ];
    expect_refused(lies, &[ErrorKind::Invalid]).await;
}

#[tokio::test]
async fn false_lengths_and_ranges_are_noticed() {
    let lies: Vec<(&str, Lie)> = vec![
        (
            "a layer that is longer than its descriptor",
            Box::new(|asked| match is_layer(asked) {
                true => Answer::new("200 OK", [layer(), vec![0; 1 << 20]].concat()),
                false => serve(asked, &text(), OCI_MANIFEST),
            }),
        ),
        (
            "a length of exabytes",
            Box::new(|asked| match is_layer(asked) {
                true => Answer { length: Some(u64::MAX >> 1), ..Answer::new("200 OK", vec![0; 1 << 16]) },
                false => serve(asked, &text(), OCI_MANIFEST),
            }),
        ),
        (
            "a range that was not asked for",
            Box::new(|asked| match is_layer(asked) {
                true => Answer::new("206 Partial Content", layer()[10..].to_vec()).header(format!(
                    "content-range: bytes 10-{}/{}",
                    layer().len() - 1,
                    layer().len()
                )),
                false => serve(asked, &text(), OCI_MANIFEST),
            }),
        ),
        // Half the layer, and when the rest is asked for, the first half again under the name of the rest.
        (
            "a range of other bytes",
            Box::new(|asked| {
                let half = layer().len() / 2;
                match (is_layer(asked), asked.headers.contains_key("range")) {
                    (true, false) => Answer {
                        length: Some(layer().len() as u64),
                        ..Answer::new("200 OK", layer()[..half].to_vec())
                    },
                    (true, true) => {
                        Answer::new("206 Partial Content", layer()[..layer().len() - half].to_vec()).header(
                            format!("content-range: bytes 0-{}/{}", layer().len() - half - 1, layer().len()),
                        )
                    }
                    _ => serve(asked, &text(), OCI_MANIFEST),
                }
            }),
        ),
        (
            "an endless configuration",
            Box::new(|asked| match asked.path.ends_with(&hex(&config(&[&root()]))) {
                true => Answer { length: Some(1 << 40), ..Answer::new("200 OK", vec![b' '; 6 << 20]) },
                false => serve(asked, &text(), OCI_MANIFEST),
            }),
        ),
    ];
    expect_refused(lies, &[ErrorKind::Invalid, ErrorKind::Unavailable]).await;
}

/// By digest, a manifest is verified before it is read, whatever the registry says its digest is.
#[tokio::test]
async fn a_manifest_by_digest_is_what_was_asked_for() {
    let scene = Scene::new().await;
    let registry = FalseRegistry::start(|asked| {
        let wanted = asked.path.rsplit('/').next().unwrap().to_owned();
        serve(asked, &text(), OCI_MANIFEST).header(format!("docker-content-digest: {wanted}"))
    })
    .await;
    let name = format!("{}/a@sha256:{}", registry.address, "5".repeat(64));
    let error = scene.images.pull(&name, None, None, nobody()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    scene.eventually_empty().await;
}
