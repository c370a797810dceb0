//! Nodes that were removed and may still have a certificate: they are remembered until its end.
//!
//! For workers the absence of their record is enough. A manager that is behind does not know every manager yet and hears those
//! it does not know as members of the log; nobody who was removed may be taken for one.

use swarm_api::pb;

use super::authority::certificate_end_ns;
use crate::store::View;

/// So many are remembered, the newest; removing as many within a certificate's life is beyond any swarm.
const MAX_REMOVED: usize = 1000;

/// Remembers a node that is removed, and forgets those whose certificates have ended.
pub(crate) fn remember(cluster: &mut pb::Cluster, node: &pb::Node, now_ns: i64) {
    cluster.removed_nodes.retain(|removed| removed.until_ns > now_ns && removed.node_id != node.id);
    if let Some(until_ns) = certificate_end_ns(&node.certificate_pem)
        && until_ns > now_ns
    {
        let excess = (cluster.removed_nodes.len() + 1).saturating_sub(MAX_REMOVED);
        cluster.removed_nodes.drain(..excess);
        cluster.removed_nodes.push(pb::RemovedNode { node_id: node.id.clone(), until_ns });
    }
}

/// Whether the node was removed and has not joined since.
pub(crate) fn is_removed(view: &View, node_id: &str) -> bool {
    view.node(node_id).is_none()
        && view
            .cluster()
            .is_some_and(|cluster| cluster.removed_nodes.iter().any(|removed| removed.node_id == node_id))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use swarm_api::id::NodeId;
    use swarm_api::role::Role;
    use swarm_api::tls::NodeKey;

    use super::*;
    use crate::ca::{Grant, generate, issue};

    const HOUR_NS: i64 = 3600 * 1_000_000_000;

    /// A node whose certificate was made at this time, for an hour.
    fn node(id: &str, now_ns: i64) -> pb::Node {
        let root = generate(0).expect("a root");
        let (node_id, validity) = (NodeId::from(id), Duration::from_secs(3600));
        let grant = Grant { node_id: &node_id, role: Role::Manager, cluster_id: "c", now_ns, validity };
        let request = NodeKey::generate().expect("a key").csr_der().expect("a request");
        let certificate_pem = issue(&root, &request, &grant).expect("signs").into_bytes();
        pb::Node { id: id.to_owned(), certificate_pem, ..Default::default() }
    }

    fn removed(cluster: &pb::Cluster) -> Vec<&str> {
        cluster.removed_nodes.iter().map(|removed| removed.node_id.as_str()).collect()
    }

    #[test]
    fn until_the_end_of_their_certificates_nodes_are_remembered() {
        let mut cluster = pb::Cluster::default();
        remember(&mut cluster, &node("a", 0), 0);
        remember(&mut cluster, &node("b", HOUR_NS / 2), HOUR_NS / 2);
        assert_eq!(removed(&cluster), ["a", "b"]);
        remember(&mut cluster, &node("a", HOUR_NS / 2), HOUR_NS / 2);
        assert_eq!(removed(&cluster), ["b", "a"]);
        remember(&mut cluster, &node("old", 0), 2 * HOUR_NS);
        assert!(removed(&cluster).is_empty());
        remember(&mut cluster, &pb::Node::default(), 0);
        assert!(removed(&cluster).is_empty(), "without a certificate");
    }

    #[test]
    fn it_takes_no_more_room_than_said() {
        let of = |number: usize| pb::RemovedNode { node_id: number.to_string(), until_ns: HOUR_NS };
        let mut cluster =
            pb::Cluster { removed_nodes: (0..MAX_REMOVED).map(of).collect(), ..Default::default() };
        remember(&mut cluster, &node("a", 0), 0);
        let removed = removed(&cluster);
        assert_eq!((removed.len(), removed.first(), removed.last()), (MAX_REMOVED, Some(&"1"), Some(&"a")));
    }
}
