//! Identities of nodes and the TLS configurations made of them.
//!
//! A certificate says who a node is (common name: its id), what it may do (organisational unit: its role) and of which swarm
//! (organisation: the cluster's id). It is swapped at run time without a restart, and sessions are never resumed: a resumed
//! TLS 1.3 session would replay the identity of the certificate before.

mod config;
mod identity;
mod key;
mod peer;
mod pinned;
mod verifier;

#[cfg(test)]
pub(crate) mod tests;

pub use config::{ConfigError, client_config, server_config, unknown_client_config};
pub use identity::{Identity, IdentityError, SharedIdentity};
pub use key::{KeyError, NodeKey};
pub use peer::Peer;
pub(crate) use peer::of_chain;
pub use pinned::{Pinned, PinnedFailure};
pub(crate) use verifier::is_trusted;
pub use verifier::trusts;

/// The name under which every manager is dialled: it is one of the names in a manager's certificate, and in no worker's.
pub const MANAGER_NAME: &str = "swarm-manager";

/// The one protocol spoken over these connections.
const ALPN: &[u8] = b"h2";
