//! The root is rotated while services run: agents renew by themselves, nothing stops, and who slept through it comes back.

use std::collections::BTreeSet;

use manager::store::State;
use swarm_api::pb::NodeState;
use testkit::cluster::Cluster;
use testkit::cluster::spec::service;

type Outcome = anyhow::Result<()>;

fn trusted(view: &State) -> String {
    view.cluster()
        .and_then(|cluster| cluster.root_ca.as_ref())
        .map(|root| root.digest.clone())
        .unwrap_or_default()
}

fn state(view: &State, node_id: &str) -> NodeState {
    view.node(node_id).and_then(|node| node.status.as_ref().map(|status| status.state())).unwrap_or_default()
}

/// Whether the worker trusts the root there is, and has a session.
fn has_moved(cluster: &Cluster, view: &State, number: usize) -> bool {
    let member = &cluster.members[number];
    member.identity().authority().trust_digest == trusted(view)
        && state(view, &member.node_id) == NodeState::Ready
}

#[tokio::test]
async fn every_worker_moves_to_the_new_root_and_no_task_is_touched() -> Outcome {
    let cluster = Cluster::start(3).await?;
    let web = cluster.create(service("web", "web", 6)).await?;
    cluster.settled(&web, 6).await?;
    let before: BTreeSet<String> = cluster.running(&web).into_keys().collect();
    for _ in 0..2 {
        let old = trusted(&cluster.view());
        cluster.rotate_root().await?;
        assert_ne!(trusted(&cluster.view()), old);
        cluster
            .eventually("all have moved", |view| (0..3).all(|number| has_moved(&cluster, view, number)))
            .await?;
    }
    cluster.settled(&web, 6).await?;
    assert_eq!(cluster.running(&web).into_keys().collect::<BTreeSet<_>>(), before, "nothing was replaced");
    let starts: u64 = cluster.members.iter().map(|member| member.executor.starts()).sum();
    assert_eq!(starts, 6, "nothing was restarted");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_slept_through_rotations_comes_back_by_its_key() -> Outcome {
    let mut cluster = Cluster::start(2).await?;
    cluster.vanish(0);
    let late = cluster.members[0].node_id.clone();
    cluster.eventually("it is down", |view| state(view, &late) == NodeState::Down).await?;
    cluster.rotate_root().await?;
    cluster.rotate_root().await?;
    cluster.come_back(0).await?;
    cluster.eventually("it is back", |view| has_moved(&cluster, view, 0)).await?;
    Ok(())
}
