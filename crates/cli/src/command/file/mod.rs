//! Verbs on secrets and configs, which are asked for in the same way.

mod create;
mod inspect;
mod list;
mod remove;

use clap::Subcommand;

use crate::client::{Client, encode_path};
use crate::error::Error;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    Config,
}

impl Kind {
    /// The word of messages.
    fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }

    /// Where all of them are.
    fn path(self) -> &'static str {
        match self {
            Self::Secret => "/secrets",
            Self::Config => "/configs",
        }
    }

    /// Where one of them is.
    fn path_of(self, name: &str) -> String {
        format!("{}/{}", self.path(), encode_path(name))
    }
}

/// `shoal secret …`.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretGroup {
    /// Create a secret from a file or STDIN as content
    #[command(override_usage = "shoal secret create [OPTIONS] SECRET [file|-]")]
    Create(create::SecretArgs),
    /// Display detailed information on one or more secrets
    #[command(override_usage = "shoal secret inspect [OPTIONS] SECRET [SECRET...]")]
    Inspect(inspect::Args),
    /// List secrets
    #[command(visible_alias = "list", override_usage = "shoal secret ls [OPTIONS]")]
    Ls(list::Args),
    /// Remove one or more secrets
    #[command(visible_alias = "remove", override_usage = "shoal secret rm SECRET [SECRET...]")]
    Rm(remove::Args),
}

impl SecretGroup {
    pub(super) async fn run(self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Create(args) => create::secret(args, client).await,
            Self::Inspect(args) => inspect::run(args, Kind::Secret, client).await,
            Self::Ls(args) => list::run(args, Kind::Secret, client).await,
            Self::Rm(args) => remove::run(args, Kind::Secret, client).await,
        }
    }
}

/// `shoal config …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigGroup {
    /// Create a config from a file or STDIN
    #[command(override_usage = "shoal config create [OPTIONS] CONFIG file|-")]
    Create(create::Args),
    /// Display detailed information on one or more configs
    #[command(override_usage = "shoal config inspect [OPTIONS] CONFIG [CONFIG...]")]
    Inspect(inspect::Args),
    /// List configs
    #[command(visible_alias = "list", override_usage = "shoal config ls [OPTIONS]")]
    Ls(list::Args),
    /// Remove one or more configs
    #[command(visible_alias = "remove", override_usage = "shoal config rm CONFIG [CONFIG...]")]
    Rm(remove::Args),
}

impl ConfigGroup {
    pub(super) async fn run(self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Create(args) => create::config(args, client).await,
            Self::Inspect(args) => inspect::run(args, Kind::Config, client).await,
            Self::Ls(args) => list::run(args, Kind::Config, client).await,
            Self::Rm(args) => remove::run(args, Kind::Config, client).await,
        }
    }
}
