//! Verbs on the daemon as a whole, and `inspect`, which asks for any object.

pub(crate) mod df;
mod dial;
pub(crate) mod events;
pub(crate) mod info;
pub(crate) mod inspect;
pub(crate) mod prune;
pub(crate) mod version;

use clap::Subcommand;

use crate::client::Client;
use crate::error::Error;

/// `shoal system …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Proxy the stdio stream to the daemon connection. Should not be invoked manually
    #[command(name = "dial-stdio", hide = true)]
    Dial(dial::Args),
    /// Show disk usage
    Df(df::Args),
    /// Get real time events from the server
    Events(events::Args),
    /// Display system-wide information
    Info(info::Args),
    /// Remove unused data
    Prune(prune::Args),
}

impl Group {
    pub(super) async fn run(self, client: &Client) -> Result<u8, Error> {
        match self {
            Self::Df(args) => df::run(args, client).await?,
            Self::Dial(args) => dial::run(args, client).await?,
            Self::Events(args) => events::run(args, client).await?,
            Self::Info(args) => info::run(args, client).await?,
            Self::Prune(args) => prune::run(args, client).await?,
        }
        Ok(0)
    }
}
