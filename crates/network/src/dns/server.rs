//! The server: who asks, what we know ourselves, what is kept, and who else may know.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use super::cache::Cache;
use super::forward::{Asked, Forward, Learned, Route, Waiter};
use super::model::{Asker, Named, NamedKey};
use super::query::{LARGEST_MESSAGE, Problem, Query};
use super::reply::{Reply, bare_reply, fit};
use super::wire::{A, AAAA, ANY, IN, NO_ERROR, PTR, SERVER_FAILURE, encode_name, reversed_address};
use super::zone::{Known, Zone};
use super::{Client, Effect, SERVER_ADDRESS};

/// All state of the embedded DNS, without its sockets.
pub struct Server {
    zone: Zone,
    askers: HashMap<String, Member>,
    cache: Cache,
    forward: Forward,
}

/// A container that asks, and what follows from its configuration.
struct Member {
    asker: Asker,
    route: Route,
    /// Its search domains as they may end a name: in lower case, with a dot before.
    suffixes: Vec<String>,
}

impl Server {
    /// Knows nothing. `random` gives numbers nobody can guess.
    pub fn new(random: Box<dyn FnMut() -> u16>) -> Server {
        Server {
            zone: Zone::default(),
            askers: HashMap::new(),
            cache: Cache::default(),
            forward: Forward::new(random),
        }
    }

    /// Gives a container names in a network, instead of those it had there.
    pub fn name(&mut self, named: Named) {
        self.zone.set(named);
    }

    /// Takes a container's names in a network away.
    pub fn unname(&mut self, key: &NamedKey) {
        self.zone.remove(key);
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &Named> {
        self.zone.list()
    }

    /// Lets a container ask, or changes what it may know.
    pub fn admit(&mut self, mut asker: Asker) {
        for joined in &mut asker.networks {
            let links = std::mem::take(&mut joined.links).into_iter();
            joined.links = links.map(|(name, container)| (name.to_ascii_lowercase(), container)).collect();
        }
        // Ourselves, asked from the container's network, would ask ourselves.
        let is_ours = |server: &&IpAddr| !asker.from_host && **server == SERVER_ADDRESS;
        let servers: Vec<IpAddr> = asker.servers.iter().filter(|server| !is_ours(server)).copied().collect();
        let realm = if asker.from_host { format!("{servers:?}") } else { asker.container_id.clone() };
        let route = Route::new(asker.container_id.clone(), realm, servers, asker.from_host, &asker.options);
        let suffix = |domain: &String| {
            let domain = domain.trim_matches('.').to_ascii_lowercase();
            (!domain.is_empty()).then(|| format!(".{domain}"))
        };
        let suffixes = asker.search.iter().filter_map(suffix).collect();
        self.askers.insert(asker.container_id.clone(), Member { asker, route, suffixes });
    }

    /// A container asks no more.
    pub fn dismiss(&mut self, container_id: &str, effects: &mut Vec<Effect>) {
        self.askers.remove(container_id);
        self.forward.forget(container_id, effects);
    }

    /// All who ask.
    pub fn askers(&self) -> impl Iterator<Item = &Asker> {
        self.askers.values().map(|member| &member.asker)
    }

    /// A container's message has come.
    pub fn ask(
        &mut self,
        container_id: &str,
        message: &[u8],
        client: Client,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let query = match Query::read(message) {
            Ok(query) => query,
            Err(Problem::Garbage) => return,
            Err(Problem::Outcome(outcome)) => {
                effects.extend(bare_reply(message, outcome).map(|bytes| Effect::Answer { client, bytes }));
                return;
            }
        };
        let Some(member) = self.askers.get(container_id) else { return };
        let limit = match client {
            Client::Datagram { .. } => query.datagram_limit(),
            Client::Stream(_) => LARGEST_MESSAGE,
        };
        let local = local_answer(&mut self.zone, &member.asker, query.name.as_deref(), &query, limit);
        if let Some(bytes) = local {
            effects.push(Effect::Answer { client, bytes });
            return;
        }
        // A name with a search domain of the container's may be one of the outside as well, which goes first.
        let fallback = query.name.as_deref().and_then(|name| {
            let name = member.suffixes.iter().find_map(|suffix| name.strip_suffix(suffix.as_str()))?;
            local_answer(&mut self.zone, &member.asker, Some(name), &query, limit)
        });
        let key = query.key(&member.route.realm);
        if let Some(answer) = self.cache.get(&key, now) {
            let is_absence = super::wire::number(&answer, 2)
                .is_some_and(|flags| flags & super::wire::RCODE == super::wire::NO_SUCH_NAME);
            let bytes = match fallback {
                Some(fallback) if is_absence => fallback,
                _ => fit(&answer, id(message), query.question(), limit),
            };
            effects.push(Effect::Answer { client, bytes });
            return;
        }
        let fail = |fallback: Option<Vec<u8>>| Effect::Answer {
            client,
            bytes: fallback.unwrap_or_else(|| Reply::new(&query, limit).finish(SERVER_FAILURE)),
        };
        if member.route.servers.is_empty() {
            effects.push(fail(fallback));
            return;
        }
        let waiter = Waiter {
            client,
            id: id(message),
            question: query.question().to_vec(),
            limit,
            fallback: fallback.clone(),
        };
        let asked = Asked { message, end: query.end, key, is_plain: query.is_plain };
        if !self.forward.ask(&member.route, asked, waiter, now, effects) {
            effects.push(fail(fallback));
        }
    }

    /// A message of a server has come.
    pub fn receive(&mut self, flight: u64, message: &[u8], now: Instant, effects: &mut Vec<Effect>) {
        if let Some(learned) = self.forward.receive(flight, message, now, effects) {
            let Learned { key, answer, question_end, life } = learned;
            self.cache.put(key, &answer, question_end, life, now);
        }
    }

    /// A server cannot be reached, or has hung up.
    pub fn fail(&mut self, flight: u64, now: Instant, effects: &mut Vec<Effect>) {
        self.forward.fail(flight, now, effects);
    }

    /// When [`Server::tick`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.forward.deadline()
    }

    /// Goes on where a server has taken too long.
    pub fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.forward.tick(now, effects);
    }
}

fn id(message: &[u8]) -> u16 {
    super::wire::number(message, 0).unwrap_or_default()
}

/// What we know ourselves; `None` if others may know more.
fn local_answer(
    zone: &mut Zone,
    asker: &Asker,
    name: Option<&str>,
    query: &Query<'_>,
    limit: usize,
) -> Option<Vec<u8>> {
    let name = name.filter(|_| query.class == IN || query.class == ANY)?;
    let mut reply = Reply::new(query, limit);
    if query.kind == PTR
        && let Some(address) = reversed_address(name)
    {
        let data = encode_name(&zone.name_of(&asker.networks, address)?)?;
        reply.push(PTR, &data);
        return Some(reply.finish(NO_ERROR));
    }
    let is_wanted: fn(&IpAddr) -> bool = match query.kind {
        A => IpAddr::is_ipv4,
        AAAA => IpAddr::is_ipv6,
        // It has no records but addresses.
        _ => |_| false,
    };
    match zone.find(&asker.networks, name, is_wanted) {
        Known::Addresses(addresses) => {
            for address in addresses {
                match address {
                    IpAddr::V4(address) => reply.push(A, &address.octets()),
                    IpAddr::V6(address) => reply.push(AAAA, &address.octets()),
                }
            }
        }
        Known::Empty => {}
        Known::Nothing => return None,
    }
    Some(reply.finish(NO_ERROR))
}
