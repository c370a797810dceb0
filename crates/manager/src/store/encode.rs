//! Between the store's types and the messages of `raft.proto`, which is how transactions are written and sent.

use prost::Message;
use swarm_api::pb;
use swarm_api::pb::store_action::Action as Wire;

use super::{Action, Kind, Object, Transaction};

/// The bytes of a transaction are not one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a protobuf message of this type.
    #[error("not a valid message: {0}")]
    Message(#[from] prost::DecodeError),
    /// An action or object of a kind that this version does not know.
    #[error("an action of an unknown kind")]
    UnknownKind,
}

/// How many bytes the transaction has when encoded.
#[must_use]
pub fn len(transaction: &Transaction) -> usize {
    transaction.actions.iter().map(action_len).sum()
}

fn action_len(action: &Action) -> usize {
    // A few bytes of tags and lengths around each message.
    const FRAME: usize = 12;
    FRAME
        + match action {
            Action::Put(Object::Node(node)) => node.encoded_len(),
            Action::Put(Object::Service(service)) => service.encoded_len(),
            Action::Put(Object::Task(task)) => task.encoded_len(),
            Action::Put(Object::Cluster(cluster)) => cluster.encoded_len(),
            Action::Put(Object::Secret(secret)) => secret.encoded_len(),
            Action::Put(Object::Config(config)) => config.encoded_len(),
            Action::Put(Object::Network(network)) => network.encoded_len(),
            Action::Delete { id, .. } => id.len(),
        }
}

/// As a message.
#[must_use]
pub fn to_message(transaction: &Transaction, now_ns: i64) -> pb::StoreTransaction {
    let actions = transaction.actions.iter().map(action_to_message).collect();
    pb::StoreTransaction { now_ns, actions }
}

fn action_to_message(action: &Action) -> pb::StoreAction {
    let action = match action {
        Action::Put(object) => Wire::Put(object_to_message(object)),
        Action::Delete { kind, id, version } => Wire::Delete(pb::StoreDelete {
            kind: kind_to_message(*kind).into(),
            id: id.clone(),
            version: *version,
        }),
    };
    pb::StoreAction { action: Some(action) }
}

/// One object as a message.
#[must_use]
pub fn object_to_message(object: &Object) -> pb::StoreObject {
    use pb::store_object::Object as Wire;
    let object = match object {
        Object::Node(node) => Wire::Node((**node).clone()),
        Object::Service(service) => Wire::Service((**service).clone()),
        Object::Task(task) => Wire::Task((**task).clone()),
        Object::Cluster(cluster) => Wire::Cluster((**cluster).clone()),
        Object::Secret(secret) => Wire::Secret((**secret).clone()),
        Object::Config(config) => Wire::Config((**config).clone()),
        Object::Network(network) => Wire::Network((**network).clone()),
    };
    pb::StoreObject { object: Some(object) }
}

/// From a message: the transaction and the time its leader chose.
///
/// # Errors
/// When an action is of an unknown kind.
pub fn from_message(message: pb::StoreTransaction) -> Result<(Transaction, i64), DecodeError> {
    let actions = message.actions.into_iter().map(action_from_message).collect::<Result<_, _>>()?;
    Ok((Transaction { actions }, message.now_ns))
}

fn action_from_message(message: pb::StoreAction) -> Result<Action, DecodeError> {
    match message.action.ok_or(DecodeError::UnknownKind)? {
        Wire::Put(object) => Ok(Action::Put(object_from_message(object)?)),
        Wire::Delete(delete) => {
            let kind = kind_from_message(delete.kind())?;
            Ok(Action::Delete { kind, id: delete.id, version: delete.version })
        }
    }
}

/// One object from a message.
///
/// # Errors
/// When it is of an unknown kind.
pub fn object_from_message(message: pb::StoreObject) -> Result<Object, DecodeError> {
    use pb::store_object::Object as Wire;
    Ok(match message.object.ok_or(DecodeError::UnknownKind)? {
        Wire::Node(node) => node.into(),
        Wire::Service(service) => service.into(),
        Wire::Task(task) => task.into(),
        Wire::Cluster(cluster) => cluster.into(),
        Wire::Secret(secret) => secret.into(),
        Wire::Config(config) => config.into(),
        Wire::Network(network) => network.into(),
    })
}

fn kind_to_message(kind: Kind) -> pb::StoreKind {
    match kind {
        Kind::Node => pb::StoreKind::Node,
        Kind::Service => pb::StoreKind::Service,
        Kind::Task => pb::StoreKind::Task,
        Kind::Cluster => pb::StoreKind::Cluster,
        Kind::Secret => pb::StoreKind::Secret,
        Kind::Config => pb::StoreKind::Config,
        Kind::Network => pb::StoreKind::Network,
    }
}

fn kind_from_message(kind: pb::StoreKind) -> Result<Kind, DecodeError> {
    match kind {
        pb::StoreKind::Unknown => Err(DecodeError::UnknownKind),
        pb::StoreKind::Node => Ok(Kind::Node),
        pb::StoreKind::Service => Ok(Kind::Service),
        pb::StoreKind::Task => Ok(Kind::Task),
        pb::StoreKind::Cluster => Ok(Kind::Cluster),
        pb::StoreKind::Secret => Ok(Kind::Secret),
        pb::StoreKind::Config => Ok(Kind::Config),
        pb::StoreKind::Network => Ok(Kind::Network),
    }
}
