//! Requests to one registry for one pull.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Method, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE, WWW_AUTHENTICATE},
};
use tokio::sync::Mutex;

use super::{
    auth::{self, Access, Grant},
    certificate::Certificates,
    challenge::{self, Challenge},
    endpoint::Endpoint,
    failure::{self, shorten},
    patience::Patience,
    redirect,
};
use crate::{
    Error, RegistryAuth, Result,
    digest::Digest,
    manifest::{DOCKER_INDEX, DOCKER_MANIFEST, Document, MAX_MANIFEST_BYTES, OCI_INDEX, OCI_MANIFEST},
    reference::Reference,
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the answer to a small request may take to begin.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest explanation of a refusal that is read, in bytes.
const MAX_FAILURE_BYTES: u64 = 64 << 10;

/// A client for one image at one registry.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    reference: Reference,
    auth: Option<RegistryAuth>,
    access: Access,
    /// What the last challenge was answered with. Held across the exchange, so that parallel requests make it once.
    authorization: Mutex<Option<HeaderValue>>,
}

/// A manifest or index with its own digest.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) document: Document,
}

impl Client {
    pub(crate) fn new(
        endpoint: Endpoint,
        reference: Reference,
        auth: Option<RegistryAuth>,
    ) -> Result<Client> {
        Client::with(endpoint, reference, auth, Access::Pull)
    }

    /// A client whose tokens are for `access`.
    pub(crate) fn with(
        endpoint: Endpoint,
        reference: Reference,
        auth: Option<RegistryAuth>,
        access: Access,
    ) -> Result<Client> {
        // Fails when the daemon has installed it already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("shoal/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::policy(&endpoint.base, endpoint.is_verified));
        if access != Access::Push {
            // An upload is silent until its last byte is sent; it is watched in another way.
            builder = builder.read_timeout(endpoint.max_silence);
        }
        if !endpoint.is_verified {
            // A proxy has no business with loopback and private registries.
            builder = builder.no_proxy();
        }
        if !endpoint.certificates.is_empty() {
            let certificates = Certificates::read(&endpoint.certificates)?;
            builder = builder.tls_backend_preconfigured(certificates.configure(endpoint.is_verified)?);
        } else if !endpoint.is_verified {
            // The system's roots are not even read.
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        let http = builder.build().map_err(|error| unreachable(&endpoint.base, &error))?;
        let authorization = Mutex::new(None);
        Ok(Client { http, endpoint, reference, auth, access, authorization })
    }

    /// `scheme://host/v2/repository/rest`.
    pub(super) fn url(&self, rest: &str) -> String {
        format!("{}/v2/{}/{rest}", self.endpoint.base, self.reference.path)
    }

    /// `scheme://host`, without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        &self.endpoint.base
    }

    /// False for a mirror.
    pub(crate) fn is_origin(&self) -> bool {
        self.endpoint.is_origin
    }

    /// Attempts at one thing.
    pub(super) fn attempts(&self) -> u32 {
        self.endpoint.attempts
    }

    /// A manifest or index by tag or digest, verified.
    pub(crate) async fn document(&self, name: &str, expected: Option<Digest>) -> Result<Fetched> {
        let mut patience = Patience::new(self.attempts());
        loop {
            match self.document_at_once(name, expected).await {
                Err(error) => patience.bear(error).await?,
                done => return done,
            }
        }
    }

    async fn document_at_once(&self, name: &str, expected: Option<Digest>) -> Result<Fetched> {
        let url = self.url(&format!("manifests/{name}"));
        let accept = [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST].join(", ");
        let accept = HeaderValue::from_str(&accept).map_err(|e| Error::Malformed(e.to_string()))?;
        let response = self.get(&url, HeaderMap::from_iter([(ACCEPT, accept)])).await?;
        let text = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let media_type = text(CONTENT_TYPE.as_str());
        let announced = text("docker-content-digest").and_then(|digest| digest.parse::<Digest>().ok());
        let bytes = read_body(response, MAX_MANIFEST_BYTES).await?;
        let digest = Digest::of(&bytes);
        for other in expected.iter().chain(&announced) {
            digest.expect(other)?;
        }
        let document = Document::parse(&bytes, media_type.as_deref())?;
        Ok(Fetched { bytes, digest, document })
    }

    /// Small content by digest, verified.
    pub(crate) async fn small_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>> {
        let mut patience = Patience::in_the_middle(self.attempts());
        loop {
            let read = async { read_body(self.blob(digest, 0).await?, limit).await };
            match read.await {
                Err(error) => patience.bear(error).await?,
                Ok(bytes) => {
                    Digest::of(&bytes).expect(digest)?;
                    return Ok(bytes);
                }
            }
        }
    }

    /// Content by digest from an offset; the answer tells whether the registry honours it.
    pub(crate) async fn blob(&self, digest: &Digest, offset: u64) -> Result<Response> {
        let url = self.url(&format!("blobs/{digest}"));
        let mut headers = HeaderMap::new();
        if offset > 0 {
            let range = format!("bytes={offset}-");
            headers
                .insert(RANGE, HeaderValue::from_str(&range).map_err(|e| Error::Malformed(e.to_string()))?);
        }
        self.get(&url, headers).await
    }

    pub(super) async fn get(&self, url: &str, headers: HeaderMap) -> Result<Response> {
        self.call(Method::GET, url, headers, Bytes::new()).await
    }

    /// One request; a challenge is answered once.
    pub(super) async fn call(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response> {
        let request = |authorization: Option<&HeaderValue>| {
            self.request(method.clone(), url, headers.clone(), authorization).body(body.clone())
        };
        let known = self.authorization_for(url).await;
        let response = sent(url, request(known.as_ref())).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return self.checked(url, response).await;
        }
        match self.challenged(&response, known).await? {
            Some(fresh) => self.checked(url, sent(url, request(Some(&fresh))).await?).await,
            None => self.checked(url, response).await,
        }
    }

    /// A request in the making.
    pub(super) fn request(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        authorization: Option<&HeaderValue>,
    ) -> RequestBuilder {
        let request = self.http.request(method, url).headers(headers);
        match authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        }
    }

    /// What the last challenge was answered with, for the registry's own addresses alone: an upload may lead elsewhere.
    pub(super) async fn authorization_for(&self, url: &str) -> Option<HeaderValue> {
        let own = Url::parse(&self.endpoint.base).ok()?.origin();
        if Url::parse(url).ok()?.origin() != own {
            return None;
        }
        self.authorization.lock().await.clone()
    }

    /// What answers a challenge.
    pub(super) async fn answer(&self, challenge: Challenge) -> Result<Option<Grant>> {
        let Client { http, endpoint, reference, auth, access, .. } = self;
        auth::answer(http, endpoint, reference, auth.as_ref(), *access, challenge).await
    }

    /// The credentials that the client was made with, which are for its endpoint alone.
    pub(super) fn credentials(&self) -> Option<&RegistryAuth> {
        self.auth.as_ref()
    }

    /// Another authorization than the one that was refused, if there is any.
    pub(super) async fn challenged(
        &self,
        response: &Response,
        refused: Option<HeaderValue>,
    ) -> Result<Option<HeaderValue>> {
        if Url::parse(&self.endpoint.base).is_ok_and(|base| base.origin() != response.url().origin()) {
            return Ok(None);
        }
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenge = challenges.filter_map(|value| value.to_str().ok()).find_map(challenge::parse);
        let Some(challenge) = challenge else { return Ok(None) };
        let mut authorization = self.authorization.lock().await;
        if *authorization == refused {
            *authorization = self.answer(challenge).await?.map(|grant| grant.header);
        }
        Ok(authorization.clone().filter(|fresh| Some(fresh) != refused.as_ref()))
    }

    pub(super) async fn checked(&self, url: &str, response: Response) -> Result<Response> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let pause = failure::retry_after(response.headers());
        // The status says enough when the explanation cannot be read.
        let body = read_body(response, MAX_FAILURE_BYTES).await.unwrap_or_default();
        Err(failure::read(status.as_u16(), &body, &shown(url), &self.reference, self.access, pause))
    }
}

/// The answer to a request that is small, and so is answered soon.
pub(super) async fn sent(url: &str, request: RequestBuilder) -> Result<Response> {
    match tokio::time::timeout(ANSWER_TIMEOUT, request.send()).await {
        Ok(response) => response.map_err(|error| unreachable(url, &error)),
        Err(_) => Err(Error::Unreachable { url: shown(url), detail: "no answer".to_owned() }),
    }
}

/// A whole body, which must not be larger than `limit` bytes.
pub(crate) async fn read_body(mut response: Response, limit: u64) -> Result<Vec<u8>> {
    let url = shown(response.url().as_str());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&url, &error))? {
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(Error::TooLarge { what: format!("answer of {url}"), limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An address as errors show it: what follows the question mark may be a secret of the registry.
pub(crate) fn shown(url: &str) -> String {
    url.split('?').next().unwrap_or_default().to_owned()
}

/// The innermost cause says most: `Connection refused`.
pub(crate) fn unreachable(url: &str, error: &reqwest::Error) -> Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let (url, detail) = (shown(url), shorten(&cause.to_string()));
    if error.is_redirect() {
        return Error::Registry { url, detail };
    }
    match error.is_connect() {
        true => Error::NoConnection { url, detail },
        false if error.is_timeout() => {
            Error::Unreachable { url, detail: "the registry has fallen silent".to_owned() }
        }
        false => Error::Unreachable { url, detail },
    }
}
