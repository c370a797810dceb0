//! The web server under measurement: this program again, in a container's network namespace. It does as little as a server can.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};

use super::host::inside;

/// Where it listens, in both families.
const LISTEN: &str = "[::]:80";
/// What it says once it listens.
const READY: &[u8] = b"ready\n";
/// Bytes of a request that are looked at.
const REQUEST_BYTES: usize = 4096;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nshoal\n";

/// Answers every request, one thread per connection, which is kept unless the client says otherwise.
pub(in crate::bench) fn serve() -> Result<()> {
    let listener = TcpListener::bind(LISTEN)?;
    let mut out = std::io::stdout();
    out.write_all(READY)?;
    out.flush()?;
    for client in listener.incoming() {
        let client = client?;
        // A client that went away is no failure of ours.
        std::thread::spawn(move || answer(client).ok());
    }
    Ok(())
}

/// Every client here sends a request whole, and one at a time.
fn answer(mut client: TcpStream) -> std::io::Result<()> {
    let mut request = [0; REQUEST_BYTES];
    loop {
        let length = client.read(&mut request)?;
        let request = &request[..length];
        if length == 0 {
            return Ok(());
        }
        client.write_all(ANSWER)?;
        if request.windows(7).any(|word| word == b": close") {
            return Ok(());
        }
    }
}

/// The server's process, ended on drop.
pub(super) struct Server(Child);

impl Server {
    /// Starts it in the network namespace that `namespace` stands for.
    pub(super) fn start(namespace: &str) -> Result<Server> {
        let mut command = inside(namespace, &std::env::current_exe()?);
        command.args(["bench", "serve"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut server = Server(command.spawn().context("cannot start the server")?);
        let mut said = [0; READY.len()];
        server.0.stdout.as_mut().context("no output")?.read_exact(&mut said)?;
        ensure!(said == READY, "the server does not listen at {LISTEN}");
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
