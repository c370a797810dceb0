//! `swarm init`: a new cluster of one manager. And what a manager begins with that is to be added to a cluster.
//!
//! The log of the new cluster is made beside its place and renamed into it when it is whole, so a crash leaves either no
//! cluster or one that starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use swarm_api::channel::Tcp;
use swarm_api::id::{ClusterId, NodeId};
use swarm_api::role::Role;
use swarm_api::tls::{Identity, NodeKey, SharedIdentity};
use swarm_api::{default, pb};

use crate::ca::{self, Grant};
use crate::clock::Clock;
use crate::error::ManagerError;
use crate::raft::{Consensus, Founding, Outside};
use crate::recover;
use crate::seal::{Keyring, SealError, UnlockKey};
use crate::store::Transaction;

/// Where the log lives, beneath the state directory.
pub(crate) const RAFT_DIRECTORY: &str = "raft";
/// Where a log is made that is to take that place.
pub(crate) const NEW_DIRECTORY: &str = "raft.new";

/// A new cluster.
#[derive(Clone, Debug)]
pub struct BootstrapConfig {
    /// The manager's own directory. What an earlier cluster left there is removed: the caller knows that this machine is in
    /// no swarm.
    pub state_dir: PathBuf,
    /// `host:port` where other nodes reach this one.
    pub advertise_addr: String,
    /// Whether this node takes tasks.
    pub availability: pb::NodeAvailability,
    /// The cluster's settings; none: the defaults.
    pub spec: Option<pb::ClusterSpec>,
    /// The root's certificate and key; none: fresh ones.
    pub root: Option<pb::RootCa>,
    /// The time.
    pub clock: Clock,
}

/// Makes the certificate authority, this node and the cluster, durably. The caller stores the identity; if it dies before
/// that, it bootstraps again.
///
/// # Errors
/// When the directory cannot be written.
pub async fn bootstrap(config: BootstrapConfig) -> Result<Identity, ManagerError> {
    let now_ns = config.clock.now_ns();
    let (identity, first) = first_objects(&config, now_ns)?;
    let raft_id = first.raft_id;
    let new = config.state_dir.join(NEW_DIRECTORY);
    discard(&config.state_dir)?;
    fs::create_dir_all(&new)?;
    let founding = Founding { raft_id, addr: config.advertise_addr, first: first.transaction };
    // It is alone: nobody is dialled.
    let outside = Outside {
        identity: SharedIdentity::new(identity.clone()),
        dialer: Arc::new(Tcp),
        advertise_addr: String::new(),
    };
    Consensus::found(&new, config.clock, outside, founding).await?;
    fs::rename(&new, config.state_dir.join(RAFT_DIRECTORY))?;
    fs::File::open(&config.state_dir)?.sync_all()?;
    Ok(identity)
}

/// Makes an empty member for a node that is to become a manager of an existing cluster, durably; nothing, if there is one
/// already. Started, it asks the leader to add it.
///
/// # Errors
/// When the directory cannot be written.
pub fn prepare(state_dir: &Path, identity: &Identity, advertise_addr: &str) -> Result<(), ManagerError> {
    let (new, place) = (state_dir.join(NEW_DIRECTORY), state_dir.join(RAFT_DIRECTORY));
    if place.try_exists()? {
        return Ok(());
    }
    discard(state_dir)?;
    fs::create_dir_all(&new)?;
    let member = pb::RaftMember {
        raft_id: rand::random_range(1..=u64::MAX),
        addr: advertise_addr.to_owned(),
        node_id: identity.node_id.to_string(),
    };
    Consensus::prepare(&new, &member)?;
    fs::rename(&new, place)?;
    fs::File::open(state_dir)?.sync_all()?;
    Ok(())
}

/// Removes what a cluster has in the state directory: this machine is in no swarm (any more).
///
/// # Errors
/// When it cannot be removed.
pub fn discard(state_dir: &Path) -> io::Result<()> {
    for name in [RAFT_DIRECTORY, NEW_DIRECTORY] {
        match fs::remove_dir_all(state_dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    recover::discard(state_dir)
}

/// Opens the keys of the manager in this directory: what else the node has sealed under them. `None` when there are none.
///
/// # Errors
/// When they are locked and this is not what they are locked with, or cannot be read.
pub fn open_keys(state_dir: &Path, unlock: Option<&UnlockKey>) -> Result<Option<Keyring>, SealError> {
    Keyring::open(&state_dir.join(RAFT_DIRECTORY), unlock)
}

struct First {
    raft_id: u64,
    transaction: Transaction,
}

/// What is in the store from the first moment: the cluster with its root and tokens, and this node.
fn first_objects(config: &BootstrapConfig, now_ns: i64) -> Result<(Identity, First), ManagerError> {
    let mut root = match &config.root {
        None => ca::generate(now_ns)?,
        Some(root) => ca::given(&root.certificate_pem, &root.key_pem, now_ns)?,
    };
    let cluster_id = ClusterId::random();
    let spec = config.spec.clone().unwrap_or_else(default::cluster_spec);
    root.forced_rotation = spec.force_rotate;
    let place = Place { availability: config.availability, addr: &config.advertise_addr, now_ns };
    let FirstManager { identity, node, raft_id } =
        first_manager(&root, &cluster_id, spec.node_cert_expiry_ns, &place)?;
    // The manager locks its keys with it as soon as it runs.
    let unlock_key = if spec.auto_lock_managers { UnlockKey::generate()?.to_bytes() } else { Vec::new() };
    let cluster = pb::Cluster {
        id: cluster_id.to_string(),
        spec: Some(spec),
        join_tokens: Some(ca::join_tokens(&root)?),
        root_ca: Some(root),
        unlock_key,
        ..Default::default()
    };
    let mut transaction = Transaction::default();
    transaction.put(cluster).put(node);
    Ok((identity, First { raft_id, transaction }))
}

/// Where the only manager of a cluster stands when it begins.
pub(crate) struct Place<'a> {
    pub(crate) availability: pb::NodeAvailability,
    pub(crate) addr: &'a str,
    pub(crate) now_ns: i64,
}

/// A node of a fresh key that is to be the only manager of a cluster.
pub(crate) struct FirstManager {
    pub(crate) identity: Identity,
    /// Its record, with its member.
    pub(crate) node: pb::Node,
    pub(crate) raft_id: u64,
}

/// Makes it, with a certificate of this root that is valid for so long.
pub(crate) fn first_manager(
    root: &pb::RootCa,
    cluster_id: &str,
    cert_expiry_ns: u64,
    place: &Place<'_>,
) -> Result<FirstManager, ManagerError> {
    let key = NodeKey::generate()?;
    let node_id = NodeId::random();
    let validity = Duration::from_nanos(cert_expiry_ns);
    let grant = Grant { node_id: &node_id, role: Role::Manager, cluster_id, now_ns: place.now_ns, validity };
    let chain = ca::issue(root, &key.csr_der()?, &grant)?;
    let identity = Identity::from_pem(&chain, &key.to_pem())?;
    let raft_id = rand::random_range(1..=u64::MAX);
    let mut node = ca::new_node(&node_id, Role::Manager);
    node.spec.get_or_insert_default().availability = place.availability.into();
    node.certificate_pem = chain.into_bytes();
    node.manager_status =
        Some(pb::ManagerStatus { raft_id, addr: place.addr.to_owned(), ..Default::default() });
    Ok(FirstManager { identity, node, raft_id })
}
