//! Locked, forced, backed up and restored.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use manager::clock::Clock;
use manager::seal::{SealError, UnlockKey};
use manager::{ForceConfig, Manager, ManagerConfig, RestoreConfig};
use swarm_api::channel::Tcp;
use swarm_api::pb::NodeRole;
use swarm_api::tls::SharedIdentity;
use swarm_api::{default, pb};

use crate::bed::{self, Bed, create};

const PASSPHRASE: &str = "correct horse battery staple";

async fn update(manager: &Manager, rotate: bool, change: impl Fn(&mut pb::ClusterSpec)) {
    let mut control = manager.control();
    let cluster = control.get_cluster(pb::Empty {}).await.expect("answers").into_inner();
    assert!(cluster.unlock_key.is_empty(), "it is shown by no other way");
    let mut spec = cluster.spec.unwrap_or_default();
    change(&mut spec);
    let version = cluster.meta.unwrap_or_default().version;
    let request = pb::UpdateClusterRequest {
        version,
        spec: Some(spec),
        rotate_unlock_key: rotate,
        ..Default::default()
    };
    control.update_cluster(request).await.expect("updates");
}

async fn unlock_key(manager: &Manager) -> String {
    manager.control().get_unlock_key(pb::Empty {}).await.expect("answers").into_inner().unlock_key
}

async fn services(manager: &Manager) -> Vec<String> {
    let request = pb::ListServicesRequest::default();
    let services = manager.control().list_services(request).await.expect("lists").into_inner().services;
    let name = |service: pb::Service| service.spec.unwrap_or_default().annotations.unwrap_or_default().name;
    services.into_iter().map(name).collect()
}

fn config(state_dir: &Path, identity: &SharedIdentity, unlock_key: Option<UnlockKey>) -> ManagerConfig {
    ManagerConfig {
        state_dir: state_dir.to_owned(),
        identity: identity.clone(),
        clock: Clock::system(),
        dispatcher: manager::dispatcher::DispatcherConfig::default(),
        dialer: Arc::new(Tcp),
        advertise_addr: String::new(),
        managers: Vec::new(),
        unlock_key,
    }
}

async fn started(config: ManagerConfig) -> Manager {
    let manager = manager::start(config).await.expect("starts");
    let leads = async {
        while !manager.leads() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), leads).await.expect("leads in time");
    manager
}

/// What was answered is on disk: the lock too.
#[tokio::test]
async fn a_lock_holds_from_its_answer_on_and_so_does_a_new_key() {
    let Bed { manager, identity, directory, .. } = Bed::new().await;
    let directory = directory.path();
    manager.control().create_service(create("web")).await.expect("creates");
    assert_eq!(unlock_key(&manager).await, "");
    update(&manager, true, |_| {}).await;
    assert_eq!(unlock_key(&manager).await, "", "there is nothing to rotate");

    update(&manager, false, |spec| spec.auto_lock_managers = true).await;
    assert!(matches!(manager::open_keys(directory, None), Err(SealError::Locked(_))));
    let first = unlock_key(&manager).await;
    update(&manager, true, |_| {}).await;
    let second = unlock_key(&manager).await;
    assert!(first != second && second.starts_with("SWMKEY-1-"));
    let key = |text: &str| Some(text.parse::<UnlockKey>().expect("a key"));
    assert!(matches!(manager::open_keys(directory, key(&first).as_ref()), Err(SealError::InvalidKey)));
    manager.shutdown().await;

    let refused = manager::start(config(directory, &identity, None)).await.err().expect("is locked");
    assert!(refused.to_string().contains("locked"), "{refused}");
    let manager = started(config(directory, &identity, key(&second))).await;
    assert_eq!(services(&manager).await, ["web"]);
    update(&manager, false, |spec| spec.auto_lock_managers = false).await;
    assert!(manager::open_keys(directory, None).is_ok());
    manager.shutdown().await;
    let manager = started(config(directory, &identity, None)).await;
    assert_eq!(
        (services(&manager).await, unlock_key(&manager).await),
        (vec!["web".to_owned()], String::new())
    );
    manager.shutdown().await;
}

#[tokio::test]
async fn snapshots_come_as_often_and_stay_as_long_as_they_are_asked_for() {
    let spec = pb::ClusterSpec { snapshot_interval: 10, keep_old_snapshots: 2, ..default::cluster_spec() };
    let Bed { manager, directory, .. } = Bed::with(spec).await;
    let raft = directory.path().join("raft");
    let snapshots = || {
        let entries = fs::read_dir(&raft).expect("lists").flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("snapshot-")).count()
    };
    let mut number = 0;
    let grown = async {
        while snapshots() < 3 {
            number += 1;
            manager.control().create_service(create(&format!("s{number}"))).await.expect("creates");
        }
    };
    tokio::time::timeout(Duration::from_secs(20), grown).await.expect("three snapshots in time");
    // Each is at least one entry, and what the loops make of it others.
    assert!(number >= 8, "not after {number} services");
    for more in 0..40 {
        manager.control().create_service(create(&format!("m{more}"))).await.expect("creates");
    }
    manager.shutdown().await;
    assert_eq!(snapshots(), 3);
}

/// The state has a second manager, which is gone for good.
async fn with_a_lost_manager(manager: &Manager) -> String {
    let tokens = manager.control().get_cluster(pb::Empty {}).await.expect("answers").into_inner().join_tokens;
    assert!(tokens.is_some());
    manager.control().create_service(create("web")).await.expect("creates");
    let nodes = manager.control().list_nodes(pb::ListNodesRequest::default()).await.expect("lists");
    nodes.into_inner().nodes.first().expect("itself").id.clone()
}

#[tokio::test]
async fn a_manager_alone_goes_on_with_all_that_it_has() {
    let Bed { manager, identity, directory, .. } = Bed::new().await;
    let node_id = with_a_lost_manager(&manager).await;
    update(&manager, false, |spec| spec.auto_lock_managers = true).await;
    let unlock: UnlockKey = unlock_key(&manager).await.parse().expect("a key");
    let before = manager.control().get_cluster(pb::Empty {}).await.expect("answers").into_inner();
    manager.shutdown().await;

    let force = |unlock_key: Option<UnlockKey>| ForceConfig {
        state_dir: directory.path().to_owned(),
        node_id: identity.get().node_id.clone(),
        advertise_addr: "10.9.8.7:2377".to_owned(),
        unlock_key,
        clock: Clock::system(),
    };
    assert!(manager::force_new_cluster(force(None)).await.is_err(), "it is locked");
    for round in 0..2 {
        manager::force_new_cluster(force(Some(unlock.clone()))).await.expect("forces");
        let manager = started(config(directory.path(), &identity, Some(unlock.clone()))).await;
        let mut names = services(&manager).await;
        names.sort();
        assert_eq!(names, if round == 0 { vec!["web"] } else { vec!["after-0", "web"] });
        let cluster = manager.control().get_cluster(pb::Empty {}).await.expect("answers").into_inner();
        assert_eq!((&cluster.id, &cluster.join_tokens), (&before.id, &before.join_tokens));
        let node = manager.control().get_node(bed::get(&node_id)).await.expect("answers").into_inner();
        assert_eq!(node.manager_status.expect("is a manager").addr, "10.9.8.7:2377");
        manager.control().create_service(create(&format!("after-{round}"))).await.expect("writes");
        manager.shutdown().await;
        assert!(!directory.path().join("raft.before").exists());
    }
}

/// A crash between the two renames leaves the log that was.
#[tokio::test]
async fn a_forced_cluster_is_there_whole_or_not_at_all() {
    let Bed { manager, identity, directory, .. } = Bed::new().await;
    manager.control().create_service(create("web")).await.expect("creates");
    manager.shutdown().await;
    let (place, before) = (directory.path().join("raft"), directory.path().join("raft.before"));
    fs::rename(&place, &before).expect("renames");
    let manager = started(config(directory.path(), &identity, None)).await;
    assert_eq!(services(&manager).await, ["web"]);
    manager.shutdown().await;
}

fn restore(to: &Path, from: &Path, passphrase: &str) -> RestoreConfig {
    RestoreConfig {
        state_dir: to.to_owned(),
        from: from.to_owned(),
        passphrase: passphrase.to_owned(),
        advertise_addr: "10.9.8.7:2377".to_owned(),
        availability: pb::NodeAvailability::Active,
        clock: Clock::system(),
    }
}

async fn refuses_what_is_no_backup(to: &Path, from: &Path, whole: &[u8]) {
    let wrong = manager::restore(restore(to, from, "another passphrase")).await.expect_err("is refused");
    assert!(wrong.to_string().contains("the passphrase is wrong"), "{wrong}");
    let broken = to.join("broken");
    for damage in 0..2 {
        let mut bytes = whole.to_vec();
        if damage == 0 {
            bytes.truncate(whole.len() - 1)
        } else {
            bytes[whole.len() / 2] ^= 1
        }
        fs::write(&broken, bytes).expect("writes");
        assert!(manager::restore(restore(to, &broken, PASSPHRASE)).await.is_err());
    }
    fs::write(&broken, b"shoalbak\0\0\0\x09 and more than a header of it").expect("writes");
    let newer = manager::restore(restore(to, &broken, PASSPHRASE)).await.expect_err("is refused");
    assert!(newer.to_string().contains("format 9"), "{newer}");
}

#[tokio::test]
async fn a_backup_becomes_the_same_cluster_elsewhere() {
    let Bed { manager, directory, addr, .. } = Bed::new().await;
    manager.control().create_service(create("web")).await.expect("creates");
    let cluster = manager.control().get_cluster(pb::Empty {}).await.expect("answers").into_inner();
    let tokens = cluster.join_tokens.clone().expect("has tokens");
    let key = swarm_api::tls::NodeKey::generate().expect("a key");
    let tcp = Arc::new(swarm_api::channel::Tcp);
    let worker = swarm_api::join::join(tcp, &addr, &tokens.worker, &key, pb::NodeAvailability::Active)
        .await
        .expect("joins");

    let to = directory.path().join("backups");
    let short = manager.backup(to.clone(), "short".to_owned(), 0).await.expect_err("is refused");
    assert!(short.to_string().contains("at least 12 characters"));
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(manager.backup(to.clone(), PASSPHRASE.to_owned(), 2).await.expect("backs up"));
    }
    assert_eq!(made.iter().map(|backup| backup.removed).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(fs::read_dir(&to).expect("lists").count(), 2);
    let from = made[2].path.clone();
    let whole = fs::read(&from).expect("reads");
    assert!(!whole.windows(3).any(|window| window == b"web"), "it is sealed");
    manager.shutdown().await;

    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    refuses_what_is_no_backup(elsewhere.path(), &from, &whole).await;
    let (identity, locked) =
        manager::restore(restore(elsewhere.path(), &from, PASSPHRASE)).await.expect("restores");
    assert!(!locked);
    let identity = SharedIdentity::new(identity);
    let manager = started(config(elsewhere.path(), &identity, None)).await;
    assert_eq!(services(&manager).await, ["web"]);
    let restored = manager.control().get_cluster(pb::Empty {}).await.expect("answers").into_inner();
    assert_eq!((restored.id, restored.join_tokens), (cluster.id, cluster.join_tokens));
    let nodes = manager.control().list_nodes(pb::ListNodesRequest::default()).await.expect("lists");
    let nodes = nodes.into_inner().nodes;
    assert_eq!(nodes.len(), 3, "the manager that was, the worker, and this one");
    for node in &nodes {
        let is_self = node.id == identity.get().node_id.as_str();
        let role = node.spec.as_ref().map(pb::NodeSpec::role);
        assert_eq!(role, Some(if is_self { NodeRole::Manager } else { NodeRole::Worker }));
        assert_eq!(node.manager_status.is_some(), is_self);
    }
    // The worker is known by its key, and knows the manager by the root.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("has an address").to_string();
    manager.listen(listener).expect("listens");
    let worker = SharedIdentity::new(worker);
    let channel = swarm_api::channel::connect(&addr, &worker, Arc::new(swarm_api::channel::Tcp))
        .expect("a configuration");
    swarm_api::join::renew(channel, &key).await.expect("the worker is let in");
    manager.shutdown().await;
}
