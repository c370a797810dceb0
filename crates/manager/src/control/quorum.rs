//! Whether the managers that remain can still decide when one of them goes; and if not, what it takes.

use swarm_api::pb::{self, NodeRole};
use thiserror::Error;

use super::reference;
use crate::raft::Group;
use crate::store::State;

/// The swarm would stand still.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "can't remove member from the raft: this would result in a loss of quorum: of the {rest} managers that would be left {answering} can be reached, and {needed} are needed. Bring back, or demote first, what cannot be reached: {lost}"
)]
pub(crate) struct QuorumLoss {
    rest: usize,
    answering: usize,
    needed: usize,
    /// Names of managers that do not answer.
    lost: String,
}

/// Refuses when a majority of the voters that would remain does not answer. Pure. Those that are on their way out already
/// are counted out.
pub(super) fn check(state: &State, group: &Group, node: &pb::Node) -> Result<(), QuorumLoss> {
    let member = |node: &pb::Node| node.manager_status.as_ref().map(|status| status.raft_id);
    let Some(leaving) = member(node).filter(|id| group.voters.contains(id)) else { return Ok(()) };
    let goes = |id: &u64| {
        *id == leaving
            || state.nodes().any(|other| {
                member(other) == Some(*id)
                    && other.spec.as_ref().is_some_and(|spec| spec.role() == NodeRole::Worker)
            })
    };
    let rest: Vec<u64> = group.voters.iter().copied().filter(|id| !goes(id)).collect();
    let (silent, answering): (Vec<u64>, Vec<u64>) = rest.iter().partition(|id| !group.is_reachable(**id));
    let needed = rest.len() / 2 + 1;
    if answering.len() >= needed {
        return Ok(());
    }
    let name = |id: &u64| {
        let node = state.nodes().find(|node| member(node) == Some(*id));
        node.map_or(format!("{id:x}"), |node| match reference::hostname(node) {
            "" => node.id.clone(),
            hostname => hostname.to_owned(),
        })
    };
    let lost = silent.iter().map(name).collect::<Vec<_>>().join(", ");
    Err(QuorumLoss { rest: rest.len(), answering: answering.len(), needed, lost })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Standing;
    use crate::store::{Transaction, apply};

    fn state(numbers: std::ops::RangeInclusive<u64>) -> State {
        let mut state = State::default();
        let mut transaction = Transaction::default();
        for raft_id in numbers {
            let manager_status = Some(pb::ManagerStatus { raft_id, ..Default::default() });
            let spec = Some(pb::NodeSpec { role: NodeRole::Manager.into(), ..Default::default() });
            let hostname = format!("h{raft_id}");
            let description = Some(pb::NodeDescription { hostname, ..Default::default() });
            let id = format!("n{raft_id}");
            transaction.put(pb::Node { id, spec, manager_status, description, ..Default::default() });
        }
        apply(&mut state, transaction, 1, 1).expect("applies");
        state
    }

    fn group(voters: u64, silent: &[u64]) -> Group {
        let standing = |id: u64| Standing { is_reachable: !silent.contains(&id), ..Standing::default() };
        Group {
            raft_id: 1,
            is_settled: true,
            is_joint: false,
            voters: (1..=voters).collect(),
            members: (1..=voters).map(|id| (id, standing(id))).collect(),
        }
    }

    fn demote(voters: u64, silent: &[u64], number: u64) -> Result<(), QuorumLoss> {
        let state = state(1..=voters);
        let node = state.node(&format!("n{number}")).expect("is there").clone();
        check(&state, &group(voters, silent), &node)
    }

    #[test]
    fn a_majority_must_remain() {
        assert_eq!(demote(3, &[], 2), Ok(()));
        assert_eq!(demote(3, &[2], 2), Ok(()), "the lost one may go");
        assert_eq!(demote(5, &[2], 3), Ok(()), "three of four remain");
        assert!(demote(5, &[2, 3], 4).is_err());
        assert_eq!(demote(2, &[], 1), Ok(()));
    }

    #[test]
    fn the_refusal_says_what_it_takes() {
        let text = demote(3, &[2], 3).expect_err("refused").to_string();
        assert!(
            text.starts_with("can't remove member from the raft: this would result in a loss of quorum"),
            "{text}"
        );
        assert!(
            text.contains("of the 2 managers that would be left 1 can be reached, and 2 are needed"),
            "{text}"
        );
        assert!(text.ends_with("what cannot be reached: h2"), "{text}");
    }
}
