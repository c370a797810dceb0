//! Programs that keep credentials: `docker-credential-NAME get|store|erase`, spoken to as Docker's client does.
//!
//! In: a registry. Out: credentials. The program is looked up in `PATH`; its answer is bounded, and what it says when it fails is told
//! without what was sent to it.

use std::process::Stdio;

use engine_api::auth::AuthConfig;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::error::Error;

/// Largest answer of a program, in bytes.
const MAX_ANSWER: u64 = 1 << 20;
/// What programs answer when they keep nothing for a registry.
const NOTHING: &str = "credentials not found in native keychain";
/// The user's name when the secret is a token.
const TOKEN: &str = "<token>";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    #[serde(rename = "ServerURL", default)]
    server: String,
    username: String,
    secret: String,
}

/// What the program keeps for a registry; empty if nothing.
pub(super) async fn get(name: &str, server: &str) -> Result<AuthConfig, Error> {
    let (ok, answer) = run(name, "get", server.as_bytes()).await?;
    if !ok && answer.trim() == NOTHING {
        return Ok(AuthConfig::default());
    }
    if !ok {
        return Err(Error::Usage(format!("error getting credentials - err: {}", answer.trim())));
    }
    let wrong =
        |_| Error::Usage(format!("error getting credentials: docker-credential-{name} answers no JSON"));
    let kept: Kept = serde_json::from_str(&answer).map_err(wrong)?;
    let mut auth = AuthConfig { serveraddress: server.to_owned(), ..AuthConfig::default() };
    match kept.username == TOKEN {
        true => auth.identitytoken = kept.secret,
        false => (auth.username, auth.password) = (kept.username, kept.secret),
    }
    Ok(auth)
}

/// Gives credentials to the program.
pub(super) async fn keep(name: &str, server: &str, auth: &AuthConfig) -> Result<(), Error> {
    let (username, secret) = match auth.identitytoken.is_empty() {
        true => (auth.username.clone(), auth.password.clone()),
        false => (TOKEN.to_owned(), auth.identitytoken.clone()),
    };
    let kept = Kept { server: server.to_owned(), username, secret };
    let input = serde_json::to_vec(&kept).map_err(|error| Error::Usage(error.to_string()))?;
    told("storing", run(name, "store", &input).await?)
}

/// Makes the program forget a registry.
pub(super) async fn erase(name: &str, server: &str) -> Result<(), Error> {
    told("erasing", run(name, "erase", server.as_bytes()).await?)
}

fn told(what: &str, (ok, answer): (bool, String)) -> Result<(), Error> {
    if ok || answer.trim() == NOTHING {
        return Ok(());
    }
    Err(Error::Usage(format!("error {what} credentials - err: {}", answer.trim())))
}

/// Runs the program; gives whether it succeeded, and what it wrote.
async fn run(name: &str, verb: &str, input: &[u8]) -> Result<(bool, String), Error> {
    let program = format!("docker-credential-{name}");
    let failed = |error: std::io::Error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "executable file not found in $PATH".to_owned(),
            _ => error.to_string(),
        };
        Error::Usage(format!("error getting credentials - err: exec: {program:?}: {reason}"))
    };
    let mut command = Command::new(&program);
    command.arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that needs no input may be gone already.
        let _ = stdin.write_all(input).await;
    }
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_ANSWER).read_to_end(&mut answer).await.map_err(failed)?;
    }
    let status = child.wait().await.map_err(failed)?;
    Ok((status.success(), String::from_utf8_lossy(&answer).into_owned()))
}
