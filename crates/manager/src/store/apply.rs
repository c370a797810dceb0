//! The one way by which state changes, on every manager alike: pure, deterministic, all or nothing.

use std::sync::Arc;

use swarm_api::pb;
use thiserror::Error;

use super::index::{index, unindex};
use super::{Action, Event, Kind, Object, State, Transaction};

/// Why a transaction was refused. Nothing of it was applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The object is not in the version the change was decided on (clients look for these words).
    #[error("update out of sequence")]
    OutOfSequence {
        /// Which kind.
        kind: Kind,
        /// Which one.
        id: String,
        /// The version the change named.
        expected: u64,
        /// The version it has.
        actual: u64,
    },
    /// The object to be changed or deleted does not exist (any more).
    #[error("{kind} {id} not found")]
    NotFound {
        /// Which kind.
        kind: Kind,
        /// Which one.
        id: String,
    },
    /// An object of this id exists already.
    #[error("name conflicts with an existing object: {kind} {id} already exists")]
    Exists {
        /// Which kind.
        kind: Kind,
        /// Its id, or its name where names are unique.
        id: String,
    },
    /// A secret or a config that a service refers to is to be deleted.
    #[error("{kind} {id} is in use by service {user}")]
    InUse {
        /// Which kind.
        kind: Kind,
        /// Which one.
        id: String,
        /// The id of a service that refers to it.
        user: String,
    },
}

/// Applies a transaction at a log index. On refusal the state is as before, except that it has seen the index.
///
/// `now_ns` was chosen by the leader when it proposed: no clock is read here.
///
/// # Errors
/// [`Refused`] when a version does not match, when a unique name is taken, or when a service would refer to a file that is
/// not there.
pub fn apply(
    state: &mut State,
    transaction: Transaction,
    now_ns: i64,
    index: u64,
) -> Result<Vec<Event>, Refused> {
    state.index = index;
    let mut next = state.clone();
    let mut events = Vec::with_capacity(transaction.actions.len());
    for action in transaction.actions {
        events.push(match action {
            Action::Put(object) => put(&mut next, object, now_ns, index)?,
            Action::Delete { kind, id, version } => delete(&mut next, kind, &id, version)?,
        });
    }
    *state = next;
    Ok(events)
}

/// Puts an object as it is, meta included: only for reading a snapshot back.
pub(crate) fn restore(state: &mut State, object: Object) {
    store(state, object);
}

fn put(state: &mut State, mut object: Object, now_ns: i64, index: u64) -> Result<Event, Refused> {
    let old = state.object(object.kind(), object.id());
    let expected = object.version();
    match &old {
        None if expected == 0 => {}
        None => {
            return Err(Refused::NotFound { kind: object.kind(), id: object.id().to_owned() });
        }
        Some(_) if expected == 0 => {
            return Err(Refused::Exists { kind: object.kind(), id: object.id().to_owned() });
        }
        Some(old) if old.version() != expected => {
            return Err(out_of_sequence(old, expected));
        }
        Some(_) => {}
    }
    check_unique(state, &object)?;
    check_references(state, old.as_ref(), &object)?;
    let old_meta = old.as_ref().and_then(Object::meta);
    object.set_meta(pb::Meta {
        version: index,
        created_at_ns: old_meta.map_or(now_ns, |meta| meta.created_at_ns),
        updated_at_ns: now_ns,
        intent_version: match old.as_ref().filter(|old| same_intent(old, &object)) {
            Some(_) => old_meta.map_or(index, |meta| meta.intent_version),
            None => index,
        },
    });
    if let Object::Service(service) = &mut object {
        set_spec_version(service, old.as_ref(), index);
    }
    if let Some(old) = &old {
        unindex(state, old);
    }
    store(state, object.clone());
    Ok(match old {
        Some(old) => Event::Updated { old, new: object },
        None => Event::Created(object),
    })
}

fn delete(state: &mut State, kind: Kind, id: &str, version: u64) -> Result<Event, Refused> {
    let old = state.object(kind, id).ok_or_else(|| Refused::NotFound { kind, id: id.to_owned() })?;
    if old.version() != version {
        return Err(out_of_sequence(&old, version));
    }
    check_unused(state, &old)?;
    unindex(state, &old);
    let key: Arc<str> = Arc::from(id);
    match kind {
        Kind::Node => drop(state.nodes.remove(&key)),
        Kind::Service => drop(state.services.remove(&key)),
        Kind::Task => drop(state.tasks.remove(&key)),
        Kind::Cluster => state.cluster = None,
        Kind::Secret => drop(state.secrets.remove(&key)),
        Kind::Config => drop(state.configs.remove(&key)),
        Kind::Network => drop(state.networks.remove(&key)),
    }
    Ok(Event::Deleted(old))
}

fn out_of_sequence(old: &Object, expected: u64) -> Refused {
    Refused::OutOfSequence { kind: old.kind(), id: old.id().to_owned(), expected, actual: old.version() }
}

/// Names are unique within their kind, and there is one cluster.
fn check_unique(state: &State, object: &Object) -> Result<(), Refused> {
    let kind = object.kind();
    if let Some(name) = object.unique_name() {
        return match state.holder(kind, name) {
            Some(id) if id != object.id() => Err(Refused::Exists { kind, id: name.to_owned() }),
            _ => Ok(()),
        };
    }
    match (object, &state.cluster) {
        (Object::Cluster(cluster), Some(other)) if other.id != cluster.id => {
            Err(Refused::Exists { kind, id: other.id.clone() })
        }
        _ => Ok(()),
    }
}

/// A service refers to nothing that is not there. Looked at when its specification changes: what the loops write must not fail
/// because of what a specification of old says.
fn check_references(state: &State, old: Option<&Object>, new: &Object) -> Result<(), Refused> {
    let Object::Service(service) = new else { return Ok(()) };
    if service.removing || old.is_some_and(|old| same_intent(old, new)) {
        return Ok(());
    }
    let missing = files(service).find(|(kind, id)| state.object(*kind, id).is_none());
    missing.map_or(Ok(()), |(kind, id)| Err(Refused::NotFound { kind, id: id.to_owned() }))
}

/// No service refers to what is deleted. Few files are deleted, so that all services may be looked at.
fn check_unused(state: &State, old: &Object) -> Result<(), Refused> {
    let (kind, id) = (old.kind(), old.id());
    if !matches!(kind, Kind::Secret | Kind::Config) {
        return Ok(());
    }
    let refers =
        |service: &&Arc<pb::Service>| !service.removing && files(service).any(|file| file == (kind, id));
    state
        .services()
        .find(refers)
        .map_or(Ok(()), |user| Err(Refused::InUse { kind, id: id.to_owned(), user: user.id.clone() }))
}

/// The secrets and configs that a service refers to.
fn files(service: &pb::Service) -> impl Iterator<Item = (Kind, &str)> {
    let container = service.spec.as_ref().and_then(|spec| spec.task.as_ref()?.container.as_ref());
    let (secrets, configs) =
        container.map_or((&[][..], &[][..]), |container| (&container.secrets[..], &container.configs[..]));
    secrets
        .iter()
        .map(|file| (Kind::Secret, file.id.as_str()))
        .chain(configs.iter().map(|file| (Kind::Config, file.id.as_str())))
}

/// Whether what a user asks for is the same; tasks are nobody's intent.
fn same_intent(old: &Object, new: &Object) -> bool {
    match (old, new) {
        (Object::Node(old), Object::Node(new)) => old.spec == new.spec,
        (Object::Service(old), Object::Service(new)) => old.spec == new.spec && old.removing == new.removing,
        (Object::Cluster(old), Object::Cluster(new)) => {
            old.spec == new.spec && old.join_tokens == new.join_tokens
        }
        (Object::Secret(old), Object::Secret(new)) => old.spec == new.spec,
        (Object::Config(old), Object::Config(new)) => old.spec == new.spec,
        (Object::Network(old), Object::Network(new)) => old.spec == new.spec,
        _ => true,
    }
}

/// Tasks carry this number to tell old from new: it moves when what a task is made of moves, and comes back with the
/// specification before, so that a rollback leaves the tasks alone that were not replaced yet.
fn set_spec_version(service: &mut Arc<pb::Service>, old: Option<&Object>, index: u64) {
    let (spec_version, previous_spec_version) = match old {
        Some(Object::Service(old)) => {
            let (before, now) = (old.spec.as_ref(), service.spec.as_ref());
            let spec_version = if same_task(before, now) {
                old.spec_version
            } else if old.previous_spec_version != 0 && same_task(old.previous_spec.as_ref(), now) {
                old.previous_spec_version
            } else {
                index
            };
            let is_changed = old.spec != service.spec;
            (spec_version, if is_changed { old.spec_version } else { old.previous_spec_version })
        }
        _ => (index, 0),
    };
    let service = Arc::make_mut(service);
    service.spec_version = spec_version;
    service.previous_spec_version = previous_spec_version;
}

fn same_task(one: Option<&pb::ServiceSpec>, other: Option<&pb::ServiceSpec>) -> bool {
    let task = |spec: &pb::ServiceSpec| spec.task.clone();
    let endpoint = |spec: &pb::ServiceSpec| spec.endpoint.clone().unwrap_or_default();
    match (one, other) {
        (Some(one), Some(other)) => task(one) == task(other) && endpoint(one) == endpoint(other),
        (None, None) => true,
        _ => false,
    }
}

fn store(state: &mut State, object: Object) {
    index(state, &object);
    let key: Arc<str> = Arc::from(object.id());
    match object {
        Object::Node(node) => drop(state.nodes.insert(key, node)),
        Object::Service(service) => drop(state.services.insert(key, service)),
        Object::Task(task) => drop(state.tasks.insert(key, task)),
        Object::Cluster(cluster) => state.cluster = Some(cluster),
        Object::Secret(secret) => drop(state.secrets.insert(key, secret)),
        Object::Config(config) => drop(state.configs.insert(key, config)),
        Object::Network(network) => drop(state.networks.insert(key, network)),
    }
}
