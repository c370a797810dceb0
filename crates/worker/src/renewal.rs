//! Keeps the node's certificate fresh: after half of its life, when the managers tell of another authority or role, and by the
//! node's key alone when its certificate is accepted no more.
//!
//! [`due`] decides, and is pure; [`run`] asks one manager after the other, and remembers the answer before it is used.

use std::sync::Arc;
use std::time::Duration;

use swarm_api::join;
use swarm_api::pb;
use swarm_api::role::Role;
use swarm_api::tls::{Identity, NodeKey, SharedIdentity};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::agent::AgentStatus;
use crate::backoff::Backoff;
use crate::clock::now_ns;
use crate::link::Connect;

const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_CAP: Duration = Duration::from_secs(60);
/// Without news it is looked again so often, since clocks may be set.
const LOOK: Duration = Duration::from_secs(600);
/// How long one manager may take.
const ASK: Duration = Duration::from_secs(10);
/// A node without a session for so long tries whether its certificate is the reason.
const LONELY: Duration = Duration::from_secs(5);
/// Between two certificates there is so much at least.
const SPACING: Duration = Duration::from_millis(100);
/// All nodes hear of another authority at the same time: they ask within this.
const SPREAD: Duration = Duration::from_millis(200);
/// Renewals by time are spread over this part of the certificate's life, after half of it.
const SPREAD_PART: f64 = 0.1;

/// What is to be done about the certificate.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Due {
    /// Nothing for so long.
    In(Duration),
    /// A new one is to be asked for with the present one.
    Renew,
    /// A new one is to be asked for by the key.
    Readmit,
}

/// What the decision is made of.
struct Standing<'a> {
    identity: &'a Identity,
    /// What the managers told last.
    told: &'a AgentStatus,
    /// How long there has been no session; none, if there is one.
    alone: Option<Duration>,
    now_ns: i64,
    /// Where in the time for renewals this node renews, from 0 to 1.
    jitter: f64,
}

fn due(standing: &Standing<'_>) -> Due {
    let Standing { identity, told, alone, now_ns, jitter } = standing;
    if identity.is_over(*now_ns) {
        return Due::Readmit;
    }
    if alone.is_some_and(|alone| alone >= LONELY) {
        return Due::Readmit;
    }
    let begin_ns = identity.renew_at_ns();
    let room_ns = (identity.not_after_ns - begin_ns) as f64 * 2.0 * SPREAD_PART * jitter;
    let left_ns = begin_ns.saturating_add(room_ns as i64).saturating_sub(*now_ns);
    // Without a session nobody would answer, and what was told may be old.
    if alone.is_none() && (left_ns <= 0 || is_another(identity, told)) {
        return Due::Renew;
    }
    let left = Duration::from_nanos(u64::try_from(left_ns).unwrap_or(0)).min(LOOK);
    match alone {
        Some(alone) => Due::In(LONELY.saturating_sub(*alone)),
        None => Due::In(left),
    }
}

/// Whether the managers want a certificate of another authority, or for another role.
fn is_another(identity: &Identity, told: &AgentStatus) -> bool {
    let own = identity.authority();
    let differs = |told: &str, own: &str| !told.is_empty() && told != own;
    let authority = told.authority.as_ref().is_some_and(|told| {
        differs(&told.trust_digest, &own.trust_digest) || differs(&told.issuer_digest, &own.issuer_digest)
    });
    // Who is to manage no longer does until the other managers have let it go.
    let role = |node: &pb::Node| match node.manager_status {
        Some(_) => Some(Role::Manager),
        None => node.spec.as_ref().map(|spec| Role::from(spec.role())),
    };
    authority || told.node.as_ref().and_then(role).is_some_and(|role| role != identity.role)
}

/// Keeps the certificate fresh until the agent ends; does nothing where there is none.
pub(crate) async fn run(connect: Arc<dyn Connect>, mut status: watch::Receiver<AgentStatus>) {
    let Some(shared) = connect.identity() else { return std::future::pending().await };
    let renewal = Renewal { connect, shared };
    let mut backoff = Backoff::new(RETRY_FIRST, RETRY_CAP);
    let jitter = rand::random_range(0.0..1.0);
    let (mut lost, mut not_before) = (Some(Instant::now()), Instant::now());
    loop {
        let told = status.borrow_and_update().clone();
        if told.connected && lost.take().is_some() {
            // The certificate is good, and somebody is there to ask.
            backoff.reset();
            not_before = Instant::now();
        }
        if !told.connected {
            lost.get_or_insert_with(Instant::now);
        }
        let identity = renewal.shared.get();
        let alone = lost.map(|lost| lost.elapsed());
        let standing = Standing { identity: &identity, told: &told, alone, now_ns: now_ns(), jitter };
        let due = due(&standing);
        let wait = match due {
            Due::In(wait) => Some(wait),
            Due::Renew | Due::Readmit => not_before.checked_duration_since(Instant::now()),
        };
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            tokio::select! {
                () = sleep(wait) => {}
                () = renewal.shared.replaced(&identity) => {}
                changed = status.changed() => if changed.is_err() { return },
            }
            continue;
        }
        if due == Due::Renew {
            sleep(SPREAD.mul_f64(rand::random_range(0.0..=1.0))).await;
        }
        let asked = renewal.ask(due, &identity, &told.managers).await;
        // An answer by the key alone proves nothing yet: the wait grows until there is a session.
        not_before =
            Instant::now() + if asked.is_ok() && told.connected { SPACING } else { backoff.next_delay() };
        match asked {
            Ok(()) => {}
            Err(error) if told.connected || backoff.failures() == 1 => {
                tracing::warn!(%error, "the certificate is not renewed, tries again");
            }
            Err(error) => tracing::debug!(%error, "the certificate is not renewed, tries again"),
        }
    }
}

struct Renewal {
    connect: Arc<dyn Connect>,
    shared: SharedIdentity,
}

impl Renewal {
    /// Asks the managers, one after the other: as the node that it is, or with nothing but the key.
    async fn ask(&self, due: Due, identity: &Identity, managers: &[String]) -> Result<(), String> {
        let mut refusal = "no manager is known".to_owned();
        for addr in managers {
            let asked = async {
                match due {
                    Due::Readmit => self.readmit(identity, addr).await,
                    Due::Renew | Due::In(_) => self.renew(identity, addr).await,
                }
            };
            match timeout(ASK, asked).await {
                Ok(Ok(identity)) => return self.take(identity),
                Ok(Err(error)) => refusal = error,
                Err(_) => refusal = format!("no answer from {addr} in time"),
            }
        }
        Err(refusal)
    }

    async fn renew(&self, identity: &Identity, addr: &str) -> Result<Identity, String> {
        let key = NodeKey::from_pem(&identity.key_pem).map_err(|error| error.to_string())?;
        let channel = self.connect.connect(addr).await?;
        join::renew(channel, &key).await.map_err(|error| error.to_string())
    }

    async fn readmit(&self, identity: &Identity, addr: &str) -> Result<Identity, String> {
        let channel = self.connect.connect_unknown(addr).await?;
        join::readmit(channel, identity).await.map_err(|error| error.to_string())
    }

    fn take(&self, identity: Identity) -> Result<(), String> {
        self.connect.keep(&identity)?;
        tracing::info!(role = %identity.role, "the node has a new certificate");
        self.shared.set(identity);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    const HOUR_NS: i64 = 3600 * 1_000_000_000;

    /// A worker, its certificate good for a day.
    fn identity() -> Identity {
        let root_key = KeyPair::generate().expect("a key");
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_pem = root.self_signed(&root_key).expect("signs").pem();
        let key = KeyPair::generate().expect("a key");
        let mut leaf = CertificateParams::default();
        leaf.distinguished_name = DistinguishedName::new();
        leaf.distinguished_name.push(DnType::CommonName, "node");
        leaf.distinguished_name.push(DnType::OrganizationalUnitName, Role::Worker.unit());
        leaf.distinguished_name.push(DnType::OrganizationName, "cluster");
        leaf.not_before = time::OffsetDateTime::now_utc() - swarm_api::default::CLOCK_SKEW;
        leaf.not_after = time::OffsetDateTime::now_utc() + time::Duration::DAY;
        let leaf = leaf.signed_by(&key, &Issuer::new(root, root_key)).expect("signs");
        Identity::from_pem(&(leaf.pem() + &root_pem), &key.serialize_pem()).expect("an identity")
    }

    fn at(identity: &Identity, told: &AgentStatus, alone: Option<u64>, now_ns: i64) -> Due {
        let alone = alone.map(Duration::from_secs);
        due(&Standing { identity, told, alone, now_ns, jitter: 0.5 })
    }

    #[test]
    fn after_half_of_its_life_and_a_little_it_is_renewed() {
        let (identity, told) = (identity(), AgentStatus::default());
        let begin_ns = identity.renew_at_ns();
        assert_eq!(at(&identity, &told, None, begin_ns - 2 * HOUR_NS), Due::In(LOOK));
        assert!(matches!(at(&identity, &told, None, begin_ns), Due::In(wait) if !wait.is_zero()));
        let later_ns = begin_ns + (identity.not_after_ns - begin_ns) / 5;
        assert_eq!(at(&identity, &told, None, later_ns), Due::Renew);
        assert!(matches!(at(&identity, &told, Some(1), later_ns), Due::In(_)), "nobody is there to ask");
        assert_eq!(at(&identity, &told, Some(1), identity.not_after_ns), Due::Readmit);
        assert_eq!(at(&identity, &told, None, identity.not_after_ns), Due::Readmit);
    }

    #[test]
    fn another_authority_or_role_is_renewed_at_once() {
        let identity = identity();
        let now_ns = identity.renew_at_ns() - HOUR_NS;
        let own = identity.authority().clone();
        let told = |authority: pb::Authority, role: pb::NodeRole| AgentStatus {
            authority: Some(authority),
            node: Some(pb::Node {
                spec: Some(pb::NodeSpec { role: role.into(), ..Default::default() }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let due = |told: &AgentStatus| at(&identity, told, None, now_ns);
        assert!(matches!(due(&told(own.clone(), pb::NodeRole::Worker)), Due::In(_)));
        assert!(matches!(due(&told(pb::Authority::default(), pb::NodeRole::Worker)), Due::In(_)));
        assert_eq!(due(&told(own.clone(), pb::NodeRole::Manager)), Due::Renew);
        let other = pb::Authority { issuer_digest: "other".into(), ..own.clone() };
        assert_eq!(due(&told(other.clone(), pb::NodeRole::Worker)), Due::Renew);
        let other = pb::Authority { trust_digest: "other".into(), ..own };
        assert_eq!(due(&told(other.clone(), pb::NodeRole::Worker)), Due::Renew);
        assert!(matches!(at(&identity, &told(other, pb::NodeRole::Worker), Some(1), now_ns), Due::In(_)));
    }

    #[test]
    fn who_is_alone_for_long_tries_its_key() {
        let (identity, told) = (identity(), AgentStatus::default());
        let now_ns = identity.renew_at_ns() - HOUR_NS;
        assert_eq!(at(&identity, &told, Some(0), now_ns), Due::In(LONELY));
        assert_eq!(at(&identity, &told, Some(5), now_ns), Due::Readmit);
    }
}
