//! Verbs on checkpoints: containers frozen into files.

mod create;
mod list;
mod remove;

use clap::Subcommand;

use crate::client::{Client, encode_path};
use crate::error::Error;

/// `shoal checkpoint …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Create a checkpoint from a running container
    Create(create::Args),
    /// List checkpoints for a container
    #[command(visible_alias = "list")]
    Ls(list::Args),
    /// Remove a checkpoint
    #[command(visible_alias = "remove")]
    Rm(remove::Args),
}

impl Group {
    pub(super) async fn run(self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Create(args) => create::run(args, client).await,
            Self::Ls(args) => list::run(args, client).await,
            Self::Rm(args) => remove::run(args, client).await,
        }
    }
}

/// `/containers/NAME/checkpoints`.
fn path(container: &str) -> String {
    format!("/containers/{}/checkpoints", encode_path(container))
}
