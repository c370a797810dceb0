//! Getting what a registry's challenge asks for.

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Url, header::HeaderValue};
use serde::Deserialize;

use super::{
    challenge::Challenge,
    client::{read_body, unreachable},
    endpoint::Endpoint,
    failure::shorten,
};
use crate::{Error, RegistryAuth, Result, reference::Reference};

/// Largest answer of a token server, in bytes.
const MAX_TOKEN_BYTES: u64 = 1 << 20;
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

#[derive(Deserialize)]
struct Token {
    #[serde(alias = "access_token")]
    token: Option<String>,
}

/// The `Authorization` that answers a challenge; none if there is nothing to answer it with.
pub(crate) async fn answer(
    http: &reqwest::Client,
    endpoint: &Endpoint,
    reference: &Reference,
    auth: Option<&RegistryAuth>,
    access: Access,
    challenge: Challenge,
) -> Result<Option<HeaderValue>> {
    let auth = auth.filter(|_| endpoint.is_origin);
    if let Some(token) = auth.map(|auth| &auth.registry_token).filter(|token| !token.is_empty()) {
        return header(&format!("Bearer {token}")).map(Some);
    }
    match challenge {
        Challenge::Basic => auth.filter(|auth| !auth.username.is_empty()).map(basic).transpose(),
        Challenge::Bearer { realm, service, scope } => {
            let scope = access.scopes(&reference.path, scope.as_deref());
            let url = realm_url(&realm, endpoint)?;
            let token = fetch(http, url, service, scope, auth).await?;
            header(&format!("Bearer {token}")).map(Some)
        }
    }
}

/// A registry that is reached over verified TLS must not send credentials elsewhere in the clear.
fn realm_url(realm: &str, endpoint: &Endpoint) -> Result<Url> {
    let wrong =
        |words: &str| Error::Registry { url: endpoint.base.clone(), detail: format!("token server {words}") };
    let url = Url::parse(realm).map_err(|_| wrong("has no valid address"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if !endpoint.is_verified => Ok(url),
        _ => Err(wrong("is not reached over TLS")),
    }
}

async fn fetch(
    http: &reqwest::Client,
    mut url: Url,
    service: Option<String>,
    scope: String,
    auth: Option<&RegistryAuth>,
) -> Result<String> {
    let service = service.unwrap_or_default();
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
            url.query_pairs_mut().extend_pairs([("service", &service), ("scope", &scope)]);
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
        return Err(Error::Unauthorized(shorten(&String::from_utf8_lossy(&body))));
    }
    let token: Option<Token> = serde_json::from_slice(&body).ok();
    token
        .and_then(|token| token.token)
        .ok_or_else(|| Error::Unauthorized("the token server sent no token".to_owned()))
}

fn basic(auth: &RegistryAuth) -> Result<HeaderValue> {
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
}
