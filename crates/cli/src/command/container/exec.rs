//! `shoal exec`.

use serde_json::{Value, json};

use super::follow::{detached, exit_code, keys, keys_or_default};
use super::path;
use crate::attachment::{self, End, Target};
use crate::client::{Client, Request, encode};
use crate::error::{Error, code};
use crate::flag::env;
use crate::terminal::{DetachKeys, size};

/// Execute a command in a running container
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal exec [OPTIONS] CONTAINER COMMAND [ARG...]")]
pub(crate) struct Args {
    /// Detached mode: run command in the background
    #[arg(short, long)]
    detach: bool,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", value_parser = keys)]
    detach_keys: Option<DetachKeys>,
    /// Set environment variables
    #[arg(short, long, value_name = "list", value_parser = env::parse)]
    env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "list")]
    env_file: Vec<String>,
    /// Keep STDIN open even if not attached
    #[arg(short, long)]
    interactive: bool,
    /// Give extended privileges to the command
    #[arg(long)]
    privileged: bool,
    /// Allocate a pseudo-TTY
    #[arg(short, long)]
    tty: bool,
    /// Username or UID (format: "<name|uid>[:<group|gid>]")
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    user: String,
    /// Working directory inside the container
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    workdir: String,
    /// The container, then the command and its arguments
    #[arg(
        value_name = "CONTAINER COMMAND",
        required = true,
        num_args = 2..,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        hide = true
    )]
    words: Vec<String>,
}

impl Args {
    /// The first word that is no flag.
    pub(crate) fn container(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
}

/// Runs the command; gives its exit code.
pub(super) async fn run(args: Args, client: &Client) -> Result<u8, Error> {
    let body = body(&args)?;
    if !args.detach {
        attachment::check_terminal(args.tty, args.interactive)?;
    }
    let keys = keys_or_default(args.detach_keys, client)?;
    let created: Value = client.json(Request::post(&path(&args.words[0], "/exec")).json(&body)).await?;
    let id = created["Id"].as_str().unwrap_or_default();
    let start = Request::post(&format!("/exec/{}/start", encode(id))).json(&json!({
        "Detach": args.detach,
        "Tty": args.tty,
        "ConsoleSize": body["ConsoleSize"],
    }));
    if args.detach {
        return client.done(start).await.map(|()| 0);
    }
    let options = attachment::Options {
        tty: args.tty,
        stdin: args.interactive,
        stdout: true,
        stderr: true,
        keys,
        // The signals of this program are not the command's, as with Docker.
        signals: None,
    };
    let raw = attachment::raw_mode(args.tty, args.interactive)?;
    let streams = client.hijack(start).await?;
    if args.tty {
        attachment::resize(client, Target::Exec(id)).await;
    }
    let end = attachment::carry(client, Target::Exec(id), streams, options).await?;
    drop(raw);
    if end == End::Detached {
        return Err(detached());
    }
    let ended: Value = client.json(Request::get(&format!("/exec/{}/json", encode(id)))).await?;
    Ok(ended["ExitCode"].as_i64().map_or(code::RUN, exit_code))
}

fn body(args: &Args) -> Result<Value, Error> {
    let lookup = |name: &str| std::env::var(name).ok();
    let console = size().filter(|_| args.tty).map(|(rows, columns)| [rows, columns]);
    Ok(json!({
        "User": args.user,
        "Privileged": args.privileged,
        "Tty": args.tty,
        "ConsoleSize": console,
        "AttachStdin": args.interactive && !args.detach,
        "AttachStderr": !args.detach,
        "AttachStdout": !args.detach,
        "Env": env::resolve(&args.env_file, &args.env, &lookup)?,
        "WorkingDir": args.workdir,
        "Cmd": args.words[1..],
    }))
}
