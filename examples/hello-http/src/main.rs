//! The image that ships with the project: answers every request, and every datagram, with the name of the host
//! it runs on.
//!
//! Listens on port 80, or on the port named by `PORT`, over TCP and UDP. Ends at once on SIGTERM and SIGINT, which the first
//! process of a container only gets when it asks for them.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program whose output is its log")]

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

/// How long one client may take to say what it wants, and to take the answer.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Header lines read per request.
const MAX_HEADER_LINES: usize = 100;

fn main() -> io::Result<()> {
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGTERM);
    ends.add(Signal::SIGINT);
    ends.thread_block()?;

    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(80);
    let host = nix::unistd::gethostname()?.to_string_lossy().into_owned();
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    let socket = UdpSocket::bind(("0.0.0.0", port))?;
    println!("{host} listens on port {port}");
    let name = host.clone();
    thread::spawn(move || echo(&socket, &name));
    thread::spawn(move || serve(&listener, &host));
    let signal = ends.wait()?;
    println!("ends on {signal}");
    Ok(())
}

fn serve(listener: &TcpListener, host: &str) {
    for client in listener.incoming().flatten() {
        let host = host.to_owned();
        thread::spawn(move || {
            if let Err(error) = answer(client, &host) {
                println!("a client went away: {error}");
            }
        });
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
