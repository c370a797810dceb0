//! The floor under every container's network: what the kernel alone takes for it.
//!
//! `veth_floor REPETITIONS` makes a network namespace and then, into it, a pair of interfaces with an address of each family
//! inside, all of it up. Nothing is looked up, recorded or attached to a bridge. Two medians in microseconds are
//! printed: the namespace's and the pair's.
#![allow(clippy::print_stdout, reason = "a program whose output is its answer")]

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

/// The end outside, which goes with the namespace.
const OUTSIDE: &str = "veth-floor";
/// The end inside.
const INSIDE: &str = "eth0";
/// The addresses inside, with the lengths of their prefixes.
const ADDRESSES: [(&str, u8); 2] = [("192.0.2.2", 24), ("2001:db8::2", 64)];
/// Time between two looks whether the last pair is gone.
const POLL: Duration = Duration::from_millis(1);
/// How long the kernel may take for an answer, in seconds.
const ANSWER_TIMEOUT_S: i64 = 10;

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok());
    let count: usize = count.expect("usage: veth_floor REPETITIONS");
    let outside = open();
    let (mut namespaces, mut pairs) = (Vec::new(), Vec::new());
    for _ in 0..count.max(1) {
        while if_nametoindex(OUTSIDE).is_ok() {
            std::thread::sleep(POLL);
        }
        // A thread of its own, with which the namespace ends.
        let (namespace, pair) =
            std::thread::scope(|scope| scope.spawn(|| one(&outside)).join().expect("the namespace"));
        namespaces.push(namespace.as_micros());
        pairs.push(pair.as_micros());
    }
    println!("{} {}", middle(&mut namespaces), middle(&mut pairs));
}

fn one(outside: &OwnedFd) -> (Duration, Duration) {
    let began = Instant::now();
    unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace (needs root)");
    let namespace = began.elapsed();
    let began = Instant::now();
    let here = File::open("/proc/thread-self/ns/net").expect("the namespace");
    let mut peer = named(INSIDE);
    peer.attributes.push(LinkAttribute::NetNsFd(here.as_raw_fd()));
    let mut pair = named(OUTSIDE);
    pair.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ]));
    change(outside, RouteNetlinkMessage::NewLink(pair));
    // Neither end can be brought up before it has the other.
    change(outside, RouteNetlinkMessage::NewLink(up(OUTSIDE)));
    let inside = open();
    change(&inside, RouteNetlinkMessage::NewLink(up(INSIDE)));
    change(&inside, RouteNetlinkMessage::NewLink(up("lo")));
    let index = if_nametoindex(INSIDE).expect("the end inside");
    for (address, prefix_len) in ADDRESSES {
        let address: IpAddr = address.parse().expect("an address");
        change(&inside, RouteNetlinkMessage::NewAddress(with_address(index, address, prefix_len)));
    }
    (namespace, began.elapsed())
}

fn named(name: &str) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes.push(LinkAttribute::IfName(name.to_owned()));
    link
}

fn up(name: &str) -> LinkMessage {
    let mut link = named(name);
    link.header.flags |= LinkFlags::Up;
    link.header.change_mask |= LinkFlags::Up;
    link
}

fn with_address(index: u32, address: IpAddr, prefix_len: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.flags = AddressHeaderFlags::Nodad;
    message.header.prefix_len = prefix_len;
    message.header.index = index;
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
    message
}

/// A socket in the network namespace of the thread.
fn open() -> OwnedFd {
    let family = nix::sys::socket::AddressFamily::Netlink;
    let fd = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)
        .expect("a netlink socket");
    setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::new(ANSWER_TIMEOUT_S, 0)).expect("a time-out");
    fd
}

fn change(socket: &OwnedFd, message: RouteNetlinkMessage) {
    let mut request = NetlinkMessage::from(message);
    request.header.flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    sendto(socket.as_raw_fd(), &bytes, &NetlinkAddr::new(0, 0), MsgFlags::empty()).expect("sent");
    let mut answer = [0; 4096];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).expect("an answer");
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer[..length]).expect("a message");
    match answer.payload {
        NetlinkPayload::Error(error) => assert!(error.code.is_none(), "the kernel refuses: {error}"),
        other => panic!("the kernel answers {other:?}"),
    }
}

fn middle(times: &mut [u128]) -> u128 {
    times.sort_unstable();
    times[times.len() / 2]
}
