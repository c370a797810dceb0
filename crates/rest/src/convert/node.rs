//! Nodes: proto ↔ model.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_api::Timestamp;
use engine_api::swarm as api;
use swarm_api::pb;

use super::service::told_generic;
use super::swarm::version;
use crate::failure::Failure;

/// A node, as it is told.
pub(crate) fn node(node: pb::Node) -> api::Node {
    let meta = node.meta.unwrap_or_default();
    let description = node.description.unwrap_or_default();
    api::Node {
        id: node.id,
        version: version(&meta),
        created_at: Timestamp::from_ns_or_never(meta.created_at_ns),
        updated_at: Timestamp::from_ns_or_never(meta.updated_at_ns),
        spec: told_spec(node.spec.unwrap_or_default()),
        description: told_description(description),
        status: told_status(node.status.unwrap_or_default()),
        manager_status: node.manager_status.map(|status| api::ManagerStatus {
            leader: status.leader,
            reachability: if status.reachable { "reachable" } else { "unreachable" }.to_owned(),
            addr: status.addr,
        }),
    }
}

fn told_spec(spec: pb::NodeSpec) -> api::NodeSpec {
    let (role, availability) = (role_word(spec.role()), availability_word(spec.availability()));
    let annotations = spec.annotations.unwrap_or_default();
    api::NodeSpec {
        name: annotations.name,
        labels: annotations.labels.into_iter().collect(),
        role: role.to_owned(),
        availability: availability.to_owned(),
    }
}

fn told_description(description: pb::NodeDescription) -> api::NodeDescription {
    let plugin = |text: String| {
        let (kind, name) = text.split_once('/').unwrap_or(("", &text));
        api::EnginePlugin { kind: kind.to_owned(), name: name.to_owned() }
    };
    api::NodeDescription {
        hostname: description.hostname,
        platform: api::Platform { architecture: description.architecture, os: description.os },
        resources: api::ResourceObject {
            nano_cpus: description.nano_cpus,
            memory_bytes: description.memory_bytes,
            generic_resources: description.generic_resources.into_iter().map(told_generic).collect(),
        },
        engine: api::EngineDescription {
            engine_version: description.engine_version,
            labels: description.engine_labels.into_iter().collect(),
            plugins: description.plugins.into_iter().map(plugin).collect(),
        },
        tls_info: told_tls(&description.tls.unwrap_or_default()),
    }
}

/// What the node uses, as it tells; empty before it has told anything.
fn told_tls(tls: &pb::NodeTls) -> api::TlsInfo {
    api::TlsInfo {
        trust_root: String::from_utf8_lossy(&tls.trust_root_pem).into_owned(),
        cert_issuer_subject: STANDARD.encode(&tls.issuer_subject),
        cert_issuer_public_key: STANDARD.encode(&tls.issuer_public_key),
    }
}

fn told_status(status: pb::NodeStatus) -> api::NodeStatus {
    let state = match status.state() {
        pb::NodeState::Unknown => "unknown",
        pb::NodeState::Down => "down",
        pb::NodeState::Ready => "ready",
        pb::NodeState::Disconnected => "disconnected",
    };
    api::NodeStatus { state: state.to_owned(), message: status.message, addr: status.addr }
}

/// The wishes for a node, as the managers take them.
pub(crate) fn spec(spec: api::NodeSpec) -> Result<pb::NodeSpec, Failure> {
    if spec.availability.is_empty() {
        // To say nothing would bring a drained node back.
        return Err(Failure::invalid("invalid Availability: \"\": want active, pause or drain"));
    }
    Ok(pb::NodeSpec {
        role: role(&spec.role)?.into(),
        availability: availability(&spec.availability)?.into(),
        annotations: Some(pb::Annotations { name: spec.name, labels: spec.labels.into_iter().collect() }),
    })
}

/// Reads a role.
pub(crate) fn role(word: &str) -> Result<pb::NodeRole, Failure> {
    match word.to_ascii_lowercase().as_str() {
        "worker" => Ok(pb::NodeRole::Worker),
        "manager" => Ok(pb::NodeRole::Manager),
        _ => Err(Failure::invalid(format!("invalid Role: {word:?}: want worker or manager"))),
    }
}

/// The word of a role.
pub(crate) fn role_word(role: pb::NodeRole) -> &'static str {
    match role {
        pb::NodeRole::Worker => "worker",
        pb::NodeRole::Manager => "manager",
    }
}

/// Reads an availability; empty is active.
pub(crate) fn availability(word: &str) -> Result<pb::NodeAvailability, Failure> {
    match word.to_ascii_lowercase().as_str() {
        "" | "active" => Ok(pb::NodeAvailability::Active),
        "pause" => Ok(pb::NodeAvailability::Pause),
        "drain" => Ok(pb::NodeAvailability::Drain),
        _ => Err(Failure::invalid(format!("invalid Availability: {word:?}: want active, pause or drain"))),
    }
}

fn availability_word(availability: pb::NodeAvailability) -> &'static str {
    match availability {
        pb::NodeAvailability::Active => "active",
        pb::NodeAvailability::Pause => "pause",
        pb::NodeAvailability::Drain => "drain",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_can_be_asked_for() {
        for role in ["worker", "manager"] {
            for availability in ["active", "pause", "drain"] {
                let labels = [("a".to_owned(), "b".to_owned())].into();
                let wish = api::NodeSpec {
                    name: "n".into(),
                    labels,
                    role: role.into(),
                    availability: availability.into(),
                };
                assert_eq!(told_spec(spec(wish.clone()).expect("spec")), wish);
            }
        }
        assert!(spec(api::NodeSpec::default()).is_err(), "a role is needed");
        assert!(availability("asleep").is_err());
    }
}
