//! One exchange through the proxy: the request goes up, the answer comes down, a fault in between.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use super::{Fault, Shared};

/// Bytes that are carried at once.
const PIECE: usize = 64 * 1024;

/// What a client asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The head's other lines, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Asked {
    /// The value of a header, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// How long a body is.
enum Length {
    Bytes(u64),
    Chunked,
    /// To the end of the connection.
    End,
}

pub(super) fn run(client: TcpStream, upstream: SocketAddr, shared: &Shared) -> io::Result<()> {
    let mut down = client.try_clone()?;
    let mut client = BufReader::with_capacity(PIECE, client);
    let (first, headers) = head(&mut client)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let asked = Asked { method, path, headers };
    let fault = shared.take(&asked);
    let length = match length(&asked.headers) {
        Length::End => Length::Bytes(0),
        other => other,
    };
    if let Some(Fault::Answer(status, lines, body)) = &fault {
        // The client has to be done sending before it listens.
        copy(&mut client, &mut io::sink(), &length, u64::MAX)?;
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        write!(
            down,
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{lines}\r\n",
            body.len()
        )?;
        return down.write_all(body);
    }
    let mut server = TcpStream::connect(upstream)?;
    let ranged = !matches!(fault, Some(Fault::IgnoreRange));
    let mut up = format!("{first}\r\nConnection: close\r\n");
    for (name, value) in &asked.headers {
        if name != "connection" && (name != "range" || ranged) {
            up.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    write!(server, "{up}\r\n")?;
    let limit = if let Some(Fault::CutRequest(bytes)) = fault { bytes } else { u64::MAX };
    if !copy(&mut client, &mut server, &length, limit)? {
        return Ok(());
    }
    answer(&mut BufReader::with_capacity(PIECE, server), &mut down, &asked.method, fault)
}

fn answer(
    server: &mut impl BufRead,
    down: &mut TcpStream,
    method: &str,
    fault: Option<Fault>,
) -> io::Result<()> {
    let (first, headers) = head(server)?;
    let mut text = format!("{first}\r\nconnection: close\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| name != "connection") {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    write!(down, "{text}\r\n")?;
    let bodyless = method == "HEAD" || first.contains(" 204") || first.contains(" 304");
    let length = if bodyless { Length::Bytes(0) } else { length(&headers) };
    match fault {
        Some(Fault::Cut(bytes)) => copy(server, down, &length, bytes).map(drop),
        Some(Fault::Stall(bytes)) => {
            copy(server, down, &length, bytes)?;
            // Until the client hangs up.
            down.read(&mut [0]).map(drop)
        }
        Some(Fault::Corrupt(at)) => {
            copy(server, down, &length, at)?;
            let mut byte = [0];
            server.read_exact(&mut byte)?;
            down.write_all(&[!byte[0]])?;
            io::copy(server, down).map(drop)
        }
        Some(Fault::Slow(piece, pause)) => {
            while copy(server, down, &Length::End, piece as u64).is_ok_and(|ended| !ended) {
                thread::sleep(pause);
            }
            Ok(())
        }
        _ => copy(server, down, &length, u64::MAX).map(drop),
    }
}

/// The first line and the headers, names in lower case.
fn head(from: &mut impl BufRead) -> io::Result<(String, Vec<(String, String)>)> {
    let (mut first, mut headers) = (String::new(), Vec::new());
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match (line.trim_end(), first.is_empty()) {
            ("", _) => return Ok((first, headers)),
            (line, true) => first = line.to_owned(),
            (line, false) => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                headers.push((name.to_lowercase(), value.trim().to_owned()));
            }
        }
    }
}

fn length(headers: &[(String, String)]) -> Length {
    let value =
        |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    match (value("transfer-encoding"), value("content-length").and_then(|bytes| bytes.parse().ok())) {
        (Some("chunked"), _) => Length::Chunked,
        (_, Some(bytes)) => Length::Bytes(bytes),
        _ => Length::End,
    }
}

/// Copies a body, or `limit` bytes of it; true if all of it was copied.
fn copy(from: &mut impl BufRead, to: &mut impl Write, length: &Length, limit: u64) -> io::Result<bool> {
    match length {
        Length::Bytes(bytes) => {
            io::copy(&mut from.take((*bytes).min(limit)), to)?;
            Ok(*bytes <= limit)
        }
        Length::End => {
            io::copy(&mut from.take(limit), to)?;
            Ok(from.fill_buf()?.is_empty())
        }
        Length::Chunked => chunks(from, to, limit),
    }
}

/// Copies chunks as they are.
fn chunks(from: &mut impl BufRead, to: &mut impl Write, limit: u64) -> io::Result<bool> {
    let mut left = limit;
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        to.write_all(line.as_bytes())?;
        let size = u64::from_str_radix(line.trim().split(';').next().unwrap_or_default(), 16);
        let size = size.map_err(io::Error::other)?;
        // The line's end behind the chunk belongs to it.
        let taken = (size + 2).min(left);
        io::copy(&mut from.take(taken), to)?;
        if taken < size + 2 {
            return Ok(false);
        }
        left -= taken;
        if size == 0 {
            return Ok(true);
        }
    }
}
