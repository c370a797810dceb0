//! Sends requests, agreeing on the API version as it goes.

use std::cell::RefCell;

use http::{StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::connect::{Connection, connect};
use super::request::Payload;
use super::{Answer, Host, Request, StreamBody, TlsFiles};
use crate::config::Config;
use crate::error::Error;

/// The API version this client speaks when the daemon does.
const API_VERSION: &str = "1.56";
/// What a daemon of an older API says, before the version it has.
const TOO_NEW: &str = "Maximum supported API version is ";

/// A way to one daemon. Belongs to one thread, as the program has one.
pub(crate) struct Client {
    host: Host,
    tls: Option<TlsFiles>,
    config: Config,
    context: String,
    version: RefCell<String>,
}

/// A connection that left HTTP: bytes both ways. Shutting its writing half down is end of file on the other side.
pub(crate) type Hijacked = TokioIo<hyper::upgrade::Upgraded>;

impl Client {
    /// Makes a client; connects to nothing. `version` is `DOCKER_API_VERSION`, if set.
    pub(crate) fn new(
        (host, tls): (Host, Option<TlsFiles>),
        context: String,
        version: Option<String>,
        config: Config,
    ) -> Self {
        let version = RefCell::new(version.unwrap_or_else(|| API_VERSION.to_owned()));
        Self { host, tls, config, context, version }
    }

    /// The user's configuration file.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The daemon's address.
    pub(crate) fn host(&self) -> String {
        self.host.to_string()
    }

    /// The name of the context that led to the daemon.
    pub(crate) fn context(&self) -> &str {
        &self.context
    }

    /// A connection to the daemon on which nothing was said yet.
    pub(crate) async fn dial(&self) -> Result<Connection, Error> {
        connect(&self.host, self.tls.as_ref()).await
    }

    /// The API version in use; exact after the first answer.
    pub(crate) fn version(&self) -> String {
        self.version.borrow().clone()
    }

    /// Sends a request and checks the answer's status.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, Error> {
        let what = request.describe();
        let answer = self.exchange(request).await?;
        Answer::checked(answer, what).await
    }

    /// Sends a request and forgets the answer's body.
    pub(crate) async fn done(&self, request: Request) -> Result<(), Error> {
        self.send(request).await.map(|_| ())
    }

    /// Sends a request and reads the answer as JSON.
    pub(crate) async fn json<T: serde::de::DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        self.send(request).await?.json().await
    }

    /// Sends a request that turns the connection into a byte stream.
    pub(crate) async fn hijack(&self, request: Request) -> Result<Hijacked, Error> {
        let what = request.describe();
        let request = request.header("Connection", "Upgrade").header("Upgrade", "tcp");
        let answer = self.exchange(request).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            let status = answer.status();
            Answer::checked(answer, what.clone()).await?;
            return Err(Error::Answer {
                what,
                reason: format!("the connection was not upgraded (status {status})"),
            });
        }
        let upgraded = hyper::upgrade::on(answer).await.map_err(|source| Error::Http { what, source })?;
        Ok(TokioIo::new(upgraded))
    }

    /// Sends; if the daemon's API is older than ours, takes its version and sends again.
    async fn exchange(&self, request: Request) -> Result<http::Response<Incoming>, Error> {
        let Request { method, path, query, headers, payload } = request;
        // A body can be sent only once, and the answer to a HEAD has no words.
        if matches!(payload, Payload::Stream(_)) || method == http::Method::HEAD {
            self.agree().await?;
        }
        let used = self.version();
        let build = |payload: Payload| Request {
            method: method.clone(),
            path: path.clone(),
            query: query.clone(),
            headers: headers.clone(),
            payload,
        };
        let again = match &payload {
            Payload::Empty => Some(Payload::Empty),
            Payload::Json(body) => Some(Payload::Json(body.clone())),
            Payload::Stream(_) => None,
        };
        let answer = self.once(build(payload)).await?;
        let Some(again) = again.filter(|_| answer.status() == StatusCode::BAD_REQUEST) else {
            return Ok(answer);
        };
        match self.refused_version(answer, &used).await? {
            Refused::Version => self.once(build(again)).await,
            Refused::Request(error) => Err(error),
        }
    }

    /// Before a body that can be sent only once: asks for the daemon's version.
    async fn agree(&self) -> Result<(), Error> {
        let used = self.version();
        let answer = self.once(Request::get("/_ping")).await?;
        if answer.status() == StatusCode::BAD_REQUEST {
            self.refused_version(answer, &used).await?;
        }
        Ok(())
    }

    /// Why the daemon answered 400 to a request of version `used`; takes over its version if that is why.
    async fn refused_version(&self, answer: http::Response<Incoming>, used: &str) -> Result<Refused, Error> {
        let Err(error) = Answer::checked(answer, String::new()).await else {
            return Err(Error::Answer { what: "a request".to_owned(), reason: "status 400".to_owned() });
        };
        if let Error::Daemon { message, .. } = &error
            && let Some((_, version)) = message.split_once(TOO_NEW)
        {
            let version: String = version.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            let differs = used != version;
            self.version.replace(version);
            if differs {
                return Ok(Refused::Version);
            }
        }
        Ok(Refused::Request(error))
    }

    async fn once(&self, request: Request) -> Result<http::Response<Incoming>, Error> {
        let what = request.describe();
        let failed = |source| Error::Http { what: what.clone(), source };
        let stream = self.dial().await?;
        let (mut sender, connection) =
            http1::handshake::<_, StreamBody>(TokioIo::new(stream)).await.map_err(failed)?;
        // Ends by itself with the answer's body, or with the upgraded stream.
        tokio::spawn(connection.with_upgrades());
        let message = self.message(request)?;
        sender.send_request(message).await.map_err(failed)
    }

    fn message(&self, request: Request) -> Result<http::Request<StreamBody>, Error> {
        let what = request.describe();
        let uri = format!("/v{}{}{}", self.version.borrow(), request.path, request.query);
        let mut builder = http::Request::builder()
            .method(request.method)
            .uri(uri)
            .header(header::HOST, "api.shoal.local")
            .header(header::USER_AGENT, concat!("shoal/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        let body = match request.payload {
            Payload::Empty => UnsyncBoxBody::new(Empty::new().map_err(|never| match never {})),
            Payload::Json(bytes) => {
                builder = builder.header(header::CONTENT_TYPE, "application/json");
                UnsyncBoxBody::new(Full::new(bytes).map_err(|never| match never {}))
            }
            Payload::Stream(body) => {
                builder = builder.header(header::CONTENT_TYPE, "application/x-tar");
                body
            }
        };
        builder.body(body).map_err(|error| Error::Answer { what, reason: error.to_string() })
    }
}

/// Why a daemon answered 400.
enum Refused {
    /// Our version was too new; now it is the daemon's.
    Version,
    Request(Error),
}
