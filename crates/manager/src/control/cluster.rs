//! The cluster itself: its settings and its join tokens.

use std::time::Duration;

use swarm_api::{pb, validate};

use super::{Control, ControlError, version};
use crate::ca;
use crate::seal::UnlockKey;
use crate::store::{Kind, Transaction, View};

/// How long an answer waits for this manager's own disk to be locked.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

impl Control {
    pub(super) async fn get_cluster(&self) -> Result<pb::Cluster, ControlError> {
        let view = self.reader.view().await?;
        view.cluster().map(|cluster| shown(cluster)).ok_or_else(none)
    }

    pub(super) async fn update_cluster(
        &self,
        request: pb::UpdateClusterRequest,
    ) -> Result<pb::Cluster, ControlError> {
        self.reader.view().await?;
        if let Some(spec) = &request.spec {
            validate::cluster(spec)?;
        }
        let now_ns = self.proposer.now_ns();
        let decide = |view: &View| {
            let cluster = view.cluster().ok_or_else(none)?;
            version::check(cluster.meta.as_ref(), request.version)?;
            let mut transaction = Transaction::default();
            transaction.put(updated((**cluster).clone(), &request, now_ns)?);
            Ok::<_, ControlError>(transaction)
        };
        self.proposer.update(&self.store, decide).await?;
        self.locked().await;
        self.store.view().cluster().map(|cluster| shown(cluster)).ok_or_else(none)
    }
}

impl Control {
    /// What unlocks a manager; empty when nothing does.
    pub(super) async fn get_unlock_key(&self) -> Result<pb::GetUnlockKeyResponse, ControlError> {
        let view = self.reader.view().await?;
        let cluster = view.cluster().ok_or_else(none)?;
        let key = UnlockKey::from_bytes(&cluster.unlock_key);
        Ok(pb::GetUnlockKeyResponse { unlock_key: key.map(|key| key.to_string()).unwrap_or_default() })
    }

    /// Waits until the keys on this manager's disk are sealed as the cluster says: who was told of a lock finds it locked.
    async fn locked(&self) {
        let wanted =
            self.store.view().cluster().and_then(|cluster| UnlockKey::from_bytes(&cluster.unlock_key));
        let mut lock = self.lock.clone();
        let locked = lock.wait_for(|lock| *lock == wanted);
        if tokio::time::timeout(LOCK_PATIENCE, locked).await.is_err() {
            tracing::warn!("the lock is not on this manager's disk yet");
        }
    }
}

fn updated(
    mut cluster: pb::Cluster,
    request: &pb::UpdateClusterRequest,
    now_ns: i64,
) -> Result<pb::Cluster, ControlError> {
    if let Some(spec) = &request.spec {
        // What overlay networks are made of was settled with the swarm.
        let known = cluster.spec.take().unwrap_or_default();
        // Docker's clients neither send nor know of the grace and of what is allowed: their updates leave it.
        let absence_grace_ns = match spec.absence_grace_ns {
            0 => known.absence_grace_ns,
            asked => asked,
        };
        let allow = spec.allow.clone().or(known.allow);
        cluster.spec =
            Some(pb::ClusterSpec { overlay: known.overlay, absence_grace_ns, allow, ..spec.clone() });
        let wish = ca::rotation::Wish {
            force_rotate: spec.force_rotate,
            certificate_pem: &request.signing_ca_certificate_pem,
            key_pem: &request.signing_ca_key_pem,
        };
        cluster.root_ca = Some(ca::rotation::wished(&cluster.root_ca.unwrap_or_default(), wish, now_ns)?);
    }
    let locks = cluster.spec.as_ref().is_some_and(|spec| spec.auto_lock_managers);
    if !locks {
        cluster.unlock_key.clear();
    } else if cluster.unlock_key.is_empty() || request.rotate_unlock_key {
        cluster.unlock_key = UnlockKey::generate().map_err(ControlError::UnlockKey)?.to_bytes();
    }
    if request.rotate_worker_token || request.rotate_manager_token {
        let fresh = ca::join_tokens(&cluster.root_ca.clone().unwrap_or_default())?;
        let tokens = cluster.join_tokens.get_or_insert_default();
        if request.rotate_worker_token {
            tokens.worker = fresh.worker;
        }
        if request.rotate_manager_token {
            tokens.manager = fresh.manager;
        }
    }
    Ok(cluster)
}

/// The roots' keys and the unlock key stay with the managers, and tokens are told once they are good.
fn shown(cluster: &pb::Cluster) -> pb::Cluster {
    let mut cluster = cluster.clone();
    cluster.unlock_key.clear();
    if let Some(root) = &mut cluster.root_ca {
        root.key_pem.clear();
        if let Some(rotation) = &mut root.rotation {
            rotation.key_pem.clear();
            rotation.join_tokens = None;
        }
    }
    cluster
}

fn none() -> ControlError {
    ControlError::NotFound { kind: Kind::Cluster, reference: "default".to_owned() }
}
