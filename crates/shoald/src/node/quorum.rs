//! What a manager that wants to leave is told, in Docker's words.

use std::time::Duration;

use swarm_api::pb;

use super::member::Member;

/// How long the managers may take to say how many they are.
const TIMEOUT: Duration = Duration::from_secs(5);

const LAST: &str =
    "Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message.";
/// Also what is said where the managers cannot be asked.
pub(super) const FORCE: &str = "The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. Use `--force` to suppress this message.";

/// What comes of it if this manager leaves.
pub(super) async fn warning(member: &Member) -> String {
    match tokio::time::timeout(TIMEOUT, count(member)).await {
        Ok(Some((reachable, all))) => text(reachable, all),
        Ok(None) | Err(_) => FORCE.to_owned(),
    }
}

/// How many managers can be reached, and how many there are.
async fn count(member: &Member) -> Option<(usize, usize)> {
    let mut control = member.control()?;
    let nodes = control.list_nodes(pb::ListNodesRequest::default()).await.ok()?.into_inner().nodes;
    let managers: Vec<_> = nodes.into_iter().filter_map(|node| node.manager_status).collect();
    let reachable = managers.iter().filter(|status| status.reachable).count();
    Some((reachable, managers.len()))
}

/// Pure.
fn text(reachable: usize, all: usize) -> String {
    if all <= 1 {
        return LAST.to_owned();
    }
    let left = reachable.saturating_sub(1);
    // Docker's measure: more than half of the former number must be left.
    match left > all / 2 {
        true => FORCE.to_owned(),
        false => format!(
            "Removing this node leaves {left} managers out of {all}. Without a Raft quorum your swarm will be inaccessible. {FORCE}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_comes_to() {
        assert_eq!(text(1, 1), LAST);
        assert!(text(2, 2).starts_with("Removing this node leaves 1 managers out of 2."));
        assert!(text(2, 3).starts_with("Removing this node leaves 1 managers out of 3."));
        assert_eq!(text(3, 3), FORCE);
        assert_eq!(text(5, 5), FORCE);
    }
}
