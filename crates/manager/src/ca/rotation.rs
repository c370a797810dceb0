//! Root rotation: from one root to the next without an outage.
//!
//! 1. A new root is made (or given), and the old one signs its key. From now on certificates are signed by the new root, and
//!    their chain leads to both. Everybody still trusts the old root alone, which covers old and new certificates.
//! 2. Each node's session tells that another key is to have signed its certificate. It asks for a new one, and tells with its
//!    next session whose it has.
//! 3. When every node that is not down has one, the new root takes the old one's place, with new join tokens. Sessions tell so,
//!    and nodes fetch the chain that ends in the new root: now the old one is trusted by nobody.
//!
//! A node that was down meanwhile trusts the managers by what the earlier root had signed, and comes back with its key.

use std::collections::BTreeSet;

use swarm_api::pb::{self, NodeState};
use tokio_util::sync::CancellationToken;

use super::authority::certificate_der;
use super::root::{EXTERNAL, Root, issuer_digest, normalized};
use super::{AuthorityError, join_tokens_of};
use crate::leader::Handles;
use crate::node;
use crate::reconcile::{self, Planned, Planner, ReconcileError};
use crate::store::{Action, Event, Object, View};

/// So many earlier roots vouch for the present one; who slept through more rotations must join anew.
const MAX_EARLIER: usize = 4;

/// What a user asks of the root.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish<'a> {
    /// Another number than before asks for a fresh root.
    pub(crate) force_rotate: u64,
    /// The root to rotate to; empty: a fresh one.
    pub(crate) certificate_pem: &'a [u8],
    pub(crate) key_pem: &'a [u8],
}

/// The authority as the user wants it. A rotation replaces one under way; one to the root there is ends it.
pub(crate) fn wished(root: &pb::RootCa, wish: Wish<'_>, now_ns: i64) -> Result<pb::RootCa, AuthorityError> {
    let mut wished = root.clone();
    wished.forced_rotation = wish.force_rotate;
    if wish.certificate_pem.is_empty() {
        if !wish.key_pem.is_empty() {
            return Err(AuthorityError::Given(
                "if a signing CA key is provided, the signing CA cert must also be provided".into(),
            ));
        }
        if wish.force_rotate == root.forced_rotation {
            return Ok(root.clone());
        }
        return begin(wished, Root::generate(now_ns)?, now_ns);
    }
    let given = || Root::given(wish.certificate_pem, wish.key_pem, now_ns);
    let certificate_pem = normalized(wish.certificate_pem)?;
    let wanted = root.rotation.as_ref().map_or(&root.certificate_pem, |rotation| &rotation.certificate_pem);
    if certificate_pem == *wanted {
        // Nothing is to be done: a key that is not of it would be taken for good otherwise.
        if !wish.key_pem.is_empty() {
            given()?;
        }
        return Ok(wished);
    }
    if wish.key_pem.is_empty() {
        return Err(AuthorityError::Given(EXTERNAL.into()));
    }
    let given = given()?;
    if given.is(&root.certificate_pem) {
        wished.rotation = None;
        wished.issuer_digest = issuer_digest(&root.certificate_pem)?;
        return Ok(wished);
    }
    begin(wished, given, now_ns)
}

fn begin(mut root: pb::RootCa, new: Root, now_ns: i64) -> Result<pb::RootCa, AuthorityError> {
    let old = Root { certificate_pem: root.certificate_pem.clone(), key_pem: root.key_pem.clone() };
    root.issuer_digest = issuer_digest(&new.certificate_pem)?;
    root.rotation = Some(pb::RootRotation {
        cross_signed_pem: new.crossed_by(&old, now_ns)?,
        join_tokens: Some(join_tokens_of(&new.certificate_pem)?),
        certificate_pem: new.certificate_pem,
        key_pem: new.key_pem,
    });
    Ok(root)
}

/// The authority after its rotation, with the tokens to join by.
fn finished(root: &pb::RootCa) -> Option<(pb::RootCa, pb::JoinTokens)> {
    let rotation = root.rotation.clone()?;
    let der = certificate_der(&rotation.certificate_pem).ok()?;
    let mut cross_signed_pem = vec![rotation.cross_signed_pem];
    cross_signed_pem.extend(root.cross_signed_pem.iter().take(MAX_EARLIER - 1).cloned());
    let new = pb::RootCa {
        certificate_pem: rotation.certificate_pem,
        key_pem: rotation.key_pem,
        digest: swarm_api::token::RootDigest::of(&der).hex(),
        issuer_digest: root.issuer_digest.clone(),
        cross_signed_pem,
        rotation: None,
        forced_rotation: root.forced_rotation,
    };
    Some((new, rotation.join_tokens?))
}

/// Whether the node has a certificate of the key of this digest, or cannot be waited for.
fn is_moved(node: &pb::Node, issuer: &str) -> bool {
    match node::state(node) {
        NodeState::Down | NodeState::Unknown => true,
        NodeState::Ready | NodeState::Disconnected => {
            let tls = node.description.as_ref().and_then(|description| description.tls.as_ref());
            tls.is_some_and(|tls| swarm_api::token::RootDigest::of(&tls.issuer_public_key).hex() == issuer)
        }
    }
}

/// Ends rotations when every node has moved.
pub(crate) async fn run(handles: Handles, stop: CancellationToken) -> Result<(), ReconcileError> {
    reconcile::run(Rotation, handles, stop).await
}

/// Its only key is the cluster's id.
struct Rotation;

impl Planner for Rotation {
    fn touch(&self, view: &View, event: &Event, dirty: &mut BTreeSet<String>) {
        if matches!(event.object(), Object::Node(_) | Object::Cluster(_)) {
            dirty.extend(self.everything(view));
        }
    }

    fn everything(&self, view: &View) -> BTreeSet<String> {
        let rotates = |cluster: &&std::sync::Arc<pb::Cluster>| {
            cluster.root_ca.as_ref().is_some_and(|root| root.rotation.is_some())
        };
        view.cluster().filter(rotates).map(|cluster| cluster.id.clone()).into_iter().collect()
    }

    fn plan(&self, view: &View, _dirty: &BTreeSet<String>, _now_ns: i64) -> Planned {
        let mut planned = Planned::default();
        let Some(cluster) = view.cluster() else { return planned };
        let Some(root) = &cluster.root_ca else { return planned };
        if !view.nodes().all(|node| is_moved(node, &root.issuer_digest)) {
            return planned;
        }
        if let Some((new, tokens)) = finished(root) {
            let mut cluster = pb::Cluster::clone(cluster);
            cluster.root_ca = Some(new);
            cluster.join_tokens = Some(tokens);
            planned.actions.push(Action::put(cluster));
        }
        planned
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use swarm_api::id::NodeId;
    use swarm_api::role::Role;
    use swarm_api::tls::{Identity, NodeKey, trusts};
    use swarm_api::token::JoinToken;

    use super::*;
    use crate::ca::{Grant, generate, issue, join_tokens};

    fn now_ns() -> i64 {
        swarm_api::now_ns()
    }

    fn forced(root: &pb::RootCa) -> pb::RootCa {
        let wish = Wish { force_rotate: root.forced_rotation + 1, ..Wish::default() };
        wished(root, wish, now_ns()).expect("rotates")
    }

    fn end(root: &pb::RootCa) -> pb::RootCa {
        finished(root).expect("a rotation").0
    }

    fn identity(root: &pb::RootCa) -> Identity {
        let (key, node_id) = (NodeKey::generate().expect("a key"), NodeId::random());
        let validity = Duration::from_secs(3600);
        let grant =
            Grant { node_id: &node_id, role: Role::Manager, cluster_id: "c", now_ns: now_ns(), validity };
        let chain = issue(root, &key.csr_der().expect("a request"), &grant).expect("signs");
        Identity::from_pem(&chain, &key.to_pem()).expect("an identity")
    }

    #[test]
    fn old_and_new_certificates_are_trusted_until_the_end_and_new_ones_after_it() {
        let first = generate(now_ns()).expect("a root");
        let during = forced(&first);
        let after = end(&during);
        let (old, new, last) = (identity(&first), identity(&during), identity(&after));
        assert_eq!(old.authority().trust_digest, new.authority().trust_digest);
        assert_ne!(old.authority().issuer_digest, new.authority().issuer_digest);
        assert_eq!(new.authority().issuer_digest, during.issuer_digest);
        assert_eq!(last.authority().issuer_digest, during.issuer_digest);
        assert_eq!(last.authority().trust_digest, after.digest);
        for (who, whom, trusted) in [
            (&old, &new, true),
            (&new, &old, true),
            (&old, &last, true),
            (&new, &last, true),
            (&last, &new, true),
            (&last, &old, false),
        ] {
            assert_eq!(trusts(who, whom), trusted, "{:?} and {:?}", who.authority(), whom.authority());
        }
    }

    #[test]
    fn who_slept_through_some_rotations_knows_the_managers_still() {
        let mut root = generate(now_ns()).expect("a root");
        let slept = identity(&root);
        for round in 0..=MAX_EARLIER {
            assert!(trusts(&slept, &identity(&root)), "after {round} rotations");
            root = end(&forced(&root));
        }
        assert_eq!(root.cross_signed_pem.len(), MAX_EARLIER);
        assert!(!trusts(&slept, &identity(&root)));
    }

    #[test]
    fn a_second_rotation_replaces_the_first() {
        let first = generate(now_ns()).expect("a root");
        let once = forced(&first);
        let twice = forced(&once);
        assert_ne!(once.issuer_digest, twice.issuer_digest);
        let moved = identity(&once);
        assert!(trusts(&moved, &identity(&twice)) && trusts(&identity(&twice), &moved));
        let same = Wish { force_rotate: twice.forced_rotation, ..Wish::default() };
        assert_eq!(wished(&twice, same, now_ns()).expect("as it is"), twice);
    }

    #[test]
    fn a_given_root_is_taken_and_the_old_one_given_again_ends_the_rotation() {
        let first = generate(now_ns()).expect("a root");
        let other = generate(now_ns()).expect("a root");
        let give = |root: &pb::RootCa, given: &pb::RootCa| {
            let wish =
                Wish { force_rotate: 0, certificate_pem: &given.certificate_pem, key_pem: &given.key_pem };
            wished(root, wish, now_ns()).expect("takes it")
        };
        let during = give(&first, &other);
        assert_eq!(during.issuer_digest, other.issuer_digest);
        assert_eq!(give(&during, &other), during, "it is wished already");
        assert_eq!(give(&during, &first), first);
        let (after, tokens) = finished(&during).expect("a rotation");
        assert_eq!((&after.digest, &after.key_pem), (&other.digest, &other.key_pem));
        let token: JoinToken = tokens.worker.parse().expect("a token");
        let fresh: JoinToken = join_tokens(&other).expect("tokens").worker.parse().expect("a token");
        assert_eq!(token.digest(), fresh.digest());
    }

    #[test]
    fn what_is_no_root_is_refused_with_the_reason() {
        let first = generate(now_ns()).expect("a root");
        let other = generate(now_ns()).expect("a root");
        let refused = |certificate: &[u8], key: &[u8]| {
            let wish = Wish { force_rotate: 1, certificate_pem: certificate, key_pem: key };
            wished(&first, wish, now_ns()).expect_err("no root").to_string()
        };
        assert!(refused(b"", &other.key_pem).contains("must also be provided"));
        assert!(refused(&other.certificate_pem, b"").contains("external"));
        assert!(refused(b"nonsense", &other.key_pem).contains("cannot be read"));
        assert!(refused(&other.certificate_pem, b"nonsense").contains("key cannot be used"));
        assert!(refused(&other.certificate_pem, &first.key_pem).contains("do not match"));
        assert!(
            refused(&first.certificate_pem, &other.key_pem).contains("do not match"),
            "though it is the one there is"
        );
        let two = [other.certificate_pem.clone(), first.certificate_pem.clone()].concat();
        assert!(refused(&two, &other.key_pem).contains("multiple certificates"));
        let year_ns = 365 * 24 * 3600 * 1_000_000_000;
        let old = generate(now_ns() - 20 * year_ns + year_ns / 2).expect("a root");
        assert!(refused(&old.certificate_pem, &old.key_pem).contains("expires too soon"));
        let leaf = identity(&other);
        assert!(
            refused(
                leaf.chain_pem.split_inclusive("-----END CERTIFICATE-----\n").next().expect("one").as_bytes(),
                leaf.key_pem.as_bytes()
            )
            .contains("authority")
        );
    }

    #[test]
    fn nodes_that_are_down_are_not_waited_for() {
        let first = generate(now_ns()).expect("a root");
        let during = forced(&first);
        let node = |state: NodeState, identity: Option<&Identity>| pb::Node {
            status: Some(pb::NodeStatus { state: state.into(), ..Default::default() }),
            description: Some(pb::NodeDescription {
                tls: identity.map(|identity| identity.tls().clone()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let moved = |node: &pb::Node| is_moved(node, &during.issuer_digest);
        let (old, new) = (identity(&first), identity(&during));
        assert!(!moved(&node(NodeState::Ready, Some(&old))) && moved(&node(NodeState::Ready, Some(&new))));
        assert!(!moved(&node(NodeState::Disconnected, Some(&old))) && !moved(&node(NodeState::Ready, None)));
        assert!(moved(&node(NodeState::Down, Some(&old))));
    }
}
