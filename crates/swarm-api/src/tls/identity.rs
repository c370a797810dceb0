//! Who this node is: its certificate, its key and the root it trusts.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::peer::{self, Subject};
use crate::id::{ClusterId, NodeId};
use crate::role::Role;
use crate::token::RootDigest;

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
    /// The certificate, then the root's, as PEM.
    pub chain_pem: String,
    /// The private key as PEM.
    pub key_pem: String,
    pub(super) root: CertificateDer<'static>,
    pub(super) certified: Arc<CertifiedKey>,
}

/// Certificate and key do not make an identity.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The PEM cannot be read.
    #[error("not a PEM certificate or key: {0}")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// There must be the node's certificate and the root's.
    #[error("the certificate chain has {0} certificates, not 2")]
    Chain(usize),
    /// The key is of a kind we cannot use, or is not that of the certificate.
    #[error("the key does not belong to the certificate: {0}")]
    Key(rustls::Error),
    /// The certificate does not say who it is for.
    #[error("the certificate is not one of a swarm node")]
    Subject,
}

impl Identity {
    /// Reads an identity: a chain of the node's certificate and the root's, and the key.
    ///
    /// # Errors
    /// See [`IdentityError`]. Whether the certificate is valid now is not looked at.
    pub fn from_pem(chain_pem: &str, key_pem: &str) -> Result<Self, IdentityError> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain_pem.as_bytes()).collect::<Result<_, _>>()?;
        let [leaf, root] = &chain[..] else { return Err(IdentityError::Chain(chain.len())) };
        let Subject { node_id, role, cluster_id, not_before_ns, not_after_ns } =
            peer::subject(leaf).ok_or(IdentityError::Subject)?;
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
        })
    }

    /// The digest of the root this node trusts.
    #[must_use]
    pub fn root_digest(&self) -> RootDigest {
        RootDigest::of(&self.root)
    }

    /// When to ask for a new certificate: after half of its life, as swarmkit does at the earliest.
    #[must_use]
    pub fn renew_at_ns(&self) -> i64 {
        self.not_before_ns + (self.not_after_ns - self.not_before_ns) / 2
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
pub struct SharedIdentity(Arc<ArcSwap<Identity>>);

impl SharedIdentity {
    /// Shares this identity.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(identity)))
    }

    /// The identity of this moment.
    #[must_use]
    pub fn get(&self) -> Arc<Identity> {
        self.0.load_full()
    }

    /// Replaces it.
    pub fn set(&self, identity: Identity) {
        self.0.store(Arc::new(identity));
    }
}
