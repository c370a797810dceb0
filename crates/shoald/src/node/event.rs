//! What changes in the swarm, as the event stream of a manager tells it.
//!
//! In: the changes that this node's manager applies. Out: Docker's events of the scope `swarm`, of services, nodes, secrets, configs and
//! networks. Of tasks and of the swarm itself nothing is told, as in Docker, nor of who leads, which is not stored. Changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::event::{Actor, Event, EventKind, Events};
use manager::store::{self, Notice, Object, Store};
use swarm_api::pb::control_client::ControlClient;
use swarm_api::pb::service_spec::Mode;
use swarm_api::{default, now_ns, pb};
use tokio::sync::watch;
use tonic::transport::Channel;

use super::status::Published;

/// Time between two tries to follow a manager that has ended or does not answer yet.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Tells what happens in the swarm while this node is a manager, until the owner is gone.
pub(super) async fn run(mut published: watch::Receiver<Published>, events: Events) {
    loop {
        let Ok(manager) =
            published.wait_for(|published| published.control.is_some()).await.map(|published| {
                (published.store.clone(), published.control.clone(), published.status.node_id.clone())
            })
        else {
            return;
        };
        if let (Some(store), Some(control), node_id) = manager {
            follow(&store, control, &node_id, &events).await;
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

/// Tells until the manager ends. A manager that starts applies its log once more: up to where it reached when somebody led for the first
/// time, everything was told by an earlier life. A new one is given what was before it came, up to its own record as a manager, and that is
/// no news either.
async fn follow(store: &Store, mut control: ControlClient<Channel>, node_id: &str, events: &Events) {
    let mut changes = store.subscribe();
    if control.get_cluster(pb::Empty {}).await.is_err() {
        return;
    }
    while store.view().node(node_id).is_none_or(|node| node.manager_status.is_none()) {
        if matches!(changes.next().await, Notice::Closed) {
            return;
        }
    }
    let known = store.view().index();
    loop {
        match changes.next().await {
            Notice::Changed(change) if change.index > known => {
                let told = change.events.iter().filter_map(|change| told(change, now_ns()));
                told.for_each(|event| events.publish(event));
            }
            Notice::Changed(_) => {}
            Notice::Rescan => tracing::debug!("some events of the swarm were missed"),
            Notice::Closed => return,
        }
    }
}

/// A change as Docker tells it. `now_ns`: when something was deleted, which the store does not note.
fn told(change: &store::Event, now_ns: i64) -> Option<Event> {
    let object = change.object();
    let kind = kind(object)?;
    let meta = object.meta().copied().unwrap_or_default();
    let mut attributes = BTreeMap::from([("name".to_owned(), name(object).to_owned())]);
    let (action, time_ns) = match change {
        store::Event::Created(_) => ("create", meta.created_at_ns),
        // Whoever removes a service is told at once; its tasks end later, and nobody is told again.
        store::Event::Updated { old, .. } | store::Event::Deleted(old) if is_removing(old) => return None,
        store::Event::Updated { new, .. } if is_removing(new) => ("remove", meta.updated_at_ns),
        store::Event::Updated { old, new } => {
            attributes.extend(differences(old, new));
            ("update", meta.updated_at_ns)
        }
        store::Event::Deleted(_) => ("remove", now_ns),
    };
    let actor = Actor { id: object.id().to_owned(), attributes };
    Some(Event { kind, action: action.to_owned(), actor, time_ns })
}

fn kind(object: &Object) -> Option<EventKind> {
    match object {
        Object::Node(_) => Some(EventKind::Node),
        Object::Service(_) => Some(EventKind::Service),
        Object::Secret(_) => Some(EventKind::Secret),
        Object::Config(_) => Some(EventKind::Config),
        Object::Network(_) => Some(EventKind::SwarmNetwork),
        Object::Task(_) | Object::Cluster(_) => None,
    }
}

fn is_removing(object: &Object) -> bool {
    matches!(object, Object::Service(service) if service.removing)
}

/// A node that was given no name has its host's.
fn name(object: &Object) -> &str {
    let annotations = match object {
        Object::Node(node) => node.spec.as_ref().map(|spec| &spec.annotations),
        Object::Service(service) => service.spec.as_ref().map(|spec| &spec.annotations),
        Object::Secret(secret) => secret.spec.as_ref().map(|spec| &spec.annotations),
        Object::Config(config) => config.spec.as_ref().map(|spec| &spec.annotations),
        Object::Network(network) => network.spec.as_ref().map(|spec| &spec.annotations),
        Object::Task(_) | Object::Cluster(_) => None,
    };
    let name = annotations.and_then(Option::as_ref).map_or("", |annotations| &annotations.name);
    match object {
        Object::Node(node) if name.is_empty() => {
            node.description.as_ref().map_or("", |description| &description.hostname)
        }
        _ => name,
    }
}

/// What an update changed, before and after, by the names that Docker gives it.
fn differences(old: &Object, new: &Object) -> Vec<(String, String)> {
    let mut list = Vec::new();
    match (old, new) {
        (Object::Service(old), Object::Service(new)) => {
            differ(&mut list, "image", image(old), image(new));
            differ(&mut list, "replicas", replicas(old), replicas(new));
            differ(&mut list, "updatestate", update_state(old), update_state(new));
        }
        (Object::Node(old), Object::Node(new)) => {
            differ(&mut list, "availability", availability(old), availability(new));
            differ(&mut list, "role", role(old), role(new));
            differ(&mut list, "state", node_state(old), node_state(new));
        }
        _ => {}
    }
    list
}

/// What is there no longer is not told; what was not there before has no `old`.
fn differ(list: &mut Vec<(String, String)>, what: &str, old: Option<String>, new: Option<String>) {
    if old == new || new.is_none() {
        return;
    }
    let named = |when: &str, value: Option<String>| value.map(|value| (format!("{what}.{when}"), value));
    list.extend(named("old", old));
    list.extend(named("new", new));
}

fn image(service: &pb::Service) -> Option<String> {
    Some(service.spec.as_ref()?.task.as_ref()?.container.as_ref()?.image.clone())
}

fn replicas(service: &pb::Service) -> Option<String> {
    match default::mode(service.spec.as_ref()?) {
        Mode::Replicated(replicated) => Some(replicated.replicas.to_string()),
        Mode::Global(_) | Mode::ReplicatedJob(_) | Mode::GlobalJob(_) => None,
    }
}

fn update_state(service: &pb::Service) -> Option<String> {
    let state = service.update_status.as_ref()?.state();
    (state != pb::UpdateState::None).then(|| word(state.as_str_name(), "UPDATE_STATE_"))
}

fn availability(node: &pb::Node) -> Option<String> {
    Some(word(node.spec.as_ref()?.availability().as_str_name(), "NODE_AVAILABILITY_"))
}

fn role(node: &pb::Node) -> Option<String> {
    Some(word(node.spec.as_ref()?.role().as_str_name(), "NODE_ROLE_"))
}

fn node_state(node: &pb::Node) -> Option<String> {
    Some(word(node.status.as_ref()?.state().as_str_name(), "NODE_STATE_"))
}

/// A value of an enumeration in Docker's letters.
fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// When something is told that the store notes no time of.
    const NOW_NS: i64 = 99;

    fn service(image: &str, replicas: u64) -> pb::Service {
        let container = pb::ContainerSpec { image: image.to_owned(), ..Default::default() };
        let spec = pb::ServiceSpec {
            annotations: Some(pb::Annotations { name: "web".to_owned(), ..Default::default() }),
            task: Some(pb::TaskSpec { container: Some(container), ..Default::default() }),
            mode: default::replicated(replicas),
            ..Default::default()
        };
        let meta = pb::Meta { created_at_ns: 1, updated_at_ns: 2, ..Default::default() };
        pb::Service { id: "s".to_owned(), meta: Some(meta), spec: Some(spec), ..Default::default() }
    }

    fn updated<T>(old: T, new: T) -> store::Event
    where
        Object: From<T>,
    {
        store::Event::Updated { old: old.into(), new: new.into() }
    }

    /// What is told, in one line: kind, action, moment, attributes.
    fn line(change: &store::Event) -> Option<String> {
        let Event { kind, action, actor, time_ns } = told(change, NOW_NS)?;
        let attributes: Vec<String> =
            actor.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Some(format!("{kind} {action} {} {time_ns} {}", actor.id, attributes.join(" ")))
    }

    #[test]
    fn services_come_change_and_go() {
        let created = store::Event::Created(service("a", 1).into());
        assert_eq!(line(&created).as_deref(), Some("service create s 1 name=web"));
        let told = line(&updated(service("a", 1), service("b", 2)));
        let all = "service update s 2 image.new=b image.old=a name=web replicas.new=2 replicas.old=1";
        assert_eq!(told.as_deref(), Some(all));
        assert_eq!(
            line(&updated(service("a", 1), service("a", 1))).as_deref(),
            Some("service update s 2 name=web")
        );
    }

    #[test]
    fn an_update_is_told_with_what_it_was_before() {
        let in_state = |state: pb::UpdateState| {
            let status = pb::UpdateStatus { state: state.into(), ..Default::default() };
            pb::Service { update_status: Some(status), ..service("a", 1) }
        };
        let begun = line(&updated(service("a", 1), in_state(pb::UpdateState::Updating)));
        assert_eq!(begun.as_deref(), Some("service update s 2 name=web updatestate.new=updating"));
        let (from, to) = (pb::UpdateState::Updating, pb::UpdateState::RollbackStarted);
        let back = line(&updated(in_state(from), in_state(to)));
        let all = "service update s 2 name=web updatestate.new=rollback_started updatestate.old=updating";
        assert_eq!(back.as_deref(), Some(all));
    }

    #[test]
    fn a_service_is_removed_once_when_it_is_asked_for() {
        let going = || pb::Service { removing: true, ..service("a", 1) };
        assert_eq!(line(&updated(service("a", 1), going())).as_deref(), Some("service remove s 2 name=web"));
        assert_eq!(line(&updated(going(), going())), None);
        assert_eq!(line(&store::Event::Deleted(going().into())), None);
    }

    #[test]
    fn nodes_tell_what_became_of_them() {
        let node = |availability: pb::NodeAvailability, state: pb::NodeState| pb::Node {
            id: "n".to_owned(),
            spec: Some(pb::NodeSpec { availability: availability.into(), ..Default::default() }),
            description: Some(pb::NodeDescription { hostname: "host".to_owned(), ..Default::default() }),
            status: Some(pb::NodeStatus { state: state.into(), ..Default::default() }),
            ..Default::default()
        };
        let old = node(pb::NodeAvailability::Active, pb::NodeState::Ready);
        let new = node(pb::NodeAvailability::Drain, pb::NodeState::Down);
        let all = "node update n 0 availability.new=drain availability.old=active name=host state.new=down state.old=ready";
        assert_eq!(line(&updated(old, new)).as_deref(), Some(all));
    }

    #[test]
    fn files_and_networks_have_names_and_tasks_are_not_told() {
        let annotations = || Some(pb::Annotations { name: "x".to_owned(), ..Default::default() });
        let spec = Some(pb::FileSpec { annotations: annotations(), ..Default::default() });
        let secret = pb::Secret { id: "f".to_owned(), spec, ..Default::default() };
        let deleted = store::Event::Deleted(Object::Secret(Arc::new(secret)));
        assert_eq!(line(&deleted).as_deref(), Some("secret remove f 99 name=x"));
        let spec = Some(pb::NetworkSpec { annotations: annotations(), ..Default::default() });
        let network = pb::Network { id: "w".to_owned(), spec, ..Default::default() };
        let created = store::Event::Created(network.into());
        assert_eq!(line(&created).as_deref(), Some("network create w 0 name=x"));
        assert_eq!(line(&store::Event::Created(pb::Task::default().into())), None);
    }
}
