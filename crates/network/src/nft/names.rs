//! The table in a container's own namespace that leads port 53 of 127.0.0.11 to the embedded DNS.

use std::io;

use nix::libc;
use nix::sys::socket::SockProtocol;

use super::batch::{self, Batch, Hook};
use crate::dns::{PORT, SERVER_ADDRESS};
use crate::kernel::Socket;

/// The table's name. It is the daemon's whatever the daemon is called: a container has one.
const TABLE: &str = "shoal-dns";
const OUTPUT: &str = "output";
const PRIORITY_DNAT: i32 = -100;

/// Leads questions to these ports, of UDP and of TCP, in the network namespace this thread is in. The kernel leads the
/// answers back by itself.
pub(crate) fn lead_names_to((udp, tcp): (u16, u16)) -> io::Result<()> {
    let mut socket = Socket::open(SockProtocol::NetlinkNetFilter)?;
    // Deleting waits for a grace period of the kernel, which a new container should not.
    let exists = batch::table_exists(&mut socket, libc::NFPROTO_IPV4, TABLE)?;
    let mut batch = Batch::new(libc::NFPROTO_IPV4, TABLE);
    batch.add_table();
    if exists {
        batch.delete_table();
        batch.add_table();
    }
    let hook = Hook { kind: "nat", point: libc::NF_INET_LOCAL_OUT, priority: PRIORITY_DNAT };
    batch.add_chain(OUTPUT, Some(hook));
    for (protocol, port) in [(libc::IPPROTO_UDP, udp), (libc::IPPROTO_TCP, tcp)] {
        batch.add_rule(OUTPUT, |rule| {
            rule.destination_is(SERVER_ADDRESS, protocol as u8, PORT).translate_to(SERVER_ADDRESS, port);
        });
    }
    batch.commit(&mut socket)
}
