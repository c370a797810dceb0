//! The consensus library's types, as we use them.

use std::fmt;

use bytes::Bytes;

use crate::store::{Applied, Refused};

openraft::declare_raft_types!(
    /// Our choice of the library's types.
    pub(crate) Types:
        D = Command,
        R = Outcome,
        NodeId = u64,
        Node = Member,
        Term = u64,
);

pub(crate) type LeaderId = openraft::alias::LeaderIdOf<Types>;
pub(crate) type LogId = openraft::alias::LogIdOf<Types>;
pub(crate) type Vote = openraft::alias::VoteOf<Types>;
pub(crate) type Entry = openraft::alias::EntryOf<Types>;
pub(crate) type Payload = openraft::alias::PayloadOf<Types>;
pub(crate) type Membership = openraft::Membership<u64, Member>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<Types>;

/// What the group knows of a member besides its number. The number never means another machine; the address is only where
/// it was when it became a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its node; empty in groups from before there were several managers.
    pub(crate) node_id: String,
    /// `host:port`.
    pub(crate) addr: String,
}

/// An encoded `StoreTransaction`. Encoded once by the leader; cloning shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Command(pub(crate) Bytes);

impl fmt::Debug for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "transaction of {} bytes", self.0.len())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }
}

/// What became of an entry when it was applied.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The blank entry of a new leader, or a change of members.
    Internal,
    /// A transaction was applied, or refused.
    Transaction(Result<Applied, Refused>),
}
