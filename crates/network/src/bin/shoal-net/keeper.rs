//! The loop: who woke us, and what is to be done.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use network::hold::{Answer, Hold, HoldKey, Refusal, Request};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::client::Client;
use crate::dns::Dns;
use crate::socket::{Held, connect_tcp, connect_udp, hold};
use crate::tcp::{self, Flow, Progress, Side};
use crate::udp::{Sessions, TURN};

/// How often to look whether we are still wanted, and for silent clients, in milliseconds.
const TICK_MS: u16 = 10_000;
/// How long to stay with nothing to hold.
const IDLE: Duration = Duration::from_secs(30);
/// Proxied connections at once; those beyond are turned away.
const FLOW_LIMIT: usize = 4096;
/// A flow has two descriptors; as many are left for ports and clients, so that accepting never fails for want of one.
const FILES_PER_FLOW: usize = 4;
/// The daemon has one connection; a few more may be about to end.
const CLIENT_LIMIT: usize = 16;
/// The largest datagram.
const SCRATCH_LEN: usize = 64 * 1024;
const EVENTS: usize = 64;
const CONTROL: u64 = 0;

/// Which file our socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// A held port and what it is for.
struct Port {
    hold: Hold,
    socket: Held,
    token: u64,
    /// Which backend is next.
    turn: usize,
}

/// All state there is.
pub(crate) struct Keeper {
    epoll: Epoll,
    control: UnixListener,
    path: PathBuf,
    identity: Identity,
    next_token: u64,
    ports: BTreeMap<HoldKey, Port>,
    keys: HashMap<u64, HoldKey>,
    clients: HashMap<u64, Client>,
    flows: HashMap<u64, Flow>,
    sessions: Sessions,
    dns: Dns,
    /// Flows that have more to move.
    busy: Vec<u64>,
    flow_limit: usize,
    idle_since: Instant,
    stopping: bool,
    scratch: Vec<u8>,
}

impl Keeper {
    /// An empty keeper that may open `files` descriptors.
    pub(crate) fn new(
        control: UnixListener,
        path: PathBuf,
        identity: Identity,
        files: usize,
    ) -> io::Result<Keeper> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&control, EpollEvent::new(EpollFlags::EPOLLIN, CONTROL))?;
        Ok(Keeper {
            epoll,
            control,
            path,
            identity,
            next_token: CONTROL + 1,
            ports: BTreeMap::new(),
            keys: HashMap::new(),
            clients: HashMap::new(),
            flows: HashMap::new(),
            sessions: Sessions::default(),
            dns: Dns::new()?,
            busy: Vec::new(),
            flow_limit: FLOW_LIMIT.min(files / FILES_PER_FLOW),
            idle_since: Instant::now(),
            stopping: false,
            scratch: vec![0; SCRATCH_LEN],
        })
    }

    /// Runs until nobody wants us.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut next_tick = Instant::now();
        while !self.stopping {
            let mut events = [EpollEvent::empty(); EVENTS];
            let timeout = self.timeout();
            let count = match self.epoll.wait(&mut events, timeout) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(errno) => return Err(errno.into()),
            };
            for token in std::mem::take(&mut self.busy) {
                self.pump(token);
            }
            for event in &events[..count] {
                self.wake(event.data(), event.events());
            }
            let now = Instant::now();
            if self.dns.deadline().is_some_and(|deadline| deadline <= now) {
                self.dns.tick(&self.epoll, now);
            }
            self.stopping |= self.dns.is_lost();
            if now >= next_tick {
                next_tick = now + Duration::from_millis(TICK_MS.into());
                self.tick(now);
            }
        }
        Ok(())
    }

    /// How long to wait for events.
    fn timeout(&self) -> EpollTimeout {
        if !self.busy.is_empty() {
            return EpollTimeout::ZERO;
        }
        let until = |deadline: Instant| deadline.saturating_duration_since(Instant::now()).as_millis();
        // Rounded up, or the last part of a millisecond would be spent awake.
        let wait = self.dns.deadline().map_or(u128::from(TICK_MS), |deadline| until(deadline) + 1);
        EpollTimeout::from(u16::try_from(wait).map_or(TICK_MS, |wait| wait.min(TICK_MS)))
    }

    fn wake(&mut self, token: u64, flags: EpollFlags) {
        if Dns::owns(token) {
            self.dns.wake(&self.epoll, token, &mut self.scratch);
        } else if token == CONTROL {
            self.accept_client();
        } else if let Some(flow) = self.flows.get_mut(&flow_of(token)) {
            flow.note(side_of(token), flags);
            self.pump(flow_of(token));
        } else if let Some(key) = self.keys.get(&token).copied() {
            self.serve(key);
        } else if self.sessions.contains(token) {
            let ports = &self.ports;
            self.sessions.answer(token, &mut self.scratch, |key| udp_socket(ports, key));
        } else if self.clients.contains_key(&token) {
            self.converse(token);
        }
    }

    fn tick(&mut self, now: Instant) {
        let ports = &self.ports;
        self.sessions.retain(|key| ports.contains_key(key), now);
        self.dns.tidy(now);
        if !self.ports.is_empty() || !self.dns.is_idle() {
            self.idle_since = now;
        }
        let present = fs::symlink_metadata(&self.path)
            .map(|metadata| Identity { device: metadata.dev(), inode: metadata.ino() })
            .is_ok_and(|identity| identity == self.identity);
        self.stopping |= !present || now.duration_since(self.idle_since) >= IDLE;
    }

    fn accept_client(&mut self) {
        // Whatever fails here, the daemon hears it from its end of the connection.
        let Ok((stream, _)) = self.control.accept() else { return };
        if self.clients.len() >= CLIENT_LIMIT {
            return;
        }
        let token = self.take_token();
        if let Ok(client) = Client::new(stream)
            && self.epoll.add(client.stream(), EpollEvent::new(EpollFlags::EPOLLIN, token)).is_ok()
        {
            self.clients.insert(token, client);
        }
    }

    fn converse(&mut self, token: u64) {
        let Some(mut client) = self.clients.remove(&token) else { return };
        let Ok(requests) = client.receive() else { return };
        for request in requests {
            let files = client.take_files();
            let answer = self.answer(request, files);
            if client.answer(&answer).is_err() {
                return;
            }
        }
        self.clients.insert(token, client);
    }

    fn answer(&mut self, request: Request, files: Vec<OwnedFd>) -> Answer {
        self.idle_since = Instant::now();
        match request {
            Request::Hold(holds) => self.hold_all(holds),
            Request::Release(keys) => {
                for key in keys {
                    self.release(&key);
                }
                Answer::Done
            }
            Request::List => Answer::Holds(self.ports.values().map(|port| port.hold.clone()).collect()),
            Request::Name(named) => {
                self.dns.name(named);
                Answer::Done
            }
            Request::Unname(keys) => {
                self.dns.unname(&keys);
                Answer::Done
            }
            Request::Admit(asker) => match self.dns.admit(&self.epoll, asker, files) {
                Ok(true) => Answer::Done,
                Ok(false) => Answer::Unknown,
                Err(error) => Answer::Invalid(error.to_string()),
            },
            Request::Dismiss(containers) => {
                for container in containers {
                    self.dns.dismiss(&self.epoll, &container);
                }
                Answer::Done
            }
            Request::Names => {
                let (named, askers) = self.dns.list();
                Answer::Names { named, askers }
            }
            Request::Stop => {
                self.stopping = true;
                Answer::Done
            }
        }
    }

    fn hold_all(&mut self, holds: Vec<Hold>) -> Answer {
        let mut taken = Vec::new();
        for hold in holds {
            let key = hold.key;
            if key.host_port == 0 {
                return Answer::Invalid("port 0 cannot be held".to_owned());
            }
            match self.hold(hold) {
                Ok(true) => taken.push(key),
                Ok(false) => {}
                Err(refusal) => {
                    for key in taken {
                        self.release(&key);
                    }
                    return Answer::Refused { key, refusal };
                }
            }
        }
        Answer::Done
    }

    /// Answers whether the port is newly held.
    fn hold(&mut self, wanted: Hold) -> Result<bool, Refusal> {
        let key = wanted.key;
        if let Some(port) = self.ports.get_mut(&key) {
            if port.hold.owner != wanted.owner {
                return Err(Refusal::Held);
            }
            if port.hold.proxy == wanted.proxy {
                port.hold = wanted;
                return Ok(false);
            }
            self.release(&key);
        }
        let socket = hold(&key, wanted.proxy)?;
        let token = self.take_token();
        let event = EpollEvent::new(EpollFlags::EPOLLIN, token);
        let watched = match &socket {
            Held::Bound(_) | Held::Absent => Ok(()),
            Held::Tcp(listener) => self.epoll.add(listener, event),
            Held::Udp(socket) => self.epoll.add(socket, event),
        };
        watched.map_err(|errno| Refusal::Other(errno.desc().to_lowercase()))?;
        self.keys.insert(token, key);
        self.ports.insert(key, Port { hold: wanted, socket, token, turn: 0 });
        Ok(true)
    }

    /// Connections that stand go on; they end with the container.
    fn release(&mut self, key: &HoldKey) {
        if let Some(port) = self.ports.remove(key) {
            self.keys.remove(&port.token);
        }
    }

    /// Something has arrived at a held port.
    fn serve(&mut self, key: HoldKey) {
        let Some(port) = self.ports.get_mut(&key) else { return };
        port.turn = port.turn.wrapping_add(1);
        let backends = &port.hold.backends;
        let backend = (!backends.is_empty()).then(|| backends[port.turn % backends.len()]);
        match &port.socket {
            Held::Bound(_) | Held::Absent => {}
            Held::Tcp(listener) => {
                if let Some(flow) = accept_flow(listener, backend)
                    && self.flows.len() < self.flow_limit
                {
                    self.watch_flow(flow);
                }
            }
            Held::Udp(_) => self.forward(key, backend),
        }
    }

    fn watch_flow(&mut self, flow: Flow) {
        let token = self.take_flow_token();
        let watch =
            |end: &TcpStream, token| self.epoll.add(end, EpollEvent::new(tcp::WATCHED, token)).is_ok();
        if watch(flow.client(), token) && watch(flow.backend(), token + 1) {
            self.flows.insert(token, flow);
        }
    }

    fn pump(&mut self, token: u64) {
        let Some(flow) = self.flows.get_mut(&token) else { return };
        match flow.pump(&mut self.scratch) {
            Progress::Waiting => {}
            Progress::Busy => self.busy.push(token),
            Progress::Finished => drop(self.flows.remove(&token)),
        }
    }

    fn forward(&mut self, key: HoldKey, backend: Option<(IpAddr, u16)>) {
        for _ in 0..TURN {
            let Some(socket) = udp_socket(&self.ports, &key) else { return };
            let Ok((len, client)) = socket.recv_from(&mut self.scratch) else { return };
            let token = match (self.sessions.find(key, client), backend) {
                (Some(token), _) => token,
                (None, Some(backend)) if self.sessions.has_room() => {
                    let token = self.take_token();
                    let Ok(socket) = connect_udp(backend) else { continue };
                    if self.epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, token)).is_err() {
                        continue;
                    }
                    self.sessions.insert(token, key, client, socket);
                    token
                }
                (None, _) => continue,
            };
            self.sessions.send(token, &self.scratch[..len]);
        }
    }

    fn take_token(&mut self) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        token
    }

    /// An even token, the flow's and its client's; the odd one after it is its backend's.
    fn take_flow_token(&mut self) -> u64 {
        let token = flow_of(self.next_token + 1);
        self.next_token = token + 2;
        token
    }
}

/// The flow whose token this is, if it is one of a flow.
fn flow_of(token: u64) -> u64 {
    token & !1
}

fn side_of(token: u64) -> Side {
    if token == flow_of(token) { Side::Client } else { Side::Backend }
}

fn udp_socket<'a>(ports: &'a BTreeMap<HoldKey, Port>, key: &HoldKey) -> Option<&'a UdpSocket> {
    match &ports.get(key)?.socket {
        Held::Udp(socket) => Some(socket),
        Held::Bound(_) | Held::Absent | Held::Tcp(_) => None,
    }
}

/// Accepts a client and begins the connection to its container. Without one the client is turned away.
fn accept_flow(listener: &TcpListener, backend: Option<(IpAddr, u16)>) -> Option<Flow> {
    let (client, _) = listener.accept().ok()?;
    client.set_nonblocking(true).ok()?;
    let backend = connect_tcp(backend?).ok()?;
    backend.set_nodelay(true).ok()?;
    Some(Flow::new(client, backend))
}
