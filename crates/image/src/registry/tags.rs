//! All tags of a repository, page by page.

use reqwest::{
    Response, Url,
    header::{HeaderMap, LINK},
};
use serde::Deserialize;

use super::{
    client::{Client, read_body},
    patience::Patience,
};
use crate::{Error, Result, reference::is_tag};

/// Largest page, in bytes.
const MAX_PAGE_BYTES: u64 = 4 << 20;
/// Most pages that are read.
const MAX_PAGES: usize = 100;
/// Most tags of a repository.
const MAX_TAGS: usize = 10_000;

#[derive(Deserialize)]
struct Page {
    /// Missing or null for a repository without tags.
    tags: Option<Vec<String>>,
}

impl Client {
    /// The tags of the repository as the registry orders them.
    pub(crate) async fn tags(&self) -> Result<Vec<String>> {
        let mut tags = Vec::new();
        let mut next = Some(self.url("tags/list"));
        for _ in 0..MAX_PAGES {
            let Some(url) = next else { return Ok(tags) };
            let (page, after) = self.page(&url).await?;
            if let Some(bad) = page.iter().find(|tag| !is_tag(tag)) {
                let detail = format!("{:?} is no tag", bad.chars().take(100).collect::<String>());
                return Err(Error::Registry { url, detail });
            }
            tags.extend(page);
            if tags.len() > MAX_TAGS {
                return Err(Error::Registry { url, detail: format!("more than {MAX_TAGS} tags") });
            }
            next = after;
        }
        match next {
            None => Ok(tags),
            Some(url) => Err(Error::Registry { url, detail: format!("more than {MAX_PAGES} pages of tags") }),
        }
    }

    async fn page(&self, url: &str) -> Result<(Vec<String>, Option<String>)> {
        let mut patience = Patience::new(self.attempts());
        loop {
            match self.page_at_once(url).await {
                Err(error) => patience.bear(error).await?,
                done => return done,
            }
        }
    }

    async fn page_at_once(&self, url: &str) -> Result<(Vec<String>, Option<String>)> {
        let response = self.get(url, HeaderMap::new()).await?;
        let after = following(&response);
        let bytes = read_body(response, MAX_PAGE_BYTES).await?;
        let page: Page = serde_json::from_slice(&bytes)
            .map_err(|error| Error::Registry { url: url.to_owned(), detail: error.to_string() })?;
        Ok((page.tags.unwrap_or_default(), after))
    }
}

/// The next page, which is at the same registry or nowhere: credentials go along.
fn following(response: &Response) -> Option<String> {
    let text = response.headers().get(LINK)?.to_str().ok()?;
    let next = response.url().join(target(text)?).ok()?;
    let place =
        |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    (place(&next) == place(response.url())).then(|| next.to_string())
}

/// What `<target>; rel="next"` leads to.
fn target(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = |parameter: &str| matches!(parameter.trim(), "rel=\"next\"" | "rel=next");
    parameters.split(';').any(is_next).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        assert_eq!(target(r#"</v2/a/tags/list?n=1&last=x>; rel="next""#), Some("/v2/a/tags/list?n=1&last=x"));
        assert_eq!(target("<a>;rel=next"), Some("a"));
        assert_eq!(target(r#"<a>; rel="prev""#), None);
        assert_eq!(target("a"), None);
    }
}
