//! The swarm's certificate authority: its root, and certificates for nodes.
//!
//! The root and its key are replicated with the cluster object, so that any manager can serve. What a certificate says is
//! decided here; of a request only the public key is taken. A machine becomes a node by showing a join token, and stays one
//! by asking with the certificate it has, or with its key when that certificate is accepted no more.

mod authority;
mod refusal;
pub(crate) mod removed;
mod root;
pub(crate) mod rotation;
mod server;

pub use authority::AuthorityError;
pub(crate) use authority::{Grant, issue, node_id_of};
pub(crate) use root::{generate, given};
pub(crate) use server::{CaServer, new_node};

use swarm_api::pb;
use swarm_api::token::{JoinToken, RootDigest};

use authority::certificate_der;

/// A message of its calls is not longer: they are anybody's to make, and a signing request and a token are all that is in them.
pub(crate) const MAX_CALL_BYTES: usize = 32 * 1024;

/// Fresh join tokens for this root.
pub(crate) fn join_tokens(root: &pb::RootCa) -> Result<pb::JoinTokens, AuthorityError> {
    join_tokens_of(&root.certificate_pem)
}

fn join_tokens_of(certificate_pem: &[u8]) -> Result<pb::JoinTokens, AuthorityError> {
    let digest = RootDigest::of(&certificate_der(certificate_pem)?);
    let token = || JoinToken::generate(&digest).to_string();
    Ok(pb::JoinTokens { worker: token(), manager: token() })
}

/// What a node's certificate is to be of.
pub(crate) fn authority(root: &pb::RootCa) -> pb::Authority {
    pb::Authority { trust_digest: root.digest.clone(), issuer_digest: root.issuer_digest.clone() }
}
