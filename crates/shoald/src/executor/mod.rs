//! The worker's `Executor` on the real engine: a task becomes one container, found again by its label.
//!
//! In: tasks of the swarm. Out: calls on the engine's and the network's handles. This is the only place that
//! knows both what a task is and what a container is.

mod controller;
mod error;
mod extras;
mod label;
mod limit;
mod log;
mod mount;
mod network;
mod port;
mod privilege;
mod spec;

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::Arc;

use ::network::Network;
use async_trait::async_trait;
use engine::network::Networks;
use engine::{Containers, Record, RemoveOptions};
use image::Images;
use swarm_api::pb;
use worker::{Controller, Executor, ExecutorError, LogLines};

use self::network::SwarmNetworks;
use controller::TaskController;
pub(crate) use spec::Defaults;

/// Of so many CDI devices the managers are told: a description is limited.
const MAX_CDI_DEVICES: usize = 512;

/// What this machine says of itself to the managers; known at start, the same for the daemon's life.
pub(crate) type Description = pb::NodeDescription;

/// Runs the swarm's tasks on this machine's engine.
#[derive(Clone)]
pub(crate) struct EngineExecutor {
    containers: Containers,
    images: Images,
    network: Network,
    swarm_networks: SwarmNetworks,
    description: Arc<Description>,
    defaults: Arc<Defaults>,
}

impl EngineExecutor {
    pub(crate) fn new(
        containers: Containers,
        images: Images,
        network: Network,
        networks: Networks,
        description: Description,
        defaults: Defaults,
    ) -> Self {
        let swarm_networks = SwarmNetworks::new(networks, containers.clone());
        let (description, defaults) = (Arc::new(description), Arc::new(defaults));
        Self { containers, images, network, swarm_networks, description, defaults }
    }

    /// Removes the swarm's networks that nothing here needs.
    pub(crate) async fn sweep_networks(&self) {
        self.swarm_networks.sweep().await;
    }

    /// The container of a task. There is one at most: its name is made from the task's id.
    fn find(&self, task_id: &str) -> Option<Arc<Record>> {
        self.containers.list().into_iter().find(|record| label::task_id(record) == Some(task_id))
    }

    /// The address of each task's container that has one.
    fn addresses(&self) -> HashMap<String, Ipv4Addr> {
        let records = self.containers.list();
        let address = |record: &Arc<Record>| {
            Some((label::task_id(record)?.to_owned(), record.endpoints.first()?.address_v4()?))
        };
        records.iter().filter_map(address).collect()
    }
}

#[async_trait]
impl Executor for EngineExecutor {
    async fn describe(&self) -> Result<pb::NodeDescription, ExecutorError> {
        let mut description = (*self.description).clone();
        let defaults = Arc::clone(&self.defaults);
        let names = tokio::task::spawn_blocking(move || engine::cdi_names(&defaults.cdi_spec_dirs)).await;
        description.cdi_devices = names.unwrap_or_default();
        if description.cdi_devices.len() > MAX_CDI_DEVICES {
            tracing::warn!(
                devices = description.cdi_devices.len(),
                "the managers are not told of every CDI device"
            );
            description.cdi_devices.truncate(MAX_CDI_DEVICES);
        }
        Ok(description)
    }

    async fn controller(&self, task: &pb::Task) -> Result<Arc<dyn Controller>, ExecutorError> {
        Ok(Arc::new(TaskController::new(
            task.clone(),
            self.containers.clone(),
            self.images.clone(),
            Arc::clone(&self.description),
            self.swarm_networks.clone(),
            Arc::clone(&self.defaults),
        )))
    }

    async fn list(&self) -> Result<Vec<String>, ExecutorError> {
        let records = self.containers.list();
        Ok(records.iter().filter_map(|record| label::task_id(record).map(str::to_owned)).collect())
    }

    async fn remove(&self, task_id: &str) -> Result<(), ExecutorError> {
        let Some(record) = self.find(task_id) else {
            self.swarm_networks.release(task_id).await;
            return Ok(());
        };
        let options = RemoveOptions { force: true, volumes: true };
        match self.containers.remove(&record.id, options).await {
            Ok(()) | Err(engine::Error::NoSuchContainer(_)) => {}
            Err(error) => return Err(error::later(&error)),
        }
        self.swarm_networks.release(task_id).await;
        Ok(())
    }

    async fn logs(&self, task_id: &str, options: &pb::LogOptions) -> Result<LogLines, ExecutorError> {
        match self.find(task_id) {
            Some(record) => log::lines(&self.containers, &record, options).await,
            None => Ok(Box::pin(futures_util::stream::empty())),
        }
    }

    async fn set_ingress(&self, ports: Vec<pb::IngressPort>) -> Result<(), ExecutorError> {
        // Two services never hold the same port; should the managers ever say so, their backends are joined.
        let addresses = self.addresses();
        let mut wanted: BTreeMap<(::network::Protocol, u16), Vec<_>> = BTreeMap::new();
        for ingress in &ports {
            let Some(port) = &ingress.port else { continue };
            let (Some(protocol), Ok(published), Ok(target)) = (
                port::protocol(port.protocol()),
                u16::try_from(port.published_port),
                u16::try_from(port.target_port),
            ) else {
                continue;
            };
            // A task without an address of its own, or gone meanwhile, is passed over.
            let backends = ingress.task_ids.iter().filter_map(|id| Some((*addresses.get(id)?, target)));
            wanted.entry((protocol, published)).or_default().extend(backends);
        }
        let ports = wanted.into_iter().map(|((protocol, published_port), backends)| ::network::IngressPort {
            protocol,
            published_port,
            backends,
        });
        self.network
            .set_ingress(ports.collect())
            .await
            .map_err(|error| ExecutorError::Unavailable { message: error.to_string() })
    }
}
