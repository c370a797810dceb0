//! Connections that leave HTTP, in both forms, and handlers that fail.

use std::sync::Arc;

use ::http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;

use super::fixture::Fixture;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::connection;
use crate::http::dispatch::Dispatcher;
use crate::http::hijack::{Hijack, Raw};
use crate::http::table::Table;

const KIND: &str = "application/vnd.docker.raw-stream";

/// Says back what the client says, in capitals, and how many bytes there were once the client has said all.
async fn shout(call: Call) -> Outcome {
    Ok(Answer::Hijack(Hijack::new(call.form, KIND, |Raw { early, mut io }| async move {
        let mut said = early.to_vec();
        let _ = io.read_to_end(&mut said).await;
        let _ = io.write_all(said.to_ascii_uppercase().as_slice()).await;
        let _ = io.write_all(format!(" {}", said.len()).as_bytes()).await;
        let _ = io.shutdown().await;
    })))
}

async fn refuse(_: Call) -> Outcome {
    Err(Failure::not_found("nobody there"))
}

async fn fall(_: Call) -> Outcome {
    panic!("a handler that falls over, as the test wants it")
}

fn connect(fixture: &Fixture) -> DuplexStream {
    let mut table = Table::default();
    table.on(Method::POST, "/shout", shout).hijacks = true;
    table.on(Method::POST, "/refuse", refuse).hijacks = true;
    table.on(Method::GET, "/fall", fall);
    let dispatcher = Dispatcher { table: Arc::new(table), api: fixture.api.clone() };
    let (client, server) = tokio::io::duplex(1024);
    tokio::spawn(connection::run(server, dispatcher, CancellationToken::new()));
    client
}

async fn talk(mut connection: DuplexStream, request: &str) -> String {
    connection.write_all(request.as_bytes()).await.expect("send");
    connection.shutdown().await.expect("half-close");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("the answer");
    answer
}

#[tokio::test]
async fn with_and_without_upgrade_the_connection_is_raw() {
    let fixture = Fixture::new().await;
    let request = "POST /shout HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\nhello";
    let answer = talk(connect(&fixture), request).await;
    assert_eq!(
        answer,
        format!(
            "HTTP/1.1 101 UPGRADED\r\nContent-Type: {KIND}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nHELLO 5"
        )
    );
    let request = "POST /v1.44/shout HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\nhello";
    let answer = talk(connect(&fixture), request).await;
    assert_eq!(answer, format!("HTTP/1.1 200 OK\r\nContent-Type: {KIND}\r\n\r\nHELLO 5"));
}

#[tokio::test]
async fn a_refused_hijack_is_an_ordinary_answer() {
    let fixture = Fixture::new().await;
    let answer =
        talk(connect(&fixture), "POST /refuse HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("nobody there"), "{answer}");
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_request_alone() {
    let fixture = Fixture::new().await;
    let mut connection = connect(&fixture);
    for _ in 0..2 {
        connection.write_all(b"GET /fall HTTP/1.1\r\nHost: d\r\n\r\n").await.expect("send");
        let mut head = [0; 25];
        connection.read_exact(&mut head).await.expect("the answer");
        assert_eq!(&head, b"HTTP/1.1 500 Internal Ser");
        let mut rest = vec![0; 1024];
        let _ = connection.read(&mut rest).await.expect("the rest");
    }
}
