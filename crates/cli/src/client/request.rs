//! A request in the making: method, path, query, headers, body.

use bytes::Bytes;
use http::Method;
use http_body_util::combinators::UnsyncBoxBody;
use serde::Serialize;

use super::query::encode;

/// A body that is sent as it is produced.
pub(crate) type StreamBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// What a request carries.
pub(crate) enum Payload {
    Empty,
    /// JSON, kept so that it can be sent again with another API version.
    Json(Bytes),
    /// A stream of bytes such as an archive; sent once.
    Stream(StreamBody),
}

/// One call of the API.
pub(crate) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) payload: Payload,
}

impl Request {
    fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query: String::new(),
            headers: Vec::new(),
            payload: Payload::Empty,
        }
    }

    /// A GET of `path`, which begins with a slash and has no version.
    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// A HEAD of `path`: the answer has headers only.
    pub(crate) fn head(path: &str) -> Self {
        Self::new(Method::HEAD, path)
    }

    /// A PUT to `path`.
    pub(crate) fn put(path: &str) -> Self {
        Self::new(Method::PUT, path)
    }

    /// A POST to `path`.
    pub(crate) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    /// A DELETE of `path`.
    pub(crate) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Adds a query parameter.
    pub(crate) fn query(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.query.push(if self.query.is_empty() { '?' } else { '&' });
        self.query.push_str(&encode(name));
        self.query.push('=');
        self.query.push_str(&encode(&value.to_string()));
        self
    }

    /// Adds a query parameter if there is a value, or, for text, if it is not empty.
    pub(crate) fn query_some<T: std::fmt::Display>(self, name: &str, value: Option<T>) -> Self {
        match value.map(|value| value.to_string()) {
            Some(value) if !value.is_empty() => self.query(name, value),
            _ => self,
        }
    }

    /// Adds `name=1` if `set`.
    pub(crate) fn flag(self, name: &str, set: bool) -> Self {
        if set { self.query(name, 1) } else { self }
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Adds a header if there is a value.
    pub(crate) fn header_some(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Sets a JSON body.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        // Our own models have string keys and no failing serialisers.
        self.payload = Payload::Json(serde_json::to_vec(body).unwrap_or_default().into());
        self
    }

    /// Sets a body that is sent as it comes.
    pub(crate) fn stream(mut self, body: StreamBody) -> Self {
        self.payload = Payload::Stream(body);
        self
    }

    /// For errors: `POST /containers/create`.
    pub(super) fn describe(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
