//! Verbs on containers.

pub(crate) mod attach;
pub(crate) mod create;
mod follow;
pub(super) mod health;
mod host;
pub(crate) mod kill;
pub(crate) mod list;
pub(crate) mod logs;
mod network;
mod options;
pub(crate) mod port;
mod ports;
pub(crate) mod remove;
mod request;
pub(crate) mod restart;
pub(crate) mod run;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod wait;

use clap::Subcommand;

use crate::client::{Client, encode_path};
use crate::error::Error;

/// `shoal container …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Attach local standard input, output, and error streams to a running container
    Attach(attach::Args),
    /// Create a new container
    Create(Box<create::Args>),
    /// Display detailed information on one or more containers
    Inspect(super::system::inspect::KindArgs),
    /// Kill one or more running containers
    Kill(kill::Args),
    /// Fetch the logs of a container
    Logs(logs::Args),
    /// List containers
    #[command(visible_aliases = ["list", "ps"])]
    Ls(list::Args),
    /// List port mappings or a specific mapping for the container
    Port(port::Args),
    /// Restart one or more containers
    Restart(restart::Args),
    /// Remove one or more containers
    #[command(visible_alias = "remove")]
    Rm(remove::Args),
    /// Create and run a new container from an image
    Run(Box<run::Args>),
    /// Start one or more stopped containers
    Start(start::Args),
    /// Stop one or more running containers
    Stop(stop::Args),
    /// Block until one or more containers stop, then print their exit codes
    Wait(wait::Args),
}

impl Group {
    pub(super) async fn run(self, client: &Client) -> Result<u8, Error> {
        match self {
            Self::Run(args) => return run::run(*args, client).await,
            Self::Start(args) => return start::run(args, client).await,
            Self::Attach(args) => return attach::run(args, client).await,
            Self::Create(args) => create::run(*args, client).await?,
            Self::Inspect(args) => super::system::inspect::kind(args, "container", client).await?,
            Self::Kill(args) => kill::run(args, client).await?,
            Self::Logs(args) => logs::run(args, client).await?,
            Self::Ls(args) => list::run(args, client).await?,
            Self::Port(args) => port::run(args, client).await?,
            Self::Restart(args) => restart::run(args, client).await?,
            Self::Rm(args) => remove::run(args, client).await?,
            Self::Stop(args) => stop::run(args, client).await?,
            Self::Wait(args) => wait::run(args, client).await?,
        }
        Ok(0)
    }
}

/// `/containers/NAME/ACTION`.
fn path(name: &str, action: &str) -> String {
    format!("/containers/{}{action}", encode_path(name))
}
