//! The embedded DNS with its sockets: what arrives goes to the pure [`Server`], what that wants is done.

mod place;
mod stream;
mod upstream;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use network::dns::{Asker, Client, Effect, Named, NamedKey, Server};
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use place::Place;
use stream::{Stream, Wish};
use upstream::Upstream;

/// Tokens of ours have this bit, so that the loop knows whom to wake.
const TOKEN_BIT: u64 = 1 << 63;
/// How many datagrams one socket may receive before others have their turn.
const TURN: usize = 64;
/// Connections of all containers at once; those beyond are turned away.
const STREAM_LIMIT: usize = 512;
/// Connections of one container at once.
const STREAMS_PER_CONTAINER: usize = 64;
/// A connection without a word for so long is closed.
const STREAM_SILENCE: Duration = Duration::from_secs(10);
/// Random bytes are fetched in this amount.
const RANDOM_LEN: usize = 256;

/// A container's sockets, which lie in its network namespace, and that namespace.
struct Door {
    datagrams: u64,
    listener: u64,
    namespace: File,
    streams: usize,
}

/// All sockets there are for names.
pub(crate) struct Dns {
    server: Server,
    doors: HashMap<Rc<str>, Door>,
    datagrams: HashMap<u64, (Rc<str>, UdpSocket)>,
    listeners: HashMap<u64, (Rc<str>, TcpListener)>,
    streams: HashMap<u64, Stream>,
    /// By flight.
    upstreams: HashMap<u64, (u64, Upstream)>,
    flights: HashMap<u64, u64>,
    place: Place,
    effects: Vec<Effect>,
    next_token: u64,
}

impl Dns {
    pub(crate) fn new() -> io::Result<Dns> {
        Ok(Dns {
            server: Server::new(random()?),
            doors: HashMap::new(),
            datagrams: HashMap::new(),
            listeners: HashMap::new(),
            streams: HashMap::new(),
            upstreams: HashMap::new(),
            flights: HashMap::new(),
            place: Place::here()?,
            effects: Vec::new(),
            next_token: TOKEN_BIT,
        })
    }

    /// Whether a token is one of ours.
    pub(crate) fn owns(token: u64) -> bool {
        token & TOKEN_BIT != 0
    }

    /// Whether nobody asks and nobody is named.
    pub(crate) fn is_idle(&self) -> bool {
        self.doors.is_empty() && self.server.names().next().is_none()
    }

    /// Whether this process does not know any more which network it is in, and must end.
    pub(crate) fn is_lost(&self) -> bool {
        self.place.is_lost()
    }

    pub(crate) fn name(&mut self, named: Vec<Named>) {
        named.into_iter().for_each(|named| self.server.name(named));
    }

    pub(crate) fn unname(&mut self, keys: &[NamedKey]) {
        keys.iter().for_each(|key| self.server.unname(key));
    }

    /// Everything that is known.
    pub(crate) fn list(&self) -> (Vec<Named>, Vec<Asker>) {
        (self.server.names().cloned().collect(), self.server.askers().cloned().collect())
    }

    /// Lets a container ask at these sockets, or, without any, at those it has. False: it has none.
    pub(crate) fn admit(&mut self, epoll: &Epoll, asker: Asker, files: Vec<OwnedFd>) -> io::Result<bool> {
        if files.is_empty() {
            let is_known = self.doors.contains_key(asker.container_id.as_str());
            if is_known {
                self.server.admit(asker);
            }
            return Ok(is_known);
        }
        let Ok([datagrams, listener, namespace]) = <[OwnedFd; 3]>::try_from(files) else {
            return Err(ErrorKind::InvalidInput.into());
        };
        self.dismiss(epoll, &asker.container_id);
        let (datagrams, listener) = (UdpSocket::from(datagrams), TcpListener::from(listener));
        let container: Rc<str> = asker.container_id.as_str().into();
        let (first, second) = (self.take_token(), self.take_token());
        epoll.add(&datagrams, EpollEvent::new(EpollFlags::EPOLLIN, first))?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, second))?;
        let namespace = File::from(namespace);
        let door = Door { datagrams: first, listener: second, namespace, streams: 0 };
        self.doors.insert(Rc::clone(&container), door);
        self.datagrams.insert(first, (Rc::clone(&container), datagrams));
        self.listeners.insert(second, (container, listener));
        self.server.admit(asker);
        Ok(true)
    }

    /// Closes what a container asks at, so that its network namespace can go.
    pub(crate) fn dismiss(&mut self, epoll: &Epoll, container: &str) {
        self.server.dismiss(container, &mut self.effects);
        self.carry_out(epoll);
        let Some(door) = self.doors.remove(container) else { return };
        // The daemon may have the sockets open still, and then closing ours does not end the watch.
        if let Some((_, socket)) = self.datagrams.remove(&door.datagrams) {
            let _ = epoll.delete(&socket);
        }
        if let Some((_, socket)) = self.listeners.remove(&door.listener) {
            let _ = epoll.delete(&socket);
        }
        self.streams.retain(|_, stream| &**stream.container() != container);
    }

    /// Something has arrived, or can be written.
    pub(crate) fn wake(&mut self, epoll: &Epoll, token: u64, scratch: &mut [u8]) {
        let now = Instant::now();
        if self.datagrams.contains_key(&token) {
            self.receive_datagrams(token, scratch, now);
        } else if let Some(flight) = self.flights.get(&token).copied() {
            self.hear(epoll, token, flight, scratch, now);
        } else if self.streams.contains_key(&token) {
            self.converse(epoll, token, scratch, now);
        } else {
            self.accept(epoll, token, now);
        }
        self.carry_out(epoll);
    }

    /// When [`Dns::tick`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.server.deadline()
    }

    pub(crate) fn tick(&mut self, epoll: &Epoll, now: Instant) {
        self.server.tick(now, &mut self.effects);
        self.carry_out(epoll);
    }

    /// Closes connections nobody uses.
    pub(crate) fn tidy(&mut self, now: Instant) {
        let is_silent = |stream: &Stream| now.duration_since(stream.used()) >= STREAM_SILENCE;
        let silent: Vec<u64> =
            self.streams.iter().filter(|(_, stream)| is_silent(stream)).map(|(token, _)| *token).collect();
        silent.into_iter().for_each(|token| self.hang_up(token));
    }

    fn receive_datagrams(&mut self, token: u64, scratch: &mut [u8], now: Instant) {
        let Some((container, socket)) = self.datagrams.get(&token) else { return };
        for _ in 0..TURN {
            match socket.recv_from(scratch) {
                Ok((len, address)) => {
                    let client = Client::Datagram { socket: token, address };
                    self.server.ask(container, &scratch[..len], client, now, &mut self.effects);
                }
                // An earlier answer found its asker gone.
                Err(error)
                    if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::Interrupted) => {}
                Err(_) => return,
            }
        }
    }

    /// A server of the outside has something for us.
    fn hear(&mut self, epoll: &Epoll, token: u64, flight: u64, scratch: &mut [u8], now: Instant) {
        for _ in 0..TURN {
            // What it wants done may close this socket, or put another in its place.
            self.carry_out(epoll);
            let Some((_, upstream)) = self.upstreams.get_mut(&flight).filter(|(other, _)| *other == token)
            else {
                return;
            };
            match upstream.receive(epoll, token, scratch) {
                Ok(Some(message)) => self.server.receive(flight, message, now, &mut self.effects),
                Ok(None) => return,
                Err(_) => self.server.fail(flight, now, &mut self.effects),
            }
        }
    }

    fn accept(&mut self, epoll: &Epoll, token: u64, now: Instant) {
        let Some((container, listener)) = self.listeners.get(&token) else { return };
        let Ok((socket, _)) = listener.accept() else { return };
        let container = Rc::clone(container);
        let has_room = self.streams.len() < STREAM_LIMIT;
        let Some(door) = self.doors.get_mut(&container) else { return };
        if !has_room || door.streams >= STREAMS_PER_CONTAINER {
            return;
        }
        let token = self.next_token;
        self.next_token += 1;
        if socket.set_nonblocking(true).is_ok()
            && epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, token)).is_ok()
        {
            door.streams += 1;
            self.streams.insert(token, Stream::new(container, socket, now));
        }
    }

    fn converse(&mut self, epoll: &Epoll, token: u64, scratch: &mut [u8], now: Instant) {
        let Some(stream) = self.streams.get_mut(&token) else { return };
        let Ok(messages) = stream.receive(scratch, now) else { return self.hang_up(token) };
        let container = Rc::clone(stream.container());
        for message in messages {
            self.server.ask(&container, &message, Client::Stream(token), now, &mut self.effects);
        }
        self.write(epoll, token, None);
    }

    /// Writes what can be written to a client's connection now.
    fn write(&mut self, epoll: &Epoll, token: u64, message: Option<&[u8]>) {
        let Some(stream) = self.streams.get_mut(&token) else { return };
        let flags = match stream.write(message) {
            Wish::Unchanged => return,
            Wish::Read => EpollFlags::EPOLLIN,
            Wish::Write => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
            Wish::End => return self.hang_up(token),
        };
        if epoll.modify(stream.socket(), &mut EpollEvent::new(flags, token)).is_err() {
            self.hang_up(token);
        }
    }

    fn hang_up(&mut self, token: u64) {
        let Some(stream) = self.streams.remove(&token) else { return };
        if let Some(door) = self.doors.get_mut(stream.container()) {
            door.streams -= 1;
        }
    }

    /// Does what the server wants, until it wants nothing more.
    fn carry_out(&mut self, epoll: &Epoll) {
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Answer { client: Client::Datagram { socket, address }, bytes } => {
                        if let Some((_, socket)) = self.datagrams.get(&socket) {
                            // An answer that cannot be delivered is lost, as datagrams are.
                            let _ = socket.send_to(&bytes, address);
                        }
                    }
                    Effect::Answer { client: Client::Stream(token), bytes } => {
                        self.write(epoll, token, Some(&bytes));
                    }
                    Effect::Close { flight } => self.close(flight),
                    Effect::Send { flight, container_id, from_host, server, transport, bytes } => {
                        self.close(flight);
                        let place = (!from_host).then(|| self.doors.get(container_id.as_str()));
                        let namespace = match place {
                            None => None,
                            Some(Some(door)) => Some(&door.namespace),
                            Some(None) => continue,
                        };
                        let opened =
                            self.place.open_in(namespace, || Upstream::open(server, transport, &bytes));
                        self.watch(epoll, flight, opened);
                    }
                }
            }
        }
    }

    fn watch(&mut self, epoll: &Epoll, flight: u64, opened: io::Result<Upstream>) {
        let token = self.take_token();
        let watched = opened.and_then(|upstream| {
            epoll.add(upstream.socket(), EpollEvent::new(upstream.interest(), token))?;
            Ok(upstream)
        });
        match watched {
            Ok(upstream) => {
                self.flights.insert(token, flight);
                self.upstreams.insert(flight, (token, upstream));
            }
            Err(_) => self.server.fail(flight, Instant::now(), &mut self.effects),
        }
    }

    fn close(&mut self, flight: u64) {
        if let Some((token, _)) = self.upstreams.remove(&flight) {
            self.flights.remove(&token);
        }
    }

    fn take_token(&mut self) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        token
    }
}

/// Numbers from the kernel, some at a time.
fn random() -> io::Result<Box<dyn FnMut() -> u16>> {
    let mut source = File::open("/dev/urandom")?;
    let mut bytes = [0; RANDOM_LEN];
    let mut used = bytes.len();
    Ok(Box::new(move || {
        if used == bytes.len() {
            // It has been opened, and then it does not fail.
            let _ = source.read_exact(&mut bytes);
            used = 0;
        }
        used += 2;
        u16::from_ne_bytes([bytes[used - 2], bytes[used - 1]])
    }))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use nix::sys::epoll::EpollCreateFlags;

    use super::*;

    #[test]
    fn who_asks_or_is_named_keeps_the_process() {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let mut dns = Dns::new().unwrap();
        assert!(dns.is_idle());
        let asker = Asker {
            container_id: "c1".to_owned(),
            networks: Vec::new(),
            servers: Vec::new(),
            from_host: true,
            search: Vec::new(),
            options: Vec::new(),
        };
        assert!(!dns.admit(&epoll, asker.clone(), Vec::new()).unwrap(), "it asks nowhere yet");
        let sockets = || {
            let any = (Ipv4Addr::LOCALHOST, 0);
            let namespace = File::open("/proc/self/ns/net").unwrap();
            vec![
                UdpSocket::bind(any).unwrap().into(),
                TcpListener::bind(any).unwrap().into(),
                namespace.into(),
            ]
        };
        assert!(dns.admit(&epoll, asker.clone(), sockets()).unwrap());
        assert!(dns.admit(&epoll, asker.clone(), sockets()).unwrap(), "other sockets take their place");
        assert_eq!((dns.datagrams.len(), dns.listeners.len(), dns.is_idle()), (1, 1, false));
        assert!(dns.admit(&epoll, asker.clone(), sockets().split_off(1)).is_err(), "two of three");
        dns.dismiss(&epoll, "c1");
        assert!(dns.is_idle() && dns.datagrams.is_empty() && dns.listeners.is_empty());
        let named = Named {
            network_id: "n".to_owned(),
            network_name: "n".to_owned(),
            container_id: "c1".to_owned(),
            names: vec!["web".to_owned()],
            addresses: Vec::new(),
        };
        dns.name(vec![named.clone()]);
        assert!(!dns.is_idle());
        dns.unname(&[named.key()]);
        assert!(dns.is_idle());
    }
}
