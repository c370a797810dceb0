//! Machines in network namespaces: a host with a network room, containers on it, and somebody outside.
//!
//! Everything is named after the test's process and removed when dropped, in whatever way the test ends.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod names;

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use network::hold::{Answer, Request, SOCKET_NAME, read_message, write_message};
use network::{
    AttachRequest, Endpoint, HostPort, Live, Network, NetworkConfig, NetworkRecord, NetworkRequest,
    PortBinding, Protocol,
};
use nix::sched::{CloneFlags, setns};

/// How long something may take to come true.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client waits for an answer.
pub(crate) const CLIENT_TIMEOUT: Duration = Duration::from_millis(1500);

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A name nobody else has.
fn unique(kind: &str) -> String {
    format!("shoaltest-{}-{}-{kind}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// Runs a program and insists on its success. Answers what it printed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("start program");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    text.into_owned()
}

/// Waits until `check` answers something.
pub(crate) fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < end, "{what} did not come true");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Runs a future on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("build a runtime").block_on(future)
}

/// A network namespace.
pub(crate) struct Namespace {
    pub(crate) name: String,
}

impl Namespace {
    pub(crate) fn new(kind: &str) -> Namespace {
        assert!(nix::unistd::geteuid().is_root(), "this test makes network namespaces and must run as root");
        let name = unique(kind);
        run("ip", &["netns", "add", &name]);
        let namespace = Namespace { name };
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    /// Runs `ip` inside.
    pub(crate) fn ip(&self, arguments: &[&str]) -> String {
        run("ip", &[&["-n", self.name.as_str()], arguments].concat())
    }

    /// Runs a program inside.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> String {
        run("ip", &[&["netns", "exec", self.name.as_str(), program], arguments].concat())
    }

    /// Runs `work` on a thread inside and waits for it.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let file = fs::File::open(self.path()).expect("open namespace");
        thread::scope(|scope| {
            let inside = move || {
                setns(file, CloneFlags::CLONE_NEWNET).expect("enter namespace");
                work()
            };
            scope.spawn(inside).join().expect("work inside the namespace")
        })
    }

    /// Serves TCP inside, for as long as the test runs: each client is told `name`, and the address it is seen as.
    pub(crate) fn serve_tcp(&self, port: u16, name: &str) {
        let name = name.to_owned();
        let listener =
            self.enter(|| TcpListener::bind((std::net::Ipv6Addr::UNSPECIFIED, port)).expect("listen"));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let peer = stream.peer_addr().expect("peer");
                let _ = write!(stream, "{name} {}", peer.ip().to_canonical());
            }
        });
    }

    /// Serves UDP inside: each datagram is answered with `name`, and the address it is seen to come from.
    pub(crate) fn serve_udp(&self, port: u16, name: &str) {
        let name = name.to_owned();
        let socket = self.enter(|| UdpSocket::bind((std::net::Ipv6Addr::UNSPECIFIED, port)).expect("bind"));
        thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(format!("{name} {}", peer.ip().to_canonical()).as_bytes(), peer);
            }
        });
    }

    /// What a TCP server answers to a client inside; `None` if there is none to be reached.
    pub(crate) fn ask_tcp(&self, address: impl Into<SocketAddr>) -> Option<String> {
        let address = address.into();
        self.enter(move || {
            let mut stream = TcpStream::connect_timeout(&address, CLIENT_TIMEOUT).ok()?;
            stream.set_read_timeout(Some(CLIENT_TIMEOUT)).ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            (!answer.is_empty()).then_some(answer)
        })
    }

    /// What a UDP server answers to a client inside.
    pub(crate) fn ask_udp(&self, address: impl Into<SocketAddr>) -> Option<String> {
        let address = address.into();
        self.enter(move || {
            let any: IpAddr = if address.is_ipv4() {
                Ipv4Addr::UNSPECIFIED.into()
            } else {
                std::net::Ipv6Addr::UNSPECIFIED.into()
            };
            let socket = UdpSocket::bind((any, 0)).ok()?;
            socket.connect(address).ok()?;
            socket.set_read_timeout(Some(CLIENT_TIMEOUT)).ok()?;
            socket.send(b"?").ok()?;
            let mut buffer = [0; 64];
            let len = socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..len]).into_owned())
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// A namespace with a process in it, as the engine has it before a container starts.
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) namespace: Namespace,
    process: Child,
}

impl Container {
    pub(crate) fn new(kind: &str) -> Container {
        let namespace = Namespace::new(kind);
        let process = Command::new("ip")
            .args(["netns", "exec", &namespace.name, "sleep", "600"])
            .stdin(Stdio::null())
            .spawn()
            .expect("start a process");
        let inode = fs::metadata(namespace.path()).expect("look up namespace").ino();
        let inside = format!("/proc/{}/ns/net", process.id());
        eventually("the process enters its namespace", || {
            fs::metadata(&inside).ok().filter(|metadata| metadata.ino() == inode)
        });
        namespace.ip(&["link", "set", "lo", "down"]);
        Container { id: namespace.name.clone(), namespace, process }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A machine with a network room, and a wire to somebody outside.
pub(crate) struct Host {
    pub(crate) namespace: Namespace,
    pub(crate) outside: Namespace,
    pub(crate) root: tempfile::TempDir,
    pub(crate) name: String,
}

/// The host's and the outsider's address on the wire between them.
pub(crate) const HOST_IP: Ipv4Addr = Ipv4Addr::new(10, 199, 0, 1);
pub(crate) const OUTSIDE_IP: Ipv4Addr = Ipv4Addr::new(10, 199, 0, 2);
pub(crate) const HOST_IP6: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1);
pub(crate) const OUTSIDE_IP6: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 2);

impl Host {
    pub(crate) fn new() -> Host {
        let (namespace, outside) = (Namespace::new("host"), Namespace::new("outside"));
        // Ends with equal numbers look like one interface to the kernel, which then takes its time to see them up.
        let wire = ["link", "add", "wire", "index", "100", "type", "veth", "peer", "name", "wire", "netns"];
        namespace.ip(&[&wire[..], &[outside.name.as_str()]].concat());
        namespace.ip(&["addr", "add", &format!("{HOST_IP}/24"), "dev", "wire"]);
        outside.ip(&["addr", "add", &format!("{OUTSIDE_IP}/24"), "dev", "wire"]);
        namespace.ip(&["addr", "add", &format!("{HOST_IP6}/64"), "dev", "wire", "nodad"]);
        outside.ip(&["addr", "add", &format!("{OUTSIDE_IP6}/64"), "dev", "wire", "nodad"]);
        namespace.ip(&["link", "set", "wire", "up"]);
        outside.ip(&["link", "set", "wire", "up"]);
        let root = tempfile::Builder::new().prefix("shoal-network-").tempdir().expect("make a directory");
        Host { namespace, outside, root, name: "shoal".to_owned() }
    }

    pub(crate) fn config(&self) -> NetworkConfig {
        let program = Path::new(env!("CARGO_BIN_EXE_shoal-net"));
        let libexec = program.parent().expect("a program lies in a directory").to_owned();
        NetworkConfig::new(&self.name, self.root.path().to_owned(), libexec)
    }

    pub(crate) fn open(&self) -> Network {
        self.open_with(self.config(), Vec::new()).expect("open the network")
    }

    pub(crate) fn open_with(&self, config: NetworkConfig, live: Vec<Endpoint>) -> network::Result<Network> {
        let live = live.into_iter().map(|endpoint| Live {
            container_id: endpoint.container_id.clone(),
            container_name: "web".to_owned(),
            pid: 0,
            endpoints: vec![endpoint],
            ports: Vec::new(),
            dns: None,
        });
        self.namespace.enter(|| block_on(Network::open(config, Vec::new(), live.collect())))
    }

    /// Opens the room as a daemon does that starts again.
    pub(crate) fn reopen(&self, networks: Vec<NetworkRecord>, live: Vec<Live>) -> network::Result<Network> {
        let config = self.config();
        self.namespace.enter(|| block_on(Network::open(config, networks, live)))
    }

    /// The rules of the daemon's table, as `nft` shows them; `None` if there is no table.
    pub(crate) fn rules(&self) -> Option<String> {
        let listing = self.namespace.run("nft", &["list", "ruleset"]);
        listing.contains(&format!("table inet {} ", self.name)).then_some(listing)
    }

    /// Asks `shoal-net` something; `None` if there is none.
    pub(crate) fn ask_keeper(&self, request: &Request) -> Option<Answer> {
        ask_keeper(self.root.path(), request)
    }
}

pub(crate) fn ask_keeper(root: &Path, request: &Request) -> Option<Answer> {
    let mut stream = UnixStream::connect(root.join(SOCKET_NAME)).ok()?;
    write_message(&mut stream, request).ok()?;
    read_message(&mut stream).ok()
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.ask_keeper(&Request::Stop);
    }
}

/// A wish for a port.
pub(crate) fn publish(protocol: Protocol, host_port: u16, container_port: u16) -> PortBinding {
    let host_port = match host_port {
        0 => HostPort::Ephemeral,
        port => HostPort::Range { first: port, last: port },
    };
    PortBinding { container_port, protocol, host_ip: None, host_port }
}

/// What a container wants from the default bridge.
pub(crate) fn request(container: &Container, ports: Vec<PortBinding>) -> AttachRequest {
    AttachRequest {
        container_id: container.id.clone(),
        container_name: "web".to_owned(),
        network: "bridge".to_owned(),
        ports,
        ..AttachRequest::default()
    }
}

/// Asks for one place.
pub(crate) fn allocate(network: &Network, request: AttachRequest) -> network::Result<Endpoint> {
    block_on(network.allocate(vec![request])).map(|mut endpoints| endpoints.remove(0))
}

/// Wires one endpoint.
pub(crate) fn attach(network: &Network, endpoint: &Endpoint, container: &Container) -> network::Result<()> {
    block_on(network.attach(std::slice::from_ref(endpoint), container.pid(), None))
}

/// The IPv4 address of an endpoint.
pub(crate) fn ip(endpoint: &Endpoint) -> Ipv4Addr {
    endpoint.address_v4().expect("an IPv4 address")
}

/// Where an endpoint's IPv4 default route leads.
pub(crate) fn gateway(endpoint: &Endpoint) -> Ipv4Addr {
    endpoint.ipv4.and_then(|place| place.gateway).expect("a gateway")
}

/// A container on the default bridge.
pub(crate) fn start(network: &Network, kind: &str, ports: Vec<PortBinding>) -> (Container, Endpoint) {
    let container = Container::new(kind);
    let endpoint = allocate(network, request(&container, ports)).expect("allocate");
    attach(network, &endpoint, &container).expect("attach");
    (container, endpoint)
}

/// A network of this name, changed by `change` from what a user gets who says nothing.
pub(crate) fn create(
    network: &Network,
    name: &str,
    change: impl FnOnce(&mut NetworkRequest),
) -> network::Result<NetworkRecord> {
    let mut request = NetworkRequest { name: name.to_owned(), ..NetworkRequest::default() };
    change(&mut request);
    block_on(network.create(request))
}

/// What a container wants from some network.
pub(crate) fn wish(container: &Container, name: &str, ports: &[PortBinding]) -> AttachRequest {
    AttachRequest { network: name.to_owned(), ..request(container, ports.to_vec()) }
}

/// A container on several networks.
pub(crate) fn start_on(
    network: &Network,
    kind: &str,
    names: &[&str],
    ports: &[PortBinding],
) -> (Container, Vec<Endpoint>) {
    let container = Container::new(kind);
    let wishes = names.iter().map(|name| wish(&container, name, ports)).collect();
    let endpoints = block_on(network.allocate(wishes)).expect("allocate");
    block_on(network.attach(&endpoints, container.pid(), None)).expect("attach");
    (container, endpoints)
}

/// A container that runs while the room is opened again.
pub(crate) fn live(container: &Container, endpoints: &[Endpoint]) -> Live {
    Live {
        container_id: container.id.clone(),
        container_name: "web".to_owned(),
        pid: container.pid(),
        endpoints: endpoints.to_vec(),
        ports: Vec::new(),
        dns: None,
    }
}

/// The IPv6 address of an endpoint.
pub(crate) fn ip6(endpoint: &Endpoint) -> std::net::Ipv6Addr {
    endpoint.address_v6().expect("an IPv6 address")
}

/// What a server says on a connection that has been open for a while.
pub(crate) fn read_all(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.set_read_timeout(Some(CLIENT_TIMEOUT)).expect("set a limit");
    let _ = stream.read_to_string(&mut answer);
    answer
}
