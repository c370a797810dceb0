//! The state machine: applies committed entries to the store's state and publishes it.
//!
//! The state lives in memory; on disk there are snapshots and the log after them. One path: leader, follower and restart
//! all come through here.

use std::io;

use futures_util::{Stream, StreamExt};
use openraft::OptionalSend;
use openraft::storage::{EntryResponder, RaftStateMachine};
use prost::Message;
use swarm_api::pb;

use super::snapshot::{SnapshotBuilder, SnapshotFile, Snapshots};
use super::types::{Command, LogId, Outcome, Payload, SnapshotMeta, StoredMembership, Types};
use crate::store::{Applied, Event, Publisher, Refused, State, apply, encode};

/// The replicated state and where it is in the log.
pub(crate) struct Machine {
    state: State,
    publisher: Publisher,
    last: Option<LogId>,
    membership: StoredMembership,
    snapshots: Snapshots,
}

type Snapshot = openraft::alias::SnapshotOf<Types, SnapshotFile>;

impl Machine {
    /// Begins with the newest snapshot, if there is one.
    pub(crate) fn open(snapshots: Snapshots, publisher: Publisher) -> io::Result<Self> {
        let mut machine = Self {
            state: State::default(),
            publisher,
            last: None,
            membership: StoredMembership::default(),
            snapshots,
        };
        machine.snapshots.tidy()?;
        if let Some(file) = machine.snapshots.newest()? {
            machine.load(file.read()?);
        }
        Ok(machine)
    }

    /// The last entry whose effect is in the state.
    pub(crate) fn last(&self) -> Option<LogId> {
        self.last
    }

    fn load(&mut self, (meta, state): (SnapshotMeta, State)) {
        self.last = meta.last_log_id;
        self.membership = meta.last_membership;
        self.state = state;
        self.publisher.replace(&self.state);
    }

    fn transaction(&mut self, index: u64, command: &Command) -> io::Result<Outcome> {
        let outcome = replay(&mut self.state, command, index)?;
        Ok(Outcome::Transaction(outcome.map(|events| {
            self.publisher.publish(&self.state, events);
            Applied { index }
        })))
    }
}

/// Applies the command of a committed entry to the state.
pub(super) fn replay(
    state: &mut State,
    command: &Command,
    index: u64,
) -> io::Result<Result<Vec<Event>, Refused>> {
    let message = pb::StoreTransaction::decode(command.0.clone()).map_err(corrupt)?;
    let (transaction, now_ns) = encode::from_message(message).map_err(corrupt)?;
    Ok(apply(state, transaction, now_ns, index))
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
        SnapshotBuilder::new(self.snapshots.clone(), meta, self.state.clone())
    }

    async fn install_snapshot(&mut self, _meta: &SnapshotMeta, file: SnapshotFile) -> Result<(), io::Error> {
        let snapshots = self.snapshots.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            let loaded = file.read()?;
            // Ours from now on: also after a restart.
            snapshots.write(&loaded.0, &loaded.1)?;
            Ok::<_, io::Error>(loaded)
        });
        self.load(loaded.await.map_err(io::Error::other)??);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        let Some(file) = self.snapshots.newest()? else { return Ok(None) };
        let meta = file.read_meta()?;
        Ok(Some(Snapshot { meta, snapshot: file }))
    }
}
