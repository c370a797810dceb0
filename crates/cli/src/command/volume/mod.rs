//! Verbs on volumes.

mod create;
mod export;
mod import;
mod list;
mod prune;
mod remove;
mod update;

use clap::Subcommand;

use crate::client::Client;
use crate::error::Error;

/// `shoal volume …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Create a volume
    Create(create::Args),
    /// Export what is in a volume as a tar archive
    Export(export::Args),
    /// Import a tar archive into a volume, which is created if it is missing
    Import(import::Args),
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
    /// Update a volume (cluster volumes only)
    Update(update::Args),
}

impl Group {
    pub(super) async fn run(self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Create(args) => create::run(args, client).await,
            Self::Export(args) => export::run(args, client).await,
            Self::Import(args) => import::run(args, client).await,
            Self::Inspect(args) => super::system::inspect::kind(args, "volume", client).await,
            Self::Ls(args) => list::run(args, client).await,
            Self::Prune(args) => prune::run(args, client).await,
            Self::Rm(args) => remove::run(args, client).await,
            Self::Update(args) => update::run(args, client).await,
        }
    }
}
