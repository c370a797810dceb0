//! `docker login`: whether a registry accepts credentials, and the token that may stand in for the password.

use bytes::Bytes;
use reqwest::{
    Method, StatusCode, Url,
    header::{HeaderMap, WWW_AUTHENTICATE},
};

use super::{
    auth, challenge,
    client::{Client, sent},
};
use crate::{Error, Result};

impl Client {
    /// Tries the credentials; gives a token that stands in for them from now on, if the registry's token server makes such.
    pub(crate) async fn login(&self) -> Result<Option<String>> {
        let url = format!("{}/v2/", self.base());
        let request = |authorization| {
            self.request(Method::GET, &url, HeaderMap::new(), authorization).body(Bytes::new())
        };
        let response = sent(&url, request(None)).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return self.checked(&url, response).await.map(|_| None);
        }
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenge = challenges.filter_map(|value| value.to_str().ok()).find_map(challenge::parse);
        let failed = |status: StatusCode| {
            Error::Denied(format!("login attempt to {url} failed with status: {status}"))
        };
        // A host that a redirect led to could name a token server of its own, which would get the password.
        if Url::parse(self.base()).is_ok_and(|base| base.origin() != response.url().origin()) {
            return Err(failed(response.status()));
        }
        let Some(grant) = self.grant(challenge.ok_or_else(|| failed(response.status()))?).await? else {
            return Err(failed(response.status()));
        };
        let response = sent(&url, request(Some(&grant.header))).await?;
        match response.status() {
            status if status.is_success() => Ok(grant.refresh),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Err(failed(status)),
            _ => self.checked(&url, response).await.map(|_| None),
        }
    }

    async fn grant(&self, challenge: challenge::Challenge) -> Result<Option<auth::Grant>> {
        let answer = self.answer(challenge).await;
        let url = format!("{}/v2/", self.base());
        answer.map_err(|error| match error {
            Error::Unauthorized(_) => Error::Denied(format!("Get {url:?}: {error}")),
            error => error,
        })
    }
}
