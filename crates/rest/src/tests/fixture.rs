//! An engine in temporary directories, without bridge and rules, and a node that does what the test says.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use image::{Images, ImagesConfig};
use network::NetworkConfig;
use swarm_api::pb::control_client::ControlClient;
use tempfile::TempDir;
use tokio::sync::watch;
use tonic::transport::Channel;

use crate::{
    Api, Backup, BackupRequest, Facts, InitRequest, JoinRequest, LocalState, Node, NodeError, NodeStatus,
    RestoreRequest,
};

/// Everything a request needs. The directories go with it.
pub(super) struct Fixture {
    pub(super) api: Api,
    pub(super) node: Arc<FakeNode>,
    pub(super) facts: watch::Sender<Arc<Facts>>,
    _dir: TempDir,
}

/// A node in no swarm, unless it was given managers.
#[derive(Default)]
pub(super) struct FakeNode {
    pub(super) managers: Option<Channel>,
    pub(super) asked: Mutex<Vec<String>>,
}

impl FakeNode {
    fn note(&self, asked: String) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }
}

#[async_trait]
impl Node for FakeNode {
    async fn init(&self, request: InitRequest) -> Result<String, NodeError> {
        if self.managers.is_some() {
            return Err(NodeError::AlreadyInSwarm);
        }
        self.note(format!("init {}", request.advertise_addr));
        Ok("thenode".to_owned())
    }

    async fn join(&self, request: JoinRequest) -> Result<(), NodeError> {
        self.note(format!("join {} {}", request.remote_addrs.join(","), request.token));
        Ok(())
    }

    async fn leave(&self, force: bool) -> Result<(), NodeError> {
        self.note(format!("leave {force}"));
        Err(NodeError::NotPart)
    }

    async fn unlock(&self, key: String) -> Result<(), NodeError> {
        self.note(format!("unlock {key}"));
        Err(if key == "SWMKEY-1-x" { NodeError::NotLocked } else { NodeError::InvalidKey })
    }

    async fn backup(&self, request: BackupRequest) -> Result<Backup, NodeError> {
        self.note(format!("backup {} {}", request.to.display(), request.keep));
        Ok(Backup { path: request.to.join("file"), index: 7, removed: 1 })
    }

    async fn restore(&self, request: RestoreRequest) -> Result<String, NodeError> {
        self.note(format!("restore {} {}", request.from.display(), request.advertise_addr));
        Ok("thenode".to_owned())
    }

    fn status(&self) -> NodeStatus {
        if self.managers.is_none() {
            return NodeStatus::default();
        }
        NodeStatus {
            state: LocalState::Active,
            node_id: "thenode".to_owned(),
            control_available: true,
            ..NodeStatus::default()
        }
    }

    async fn control(&self) -> Result<ControlClient<Channel>, NodeError> {
        self.managers.clone().map(ControlClient::new).ok_or(NodeError::NotInSwarm)
    }
}

impl Fixture {
    pub(super) async fn new() -> Self {
        Self::with(FakeNode::default()).await
    }

    pub(super) async fn with(node: FakeNode) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path();
        let images = ImagesConfig { root: path.join("image"), ..ImagesConfig::default() };
        let images = Images::open(images).await.expect("images");
        let name = format!("rest-{:08x}", std::process::id() ^ u32::from_ne_bytes(*b"test"));
        let engine_config = engine::EngineConfig {
            name: name.clone(),
            data_root: path.join("data"),
            exec_root: path.join("exec"),
            libexec: path.to_owned(),
            ..engine::EngineConfig::default()
        };
        let mut network = NetworkConfig::new(&name, path.join("exec"), path.to_owned());
        network.bridge.none = true;
        network.nat = false;
        network.userland_proxy = false;
        network.ip_forward = false;
        let engine = engine::open(engine_config, images, network).await.expect("the engine; it needs root");
        let node = Arc::new(node);
        let facts = Facts { version: "0.1.0".into(), min_minor: engine_api::MIN_MINOR, ..Facts::default() };
        let (facts, receiver) = watch::channel(Arc::new(facts));
        let api = Api {
            containers: engine.containers,
            images: engine.images,
            events: engine.events,
            networks: engine.networks,
            execs: engine.execs,
            volumes: engine.volumes,
            node: node.clone(),
            facts: receiver,
        };
        Self { api, node, facts, _dir: dir }
    }
}
