//! `shoal login`.

use std::io::{IsTerminal, Read};

use engine_api::auth::AuthConfig;
use engine_api::registry::AuthResponse;

use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::registry;
use crate::terminal::read_secret;

/// Longest password from standard input, in bytes.
const MAX_PASSWORD: u64 = 64 << 10;

/// Authenticate to a registry
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal login [OPTIONS] [SERVER]")]
pub(crate) struct Args {
    /// Password or Personal Access Token (PAT)
    #[arg(short, long, value_name = "string")]
    password: Option<String>,
    /// Take the Password or Personal Access Token (PAT) from stdin
    #[arg(long)]
    password_stdin: bool,
    /// Username
    #[arg(short, long, value_name = "string")]
    username: Option<String>,
    #[arg(value_name = "SERVER", hide = true)]
    server: Option<String>,
}

pub(in crate::command) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let server = registry::server(args.server.as_deref().unwrap_or_default());
    let mut config = client.config().clone();
    let known = args.username.is_none() && args.password.is_none() && !args.password_stdin;
    let kept = if known { registry::get(&config, &server).await? } else { AuthConfig::default() };
    let mut given = match has_secret(&kept) {
        true => match again(client, &kept).await? {
            Some(status) => return console::line(&status),
            None => ask(&args, &server, Some(&kept.username))?,
        },
        false => ask(&args, &server, None)?,
    };
    let answer = login(client, &given).await?;
    if !answer.identity_token.is_empty() {
        given.password.clear();
        given.identitytoken = answer.identity_token;
    }
    if registry::keep(&mut config, &server, &given).await? {
        console::note(&format!(
            "\nWARNING! Your credentials are stored unencrypted in '{}'.\nConfigure a credential helper to remove this warning.\n",
            config.path().display()
        ));
    }
    console::line(&answer.status)
}

fn has_secret(auth: &AuthConfig) -> bool {
    !auth.identitytoken.is_empty() || !auth.password.is_empty()
}

/// With the credentials that are kept; none if the registry does not take them any more.
async fn again(client: &Client, kept: &AuthConfig) -> Result<Option<String>, Error> {
    let whose =
        if kept.username.is_empty() { String::new() } else { format!(" [Username: {}]", kept.username) };
    console::note(&format!("Authenticating with existing credentials...{whose}"));
    match login(client, kept).await {
        Ok(answer) => Ok(Some(answer.status)),
        Err(error @ Error::Daemon { status: 401, .. }) => {
            console::note(&format!("Login did not succeed, error: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn login(client: &Client, auth: &AuthConfig) -> Result<AuthResponse, Error> {
    client.json(Request::post("/auth").json(auth)).await
}

/// Name and password, as the flags say or the user.
fn ask(args: &Args, server: &str, before: Option<&str>) -> Result<AuthConfig, Error> {
    let usage = |words: &str| Err(Error::Usage(words.to_owned()));
    let mut username = args.username.clone().unwrap_or_default();
    let password = match (&args.password, args.password_stdin) {
        (Some(_), true) => return usage("--password and --password-stdin are mutually exclusive"),
        (None, true) if username.is_empty() => return usage("Must provide --username with --password-stdin"),
        (None, true) => from_stdin()?,
        (Some(password), false) => {
            console::note("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
            password.clone()
        }
        (None, false) => String::new(),
    };
    let must_ask = username.is_empty() || password.is_empty();
    if must_ask && !std::io::stdin().is_terminal() {
        return usage("Cannot perform an interactive login from a non-TTY device");
    }
    if username.is_empty() {
        let default = before.filter(|name| !name.is_empty());
        console::out(
            &default.map_or_else(|| "Username: ".to_owned(), |name| format!("Username ({name}): ")),
        )?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        username =
            Some(line.trim()).filter(|line| !line.is_empty()).or(default).unwrap_or_default().to_owned();
    }
    if username.is_empty() {
        return usage("username is required");
    }
    let password = match password.is_empty() {
        true => {
            console::out("Password: ")?;
            let secret = read_secret()?;
            console::line("")?;
            secret
        }
        false => password,
    };
    if password.is_empty() {
        return usage("password is required");
    }
    Ok(AuthConfig { username, password, serveraddress: server.to_owned(), ..AuthConfig::default() })
}

/// All of standard input, without the line's end.
fn from_stdin() -> Result<String, Error> {
    let mut text = String::new();
    std::io::stdin().take(MAX_PASSWORD).read_to_string(&mut text)?;
    let bare = text.strip_suffix('\n').unwrap_or(&text);
    Ok(bare.strip_suffix('\r').unwrap_or(bare).to_owned())
}
