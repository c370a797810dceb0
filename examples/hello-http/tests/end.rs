//! How the web server ends: nobody who has connected is cut off, and who says nothing does not hold it up.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hello-http"))
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut said = String::new();
        let out = child.stdout.as_mut().expect("is piped");
        BufReader::new(out).read_line(&mut said).expect("it says where it listens");
        let port = said.trim().rsplit(' ').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).expect("somebody listens");
        client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        client
    }

    fn end(&self) {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM).expect("it is told to end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn answer(mut client: TcpStream) -> String {
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it still reads");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it still answers");
    answer
}

#[test]
fn whoever_has_connected_is_answered_after_the_signal() {
    let mut server = Server::start();
    let mut half = server.connect();
    half.write_all(b"GET / HTTP/1.0\r\n").expect("it reads");
    // Those it has not even looked at yet are among these.
    let clients: Vec<TcpStream> = (0..50).map(|_| server.connect()).collect();
    server.end();
    for client in clients.into_iter().chain([half]) {
        assert!(answer(client).starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert!(server.child.wait().expect("it ends").success());
}

#[test]
fn who_says_nothing_does_not_hold_up_the_end() {
    let mut server = Server::start();
    let silent = server.connect();
    server.end();
    let began = Instant::now();
    assert!(server.child.wait().expect("it ends").success());
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    drop(silent);
}
