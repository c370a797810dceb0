//! Getting what a registry's challenge asks for.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{StatusCode, Url, header::HeaderValue, redirect::Policy};
use serde::Deserialize;

use super::{
    challenge::Challenge,
    client::{read_body, shown, unreachable},
    endpoint::Endpoint,
    failure::shorten,
};
use crate::{Error, RegistryAuth, Result, reference::Reference};

/// Largest answer of a token server, in bytes.
const MAX_TOKEN_BYTES: u64 = 1 << 20;
/// How long a token server on another host may take.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How token servers know us.
const CLIENT_ID: &str = "shoal";

/// What tokens are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading one repository.
    Pull,
    /// Reading and writing it.
    Push,
    /// Nothing but being known: a login.
    Login,
}

impl Access {
    /// The scopes of a token: what this needs, beside what the challenge names. Space separated, as RFC 6749 has it.
    fn scopes(self, path: &str, challenged: Option<&str>) -> String {
        let own = match self {
            Access::Pull => format!("repository:{path}:pull"),
            Access::Push => format!("repository:{path}:pull,push"),
            Access::Login => String::new(),
        };
        // A challenge to a reading request names less than the writing ones will need.
        let other = |scope: &&str| !self.covers(path, scope);
        let challenged = challenged.unwrap_or_default().split(' ').filter(|s| !s.is_empty()).filter(other);
        let scopes: Vec<&str> =
            Some(own.as_str()).filter(|s| !s.is_empty()).into_iter().chain(challenged).collect();
        scopes.join(" ")
    }

    fn covers(self, path: &str, scope: &str) -> bool {
        let actions = scope.strip_prefix("repository:").and_then(|rest| rest.strip_prefix(path));
        match (self, actions) {
            (Access::Pull, Some(":pull")) => true,
            (Access::Push, Some(actions)) => {
                matches!(actions, ":pull" | ":push" | ":pull,push" | ":push,pull")
            }
            _ => false,
        }
    }
}

/// What a challenge is answered with.
#[derive(Debug)]
pub(super) struct Grant {
    /// The header `Authorization`; marked so that nothing prints it.
    pub(super) header: HeaderValue,
    /// A token that stands in for the password from now on.
    pub(super) refresh: Option<String>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
}

/// What answers a challenge; none if there is nothing to answer it with.
pub(super) async fn answer(
    http: &reqwest::Client,
    endpoint: &Endpoint,
    reference: &Reference,
    auth: Option<&RegistryAuth>,
    access: Access,
    challenge: Challenge,
) -> Result<Option<Grant>> {
    let auth = auth.filter(|_| endpoint.is_origin);
    let plain = |header| Grant { header, refresh: None };
    if let Some(token) = auth.map(|auth| &auth.registry_token).filter(|token| !token.is_empty()) {
        return header(&format!("Bearer {token}")).map(plain).map(Some);
    }
    match challenge {
        Challenge::Basic => match auth.filter(|auth| !auth.username.is_empty()) {
            Some(auth) => basic(auth).map(plain).map(Some),
            None if access == Access::Pull => Ok(None),
            None => Err(Error::Denied("no basic auth credentials".to_owned())),
        },
        Challenge::Bearer { realm, service, scope } => {
            let scope = access.scopes(&reference.path, scope.as_deref());
            let url = realm_url(&realm, endpoint, auth.is_some())?;
            let http = transport(http, endpoint, &url)?;
            let ask = Ask { service: service.unwrap_or_default(), scope, is_login: access == Access::Login };
            fetch(&http, url, ask, auth).await.map(Some)
        }
    }
}

/// Where tokens are made. A registry may name another host, over TLS; one that is spoken to in the clear also itself or another
/// port of this machine. Credentials go nowhere else in the clear.
fn realm_url(realm: &str, endpoint: &Endpoint, has_credentials: bool) -> Result<Url> {
    let wrong =
        |words: &str| Error::Registry { url: endpoint.base.clone(), detail: format!("token server {words}") };
    let url = Url::parse(realm).map_err(|_| wrong("has no valid address"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if !endpoint.is_verified && (!has_credentials || is_same_host(&url, endpoint)) => Ok(url),
        _ => Err(wrong("is not reached over TLS")),
    }
}

fn is_same_host(url: &Url, endpoint: &Endpoint) -> bool {
    Url::parse(&endpoint.base).is_ok_and(|base| base.host() == url.host())
}

/// That a registry's certificate is not looked at says nothing of its token server's on another host.
fn transport(http: &reqwest::Client, endpoint: &Endpoint, url: &Url) -> Result<reqwest::Client> {
    if endpoint.is_verified || url.scheme() == "http" || is_same_host(url, endpoint) {
        return Ok(http.clone());
    }
    let builder = reqwest::Client::builder().timeout(TOKEN_TIMEOUT).redirect(Policy::none());
    builder.build().map_err(|error| unreachable(url.as_str(), &error))
}

/// What a token is asked for.
struct Ask {
    service: String,
    scope: String,
    /// Ask for a token that outlives this request, too.
    is_login: bool,
}

async fn fetch(http: &reqwest::Client, mut url: Url, ask: Ask, auth: Option<&RegistryAuth>) -> Result<Grant> {
    let Ask { service, scope, is_login } = ask;
    let request = match auth.filter(|auth| !auth.identity_token.is_empty()) {
        Some(auth) => {
            // A refresh token is exchanged in the body, never in an address that lands in logs.
            let mut form = Url::parse("http://form/").map_err(|e| Error::Unauthorized(e.to_string()))?;
            form.query_pairs_mut().extend_pairs([
                ("grant_type", "refresh_token"),
                ("service", &service),
                ("client_id", CLIENT_ID),
                ("scope", &scope),
                ("refresh_token", &auth.identity_token),
            ]);
            let body = form.query().unwrap_or_default().to_owned();
            http.post(url.clone()).header("content-type", "application/x-www-form-urlencoded").body(body)
        }
        None => {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("service", &service);
            // Several scopes are several parameters here, unlike in the form.
            for scope in scope.split(' ').filter(|scope| !scope.is_empty()) {
                pairs.append_pair("scope", scope);
            }
            if let Some(auth) = auth.filter(|_| is_login) {
                pairs.extend_pairs([
                    ("account", auth.username.as_str()),
                    ("client_id", CLIENT_ID),
                    ("offline_token", "true"),
                ]);
            }
            drop(pairs);
            let request = http.get(url.clone());
            match auth.filter(|auth| !auth.username.is_empty()) {
                Some(auth) => request.header("authorization", basic(auth)?),
                None => request,
            }
        }
    };
    let response = request.send().await.map_err(|error| unreachable(url.as_str(), &error))?;
    let status = response.status();
    let body = read_body(response, MAX_TOKEN_BYTES).await?;
    if !status.is_success() {
        return Err(refused(status, &body, url.as_str()));
    }
    let none = || Error::Unauthorized("the token server sent no token".to_owned());
    let token: Token = serde_json::from_slice(&body).map_err(|_| none())?;
    let text = token.token.or(token.access_token).filter(|token| !token.is_empty()).ok_or_else(none)?;
    let refresh = token.refresh_token.filter(|token| is_login && !token.is_empty());
    Ok(Grant { header: header(&format!("Bearer {text}"))?, refresh })
}

/// Why there is no token, in the server's words, or in Docker's where it has none.
fn refused(status: StatusCode, body: &[u8], url: &str) -> Error {
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        let (url, detail) = (shown(url), format!("status {}", status.as_u16()));
        return Error::Busy { url, detail, retry_after: None };
    }
    let told: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let told = told.as_ref().and_then(|told| {
        [&told["errors"][0]["message"], &told["details"], &told["message"], &told["error_description"]]
            .into_iter()
            .find_map(|words| words.as_str().filter(|words| !words.is_empty()))
    });
    let plain = String::from_utf8_lossy(body);
    let words = told.unwrap_or(plain.trim());
    Error::Unauthorized(match words {
        "" if status == StatusCode::UNAUTHORIZED => "incorrect username or password".to_owned(),
        "" => format!("status {}", status.as_u16()),
        words => shorten(words),
    })
}

/// Name and password as a header.
pub(super) fn basic(auth: &RegistryAuth) -> Result<HeaderValue> {
    header(&format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", auth.username, auth.password))))
}

/// Tokens are foreign text, which may not fit into a header.
fn header(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::Unauthorized("the token is not printable".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_asked_for_all_that_will_be_needed() {
        let scopes = |access: Access, challenged: Option<&str>| access.scopes("a/b", challenged);
        assert_eq!(scopes(Access::Pull, None), "repository:a/b:pull");
        assert_eq!(scopes(Access::Pull, Some("repository:a/b:pull")), "repository:a/b:pull");
        assert_eq!(scopes(Access::Push, Some("repository:a/b:pull")), "repository:a/b:pull,push");
        let mount = "repository:a/b:pull,push repository:c:pull";
        assert_eq!(scopes(Access::Push, Some(mount)), mount);
        assert_eq!(scopes(Access::Login, Some("registry:catalog:*")), "registry:catalog:*");
        assert_eq!(scopes(Access::Login, None), "");
    }

    #[test]
    fn credentials_go_to_their_own_host_or_over_tls() {
        let endpoint = |base: &str, is_verified| Endpoint {
            base: base.to_owned(),
            is_verified,
            is_origin: true,
            certificates: Vec::new(),
            max_silence: std::time::Duration::from_secs(1),
            attempts: 1,
        };
        let clear = endpoint("http://127.0.0.1:5000", false);
        let verified = endpoint("https://r.example", true);
        let goes =
            |realm: &str, endpoint: &Endpoint, credentials| realm_url(realm, endpoint, credentials).is_ok();
        assert!(
            goes("https://auth.example/token", &clear, true)
                && goes("https://auth.example/token", &verified, true)
        );
        assert!(goes("http://127.0.0.1:5001/token", &clear, true));
        assert!(
            !goes("http://auth.example/token", &clear, true)
                && goes("http://auth.example/token", &clear, false)
        );
        assert!(!goes("http://r.example/token", &verified, false));
        assert!(!goes("/token", &clear, false) && !goes("file:///etc/passwd", &clear, false));
    }

    #[test]
    fn refusals_are_told_in_the_servers_words() {
        let words =
            |body: &str| refused(StatusCode::UNAUTHORIZED, body.as_bytes(), "https://a/?x=y").to_string();
        assert_eq!(words(""), "unauthorized: incorrect username or password");
        assert_eq!(
            words(r#"{"details":"incorrect username or password"}"#),
            "unauthorized: incorrect username or password"
        );
        assert_eq!(words(r#"{"errors":[{"message":"no"}]}"#), "unauthorized: no");
    }
}
