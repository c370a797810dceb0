//! How a machine becomes a node, and stays one: the calling side of `ca.proto`.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::channel::{self, Dial};
use crate::pb;
use crate::pb::ca_client::CaClient;
use crate::tls::{ConfigError, Identity, IdentityError, KeyError, NodeKey, Pinned, PinnedFailure};
use crate::token::{InvalidToken, JoinToken, UnknownToken};

/// How long the manager may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a machine did not become a node, or a node did not get a new certificate.
#[derive(Debug, Error)]
pub enum JoinError {
    /// The token has not the form of one.
    #[error(transparent)]
    InvalidToken(#[from] InvalidToken),
    /// The manager does not know the token, or knows it no more; or there is none.
    #[error(transparent)]
    UnknownToken(#[from] UnknownToken),
    /// The manager is not one of the swarm the token is for (swarmkit's words).
    #[error("remote CA does not match fingerprint. Expected: {expected}")]
    Digest {
        /// What the token says.
        expected: String,
    },
    /// The manager's certificate is not valid: the reason.
    #[error("the manager at {addr} is not trusted: {reason}")]
    Untrusted {
        /// Where it was called.
        addr: String,
        /// Why.
        reason: String,
    },
    /// Nobody answers there.
    #[error("cannot reach a manager at {addr}: {reason}")]
    Unreachable {
        /// Where it was called.
        addr: String,
        /// Why.
        reason: String,
    },
    /// The manager says no.
    #[error("{}", .0.message())]
    Refused(Box<Status>),
    /// A key of our own could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// TLS could not be configured.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificate that came back is not one for our key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Joins the swarm of `token` by asking the manager at `addr` (`host:port`). The caller keeps `key` and may try again with
/// it after a failure: the same key becomes the same node.
///
/// # Errors
/// See [`JoinError`].
pub async fn join(
    dialer: Arc<dyn Dial>,
    addr: &str,
    token: &str,
    key: &NodeKey,
    availability: pb::NodeAvailability,
) -> Result<Identity, JoinError> {
    if token.trim().is_empty() {
        return Err(UnknownToken.into());
    }
    let token: JoinToken = token.trim().parse()?;
    let pinned = Pinned::new(&token)?;
    let failure = pinned.failure();
    let mut ca = CaClient::new(channel::connect_pinned(addr, &pinned, dialer));
    let mut request = tonic::Request::new(pb::IssueNodeCertificateRequest {
        csr_der: key.csr_der()?,
        token: token.to_string(),
        availability: availability.into(),
    });
    request.set_timeout(ANSWER_TIMEOUT);
    let answer = ca.issue_node_certificate(request).await.map_err(|status| match failure.get() {
        Some(PinnedFailure::Digest) => JoinError::Digest { expected: token.digest().to_owned() },
        Some(PinnedFailure::Certificate(reason)) => {
            JoinError::Untrusted { addr: addr.to_owned(), reason: reason.clone() }
        }
        None => refused(addr, status),
    })?;
    identity(answer.into_inner(), key)
}

/// Gets a fresh certificate for `key` over a channel of the present identity.
///
/// # Errors
/// See [`JoinError`].
pub async fn renew(channel: Channel, key: &NodeKey) -> Result<Identity, JoinError> {
    let mut request = tonic::Request::new(pb::RenewNodeCertificateRequest { csr_der: key.csr_der()? });
    request.set_timeout(ANSWER_TIMEOUT);
    let answer = CaClient::new(channel).renew_node_certificate(request).await;
    identity(answer.map_err(|status| refused("the managers", status))?.into_inner(), key)
}

/// Gets a fresh certificate for the key of an identity whose certificate is accepted no more, over a channel that shows none.
///
/// # Errors
/// See [`JoinError`].
pub async fn readmit(channel: Channel, identity: &Identity) -> Result<Identity, JoinError> {
    let key = NodeKey::from_pem(&identity.key_pem)?;
    let node_id = identity.node_id.to_string();
    let mut request = tonic::Request::new(pb::ReadmitNodeRequest { node_id, csr_der: key.csr_der()? });
    request.set_timeout(ANSWER_TIMEOUT);
    let answer = CaClient::new(channel).readmit_node(request).await;
    self::identity(answer.map_err(|status| refused("the managers", status))?.into_inner(), &key)
}

fn identity(certificate: pb::NodeCertificate, key: &NodeKey) -> Result<Identity, JoinError> {
    let chain = String::from_utf8_lossy(&certificate.chain_pem);
    Ok(Identity::from_pem(&chain, &key.to_pem())?)
}

/// Tells "nobody there" from "no".
fn refused(addr: &str, status: Status) -> JoinError {
    match status.code() {
        Code::InvalidArgument if status.message() == UnknownToken.to_string() => UnknownToken.into(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Unknown | Code::Cancelled => {
            JoinError::Unreachable { addr: addr.to_owned(), reason: reason(&status) }
        }
        _ => JoinError::Refused(Box::new(status)),
    }
}

/// The innermost cause: the outer ones only say that the transport failed.
fn reason(status: &Status) -> String {
    let mut cause: &dyn std::error::Error = status;
    let mut text = status.message().to_owned();
    while let Some(inner) = cause.source() {
        text = inner.to_string();
        cause = inner;
    }
    text
}
