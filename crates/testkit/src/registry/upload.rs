//! Putting images into a plain registry without any program under test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use sha2::{Digest, Sha256};

/// An image to be put into a registry.
#[derive(Debug, Clone)]
pub struct Upload<'a> {
    /// Docker's media types, not OCI's.
    pub docker: bool,
    /// The configuration, as JSON.
    pub config: &'a [u8],
    /// The layers as they go over the wire, lowest first.
    pub layers: &'a [Vec<u8>],
}

/// `sha256:…` of bytes.
pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl Upload<'_> {
    /// The manifest.
    pub fn manifest(&self) -> String {
        let [kind, config, layer] = match self.docker {
            true => [
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            ],
            false => [
                "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.oci.image.config.v1+json",
                "application/vnd.oci.image.layer.v1.tar+gzip",
            ],
        };
        let descriptor = |kind: &str, bytes: &[u8]| {
            format!(r#"{{"mediaType":"{kind}","digest":"{}","size":{}}}"#, digest(bytes), bytes.len())
        };
        let layers: Vec<String> = self.layers.iter().map(|bytes| descriptor(layer, bytes)).collect();
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{},"layers":[{}]}}"#,
            descriptor(config, self.config),
            layers.join(",")
        )
    }

    /// Puts all of it under a tag; gives the manifest's digest.
    ///
    /// # Panics
    /// When the registry refuses.
    pub fn put(&self, to: SocketAddr, repository: &str, tag: &str) -> String {
        for bytes in self.layers.iter().map(Vec::as_slice).chain([self.config]) {
            blob(to, repository, bytes);
        }
        manifest(to, repository, tag, &self.manifest())
    }
}

/// Puts one blob.
fn blob(to: SocketAddr, repository: &str, bytes: &[u8]) {
    let begun = call(to, "POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"");
    let place = begun.lines().find_map(|line| line.strip_prefix("Location: ")).expect("a place to upload to");
    let place = place.trim().split_once("/v2/").expect("an upload path").1;
    let joint = if place.contains('?') { '&' } else { '?' };
    let path = format!("/v2/{place}{joint}digest={}", digest(bytes));
    let answer = call(to, "PUT", &path, "application/octet-stream", bytes);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

/// Puts a manifest or index, whose media type stands in it, under a tag or digest; gives its digest.
///
/// # Panics
/// When the registry refuses.
pub fn manifest(to: SocketAddr, repository: &str, name: &str, text: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let kind = json["mediaType"].as_str().expect("a media type");
    let answer = call(to, "PUT", &format!("/v2/{repository}/manifests/{name}"), kind, text.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    digest(text.as_bytes())
}

/// One request; gives the whole answer.
fn call(to: SocketAddr, method: &str, path: &str, kind: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).expect("the registry listens");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .expect("a request");
    stream.write_all(body).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}
