//! Who is who: ids, beginnings of ids, and names. Held under one short lock; nothing here waits or touches a file.

use super::command::Command;
use crate::error::{Error, Result};
use crate::record::Record;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// The way to one container: where to send requests, where to read its newest snapshot.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) snapshots: watch::Receiver<Arc<Record>>,
    /// Held while the writable layer of the stopped container is written to, and while it is started.
    pub(crate) files: Arc<tokio::sync::Mutex<()>>,
}

/// All containers of this engine, and names reserved for those being created.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: BTreeMap<String, Entry>,
    names: HashMap<String, String>,
}

impl Index {
    /// Takes a name for an id. The same id may take its name again.
    pub(crate) fn reserve(&mut self, name: &str, id: &str) -> Result<()> {
        match self.names.get(name) {
            Some(owner) if owner != id => Err(Error::NameInUse { name: name.to_owned(), id: owner.clone() }),
            _ => {
                self.names.insert(name.to_owned(), id.to_owned());
                Ok(())
            }
        }
    }

    /// Gives a name back, if it is this id's.
    pub(crate) fn release(&mut self, name: &str, id: &str) {
        if self.names.get(name).is_some_and(|owner| owner == id) {
            self.names.remove(name);
        }
    }

    pub(crate) fn insert(&mut self, id: String, entry: Entry) {
        self.entries.insert(id, entry);
    }

    /// Forgets a container and whatever names it holds.
    pub(crate) fn remove(&mut self, id: &str) {
        self.entries.remove(id);
        self.names.retain(|_, owner| owner != id);
    }

    /// Docker's order: a whole id, then a name (with or without its slash), then the beginning of exactly one id.
    pub(crate) fn find(&self, reference: &str) -> Result<&Entry> {
        let missing = || Error::NoSuchContainer(reference.to_owned());
        if let Some(entry) = self.entries.get(reference) {
            return Ok(entry);
        }
        let name = reference.strip_prefix('/').unwrap_or(reference);
        if let Some(entry) = self.names.get(name).and_then(|id| self.entries.get(id)) {
            return Ok(entry);
        }
        if reference.is_empty() {
            return Err(missing());
        }
        let mut begins =
            self.entries.range(reference.to_owned()..).take_while(|(id, _)| id.starts_with(reference));
        match (begins.next(), begins.next()) {
            (Some((_, entry)), None) => Ok(entry),
            (Some(_), Some(_)) => Err(Error::AmbiguousPrefix(reference.to_owned())),
            (None, _) => Err(missing()),
        }
    }

    /// The ways to those for which `is_wanted`.
    pub(crate) fn commands_of(&self, is_wanted: impl Fn(&Record) -> bool) -> Vec<mpsc::Sender<Command>> {
        let wanted = self.entries.values().filter(|entry| is_wanted(&entry.snapshots.borrow()));
        wanted.map(|entry| entry.commands.clone()).collect()
    }

    /// The newest snapshots of all, in no promised order.
    pub(crate) fn snapshots(&self) -> Vec<Arc<Record>> {
        self.entries.values().map(|entry| entry.snapshots.borrow().clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(id: &str) -> Entry {
        let record = Record { id: id.to_owned(), ..Record::default() };
        Entry {
            commands: mpsc::channel(1).0,
            snapshots: watch::channel(Arc::new(record)).1,
            files: Arc::default(),
        }
    }

    fn id_of(index: &Index, reference: &str) -> Option<String> {
        index.find(reference).ok().map(|entry| entry.snapshots.borrow().id.clone())
    }

    #[test]
    fn a_name_wins_over_the_beginning_of_an_id() {
        let mut index = Index::default();
        for (id, name) in [("abc1", "web"), ("def2", "abc")] {
            index.reserve(name, id).unwrap();
            index.insert(id.into(), entry(id));
        }
        assert_eq!(id_of(&index, "abc").unwrap(), "def2");
        assert_eq!(id_of(&index, "/web").unwrap(), "abc1");
        assert_eq!(id_of(&index, "abc1").unwrap(), "abc1");
        assert_eq!(id_of(&index, "ab").unwrap(), "abc1");
        assert_eq!(id_of(&index, ""), None);
        assert_eq!(id_of(&index, "x"), None);
    }

    #[test]
    fn an_ambiguous_beginning_names_nobody() {
        let mut index = Index::default();
        index.insert("aa11".into(), entry("aa11"));
        index.insert("aa22".into(), entry("aa22"));
        assert!(matches!(index.find("aa"), Err(Error::AmbiguousPrefix(_))));
        assert_eq!(id_of(&index, "aa2").unwrap(), "aa22");
    }

    #[test]
    fn a_taken_name_says_whose_it_is() {
        let mut index = Index::default();
        index.reserve("web", "abc").unwrap();
        let message = index.reserve("web", "def").unwrap_err().to_string();
        assert_eq!(
            message,
            "Conflict. The container name \"/web\" is already in use by container \"abc\". You have to remove (or \
             rename) that container to be able to reuse that name."
        );
        index.release("web", "def");
        assert!(index.reserve("web", "def").is_err());
        index.release("web", "abc");
        assert!(index.reserve("web", "def").is_ok());
    }

    proptest! {
        #[test]
        fn find_agrees_with_a_plain_search(ids in prop::collection::btree_set("[ab]{4}", 0..8), wanted in "[ab]{1,4}") {
            let mut index = Index::default();
            for id in &ids {
                index.insert(id.clone(), entry(id));
            }
            let matching: Vec<_> = ids.iter().filter(|id| id.starts_with(&wanted)).collect();
            let expected = (matching.len() == 1).then(|| matching[0].clone());
            prop_assert_eq!(id_of(&index, &wanted), expected);
        }
    }
}
