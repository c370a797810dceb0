//! What a container asks at: sockets at 127.0.0.11 in its network namespace, and the rules that lead port 53 there.
//!
//! The sockets have ports of their own, so that a program in the container may have port 53. Where the kernel has no
//! nftables they have port 53 themselves.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use crate::dns::{PORT, SERVER_ADDRESS};
use crate::nft::lead_names_to;
use crate::{Error, Result};

/// A container's sockets, and the network namespace they lie in.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) datagrams: UdpSocket,
    pub(crate) listener: TcpListener,
    pub(crate) namespace: File,
}

impl Sockets {
    /// Makes them in the network namespace this thread is in, whose loopback interface is up. What an earlier call has
    /// made there is replaced. If we die right after, all of it goes with the namespace, or with the next call.
    pub(crate) fn open() -> Result<Sockets> {
        fault::point("network: open the sockets of the embedded DNS");
        let (datagrams, listener) = bind(0)?;
        let ports = (local_port(datagrams.local_addr())?, local_port(listener.local_addr())?);
        let (datagrams, listener) = match lead_names_to(ports) {
            Ok(()) => (datagrams, listener),
            Err(error) => {
                tracing::debug!(%error, "no rules in the container's namespace, its DNS takes port 53");
                bind(PORT)?
            }
        };
        let namespace = File::open("/proc/thread-self/ns/net")
            .map_err(Error::kernel("open the container's network namespace"))?;
        Ok(Sockets { datagrams, listener, namespace })
    }
}

fn bind(port: u16) -> Result<(UdpSocket, TcpListener)> {
    let address: (Ipv4Addr, u16) = (SERVER_ADDRESS, port);
    let step = || Error::kernel(format!("listen on {SERVER_ADDRESS} in the container's network namespace"));
    let datagrams = UdpSocket::bind(address).map_err(step())?;
    let listener = TcpListener::bind(address).map_err(step())?;
    datagrams.set_nonblocking(true).map_err(step())?;
    listener.set_nonblocking(true).map_err(step())?;
    Ok((datagrams, listener))
}

fn local_port(address: std::io::Result<std::net::SocketAddr>) -> Result<u16> {
    address.map(|address| address.port()).map_err(Error::kernel("look up the port of a socket"))
}
