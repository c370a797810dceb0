//! Uploading: what is there already, mounts from other repositories, blobs in one stream or in pieces, manifests.
//!
//! A blob is sent as Docker sends it: `POST` opens a session, one `PATCH` streams everything into it, `PUT` names the
//! digest. After a broken connection the registry is asked how far it got, and the rest follows. A registry (or a proxy
//! before it) that refuses so large a request gets smaller pieces.
//! Source: the OCI distribution specification, "Pushing a blob in chunks".

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Body, Method, Response, StatusCode, Url,
    header::{
        CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE,
    },
};

use super::{
    client::{Client, shown, unreachable},
    patience::{Patience, patiently},
    source::Source,
};
use crate::{Error, Result, digest::Digest};

/// Pieces for a registry that refuses a whole layer at once; they halve with each refusal.
const FIRST_PIECE_BYTES: u64 = 64 << 20;
/// Smaller pieces than these no registry may demand.
const MIN_PIECE_BYTES: u64 = 5 << 20;
/// Bytes that must have arrived for a broken upload to count as progress, which renews the patience.
const PROGRESS_BYTES: u64 = 1 << 20;
/// How long a registry may take nothing of what it is sent.
const STALL: Duration = Duration::from_secs(60);
/// How long it may think when it has all: large blobs are moved, copied and hashed then.
const ANSWER: Duration = Duration::from_secs(600);

/// What a `POST` for an upload comes to.
#[derive(Debug)]
pub(crate) enum Begun {
    /// The registry took the blob from the other repository.
    Mounted,
    /// Where to send it.
    Session(Url),
}

/// An upload under way.
struct Upload<'a> {
    source: &'a Source,
    /// Where to go on; none: a new session is needed.
    session: Option<Url>,
    /// Bytes that the registry has, as far as we know.
    offset: u64,
    /// True if a connection broke, so that the registry knows better how much it has.
    is_broken: bool,
    /// Largest request; none: everything at once.
    piece: Option<u64>,
}

impl Client {
    /// Finds out whether the registry answers and lets us write.
    pub(crate) async fn ping(&self) -> Result<()> {
        let url = format!("{}/v2/", self.base());
        self.call(Method::GET, &url, HeaderMap::new(), Bytes::new()).await.map(drop)
    }

    /// True if the repository has the blob.
    pub(crate) async fn has_blob(&self, digest: &Digest) -> Result<bool> {
        let url = self.url(&format!("blobs/{digest}"));
        match patiently(|| self.call(Method::HEAD, &url, HeaderMap::new(), Bytes::new())).await {
            Ok(_) => Ok(true),
            Err(Error::ManifestUnknown { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens an upload; with `mount` tries to take the blob from another repository of the registry.
    pub(crate) async fn begin(&self, mount: Option<(&Digest, &str)>) -> Result<Begun> {
        let mut url = address(&self.url("blobs/uploads/"))?;
        if let Some((digest, from)) = mount {
            url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
        }
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("0"))]);
        let response =
            patiently(|| self.call(Method::POST, url.as_str(), headers.clone(), Bytes::new())).await?;
        match response.status() {
            StatusCode::CREATED => Ok(Begun::Mounted),
            _ => location(&url, &response).map(Begun::Session),
        }
    }

    /// Gives up a session that nothing was sent into. A registry that does not care forgets it by itself.
    pub(crate) async fn abandon(&self, session: Url) {
        let call = self.call(Method::DELETE, session.as_str(), HeaderMap::new(), Bytes::new());
        if let Err(error) = call.await {
            tracing::debug!(%error, "an upload session stays open");
        }
    }

    /// Sends a blob, into a session that is open already or a new one; gives its digest and size.
    pub(crate) async fn upload(&self, source: &Source, session: Option<Url>) -> Result<(Digest, u64)> {
        let mut upload = Upload { source, session, offset: 0, is_broken: false, piece: None };
        let (mut patience, mut renewed_at) = (Patience::in_the_middle(self.attempts()), 0);
        loop {
            match self.attempt(&mut upload).await {
                Err(error) => patience.bear(error).await?,
                done => return done,
            }
            if upload.offset >= renewed_at + PROGRESS_BYTES {
                patience.renew();
                renewed_at = upload.offset;
            }
        }
    }

    async fn attempt(&self, upload: &mut Upload<'_>) -> Result<(Digest, u64)> {
        let mut session = self.session(upload).await?;
        upload.is_broken = true;
        while upload.source.size().is_none_or(|size| upload.offset < size) {
            session = self.patch(upload, session).await?;
            upload.session = Some(session.clone());
        }
        let (digest, size) = upload.source.finished().await?;
        session.query_pairs_mut().append_pair("digest", &digest.to_string());
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("0"))]);
        match self.call(Method::PUT, session.as_str(), headers, Bytes::new()).await {
            Ok(_) => Ok((digest, size)),
            // It may have all the same, if only its answer was lost.
            Err(error @ Error::Unreachable { .. }) => match self.has_blob(&digest).await? {
                true => Ok((digest, size)),
                false => Err(error),
            },
            // After a resumption its bytes may be others than ours: the next attempt begins at the beginning.
            Err(Error::Registry { url, detail }) if upload.session.take().is_some() => {
                upload.offset = 0;
                Err(Error::Busy { url, detail, retry_after: None })
            }
            Err(error) => Err(error),
        }
    }

    /// The session to go on with; how far it is is in `upload.offset` then.
    async fn session(&self, upload: &mut Upload<'_>) -> Result<Url> {
        if let Some(session) = upload.session.clone() {
            if !upload.is_broken {
                return Ok(session);
            }
            if let Some((session, offset)) = self.resume(&session).await? {
                upload.offset = offset;
                return Ok(session);
            }
        }
        upload.offset = 0;
        match self.begin(None).await? {
            Begun::Session(session) => {
                upload.session = Some(session.clone());
                Ok(session)
            }
            Begun::Mounted => {
                Err(unexpected(&self.url("blobs/uploads/"), "created a blob without its bytes"))
            }
        }
    }

    /// Asks how much of an upload has arrived; none if the registry does not know it any more or cannot tell.
    async fn resume(&self, session: &Url) -> Result<Option<(Url, u64)>> {
        let response = match self.call(Method::GET, session.as_str(), HeaderMap::new(), Bytes::new()).await {
            Ok(response) => response,
            Err(error @ (Error::Unreachable { .. } | Error::NoConnection { .. } | Error::Busy { .. })) => {
                return Err(error);
            }
            Err(error) => {
                tracing::debug!(%error, "an upload begins anew");
                return Ok(None);
            }
        };
        let range = response.headers().get(RANGE).and_then(|range| range.to_str().ok());
        let Some(offset) = range.and_then(arrived) else { return Ok(None) };
        Ok(location(session, &response).ok().map(|session| (session, offset)))
    }

    /// Sends what is left, or one piece of it; gives where to go on.
    async fn patch(&self, upload: &mut Upload<'_>, session: Url) -> Result<Url> {
        let source = upload.source;
        let begin = upload.offset;
        let mut headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))]);
        let end = match upload.piece {
            None => source.size(),
            Some(piece) => {
                let end = source.reach(begin + piece).await?;
                headers.insert(CONTENT_RANGE, number(format!("{begin}-{}", end.saturating_sub(1)))?);
                Some(end)
            }
        };
        if let Some(end) = end {
            headers.insert(CONTENT_LENGTH, number(end.saturating_sub(begin).to_string())?);
        }
        let body = Body::wrap_stream(source.bytes(begin, end).await?);
        let response = self.stream(Method::PATCH, &session, headers, body, source).await?;
        if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let smaller = upload.piece.map_or(FIRST_PIECE_BYTES, |piece| piece / 2);
            if smaller >= MIN_PIECE_BYTES {
                upload.piece = Some(smaller);
                return Err(again(&session, "the request is too large"));
            }
        }
        let response = self.checked(session.as_str(), response).await?;
        upload.offset = match end {
            Some(end) => end,
            None => source.finished().await?.1,
        };
        location(&session, &response)
    }

    /// A request whose body cannot be sent twice, watched so that a silent registry does not hold it for ever.
    async fn stream(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Body,
        source: &Source,
    ) -> Result<Response> {
        let authorization = self.authorization_for(url.as_str()).await;
        let request = self.request(method, url.as_str(), headers, authorization.as_ref()).body(body);
        let sending = request.send();
        tokio::pin!(sending);
        let mut moved = source.moved();
        let response = loop {
            let is_all = source.size().is_some_and(|size| source.moved() >= size);
            let patience = if is_all { ANSWER } else { STALL };
            match tokio::time::timeout(patience, &mut sending).await {
                Ok(response) => break response.map_err(|error| unreachable(url.as_str(), &error))?,
                Err(_) if source.moved() > moved => moved = source.moved(),
                Err(_) => {
                    let detail = "the registry takes no more data".to_owned();
                    return Err(Error::Unreachable { url: shown(url.as_str()), detail });
                }
            }
        };
        if response.status() == StatusCode::UNAUTHORIZED
            && self.challenged(&response, authorization).await?.is_some()
        {
            // A token that ran out on the way.
            return Err(again(url, "the token has run out"));
        }
        Ok(response)
    }

    /// Puts a manifest under a tag.
    pub(crate) async fn put_manifest(&self, tag: &str, media_type: &str, bytes: &[u8]) -> Result<Digest> {
        let url = self.url(&format!("manifests/{tag}"));
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, number(media_type.to_owned())?)]);
        let body = Bytes::copy_from_slice(bytes);
        let response = patiently(|| self.call(Method::PUT, &url, headers.clone(), body.clone())).await?;
        let digest = Digest::of(bytes);
        let name = HeaderName::from_static("docker-content-digest");
        let told = response.headers().get(name).and_then(|told| told.to_str().ok());
        match told.and_then(|told| told.parse::<Digest>().ok()) {
            Some(told) => digest.expect(&told).map(|()| digest),
            None => Ok(digest),
        }
    }
}

/// How many bytes have arrived by `Range: 0-99`. `0-0` may mean one byte or none, which nobody can build on.
fn arrived(range: &str) -> Option<u64> {
    let last = range.trim().trim_start_matches("bytes=").strip_prefix("0-")?.parse::<u64>().ok()?;
    (last > 0).then_some(last + 1)
}

fn address(url: &str) -> Result<Url> {
    Url::parse(url).map_err(|_| unexpected(url, "is no address"))
}

/// Where the registry says to go on.
fn location(asked: &Url, response: &Response) -> Result<Url> {
    let told = response.headers().get(LOCATION).and_then(|told| told.to_str().ok());
    told.and_then(|told| asked.join(told).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| unexpected(asked.as_str(), "does not say where to go on"))
}

fn number(text: String) -> Result<HeaderValue> {
    HeaderValue::from_str(&text).map_err(|error| Error::Malformed(error.to_string()))
}

fn unexpected(url: &str, words: &str) -> Error {
    Error::Registry { url: shown(url), detail: format!("the registry {words}") }
}

/// An error that another attempt mends at once.
fn again(url: &Url, words: &str) -> Error {
    Error::Busy { url: shown(url.as_str()), detail: words.to_owned(), retry_after: Some(Duration::ZERO) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_has_arrived() {
        assert_eq!(arrived("0-99"), Some(100));
        assert_eq!(arrived("bytes=0-1"), Some(2));
        for unknown in ["0-0", "", "5-9", "0-", "0-x", "0--1"] {
            assert_eq!(arrived(unknown), None, "{unknown}");
        }
    }
}
