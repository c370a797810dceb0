//! `shoal swarm backup` and `shoal swarm restore`.

use std::io::IsTerminal;
use std::time::Duration;

use engine_api::swarm::{SwarmBackupRequest, SwarmBackupResponse, SwarmRestoreRequest};

use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::flag::{choice, duration, listen};
use crate::terminal::read_secret;

/// Where a passphrase may be, so that it is in no list of processes.
const PASSPHRASE: &str = "SHOAL_BACKUP_PASSPHRASE";
/// Nobody is there who could be asked for it.
const UNASKED: &str =
    "there is no terminal to ask for the passphrase: use --passphrase-file or set SHOAL_BACKUP_PASSPHRASE";

/// Back up the state of the swarm, encrypted, to a directory of the manager's machine
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal swarm backup --to DIR [OPTIONS]")]
pub(crate) struct BackupArgs {
    /// Directory for the backups
    #[arg(long, value_name = "string")]
    to: String,
    /// Go on and make one each time so long has passed (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    every: Option<i64>,
    /// Number of backups to keep (0: all)
    #[arg(long, value_name = "uint", default_value_t = 0, hide_default_value = true)]
    keep: u64,
    /// File with the passphrase (else $SHOAL_BACKUP_PASSPHRASE, else it is asked for)
    #[arg(long, value_name = "string")]
    passphrase_file: Option<String>,
}

/// Make a swarm of a backup, with this machine as its only manager
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal swarm restore [OPTIONS] FILE")]
pub(crate) struct RestoreArgs {
    /// Advertised address (format: "<ip|interface>[:port]")
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    advertise_addr: String,
    /// Availability of the node ("active", "pause", "drain")
    #[arg(long, value_name = "string", default_value = "active")]
    availability: String,
    /// Listen address (format: "<ip|interface>[:port]")
    #[arg(long, value_name = "node-addr", default_value = "0.0.0.0:2377", value_parser = listen::parse)]
    listen_addr: String,
    /// File with the passphrase (else $SHOAL_BACKUP_PASSPHRASE, else it is asked for)
    #[arg(long, value_name = "string")]
    passphrase_file: Option<String>,
    #[arg(value_name = "FILE", hide = true)]
    from: String,
}

pub(super) async fn backup(args: BackupArgs, client: &Client) -> Result<(), Error> {
    let passphrase = passphrase(args.passphrase_file.as_deref())?;
    let body = SwarmBackupRequest { to: absolute(&args.to)?, passphrase, keep: args.keep };
    let every = args.every.and_then(|nanos| u64::try_from(nanos).ok()).filter(|nanos| *nanos > 0);
    loop {
        let made: Result<SwarmBackupResponse, Error> =
            client.json(Request::post("/swarm/backup").json(&body)).await;
        match (made, every) {
            (Ok(made), _) => console::line(&made.file)?,
            (Err(error), None) => return Err(error),
            // The next one may succeed: a daemon that is being upgraded comes back.
            (Err(error), Some(_)) => console::note(&error.to_string()),
        }
        let Some(nanos) = every else { return Ok(()) };
        tokio::time::sleep(Duration::from_nanos(nanos)).await;
    }
}

pub(super) async fn restore(args: RestoreArgs, client: &Client) -> Result<(), Error> {
    let body = SwarmRestoreRequest {
        from: absolute(&args.from)?,
        passphrase: passphrase(args.passphrase_file.as_deref())?,
        listen_addr: args.listen_addr,
        advertise_addr: args.advertise_addr,
        availability: choice::availability(&args.availability)?,
    };
    let node: String = client.json(Request::post("/swarm/restore").json(&body)).await?;
    console::line(&format!("Swarm restored: current node ({node}) is now its only manager."))
}

fn passphrase(file: Option<&str>) -> Result<String, Error> {
    let text = match file {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })?
        }
        None => match std::env::var(PASSPHRASE) {
            Ok(text) => text,
            Err(_) if !std::io::stdin().is_terminal() => return Err(Error::Usage(UNASKED.to_owned())),
            Err(_) => {
                console::note("Passphrase:");
                read_secret()?
            }
        },
    };
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The daemon has another working directory.
fn absolute(path: &str) -> Result<String, Error> {
    let absolute =
        std::path::absolute(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    Ok(absolute.display().to_string())
}
