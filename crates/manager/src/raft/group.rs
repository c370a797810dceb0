//! The group of members as its leader sees it, and the one way to change it: one member at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::error::{ClientWriteError, RaftError};
use openraft::raft::ClientWriteResponse;
use openraft::{ChangeMembers, Instant as _, Raft};
use thiserror::Error;

use super::leadership::Heard;
use super::machine::Machine;
use super::types::{Member, Types};

/// A member that has not answered the leader for so long counts as unreachable.
const UNREACHABLE: Duration = Duration::from_secs(2);
/// How long a change may take to be committed. It goes on when it takes longer, and is looked at again.
const CHANGE_LIMIT: Duration = Duration::from_secs(5);

/// The group at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    /// This member.
    pub(crate) raft_id: u64,
    /// No change is under way.
    pub(crate) is_settled: bool,
    /// A change is half made: majorities of two sets of voters are needed.
    pub(crate) is_joint: bool,
    /// Whose votes count.
    pub(crate) voters: BTreeSet<u64>,
    /// All: voters and learners.
    pub(crate) members: BTreeMap<u64, Standing>,
}

/// How one member stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    pub(crate) member: Member,
    /// How many entries it lacks; none: unknown.
    pub(crate) lag: Option<u64>,
    /// Whether it answers.
    pub(crate) is_reachable: bool,
}

impl Group {
    /// Whether the member answers.
    pub(crate) fn is_reachable(&self, raft_id: u64) -> bool {
        self.members.get(&raft_id).is_some_and(|standing| standing.is_reachable)
    }

    /// Who is to lead after this member: of those that answer the one that lacks the least.
    pub(crate) fn heir(&self) -> Option<u64> {
        let others = self.voters.iter().filter(|id| **id != self.raft_id && self.is_reachable(**id));
        others
            .copied()
            .min_by_key(|id| self.members.get(id).and_then(|standing| standing.lag).unwrap_or(u64::MAX))
    }
}

/// A change of the group did not come about.
#[derive(Debug, Error)]
pub(crate) enum ChangeError {
    #[error("the change of managers was not committed in time")]
    Late,
    #[error("{0}")]
    Refused(String),
}

/// A handle on the group. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Roster {
    pub(super) raft: Raft<Types, Machine>,
    pub(super) raft_id: u64,
    pub(super) heard: Heard,
}

impl Roster {
    /// The group as it is now; only a leader knows how the others stand.
    pub(crate) fn group(&self) -> Group {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let committed = metrics.committed_membership_config.log_id() == metrics.membership_config.log_id();
        let last = metrics.last_log_index.map_or(0, |index| index + 1);
        let standing = |(id, member): (&u64, &Member)| {
            let matched = metrics.replication.as_ref().and_then(|all| all.get(id));
            let lag = matched.map(|matched| last.saturating_sub(matched.map_or(0, |id| id.index + 1)));
            let heard = metrics.heartbeat.as_ref().and_then(|all| all.get(id).copied().flatten());
            let is_reachable =
                *id == self.raft_id || heard.is_some_and(|heard| heard.elapsed() < UNREACHABLE);
            (*id, Standing { member: member.clone(), lag, is_reachable })
        };
        let is_joint = membership.get_joint_config().len() > 1;
        Group {
            raft_id: self.raft_id,
            is_settled: committed && !is_joint,
            is_joint,
            voters: membership.voter_ids().collect(),
            members: membership.nodes().map(standing).collect(),
        }
    }

    /// The members that do not answer, as the leader sees it, and of each whether it has led since this one started.
    pub(crate) fn mute(&self) -> BTreeMap<u64, bool> {
        let members = self.group().members.into_iter();
        let silent = members.filter(|(_, standing)| !standing.is_reachable);
        silent.map(|(id, _)| (id, self.heard.has_led(id))).collect()
    }

    /// Adds a member that has no vote yet.
    pub(crate) async fn add_learner(&self, raft_id: u64, member: Member) -> Result<(), ChangeError> {
        bounded(self.raft.add_learner(raft_id, member, false)).await
    }

    /// Gives a learner its vote.
    pub(crate) async fn add_voter(&self, raft_id: u64) -> Result<(), ChangeError> {
        self.change(ChangeMembers::AddVoterIds(BTreeSet::from([raft_id])), true).await
    }

    /// Removes a voter.
    pub(crate) async fn remove_voter(&self, raft_id: u64) -> Result<(), ChangeError> {
        self.change(ChangeMembers::RemoveVoters(BTreeSet::from([raft_id])), false).await
    }

    /// Removes a learner.
    pub(crate) async fn remove_learner(&self, raft_id: u64) -> Result<(), ChangeError> {
        self.change(ChangeMembers::RemoveNodes(BTreeSet::from([raft_id])), false).await
    }

    /// Notes a member's newest address in the group itself.
    pub(crate) async fn set_member(&self, raft_id: u64, member: Member) -> Result<(), ChangeError> {
        self.change(ChangeMembers::SetNodes(BTreeMap::from([(raft_id, member)])), true).await
    }

    /// Finishes a change that another leader began.
    pub(crate) async fn finish(&self) -> Result<(), ChangeError> {
        self.change(ChangeMembers::AddVoterIds(BTreeSet::new()), true).await
    }

    /// Asks another member to lead. Whether it does shows in the leadership.
    pub(crate) async fn hand_over(&self, to: u64) -> Result<(), ChangeError> {
        let asked = self.raft.trigger().transfer_leader(to).await;
        asked.map_err(|fatal| ChangeError::Refused(fatal.to_string()))
    }

    async fn change(&self, change: ChangeMembers<u64, Member>, retain: bool) -> Result<(), ChangeError> {
        bounded(self.raft.change_membership(change, retain)).await
    }
}

type Changed = Result<ClientWriteResponse<Types>, RaftError<Types, ClientWriteError<Types>>>;

async fn bounded(change: impl Future<Output = Changed>) -> Result<(), ChangeError> {
    match tokio::time::timeout(CHANGE_LIMIT, change).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(ChangeError::Refused(error.to_string())),
        Err(_) => Err(ChangeError::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heir_answers_and_lacks_the_least() {
        let standing = |lag, is_reachable| Standing { lag: Some(lag), is_reachable, ..Standing::default() };
        let members =
            [(1, standing(0, true)), (2, standing(9, true)), (3, standing(1, true)), (4, standing(0, false))];
        let mut group = Group {
            raft_id: 1,
            is_settled: true,
            is_joint: false,
            voters: (1..=4).collect(),
            members: members.into(),
        };
        assert_eq!(group.heir(), Some(3));
        group.voters.remove(&3);
        assert_eq!(group.heir(), Some(2), "a learner leads nobody");
        group.voters = BTreeSet::from([1, 4]);
        assert_eq!(group.heir(), None);
    }
}
