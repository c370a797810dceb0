//! Peers that are up to no good, over real sockets: bounded, refused, and nobody else's trouble.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use swarm_api::channel::{self, CONNECTIONS_PER_NODE, DIAL_TIMEOUT, STRANGERS_PER_ADDRESS, Tcp};
use swarm_api::pb;
use swarm_api::pb::ca_client::CaClient;
use swarm_api::tls::{Identity, NodeKey, Pinned, SharedIdentity};
use swarm_api::{id, join};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tonic::Code;

use crate::bed::Bed;

const PATIENCE: Duration = Duration::from_secs(20);

/// A connection from another address than this machine's nodes have.
async fn hostile(bed: &Bed) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 66], 0)))?;
    socket.connect(bed.addr.parse().expect("an address")).await
}

async fn joined(bed: &Bed) -> Identity {
    let (key, token) = (NodeKey::generate().expect("a key"), bed.tokens().await.worker);
    let joining = join::join(Arc::new(Tcp), &bed.addr, &token, &key, pb::NodeAvailability::Active);
    tokio::time::timeout(PATIENCE, joining).await.expect("in time").expect("joins")
}

/// Whether the other end closes the connection within the time.
async fn is_closed(stream: &mut TcpStream, within: Duration) -> bool {
    let read = async {
        let mut some = [0; 1024];
        while stream.read(&mut some).await.is_ok_and(|count| count > 0) {}
    };
    tokio::time::timeout(within, read).await.is_ok()
}

#[tokio::test]
async fn a_thousand_silent_connections_keep_nobody_out_and_end() {
    let bed = Bed::new().await;
    let mut silent = Vec::new();
    for _ in 0..1000 {
        silent.push(hostile(&bed).await.expect("connects"));
    }
    joined(&bed).await;
    // Those beyond the bound were closed at once, the others when their handshake took too long.
    let mut refused = 0;
    for stream in &mut silent[STRANGERS_PER_ADDRESS..] {
        refused += usize::from(is_closed(stream, DIAL_TIMEOUT / 2).await);
    }
    assert!(refused >= 1000 - 2 * STRANGERS_PER_ADDRESS, "{refused}");
    for stream in &mut silent {
        assert!(is_closed(stream, 2 * DIAL_TIMEOUT).await, "a handshake that never comes");
    }
    joined(&bed).await;
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn a_flood_of_rubbish_is_cut_off() {
    let bed = Bed::new().await;
    let mut stream = hostile(&bed).await.expect("connects");
    let rubbish = vec![0x5a; 1 << 20];
    let flood = async {
        let mut written = 0_u64;
        while stream.write_all(&rubbish).await.is_ok() {
            written += 1;
            assert!(written < 1024, "a gigabyte was taken");
        }
    };
    tokio::time::timeout(PATIENCE, flood).await.expect("is cut off");
    joined(&bed).await;
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn a_request_without_end_is_refused() {
    let bed = Bed::new().await;
    let token = bed.tokens().await.worker.parse().expect("a token");
    let pinned = Pinned::new(&token).expect("a configuration");
    let mut ca = CaClient::new(channel::connect_pinned(&bed.addr, &pinned, Arc::new(Tcp)));
    let request = pb::IssueNodeCertificateRequest { token: "x".repeat(64 << 20), ..Default::default() };
    let refused = ca.issue_node_certificate(request).await.expect_err("too long");
    assert!(matches!(refused.code(), Code::OutOfRange | Code::ResourceExhausted), "{refused}");
    // Not even as long as a message of nodes may be: who sends it is nobody yet.
    let of = |bytes| pb::ReadmitNodeRequest { node_id: id::random(), csr_der: vec![0x30; bytes] };
    let refused = ca.readmit_node(of(100 << 10)).await.expect_err("too long");
    assert!(matches!(refused.code(), Code::OutOfRange | Code::ResourceExhausted), "{refused}");
    let refused = ca.readmit_node(of(20 << 10)).await.expect_err("no request");
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    joined(&bed).await;
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn one_node_has_so_many_connections_and_no_more() {
    let bed = Bed::new().await;
    let (greedy, other) = (SharedIdentity::new(joined(&bed).await), SharedIdentity::new(joined(&bed).await));
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS_PER_NODE {
        let mut ca = CaClient::new(bed.channel(&greedy));
        ca.get_root_ca(pb::Empty {}).await.expect("there is room");
        held.push(ca);
    }
    let mut beyond = CaClient::new(bed.channel(&greedy));
    assert!(beyond.get_root_ca(pb::Empty {}).await.is_err(), "one too many");
    CaClient::new(bed.channel(&other)).get_root_ca(pb::Empty {}).await.expect("another node is let in");
    held.truncate(CONNECTIONS_PER_NODE - 1);
    let again = async { while beyond.get_root_ca(pb::Empty {}).await.is_err() {} };
    tokio::time::timeout(PATIENCE, again).await.expect("a place was given back");
    bed.manager.shutdown().await;
}
