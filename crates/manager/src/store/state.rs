//! The replicated state and its lookups. Changed only by [`super::apply()`]; everyone else reads a [`View`].

use std::cmp::Ordering;
use std::ops::Deref;
use std::sync::Arc;

use swarm_api::pb;

use super::tree::Tree;
use super::{Kind, Load, Object};

/// All replicated objects as of one log index. Cloning it is cheap and gives an independent state.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(super) index: u64,
    pub(super) nodes: Tree<Arc<str>, Arc<pb::Node>>,
    pub(super) services: Tree<Arc<str>, Arc<pb::Service>>,
    pub(super) tasks: Tree<Arc<str>, Arc<pb::Task>>,
    pub(super) secrets: Tree<Arc<str>, Arc<pb::Secret>>,
    pub(super) configs: Tree<Arc<str>, Arc<pb::Config>>,
    pub(super) networks: Tree<Arc<str>, Arc<pb::Network>>,
    pub(super) cluster: Option<Arc<pb::Cluster>>,
    // Derived from the above.
    pub(super) names: Tree<ByName, Arc<str>>,
    pub(super) tasks_by_service: Tree<ByService, Arc<pb::Task>>,
    pub(super) tasks_by_node: Tree<ByNode, Arc<pb::Task>>,
    /// Those that have something of their node for themselves.
    pub(super) holders_by_node: Tree<ByNode, Arc<pb::Task>>,
    /// Those that have an address and are not over.
    pub(super) tasks_by_network: Tree<ByNetwork, Arc<pb::Task>>,
    pub(super) loads: Tree<Arc<str>, Load>,
    pub(super) services_by_port: Tree<ByPort, Arc<str>>,
}

/// Kind and name in small letters, of those kinds whose names are unique.
pub(super) type ByName = (Kind, Arc<str>);
/// Service, slot, task: tasks of a service come ordered by slot.
pub(super) type ByService = (Arc<str>, u64, Arc<str>);
/// Node, task.
pub(super) type ByNode = (Arc<str>, Arc<str>);
/// Network, task.
pub(super) type ByNetwork = (Arc<str>, Arc<str>);
/// Protocol, published port, service.
pub(super) type ByPort = (i32, u32, Arc<str>);

/// A read snapshot: it never changes, costs nothing to keep for a moment and blocks nobody.
#[derive(Clone, Debug, Default)]
pub struct View(Arc<State>);

impl Deref for View {
    type Target = State;
    fn deref(&self) -> &State {
        &self.0
    }
}

impl From<State> for View {
    fn from(state: State) -> Self {
        Self(Arc::new(state))
    }
}

impl State {
    /// An empty state as of a log index, to be filled from a snapshot.
    pub(crate) fn at(index: u64) -> Self {
        Self { index, ..Self::default() }
    }

    /// The log index this state is the result of.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The swarm itself; none before it is made.
    #[must_use]
    pub fn cluster(&self) -> Option<&Arc<pb::Cluster>> {
        self.cluster.as_ref()
    }

    /// The node of this id.
    #[must_use]
    pub fn node(&self, id: &str) -> Option<&Arc<pb::Node>> {
        self.nodes.get(|key| (**key).cmp(id))
    }

    /// All nodes, by id.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<pb::Node>> {
        self.nodes.iter().map(|(_, node)| node)
    }

    /// Nodes whose id begins so.
    pub fn nodes_by_prefix<'a>(&'a self, prefix: &str) -> impl Iterator<Item = &'a Arc<pb::Node>> + use<'a> {
        let prefix = prefix.to_owned();
        self.nodes.range(move |key| place_by_prefix(key, &prefix)).map(|(_, node)| node)
    }

    /// The service of this id.
    #[must_use]
    pub fn service(&self, id: &str) -> Option<&Arc<pb::Service>> {
        self.services.get(|key| (**key).cmp(id))
    }

    /// The service of this name; one that is being removed has none any more.
    #[must_use]
    pub fn service_by_name(&self, name: &str) -> Option<&Arc<pb::Service>> {
        let found = self.holder(Kind::Service, name).and_then(|id| self.service(id))?;
        is_named(found.spec.as_ref()?.annotations.as_ref(), name).then_some(found)
    }

    /// Whether an object has this name, in whatever letters, of a kind whose names are unique.
    #[must_use]
    pub fn is_taken(&self, kind: Kind, name: &str) -> bool {
        self.holder(kind, name).is_some()
    }

    /// The id of the object that has this name in whatever letters: names of services are looked up as those of hosts, which do not
    /// tell capitals apart.
    pub(super) fn holder(&self, kind: Kind, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.names.get(|key| key.0.cmp(&kind).then_with(|| (*key.1).cmp(&name))).map(|id| &**id)
    }

    /// All services, by id.
    pub fn services(&self) -> impl Iterator<Item = &Arc<pb::Service>> {
        self.services.iter().map(|(_, service)| service)
    }

    /// Services whose id begins so.
    pub fn services_by_prefix<'a>(
        &'a self,
        prefix: &str,
    ) -> impl Iterator<Item = &'a Arc<pb::Service>> + use<'a> {
        let prefix = prefix.to_owned();
        self.services.range(move |key| place_by_prefix(key, &prefix)).map(|(_, service)| service)
    }

    /// The task of this id.
    #[must_use]
    pub fn task(&self, id: &str) -> Option<&Arc<pb::Task>> {
        self.tasks.get(|key| (**key).cmp(id))
    }

    /// All tasks, by id.
    pub fn tasks(&self) -> impl Iterator<Item = &Arc<pb::Task>> {
        self.tasks.iter().map(|(_, task)| task)
    }

    /// Tasks whose id begins so.
    pub fn tasks_by_prefix<'a>(&'a self, prefix: &str) -> impl Iterator<Item = &'a Arc<pb::Task>> + use<'a> {
        let prefix = prefix.to_owned();
        self.tasks.range(move |key| place_by_prefix(key, &prefix)).map(|(_, task)| task)
    }

    /// Tasks of a service, by slot and then id.
    pub fn tasks_of_service<'a>(&'a self, service_id: &'a str) -> impl Iterator<Item = &'a Arc<pb::Task>> {
        self.tasks_by_service.range(move |(service, _, _)| (**service).cmp(service_id)).map(|(_, task)| task)
    }

    /// Tasks of one slot of a service.
    pub fn tasks_of_slot<'a>(
        &'a self,
        service_id: &'a str,
        slot: u64,
    ) -> impl Iterator<Item = &'a Arc<pb::Task>> {
        let place = move |key: &ByService| (*key.0).cmp(service_id).then(key.1.cmp(&slot));
        self.tasks_by_service.range(place).map(|(_, task)| task)
    }

    /// Tasks on a node, by id. Tasks without a node are those of node "".
    pub fn tasks_of_node<'a>(&'a self, node_id: &'a str) -> impl Iterator<Item = &'a Arc<pb::Task>> {
        self.tasks_by_node.range(move |(node, _)| (**node).cmp(node_id)).map(|(_, task)| task)
    }

    /// The tasks on a node that have something of it for themselves and are not over, by id.
    pub(crate) fn holders_on_node<'a>(&'a self, node_id: &'a str) -> impl Iterator<Item = &'a Arc<pb::Task>> {
        self.holders_by_node.range(move |(node, _)| (**node).cmp(node_id)).map(|(_, task)| task)
    }

    /// The tasks that have a place on a network and are not over, by id.
    pub(crate) fn tasks_of_network<'a>(
        &'a self,
        network_id: &'a str,
    ) -> impl Iterator<Item = &'a Arc<pb::Task>> {
        self.tasks_by_network.range(move |(network, _)| (**network).cmp(network_id)).map(|(_, task)| task)
    }

    /// What the tasks on a node take of it.
    pub(crate) fn load_of_node(&self, node_id: &str) -> Load {
        self.loads.get(|node| (**node).cmp(node_id)).copied().unwrap_or_default()
    }

    /// The services that ask for a published port or have it, by id.
    pub(crate) fn services_of_port(
        &self,
        protocol: i32,
        published_port: u32,
    ) -> impl Iterator<Item = &Arc<pb::Service>> {
        let place = move |key: &ByPort| (key.0, key.1).cmp(&(protocol, published_port));
        self.services_by_port.range(place).filter_map(|(_, id)| self.service(id))
    }

    /// The secret of this id.
    #[must_use]
    pub fn secret(&self, id: &str) -> Option<&Arc<pb::Secret>> {
        self.secrets.get(|key| (**key).cmp(id))
    }

    /// The secret of this name.
    #[must_use]
    pub fn secret_by_name(&self, name: &str) -> Option<&Arc<pb::Secret>> {
        let found = self.holder(Kind::Secret, name).and_then(|id| self.secret(id))?;
        is_named(found.spec.as_ref()?.annotations.as_ref(), name).then_some(found)
    }

    /// All secrets, by id.
    pub fn secrets(&self) -> impl Iterator<Item = &Arc<pb::Secret>> {
        self.secrets.iter().map(|(_, secret)| secret)
    }

    /// The config of this id.
    #[must_use]
    pub fn config(&self, id: &str) -> Option<&Arc<pb::Config>> {
        self.configs.get(|key| (**key).cmp(id))
    }

    /// The config of this name.
    #[must_use]
    pub fn config_by_name(&self, name: &str) -> Option<&Arc<pb::Config>> {
        let found = self.holder(Kind::Config, name).and_then(|id| self.config(id))?;
        is_named(found.spec.as_ref()?.annotations.as_ref(), name).then_some(found)
    }

    /// All configs, by id.
    pub fn configs(&self) -> impl Iterator<Item = &Arc<pb::Config>> {
        self.configs.iter().map(|(_, config)| config)
    }

    /// The network of this id.
    #[must_use]
    pub fn network(&self, id: &str) -> Option<&Arc<pb::Network>> {
        self.networks.get(|key| (**key).cmp(id))
    }

    /// The network of this name.
    #[must_use]
    pub fn network_by_name(&self, name: &str) -> Option<&Arc<pb::Network>> {
        let found = self.holder(Kind::Network, name).and_then(|id| self.network(id))?;
        is_named(found.spec.as_ref()?.annotations.as_ref(), name).then_some(found)
    }

    /// All networks of the swarm, by id.
    pub fn networks(&self) -> impl Iterator<Item = &Arc<pb::Network>> {
        self.networks.iter().map(|(_, network)| network)
    }

    /// How many nodes, services and tasks there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.nodes.len(), self.services.len(), self.tasks.len())
    }

    /// The object of this kind and id.
    #[must_use]
    pub fn object(&self, kind: Kind, id: &str) -> Option<Object> {
        match kind {
            Kind::Node => self.node(id).cloned().map(Object::Node),
            Kind::Service => self.service(id).cloned().map(Object::Service),
            Kind::Task => self.task(id).cloned().map(Object::Task),
            Kind::Cluster => self.cluster.clone().filter(|cluster| cluster.id == id).map(Object::Cluster),
            Kind::Secret => self.secret(id).cloned().map(Object::Secret),
            Kind::Config => self.config(id).cloned().map(Object::Config),
            Kind::Network => self.network(id).cloned().map(Object::Network),
        }
    }

    /// All objects: the cluster, then nodes, networks, secrets, configs, services and tasks, each by id.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        let cluster = self.cluster.iter().cloned().map(Object::Cluster);
        let nodes = self.nodes().cloned().map(Object::Node);
        let networks = self.networks().cloned().map(Object::Network);
        let secrets = self.secrets().cloned().map(Object::Secret);
        let configs = self.configs().cloned().map(Object::Config);
        let services = self.services().cloned().map(Object::Service);
        let tasks = self.tasks().cloned().map(Object::Task);
        cluster.chain(nodes).chain(networks).chain(secrets).chain(configs).chain(services).chain(tasks)
    }
}

/// Whether it is just this name, capitals and all.
fn is_named(annotations: Option<&pb::Annotations>, name: &str) -> bool {
    annotations.map_or("", |annotations| &annotations.name) == name
}

fn place_by_prefix(key: &str, prefix: &str) -> Ordering {
    if key.starts_with(prefix) { Ordering::Equal } else { key.cmp(prefix) }
}
