//! The state machine: applies committed entries to the store's state and publishes it.
//!
//! The state lives in memory; on disk there are snapshots and the log after them. One path: leader, follower and restart
//! all come through here.

use std::io;
use std::path::PathBuf;

use futures_util::{Stream, StreamExt};
use openraft::OptionalSend;
use openraft::storage::{EntryResponder, RaftStateMachine};
use prost::Message;
use swarm_api::pb;

use super::snapshot::{self, SnapshotBuilder, SnapshotFile};
use super::types::{Command, LogId, Outcome, Payload, SnapshotMeta, StoredMembership, Types};
use crate::store::{Applied, Publisher, State, apply, encode};

/// The replicated state and where it is in the log.
pub(crate) struct Machine {
    state: State,
    publisher: Publisher,
    last: Option<LogId>,
    membership: StoredMembership,
    directory: PathBuf,
}

type Snapshot = openraft::alias::SnapshotOf<Types, SnapshotFile>;

impl Machine {
    /// Begins with the snapshot of the directory, if there is one.
    pub(crate) fn open(directory: PathBuf, publisher: Publisher) -> io::Result<Self> {
        let mut machine = Self {
            state: State::default(),
            publisher,
            last: None,
            membership: StoredMembership::default(),
            directory,
        };
        if let Some(file) = snapshot::open(&machine.directory)? {
            machine.load(snapshot::read(file)?);
        }
        Ok(machine)
    }

    fn load(&mut self, (meta, state): (SnapshotMeta, State)) {
        self.last = meta.last_log_id;
        self.membership = meta.last_membership;
        self.state = state;
        self.publisher.replace(&self.state);
    }

    fn transaction(&mut self, index: u64, command: &Command) -> io::Result<Outcome> {
        let message = pb::StoreTransaction::decode(command.0.clone()).map_err(corrupt)?;
        let (transaction, now_ns) = encode::from_message(message).map_err(corrupt)?;
        let outcome = apply(&mut self.state, transaction, now_ns, index);
        Ok(Outcome::Transaction(outcome.map(|events| {
            self.publisher.publish(&self.state, events);
            Applied { index }
        })))
    }
}

/// A committed entry that we cannot read: going on would make this manager differ from the others.
fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.last, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let outcome = match entry.payload {
                Payload::Blank => Outcome::Internal,
                Payload::Membership(membership) => {
                    self.membership = StoredMembership::new(Some(entry.log_id), membership);
                    Outcome::Internal
                }
                Payload::Normal(command) => self.transaction(entry.log_id.index, &command)?,
            };
            self.last = Some(entry.log_id);
            if let Some(responder) = responder {
                responder.send(outcome);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        let meta = SnapshotMeta { last_log_id: self.last, last_membership: self.membership.clone() };
        SnapshotBuilder::new(self.directory.clone(), meta, self.state.clone())
    }

    async fn install_snapshot(&mut self, _meta: &SnapshotMeta, file: SnapshotFile) -> Result<(), io::Error> {
        let directory = self.directory.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            let loaded = snapshot::read(file)?;
            // Ours from now on: also after a restart.
            snapshot::write(&directory, &loaded.0, &loaded.1)?;
            Ok::<_, io::Error>(loaded)
        });
        self.load(loaded.await.map_err(io::Error::other)??);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        let Some(file) = snapshot::open(&self.directory)? else { return Ok(None) };
        let meta = snapshot::read_meta(&file)?;
        Ok(Some(Snapshot { meta, snapshot: file }))
    }
}
