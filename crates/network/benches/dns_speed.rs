//! How fast local names are answered. `cargo xtask bench -- dns` runs it over optimised programs.
//!
//! A shared machine has two programs on it at least, the client and the server: what one core answers is read off the
//! server's own processor time.

#![allow(clippy::print_stdout, reason = "a measurement, whose figures are its output")]

#[path = "../tests/testbed/mod.rs"]
mod testbed;

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use network::dns::{Asker, Joined, Named};
use network::hold::{Answer, Request, SOCKET_NAME};
use network::{Network, Resolver};
use nix::unistd::{SysconfVar, sysconf};
use simple_dns::TYPE;
use testbed::names::{SERVER, question};
use testbed::{Container, Host, allocate, block_on, request};

/// Other containers that have names.
const CONTAINERS: u32 = 1000;
const QUESTIONS: usize = 50_000;
/// What must be reached.
const LEAST_PER_SECOND: f64 = 50_000.0;
const LONGEST_P99: Duration = Duration::from_millis(1);

fn main() {
    let host = Host::new();
    let network = host.open();
    let asker = start(&host, &network);
    let pid = server_pid(&host);
    // Others may be at work on this machine: client and server go first, for a second each time.
    for process in [pid, nix::unistd::gettid().as_raw() as u32] {
        testbed::run("chrt", &["--fifo", "--pid", "1", &process.to_string()]);
    }
    println!(
        "{:28} {:>12} {:>12} {:>10} {:>10}",
        "questions on their way", "answers/s", "per core/s", "p50 us", "p99 us"
    );
    for window in [1, 16, 64] {
        let before = processor_time(pid);
        let begun = Instant::now();
        let mut latencies = asker.namespace.enter(|| load(window));
        let (wall, used) = (begun.elapsed(), processor_time(pid) - before);
        latencies.sort();
        let at = |part: f64| latencies[(latencies.len() as f64 * part) as usize];
        let per_core = QUESTIONS as f64 / used.as_secs_f64();
        println!(
            "{window:28} {:12.0} {per_core:12.0} {:10.1} {:10.1}",
            QUESTIONS as f64 / wall.as_secs_f64(),
            at(0.5).as_secs_f64() * 1e6,
            at(0.99).as_secs_f64() * 1e6,
        );
        // With one at a time the server is mostly woken and put to sleep.
        assert!(window == 1 || per_core >= LEAST_PER_SECOND, "{per_core} answers a second");
        assert!(at(0.99) <= LONGEST_P99, "{:?}", at(0.99));
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let memory = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    println!("memory of shoal-net with {CONTAINERS} named containers: {memory}");
    starts(&network);
}

/// How long an attachment takes with and without a DNS.
fn starts(network: &Network) {
    for (what, dns) in [("without", None), ("with", Some(Resolver::default()))] {
        let mut times: Vec<Duration> = (0..20)
            .map(|_| {
                let container = Container::new("start");
                let endpoint = allocate(network, request(&container, Vec::new())).unwrap();
                let begun = Instant::now();
                block_on(network.attach(std::slice::from_ref(&endpoint), container.pid(), dns.clone()))
                    .unwrap();
                let passed = begun.elapsed();
                block_on(network.detach(&container.id)).unwrap();
                passed
            })
            .collect();
        times.sort();
        println!("attach {what} a DNS: {:?} (median of {})", times[times.len() / 2], times.len());
    }
}

fn start(host: &Host, network: &Network) -> Container {
    let container = Container::new("asker");
    let endpoint = allocate(network, request(&container, Vec::new())).unwrap();
    let attached =
        network.attach(std::slice::from_ref(&endpoint), container.pid(), Some(Resolver::default()));
    block_on(attached).unwrap();
    let named = (0..CONTAINERS).map(|number| Named {
        network_id: "net".to_owned(),
        network_name: "net".to_owned(),
        container_id: format!("c{number}"),
        names: vec![format!("web{number}"), format!("alias{number}"), "all".to_owned()],
        addresses: vec![Ipv4Addr::from(0x0a00_0000 + number).into()],
    });
    assert!(matches!(host.ask_keeper(&Request::Name(named.collect())), Some(Answer::Done)));
    let asker = Asker {
        container_id: container.id.clone(),
        networks: vec![Joined { network_id: "net".to_owned(), links: Default::default() }],
        servers: Vec::new(),
        from_host: true,
        search: vec!["example.org".to_owned()],
        options: Vec::new(),
    };
    assert!(matches!(host.ask_keeper(&Request::Admit(asker)), Some(Answer::Done)));
    container
}

/// Asks with so many questions on their way at once, and answers how long each took.
fn load(window: usize) -> Vec<Duration> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.connect(SERVER).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut questions: Vec<Vec<u8>> =
        (0..CONTAINERS).map(|number| question(&format!("web{number}"), TYPE::A)).collect();
    let mut latencies = Vec::with_capacity(QUESTIONS);
    let mut on_their_way = HashMap::with_capacity(window);
    let (mut sent, mut buffer) = (0, [0; 512]);
    while latencies.len() < QUESTIONS {
        while sent < QUESTIONS && on_their_way.len() < window {
            let number = sent as u16;
            let len = questions.len();
            let message = &mut questions[sent % len];
            message[..2].copy_from_slice(&number.to_be_bytes());
            on_their_way.insert(number, Instant::now());
            socket.send(message).unwrap();
            sent += 1;
        }
        let len = socket.recv(&mut buffer).expect("an answer within a second");
        assert_eq!((buffer[3] & 0xf, buffer[7]), (0, 1), "an address: {:?}", &buffer[..len]);
        let number = u16::from_be_bytes([buffer[0], buffer[1]]);
        latencies.push(on_their_way.remove(&number).expect("an answer to a question").elapsed());
    }
    latencies
}

/// The process that has this root's socket open.
fn server_pid(host: &Host) -> u32 {
    let path = host.root.path().join(SOCKET_NAME);
    let listing = host.namespace.run("ss", &["-Hxlp"]);
    let line = listing.lines().find(|line| line.contains(&*path.to_string_lossy())).expect("it listens");
    let pid = line.split("pid=").nth(1).and_then(|rest| rest.split(',').next()).expect("its process");
    pid.parse().unwrap()
}

fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    let per_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap() as f64;
    Duration::from_secs_f64(ticks as f64 / per_second)
}
