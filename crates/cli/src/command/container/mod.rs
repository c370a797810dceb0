//! Verbs on containers.

pub(crate) mod attach;
pub(crate) mod commit;
pub(crate) mod copy;
pub(crate) mod create;
pub(crate) mod diff;
mod ending;
pub(crate) mod exec;
pub(crate) mod export;
mod follow;
pub(super) mod health;
mod host;
pub(crate) mod kill;
mod limits;
pub(crate) mod list;
pub(crate) mod logs;
mod network;
mod options;
pub(crate) mod pause;
pub(crate) mod port;
mod ports;
mod probe;
mod prune;
pub(crate) mod remove;
pub(crate) mod rename;
mod request;
pub(crate) mod restart;
pub(crate) mod run;
pub(crate) mod start;
pub(crate) mod stats;
pub(crate) mod stop;
pub(crate) mod top;
pub(crate) mod unpause;
pub(crate) mod update;
pub(crate) mod wait;

use clap::Subcommand;

use crate::client::{Client, encode_path};
use crate::error::Error;

/// `shoal container …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Attach local standard input, output, and error streams to a running container
    Attach(attach::Args),
    /// Create a new image from a container's changes
    Commit(commit::Args),
    /// Copy files/folders between a container and the local filesystem
    Cp(copy::Args),
    /// Create a new container
    Create(Box<create::Args>),
    /// Inspect changes to files or directories on a container's filesystem
    Diff(diff::Args),
    /// Execute a command in a running container
    Exec(exec::Args),
    /// Export a container's filesystem as a tar archive
    Export(export::Args),
    /// Display detailed information on one or more containers
    Inspect(super::system::inspect::KindArgs),
    /// Kill one or more running containers
    Kill(kill::Args),
    /// Fetch the logs of a container
    Logs(logs::Args),
    /// List containers
    #[command(visible_aliases = ["list", "ps"])]
    Ls(list::Args),
    /// Pause all processes within one or more containers
    Pause(pause::Args),
    /// List port mappings or a specific mapping for the container
    Port(port::Args),
    /// Remove all stopped containers
    Prune(prune::Args),
    /// Rename a container
    Rename(rename::Args),
    /// Restart one or more containers
    Restart(restart::Args),
    /// Remove one or more containers
    #[command(visible_alias = "remove")]
    Rm(remove::Args),
    /// Create and run a new container from an image
    Run(Box<run::Args>),
    /// Start one or more stopped containers
    Start(start::Args),
    /// Display a live stream of container(s) resource usage statistics
    Stats(stats::Args),
    /// Stop one or more running containers
    Stop(stop::Args),
    /// Display the running processes of a container
    Top(top::Args),
    /// Unpause all processes within one or more containers
    Unpause(unpause::Args),
    /// Update configuration of one or more containers
    Update(update::Args),
    /// Block until one or more containers stop, then print their exit codes
    Wait(wait::Args),
}

impl Group {
    pub(super) async fn run(self, client: &Client) -> Result<u8, Error> {
        match self {
            Self::Run(args) => return run::run(*args, client).await,
            Self::Start(args) => return start::run(args, client).await,
            Self::Exec(args) => return exec::run(args, client).await,
            Self::Attach(args) => return attach::run(args, client).await,
            Self::Commit(args) => commit::run(args, client).await?,
            Self::Cp(args) => copy::run(args, client).await?,
            Self::Diff(args) => diff::run(args, client).await?,
            Self::Export(args) => export::run(args, client).await?,
            Self::Pause(args) => pause::run(args, client).await?,
            Self::Prune(args) => prune::run(args, client).await?,
            Self::Rename(args) => rename::run(args, client).await?,
            Self::Stats(args) => stats::run(args, client).await?,
            Self::Top(args) => top::run(args, client).await?,
            Self::Unpause(args) => unpause::run(args, client).await?,
            Self::Update(args) => update::run(args, client).await?,
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
