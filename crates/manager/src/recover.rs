//! A cluster of one made of what is left: of a manager's own directory (`swarm init --force-new-cluster`), or of a backup.
//!
//! The other managers of the state become workers: a group that goes on without them must not wait for them. When they are heard of
//! again they are told so.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use swarm_api::id::NodeId;
use swarm_api::pb::{self, NodeRole};

use crate::bootstrap::{NEW_DIRECTORY, RAFT_DIRECTORY};
use crate::clock::Clock;
use crate::error::ManagerError;
use crate::raft::{self, Recovered, Refounding};
use crate::seal::UnlockKey;
use crate::store::{State, Transaction, apply};

/// Where the log goes that another takes the place of; until then it is what a crash falls back to.
const OLD_DIRECTORY: &str = "raft.before";

/// How a manager is to become a cluster of one.
#[derive(Clone, Debug)]
pub struct ForceConfig {
    /// The manager's directory.
    pub state_dir: PathBuf,
    /// This node.
    pub node_id: NodeId,
    /// `host:port` where other nodes reach this one from now on.
    pub advertise_addr: String,
    /// What the manager's keys are sealed under, if they are.
    pub unlock_key: Option<UnlockKey>,
    /// The time.
    pub clock: Clock,
}

/// Makes a cluster of one of the manager in this directory, which must not run. All that its disk has is kept: also entries that it
/// does not know to be committed, since somebody may have been told of them. A crash leaves the directory as it was or as it is
/// to be.
///
/// # Errors
/// When the directory has no cluster, is locked, or cannot be written.
pub async fn force_new_cluster(config: ForceConfig) -> Result<(), ManagerError> {
    tokio::task::spawn_blocking(move || force(&config)).await.map_err(|_| ManagerError::Ended("recovery"))?
}

fn force(config: &ForceConfig) -> Result<(), ManagerError> {
    settle(&config.state_dir)?;
    let directory = config.state_dir.join(RAFT_DIRECTORY);
    let Recovered { mut state, term, last, keyring } = raft::recover(&directory, config.unlock_key.as_ref())?;
    // Another member than before: should the others find together after all, they must not count on this one, nor it on them.
    let raft_id = rand::random_range(1..=u64::MAX);
    let alone = alone(&state, &config.node_id, raft_id, &config.advertise_addr)?;
    begin(&mut state, alone, config.clock.now_ns(), last)?;
    let new = fresh(&config.state_dir)?;
    let keyring = Arc::new(keyring.successor(&new)?);
    let (addr, node_id) = (config.advertise_addr.clone(), config.node_id.to_string());
    raft::refound(&new, keyring, Refounding { raft_id, addr, node_id, state: &state, term: term + 1 })?;
    replace(&config.state_dir)?;
    tracing::warn!(entry = last, "this manager is a cluster of one from now on");
    Ok(())
}

/// Puts the objects of a new cluster of one into the state, as the entry after the last.
pub(crate) fn begin(
    state: &mut State,
    transaction: Transaction,
    now_ns: i64,
    last: u64,
) -> Result<(), ManagerError> {
    apply(state, transaction, now_ns, last + 1).map(drop).map_err(|refused| {
        ManagerError::Io(io::Error::other(format!("cannot make a cluster of one: {refused}")))
    })
}

/// What makes this node the only manager.
pub(crate) fn alone(
    state: &State,
    node_id: &str,
    raft_id: u64,
    addr: &str,
) -> Result<Transaction, ManagerError> {
    if state.cluster().is_none() {
        return Err(ManagerError::NothingLeft);
    }
    let mut transaction = Transaction::default();
    for node in state.nodes() {
        let mut changed = (**node).clone();
        let spec = changed.spec.get_or_insert_default();
        if node.id == node_id {
            spec.set_role(NodeRole::Manager);
            changed.manager_status =
                Some(pb::ManagerStatus { raft_id, addr: addr.to_owned(), ..Default::default() });
        } else {
            spec.set_role(NodeRole::Worker);
            changed.manager_status = None;
        }
        if changed != **node {
            transaction.put(changed);
        }
    }
    Ok(transaction)
}

/// An empty directory for a log that is to take the place of the one there is.
pub(crate) fn fresh(state_dir: &Path) -> io::Result<PathBuf> {
    let new = state_dir.join(NEW_DIRECTORY);
    absent(fs::remove_dir_all(&new))?;
    fs::create_dir_all(&new)?;
    Ok(new)
}

/// Puts the new log into its place.
pub(crate) fn replace(state_dir: &Path) -> io::Result<()> {
    let (place, old) = (state_dir.join(RAFT_DIRECTORY), state_dir.join(OLD_DIRECTORY));
    absent(fs::remove_dir_all(&old))?;
    absent(fs::rename(&place, &old))?;
    fs::rename(state_dir.join(NEW_DIRECTORY), place)?;
    fs::File::open(state_dir)?.sync_all()?;
    absent(fs::remove_dir_all(old))
}

/// Undoes what a crash between the two renames of [`replace`] has left.
pub(crate) fn settle(state_dir: &Path) -> io::Result<()> {
    let (place, old) = (state_dir.join(RAFT_DIRECTORY), state_dir.join(OLD_DIRECTORY));
    if place.try_exists()? {
        return absent(fs::remove_dir_all(old));
    }
    absent(fs::rename(old, place))
}

/// Removes what a recovery may have left.
pub(crate) fn discard(state_dir: &Path) -> io::Result<()> {
    absent(fs::remove_dir_all(state_dir.join(OLD_DIRECTORY)))
}

fn absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
