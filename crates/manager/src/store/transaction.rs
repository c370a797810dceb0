//! A proposed change: a set of actions that all happen or none does.

use super::{Kind, Object};

/// At most so many actions in one transaction. A loop with more to do proposes several.
pub const MAX_ACTIONS: usize = 2_000;
/// At most so many bytes in one transaction, encoded.
pub const MAX_TRANSACTION_BYTES: usize = 1024 * 1024;

/// One change. The version it was decided on is part of it, and `apply` refuses it when the object has moved on.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Stores the object. Its own `meta.version` is the expected one: zero (or no meta) means that no object of this id
    /// may exist yet. What else is in `meta` is ignored and set by `apply`.
    Put(Object),
    /// Removes an object that must exist in this version.
    Delete {
        /// Which kind.
        kind: Kind,
        /// Which one.
        id: String,
        /// The version it must have.
        version: u64,
    },
}

impl Action {
    /// Stores an object: creates it when its version is zero, else replaces the version it was read in.
    #[must_use]
    pub fn put(object: impl Into<Object>) -> Self {
        Self::Put(object.into())
    }

    /// Removes an object in the version it was read in.
    #[must_use]
    pub fn delete(object: impl Into<Object>) -> Self {
        let object = object.into();
        Self::Delete { kind: object.kind(), id: object.id().to_owned(), version: object.version() }
    }
}

/// A set of actions, applied in order and as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transaction {
    /// The changes, in order.
    pub actions: Vec<Action>,
}

impl Transaction {
    /// A transaction of one action.
    #[must_use]
    pub fn one(action: Action) -> Self {
        Self { actions: vec![action] }
    }

    /// Adds [`Action::put`].
    pub fn put(&mut self, object: impl Into<Object>) -> &mut Self {
        self.actions.push(Action::put(object));
        self
    }

    /// Adds [`Action::delete`].
    pub fn delete(&mut self, object: impl Into<Object>) -> &mut Self {
        self.actions.push(Action::delete(object));
        self
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }
}

impl FromIterator<Action> for Transaction {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self { actions: actions.into_iter().collect() }
    }
}
