//! Credentials of registries: where they are kept, and how they go to the daemon.
//!
//! In: the user's configuration, names of images. Out: the header `X-Registry-Auth`. A registry's credentials are read only for a
//! request that concerns it, and go only to the daemon; they never reach a message.

mod keychain;
mod store;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use engine_api::auth::AuthConfig;

pub(crate) use store::{erase, get, keep};

use crate::config::Config;
use crate::error::Error;

/// The header that carries credentials.
pub(crate) const HEADER: &str = "X-Registry-Auth";
/// What Docker Hub is called among the credentials.
pub(crate) const HUB: &str = "https://index.docker.io/v1/";

/// The header for a request about `image`: its registry's credentials, or none.
pub(crate) async fn header_for(config: &Config, image: &str) -> Result<String, Error> {
    header(&get(config, &server_of(image)).await?)
}

/// Credentials as the header has them.
fn header(auth: &AuthConfig) -> Result<String, Error> {
    let mut fields = serde_json::to_value(auth).map_err(|error| Error::Usage(error.to_string()))?;
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|_, value| value.as_str() != Some(""));
    }
    Ok(URL_SAFE.encode(fields.to_string()))
}

/// The registry of an image, as credentials are kept under it.
fn server_of(image: &str) -> String {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => server(first),
        _ => HUB.to_owned(),
    }
}

/// A registry as the user names it, as credentials are kept under it.
pub(crate) fn server(name: &str) -> String {
    match hostname(name) {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" | "" => HUB.to_owned(),
        host => host.to_owned(),
    }
}

/// Without scheme and path.
fn hostname(name: &str) -> &str {
    let bare = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
    bare.split('/').next().unwrap_or(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_image_has_its_registry() {
        let table = [
            ("busybox", HUB),
            ("me/app:1", HUB),
            ("docker.io/me/app", HUB),
            ("localhost/app", "localhost"),
            ("r.example:5000/a/b@sha256:00", "r.example:5000"),
        ];
        for (image, want) in table {
            assert_eq!(server_of(image), want, "{image}");
        }
        assert_eq!(server("https://r.example/v2/"), "r.example");
        assert_eq!(server(""), HUB);
    }

    #[test]
    fn the_header_says_only_what_there_is() {
        assert_eq!(header(&AuthConfig::default()).unwrap(), "e30=");
        let auth = AuthConfig { username: "a".to_owned(), password: "b".to_owned(), ..AuthConfig::default() };
        let json = URL_SAFE.decode(header(&auth).unwrap()).unwrap();
        assert_eq!(json, br#"{"password":"b","username":"a"}"#);
    }
}
