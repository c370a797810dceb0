//! Searching a registry by words: the one thing that is left of the registry's first protocol.
//!
//! Source: Docker Hub's `GET /v1/search?q=…&n=…`.

use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, HeaderMap},
};
use serde::Deserialize;

use super::{
    auth::basic,
    client::{Client, read_body, sent},
    failure::shorten,
};
use crate::{Error, FoundImage, Result};

/// Largest answer, in bytes.
const MAX_ANSWER_BYTES: u64 = 4 << 20;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    results: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    is_official: bool,
    #[serde(default)]
    is_automated: bool,
    #[serde(default)]
    star_count: u64,
}

impl Client {
    /// The images that a registry finds for a term, at most `limit`.
    pub(crate) async fn search(&self, term: &str, limit: usize) -> Result<Vec<FoundImage>> {
        let wrong = |detail: String| Error::Registry { url: format!("{}/v1/search", self.base()), detail };
        let mut url = Url::parse(&format!("{}/v1/search", self.base()))
            .map_err(|_| wrong("no valid address".to_owned()))?;
        url.query_pairs_mut().append_pair("q", term).append_pair("n", &limit.to_string());
        let mut headers = HeaderMap::new();
        if let Some(auth) = self.credentials().filter(|auth| !auth.username.is_empty()) {
            headers.insert(AUTHORIZATION, basic(auth)?);
        }
        let response = sent(url.as_str(), self.request(Method::GET, url.as_str(), headers, None)).await?;
        let status = response.status();
        let body = read_body(response, MAX_ANSWER_BYTES).await?;
        if !status.is_success() {
            return Err(wrong(format!("Unexpected status code {}", status.as_u16())));
        }
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|error| wrong(shorten(&error.to_string())))?;
        let found = answer.results.into_iter().take(limit).map(|row| FoundImage {
            name: shorten(&row.name),
            description: shorten(&row.description.unwrap_or_default()),
            is_official: row.is_official,
            is_automated: row.is_automated,
            stars: row.star_count,
        });
        Ok(found.collect())
    }
}
