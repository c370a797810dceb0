//! Verbs on the swarm as a whole.

mod authority;
mod backup;
mod init;
mod join;
mod leave;
mod options;
mod token;
mod unlock;
mod update;

use clap::Subcommand;

use crate::client::Client;
use crate::error::Error;

/// `shoal swarm …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Display and rotate the root CA
    Ca(authority::Args),
    /// Back up the state of the swarm
    Backup(backup::BackupArgs),
    /// Initialize a swarm
    Init(init::Args),
    /// Join a swarm as a node and/or manager
    Join(join::Args),
    /// Manage join tokens
    JoinToken(token::Args),
    /// Leave the swarm
    Leave(leave::Args),
    /// Make a swarm of a backup
    Restore(backup::RestoreArgs),
    /// Unlock swarm
    Unlock(unlock::UnlockArgs),
    /// Manage the unlock key
    UnlockKey(unlock::KeyArgs),
    /// Update the swarm
    Update(update::Args),
}

impl Group {
    pub(super) async fn run(self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Ca(args) => authority::run(args, client).await,
            Self::Backup(args) => backup::backup(args, client).await,
            Self::Init(args) => init::run(args, client).await,
            Self::Join(args) => join::run(args, client).await,
            Self::JoinToken(args) => token::run(args, client).await,
            Self::Leave(args) => leave::run(args, client).await,
            Self::Restore(args) => backup::restore(args, client).await,
            Self::Unlock(args) => unlock::unlock(args, client).await,
            Self::UnlockKey(args) => unlock::key(args, client).await,
            Self::Update(args) => update::run(args, client).await,
        }
    }
}
