//! How machines become nodes, and who is refused.

use std::sync::Arc;
use std::time::Duration;

use manager::clock::Clock;
use swarm_api::channel::Tcp;
use swarm_api::id::NodeId;
use swarm_api::join::{self, JoinError};
use swarm_api::pb;
use swarm_api::pb::ca_client::CaClient;
use swarm_api::pb::control_client::ControlClient;
use swarm_api::pb::dispatcher_client::DispatcherClient;
use swarm_api::role::Role;
use swarm_api::tls::{Identity, NodeKey, SharedIdentity};
use swarm_api::token::UnknownToken;
use tonic::Code;

use crate::bed::{self, Bed, get};

async fn joined(bed: &Bed, key: &NodeKey, token: &str) -> Result<Identity, JoinError> {
    join::join(Arc::new(Tcp), &bed.addr, token, key, pb::NodeAvailability::Pause).await
}

#[tokio::test]
async fn a_machine_joins_and_renews_and_is_cut_off_when_removed() {
    let bed = Bed::new().await;
    let key = NodeKey::generate().expect("a key");
    let identity = joined(&bed, &key, &bed.tokens().await.worker).await.expect("joins");
    assert_eq!((identity.role, &identity.cluster_id), (Role::Worker, &bed.identity.get().cluster_id));
    let again = joined(&bed, &key, &bed.tokens().await.worker).await.expect("joins again");
    assert_eq!(again.node_id, identity.node_id, "the same key is the same node");
    let node = bed.control().get_node(get(&identity.node_id)).await.expect("is there").into_inner();
    assert_eq!(node.spec.expect("has one").availability(), pb::NodeAvailability::Pause);

    let shared = SharedIdentity::new(identity.clone());
    let fresh_key = NodeKey::generate().expect("a key");
    let renewed = join::renew(bed.channel(&shared), &fresh_key).await.expect("renews");
    assert_eq!(renewed.node_id, identity.node_id);
    shared.set(renewed);
    join::renew(bed.channel(&shared), &fresh_key).await.expect("renews with the new certificate");

    let status = ControlClient::new(bed.channel(&shared)).list_nodes(pb::ListNodesRequest::default()).await;
    assert_eq!(status.expect_err("a worker").code(), Code::PermissionDenied);

    let node_id = identity.node_id.to_string();
    let removal = pb::RemoveNodeRequest { reference: node_id.clone(), force: false };
    bed.control().remove_node(removal).await.expect("removes who was never heard of");
    let refused = join::renew(bed.channel(&shared), &fresh_key).await.expect_err("not a node any more");
    assert_eq!(refused.to_string(), format!("node {node_id} is not part of the swarm"));
    bed.manager.shutdown().await;
}

/// It joined, and could not listen, say: nothing of it is in the way of its removal.
#[tokio::test]
async fn who_was_to_manage_and_never_came_is_removed_like_any_other() {
    let bed = Bed::new().await;
    let key = NodeKey::generate().expect("a key");
    let identity = joined(&bed, &key, &bed.tokens().await.manager).await.expect("joins");
    let removal = pb::RemoveNodeRequest { reference: identity.node_id.to_string(), force: false };
    bed.control().remove_node(removal).await.expect("removes");
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn wrong_tokens_are_refused_with_the_reason() {
    let bed = Bed::new().await;
    let key = NodeKey::generate().expect("a key");
    let tokens = bed.tokens().await;
    assert_eq!(joined(&bed, &key, "nonsense").await.expect_err("refused").to_string(), "invalid join token");

    let (digest, _) = tokens.worker.rsplit_once('-').expect("has parts");
    let wrong_secret = format!("{digest}-{}", NodeId::random());
    assert_eq!(
        joined(&bed, &key, &wrong_secret).await.expect_err("refused").to_string(),
        UnknownToken.to_string()
    );

    let elsewhere = format!("SWMTKN-1-{}-{}", "0".repeat(50), NodeId::random());
    let refused = joined(&bed, &key, &elsewhere).await.expect_err("refused").to_string();
    assert_eq!(refused, format!("remote CA does not match fingerprint. Expected: {}", "0".repeat(50)));

    let other = NodeKey::generate().expect("a key");
    let identity = joined(&bed, &other, &tokens.manager).await.expect("joins");
    assert_eq!(identity.role, Role::Manager);
    let identity = joined(&bed, &other, &tokens.worker).await.expect("never came as a manager");
    assert_eq!(identity.role, Role::Worker);
    let identity = joined(&bed, &other, &tokens.manager).await.expect("nor as a worker");
    let mut dispatcher = DispatcherClient::new(bed.channel(&SharedIdentity::new(identity.clone())));
    dispatcher.session(pb::SessionRequest::default()).await.expect("comes");
    let refused = joined(&bed, &other, &tokens.worker).await.expect_err("refused").to_string();
    assert_eq!(refused, format!("node {} has another role than the token gives", identity.node_id));

    let cluster = bed.control().get_cluster(pb::Empty {}).await.expect("answers").into_inner();
    let version = cluster.meta.expect("stored").version;
    let rotation = pb::UpdateClusterRequest { version, rotate_worker_token: true, ..Default::default() };
    bed.control().update_cluster(rotation).await.expect("rotates");
    let refused = joined(&bed, &key, &tokens.worker).await.expect_err("rotated").to_string();
    assert_eq!(refused, UnknownToken.to_string());
    joined(&bed, &key, &bed.tokens().await.worker).await.expect("joins with the new one");
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn nobody_there_is_not_a_refusal() {
    let bed = Bed::new().await;
    let token = bed.tokens().await.worker;
    let key = NodeKey::generate().expect("a key");
    let refused = join::join(Arc::new(Tcp), "127.0.0.1:1", &token, &key, pb::NodeAvailability::Active).await;
    let text = refused.expect_err("nobody there").to_string();
    assert!(text.starts_with("cannot reach a manager at 127.0.0.1:1: "), "{text}");
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn an_expired_certificate_is_refused_with_the_reason() {
    let bed = Bed::new().await;
    // A node of the very same swarm, made by a manager in the past: its certificate is over.
    let past = Clock::manual(swarm_api::now_ns() - 200 * 24 * 3600 * 1_000_000_000).0;
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let old = bed::identity(elsewhere.path(), swarm_api::default::cluster_spec(), past).await;
    assert!(old.not_after_ns < swarm_api::now_ns());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("has one").to_string();
    let old = SharedIdentity::new(old);
    let manager = bed::started(elsewhere.path(), &old).await;
    manager.listen(listener).expect("listens");

    // The caller refuses the manager's expired certificate,
    let token = manager.control().get_cluster(pb::Empty {}).await.expect("answers").into_inner();
    let token = token.join_tokens.expect("has some").worker;
    let key = NodeKey::generate().expect("a key");
    let refused = join::join(Arc::new(Tcp), &addr, &token, &key, pb::NodeAvailability::Active).await;
    let text = refused.expect_err("expired").to_string();
    assert!(text.contains("is not trusted") && text.contains("expired"), "{text}");

    // and a manager whose own certificate is fresh refuses that of a caller.
    let fresh = join::renew(manager.channel(), &key).await.expect("renews within the process");
    let expired = SharedIdentity::new((*old.get()).clone());
    old.set(fresh);
    let channel = swarm_api::channel::connect(&addr, &expired, Arc::new(Tcp)).expect("a configuration");
    let refused = join::renew(channel, &key).await.expect_err("expired").to_string();
    assert!(refused.to_lowercase().contains("expired"), "{refused}");
    manager.shutdown().await;
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn a_stranger_gets_the_root_and_nothing_else() {
    let bed = Bed::new().await;
    let token = bed.tokens().await.worker.parse().expect("a token");
    let pinned = swarm_api::tls::Pinned::new(&token).expect("a configuration");
    let channel = swarm_api::channel::connect_pinned(&bed.addr, &pinned, Arc::new(Tcp));
    let root = CaClient::new(channel.clone()).get_root_ca(pb::Empty {}).await.expect("answers").into_inner();
    assert!(root.certificate_pem.starts_with(b"-----BEGIN CERTIFICATE-----"));
    let refused =
        ControlClient::new(channel.clone()).get_cluster(pb::Empty {}).await.expect_err("a stranger");
    assert_eq!(refused.code(), Code::Unauthenticated);
    let request = pb::RenewNodeCertificateRequest { csr_der: vec![] };
    let refused = CaClient::new(channel).renew_node_certificate(request).await.expect_err("a stranger");
    assert_eq!(refused.code(), Code::Unauthenticated);
    bed.manager.shutdown().await;
}

/// Garbage on the port costs the garbage's sender its connection, and nobody else anything.
#[tokio::test]
async fn garbage_on_the_port_is_survived() {
    use tokio::io::AsyncWriteExt;
    let bed = Bed::new().await;
    for _ in 0..20 {
        let mut stream = tokio::net::TcpStream::connect(&bed.addr).await.expect("connects");
        stream.write_all(&[0x16; 2000]).await.expect("writes");
    }
    let key = NodeKey::generate().expect("a key");
    let token = bed.tokens().await.worker;
    let joining = joined(&bed, &key, &token);
    tokio::time::timeout(Duration::from_secs(20), joining).await.expect("in time").expect("joins");
    bed.manager.shutdown().await;
}
