//! The daemon that is not real, and the program run against it.

use std::convert::Infallible;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::iter;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixListener;
use tokio::sync::watch;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `POST /v1.56/containers/create?name=x`, percent-decoded.
    pub(crate) line: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

type Talk = Box<dyn FnOnce(TokioIo<Upgraded>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What the daemon answers.
pub(crate) enum Reply {
    Json(u16, Value),
    Raw(&'static str, Vec<u8>),
    /// Headers at once, the body when the value is set.
    Later(watch::Receiver<Option<Value>>),
    /// 101, then this conversation.
    Hijack(Talk),
}

/// An error as the daemon writes it.
pub(crate) fn refuse(status: u16, message: &str) -> Reply {
    Reply::Json(status, serde_json::json!({"message": message}))
}

type Handler = dyn Fn(&Seen) -> Reply + Send + Sync;

/// The daemon; ends with the value.
pub(crate) struct Fake {
    folder: tempfile::TempDir,
    seen: Arc<Mutex<Vec<Seen>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Fake {
    /// Starts a daemon that answers with `handler`.
    pub(crate) fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let guard = runtime.enter();
        let listener = UnixListener::bind(folder.path().join("s")).expect("a socket");
        drop(guard);
        runtime.spawn(accept(listener, Arc::new(handler), Arc::clone(&seen)));
        Self { folder, seen, _runtime: runtime }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// The program, about to talk to this daemon.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = shoal(args);
        command.env("SHOAL_HOST", format!("unix://{}", self.socket().display()));
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).stdin(Stdio::null()).output().expect("the program runs"))
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no test holds it while it panics").clone()
    }

    /// The lines of all requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

/// The program with a clean environment.
pub(crate) fn shoal(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shoal"));
    for name in [
        "SHOAL_HOST",
        "SHOAL_CONTEXT",
        "DOCKER_CONTEXT",
        "DOCKER_HOST",
        "DOCKER_TLS",
        "DOCKER_TLS_VERIFY",
        "DOCKER_CERT_PATH",
        "DOCKER_API_VERSION",
    ] {
        command.env_remove(name);
    }
    // The configuration of whoever runs the tests is not theirs.
    command.env("DOCKER_CONFIG", "/nonexistent").args(args);
    command
}

/// What the program left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: Option<i32>,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Self { out: text(output.stdout), err: text(output.stderr), code: output.status.code() }
    }
}

async fn accept(listener: UnixListener, handler: Arc<Handler>, seen: Arc<Mutex<Vec<Seen>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
        let service = hyper::service::service_fn(move |request| {
            let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
            async move { Ok::<_, Infallible>(answer(request, &*handler, &seen).await) }
        });
        tokio::spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            // A client that goes away early is a normal thing here.
            let _ = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

async fn answer(
    mut request: hyper::Request<Incoming>,
    handler: &Handler,
    log: &Mutex<Vec<Seen>>,
) -> hyper::Response<Body> {
    let line = format!("{} {}", request.method(), decode(&request.uri().to_string()));
    let body = request.body_mut().collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let seen = Seen { line, body };
    let reply = handler(&seen);
    log.lock().expect("no panic while it is held").push(seen);
    let full = |bytes: Vec<u8>| Body::new(Full::new(Bytes::from(bytes)));
    let builder = hyper::Response::builder();
    let response = match reply {
        Reply::Json(status, value) => {
            let bytes = if value.is_null() { Vec::new() } else { value.to_string().into_bytes() };
            builder.status(status).header("Content-Type", "application/json").body(full(bytes))
        }
        Reply::Raw(kind, bytes) => builder.status(200).header("Content-Type", kind).body(full(bytes)),
        Reply::Later(mut value) => {
            let body = async move {
                let value = value.wait_for(Option::is_some).await.ok().and_then(|value| value.clone());
                Ok::<_, Infallible>(Frame::data(Bytes::from(value.unwrap_or_default().to_string())))
            };
            builder.status(200).body(Body::new(StreamBody::new(iter([body]).then(|body| body))))
        }
        Reply::Hijack(talk) => {
            tokio::spawn(async move {
                if let Ok(upgraded) = hyper::upgrade::on(request).await {
                    talk(TokioIo::new(upgraded)).await;
                }
            });
            builder
                .status(101)
                .header("Connection", "Upgrade")
                .header("Upgrade", "tcp")
                .body(full(Vec::new()))
        }
    };
    response.expect("a well-formed answer")
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).expect("two hex digits"));
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).expect("text")
}
