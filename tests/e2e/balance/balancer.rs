//! A load balancer as people run one beside a swarm: it asks a manager which tasks run and are wanted, and sends requests to
//! their nodes without pause. Every request that fails is kept.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::Value;
use testkit::api::exchange_at;
use testkit::http::fetch_slowly;
use testkit::{Lan, Namespace};

/// How often it asks which tasks there are.
const LOOK: Duration = Duration::from_millis(100);
/// How long it waits for a manager's answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a request may take, to each of its steps.
const REQUEST: Duration = Duration::from_secs(5);
/// Clients that want their answer at once, and those that take their time to say what they want.
const CLIENTS: (usize, usize) = (3, 2);
/// The time that those take.
const SLOW: Duration = Duration::from_millis(300);

/// A task to which requests go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Backend {
    pub(super) task: String,
    pub(super) node: String,
    address: SocketAddr,
}

/// What was seen since it was last asked.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Requests that were answered, by task.
    pub(super) answered: BTreeMap<String, u64>,
    /// What became of each of the others.
    pub(super) failed: Vec<String>,
    /// The smallest number of tasks there were at a time.
    pub(super) fewest: usize,
}

#[derive(Debug)]
struct Shared {
    /// The machine that it runs on.
    machine: Namespace,
    /// The nodes' ids, in the order of their machines.
    nodes: Vec<String>,
    /// The socket of the manager that it asks.
    socket: Mutex<PathBuf>,
    backends: Mutex<Vec<Backend>>,
    seen: Mutex<Seen>,
    over: AtomicBool,
}

/// The balancer at work. Dropping it ends it.
pub(super) struct Balancer {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Balancer {
    /// Begins on a machine of its own, and asks the manager with this socket.
    pub(super) fn start(machine: Namespace, nodes: Vec<String>, socket: PathBuf) -> Self {
        let shared = Arc::new(Shared {
            machine,
            nodes,
            socket: Mutex::new(socket),
            backends: Mutex::default(),
            seen: Mutex::default(),
            over: AtomicBool::new(false),
        });
        shared.look();
        shared.take();
        let (quick, slow) = CLIENTS;
        let pauses = [vec![Duration::ZERO; quick], vec![SLOW; slow]].concat();
        let clients = pauses.into_iter().enumerate().map(|(number, pause)| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.machine.inside(|| shared.send(number, pause)))
        });
        let mut threads: Vec<JoinHandle<()>> = clients.collect();
        let looks = Arc::clone(&shared);
        threads.push(std::thread::spawn(move || {
            while !looks.over.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK);
                looks.look();
            }
        }));
        Self { shared, threads }
    }

    /// The tasks to which requests go now.
    pub(super) fn backends(&self) -> Vec<Backend> {
        lock(&self.shared.backends).clone()
    }

    /// Asks another manager from here on.
    pub(super) fn ask(&self, socket: PathBuf) {
        *lock(&self.shared.socket) = socket;
    }

    /// What was seen since this was called last.
    pub(super) fn take(&self) -> Seen {
        self.shared.take()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It has said so itself.
            thread.join().ok();
        }
    }
}

impl Shared {
    /// Takes in what the manager says. As long as it says nothing, all is as before.
    fn look(&self) {
        let socket = lock(&self.socket).clone();
        let Ok((200, body)) = exchange_at(&socket, PATIENCE, "GET", "/tasks", b"") else { return };
        let Ok(Value::Array(tasks)) = serde_json::from_str(&body) else { return };
        let mut now: Vec<Backend> = tasks.iter().filter_map(|task| self.backend(task)).collect();
        now.sort();
        let mut seen = lock(&self.seen);
        seen.fewest = seen.fewest.min(now.len());
        *lock(&self.backends) = now;
    }

    /// Where the task is to be reached, if it runs and is wanted.
    fn backend(&self, task: &Value) -> Option<Backend> {
        let serves = task["Status"]["State"] == "running" && task["DesiredState"] == "running";
        let node = task["NodeID"].as_str().filter(|_| serves)?;
        let index = self.nodes.iter().position(|known| known == node)?;
        let port = task["Status"]["PortStatus"]["Ports"][0]["PublishedPort"].as_u64()?;
        let address = format!("{}:{port}", Lan::address(index)).parse().ok()?;
        Some(Backend { task: task["ID"].as_str()?.to_owned(), node: node.to_owned(), address })
    }

    fn take(&self) -> Seen {
        let fresh = Seen { fewest: lock(&self.backends).len(), ..Seen::default() };
        std::mem::replace(&mut lock(&self.seen), fresh)
    }

    /// A client's work: one request after the other, to one task after the other.
    fn send(&self, number: usize, pause: Duration) {
        for turn in number.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let backends = lock(&self.backends).clone();
            let Some(backend) = backends.get(turn % backends.len().max(1)) else {
                lock(&self.seen).failed.push("no task serves".to_owned());
                std::thread::sleep(LOOK);
                continue;
            };
            let began = Instant::now();
            let outcome = request(backend.address, pause);
            let mut seen = lock(&self.seen);
            match outcome {
                Ok(_) => *seen.answered.entry(backend.task.clone()).or_default() += 1,
                Err(error) => {
                    let at = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64();
                    let took = began.elapsed();
                    seen.failed.push(format!("at {at:.3}, after {took:?}, {backend:?}: {error}"));
                }
            }
        }
    }
}

/// One request, with a pause in the middle of it.
fn request(address: SocketAddr, pause: Duration) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, REQUEST)?;
    stream.set_read_timeout(Some(REQUEST))?;
    fetch_slowly(stream, pause)
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
