//! The daemon's answers: status, JSON, streams of JSON lines, raw bytes.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;

/// The largest answer that is read as a whole.
const MAX_BODY: usize = 256 << 20;
/// The largest line of a stream of JSON objects.
const MAX_LINE: usize = 16 << 20;
/// The largest error text that is read.
const MAX_ERROR: usize = 1 << 20;

/// A good answer whose body is still to be read.
pub(crate) struct Answer {
    what: String,
    response: http::Response<Incoming>,
}

impl Answer {
    /// Turns a bad status into the daemon's own words.
    pub(super) async fn checked(response: http::Response<Incoming>, what: String) -> Result<Self, Error> {
        let status = response.status();
        if status.is_success() || status == http::StatusCode::NOT_MODIFIED {
            return Ok(Self { what, response });
        }
        let body = Limited::new(response.into_body(), MAX_ERROR).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        let message = serde_json::from_slice::<serde_json::Value>(&body).ok();
        let message = message.as_ref().and_then(|value| value.get("message")?.as_str());
        let message = match message {
            Some(message) => message.trim().to_owned(),
            None if body.is_empty() => format!("{what}: {status}"),
            None => String::from_utf8_lossy(&body).trim().to_owned(),
        };
        Err(Error::Daemon { status: status.as_u16(), message })
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The whole body.
    pub(crate) async fn bytes(self) -> Result<Bytes, Error> {
        let body = Limited::new(self.response.into_body(), MAX_BODY).collect().await;
        body.map(|body| body.to_bytes())
            .map_err(|error| Error::Answer { what: self.what, reason: error.to_string() })
    }

    /// The whole body as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let what = self.what.clone();
        let bytes = self.bytes().await?;
        parse(&bytes).map_err(|error| Error::Answer { what, reason: error.to_string() })
    }

    /// The next bytes of the body as they come; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.response.body_mut().frame().await {
            let frame = frame.map_err(|source| Error::Http { what: self.what.clone(), source })?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The body as JSON objects, one after the other.
    pub(crate) fn lines(self) -> Lines {
        Lines { answer: self, buffer: BytesMut::new(), searched: 0 }
    }
}

/// A stream of JSON objects, one per line.
pub(crate) struct Lines {
    answer: Answer,
    buffer: BytesMut,
    searched: usize,
}

impl Lines {
    /// The next object; `None` at the end.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        loop {
            if let Some(end) = self.buffer[self.searched..].iter().position(|b| *b == b'\n') {
                let line = self.buffer.split_to(self.searched + end + 1);
                self.searched = 0;
                if !line.trim_ascii().is_empty() {
                    return self.parse(&line).map(Some);
                }
                continue;
            }
            self.searched = self.buffer.len();
            if self.searched > MAX_LINE {
                return Err(self.bad(format!("a line is longer than {MAX_LINE} bytes")));
            }
            match self.answer.chunk().await? {
                Some(data) => self.buffer.extend_from_slice(&data),
                None if self.buffer.trim_ascii().is_empty() => return Ok(None),
                None => {
                    let line = self.buffer.split();
                    self.searched = 0;
                    return self.parse(&line).map(Some);
                }
            }
        }
    }

    fn parse<T: DeserializeOwned>(&self, line: &[u8]) -> Result<T, Error> {
        parse(line).map_err(|error| self.bad(error.to_string()))
    }

    fn bad(&self, reason: String) -> Error {
        Error::Answer { what: self.answer.what.clone(), reason }
    }
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    // Most answers have no null where the model wants something: long ones are read in one go.
    serde_json::from_slice(json)
        .or_else(|_| serde_json::from_value(without_nulls(serde_json::from_slice(json)?)))
}

/// Drops the fields of objects that are null: daemons of other makes write `null` for lists and maps that are empty, and
/// the models take absent for empty.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
