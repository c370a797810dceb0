//! Registries for tests: the real one as a process of its own, and a false one that says what a test wants.

use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    task::JoinHandle,
};

use crate::{archive::hex, scene::eventually};

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Debian's docker-registry on a port of its own, ended with the test.
pub(crate) struct Registry {
    child: Child,
    pub(crate) address: SocketAddr,
    http: reqwest::Client,
    _directory: TempDir,
}

impl Registry {
    pub(crate) async fn start() -> Registry {
        let directory = tempfile::Builder::new().prefix("shoal-image-registry-").tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = directory.path().join("config.yml");
        let root = directory.path().join("data");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
            root.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let child =
            command.spawn().expect("this test needs docker-registry: apt-get install docker-registry");
        let registry = Registry { child, address, http: client(), _directory: directory };
        eventually(
            || std::net::TcpStream::connect(address).is_ok(),
            || "docker-registry does not listen".to_owned(),
        )
        .await;
        registry
    }

    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    pub(crate) async fn push_blob(&self, repository: &str, bytes: &[u8]) {
        let url = format!("http://{}/v2/{repository}/blobs/uploads/", self.address);
        let begun = self.http.post(&url).send().await.unwrap();
        let mut place = begun.headers()["location"].to_str().unwrap().to_owned();
        place.push_str(&format!("&digest=sha256:{}", hex(bytes)));
        let done = self.http.put(&place).body(bytes.to_vec()).send().await.unwrap();
        assert!(done.status().is_success(), "{}", done.status());
    }

    /// Puts a manifest or index under a tag or digest; returns its digest.
    pub(crate) async fn push_manifest(
        &self,
        repository: &str,
        name: &str,
        media_type: &str,
        text: &str,
    ) -> String {
        let url = format!("http://{}/v2/{repository}/manifests/{name}", self.address);
        let request = self.http.put(&url).header("content-type", media_type).body(text.to_owned());
        let done = request.send().await.unwrap();
        assert!(done.status().is_success(), "{}", done.text().await.unwrap());
        format!("sha256:{}", hex(text.as_bytes()))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself; it is waited for in any case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap()
}

/// The manifest of an image.
pub(crate) fn manifest(media_type: &str, config: &[u8], layers: &[&[u8]]) -> String {
    let (config_type, layer_type) = match media_type {
        DOCKER_MANIFEST => (
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
        _ => ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"),
    };
    let descriptor = |kind: &str, bytes: &[u8]| {
        format!(r#"{{"mediaType":"{kind}","digest":"sha256:{}","size":{}}}"#, hex(bytes), bytes.len())
    };
    let layers: Vec<String> = layers.iter().map(|layer| descriptor(layer_type, layer)).collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{},"layers":[{}]}}"#,
        descriptor(config_type, config),
        layers.join(",")
    )
}

/// What a false registry was asked: path and headers with lower-case names.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
}

/// What it answers: head lines after the protocol, and bytes, after which it closes.
pub(crate) struct Answer {
    pub(crate) status: &'static str,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
    /// The announced length, if it is another than that of the body.
    pub(crate) length: Option<u64>,
    /// True to say nothing more after the body, but to stay until the client goes.
    pub(crate) hangs: bool,
}

impl Answer {
    pub(crate) fn new(status: &'static str, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, headers: Vec::new(), body: body.into(), length: None, hangs: false }
    }

    pub(crate) fn header(mut self, line: impl Into<String>) -> Answer {
        self.headers.push(line.into());
        self
    }
}

/// A registry whose answers are a function.
pub(crate) struct FalseRegistry {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: JoinHandle<()>,
}

impl FalseRegistry {
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> FalseRegistry {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (asked.clone(), Arc::new(answer));
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), log.clone()));
            }
        });
        FalseRegistry { address, asked, server }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for FalseRegistry {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn header_of_length(line: &str) -> Option<usize> {
    line.to_lowercase().strip_prefix("content-length: ")?.parse().ok()
}

async fn serve(
    stream: tokio::net::TcpStream,
    answer: Arc<impl Fn(&Asked) -> Answer + Send + Sync>,
    log: Arc<Mutex<Vec<Asked>>>,
) {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        match line.trim() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let path = lines[0].split(' ').nth(1).unwrap_or_default().to_owned();
    let header =
        |line: &String| line.split_once(": ").map(|(key, value)| (key.to_lowercase(), value.to_owned()));
    let length = lines.iter().find_map(|line| header_of_length(line)).unwrap_or(0);
    // An unread body would break the connection before the answer is read.
    let mut body = vec![0; length];
    let _ = stream.read_exact(&mut body).await;
    let asked = Asked { path, headers: lines[1..].iter().filter_map(header).collect() };
    log.lock().unwrap().push(asked.clone());
    let Answer { status, headers, body, length, hangs } = answer(&asked);
    let length = length.unwrap_or(body.len() as u64);
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n");
    for line in headers {
        head.push_str(&format!("{line}\r\n"));
    }
    // The client may hang up on what it does not want.
    let _ = stream.write_all(format!("{head}\r\n").as_bytes()).await;
    let _ = stream.write_all(&body).await;
    if hangs {
        let _ = stream.read(&mut [0]).await;
    }
    let _ = stream.shutdown().await;
}
