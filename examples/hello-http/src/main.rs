//! The image that ships with the project: answers every request, and every datagram, with the name of the host
//! it runs on.
//!
//! Listens on port 80, or on the port named by `PORT` (0: any that is free), over TCP and UDP. On SIGTERM and SIGINT, which the first process of a
//! container only gets when it asks for them, it ends as a server should that others rely on: who has connected is still
//! answered.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program whose output is its log")]

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// How long one client may take to say what it wants, and to take the answer.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Header lines read per request.
const MAX_HEADER_LINES: usize = 100;
/// How long the end waits for those who have connected: some connect in advance and say nothing.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// The clients that are being answered.
#[derive(Default)]
struct Clients {
    count: Mutex<usize>,
    left: Condvar,
}

/// One of them, counted until it is dropped.
struct Counted(Arc<Clients>);

impl Clients {
    fn enter(clients: &Arc<Clients>) -> Counted {
        *clients.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Counted(Arc::clone(clients))
    }

    fn wait_until_none(&self) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever is still there then has had its time.
        let _ = self.left.wait_timeout_while(count, END_TIMEOUT, |count| *count > 0);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_all();
    }
}

fn main() -> io::Result<()> {
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGTERM);
    ends.add(Signal::SIGINT);
    ends.thread_block()?;
    let signals = SignalFd::with_flags(&ends, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;

    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(80);
    let host = nix::unistd::gethostname()?.to_string_lossy().into_owned();
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    let port = listener.local_addr()?.port();
    let socket = UdpSocket::bind(("0.0.0.0", port))?;
    println!("{host} listens on port {port}");
    let name = host.clone();
    thread::spawn(move || echo(&socket, &name));
    let clients = Arc::default();
    serve(&listener, &signals, &host, &clients)?;
    // From here on who connects is refused, and not left without an answer.
    drop(listener);
    clients.wait_until_none();
    println!("ends");
    Ok(())
}

/// Answers until a signal comes, and whoever has connected by then.
fn serve(listener: &TcpListener, signals: &SignalFd, host: &str, clients: &Arc<Clients>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    loop {
        let mut ready = [listener.as_fd(), signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_over = signals.read_signal()?.is_some();
        while let Some(client) = accept(listener) {
            let (host, counted) = (host.to_owned(), Clients::enter(clients));
            thread::spawn(move || {
                if let Err(error) = answer(client, &host) {
                    println!("a client went away: {error}");
                }
                drop(counted);
            });
        }
        if is_over {
            return Ok(());
        }
    }
}

/// The next client that has connected; one that went away again is nobody.
fn accept(listener: &TcpListener) -> Option<TcpStream> {
    loop {
        match listener.accept() {
            Ok((client, _)) => return Some(client),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => return None,
        }
    }
}

/// Answers each datagram, whatever it says.
fn echo(socket: &UdpSocket, host: &str) {
    let mut datagram = [0; 512];
    loop {
        // An error is that of one sender; the next may be well.
        if let Ok((_, from)) = socket.recv_from(&mut datagram)
            && let Err(error) = socket.send_to(format!("{host}\n").as_bytes(), from)
        {
            println!("a sender went away: {error}");
        }
    }
}

/// Reads one request, whatever it asks, and answers with `host`.
fn answer(mut client: TcpStream, host: &str) -> io::Result<()> {
    client.set_read_timeout(Some(CLIENT_TIMEOUT))?;
    client.set_write_timeout(Some(CLIENT_TIMEOUT))?;
    for line in BufReader::new(client.try_clone()?).lines().take(MAX_HEADER_LINES) {
        if line?.is_empty() {
            break;
        }
    }
    let length = host.len() + 1;
    write!(
        client,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{host}\n"
    )
}
