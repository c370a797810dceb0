//! The replicated objects as one type: which kinds there are, and what all of them have in common.

use std::fmt;
use std::sync::Arc;

use swarm_api::pb;

/// The kinds of replicated objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A machine.
    Node,
    /// An intent for N runs.
    Service,
    /// One run.
    Task,
    /// The swarm itself; there is exactly one.
    Cluster,
    /// A file that only those see who need it.
    Secret,
    /// A file that anybody may see.
    Config,
    /// A network of the swarm.
    Network,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Node => "node",
            Self::Service => "service",
            Self::Task => "task",
            Self::Cluster => "cluster",
            Self::Secret => "secret",
            Self::Config => "config",
            Self::Network => "network",
        })
    }
}

/// A replicated object of any kind, shared and never changed in place.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A machine.
    Node(Arc<pb::Node>),
    /// An intent for N runs.
    Service(Arc<pb::Service>),
    /// One run.
    Task(Arc<pb::Task>),
    /// The swarm itself.
    Cluster(Arc<pb::Cluster>),
    /// A file that only those see who need it.
    Secret(Arc<pb::Secret>),
    /// A file that anybody may see.
    Config(Arc<pb::Config>),
    /// A network of the swarm.
    Network(Arc<pb::Network>),
}

impl Object {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Node(_) => Kind::Node,
            Self::Service(_) => Kind::Service,
            Self::Task(_) => Kind::Task,
            Self::Cluster(_) => Kind::Cluster,
            Self::Secret(_) => Kind::Secret,
            Self::Config(_) => Kind::Config,
            Self::Network(_) => Kind::Network,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Node(node) => &node.id,
            Self::Service(service) => &service.id,
            Self::Task(task) => &task.id,
            Self::Cluster(cluster) => &cluster.id,
            Self::Secret(secret) => &secret.id,
            Self::Config(config) => &config.id,
            Self::Network(network) => &network.id,
        }
    }

    /// The log index that last changed it; zero for an object that is not stored yet.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.meta().map_or(0, |meta| meta.version)
    }

    /// What the store noted about it.
    #[must_use]
    pub fn meta(&self) -> Option<&pb::Meta> {
        match self {
            Self::Node(node) => node.meta.as_ref(),
            Self::Service(service) => service.meta.as_ref(),
            Self::Task(task) => task.meta.as_ref(),
            Self::Cluster(cluster) => cluster.meta.as_ref(),
            Self::Secret(secret) => secret.meta.as_ref(),
            Self::Config(config) => config.meta.as_ref(),
            Self::Network(network) => network.meta.as_ref(),
        }
    }

    pub(super) fn set_meta(&mut self, meta: pb::Meta) {
        match self {
            Self::Node(node) => Arc::make_mut(node).meta = Some(meta),
            Self::Service(service) => Arc::make_mut(service).meta = Some(meta),
            Self::Task(task) => Arc::make_mut(task).meta = Some(meta),
            Self::Cluster(cluster) => Arc::make_mut(cluster).meta = Some(meta),
            Self::Secret(secret) => Arc::make_mut(secret).meta = Some(meta),
            Self::Config(config) => Arc::make_mut(config).meta = Some(meta),
            Self::Network(network) => Arc::make_mut(network).meta = Some(meta),
        }
    }

    /// The name that no other object of its kind may have; none where names are not unique, or no longer held: a service
    /// on its way out has given its name free.
    pub(super) fn unique_name(&self) -> Option<&str> {
        let annotations = match self {
            Self::Service(service) if service.removing => return None,
            Self::Service(service) => service.spec.as_ref().map(|spec| spec.annotations.as_ref()),
            Self::Secret(secret) => secret.spec.as_ref().map(|spec| spec.annotations.as_ref()),
            Self::Config(config) => config.spec.as_ref().map(|spec| spec.annotations.as_ref()),
            Self::Network(network) => network.spec.as_ref().map(|spec| spec.annotations.as_ref()),
            Self::Node(_) | Self::Task(_) | Self::Cluster(_) => return None,
        };
        Some(annotations.flatten().map_or("", |annotations| &annotations.name))
    }
}

macro_rules! from_message {
    ($($name:ident),+) => {$(
        impl From<pb::$name> for Object {
            fn from(message: pb::$name) -> Self {
                Self::$name(Arc::new(message))
            }
        }
        impl From<Arc<pb::$name>> for Object {
            fn from(message: Arc<pb::$name>) -> Self {
                Self::$name(message)
            }
        }
    )+};
}
from_message!(Node, Service, Task, Cluster, Secret, Config, Network);
