//! The swarm's certificate authority: its root, and certificates for nodes.
//!
//! The root and its key are replicated with the cluster object, so that any manager can serve. What a certificate says is
//! decided here; of a request only the public key is taken. A machine becomes a node by showing a join token, and stays one
//! by asking with the certificate it has.

mod authority;
mod root;
mod server;

pub use authority::AuthorityError;
pub(crate) use authority::{Grant, issue, node_id_of};
pub(crate) use root::generate;
pub(crate) use server::{CaServer, new_node};

use swarm_api::pb;
use swarm_api::token::{JoinToken, RootDigest};

use authority::root_der;

/// Fresh join tokens for this root.
pub(crate) fn join_tokens(root: &pb::RootCa) -> Result<pb::JoinTokens, AuthorityError> {
    let digest = RootDigest::of(&root_der(root)?);
    let token = || JoinToken::generate(&digest).to_string();
    Ok(pb::JoinTokens { worker: token(), manager: token() })
}
