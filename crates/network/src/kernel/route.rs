//! Links, addresses and routes.

use std::io;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkDeserializable,
    NetlinkHeader, NetlinkSerializable,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::route::RouteMessage;
use nix::sys::socket::SockProtocol;

use super::socket::{Socket, push_frame};
use crate::{Error, Result};

/// The kernel adds links while a dump runs; it then says so, and the dump is taken again, this often at most.
const DUMP_ATTEMPTS: usize = 5;

/// One change, and what to call it if it fails.
pub(crate) struct Request {
    message: RouteNetlinkMessage,
    flags: u16,
    step: String,
}

impl Request {
    /// Makes something that must not exist yet.
    pub(crate) fn create(message: RouteNetlinkMessage, step: impl Into<String>) -> Request {
        Request { message, flags: NLM_F_CREATE | NLM_F_EXCL, step: step.into() }
    }

    /// Makes something, or puts it in the place of what is there.
    pub(crate) fn replace(message: RouteNetlinkMessage, step: impl Into<String>) -> Request {
        Request { message, flags: NLM_F_CREATE | NLM_F_REPLACE, step: step.into() }
    }

    /// Changes or removes something that exists.
    pub(crate) fn change(message: RouteNetlinkMessage, step: impl Into<String>) -> Request {
        Request { message, flags: 0, step: step.into() }
    }
}

/// A connection to the kernel's routing tables, in the network namespace of the thread that opened it.
pub(crate) struct Route(Socket);

impl Route {
    /// Opens the connection.
    pub(crate) fn open() -> Result<Route> {
        Socket::open(SockProtocol::NetlinkRoute).map(Route).map_err(Error::kernel("open a netlink socket"))
    }

    /// Sends all requests at once. The kernel takes them in order and does not stop at one that fails; the first
    /// failure is what is answered.
    pub(crate) fn apply(&mut self, requests: Vec<Request>) -> Result<()> {
        let mut frames = Vec::with_capacity(512);
        let mut steps = Vec::with_capacity(requests.len());
        let count = requests.len();
        for (index, request) in requests.into_iter().enumerate() {
            let sequence = self.0.next_sequence();
            // An error is reported always, success only where it is asked for: once, at the end.
            let ack = if index + 1 == count { NLM_F_ACK } else { 0 };
            push(&mut frames, &request.message, request.flags | ack, sequence);
            steps.push((sequence, request.step));
        }
        let Some(end) = steps.last().map(|(sequence, _)| *sequence) else { return Ok(()) };
        self.0.send(&frames).map_err(Error::kernel("send to the kernel"))?;
        let mut failure = None;
        while !self
            .0
            .receive(|frame| {
                let Some(result) = frame.result() else { return false };
                if let (Err(error), None) = (result, &failure) {
                    let step = steps.iter().find(|(sequence, _)| *sequence == frame.sequence);
                    failure = step.map(|(_, step)| Error::kernel(step.as_str())(error));
                }
                frame.sequence == end
            })
            .map_err(Error::kernel("receive from the kernel"))?
        {}
        failure.map_or(Ok(()), Err)
    }

    /// All links.
    pub(crate) fn links(&mut self) -> Result<Vec<LinkMessage>> {
        self.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()), "list links", |message| match message
        {
            RouteNetlinkMessage::NewLink(link) => Some(link),
            _ => None,
        })
    }

    /// The link of this name, if there is one.
    pub(crate) fn link(&mut self, name: &str) -> Result<Option<LinkMessage>> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        let sequence = self.0.next_sequence();
        let mut frames = Vec::with_capacity(64);
        push(&mut frames, &RouteNetlinkMessage::GetLink(message), 0, sequence);
        self.0.send(&frames).map_err(Error::kernel("send to the kernel"))?;
        let mut found = Ok(None);
        while !self
            .0
            .receive(|frame| {
                if frame.sequence != sequence {
                    return false;
                }
                found = match (frame.result(), decode(frame.kind, frame.payload)) {
                    (Some(Err(error)), _) => Err(error),
                    (None, Some(RouteNetlinkMessage::NewLink(link))) => Ok(Some(link)),
                    _ => Ok(None),
                };
                true
            })
            .map_err(Error::kernel("receive from the kernel"))?
        {}
        match found {
            Err(error) if error.raw_os_error() == Some(nix::libc::ENODEV) => Ok(None),
            other => other.map_err(Error::kernel(format!("look up link {name}"))),
        }
    }

    /// All addresses, of every family.
    pub(crate) fn addresses(&mut self) -> Result<Vec<AddressMessage>> {
        let request = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        self.dump(request, "list addresses", |message| match message {
            RouteNetlinkMessage::NewAddress(address) => Some(address),
            _ => None,
        })
    }

    /// All routes, of every family.
    pub(crate) fn routes(&mut self) -> Result<Vec<RouteMessage>> {
        self.dump(RouteNetlinkMessage::GetRoute(RouteMessage::default()), "list routes", |message| {
            match message {
                RouteNetlinkMessage::NewRoute(route) => Some(route),
                _ => None,
            }
        })
    }

    fn dump<T>(
        &mut self,
        request: RouteNetlinkMessage,
        step: &str,
        keep: impl Fn(RouteNetlinkMessage) -> Option<T>,
    ) -> Result<Vec<T>> {
        for _ in 0..DUMP_ATTEMPTS {
            let sequence = self.0.next_sequence();
            let mut frames = Vec::with_capacity(64);
            push(&mut frames, &request, NLM_F_DUMP, sequence);
            self.0.send(&frames).map_err(Error::kernel(step))?;
            let (mut found, mut failure) = (Vec::new(), None);
            while !self
                .0
                .receive(|frame| {
                    if frame.sequence != sequence {
                        return false;
                    }
                    if let Some(Err(error)) = frame.result() {
                        failure = Some(error);
                        return true;
                    }
                    found.extend(decode(frame.kind, frame.payload).and_then(&keep));
                    frame.is_done()
                })
                .map_err(Error::kernel(step))?
            {}
            match failure {
                None => return Ok(found),
                Some(error) if error.raw_os_error() == Some(nix::libc::EINTR) => {}
                Some(error) => return Err(Error::kernel(step)(error)),
            }
        }
        Err(Error::kernel(step)(io::ErrorKind::Interrupted.into()))
    }
}

fn push(frames: &mut Vec<u8>, message: &RouteNetlinkMessage, flags: u16, sequence: u32) {
    push_frame(frames, message.message_type(), NLM_F_REQUEST | flags, sequence, |payload| {
        let start = payload.len();
        payload.resize(start + message.buffer_len(), 0);
        message.serialize(&mut payload[start..]);
    });
}

fn decode(kind: u16, payload: &[u8]) -> Option<RouteNetlinkMessage> {
    let mut header = NetlinkHeader::default();
    header.message_type = kind;
    RouteNetlinkMessage::deserialize(&header, payload).ok()
}
