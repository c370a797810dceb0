//! Verbs on networks.

mod connect;
mod create;
mod disconnect;
mod inspect;
mod ipam;
mod list;
mod prune;
mod remove;

use clap::Subcommand;

use crate::client::Client;
use crate::error::Error;

/// `shoal network …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Connect a container to a network
    Connect(connect::Args),
    /// Create a network
    Create(Box<create::Args>),
    /// Disconnect a container from a network
    Disconnect(disconnect::Args),
    /// Display detailed information on one or more networks
    Inspect(inspect::Args),
    /// List networks
    #[command(visible_alias = "list")]
    Ls(list::Args),
    /// Remove all unused networks
    Prune(prune::Args),
    /// Remove one or more networks
    #[command(visible_alias = "remove")]
    Rm(remove::Args),
}

impl Group {
    pub(super) async fn run(self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Connect(args) => connect::run(args, client).await,
            Self::Create(args) => create::run(*args, client).await,
            Self::Disconnect(args) => disconnect::run(args, client).await,
            Self::Inspect(args) => inspect::run(args, client).await,
            Self::Ls(args) => list::run(args, client).await,
            Self::Prune(args) => prune::run(args, client).await,
            Self::Rm(args) => remove::run(args, client).await,
        }
    }
}
