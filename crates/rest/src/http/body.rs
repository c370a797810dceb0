//! Bodies: JSON within a limit, streams without one, and the bodies of answers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use engine_api::decode;
use engine_api::shape::{self, Field};
use futures_util::{Stream, StreamExt, TryStreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use serde::de::DeserializeOwned;
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use crate::failure::Failure;

/// How long, and how many bytes of it, a body is read on that nobody wants.
const LINGER_TIME: Duration = Duration::from_secs(5);
const LINGER_LIMIT: usize = 8 * 1024 * 1024;

/// Largest body that is read into memory, in bytes.
pub(crate) const JSON_LIMIT: usize = 4 * 1024 * 1024;

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A body that is all there.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that comes as it comes.
pub(crate) fn stream(chunks: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(chunks.map_ok(Frame::data)).boxed_unsync()
}

/// What a handler takes as its request's body.
pub(crate) trait Taken: Sized + Send + 'static {
    /// Reads it.
    fn take(headers: &HeaderMap, incoming: Incoming) -> impl Future<Output = Result<Self, Failure>> + Send;
    /// The fields of its model, for the coverage test.
    fn fields() -> Vec<Field>;
}

/// No body: what comes is read and forgotten, so that it is not taken for something else.
impl Taken for () {
    async fn take(_: &HeaderMap, incoming: Incoming) -> Result<Self, Failure> {
        collect(incoming).await.map(drop)
    }

    fn fields() -> Vec<Field> {
        Vec::new()
    }
}

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned + Send + 'static> Taken for Json<T> {
    async fn take(headers: &HeaderMap, incoming: Incoming) -> Result<Self, Failure> {
        let kind =
            headers.get(CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
        let is_json = |kind: &str| {
            kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        };
        if !kind.as_deref().is_some_and(is_json) {
            let kind = kind.unwrap_or_default();
            return Err(Failure::invalid(format!(
                "unsupported Content-Type header ({kind}): must be 'application/json'"
            )));
        }
        if let Some(length) =
            headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok())
            && length > JSON_LIMIT as u64
        {
            return Err(too_large());
        }
        let bytes = collect(incoming).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Failure::invalid("invalid JSON: got EOF while reading request body"));
        }
        Ok(Self(decode::from_json(&bytes)?))
    }

    fn fields() -> Vec<Field> {
        shape::fields::<T>()
    }
}

/// A JSON body where there need not be any.
impl<T: DeserializeOwned + Send + 'static> Taken for Option<Json<T>> {
    async fn take(headers: &HeaderMap, incoming: Incoming) -> Result<Self, Failure> {
        if hyper::body::Body::is_end_stream(&incoming) {
            return Ok(None);
        }
        Json::take(headers, incoming).await.map(Some)
    }

    fn fields() -> Vec<Field> {
        Json::<T>::fields()
    }
}

/// A body of any length, not read yet.
pub(crate) struct Upload(Incoming);

impl Upload {
    /// Reads it piece by piece.
    pub(crate) fn reader(self) -> impl AsyncRead + Send + Unpin + 'static {
        let data = Lingering(Some(self.0)).filter_map(|frame| {
            let data = frame.map(|frame| frame.into_data().ok()).map_err(std::io::Error::other).transpose();
            std::future::ready(data)
        });
        StreamReader::new(data)
    }
}

/// A body that is read on when its reader goes, within bounds: a client that is refused while it still sends would see a
/// broken connection in place of the answer.
struct Lingering(Option<Incoming>);

impl Stream for Lingering {
    type Item = Result<Frame<Bytes>, hyper::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(incoming) = self.0.as_mut() else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(incoming).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if let (Some(incoming), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LINGER_TIME, read_on(incoming)));
        }
    }
}

async fn read_on(mut incoming: Incoming) {
    let mut left = LINGER_LIMIT;
    while let Some(Ok(frame)) = incoming.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}

impl Taken for Upload {
    async fn take(_: &HeaderMap, incoming: Incoming) -> Result<Self, Failure> {
        Ok(Self(incoming))
    }

    fn fields() -> Vec<Field> {
        Vec::new()
    }
}

/// Reads a body into memory, up to the limit.
async fn collect(mut incoming: Incoming) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let frame =
            frame.map_err(|error| Failure::invalid(format!("cannot read the request body: {error}")))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > JSON_LIMIT {
            return Err(too_large());
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes.freeze())
}

fn too_large() -> Failure {
    Failure::new(
        StatusCode::BAD_REQUEST,
        format!("the request body is larger than {} MiB", JSON_LIMIT / (1024 * 1024)),
    )
}
