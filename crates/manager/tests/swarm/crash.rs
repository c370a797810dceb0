//! `kill -9` at any moment loses nothing that was acknowledged.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use manager::clock::Clock;
use swarm_api::channel::Tcp;
use swarm_api::tls::{Identity, SharedIdentity};
use swarm_api::{default, pb};

use crate::bed::{self, create};

/// Where the child finds its manager; without it, the child has nothing to do.
const DIRECTORY: &str = "SHOAL_MANAGER_CRASH_DIRECTORY";
const ROUNDS: u64 = 6;

fn read_identity(directory: &Path) -> SharedIdentity {
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).expect("reads");
    SharedIdentity::new(Identity::from_pem(&read("chain.pem"), &read("key.pem")).expect("an identity"))
}

/// Not a test by itself: the program that the test below kills. It creates services and says which are acknowledged.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = Path::new(&directory);
    let manager = bed::started(directory, &read_identity(directory)).await;
    let mut control = manager.control();
    for number in 0.. {
        let name = format!("p{}-{number}", std::process::id());
        control.create_service(create(&name)).await.expect("creates");
        eprintln!("acknowledged {name}");
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let identity = bed::identity(directory.path(), default::cluster_spec(), Clock::system()).await;
    std::fs::write(directory.path().join("chain.pem"), &identity.chain_pem).expect("writes");
    std::fs::write(directory.path().join("key.pem"), &identity.key_pem).expect("writes");

    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().expect("has a path"))
            .args(["crash::child_that_writes_until_it_is_killed", "--exact", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stderr.take().expect("is piped")).lines();
        // A moment that is another one each round, in the middle of writing.
        let enough = 5 + usize::try_from(round).expect("small") * 7;
        let mut seen = 0;
        while seen < enough {
            let line = lines.next().expect("the child lives").expect("reads");
            if let Some(name) = line.strip_prefix("acknowledged ") {
                acknowledged.push(name.to_owned());
                seen += 1;
            }
        }
        std::thread::sleep(Duration::from_micros(300 * round));
        child.kill().expect("kills");
        child.wait().expect("ends");
        acknowledged.extend(
            lines
                .map_while(Result::ok)
                .filter_map(|line| Some(line.strip_prefix("acknowledged ")?.to_owned())),
        );
    }

    let manager = bed::started(directory.path(), &read_identity(directory.path())).await;
    let services = manager
        .control()
        .list_services(pb::ListServicesRequest::default())
        .await
        .expect("lists")
        .into_inner();
    let names: std::collections::HashSet<String> =
        services.services.into_iter().filter_map(|service| Some(service.spec?.annotations?.name)).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|name| !names.contains(*name)).collect();
    assert!(lost.is_empty(), "lost {lost:?} of {}", acknowledged.len());
    assert!(acknowledged.len() > 100);
    manager.shutdown().await;
}

#[tokio::test]
async fn a_second_manager_on_the_directory_is_refused_and_a_first_one_without_a_cluster_too() {
    let bed = bed::Bed::new().await;
    let config = |state_dir: &Path| manager::ManagerConfig {
        state_dir: state_dir.to_owned(),
        identity: bed.identity.clone(),
        clock: Clock::system(),
        dispatcher: manager::dispatcher::DispatcherConfig::default(),
        unlock_key: None,
        dialer: Arc::new(Tcp),
        advertise_addr: String::new(),
        managers: Vec::new(),
    };
    assert!(manager::start(config(bed.directory.path())).await.is_err());
    let empty = tempfile::tempdir().expect("a temporary directory");
    assert!(manager::start(config(empty.path())).await.is_err());
    bed.manager.shutdown().await;
}
