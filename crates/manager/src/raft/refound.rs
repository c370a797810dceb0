//! A new group of one, made of a state: what a lost quorum has left, or a backup.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use swarm_api::pb;

use super::consensus::{ConsensusError, LOG_NAME};
use super::log::{LogFile, Salvaged, salvage};
use super::machine::replay;
use super::snapshot::{Snapshots, read_records, write_records};
use super::types::{LeaderId, LogId, Member, Membership, Payload, SnapshotMeta, StoredMembership, Vote};
use crate::seal::{Keyring, UnlockKey};
use crate::store::State;

/// What a member's directory holds, as far as it can be read.
pub(crate) struct Recovered {
    /// The state after the last entry. Also entries count of which it was not known here whether they were committed: they may have
    /// been, and somebody may have been told.
    pub(crate) state: State,
    /// The greatest term that was heard of.
    pub(crate) term: u64,
    /// The last entry.
    pub(crate) last: u64,
    /// The keys of what is there.
    pub(crate) keyring: Arc<Keyring>,
}

/// A member that begins anew.
pub(crate) struct Refounding<'a> {
    pub(crate) raft_id: u64,
    /// Where others will reach it.
    pub(crate) addr: String,
    /// The node it is on.
    pub(crate) node_id: String,
    pub(crate) state: &'a State,
    /// Greater than any term before.
    pub(crate) term: u64,
}

/// Reads what there is in a member's directory, without asking whether it is all that there was. What cannot be read is logged.
pub(crate) fn recover(directory: &Path, unlock: Option<&UnlockKey>) -> Result<Recovered, ConsensusError> {
    let keyring = match Keyring::open(directory, unlock)? {
        Some(keyring) => keyring,
        // From before there were keys.
        None => Keyring::create(directory)?,
    };
    let keyring = Arc::new(keyring);
    let snapshot = Snapshots::new(directory.to_owned(), keyring.clone()).newest_readable()?;
    let log = salvage(&directory.join(LOG_NAME), &keyring).unwrap_or_else(|error| {
        tracing::warn!(%error, "goes on without the raft log");
        Salvaged::default()
    });
    let taken = snapshot.as_ref().and_then(|(meta, _)| meta.last_log_id);
    let mut state = snapshot.map(|(_, state)| state).unwrap_or_default();
    let voted = log.vote.map_or(0, |vote| vote.leader_id.term);
    let mut last = taken;
    for entry in log.entries {
        let due = last.map_or(0, |last| last.index + 1);
        if entry.log_id.index < due {
            continue;
        }
        if entry.log_id.index > due {
            tracing::warn!(entry = due, "goes on without this entry of the raft log and those after it");
            break;
        }
        if let Payload::Normal(command) = &entry.payload {
            // Refused here as it was, or would have been, on every member.
            let _ = replay(&mut state, command, entry.log_id.index)?;
        }
        last = Some(entry.log_id);
    }
    let term = last.map_or(0, |last| last.leader_id.term).max(voted);
    Ok(Recovered { state, term, last: last.map_or(0, |last| last.index), keyring })
}

/// Writes a state without saying whose it is.
pub(crate) fn write_state(writer: impl Write, state: &State) -> io::Result<()> {
    let last = LogId::new(LeaderId { term: 0, node_id: 0 }, state.index());
    let meta = SnapshotMeta { last_log_id: Some(last), last_membership: StoredMembership::default() };
    write_records(writer, &meta, state)
}

/// Reads what [`write_state`] wrote.
pub(crate) fn read_state(reader: impl Read) -> io::Result<State> {
    read_records(reader).map(|(_, state)| state)
}

/// Makes the directory of a member that begins with this state, alone. When this returns it is on disk.
pub(crate) fn refound(
    directory: &Path,
    keyring: Arc<Keyring>,
    refounding: Refounding<'_>,
) -> Result<(), ConsensusError> {
    let Refounding { raft_id, addr, node_id, state, term } = refounding;
    let leader_id = LeaderId { term, node_id: raft_id };
    let last = LogId::new(leader_id, state.index());
    let member = Member { node_id: node_id.clone(), addr: addr.clone() };
    let members = BTreeMap::from([(raft_id, member)]);
    let membership = Membership::new(vec![BTreeSet::from([raft_id])], members)
        .map_err(|error| ConsensusError::Fatal(error.to_string()))?;
    let meta = SnapshotMeta {
        last_log_id: Some(last),
        last_membership: StoredMembership::new(Some(last), membership),
    };
    Snapshots::new(directory.to_owned(), keyring.clone()).write(&meta, state)?;
    let file = LogFile::open(&directory.join(LOG_NAME), keyring)?;
    let vote = Vote { leader_id, committed: false };
    file.begin_after(&pb::RaftMember { raft_id, addr, node_id }, &last, &vote)?;
    Ok(())
}
