//! The archive of an import from a URL: fetched by HTTP, bounded in time, redirects and (by who unpacks it) bytes.
//!
//! Credentials in the URL are used and never shown.

use std::{io, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use reqwest::{Url, redirect::Policy};

use crate::{Error, Result, registry::unreachable};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the server may be silent.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// A place in the web to import from.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    url: Url,
}

impl Remote {
    /// Reads what users type: without a scheme it is `http`.
    pub(super) fn parse(text: &str) -> Result<Remote> {
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&whole).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.filter(Url::has_host).ok_or(Error::InvalidSource)?;
        Ok(Remote { url })
    }

    /// The URL as it may be shown.
    pub(super) fn shown(&self) -> String {
        let mut url = self.url.clone();
        // Both only fail on URLs without a host.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url.to_string()
    }

    /// Begins to fetch.
    pub(super) async fn open(self) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static> {
        // Fails when the daemon has installed it already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let shown = self.shown();
        let failed = |error: reqwest::Error| unreachable(&shown, &error.without_url());
        let client = reqwest::Client::builder()
            .user_agent(concat!("shoal/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(Policy::limited(MAX_REDIRECTS))
            .build()
            .map_err(failed)?;
        let response = client.get(self.url).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(Error::Unreachable { url: shown, detail: response.status().to_string() });
        }
        Ok(Box::pin(response.bytes_stream().map_err(|error| io::Error::other(error.without_url()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown_and_other_schemes_are_refused() {
        let shown = |text| Remote::parse(text).unwrap().shown();
        assert_eq!(shown("https://me:secret@example.com/a.tar"), "https://example.com/a.tar");
        assert_eq!(shown("example.com/a.tar"), "http://example.com/a.tar");
        for bad in ["ftp://example.com/a", "file:///etc/passwd", "http://", "http:// x"] {
            assert!(Remote::parse(bad).is_err(), "{bad}");
        }
    }
}
