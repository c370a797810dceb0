//! Where credentials are kept: the program that the configuration names for a registry, else the configuration itself.
//!
//! Source: Docker's `config.json`: `auths`, `credsStore`, `credHelpers`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_api::auth::AuthConfig;
use serde_json::{Map, Value, json};

use super::{hostname, keychain};
use crate::config::Config;
use crate::error::Error;

/// The credentials of a registry; empty if there are none.
pub(crate) async fn get(config: &Config, server: &str) -> Result<AuthConfig, Error> {
    if let Some(program) = config.credential_helper(server) {
        return keychain::get(program, server).await;
    }
    let entries = config.auths();
    let exact = entries.and_then(|entries| entries.get(server));
    let similar =
        || entries?.iter().find(|(name, _)| hostname(name) == hostname(server)).map(|(_, entry)| entry);
    let Some(entry) = exact.or_else(similar) else { return Ok(AuthConfig::default()) };
    read(server, entry)
}

/// Keeps the credentials of a registry. True if they lie in the file, for everybody to read who can read it.
pub(crate) async fn keep(config: &mut Config, server: &str, auth: &AuthConfig) -> Result<bool, Error> {
    let program = config.credential_helper(server).map(str::to_owned);
    let entry = match &program {
        Some(program) => {
            keychain::keep(program, server, auth).await?;
            json!({})
        }
        None => entry(auth),
    };
    config.set_auth(server, Some(entry))?;
    Ok(program.is_none())
}

/// Forgets the credentials of a registry, under whatever form of its name.
pub(crate) async fn erase(config: &mut Config, server: &str) -> Result<(), Error> {
    if let Some(program) = config.credential_helper(server).map(str::to_owned) {
        keychain::erase(&program, server).await?;
    }
    let names: Vec<String> = match config.auths() {
        Some(entries) => entries.keys().filter(|name| hostname(name) == hostname(server)).cloned().collect(),
        None => Vec::new(),
    };
    for name in names {
        config.set_auth(&name, None)?;
    }
    Ok(())
}

/// An entry of the file.
fn read(server: &str, entry: &Value) -> Result<AuthConfig, Error> {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let mut auth = AuthConfig {
        username: text("username"),
        password: text("password"),
        serveraddress: server.to_owned(),
        identitytoken: text("identitytoken"),
        registrytoken: text("registrytoken"),
    };
    let packed = text("auth");
    if !packed.is_empty() {
        let wrong = || Error::Usage(format!("invalid auth configuration file: credentials of {server}"));
        let plain =
            STANDARD.decode(packed).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
        let (username, password) = plain.split_once(':').ok_or_else(wrong)?;
        auth.username = username.to_owned();
        auth.password = password.trim_end_matches('\0').to_owned();
    }
    Ok(auth)
}

/// The entry of the file.
fn entry(auth: &AuthConfig) -> Value {
    let mut fields = Map::new();
    let password = if auth.identitytoken.is_empty() { auth.password.as_str() } else { "" };
    fields.insert("auth".to_owned(), STANDARD.encode(format!("{}:{password}", auth.username)).into());
    if !auth.identitytoken.is_empty() {
        fields.insert("identitytoken".to_owned(), auth.identitytoken.clone().into());
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn auth(username: &str, password: &str) -> AuthConfig {
        AuthConfig { username: username.to_owned(), password: password.to_owned(), ..AuthConfig::default() }
    }

    #[tokio::test]
    async fn what_is_kept_comes_back_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, r#"{"psFormat": "x", "auths": {"https://other/": {"auth": "YTpi"}}}"#).unwrap();
        let mut config = Config::load(folder.path().to_owned());
        assert!(keep(&mut config, "r:5000", &auth("me", "p:w")).await.unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut config = Config::load(folder.path().to_owned());
        let got = get(&config, "r:5000").await.unwrap();
        assert_eq!((got.username.as_str(), got.password.as_str()), ("me", "p:w"));
        assert_eq!(get(&config, "other").await.unwrap().username, "a");
        erase(&mut config, "r:5000").await.unwrap();
        let config = Config::load(folder.path().to_owned());
        assert_eq!(get(&config, "r:5000").await.unwrap(), AuthConfig::default());
        assert_eq!(config.format("ps"), Some("x"));
        assert_eq!(get(&config, "other").await.unwrap().password, "b");
    }

    #[test]
    fn a_token_stands_in_for_the_password() {
        let with_token = AuthConfig { identitytoken: "t".to_owned(), ..auth("me", "secret") };
        let entry = entry(&with_token);
        assert_eq!(entry, json!({"auth": "bWU6", "identitytoken": "t"}));
        let back = read("r", &entry).unwrap();
        assert_eq!(
            (back.username.as_str(), back.password.as_str(), back.identitytoken.as_str()),
            ("me", "", "t")
        );
        assert!(read("r", &json!({"auth": "%"})).is_err());
    }
}
