//! Opens the sockets that the configuration names.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use nix::unistd::Group;
use rest::{Listener, TlsFiles};
use tokio::net::lookup_host;

use crate::config::{Config, Listen};

/// Opens every socket, or none: those that were opened are dropped with the error.
pub(crate) async fn open(config: &Config) -> Result<Vec<Listener>> {
    let tls = config.tls.then(|| TlsFiles {
        cert: config.tlscert.clone(),
        key: config.tlskey.clone(),
        client_ca: config.tlsverify.then(|| config.tlscacert.clone()),
    });
    let mut listeners = Vec::with_capacity(config.hosts.len());
    for host in &config.hosts {
        match host.parse()? {
            Listen::Unix(path) => {
                // Somebody who answers there is another daemon, with other roots.
                if std::os::unix::net::UnixStream::connect(&path).is_ok() {
                    bail!("cannot listen on {host}: another daemon answers there");
                }
                listeners.push(Listener::unix(&path, group(&config.group))?);
            }
            Listen::Tcp(address) => {
                warn(host, config);
                listeners.push(Listener::tcp(resolve(&address).await?, tls.as_ref()).await?);
            }
        }
        tracing::info!(%host, "listens");
    }
    Ok(listeners)
}

/// The group of the unix socket; without it the socket is root's alone.
fn group(name: &str) -> Option<u32> {
    if let Ok(gid) = name.parse() {
        return Some(gid);
    }
    let group = Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw());
    if group.is_none() {
        tracing::debug!(group = name, "group of the socket does not exist");
    }
    group
}

fn warn(host: &str, config: &Config) {
    if !config.tls {
        tracing::warn!(%host, "listens on TCP without TLS: whoever reaches it is root on this machine");
    } else if !config.tlsverify {
        tracing::warn!(%host, "listens on TCP without verifying clients: whoever reaches it is root on this machine");
    }
}

async fn resolve(address: &str) -> Result<SocketAddr> {
    let mut found = lookup_host(address).await.with_context(|| format!("cannot resolve {address}"))?;
    found.next().with_context(|| format!("{address} has no address"))
}
