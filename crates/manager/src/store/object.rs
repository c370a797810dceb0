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
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Node => "node",
            Self::Service => "service",
            Self::Task => "task",
            Self::Cluster => "cluster",
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
        }
    }

    pub(super) fn set_meta(&mut self, meta: pb::Meta) {
        match self {
            Self::Node(node) => Arc::make_mut(node).meta = Some(meta),
            Self::Service(service) => Arc::make_mut(service).meta = Some(meta),
            Self::Task(task) => Arc::make_mut(task).meta = Some(meta),
            Self::Cluster(cluster) => Arc::make_mut(cluster).meta = Some(meta),
        }
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
from_message!(Node, Service, Task, Cluster);
