//! What the owner does about a swarm that is locked, damaged, without a quorum, or lost but for a backup.

use std::io;
use std::sync::Arc;

use anyhow::Error;
use manager::clock::Clock;
use manager::seal::{SealError, UnlockKey};
use manager::{ForceConfig, RestoreConfig};
use rest::{Backup, BackupRequest, InitRequest, NodeError, RestoreRequest};
use swarm_api::tls::Identity;
use worker::Farewell;

use super::address;
use super::held::{Held, Why};
use super::membership::Membership;
use super::owner::{Owner, Reply, bind, internal};
use super::quorum;

impl Owner {
    /// Keeps what is remembered and runs its tasks on; or ends with the error, where that is no reason to.
    pub(super) async fn hold(
        &mut self,
        membership: Option<Membership>,
        error: Error,
        unlock_key: Option<UnlockKey>,
    ) -> anyhow::Result<()> {
        let Some(why) = Why::of(&error) else { return Err(error) };
        match &why {
            Why::Locked => tracing::warn!("the swarm is locked: it waits for `swarm unlock`"),
            Why::Broken(reason) => tracing::error!(%reason, "this node's part in the swarm is not taken up"),
        }
        let executor = Arc::new(self.executor.clone());
        self.held = Some(Held::start(&self.dir, membership, why, unlock_key, executor).await?);
        Ok(())
    }

    /// Whether this machine may enter a swarm.
    pub(super) fn check_free(&self) -> Result<(), NodeError> {
        match (&self.member, &self.held) {
            (None, None) => Ok(()),
            _ => Err(NodeError::AlreadyInSwarm),
        }
    }

    /// Whether this machine may leave its swarm, as far as that hangs on what is held.
    pub(super) fn check_leave(&self, force: bool) -> Result<(), NodeError> {
        match (&self.member, &self.held) {
            (None, None) => Err(NodeError::NotPart),
            (None, Some(Held { why: Why::Locked, .. })) if !force => Err(NodeError::LeaveLocked),
            (None, Some(held)) if !force && held.may_manage() => {
                Err(NodeError::LastManager(quorum::FORCE.to_owned()))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn unlock(&mut self, key: &str) -> Result<(), NodeError> {
        match (&self.member, &self.held) {
            (_, Some(Held { why: Why::Locked, .. })) => {}
            (_, Some(held)) => return Err(held.refusal()),
            (Some(member), None) if member.is_manager() => return Err(NodeError::NotLocked),
            (Some(_), None) => return Err(NodeError::NotManager),
            (None, None) => return Err(NodeError::NotInSwarm),
        }
        let unlock: UnlockKey = key.parse().map_err(|_| NodeError::InvalidKey)?;
        match manager::open_keys(&self.dir.manager(), Some(&unlock)) {
            Ok(_) => {}
            Err(SealError::InvalidKey) => return Err(NodeError::InvalidKey),
            Err(error) => return Err(internal(error)),
        }
        let record = self.dir.record().map_err(internal)?;
        let membership = record.ok_or_else(|| NodeError::Internal("the record is gone".to_owned()))?;
        self.stop(Farewell::Silent).await;
        let Err(error) = self.take_up(membership.clone(), Some(&unlock)).await else { return Ok(()) };
        let said = format!("{error:#}");
        if self.hold(Some(membership.clone()), error, Some(unlock)).await.is_err() {
            // Not for good: a port that is in use, perhaps. It can be unlocked again.
            let locked = SealError::Locked(self.dir.manager()).into();
            self.hold(Some(membership), locked, None).await.map_err(internal)?;
        }
        Err(NodeError::Unavailable(said))
    }

    /// Writes the node's key anew, since what it is sealed under has changed.
    pub(super) fn reseal(&self) {
        let Some(member) = &self.member else { return };
        if let Err(error) = self.dir.save_identity(&member.identity()) {
            tracing::error!(%error, "the node's key is not sealed as it should be");
        }
    }

    /// Makes a cluster of one of this manager, whatever has become of the others.
    pub(super) async fn force_new_cluster(&mut self, request: &InitRequest) -> Result<String, NodeError> {
        let record = self.dir.record().map_err(internal)?.filter(|record| record.manager);
        let membership = record.ok_or(NodeError::NotManager)?;
        let (identity, unlock) = self.manager_identity()?;
        let listen = address::listen(&request.listen_addr)?;
        let advertise = match request.advertise_addr.as_str() {
            "" => membership.advertise,
            asked => address::advertise(asked, &self.settings.default_advertise_addr, listen)?,
        };
        let node_id = identity.node_id.to_string();
        self.stop(Farewell::Silent).await;
        let config = ForceConfig {
            state_dir: self.dir.manager(),
            node_id: identity.node_id,
            advertise_addr: advertise.to_string(),
            unlock_key: unlock.clone(),
            clock: Clock::system(),
        };
        let forced = manager::force_new_cluster(config).await.map_err(internal);
        let mut renewed = membership.clone();
        (renewed.listen, renewed.advertise) = (listen, advertise);
        renewed.managers.clear();
        if !request.advertise_addr.is_empty() {
            renewed.advertise_text = Some(request.advertise_addr.clone());
        }
        let saved = forced.and_then(|()| self.dir.save(&renewed).map_err(internal));
        let membership = if saved.is_ok() { renewed } else { membership };
        if let Err(error) = self.take_up(membership.clone(), unlock.as_ref()).await {
            let said = format!("{error:#}");
            self.hold(Some(membership), error, unlock).await.map_err(internal)?;
            saved?;
            return Err(NodeError::Unavailable(said));
        }
        saved.map(|()| node_id)
    }

    /// Who this manager is, and what its keys are sealed under.
    fn manager_identity(&self) -> Result<(Identity, Option<UnlockKey>), NodeError> {
        if let Some(member) = &self.member {
            return Ok(((*member.identity()).clone(), member.lock()));
        }
        let unlock = self.held.as_ref().and_then(|held| held.unlock_key.clone());
        let keys = match manager::open_keys(&self.dir.manager(), unlock.as_ref()) {
            Err(SealError::Locked(_)) => return Err(NodeError::Locked),
            keys => keys.map_err(internal)?,
        };
        Ok((self.dir.identity(keys.as_ref()).map_err(internal)?, unlock))
    }

    /// Has the manager write a backup; the owner does not wait for it.
    pub(super) fn backup(&self, request: BackupRequest, reply: Reply<Backup>) {
        let manager = match (&self.member, &self.held) {
            (Some(member), _) => member.manager().ok_or(NodeError::NotManager),
            (None, Some(held)) => Err(held.refusal()),
            (None, None) => Err(NodeError::NotInSwarm),
        };
        let writing = match manager {
            Ok(manager) => manager.backup(request.to, request.passphrase, request.keep),
            // Who asked may have gone.
            Err(error) => return drop(reply.send(Err(error))),
        };
        tokio::spawn(async move {
            let made = writing.await.map_err(|error| match error.kind() {
                io::ErrorKind::InvalidInput => NodeError::Invalid(error.to_string()),
                _ => internal(error),
            });
            let made = made.map(|made| Backup { path: made.path, index: made.index, removed: made.removed });
            drop(reply.send(made));
        });
    }

    /// Makes a swarm of a backup, with this machine as its only manager.
    pub(super) async fn restore(&mut self, request: RestoreRequest) -> Result<String, NodeError> {
        self.check_free()?;
        let listen = address::listen(&request.listen_addr)?;
        let listener = bind(listen)?;
        let listen = listener.local_addr().map_err(internal)?;
        let advertise =
            address::advertise(&request.advertise_addr, &self.settings.default_advertise_addr, listen)?;
        let membership = Membership::new(listen, advertise).written(&request.advertise_addr, "");
        self.dir.forget().and_then(|()| self.dir.make()).map_err(internal)?;
        let config = RestoreConfig {
            state_dir: self.dir.manager(),
            from: request.from,
            passphrase: request.passphrase,
            advertise_addr: advertise.to_string(),
            availability: request.availability,
            clock: Clock::system(),
        };
        let restored = match manager::restore(config).await {
            Ok((identity, locked)) => self.begin(&membership, identity, listener, locked).await,
            Err(error) => Err(NodeError::Invalid(error.to_string())),
        };
        if restored.is_err() {
            self.stop(Farewell::Silent).await;
            self.undo();
        }
        restored
    }
}
