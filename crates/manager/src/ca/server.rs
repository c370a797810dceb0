//! The rpcs of `ca.proto`.

use std::sync::Arc;
use std::time::Duration;

use swarm_api::id::NodeId;
use swarm_api::pb;
use swarm_api::pb::ca_server::Ca;
use swarm_api::role::Role;
use swarm_api::tls::Peer;
use swarm_api::token::{InvalidToken, JoinToken};
use thiserror::Error;
use tonic::{Request, Response, Status};

use super::{AuthorityError, Grant, issue, node_id_of};
use crate::clock::Clock;
use crate::raft::{ReadError, Reader};
use crate::store::{ProposeError, Proposer, Store, Transaction, View};

/// Answers joining machines and renewing nodes.
pub(crate) struct CaServer {
    pub(crate) reader: Reader,
    pub(crate) store: Store,
    pub(crate) proposer: Proposer,
    pub(crate) clock: Clock,
}

/// Why no certificate was given.
#[derive(Debug, Error)]
enum CaError {
    #[error(transparent)]
    Token(#[from] InvalidToken),
    #[error("joining as a manager is not implemented: join with the worker token")]
    Manager,
    #[error("node {0} has another role than the token gives")]
    Role(NodeId),
    #[error("node {0} is not part of the swarm")]
    UnknownNode(NodeId),
    #[error("the swarm is not initialized")]
    NoCluster,
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Propose(#[from] ProposeError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<CaError> for Status {
    fn from(error: CaError) -> Self {
        let text = error.to_string();
        match error {
            CaError::Token(_) | CaError::Authority(AuthorityError::Request(_)) => {
                Self::invalid_argument(text)
            }
            CaError::Manager => Self::unimplemented(text),
            CaError::Role(_) | CaError::UnknownNode(_) => Self::permission_denied(text),
            CaError::NoCluster | CaError::Read(_) | CaError::Propose(_) => Self::unavailable(text),
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
        Ok(Response::new(self.join(request.into_inner()).await?))
    }

    async fn renew_node_certificate(
        &self,
        request: Request<pb::RenewNodeCertificateRequest>,
    ) -> Result<Response<pb::NodeCertificate>, Status> {
        let peer = request.extensions().get::<Peer>().and_then(Peer::node_id).cloned();
        let node_id = peer.ok_or_else(|| Status::unauthenticated("who asks for renewal must be a node"))?;
        Ok(Response::new(self.renew(&node_id, &request.into_inner().csr_der).await?))
    }
}

impl CaServer {
    async fn join(&self, request: pb::IssueNodeCertificateRequest) -> Result<pb::NodeCertificate, CaError> {
        let view = self.reader.view().await?;
        let cluster = cluster(&view)?;
        if role_of(cluster, &request.token)? == Role::Manager {
            return Err(CaError::Manager);
        }
        let node_id = node_id_of(&request.csr_der)?;
        if view.node(&node_id).is_some_and(|node| role(node) != Role::Worker) {
            return Err(CaError::Role(node_id));
        }
        let chain = self.sign(cluster, &request.csr_der, &node_id, Role::Worker)?;
        self.record(&node_id, &chain, |node| {
            let mut node = node.unwrap_or_else(|| new_node(&node_id, Role::Worker));
            node.spec.get_or_insert_default().availability = request.availability;
            Ok(node)
        })
        .await?;
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
        (false, false) => Err(InvalidToken.into()),
    }
}

fn role(node: &pb::Node) -> Role {
    node.spec.as_ref().map_or(Role::Worker, |spec| spec.role().into())
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
