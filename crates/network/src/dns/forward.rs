//! Asking the outside: one flight per question, which goes from server to server until one answers.
//!
//! Pure: it is told the time and what has arrived, and answers what is to be done ([`Effect`]).

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::reply::fit;
use super::response::Response;
use super::wire::{HEADER_LEN, NO_SUCH_NAME, QR, RA, SERVER_FAILURE, put_number};
use super::{Client, Effect, Transport};

/// Questions on their way at once; each has a socket.
const FLIGHT_LIMIT: usize = 512;
/// Askers that wait at once for one question, and so the answers one arrival can cause.
const WAITER_LIMIT: usize = 64;
/// Questions of one container on their way at once: one that floods leaves room for the others.
const FLIGHTS_PER_CONTAINER: usize = 128;
/// How long a server has for its answer unless the container's options say otherwise. Programs give up after 5 s.
const PATIENCE: Duration = Duration::from_secs(2);
const PATIENCE_LIMIT: u64 = 30;
/// How often all servers are tried.
const ROUNDS: usize = 2;
const ROUND_LIMIT: usize = 5;
/// A server that did not answer in time is tried after the others for so long.
const SHUN: Duration = Duration::from_secs(30);
/// So many servers are remembered as slow.
const SHUNNED_LIMIT: usize = 256;
/// After so many answers to other questions, which somebody else may have sent, a stream is safer.
const FORGERY_LIMIT: u8 = 8;

/// Whom and how to ask on behalf of a container.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) container_id: String,
    /// What is common to all who ask the same servers from the same place.
    pub(super) realm: String,
    pub(super) servers: Vec<IpAddr>,
    pub(super) from_host: bool,
    patience: Duration,
    rounds: usize,
}

impl Route {
    /// Reads the options that are meant for us.
    pub(super) fn new(
        container_id: String,
        realm: String,
        servers: Vec<IpAddr>,
        from_host: bool,
        options: &[String],
    ) -> Route {
        let option = |name: &str| {
            let value = options.iter().rev().find_map(|option| option.strip_prefix(name)?.strip_prefix(':'));
            value.and_then(|value| value.parse::<u64>().ok())
        };
        let patience = option("timeout")
            .map_or(PATIENCE, |seconds| Duration::from_secs(seconds.clamp(1, PATIENCE_LIMIT)));
        let rounds = option("attempts").map_or(ROUNDS, |count| (count as usize).clamp(1, ROUND_LIMIT));
        Route { container_id, realm, servers, from_host, patience, rounds }
    }
}

/// A question to be passed on.
pub(super) struct Asked<'a> {
    pub(super) message: &'a [u8],
    /// Where its question ends.
    pub(super) end: usize,
    pub(super) key: Vec<u8>,
    /// Whether the answer may be kept for others.
    pub(super) is_plain: bool,
}

/// Who waits for an answer.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) client: Client,
    pub(super) id: u16,
    /// The question with the name as this asker wrote it.
    pub(super) question: Vec<u8>,
    /// The largest answer it takes.
    pub(super) limit: usize,
    /// What we know ourselves, should the outside know no such name.
    pub(super) fallback: Option<Vec<u8>>,
}

/// A question on its way.
struct Flight {
    /// As it is sent, with a number of our own.
    asked: Vec<u8>,
    question_end: usize,
    key: Vec<u8>,
    is_plain: bool,
    container_id: String,
    realm: String,
    from_host: bool,
    /// In the order they are asked; those asked already are gone.
    servers: std::collections::VecDeque<IpAddr>,
    transport: Transport,
    patience: Duration,
    deadline: Instant,
    forgeries: u8,
    /// The best there is if no server answers well.
    refusal: Option<Vec<u8>>,
    waiters: Vec<Waiter>,
}

/// An answer that may be kept.
pub(super) struct Learned {
    pub(super) key: Vec<u8>,
    pub(super) answer: Vec<u8>,
    pub(super) question_end: usize,
    pub(super) life: Duration,
}

/// All questions on their way.
pub(super) struct Forward {
    flights: HashMap<u64, Flight>,
    by_key: HashMap<Vec<u8>, u64>,
    deadlines: BTreeSet<(Instant, u64)>,
    per_container: HashMap<String, usize>,
    shunned: HashMap<(String, IpAddr), Instant>,
    next_flight: u64,
    /// Numbers nobody can guess.
    random: Box<dyn FnMut() -> u16>,
}

impl Forward {
    pub(super) fn new(random: Box<dyn FnMut() -> u16>) -> Forward {
        Forward {
            flights: HashMap::new(),
            by_key: HashMap::new(),
            deadlines: BTreeSet::new(),
            per_container: HashMap::new(),
            shunned: HashMap::new(),
            next_flight: 0,
            random,
        }
    }

    /// Sends a question to the first server, or joins an equal one on its way. False: there are too many.
    pub(super) fn ask(
        &mut self,
        route: &Route,
        asked: Asked<'_>,
        waiter: Waiter,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> bool {
        if let Some(flight) = self.by_key.get(&asked.key).and_then(|number| self.flights.get_mut(number)) {
            let has_room = flight.waiters.len() < WAITER_LIMIT;
            // A client that asks again waits once.
            let same = |other: &Waiter| other.client == waiter.client && other.id == waiter.id;
            if has_room && !flight.waiters.iter().any(same) {
                flight.waiters.push(waiter);
            }
            return has_room;
        }
        let own = self.per_container.entry(route.container_id.clone()).or_default();
        if self.flights.len() >= FLIGHT_LIMIT || *own >= FLIGHTS_PER_CONTAINER {
            return false;
        }
        *own += 1;
        let number = self.next_flight;
        self.next_flight += 1;
        let flight = Flight {
            asked: asked.message.to_vec(),
            question_end: asked.end,
            key: asked.key.clone(),
            is_plain: asked.is_plain,
            container_id: route.container_id.clone(),
            realm: route.realm.clone(),
            from_host: route.from_host,
            servers: self.order(route, now),
            transport: Transport::Datagram,
            patience: route.patience,
            deadline: now,
            forgeries: 0,
            refusal: None,
            waiters: vec![waiter],
        };
        self.by_key.insert(asked.key, number);
        self.deadlines.insert((now, number));
        self.flights.insert(number, flight);
        self.send(number, now, effects);
        true
    }

    /// A message has come for a flight. Answers what may be kept of it.
    pub(super) fn receive(
        &mut self,
        number: u64,
        bytes: &[u8],
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Option<Learned> {
        let flight = self.flights.get_mut(&number)?;
        let Some(response) = Response::read(bytes, &flight.asked, flight.question_end) else {
            flight.forgeries = flight.forgeries.saturating_add(1);
            if flight.transport == Transport::Stream {
                self.next_server(number, now, effects);
            } else if flight.forgeries >= FORGERY_LIMIT {
                flight.transport = Transport::Stream;
                self.send(number, now, effects);
            }
            return None;
        };
        if response.is_truncated && flight.transport == Transport::Datagram {
            flight.transport = Transport::Stream;
            self.send(number, now, effects);
            return None;
        }
        let answer = if response.has_question {
            bytes.to_vec()
        } else {
            failure(&flight.asked, flight.question_end, response.outcome)
        };
        if response.is_failure() {
            flight.refusal = Some(answer);
            self.next_server(number, now, effects);
            return None;
        }
        let flight = self.land(number, effects)?;
        let question_end = flight.question_end;
        deliver(flight.waiters, &answer, response.outcome == NO_SUCH_NAME, effects);
        let life = response.life.filter(|_| flight.is_plain);
        life.map(|life| Learned { key: flight.key, answer, question_end, life })
    }

    /// The server of a flight cannot be reached, or has hung up.
    pub(super) fn fail(&mut self, number: u64, now: Instant, effects: &mut Vec<Effect>) {
        if self.flights.contains_key(&number) {
            self.next_server(number, now, effects);
        }
    }

    /// When [`Forward::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Goes on to the next server where one has taken too long.
    pub(super) fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        while let Some(&(deadline, number)) = self.deadlines.first()
            && deadline <= now
        {
            if let Some(flight) = self.flights.get(&number)
                && let Some(server) = flight.servers.front()
                && self.shunned.len() < SHUNNED_LIMIT
            {
                self.shunned.insert((flight.realm.clone(), *server), now + SHUN);
            }
            self.next_server(number, now, effects);
        }
        self.shunned.retain(|_, until| *until > now);
    }

    /// Gives up what a container has asked; whoever else waits is answered that it failed.
    pub(super) fn forget(&mut self, container_id: &str, effects: &mut Vec<Effect>) {
        let of_container = |flight: &&Flight| flight.container_id == container_id;
        let numbers: Vec<u64> = self
            .flights
            .iter()
            .filter(|(_, flight)| of_container(flight))
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            self.give_up(number, effects);
        }
    }

    /// The servers of all rounds, those that were slow last in each.
    fn order(&self, route: &Route, now: Instant) -> std::collections::VecDeque<IpAddr> {
        let is_slow = |server: &IpAddr| {
            self.shunned.get(&(route.realm.clone(), *server)).is_some_and(|until| *until > now)
        };
        let (slow, quick): (Vec<_>, Vec<_>) = route.servers.iter().copied().partition(is_slow);
        let round = [quick, slow].concat();
        (0..route.rounds).flat_map(|_| round.clone()).collect()
    }

    fn next_server(&mut self, number: u64, now: Instant, effects: &mut Vec<Effect>) {
        let Some(flight) = self.flights.get_mut(&number) else {
            self.deadlines.retain(|(_, other)| *other != number);
            return;
        };
        flight.servers.pop_front();
        flight.transport = Transport::Datagram;
        flight.forgeries = 0;
        self.send(number, now, effects);
    }

    /// Asks the server that is next, with a new number.
    fn send(&mut self, number: u64, now: Instant, effects: &mut Vec<Effect>) {
        let Some(flight) = self.flights.get_mut(&number) else { return };
        let Some(&server) = flight.servers.front() else { return self.give_up(number, effects) };
        put_number(&mut flight.asked, 0, (self.random)());
        self.deadlines.remove(&(flight.deadline, number));
        flight.deadline = now + flight.patience;
        self.deadlines.insert((flight.deadline, number));
        effects.push(Effect::Send {
            flight: number,
            container_id: flight.container_id.clone(),
            from_host: flight.from_host,
            server,
            transport: flight.transport,
            bytes: flight.asked.clone(),
        });
    }

    fn give_up(&mut self, number: u64, effects: &mut Vec<Effect>) {
        let Some(flight) = self.land(number, effects) else { return };
        let answer =
            flight.refusal.unwrap_or_else(|| failure(&flight.asked, flight.question_end, SERVER_FAILURE));
        deliver(flight.waiters, &answer, true, effects);
    }

    fn land(&mut self, number: u64, effects: &mut Vec<Effect>) -> Option<Flight> {
        let flight = self.flights.remove(&number)?;
        self.by_key.remove(&flight.key);
        self.deadlines.remove(&(flight.deadline, number));
        if let Some(count) = self.per_container.get_mut(&flight.container_id) {
            *count -= 1;
            if *count == 0 {
                self.per_container.remove(&flight.container_id);
            }
        }
        effects.push(Effect::Close { flight: number });
        Some(flight)
    }
}

/// Answers all who wait; where the outside knows nothing, what we know ourselves comes first.
fn deliver(waiters: Vec<Waiter>, answer: &[u8], is_absence: bool, effects: &mut Vec<Effect>) {
    for waiter in waiters {
        let bytes = match waiter.fallback {
            Some(fallback) if is_absence => fallback,
            _ => fit(answer, waiter.id, &waiter.question, waiter.limit),
        };
        effects.push(Effect::Answer { client: waiter.client, bytes });
    }
}

/// Nobody has answered, or nobody well.
fn failure(asked: &[u8], question_end: usize, outcome: u16) -> Vec<u8> {
    let mut bytes = asked[..question_end].to_vec();
    let flags = u16::from_be_bytes([asked[2], asked[3]]);
    put_number(&mut bytes, 2, flags | QR | RA | outcome);
    bytes[6..HEADER_LEN].fill(0);
    bytes
}
