//! How this node's agent reaches managers: inside the process where it is one, over mutual TLS elsewhere.

use std::sync::Arc;

use async_trait::async_trait;
use swarm_api::channel::{self, Tcp};
use swarm_api::tls::{Identity, SharedIdentity};
use tokio::sync::watch;
use tonic::transport::Channel;
use worker::{Connect, Place};

use super::membership::Dir;

/// The manager of this process with its address, while there is one.
pub(super) type Local = Option<(String, Channel)>;

/// Channels to the managers of this node's swarm, and the node's certificate.
pub(super) struct Managers {
    pub(super) dir: Dir,
    pub(super) identity: SharedIdentity,
    pub(super) local: watch::Receiver<Local>,
    /// Where this node says it is, without a port.
    pub(super) addr: String,
}

impl Managers {
    fn local(&self, addr: &str) -> Option<Channel> {
        self.local.borrow().as_ref().filter(|(own, _)| own == addr).map(|(_, channel)| channel.clone())
    }
}

#[async_trait]
impl Connect for Managers {
    async fn connect(&self, addr: &str) -> Result<Channel, String> {
        match self.local(addr) {
            Some(channel) => Ok(channel),
            None => channel::connect(addr, &self.identity, Arc::new(Tcp)).map_err(|error| error.to_string()),
        }
    }

    async fn connect_unknown(&self, addr: &str) -> Result<Channel, String> {
        match self.local(addr) {
            Some(channel) => Ok(channel),
            None => channel::connect_unknown(addr, &self.identity, Arc::new(Tcp))
                .map_err(|error| error.to_string()),
        }
    }

    fn identity(&self) -> Option<SharedIdentity> {
        Some(self.identity.clone())
    }

    fn keep(&self, identity: &Identity) -> Result<(), String> {
        self.dir
            .save_identity(identity)
            .map_err(|error| format!("the new certificate cannot be kept: {error}"))
    }

    fn place(&self) -> Place {
        let manager_addr = self.local.borrow().as_ref().map(|(own, _)| own.clone()).unwrap_or_default();
        Place { addr: self.addr.clone(), manager_addr }
    }
}
