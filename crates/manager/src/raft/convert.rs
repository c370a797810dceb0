//! Between the consensus library's types and our own messages, which are all that reaches disk and wire.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use swarm_api::pb;
use swarm_api::pb::log_entry::Payload as Wire;
use thiserror::Error;

use super::types::{Command, Entry, LeaderId, LogId, Member, Membership, Payload, Vote};

/// A message lacks what it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Malformed {
    /// A log entry without an id.
    #[error("a log entry has no id")]
    EntryId,
    /// A membership that contradicts itself.
    #[error("a membership names voters that are no members")]
    Membership,
}

pub(super) fn log_id_to_message(id: &LogId) -> pb::LogId {
    pb::LogId { term: id.leader_id.term, raft_id: id.leader_id.node_id, index: id.index }
}

pub(super) fn log_id(message: pb::LogId) -> LogId {
    LogId::new(LeaderId { term: message.term, node_id: message.raft_id }, message.index)
}

pub(super) fn vote_to_message(vote: &Vote) -> pb::RaftVote {
    pb::RaftVote { term: vote.leader_id.term, raft_id: vote.leader_id.node_id, committed: vote.committed }
}

pub(super) fn vote(message: pb::RaftVote) -> Vote {
    Vote {
        leader_id: LeaderId { term: message.term, node_id: message.raft_id },
        committed: message.committed,
    }
}

pub(super) fn membership_to_message(membership: &Membership) -> pb::RaftMembership {
    let voters = |set: &BTreeSet<u64>| pb::RaftVoters { raft_ids: set.iter().copied().collect() };
    let member = |(id, member): (&u64, &Member)| pb::RaftMember {
        raft_id: *id,
        addr: member.addr.clone(),
        node_id: member.node_id.clone(),
    };
    pb::RaftMembership {
        configs: membership.get_joint_config().iter().map(voters).collect(),
        members: membership.nodes().map(member).collect(),
    }
}

pub(super) fn membership(message: pb::RaftMembership) -> Result<Membership, Malformed> {
    let configs = message.configs.into_iter().map(|voters| voters.raft_ids.into_iter().collect()).collect();
    let member =
        |message: pb::RaftMember| (message.raft_id, Member { node_id: message.node_id, addr: message.addr });
    let members: BTreeMap<u64, Member> = message.members.into_iter().map(member).collect();
    Membership::new(configs, members).map_err(|_| Malformed::Membership)
}

pub(super) fn entry_to_message(entry: &Entry) -> pb::LogEntry {
    let payload = match &entry.payload {
        Payload::Blank => None,
        Payload::Normal(command) => Some(Wire::Transaction(command.0.to_vec())),
        Payload::Membership(membership) => Some(Wire::Membership(membership_to_message(membership))),
    };
    pb::LogEntry { id: Some(log_id_to_message(&entry.log_id)), payload }
}

pub(super) fn entry(message: pb::LogEntry) -> Result<Entry, Malformed> {
    let payload = match message.payload {
        None => Payload::Blank,
        Some(Wire::Transaction(bytes)) => Payload::Normal(Command(Bytes::from(bytes))),
        Some(Wire::Membership(members)) => Payload::Membership(membership(members)?),
    };
    Ok(Entry { log_id: log_id(message.id.ok_or(Malformed::EntryId)?), payload })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn entries_read_back(term in any::<u64>(), id in any::<u64>(), index in any::<u64>(), bytes in any::<Option<Vec<u8>>>()) {
            let log_id = LogId::new(LeaderId { term, node_id: id }, index);
            let payload = bytes.map_or(Payload::Blank, |bytes| Payload::Normal(Command(bytes.into())));
            let written = Entry { log_id, payload };
            let read = entry(entry_to_message(&written)).expect("own message");
            prop_assert_eq!(read.log_id, written.log_id);
            prop_assert_eq!(format!("{:?}", read.payload), format!("{:?}", written.payload));
        }

        #[test]
        fn memberships_read_back(ids in prop::collection::btree_set(any::<u64>(), 1..6)) {
            let member = |id: &u64| (*id, Member { node_id: format!("n{id}"), addr: id.to_string() });
            let members: BTreeMap<u64, Member> = ids.iter().map(member).collect();
            let written = Membership::new(vec![ids], members).expect("all voters are members");
            prop_assert_eq!(membership(membership_to_message(&written)), Ok(written));
        }
    }

    #[test]
    fn a_voter_that_is_no_member_is_refused() {
        let configs = vec![pb::RaftVoters { raft_ids: vec![1] }];
        assert_eq!(membership(pb::RaftMembership { configs, members: vec![] }), Err(Malformed::Membership));
    }
}
