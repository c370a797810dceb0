//! Makes the group of members what the nodes' roles say, one change at a time: join, promote, demote, leave and removal are
//! one road.
//!
//! In: the nodes' specs and the members that they have announced, and the group as the leader sees it. Out: changes of the
//! group; `Node.manager_status` is cleared when a demoted node's member is out of it, which tells the node that it may stop.
//! A crash anywhere leaves something from which the next leader goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use swarm_api::pb::{self, NodeRole};
use tokio_util::sync::CancellationToken;

use crate::leader::Handles;
use crate::raft::{ChangeError, Group, Member, Roster};
use crate::reconcile::ReconcileError;
use crate::store::{Notice, ProposeError, State, Transaction, View};

/// How often it is looked again while something is to be done.
const BUSY: Duration = Duration::from_millis(100);
/// How often it is looked again otherwise.
const IDLE: Duration = Duration::from_secs(10);
/// A learner gets its vote when it lacks no more entries than this.
const CAUGHT_UP: u64 = 64;
/// How long a member that was asked to lead may take before another is asked.
const HAND_OVER_LIMIT: Duration = Duration::from_secs(3);

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Ends a change that is half made.
    Finish,
    AddLearner(u64, Member),
    AddVoter(u64),
    Relocate(u64, Member),
    /// This member is not to be one any more: somebody else has to remove it.
    HandOver(u64),
    RemoveVoter(u64),
    RemoveLearner(u64),
    /// The node has no member any more.
    Clear(String),
    /// Something is to be done, but not yet.
    Wait,
    /// All is as it should be.
    Rest,
}

/// Runs until `stop`.
pub(crate) async fn run(
    roster: Roster,
    handles: Handles,
    stop: CancellationToken,
) -> Result<(), ReconcileError> {
    let mut subscription = handles.store.subscribe();
    let mut last = Step::Rest;
    loop {
        let step = decide(&handles.store.view(), &roster.group());
        let pause = if step == Step::Rest { IDLE } else { BUSY };
        if step != last && !matches!(step, Step::Wait | Step::Rest) {
            tracing::info!(?step, "the managers change");
        }
        let taken = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            taken = take(&step, &roster, &handles) => taken?,
        };
        if let Err(error) = taken {
            tracing::debug!(%error, ?step, "the managers stay as they are for now");
        }
        last = step;
        let quiet = handles.clock.sleep(pause);
        tokio::pin!(quiet);
        loop {
            let notice = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = &mut quiet => break,
                notice = subscription.next() => notice,
            };
            match notice {
                Notice::Changed(change) if change.events.iter().any(|event| is_node(event.object())) => break,
                Notice::Changed(_) => {}
                Notice::Rescan => break,
                Notice::Closed => return Err(ReconcileError::StoreGone),
            }
        }
    }
}

fn is_node(object: &crate::store::Object) -> bool {
    matches!(object, crate::store::Object::Node(_))
}

async fn take(
    step: &Step,
    roster: &Roster,
    handles: &Handles,
) -> Result<Result<(), ChangeError>, ReconcileError> {
    Ok(match step {
        Step::Finish => roster.finish().await,
        Step::AddLearner(id, member) => roster.add_learner(*id, member.clone()).await,
        Step::AddVoter(id) => roster.add_voter(*id).await,
        Step::Relocate(id, member) => roster.set_member(*id, member.clone()).await,
        Step::HandOver(to) => {
            let asked = roster.hand_over(*to).await;
            // When it has worked, this loop ends before the time is over.
            handles.clock.sleep(HAND_OVER_LIMIT).await;
            asked
        }
        Step::RemoveVoter(id) => roster.remove_voter(*id).await,
        Step::RemoveLearner(id) => roster.remove_learner(*id).await,
        Step::Clear(node_id) => {
            clear(handles, node_id).await?;
            Ok(())
        }
        Step::Wait | Step::Rest => Ok(()),
    })
}

async fn clear(handles: &Handles, node_id: &str) -> Result<(), ProposeError> {
    let decide = |view: &View| {
        let mut transaction = Transaction::default();
        if let Some(node) =
            view.node(node_id).filter(|node| !is_wanted(node) && node.manager_status.is_some())
        {
            transaction.put(pb::Node { manager_status: None, ..(**node).clone() });
        }
        Ok::<_, ProposeError>(transaction)
    };
    match handles.proposer.update(&handles.store, decide).await {
        Err(error) if error.is_stale() => Ok(()),
        outcome => outcome.map(|_| ()),
    }
}

fn is_wanted(node: &pb::Node) -> bool {
    node.spec.as_ref().is_some_and(|spec| spec.role() == NodeRole::Manager)
}

/// The next change. Pure.
fn decide(state: &State, group: &Group) -> Step {
    if !group.is_settled {
        return if group.is_joint { Step::Finish } else { Step::Wait };
    }
    let wanted = wanted(state);
    let mut waits = false;
    for (id, member) in &wanted {
        match group.members.get(id) {
            None => return Step::AddLearner(*id, member.clone()),
            Some(standing) if !member.addr.is_empty() && standing.member != *member => {
                return Step::Relocate(*id, member.clone());
            }
            Some(standing) if !group.voters.contains(id) => {
                if standing.is_reachable && standing.lag.is_some_and(|lag| lag <= CAUGHT_UP) {
                    return Step::AddVoter(*id);
                }
                waits = true;
            }
            Some(_) => {}
        }
    }
    for id in group.members.keys().filter(|id| !wanted.contains_key(id)) {
        if !group.voters.contains(id) {
            return Step::RemoveLearner(*id);
        }
        if !keeps_quorum(group, *id) {
            waits = true;
            continue;
        }
        if *id != group.raft_id {
            return Step::RemoveVoter(*id);
        }
        match group.heir() {
            Some(heir) => return Step::HandOver(heir),
            None => waits = true,
        }
    }
    let left = state.nodes().find(|node| {
        let member = node.manager_status.as_ref().map(|status| status.raft_id);
        !is_wanted(node) && member.is_some_and(|id| !group.members.contains_key(&id))
    });
    match left {
        Some(node) => Step::Clear(node.id.clone()),
        None if waits => Step::Wait,
        None => Step::Rest,
    }
}

/// The members that there should be.
fn wanted(state: &State) -> BTreeMap<u64, Member> {
    let members = state.nodes().filter(|node| is_wanted(node)).filter_map(|node| {
        let status = node.manager_status.as_ref()?;
        Some((status.raft_id, Member { node_id: node.id.clone(), addr: status.addr.clone() }))
    });
    members.collect()
}

/// Whether a majority of the voters that remain answers when this one is none any more. Pure.
pub(crate) fn keeps_quorum(group: &Group, without: u64) -> bool {
    let rest = group.voters.iter().filter(|id| **id != without);
    let (mut all, mut answering) = (0, 0);
    for id in rest {
        all += 1;
        answering += usize::from(group.is_reachable(*id));
    }
    answering > all / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Standing;
    use crate::store::apply;

    fn node(number: u64, role: NodeRole, has_member: bool) -> pb::Node {
        let status =
            pb::ManagerStatus { raft_id: number, addr: format!("a{number}:1"), ..Default::default() };
        let spec = pb::NodeSpec { role: role.into(), ..Default::default() };
        let manager_status = has_member.then_some(status);
        pb::Node { id: format!("n{number}"), spec: Some(spec), manager_status, ..Default::default() }
    }

    fn state(nodes: Vec<pb::Node>) -> State {
        let mut state = State::default();
        let mut transaction = Transaction::default();
        for node in nodes {
            transaction.put(node);
        }
        apply(&mut state, transaction, 1, 1).expect("applies");
        state
    }

    fn managers(numbers: std::ops::RangeInclusive<u64>) -> Vec<pb::Node> {
        numbers.map(|number| node(number, NodeRole::Manager, true)).collect()
    }

    fn member(number: u64) -> Member {
        Member { node_id: format!("n{number}"), addr: format!("a{number}:1") }
    }

    fn group(voters: std::ops::RangeInclusive<u64>) -> Group {
        let standing = |number| Standing { member: member(number), lag: Some(0), is_reachable: true };
        Group {
            raft_id: 1,
            is_settled: true,
            is_joint: false,
            voters: voters.clone().collect(),
            members: voters.map(|number| (number, standing(number))).collect(),
        }
    }

    fn lose(group: &mut Group, number: u64) {
        if let Some(standing) = group.members.get_mut(&number) {
            standing.is_reachable = false;
        }
    }

    #[test]
    fn a_new_manager_learns_first() {
        let state = state(managers(1..=2));
        let mut group = group(1..=1);
        assert_eq!(decide(&state, &group), Step::AddLearner(2, member(2)));
        let behind = Standing { member: member(2), lag: Some(CAUGHT_UP + 1), is_reachable: true };
        group.members.insert(2, behind.clone());
        assert_eq!(decide(&state, &group), Step::Wait);
        group.members.insert(2, Standing { lag: Some(0), is_reachable: false, ..behind.clone() });
        assert_eq!(decide(&state, &group), Step::Wait, "a vote that nobody gives is worse than none");
        group.members.insert(2, Standing { lag: Some(3), ..behind });
        assert_eq!(decide(&state, &group), Step::AddVoter(2));
        group.voters.insert(2);
        assert_eq!(decide(&state, &group), Step::Rest);
        group.is_settled = false;
        assert_eq!(decide(&state, &group), Step::Wait, "it is not committed yet");
        group.is_joint = true;
        assert_eq!(decide(&state, &group), Step::Finish);
    }

    #[test]
    fn a_promoted_node_that_has_no_member_yet_is_waited_for() {
        let mut nodes = managers(1..=1);
        nodes.push(node(2, NodeRole::Manager, false));
        assert_eq!(decide(&state(nodes), &group(1..=1)), Step::Rest);
    }

    #[test]
    fn a_demoted_node_is_removed_and_told() {
        let mut nodes = managers(1..=2);
        nodes.push(node(3, NodeRole::Worker, true));
        let state = state(nodes);
        assert_eq!(decide(&state, &group(1..=3)), Step::RemoveVoter(3));
        assert_eq!(decide(&state, &group(1..=2)), Step::Clear("n3".into()));
    }

    #[test]
    fn a_member_without_a_node_is_removed() {
        let mut learner = group(1..=3);
        assert_eq!(decide(&state(managers(1..=2)), &learner), Step::RemoveVoter(3));
        learner.voters.remove(&3);
        assert_eq!(decide(&state(managers(1..=2)), &learner), Step::RemoveLearner(3));
    }

    #[test]
    fn a_demoted_leader_hands_over() {
        let mut nodes = managers(2..=3);
        nodes.push(node(1, NodeRole::Worker, true));
        let state = state(nodes);
        let mut group = group(1..=3);
        assert!(matches!(decide(&state, &group), Step::HandOver(2 | 3)));
        lose(&mut group, 2);
        assert_eq!(decide(&state, &group), Step::Wait, "one of two would be left");
    }

    #[test]
    fn a_manager_that_moved_is_noted() {
        let mut nodes = managers(1..=2);
        if let Some(status) = &mut nodes[1].manager_status {
            status.addr = "elsewhere:1".into();
        }
        let moved = Member { addr: "elsewhere:1".into(), ..member(2) };
        assert_eq!(decide(&state(nodes), &group(1..=2)), Step::Relocate(2, moved));
    }

    #[test]
    fn the_quorum_that_remains() {
        let mut three = group(1..=3);
        assert!(keeps_quorum(&three, 3));
        lose(&mut three, 2);
        assert!(!keeps_quorum(&three, 3), "one of two would answer");
        assert!(keeps_quorum(&three, 2), "the lost one may go");
        assert!(!keeps_quorum(&group(1..=1), 1), "nobody would be left");
        assert!(keeps_quorum(&group(1..=2), 2));
    }
}
