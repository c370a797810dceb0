//! The rpcs of `ca.proto`.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use swarm_api::channel::{RemoteAddr, site};
use swarm_api::id::NodeId;
use swarm_api::pb;
use swarm_api::pb::ca_server::Ca;
use swarm_api::role::Role;
use swarm_api::tls::Peer;
use swarm_api::token::{InvalidToken, JoinToken, UnknownToken};
use thiserror::Error;
use tonic::{Request, Response, Status};

use super::authority::{certified_key, public_key_of};
use super::refusal::Refusals;
use super::{AuthorityError, Grant, issue, node_id_of};
use crate::clock::Clock;
use crate::forward;
use crate::raft::{ReadError, Reader};
use crate::store::{ProposeError, Proposer, Store, Transaction, View};

/// Answers joining machines and renewing nodes.
pub(crate) struct CaServer {
    pub(crate) reader: Reader,
    pub(crate) store: Store,
    pub(crate) proposer: Proposer,
    pub(crate) clock: Clock,
    /// Never held across an await.
    pub(crate) refusals: Mutex<Refusals>,
}

/// Why no certificate was given.
#[derive(Debug, Error)]
enum CaError {
    #[error(transparent)]
    Token(#[from] InvalidToken),
    #[error(transparent)]
    UnknownToken(#[from] UnknownToken),
    #[error("node {0} has another role than the token gives")]
    Role(NodeId),
    #[error("node {0} is not part of the swarm")]
    UnknownNode(NodeId),
    #[error("the key is not that of node {0}")]
    Key(NodeId),
    #[error("too many requests for certificates were refused, try again in a moment")]
    Unheard,
    #[error("the swarm is not initialized")]
    NoCluster,
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Propose(#[from] ProposeError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl CaError {
    /// Whether it was the caller's fault.
    fn is_refusal(&self) -> bool {
        match self {
            Self::Token(_) | Self::UnknownToken(_) | Self::Role(_) | Self::UnknownNode(_) | Self::Key(_) => {
                true
            }
            Self::Authority(error) => matches!(error, AuthorityError::Request(_)),
            Self::Unheard | Self::NoCluster | Self::Propose(_) | Self::Read(_) => false,
        }
    }
}

impl From<CaError> for Status {
    fn from(error: CaError) -> Self {
        let text = error.to_string();
        match error {
            CaError::Token(_) | CaError::UnknownToken(_) | CaError::Authority(AuthorityError::Request(_)) => {
                Self::invalid_argument(text)
            }
            CaError::Role(_) | CaError::UnknownNode(_) | CaError::Key(_) => Self::permission_denied(text),
            CaError::Unheard => Self::resource_exhausted(text),
            CaError::Read(_) | CaError::Propose(ProposeError::NotLeader) => forward::not_leader(text),
            CaError::NoCluster | CaError::Propose(_) => Self::unavailable(text),
            CaError::Authority(_) => Self::internal(text),
        }
    }
}

#[tonic::async_trait]
impl Ca for CaServer {
    async fn get_root_ca(
        &self,
        _request: Request<pb::Empty>,
    ) -> Result<Response<pb::GetRootCaResponse>, Status> {
        let view = self.store.view();
        let root = cluster(&view).map_err(Status::from)?.root_ca.clone().unwrap_or_default();
        Ok(Response::new(pb::GetRootCaResponse { certificate_pem: root.certificate_pem }))
    }

    async fn issue_node_certificate(
        &self,
        request: Request<pb::IssueNodeCertificateRequest>,
    ) -> Result<Response<pb::NodeCertificate>, Status> {
        let stranger = self.heard(&request)?;
        let joined = self.join(request.into_inner()).await;
        Ok(Response::new(self.noted(stranger, joined)?))
    }

    async fn renew_node_certificate(
        &self,
        request: Request<pb::RenewNodeCertificateRequest>,
    ) -> Result<Response<pb::NodeCertificate>, Status> {
        let peer = request.extensions().get::<Peer>().and_then(Peer::node_id).cloned();
        let node_id = peer.ok_or_else(|| Status::unauthenticated("who asks for renewal must be a node"))?;
        Ok(Response::new(self.renew(&node_id, &request.into_inner().csr_der).await?))
    }

    async fn readmit_node(
        &self,
        request: Request<pb::ReadmitNodeRequest>,
    ) -> Result<Response<pb::NodeCertificate>, Status> {
        let stranger = self.heard(&request)?;
        let readmitted = self.readmit(&request.into_inner()).await;
        Ok(Response::new(self.noted(stranger, readmitted)?))
    }
}

impl CaServer {
    async fn join(&self, request: pb::IssueNodeCertificateRequest) -> Result<pb::NodeCertificate, CaError> {
        let view = self.reader.view().await?;
        let cluster = cluster(&view)?;
        let given = role_of(cluster, &request.token)?;
        let node_id = node_id_of(&request.csr_der)?;
        let admit = |known: Option<pb::Node>| {
            let mut node = admitted(known, &node_id, given)?;
            node.spec.get_or_insert_default().availability = request.availability;
            Ok(node)
        };
        admit(view.node(&node_id).map(|node| (**node).clone()))?;
        let chain = self.sign(cluster, &request.csr_der, &node_id, given)?;
        self.record(&node_id, &chain, admit).await?;
        tracing::info!(node = %node_id, "a node joins");
        Ok(answer(node_id, chain))
    }

    async fn renew(&self, node_id: &NodeId, csr_der: &[u8]) -> Result<pb::NodeCertificate, CaError> {
        let view = self.reader.view().await?;
        let node = view.node(node_id).ok_or_else(|| CaError::UnknownNode(node_id.clone()))?;
        let chain = self.sign(cluster(&view)?, csr_der, node_id, role(node))?;
        let unknown = || CaError::UnknownNode(node_id.clone());
        self.record(node_id, &chain, |node| node.ok_or_else(unknown)).await?;
        Ok(answer(node_id.clone(), chain))
    }

    /// A node whose certificate is accepted no more proves by its key who it is. Whoever heard such a request and sends it
    /// again gains nothing: the certificate is for that key.
    async fn readmit(&self, request: &pb::ReadmitNodeRequest) -> Result<pb::NodeCertificate, CaError> {
        let node_id = NodeId::from(request.node_id.as_str());
        let key = public_key_of(&request.csr_der)?;
        let view = self.reader.view().await?;
        let node = view.node(&node_id).ok_or_else(|| CaError::UnknownNode(node_id.clone()))?;
        if certified_key(&node.certificate_pem)? != key {
            return Err(CaError::Key(node_id));
        }
        let certificate = self.renew(&node_id, &request.csr_der).await?;
        tracing::info!(node = %node_id, "a node comes back with its key");
        Ok(certificate)
    }

    /// Hears a request, unless too many of its stranger were refused lately. Whom to hold a refusal against: what
    /// another manager passes on is the caller's of that manager; requests within a process are nobody's.
    fn heard<T>(&self, request: &Request<T>) -> Result<Option<IpAddr>, CaError> {
        let extensions = request.extensions();
        let stranger = match (extensions.get::<Peer>(), extensions.get::<RemoteAddr>()) {
            (Some(Peer::Anonymous), Some(RemoteAddr(remote))) => Some(site(remote.ip())),
            _ => None,
        };
        let hears = |address| self.refusals().hears(address, self.clock.now_ns());
        if stranger.is_none_or(hears) { Ok(stranger) } else { Err(CaError::Unheard) }
    }

    /// Notes whether the stranger was refused for what it showed.
    fn noted<T>(&self, stranger: Option<IpAddr>, outcome: Result<T, CaError>) -> Result<T, CaError> {
        if let (Some(address), Err(error)) = (stranger, &outcome)
            && error.is_refusal()
        {
            self.refusals().note(address, self.clock.now_ns());
        }
        outcome
    }

    fn refusals(&self) -> std::sync::MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sign(
        &self,
        cluster: &pb::Cluster,
        csr: &[u8],
        node_id: &NodeId,
        role: Role,
    ) -> Result<String, CaError> {
        let root = cluster.root_ca.as_ref().ok_or(CaError::NoCluster)?;
        let validity = Duration::from_nanos(cluster.spec.as_ref().map_or(0, |spec| spec.node_cert_expiry_ns));
        let grant = Grant { node_id, role, cluster_id: &cluster.id, now_ns: self.clock.now_ns(), validity };
        Ok(issue(root, csr, &grant)?)
    }

    /// Notes a certificate on its node, before it is given out: whoever has one is known.
    async fn record<F>(&self, node_id: &NodeId, chain: &str, node: F) -> Result<(), CaError>
    where
        F: Fn(Option<pb::Node>) -> Result<pb::Node, CaError>,
    {
        let decide = |view: &View| {
            let mut node = node(view.node(node_id).map(|node| (**node).clone()))?;
            node.certificate_pem = chain.as_bytes().to_vec();
            let mut transaction = Transaction::default();
            transaction.put(node);
            Ok::<_, CaError>(transaction)
        };
        self.proposer.update(&self.store, decide).await?;
        Ok(())
    }
}

fn cluster(view: &View) -> Result<&Arc<pb::Cluster>, CaError> {
    view.cluster().ok_or(CaError::NoCluster)
}

/// The role that a token gives; a token that was rotated away gives none.
fn role_of(cluster: &pb::Cluster, token: &str) -> Result<Role, CaError> {
    let shown: JoinToken = token.parse()?;
    let tokens = cluster.join_tokens.as_ref().ok_or(CaError::NoCluster)?;
    let is = |known: &str| known.parse::<JoinToken>().is_ok_and(|known| known.matches(&shown));
    match (is(&tokens.worker), is(&tokens.manager)) {
        (true, _) => Ok(Role::Worker),
        (false, true) => Ok(Role::Manager),
        (false, false) => Err(UnknownToken.into()),
    }
}

/// What the node's certificate is to say. Who is to be a worker stays a manager until its member is out of the group: till
/// then the others need it.
fn role(node: &pb::Node) -> Role {
    let wanted = node.spec.as_ref().map_or(Role::Worker, |spec| spec.role().into());
    if node.manager_status.is_some() { Role::Manager } else { wanted }
}

/// The node as it joins in this role. The role of one that was never heard counts for nothing: its machine asked with one token, did
/// not come, and asks again with the other.
fn admitted(known: Option<pb::Node>, node_id: &NodeId, given: Role) -> Result<pb::Node, CaError> {
    let mut node = known.unwrap_or_else(|| new_node(node_id, given));
    if role(&node) != given {
        if node.status.is_some() || node.manager_status.is_some() {
            return Err(CaError::Role(node_id.clone()));
        }
        node.spec.get_or_insert_default().set_role(given.into());
    }
    Ok(node)
}

/// A node as it enters the swarm: nothing is known of it yet but its role.
pub(crate) fn new_node(node_id: &NodeId, role: Role) -> pb::Node {
    let spec = pb::NodeSpec {
        annotations: Some(pb::Annotations::default()),
        role: pb::NodeRole::from(role).into(),
        ..Default::default()
    };
    pb::Node { id: node_id.to_string(), spec: Some(spec), ..Default::default() }
}

fn answer(node_id: NodeId, chain: String) -> pb::NodeCertificate {
    pb::NodeCertificate { node_id: node_id.into(), chain_pem: chain.into_bytes() }
}
