//! Who may call which rpc: one table, checked in one place ([`crate::channel::serve()`]) before any request is handled.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pb;
use crate::tls::Peer;

/// What a certificate says its node may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs tasks.
    Worker,
    /// Takes part in managing the swarm.
    Manager,
}

impl Role {
    /// The organisational unit in a certificate of this role, and one of its names.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Worker => "swarm-worker",
            Self::Manager => "swarm-manager",
        }
    }

    /// The role of an organisational unit.
    #[must_use]
    pub fn from_unit(unit: &str) -> Option<Self> {
        [Self::Worker, Self::Manager].into_iter().find(|role| role.unit() == unit)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Worker => "worker",
            Self::Manager => "manager",
        })
    }
}

impl From<Role> for pb::NodeRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Worker => Self::Worker,
            Role::Manager => Self::Manager,
        }
    }
}

impl From<pb::NodeRole> for Role {
    fn from(role: pb::NodeRole) -> Self {
        match role {
            pb::NodeRole::Worker => Self::Worker,
            pb::NodeRole::Manager => Self::Manager,
        }
    }
}

/// The least a caller must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, also without a certificate.
    Anonymous,
    /// Any node of this swarm.
    Node,
    /// A manager, or a front end within this process.
    Manager,
    /// A manager, known here or not.
    Member,
}

/// The table. An rpc that is not in it is refused to everybody.
const TABLE: &[(&str, Access)] = &[
    ("/shoal.v1.Ca/GetRootCa", Access::Anonymous),
    ("/shoal.v1.Ca/IssueNodeCertificate", Access::Anonymous),
    ("/shoal.v1.Ca/ReadmitNode", Access::Anonymous),
    ("/shoal.v1.Ca/RenewNodeCertificate", Access::Node),
    ("/shoal.v1.Control/CloseLogs", Access::Manager),
    ("/shoal.v1.Control/CreateConfig", Access::Manager),
    ("/shoal.v1.Control/CreateNetwork", Access::Manager),
    ("/shoal.v1.Control/CreateSecret", Access::Manager),
    ("/shoal.v1.Control/CreateService", Access::Manager),
    ("/shoal.v1.Control/GetCluster", Access::Manager),
    ("/shoal.v1.Control/GetConfig", Access::Manager),
    ("/shoal.v1.Control/GetNetwork", Access::Manager),
    ("/shoal.v1.Control/GetNode", Access::Manager),
    ("/shoal.v1.Control/GetSecret", Access::Manager),
    ("/shoal.v1.Control/GetService", Access::Manager),
    ("/shoal.v1.Control/GetTask", Access::Manager),
    ("/shoal.v1.Control/GetUnlockKey", Access::Manager),
    ("/shoal.v1.Control/ListConfigs", Access::Manager),
    ("/shoal.v1.Control/ListNetworks", Access::Manager),
    ("/shoal.v1.Control/ListNodes", Access::Manager),
    ("/shoal.v1.Control/ListSecrets", Access::Manager),
    ("/shoal.v1.Control/ListServices", Access::Manager),
    ("/shoal.v1.Control/ListTasks", Access::Manager),
    ("/shoal.v1.Control/NextLogs", Access::Manager),
    ("/shoal.v1.Control/OpenLogs", Access::Manager),
    ("/shoal.v1.Control/RemoveConfig", Access::Manager),
    ("/shoal.v1.Control/RemoveNetwork", Access::Manager),
    ("/shoal.v1.Control/RemoveNode", Access::Manager),
    ("/shoal.v1.Control/RemoveSecret", Access::Manager),
    ("/shoal.v1.Control/RemoveService", Access::Manager),
    ("/shoal.v1.Control/UpdateCluster", Access::Manager),
    ("/shoal.v1.Control/UpdateConfig", Access::Manager),
    ("/shoal.v1.Control/UpdateNode", Access::Manager),
    ("/shoal.v1.Control/UpdateSecret", Access::Manager),
    ("/shoal.v1.Control/UpdateService", Access::Manager),
    ("/shoal.v1.Dispatcher/Assignments", Access::Node),
    ("/shoal.v1.Dispatcher/Goodbye", Access::Node),
    ("/shoal.v1.Dispatcher/Heartbeat", Access::Node),
    ("/shoal.v1.Dispatcher/LogRequests", Access::Node),
    ("/shoal.v1.Dispatcher/PublishLogs", Access::Node),
    ("/shoal.v1.Dispatcher/Session", Access::Node),
    ("/shoal.v1.Dispatcher/UpdateTaskStatus", Access::Node),
    ("/shoal.v1.Raft/Append", Access::Member),
    ("/shoal.v1.Raft/Join", Access::Manager),
    ("/shoal.v1.Raft/PreVote", Access::Member),
    ("/shoal.v1.Raft/Snapshot", Access::Member),
    ("/shoal.v1.Raft/TransferLeader", Access::Member),
    ("/shoal.v1.Raft/Vote", Access::Member),
];

/// What only the leader answers, and other managers pass on to it, one call and one answer each.
const FORWARDED: &[&str] = &["/shoal.v1.Control/", "/shoal.v1.Ca/", "/shoal.v1.Raft/Join"];

/// What is among these and any manager knows.
const KNOWN_TO_ALL: &[&str] = &["/shoal.v1.Ca/GetRootCa"];

/// What only the leader answers, and other managers refuse with a hint of where it is.
const HINTED: &str = "/shoal.v1.Dispatcher/";

/// Who answers an rpc when several managers could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Any manager, by itself.
    Anywhere,
    /// The leader; a manager that is asked in its stead passes the call on.
    Forwarded,
    /// The leader; a manager that is asked in its stead says where it is.
    Hinted,
}

/// Where this rpc is answered.
#[must_use]
pub fn place(path: &str) -> Place {
    if KNOWN_TO_ALL.contains(&path) {
        Place::Anywhere
    } else if FORWARDED.iter().any(|prefix| path.starts_with(prefix)) {
        Place::Forwarded
    } else if path.starts_with(HINTED) {
        Place::Hinted
    } else {
        Place::Anywhere
    }
}

/// What the table says of an rpc path such as `/shoal.v1.Control/ListNodes`.
#[must_use]
pub fn access(path: &str) -> Option<Access> {
    TABLE.iter().find(|(known, _)| *known == path).map(|(_, access)| *access)
}

/// Whether this caller may call this rpc.
#[must_use]
pub fn allows(path: &str, peer: &Peer) -> bool {
    match (access(path), peer) {
        (None, _) => false,
        (Some(Access::Anonymous), _) | (Some(_), Peer::Local { .. }) => true,
        (Some(_), Peer::Anonymous) => false,
        (Some(Access::Node), Peer::Node { .. }) => true,
        (Some(Access::Manager | Access::Member), Peer::Node { role, .. }) => *role == Role::Manager,
        (Some(access), Peer::Unknown { is_worker, .. }) => {
            access == Access::Member || access == Access::Node && *is_worker
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;

    const RPC_PATHS: &[&str] = include!(concat!(env!("OUT_DIR"), "/rpc_paths.rs"));

    #[test]
    fn every_rpc_is_in_the_table_and_nothing_else() {
        for path in RPC_PATHS {
            assert!(access(path).is_some(), "{path} has no line in the role table");
        }
        for (path, _) in TABLE {
            assert!(RPC_PATHS.contains(path), "{path} is no rpc");
        }
    }

    #[test]
    fn what_the_leader_answers() {
        assert_eq!(place("/shoal.v1.Control/ListNodes"), Place::Forwarded);
        assert_eq!(place("/shoal.v1.Ca/IssueNodeCertificate"), Place::Forwarded);
        assert_eq!(place("/shoal.v1.Ca/GetRootCa"), Place::Anywhere);
        assert_eq!(place("/shoal.v1.Raft/Join"), Place::Forwarded);
        assert_eq!(place("/shoal.v1.Raft/Append"), Place::Anywhere);
        assert_eq!(place("/shoal.v1.Dispatcher/Session"), Place::Hinted);
    }

    #[test]
    fn a_worker_may_work_but_not_manage() {
        let worker = Peer::Node { node_id: NodeId::random(), role: Role::Worker };
        let manager = Peer::Node { node_id: NodeId::random(), role: Role::Manager };
        let local = Peer::Local { node_id: NodeId::random() };
        assert!(allows("/shoal.v1.Dispatcher/Session", &worker));
        assert!(!allows("/shoal.v1.Control/ListNodes", &worker));
        assert!(
            allows("/shoal.v1.Control/ListNodes", &manager) && allows("/shoal.v1.Control/ListNodes", &local)
        );
        assert!(!allows("/shoal.v1.Dispatcher/Session", &Peer::Anonymous));
        assert!(allows("/shoal.v1.Ca/IssueNodeCertificate", &Peer::Anonymous));
        assert!(!allows("/shoal.v1.Control/Nonsense", &local));
        let unknown = Peer::Unknown { node_id: NodeId::random(), is_worker: false };
        assert!(allows("/shoal.v1.Raft/Append", &unknown) && !allows("/shoal.v1.Raft/Append", &worker));
        assert!(
            !allows("/shoal.v1.Raft/Join", &unknown) && !allows("/shoal.v1.Dispatcher/Session", &unknown)
        );
    }
}
