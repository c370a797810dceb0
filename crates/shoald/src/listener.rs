//! Opens the sockets that the configuration names, or takes those that the service supervisor opened.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use listenfd::ListenFd;
use nix::unistd::Group;
use rest::{Listener, TlsFiles};
use tokio::net::lookup_host;

use crate::config::{Config, Listen, Which};

/// Opens every socket, or none: those that were opened are dropped with the error.
pub(crate) async fn open(config: &Config) -> Result<Vec<Listener>> {
    let tls = config.tls.then(|| TlsFiles {
        cert: config.tlscert.clone(),
        key: config.tlskey.clone(),
        client_ca: config.tlsverify.then(|| config.tlscacert.clone()),
    });
    let mut given = Given::take();
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
            Listen::Given(which) => {
                let found = given.listeners(host, &which, tls.as_ref())?;
                if found.iter().any(|listener| listener.local_addr().is_some()) {
                    warn(host, config);
                }
                listeners.extend(found);
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

/// The sockets that the service supervisor handed over: `LISTEN_FDS` of them, from descriptor 3 on, to the process whose
/// number is `LISTEN_PID`, with the names of `LISTEN_FDNAMES` (systemd's protocol, sd_listen_fds(3)).
struct Given {
    sockets: ListenFd,
    names: Vec<String>,
}

/// The first descriptor that can be handed over.
const FIRST: usize = 3;

impl Given {
    fn take() -> Self {
        // The crate takes a process that is not named for the one that is meant; a number that fits must be there.
        let ours = std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        Self {
            sockets: if ours { ListenFd::from_env() } else { ListenFd::empty() },
            names: names.split(':').map(str::to_owned).collect(),
        }
    }

    fn listeners(&mut self, host: &str, which: &Which, tls: Option<&TlsFiles>) -> Result<Vec<Listener>> {
        let all = 0..self.sockets.len();
        let wanted: Vec<usize> = match which {
            Which::All => all.collect(),
            Which::Number(number) => all.filter(|index| index + FIRST == *number).collect(),
            Which::Name(name) => all.filter(|index| self.names.get(*index) == Some(name)).collect(),
        };
        if wanted.is_empty() {
            bail!(
                "cannot listen on {host}: no such socket was handed over: is the daemon started by its socket unit?"
            );
        }
        wanted.into_iter().map(|index| self.listener(host, index, tls)).collect()
    }

    fn listener(&mut self, host: &str, index: usize, tls: Option<&TlsFiles>) -> Result<Listener> {
        let failed = || format!("cannot listen on {host}: descriptor {}", index + FIRST);
        // What is no unix socket stays to be taken as TCP; one that was taken already is neither.
        if let Ok(unix) = self.sockets.take_unix_listener(index) {
            let unix = unix.with_context(|| format!("{} is named twice", failed()))?;
            return Listener::given_unix(unix).with_context(failed);
        }
        let tcp = self.sockets.take_tcp_listener(index).with_context(failed)?;
        let tcp = tcp.with_context(|| format!("{} is named twice", failed()))?;
        Listener::given_tcp(tcp, tls).with_context(failed)
    }
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
