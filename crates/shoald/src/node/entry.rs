//! Into a swarm: by making one, or by joining one.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use manager::{AuthorityError, ManagerError};
use rest::{InitRequest, JoinRequest, NodeError};
use swarm_api::channel::Tcp;
use swarm_api::join;
use swarm_api::role::Role;
use swarm_api::tls::{Identity, SharedIdentity};
use swarm_api::validate;

use super::address;
use super::member::{self, Member};
use super::membership::Membership;
use super::owner::{Owner, bind, internal};

/// Docker's words.
const JOIN_LATE: &str = "Timeout was reached before node joined. The attempt to join the swarm will continue in the background. Use the \"docker info\" command to see the current swarm status of your node.";
/// How long a manager may take to lead its swarm of one.
const LEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new manager may take to be one of the managers.
const JOIN_TIMEOUT: Duration = Duration::from_secs(20);

/// Where a node that joins would serve, if it is to be a manager.
struct Place {
    listen: SocketAddr,
    advertise: Result<SocketAddr, NodeError>,
    listener: Result<TcpListener, NodeError>,
    advertise_text: String,
    data_path_addr: String,
}

impl Owner {
    pub(super) async fn init(&mut self, request: InitRequest) -> Result<String, NodeError> {
        if request.force_new_cluster && (self.member.is_some() || self.held.is_some()) {
            return self.force_new_cluster(&request).await;
        }
        self.check_free()?;
        validate::cluster(&request.spec).map_err(|error| NodeError::Invalid(error.to_string()))?;
        let listen = address::listen(&request.listen_addr)?;
        let listener = bind(listen)?;
        let listen = listener.local_addr().map_err(internal)?;
        let advertise =
            address::advertise(&request.advertise_addr, &self.settings.default_advertise_addr, listen)?;
        address::data_path(&request.data_path_addr)?;
        let membership =
            Membership::new(listen, advertise).written(&request.advertise_addr, &request.data_path_addr);
        let made = self.make(&membership, request, listener).await;
        if made.is_err() {
            self.undo();
        }
        made
    }

    async fn make(
        &mut self,
        membership: &Membership,
        request: InitRequest,
        listener: TcpListener,
    ) -> Result<String, NodeError> {
        self.dir.forget().and_then(|()| self.dir.make()).map_err(internal)?;
        let locked = request.spec.auto_lock_managers;
        let made = Member::bootstrap(&self.dir, membership, request).await;
        let identity = made.map_err(|error| match error.downcast_ref() {
            Some(ManagerError::Authority(AuthorityError::Given(reason))) => {
                NodeError::Invalid(reason.clone().into_owned())
            }
            _ => internal(error),
        })?;
        self.begin(membership, identity, listener, locked).await
    }

    /// Starts the first manager of a swarm whose state has been made; its node's id.
    pub(super) async fn begin(
        &mut self,
        membership: &Membership,
        identity: Identity,
        listener: TcpListener,
        locked: bool,
    ) -> Result<String, NodeError> {
        let node_id = identity.node_id.to_string();
        self.dir.save_identity(&identity).map_err(internal)?;
        let identity = SharedIdentity::new(identity);
        let executor = Arc::new(self.executor.clone());
        let member = Member::start(&self.dir, membership.clone(), identity, Some(listener), executor, None)
            .await
            .map_err(internal)?;
        let led = tokio::time::timeout(LEAD_TIMEOUT, member.led()).await;
        led.map_err(|_| {
            NodeError::Unavailable("the new manager does not lead its swarm in time".to_owned())
        })?;
        if !member.settle_lock(locked).await {
            return Err(NodeError::Unavailable("the new manager does not lock its keys in time".to_owned()));
        }
        self.dir.save_identity(&member.identity()).map_err(internal)?;
        self.dir.save(membership).map_err(internal)?;
        self.member = Some(member);
        Ok(node_id)
    }

    pub(super) async fn join(&mut self, request: JoinRequest) -> Result<(), NodeError> {
        self.check_free()?;
        if request.remote_addrs.is_empty() {
            return Err(NodeError::Invalid("at least one address of a manager is needed to join".to_owned()));
        }
        let listen = address::listen(&request.listen_addr)?;
        address::data_path(&request.data_path_addr)?;
        let managers: Vec<String> = request.remote_addrs.iter().map(|addr| address::remote(addr)).collect();
        // A worker is called by nobody: an address that cannot be found out is no obstacle, nor is one in use.
        let advertise =
            address::advertise(&request.advertise_addr, &self.settings.default_advertise_addr, listen);
        if !request.advertise_addr.is_empty()
            && let Err(error) = advertise
        {
            return Err(error);
        }
        let place = Place {
            listen,
            advertise,
            listener: bind(listen),
            advertise_text: request.advertise_addr,
            data_path_addr: request.data_path_addr,
        };
        self.dir.clear().and_then(|()| self.dir.make()).map_err(internal)?;
        let key = self.dir.key().map_err(internal)?;
        let mut refusal = None;
        for addr in &managers {
            match join::join(Arc::new(Tcp), addr, &request.token, &key, request.availability).await {
                Ok(identity) => return self.joined(place, managers, identity).await,
                Err(error) => {
                    tracing::warn!(%addr, %error, "cannot join by this manager");
                    refusal.get_or_insert(error);
                }
            }
        }
        Err(match refusal {
            Some(error @ join::JoinError::Unreachable { .. }) => NodeError::Unavailable(error.to_string()),
            Some(
                error @ (join::JoinError::InvalidToken(_)
                | join::JoinError::UnknownToken(_)
                | join::JoinError::Digest { .. }),
            ) => NodeError::Invalid(error.to_string()),
            Some(error) => NodeError::Refused(error.to_string()),
            None => NodeError::Internal("no manager was asked".to_owned()),
        })
    }

    async fn joined(
        &mut self,
        place: Place,
        managers: Vec<String>,
        identity: Identity,
    ) -> Result<(), NodeError> {
        let is_manager = identity.role == Role::Manager;
        let Place { listen, advertise, listener, advertise_text, data_path_addr } = place;
        let (advertise, listener) = match is_manager {
            true => (advertise?, Some(listener?)),
            false => (advertise.unwrap_or(listen), None),
        };
        let membership = Membership::joined(listen, advertise, managers, is_manager)
            .written(&advertise_text, &data_path_addr);
        if is_manager {
            member::prepare(&self.dir, &membership, &identity).map_err(internal)?;
        }
        let saved = self.dir.save_identity(&identity).and_then(|()| self.dir.save(&membership));
        saved.map_err(internal)?;
        let identity = SharedIdentity::new(identity);
        let executor = Arc::new(self.executor.clone());
        let member = Member::start(&self.dir, membership, identity, listener, executor, None)
            .await
            .map_err(internal)?;
        let member = self.member.insert(member);
        if is_manager {
            // Under the new manager's keys.
            self.dir.save_identity(&member.identity()).map_err(internal)?;
        }
        if tokio::time::timeout(JOIN_TIMEOUT, member.led()).await.is_err() {
            return Err(NodeError::Unavailable(JOIN_LATE.to_owned()));
        }
        Ok(())
    }
}
