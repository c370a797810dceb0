//! A proxy in front of a registry that does what networks and bad registries do.
//!
//! In: the address of a server that speaks HTTP in the clear, and rules. Out: an address to be asked instead, and what was
//! asked. Each connection carries one exchange. Threads end when the connection does; the listener ends on drop.

mod exchange;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

pub use exchange::Asked;

/// Something that goes wrong with one exchange.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The registry is not asked; this is the answer: `429 Too Many Requests`, header lines, body.
    Answer(&'static str, Vec<String>, Vec<u8>),
    /// The connection breaks after so many bytes of the answer's body.
    Cut(u64),
    /// The connection breaks after so many bytes of the request's body.
    CutRequest(u64),
    /// One byte of the answer's body is another.
    Corrupt(u64),
    /// After so many bytes of the answer's body nothing more comes, and the connection stays.
    Stall(u64),
    /// The answer's body comes in pieces of so many bytes, each after a pause.
    Slow(usize, Duration),
    /// The registry does not see the request's `Range`.
    IgnoreRange,
}

impl Fault {
    /// An answer with a status alone: `503 Service Unavailable`.
    pub fn status(status: &'static str) -> Self {
        Self::Answer(status, Vec::new(), Vec::new())
    }

    /// A redirect to a whole address.
    pub fn redirect(to: &str) -> Self {
        Self::Answer("307 Temporary Redirect", vec![format!("Location: {to}")], Vec::new())
    }
}

/// Which exchanges a fault is for, and how often it still happens.
#[derive(Debug)]
struct Rule {
    method: String,
    part: String,
    left: usize,
    fault: Fault,
}

#[derive(Debug, Default)]
struct Shared {
    rules: Mutex<Vec<Rule>>,
    asked: Mutex<Vec<Asked>>,
    ended: std::sync::atomic::AtomicBool,
}

/// The proxy; stops listening on drop.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens, on loopback.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts a proxy in front of `upstream`.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.ended.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                let shared = own.clone();
                // A broken exchange is what this is for.
                thread::spawn(move || exchange::run(stream, upstream, &shared).ok());
            }
        });
        Self { address, shared }
    }

    /// The next `times` exchanges with this method whose path contains `part` go wrong. The first rule that fits counts.
    pub fn on(&self, method: &str, part: &str, times: usize, fault: Fault) {
        let (method, part) = (method.to_owned(), part.to_owned());
        lock(&self.shared.rules).push(Rule { method, part, left: times, fault });
    }

    /// Forgets all rules.
    pub fn clear(&self) {
        lock(&self.shared.rules).clear();
    }

    /// What was asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }

    /// How often paths that contain `part` were asked for with this method.
    pub fn count(&self, method: &str, part: &str) -> usize {
        lock(&self.shared.asked)
            .iter()
            .filter(|asked| asked.method == method && asked.path.contains(part))
            .count()
    }
}

impl Shared {
    /// Notes the request, and takes the fault that is due for it.
    fn take(&self, asked: &Asked) -> Option<Fault> {
        lock(&self.asked).push(asked.clone());
        let mut rules = lock(&self.rules);
        let fits = |rule: &&mut Rule| {
            rule.left > 0 && rule.method == asked.method && asked.path.contains(&rule.part)
        };
        let rule = rules.iter_mut().find(fits)?;
        rule.left -= 1;
        Some(rule.fault.clone())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, std::sync::atomic::Ordering::Relaxed);
        // Wakes the listener, which then sees that it has ended.
        TcpStream::connect(self.address).ok();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
