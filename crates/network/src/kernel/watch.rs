//! What the kernel tells of its own accord about interfaces and their addresses.

use std::io;

use nix::sys::socket::SockProtocol;

use super::attribute::parse;
use super::socket::Socket;

// linux/rtnetlink.h: groups as bits, message types, and the places in `struct ifinfomsg` and `struct ifaddrmsg`.
const GROUP_LINK: u32 = 1;
const GROUP_ADDRESS_V4: u32 = 1 << 4;
const GROUP_ADDRESS_V6: u32 = 1 << 8;
const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const DELETE_ADDRESS: u16 = 21;
const INDEX: std::ops::Range<usize> = 4..8;
const FLAGS: std::ops::Range<usize> = 8..12;
const LINK_HEADER_LEN: usize = 16;
const IFLA_NAME: u16 = 3;
const IFLA_CONTROLLER: u16 = 10;
const UP: u32 = 1;

/// Something has happened to an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkEvent {
    /// It is gone.
    Removed { index: u32, name: String },
    /// It is new, or other than it was.
    Changed { index: u32, name: String, is_up: bool, controller: Option<u32> },
    /// It has lost an address.
    AddressRemoved { index: u32 },
}

/// A subscription.
pub(crate) struct LinkWatch(Socket);

impl LinkWatch {
    /// Subscribes, in the network namespace of the calling thread.
    pub(crate) fn open() -> io::Result<LinkWatch> {
        let groups = GROUP_LINK | GROUP_ADDRESS_V4 | GROUP_ADDRESS_V6;
        Ok(LinkWatch(Socket::subscribe(SockProtocol::NetlinkRoute, groups)?))
    }

    /// What has happened since the last time. An error says that the kernel had more to tell than it could keep.
    pub(crate) fn drain(&mut self) -> io::Result<Vec<LinkEvent>> {
        let mut events = Vec::new();
        while self
            .0
            .receive_queued(|frame| {
                events.extend(read(frame.kind, frame.payload));
                false
            })?
            .is_some()
        {}
        Ok(events)
    }
}

fn read(kind: u16, payload: &[u8]) -> Option<LinkEvent> {
    let number = |at: std::ops::Range<usize>| {
        payload.get(at).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes)
    };
    let index = number(INDEX)?;
    if kind == DELETE_ADDRESS {
        return Some(LinkEvent::AddressRemoved { index });
    }
    if kind != NEW_LINK && kind != DELETE_LINK {
        return None;
    }
    let (mut name, mut controller) = (String::new(), None);
    for (kind, value) in parse(payload.get(LINK_HEADER_LEN..)?) {
        match kind {
            IFLA_NAME => name = String::from_utf8_lossy(value).trim_end_matches('\0').to_owned(),
            IFLA_CONTROLLER => controller = value.try_into().ok().map(u32::from_ne_bytes),
            _ => {}
        }
    }
    if kind == DELETE_LINK {
        // A port that leaves its bridge is told in the same way, with the bridge it leaves.
        return Some(LinkEvent::Removed { index, name });
    }
    Some(LinkEvent::Changed { index, name, is_up: number(FLAGS)? & UP != 0, controller })
}
