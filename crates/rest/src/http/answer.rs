//! Answers: JSON, nothing, lines as they come, and failures.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use super::body::{Body, full, stream};
use super::hijack::Hijack;
use crate::failure::Failure;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a handler answers.
pub(crate) enum Answer {
    /// An HTTP response.
    Response(Response<Body>),
    /// The connection leaves HTTP.
    Hijack(Hijack),
}

/// What handlers return.
pub(crate) type Outcome = Result<Answer, Failure>;

impl Answer {
    fn of(status: StatusCode, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response
    }

    /// 200 and a value as JSON.
    pub(crate) fn json(value: &impl Serialize) -> Outcome {
        Self::json_with(StatusCode::OK, value)
    }

    /// A status and a value as JSON.
    pub(crate) fn json_with(status: StatusCode, value: &impl Serialize) -> Outcome {
        let mut bytes = serde_json::to_vec(value)
            .map_err(|error| Failure::internal(format!("cannot write the answer: {error}")))?;
        bytes.push(b'\n');
        let mut response = Self::of(status, full(bytes));
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        Ok(Self::Response(response))
    }

    /// A status alone.
    pub(crate) fn empty(status: StatusCode) -> Outcome {
        Ok(Self::Response(Self::of(status, full(Bytes::new()))))
    }

    /// 200 and plain text.
    pub(crate) fn text(text: &'static str) -> Response<Body> {
        let mut response = Self::of(StatusCode::OK, full(text));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }

    /// 200 and one JSON value per line, each sent as it comes. Headers go out before the first line.
    pub(crate) fn lines<T: Serialize>(values: impl Stream<Item = T> + Send + 'static) -> Self {
        let chunks = values.map(|value| {
            let mut line = serde_json::to_vec(&value).map_err(std::io::Error::other)?;
            line.extend_from_slice(b"\r\n");
            Ok(Bytes::from(line))
        });
        Self::streamed(JSON, chunks)
    }

    /// 200 and bytes as they come.
    pub(crate) fn streamed(
        kind: HeaderValue,
        chunks: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        let mut response = Self::of(StatusCode::OK, stream(chunks));
        response.headers_mut().insert(CONTENT_TYPE, kind);
        Self::Response(response)
    }

    /// `{"message": …}`; a status that has no body gets none.
    pub(crate) fn failure(failure: &Failure) -> Response<Body> {
        if failure.status == StatusCode::NOT_MODIFIED {
            return Self::of(failure.status, full(Bytes::new()));
        }
        let mut text = serde_json::json!({ "message": failure.message }).to_string();
        text.push('\n');
        let mut response = Self::of(failure.status, full(text));
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        response
    }
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Self {
        Self::Response(response)
    }
}
