//! Connection tracking: forgetting the flows that lead to an address that is gone.
//!
//! A flow keeps its translation for as long as it lives. A UDP client that goes on sending would reach the dead
//! container's address for ever, or whoever has it next.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use nix::libc;
use nix::sys::socket::SockProtocol;

use super::attribute::{Attributes, parse};
use super::socket::{Socket, push_frame};

const GET: u16 = (libc::NFNL_SUBSYS_CTNETLINK << 8) as u16 | 1;
const DELETE: u16 = (libc::NFNL_SUBSYS_CTNETLINK << 8) as u16 | 2;

// linux/netfilter/nfnetlink_conntrack.h
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_ZONE: u16 = 18;
const CTA_ID: u16 = 12;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_DST_PORT: u16 = 3;
const NESTED: u16 = libc::NLA_F_NESTED as u16;

/// `struct nfgenmsg`: family, version, resource.
const GENERIC_HEADER_LEN: usize = 4;

/// Which flows have lost their sense.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StaleFlows {
    /// Everything these addresses answer: they are gone.
    pub(crate) to_addresses: BTreeSet<IpAddr>,
    /// UDP that these addresses answer: they live, but are not to be sent anything any more. TCP flows may end by
    /// themselves.
    pub(crate) udp_to_addresses: BTreeSet<IpAddr>,
    /// UDP to these ports that is not translated, though it would be if it began now.
    pub(crate) udp_to_ports: BTreeSet<u16>,
}

impl StaleFlows {
    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        *self == StaleFlows::default()
    }

    /// Adds what another one looks for.
    pub(crate) fn merge(&mut self, other: StaleFlows) {
        self.to_addresses.extend(other.to_addresses);
        self.udp_to_addresses.extend(other.udp_to_addresses);
        self.udp_to_ports.extend(other.udp_to_ports);
    }

    fn has(&self, wished: &Tuple, answer: &Tuple) -> bool {
        let udp = i32::from(wished.protocol) == libc::IPPROTO_UDP;
        self.to_addresses.contains(&answer.source)
            || (udp && self.udp_to_addresses.contains(&answer.source))
            || (udp
                && answer.source == wished.destination
                && self.udp_to_ports.contains(&wished.destination_port))
    }
}

/// Deletes every tracked flow that `stale` describes. Answers how many.
///
/// The table is read once, whatever is looked for; deletion names the flow and its id, so that a new flow between
/// the same ends is spared.
pub(crate) fn flush_flows(stale: &StaleFlows) -> io::Result<usize> {
    let mut socket = Socket::open(SockProtocol::NetlinkNetFilter)?;
    let flows = find_flows(&mut socket, stale)?;
    for (family, flow) in &flows {
        let sequence = socket.next_sequence();
        let mut frames = Vec::with_capacity(128);
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
        push_frame(&mut frames, DELETE, flags, sequence, |payload| {
            payload.extend_from_slice(&generic_header(*family));
            let mut attributes = Attributes::new(payload);
            for (kind, value) in flow {
                attributes.bytes(*kind, value);
            }
        });
        socket.send(&frames)?;
        // A flow that ended meanwhile is as good as deleted.
        while !socket.receive(|frame| frame.sequence == sequence && frame.result().is_some())? {}
    }
    Ok(flows.len())
}

/// The family and the identifying attributes of each flow, as they came.
type Flow = (u8, Vec<(u16, Vec<u8>)>);

fn find_flows(socket: &mut Socket, stale: &StaleFlows) -> io::Result<Vec<Flow>> {
    let sequence = socket.next_sequence();
    let mut frames = Vec::with_capacity(32);
    push_frame(&mut frames, GET, (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16, sequence, |payload| {
        // Without a family: all of them.
        payload.extend_from_slice(&generic_header(libc::AF_UNSPEC as u8));
    });
    socket.send(&frames)?;
    let (mut flows, mut failure) = (Vec::new(), None);
    while !socket.receive(|frame| {
        if let Some(Err(error)) = frame.result() {
            failure = Some(error);
            return true;
        }
        if frame.is_done() {
            return true;
        }
        let attributes = frame.payload.get(GENERIC_HEADER_LEN..).unwrap_or(&[]);
        let (wished, answer) = (tuple(attributes, CTA_TUPLE_ORIG), tuple(attributes, CTA_TUPLE_REPLY));
        if wished.zip(answer).is_some_and(|(wished, answer)| stale.has(&wished, &answer)) {
            let family = frame.payload.first().copied().unwrap_or_default();
            flows.push((family, identity(attributes)));
        }
        false
    })? {}
    failure.map_or(Ok(flows), Err)
}

/// One direction of a flow.
struct Tuple {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    /// Zero where the protocol has none.
    destination_port: u16,
}

fn tuple(attributes: &[u8], direction: u16) -> Option<Tuple> {
    let tuple = find(attributes, direction)?;
    let (ip, proto) = (find(tuple, CTA_TUPLE_IP)?, find(tuple, CTA_TUPLE_PROTO)?);
    let address = |v4, v6| match (find(ip, v4), find(ip, v6)) {
        (Some(bytes), _) => Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        (None, Some(bytes)) => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        (None, None) => None,
    };
    let port = find(proto, CTA_PROTO_DST_PORT).and_then(|port| port.try_into().ok());
    Some(Tuple {
        source: address(CTA_IP_V4_SRC, CTA_IP_V6_SRC)?,
        destination: address(CTA_IP_V4_DST, CTA_IP_V6_DST)?,
        protocol: *find(proto, CTA_PROTO_NUM)?.first()?,
        destination_port: port.map_or(0, u16::from_be_bytes),
    })
}

fn identity(attributes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    parse(attributes)
        .filter(|(kind, _)| [CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID].contains(kind))
        .map(|(kind, value)| (kind | if kind == CTA_TUPLE_ORIG { NESTED } else { 0 }, value.to_vec()))
        .collect()
}

fn find(attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    parse(attributes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

fn generic_header(family: u8) -> [u8; GENERIC_HEADER_LEN] {
    [family, 0, 0, 0]
}
