//! How this node's agent reaches managers: inside the process where it is one, over mutual TLS elsewhere.

use std::sync::Arc;

use async_trait::async_trait;
use swarm_api::channel::{self, Tcp};
use swarm_api::tls::SharedIdentity;
use tonic::transport::Channel;
use worker::Connect;

/// Channels to the managers of this node's swarm.
pub(super) struct Managers {
    pub(super) identity: SharedIdentity,
    /// The manager of this process with its address, if there is one.
    pub(super) local: Option<(String, Channel)>,
}

#[async_trait]
impl Connect for Managers {
    async fn connect(&self, addr: &str) -> Result<Channel, String> {
        match &self.local {
            Some((own, channel)) if own == addr => Ok(channel.clone()),
            _ => channel::connect(addr, &self.identity, Arc::new(Tcp)).map_err(|error| error.to_string()),
        }
    }
}
