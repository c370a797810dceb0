//! Verbs on volumes.

mod create;
mod list;
mod prune;
mod remove;

use clap::Subcommand;

use crate::client::Client;
use crate::error::Error;

/// `shoal volume …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Create a volume
    Create(create::Args),
    /// Display detailed information on one or more volumes
    Inspect(super::system::inspect::KindArgs),
    /// List volumes
    #[command(visible_alias = "list")]
    Ls(list::Args),
    /// Remove unused local volumes
    Prune(prune::Args),
    /// Remove one or more volumes
    #[command(visible_alias = "remove")]
    Rm(remove::Args),
}

impl Group {
    pub(super) async fn run(self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Create(args) => create::run(args, client).await,
            Self::Inspect(args) => super::system::inspect::kind(args, "volume", client).await,
            Self::Ls(args) => list::run(args, client).await,
            Self::Prune(args) => prune::run(args, client).await,
            Self::Rm(args) => remove::run(args, client).await,
        }
    }
}
