//! Who this node is: its certificate, its key and the root it trusts.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::sync::watch;

use super::peer::{self, Subject};
use crate::id::{ClusterId, NodeId};
use crate::role::Role;
use crate::token::RootDigest;
use crate::{default, pb};

/// A chain is at most so long: a certificate, its root, and those of rotations.
const MAX_CHAIN: usize = 16;
const PEM_BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// A node's certificate with what it says, its key, and the root.
#[derive(Clone)]
pub struct Identity {
    /// The certificate's common name.
    pub node_id: NodeId,
    /// Its organisational unit.
    pub role: Role,
    /// Its organisation.
    pub cluster_id: ClusterId,
    /// From when it is valid; nanoseconds since the epoch.
    pub not_before_ns: i64,
    /// Until when it is valid; nanoseconds since the epoch.
    pub not_after_ns: i64,
    /// The certificate, those that lead to earlier roots, and at last the trusted root's, as PEM.
    pub chain_pem: String,
    /// The private key as PEM.
    pub key_pem: String,
    pub(super) root: CertificateDer<'static>,
    pub(super) certified: Arc<CertifiedKey>,
    tls: pb::NodeTls,
    authority: pb::Authority,
}

/// Certificate and key do not make an identity.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The PEM cannot be read.
    #[error("not a PEM certificate or key: {0}")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// There must be the node's certificate and the root's.
    #[error("the certificate chain has {0} certificates, not 2 to {MAX_CHAIN}")]
    Chain(usize),
    /// The key is of a kind we cannot use, or is not that of the certificate.
    #[error("the key does not belong to the certificate: {0}")]
    Key(rustls::Error),
    /// The certificate does not say who it is for.
    #[error("the certificate is not one of a swarm node")]
    Subject,
}

impl Identity {
    /// Reads an identity: a chain from the node's certificate to the root's, and the key.
    ///
    /// # Errors
    /// See [`IdentityError`]. Whether the certificate is valid now is not looked at.
    pub fn from_pem(chain_pem: &str, key_pem: &str) -> Result<Self, IdentityError> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain_pem.as_bytes()).collect::<Result<_, _>>()?;
        let ([leaf, issuer, .., root] | [leaf, issuer @ root]) = &chain[..] else {
            return Err(IdentityError::Chain(chain.len()));
        };
        if chain.len() > MAX_CHAIN {
            return Err(IdentityError::Chain(chain.len()));
        }
        let Subject { node_id, role, cluster_id, not_before_ns, not_after_ns } =
            peer::subject(leaf).ok_or(IdentityError::Subject)?;
        let (issuer_subject, issuer_public_key) = peer::name_and_key(issuer).ok_or(IdentityError::Subject)?;
        let authority = pb::Authority {
            trust_digest: RootDigest::of(root).hex(),
            issuer_digest: RootDigest::of(&issuer_public_key).hex(),
        };
        let trust_root_pem = chain_pem.rfind(PEM_BEGIN).map_or("", |begin| &chain_pem[begin..]);
        let tls = pb::NodeTls {
            trust_root_pem: trust_root_pem.as_bytes().to_vec(),
            issuer_subject,
            issuer_public_key,
        };
        let root = root.clone();
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())?;
        let key = ring::sign::any_supported_type(&key).map_err(IdentityError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(IdentityError::Key)?;
        Ok(Self {
            node_id,
            role,
            cluster_id,
            not_before_ns,
            not_after_ns,
            chain_pem: chain_pem.to_owned(),
            key_pem: key_pem.to_owned(),
            root,
            certified: Arc::new(certified),
            tls,
            authority,
        })
    }

    /// The digest of the root this node trusts.
    #[must_use]
    pub fn root_digest(&self) -> RootDigest {
        RootDigest::of(&self.root)
    }

    /// Which root it trusts and which key signed it.
    #[must_use]
    pub fn authority(&self) -> &pb::Authority {
        &self.authority
    }

    /// The same as the node tells it.
    #[must_use]
    pub fn tls(&self) -> &pb::NodeTls {
        &self.tls
    }

    /// When to ask for a new certificate: after half of its life. That it is valid from before it was made counts for nothing.
    #[must_use]
    pub fn renew_at_ns(&self) -> i64 {
        let skew_ns = i64::try_from(default::CLOCK_SKEW.as_nanos()).unwrap_or(0);
        let made_ns = self.not_before_ns.saturating_add(skew_ns).min(self.not_after_ns);
        made_ns + (self.not_after_ns - made_ns) / 2
    }

    /// Whether the certificate has ended.
    #[must_use]
    pub fn is_over(&self, now_ns: i64) -> bool {
        now_ns >= self.not_after_ns
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Identity")
            .field("node_id", &self.node_id)
            .field("role", &self.role)
            .field("cluster_id", &self.cluster_id)
            .finish_non_exhaustive()
    }
}

/// An identity that can be replaced while connections use it: new handshakes present the new certificate.
#[derive(Clone, Debug)]
pub struct SharedIdentity(Arc<watch::Sender<Arc<Identity>>>);

impl SharedIdentity {
    /// Shares this identity.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self(Arc::new(watch::Sender::new(Arc::new(identity))))
    }

    /// The identity of this moment.
    #[must_use]
    pub fn get(&self) -> Arc<Identity> {
        self.0.borrow().clone()
    }

    /// Replaces it.
    pub fn set(&self, identity: Identity) {
        self.0.send_replace(Arc::new(identity));
    }

    /// Waits until the identity is another than this one, which [`Self::get`] gave.
    pub async fn replaced(&self, seen: &Arc<Identity>) {
        // The sender is part of us: it does not go while we wait.
        let _ = self.0.subscribe().wait_for(|now| !Arc::ptr_eq(now, seen)).await;
    }
}
