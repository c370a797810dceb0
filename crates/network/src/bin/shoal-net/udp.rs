//! Proxied datagrams: one socket towards the container per client, until the client has been silent for long.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use network::hold::HoldKey;

/// Docker's proxy forgets a client after as long.
const SILENCE: Duration = Duration::from_secs(90);
/// More clients at once than this are turned away.
const SESSION_LIMIT: usize = 1024;
/// How many datagrams one socket may receive before others have their turn.
pub(crate) const TURN: usize = 64;

/// One client of one port.
pub(crate) struct Session {
    /// The port the client knows.
    pub(crate) key: HoldKey,
    client: SocketAddr,
    socket: UdpSocket,
    used: Instant,
}

/// All clients of all ports, by the token their socket is watched under.
#[derive(Default)]
pub(crate) struct Sessions {
    by_token: HashMap<u64, Session>,
    by_client: HashMap<(HoldKey, SocketAddr), u64>,
}

impl Sessions {
    /// The token of a client's session, if it has one.
    pub(crate) fn find(&self, key: HoldKey, client: SocketAddr) -> Option<u64> {
        self.by_client.get(&(key, client)).copied()
    }

    /// Whether another client is welcome.
    pub(crate) fn has_room(&self) -> bool {
        self.by_token.len() < SESSION_LIMIT
    }

    pub(crate) fn insert(&mut self, token: u64, key: HoldKey, client: SocketAddr, socket: UdpSocket) {
        self.by_client.insert((key, client), token);
        self.by_token.insert(token, Session { key, client, socket, used: Instant::now() });
    }

    pub(crate) fn contains(&self, token: u64) -> bool {
        self.by_token.contains_key(&token)
    }

    /// Forwards a client's datagram. One that cannot be delivered is lost, as datagrams are.
    pub(crate) fn send(&mut self, token: u64, datagram: &[u8]) {
        if let Some(session) = self.by_token.get_mut(&token) {
            session.used = Instant::now();
            let _ = session.socket.send(datagram);
        }
    }

    /// Brings the container's datagrams back to the client, out of the port it knows.
    pub(crate) fn answer<'a>(
        &mut self,
        token: u64,
        scratch: &mut [u8],
        held: impl Fn(&HoldKey) -> Option<&'a UdpSocket>,
    ) {
        let Some(session) = self.by_token.get_mut(&token) else { return };
        let Some(socket) = held(&session.key) else { return };
        for _ in 0..TURN {
            match session.socket.recv(scratch) {
                Ok(len) => {
                    session.used = Instant::now();
                    let _ = socket.send_to(&scratch[..len], session.client);
                }
                Err(error) if is_transient(&error) => {}
                Err(_) => return,
            }
        }
    }

    /// Forgets the clients of ports that are not held any more, and those that have been silent.
    pub(crate) fn retain(&mut self, held: impl Fn(&HoldKey) -> bool, now: Instant) {
        self.by_token.retain(|_, session| held(&session.key) && now.duration_since(session.used) < SILENCE);
        let by_token = &self.by_token;
        self.by_client.retain(|_, token| by_token.contains_key(token));
    }
}

/// An earlier datagram was refused by the container, or a signal came in between: there may be more to receive.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::Interrupted)
}
