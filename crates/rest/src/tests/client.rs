//! A client that writes requests by hand and reads what comes.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;

use super::fixture::Fixture;

/// Bytes that may wait between client and server.
const PIPE: usize = 64 * 1024;

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|word| word.parse().ok());
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Self {
            status: status.expect("a status"),
            headers: lines.map(header).collect(),
            body: body.to_owned(),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    pub(super) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_else(|| panic!("no message in {:?}", self.body)).to_owned()
    }
}

/// Opens a connection to the server.
pub(super) fn connect(fixture: &Fixture) -> DuplexStream {
    let (client, server) = tokio::io::duplex(PIPE);
    tokio::spawn(crate::serve_connection(server, fixture.api.clone(), CancellationToken::new()));
    client
}

/// Sends bytes, half-closes nothing, and reads until the server closes.
pub(super) async fn raw(fixture: &Fixture, request: &[u8]) -> Answer {
    let connection = connect(fixture);
    let (mut reader, mut writer) = tokio::io::split(connection);
    let request = request.to_vec();
    // A server that refuses a long body closes before all of it was sent.
    let sending = tokio::spawn(async move {
        let _ = writer.write_all(&request).await;
        writer
    });
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).await.expect("the answer");
    drop(sending.await);
    Answer::parse(&bytes)
}

/// A request without body.
pub(super) async fn request(fixture: &Fixture, method: &str, path: &str) -> Answer {
    let text =
        format!("{method} {path} HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    raw(fixture, text.as_bytes()).await
}

/// A POST with a JSON body.
pub(super) async fn post(fixture: &Fixture, path: &str, body: &str) -> Answer {
    post_as(fixture, path, "application/json", body).await
}

/// A POST with a body of any kind.
pub(super) async fn post_as(fixture: &Fixture, path: &str, kind: &str, body: &str) -> Answer {
    let length = body.len();
    let text = format!(
        "POST {path} HTTP/1.1\r\nHost: d\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    raw(fixture, text.as_bytes()).await
}
