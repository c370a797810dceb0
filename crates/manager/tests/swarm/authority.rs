//! The authority over time: a certificate's end, a root's rotation, a node's removal.

use std::sync::Arc;
use std::time::Duration;

use manager::clock::Clock;
use swarm_api::channel::{self, Tcp};
use swarm_api::join::{self, JoinError};
use swarm_api::pb;
use swarm_api::pb::dispatcher_client::DispatcherClient;
use swarm_api::role::Role;
use swarm_api::tls::{Identity, NodeKey, SharedIdentity};
use tonic::Code;
use tonic::transport::Channel;

use crate::bed::{self, Bed};

/// How soon a revoked node must be cut off.
const CUT_OFF: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(20);

async fn join(bed: &Bed, token: &str) -> Result<Identity, JoinError> {
    let key = NodeKey::generate().expect("a key");
    join::join(Arc::new(Tcp), &bed.addr, token, &key, pb::NodeAvailability::Active).await
}

async fn worker(bed: &Bed) -> SharedIdentity {
    SharedIdentity::new(join(bed, &bed.tokens().await.worker).await.expect("joins"))
}

fn unknown(bed: &Bed, identity: &SharedIdentity) -> Channel {
    channel::connect_unknown(&bed.addr, identity, Arc::new(Tcp)).expect("a configuration")
}

/// An open session of a node that tells which certificate it has.
async fn session(bed: &Bed, identity: &SharedIdentity) -> tonic::Streaming<pb::SessionMessage> {
    let description = pb::NodeDescription { tls: Some(identity.get().tls().clone()), ..Default::default() };
    let request = pb::SessionRequest { description: Some(description), ..Default::default() };
    let mut client = DispatcherClient::new(bed.channel(identity));
    let mut stream = client.session(request).await.expect("opens").into_inner();
    stream.message().await.expect("a first message").expect("a first message");
    stream
}

async fn cluster(bed: &Bed) -> pb::Cluster {
    bed.control().get_cluster(pb::Empty {}).await.expect("answers").into_inner()
}

async fn rotate(bed: &Bed) {
    let cluster = cluster(bed).await;
    let mut spec = cluster.spec.expect("has one");
    spec.force_rotate += 1;
    let version = cluster.meta.expect("stored").version;
    let request = pb::UpdateClusterRequest { version, spec: Some(spec), ..Default::default() };
    bed.control().update_cluster(request).await.expect("rotates");
}

/// Waits for the end of the rotation.
async fn rotated(bed: &Bed) -> pb::RootCa {
    let over = async {
        loop {
            let root = cluster(bed).await.root_ca.expect("has one");
            if root.rotation.is_none() {
                return root;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, over).await.expect("the rotation ends")
}

#[tokio::test]
async fn the_streams_of_a_removed_node_end_at_once() {
    let bed = Bed::new().await;
    let (removed, other) = (worker(&bed).await, worker(&bed).await);
    let (mut stream, mut other_stream) = (session(&bed, &removed).await, session(&bed, &other).await);
    let node_id = removed.get().node_id.to_string();
    let removal = |force| pb::RemoveNodeRequest { reference: node_id.clone(), force };
    let status = bed.control().remove_node(removal(false)).await.expect_err("not down");
    assert_eq!(status.message(), format!("node {node_id} is not down and can't be removed"));
    bed.control().remove_node(removal(true)).await.expect("removes");
    let ended = async { while let Ok(Some(_)) = stream.message().await {} };
    tokio::time::timeout(CUT_OFF, ended).await.expect("is cut off");
    // It may call, and is told why it is refused.
    let refused = DispatcherClient::new(bed.channel(&removed)).session(pb::SessionRequest::default()).await;
    let refused = refused.expect_err("not a node any more");
    assert_eq!(refused.message(), format!("node {node_id} is not part of the swarm"));
    let refused = join::readmit(unknown(&bed, &removed), &removed.get()).await.expect_err("not with its key");
    assert_eq!(refused.to_string(), format!("node {node_id} is not part of the swarm"));
    // The other one's stream goes on: it hears of its own change.
    let node_id = other.get().node_id.to_string();
    let node = bed.control().get_node(bed::get(&node_id)).await.expect("is there").into_inner();
    let (version, mut spec) = (node.meta.expect("stored").version, node.spec.expect("has one"));
    spec.set_availability(pb::NodeAvailability::Drain);
    let update = pb::UpdateNodeRequest { reference: node_id, version, spec: Some(spec) };
    bed.control().update_node(update).await.expect("updates");
    let heard = tokio::time::timeout(PATIENCE, other_stream.message()).await.expect("in time");
    assert!(heard.expect("goes on").is_some());
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn a_node_whose_certificate_has_ended_returns_with_its_key() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let days = |count: u32| u64::try_from((DAY * count).as_nanos()).expect("fits");
    // A swarm of 200 days ago, whose manager's certificate is still good,
    let (clock, hand) = Clock::manual(swarm_api::now_ns() - i64::try_from(days(200)).expect("fits"));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let long = pb::ClusterSpec { node_cert_expiry_ns: days(300), ..swarm_api::default::cluster_spec() };
    let founder = bed::identity(directory.path(), long, clock.clone()).await;
    let bed = Bed::of(directory, SharedIdentity::new(founder), clock).await;
    // and a node that got its own then, for 90 days.
    let cluster = cluster(&bed).await;
    let spec = pb::ClusterSpec { node_cert_expiry_ns: days(90), ..cluster.spec.expect("has one") };
    let version = cluster.meta.expect("stored").version;
    let update = pb::UpdateClusterRequest { version, spec: Some(spec), ..Default::default() };
    bed.control().update_cluster(update).await.expect("updates");
    let identity = worker(&bed).await;
    hand.advance(DAY * 200);
    assert!(identity.get().is_over(swarm_api::now_ns()));
    let (key, node_id) =
        (NodeKey::from_pem(&identity.get().key_pem).expect("a key"), identity.get().node_id.clone());
    let refused = join::renew(bed.channel(&identity), &key).await.expect_err("over");
    assert!(refused.to_string().to_lowercase().contains("expired"), "{refused}");

    let other = NodeKey::generate().expect("a key");
    let mut wrong = (*identity.get()).clone();
    wrong.key_pem = other.to_pem();
    let refused = join::readmit(unknown(&bed, &identity), &wrong).await.expect_err("another key");
    assert_eq!(refused.to_string(), format!("the key is not that of node {node_id}"));
    let mut stranger = (*identity.get()).clone();
    stranger.node_id = swarm_api::id::NodeId::random();
    let refused = join::readmit(unknown(&bed, &identity), &stranger).await.expect_err("no node");
    assert!(refused.to_string().contains("is not part of the swarm"), "{refused}");
    let back = join::readmit(unknown(&bed, &identity), &identity.get()).await.expect("its own key");
    assert!(!back.is_over(swarm_api::now_ns()));
    assert_eq!((&back.node_id, back.role), (&node_id, Role::Worker));
    join::renew(bed.channel(&SharedIdentity::new(back)), &key).await.expect("is a node as before");
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn a_root_is_rotated_under_open_sessions_and_late_nodes_return_with_their_key() {
    let bed = Bed::new().await;
    let before = cluster(&bed).await;
    let old_tokens = before.join_tokens.clone().expect("has some");
    let (own, moving, late) = (bed.identity.clone(), worker(&bed).await, worker(&bed).await);
    let old = late.get();
    let mut stream = session(&bed, &moving).await;
    rotate(&bed).await;
    let during = cluster(&bed).await;
    let root = during.root_ca.clone().expect("has one");
    assert_eq!(root.certificate_pem, before.root_ca.clone().expect("has one").certificate_pem);
    let rotation = root.rotation.expect("under way");
    assert!(rotation.key_pem.is_empty() && rotation.join_tokens.is_none(), "secrets stay with the managers");
    assert_eq!(during.join_tokens, Some(old_tokens.clone()));

    // The node hears of it on its session, and renews with the certificate that it has.
    let told = loop {
        let message = stream.message().await.expect("goes on").expect("goes on");
        let told = message.authority.expect("is told");
        if told != *old.authority() {
            break told;
        }
    };
    let key = NodeKey::from_pem(&moving.get().key_pem).expect("a key");
    moving.set(join::renew(bed.channel(&moving), &key).await.expect("renews"));
    assert_eq!(*moving.get().authority(), told);
    // Whoever joins now is of the new root, by the token there is.
    join(&bed, &old_tokens.worker).await.expect("joins in between");
    // Old and new certificates are both good, on both sides.
    own.set(
        join::renew(bed.manager.channel(), &NodeKey::from_pem(&own.get().key_pem).expect("a key"))
            .await
            .expect("renews"),
    );
    join::renew(bed.channel(&late), &NodeKey::from_pem(&old.key_pem).expect("a key"))
        .await
        .expect("is not refused yet");

    // With its next session it tells, and nobody else is there to wait for.
    let _stream = session(&bed, &moving).await;
    let root = rotated(&bed).await;
    assert_eq!(root.issuer_digest, told.issuer_digest);
    let tokens = bed.tokens().await;
    assert!(tokens.worker != old_tokens.worker && tokens.manager != old_tokens.manager);
    own.set(
        join::renew(bed.manager.channel(), &NodeKey::from_pem(&own.get().key_pem).expect("a key"))
            .await
            .expect("renews"),
    );
    assert_eq!(own.get().authority().trust_digest, root.digest);
    join(&bed, &tokens.worker).await.expect("joins by the new token");
    let refused = join(&bed, &old_tokens.worker).await.expect_err("the old token").to_string();
    assert!(
        refused.contains("A valid join token is necessary") || refused.contains("fingerprint"),
        "{refused}"
    );

    // One that slept has a certificate of a root that is gone, and its key.
    let renewal = join::renew(bed.channel(&late), &NodeKey::from_pem(&old.key_pem).expect("a key")).await;
    let refused = renewal.expect_err("of the old root");
    assert!(matches!(refused, JoinError::Unreachable { .. }), "{refused}");
    let back = join::readmit(unknown(&bed, &late), &old).await.expect("its key is good");
    assert_eq!(back.authority().trust_digest, root.digest);
    late.set(back);
    session(&bed, &late).await;
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn connections_of_a_root_that_is_gone_are_closed() {
    let bed = Bed::new().await;
    let late = worker(&bed).await;
    let mut stream = session(&bed, &late).await;
    rotate(&bed).await;
    // The only node with a session says that it has moved, and keeps the connection of its old certificate.
    let key = NodeKey::from_pem(&late.get().key_pem).expect("a key");
    let moved = SharedIdentity::new(join::renew(bed.channel(&late), &key).await.expect("renews"));
    let description = pb::NodeDescription { tls: Some(moved.get().tls().clone()), ..Default::default() };
    let request = pb::SessionRequest { description: Some(description), ..Default::default() };
    let mut old = DispatcherClient::new(bed.channel(&late));
    let mut newer = old.session(request).await.expect("opens").into_inner();
    rotated(&bed).await;
    let own = bed.identity.clone();
    own.set(
        join::renew(bed.manager.channel(), &NodeKey::from_pem(&own.get().key_pem).expect("a key"))
            .await
            .expect("renews"),
    );
    let ended = async {
        while let Ok(Some(_)) = stream.message().await {}
        while let Ok(Some(_)) = newer.message().await {}
    };
    tokio::time::timeout(CUT_OFF, ended).await.expect("is cut off");
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn who_guesses_is_not_heard_for_long() {
    let bed = Bed::new().await;
    let digest = bed.tokens().await.worker;
    let (digest, _) = digest.rsplit_once('-').expect("has parts");
    let unheard = async {
        loop {
            let guess = format!("{digest}-{}", swarm_api::id::NodeId::random());
            match join(&bed, &guess).await.expect_err("a guess") {
                JoinError::UnknownToken(_) => {}
                JoinError::Refused(status) => return status,
                error => panic!("{error}"),
            }
        }
    };
    let status = tokio::time::timeout(PATIENCE, unheard).await.expect("not for ever");
    assert_eq!(status.code(), Code::ResourceExhausted);
    bed.manager.shutdown().await;
}

/// A swarm in this directory whose root is this one.
async fn founded(directory: &std::path::Path, root: pb::RootCa) -> Result<Identity, manager::ManagerError> {
    let config = manager::BootstrapConfig {
        state_dir: directory.to_owned(),
        advertise_addr: "127.0.0.1:2377".into(),
        availability: pb::NodeAvailability::Active,
        spec: None,
        root: Some(root),
        clock: Clock::system(),
    };
    manager::bootstrap(config).await
}

#[tokio::test]
async fn a_swarm_is_made_with_a_root_that_is_given() {
    let root_of = async |bed: &Bed| {
        // Who is answered sees all that there is.
        cluster(bed).await;
        let view = bed.manager.store().view();
        view.cluster().and_then(|cluster| cluster.root_ca.clone()).expect("a root")
    };
    let (one, other) = (Bed::new().await, Bed::new().await);
    let (given, stranger) = (root_of(&one).await, root_of(&other).await);
    let pair = |certificate_pem: &[u8], key_pem: &[u8]| pb::RootCa {
        certificate_pem: certificate_pem.to_vec(),
        key_pem: key_pem.to_vec(),
        ..Default::default()
    };
    let directory = tempfile::tempdir().expect("a directory");
    for (root, reason) in [
        (pair(&given.certificate_pem, &stranger.key_pem), "do not match"),
        (pair(&given.certificate_pem, b""), "needs its key"),
        (pair(b"", &given.key_pem), "the signing CA cert must also be provided"),
        (pair(b"rubbish", &given.key_pem), "cannot be read"),
    ] {
        let refused = founded(directory.path(), root).await.expect_err(reason);
        assert!(refused.to_string().contains(reason), "{refused}");
    }
    let root = pair(&given.certificate_pem, &given.key_pem);
    let identity = SharedIdentity::new(founded(directory.path(), root).await.expect("is made"));
    let manager = bed::started(directory.path(), &identity).await;
    let cluster = manager.control().get_cluster(pb::Empty {}).await.expect("answers").into_inner();
    let made = cluster.root_ca.expect("a root");
    assert_eq!((made.certificate_pem, made.digest), (given.certificate_pem, given.digest.clone()));
    assert_eq!(identity.get().authority().trust_digest, given.digest);
    manager.shutdown().await;
}
