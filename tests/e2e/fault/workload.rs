//! Clients of the swarm's API that use services as registers: the value is a label, the version of the service is what a
//! change must name. All that they did and saw is kept for the judge.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::api::exchange_at;
use testkit::linear::{Done, Operation, Outcome, check_all};

/// How long a client waits for an answer before it counts as not heard.
const PATIENCE: Duration = Duration::from_secs(3);
/// Pause of a client between two operations: the machine has two processors, and the swarm is to be tested, not the machine.
const PAUSE: Duration = Duration::from_millis(15);
/// The label that holds the value.
const LABEL: &str = "value";

/// What is kept of all clients together.
#[derive(Default)]
struct Kept {
    histories: BTreeMap<String, Vec<Operation<u64>>>,
    /// Changes that were acknowledged, by client.
    acknowledged: Vec<u64>,
    /// Why the last operation of each client did not succeed, as far as it did not.
    complaints: BTreeMap<usize, String>,
}

/// Clients at work. Dropping it ends them.
pub(super) struct Workload {
    kept: Arc<Mutex<Kept>>,
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

struct Client {
    number: usize,
    socket: PathBuf,
    registers: Vec<String>,
    began: Instant,
    fresh: Arc<AtomicU64>,
    kept: Arc<Mutex<Kept>>,
}

impl Workload {
    /// Makes the registers through the first socket and starts a client on each socket.
    pub(super) fn start(sockets: Vec<PathBuf>, registers: usize) -> Workload {
        let registers: Vec<String> = (0..registers).map(|number| format!("register{number}")).collect();
        for name in &registers {
            let body = spec(name, 0).to_string();
            let made = exchange_at(&sockets[0], PATIENCE, "POST", "/services/create", body.as_bytes());
            assert!(matches!(made, Ok((201, _))), "{made:?}");
        }
        let kept = Arc::new(Mutex::new(Kept { acknowledged: vec![0; sockets.len()], ..Kept::default() }));
        let over = Arc::new(AtomicBool::new(false));
        let (fresh, began) = (Arc::new(AtomicU64::new(1)), Instant::now());
        let clients = sockets.into_iter().enumerate().map(|(number, socket)| {
            let client = Client {
                number,
                socket,
                registers: registers.clone(),
                began,
                fresh: Arc::clone(&fresh),
                kept: Arc::clone(&kept),
            };
            let over = Arc::clone(&over);
            std::thread::spawn(move || {
                for turn in number.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    client.turn(turn);
                    std::thread::sleep(PAUSE);
                }
            })
        });
        let clients = clients.collect();
        Workload { kept, over, clients }
    }

    /// How many changes each client was told to be done so far.
    pub(super) fn acknowledged(&self) -> Vec<u64> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).acknowledged.clone()
    }

    /// What the clients complain of, for a message.
    pub(super) fn complaints(&self) -> String {
        format!("{:?}", self.kept.lock().unwrap_or_else(PoisonError::into_inner).complaints)
    }

    /// Ends the clients and judges what they saw. How many operations that was.
    ///
    /// # Panics
    /// When it cannot be explained.
    pub(super) fn judge(mut self) -> usize {
        self.end();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(why) = check_all(&kept.histories, |_| 0) {
            panic!("what the clients saw is not linearizable: {why}");
        }
        kept.histories.values().map(Vec::len).sum()
    }

    fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().expect("a client ends well");
        }
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Client {
    /// Reads a register, and every other time changes it.
    fn turn(&self, turn: usize) {
        let name = &self.registers[turn % self.registers.len()];
        match self.read(name) {
            Ok((version, value)) if turn.is_multiple_of(2) => self.swap(name, version, value),
            Ok(_) => self.content(),
            // A read of which nothing was heard changes nothing and says nothing.
            Err(complaint) => self.complain(complaint),
        }
    }

    fn read(&self, name: &str) -> Result<(u64, u64), String> {
        let began = self.now();
        let answer = exchange_at(&self.socket, PATIENCE, "GET", &format!("/services/{name}"), b"");
        let ended = self.now();
        let (status, body) = answer.map_err(|error| error.to_string())?;
        if status != 200 {
            return Err(format!("{status} {body}"));
        }
        let service: Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
        let version = service["Version"]["Index"].as_u64().ok_or("no version")?;
        let value = service["Spec"]["Labels"][LABEL].as_str().and_then(|text| text.parse().ok());
        let value = value.ok_or("no value")?;
        self.keep(name, Operation { began, ended, done: Done::Read(value) });
        Ok((version, value))
    }

    fn swap(&self, name: &str, version: u64, old: u64) {
        let new = self.fresh.fetch_add(1, Ordering::Relaxed);
        let path = format!("/services/{name}/update?version={version}");
        let began = self.now();
        let answer =
            exchange_at(&self.socket, PATIENCE, "POST", &path, spec(name, new).to_string().as_bytes());
        let ended = self.now();
        let outcome = match &answer {
            Ok((200, _)) => Outcome::Swapped,
            Ok((_, body)) if body.contains("update out of sequence") => Outcome::Refused,
            Ok(_) | Err(_) => Outcome::Unknown,
        };
        self.keep(name, Operation { began, ended, done: Done::Swap { old, new, outcome } });
        match outcome {
            Outcome::Swapped => {
                self.kept.lock().unwrap_or_else(PoisonError::into_inner).acknowledged[self.number] += 1;
                self.content();
            }
            Outcome::Refused => self.content(),
            Outcome::Unknown => self.complain(format!("{answer:?}")),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn keep(&self, name: &str, operation: Operation<u64>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.histories.entry(name.to_owned()).or_default().push(operation);
    }

    fn complain(&self, complaint: String) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.complaints.insert(self.number, complaint);
    }

    fn content(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).complaints.remove(&self.number);
    }
}

/// A service without tasks: nobody but the clients changes it.
fn spec(name: &str, value: u64) -> Value {
    json!({
        "Name": name,
        "Labels": {LABEL: value.to_string()},
        "TaskTemplate": {"ContainerSpec": {"Image": "busybox"}},
        "Mode": {"Replicated": {"Replicas": 0}},
    })
}
