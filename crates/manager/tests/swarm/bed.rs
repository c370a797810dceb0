//! A manager in a temporary directory, listening on loopback.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use manager::clock::Clock;
use manager::{BootstrapConfig, Manager, ManagerConfig};
use swarm_api::channel::{self, Tcp};
use swarm_api::pb::control_client::ControlClient;
use swarm_api::tls::{Identity, SharedIdentity};
use swarm_api::{default, pb};
use tempfile::TempDir;
use tonic::transport::Channel;

pub(crate) struct Bed {
    pub(crate) manager: Manager,
    pub(crate) addr: String,
    pub(crate) identity: SharedIdentity,
    pub(crate) directory: TempDir,
}

pub(crate) async fn identity(directory: &Path, spec: pb::ClusterSpec, clock: Clock) -> Identity {
    let config = BootstrapConfig {
        root: None,
        state_dir: directory.to_owned(),
        advertise_addr: "127.0.0.1:2377".into(),
        availability: pb::NodeAvailability::Active,
        spec: Some(spec),
        clock,
    };
    manager::bootstrap(config).await.expect("bootstraps")
}

pub(crate) async fn started(directory: &Path, identity: &SharedIdentity) -> Manager {
    started_at(directory, identity, Clock::system()).await
}

async fn started_at(directory: &Path, identity: &SharedIdentity, clock: Clock) -> Manager {
    let config = ManagerConfig {
        state_dir: directory.to_owned(),
        identity: identity.clone(),
        clock,
        dispatcher: manager::dispatcher::DispatcherConfig::default(),
        unlock_key: None,
        dialer: Arc::new(Tcp),
        advertise_addr: String::new(),
        managers: Vec::new(),
    };
    let manager = manager::start(config).await.expect("starts");
    let leads = async {
        while !manager.leads() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), leads).await.expect("leads in time");
    manager
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self::with(default::cluster_spec()).await
    }

    pub(crate) async fn with(spec: pb::ClusterSpec) -> Self {
        let directory =
            tempfile::Builder::new().prefix("shoal-manager-").tempdir().expect("a temporary directory");
        let identity = SharedIdentity::new(identity(directory.path(), spec, Clock::system()).await);
        Self::of(directory, identity, Clock::system()).await
    }

    /// Starts what was made before.
    pub(crate) async fn of(directory: TempDir, identity: SharedIdentity, clock: Clock) -> Self {
        let manager = started_at(directory.path(), &identity, clock).await;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("has an address").to_string();
        manager.listen(listener).expect("listens");
        Self { manager, addr, identity, directory }
    }

    pub(crate) fn control(&self) -> ControlClient<Channel> {
        self.manager.control()
    }

    /// A channel over TCP as this node.
    pub(crate) fn channel(&self, identity: &SharedIdentity) -> Channel {
        channel::connect(&self.addr, identity, Arc::new(Tcp)).expect("a configuration")
    }

    pub(crate) async fn tokens(&self) -> pb::JoinTokens {
        let cluster = self.control().get_cluster(pb::Empty {}).await.expect("answers").into_inner();
        cluster.join_tokens.expect("has tokens")
    }
}

pub(crate) fn spec(name: &str, image: &str) -> pb::ServiceSpec {
    pb::ServiceSpec {
        annotations: Some(pb::Annotations { name: name.into(), ..Default::default() }),
        task: Some(pb::TaskSpec {
            container: Some(pb::ContainerSpec { image: image.into(), ..Default::default() }),
            ..Default::default()
        }),
        mode: swarm_api::default::replicated(0),
        ..Default::default()
    }
}

pub(crate) fn create(name: &str) -> pb::CreateServiceRequest {
    pb::CreateServiceRequest { spec: Some(spec(name, "busybox:1")), ..Default::default() }
}

pub(crate) fn get(reference: &str) -> pb::GetRequest {
    pb::GetRequest { reference: reference.into() }
}
