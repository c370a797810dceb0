//! Tasks leave every load balancer before they are told to stop, and a drained node is left without anybody noticing.

use std::time::Duration;

use manager::store::State;
use swarm_api::pb::{self, NodeAvailability, NodeState, TaskState};
use testkit::cluster::spec::service;
use testkit::cluster::{Cluster, LOSS, PATIENCE};

type Outcome = anyhow::Result<()>;

const DRAIN: Duration = Duration::from_millis(300);

/// A service with a published port.
fn balanced(replicas: u64) -> pb::ServiceSpec {
    let port = pb::PortConfig { target_port: 80, published_port: 8080, ..Default::default() };
    pb::ServiceSpec {
        endpoint: Some(pb::EndpointSpec { ports: vec![port], ..Default::default() }),
        drain_time_ns: i64::try_from(DRAIN.as_nanos()).ok(),
        ..service("web", "web", replicas)
    }
}

/// A cluster of two workers, each with two tasks that it balances to.
async fn balancing() -> anyhow::Result<(Cluster, String)> {
    let cluster = Cluster::start(2).await?;
    let web = cluster.create(balanced(4)).await?;
    cluster.settled(&web, 4).await?;
    let backends = |number: usize| {
        let ports = cluster.members[number].executor.ingress();
        ports.first().map_or(0, |port| port.task_ids.len())
    };
    cluster.eventually("each node balances over its own", |_| backends(0) == 2 && backends(1) == 2).await?;
    Ok((cluster, web))
}

fn desired(view: &State, task_id: &str) -> Option<TaskState> {
    view.task(task_id).map(|task| task.desired_state())
}

#[tokio::test]
async fn a_task_is_out_of_the_balancing_for_its_drain_time_before_it_stops() -> Outcome {
    let (cluster, web) = balancing().await?;
    let tasks = cluster.running(&web);
    cluster.scale(&web, 0).await?;
    let stopped = || cluster.members.iter().all(|member| member.executor.running() == 0);
    cluster.eventually("all have stopped", |_| stopped()).await?;
    for task in tasks.values() {
        let member = cluster.members.iter().find(|member| member.node_id == task.node_id).unwrap();
        let drained = member.executor.drained(&task.id);
        assert!(drained.is_some_and(|drained| drained >= DRAIN), "{drained:?}");
    }
    Ok(())
}

#[tokio::test]
async fn without_an_endpoint_nothing_waits() -> Outcome {
    let cluster = Cluster::start(1).await?;
    let web = cluster.create(service("web", "web", 4)).await?;
    cluster.settled(&web, 4).await?;
    let begun = tokio::time::Instant::now();
    cluster.scale(&web, 0).await?;
    cluster.eventually("all have stopped", |_| cluster.members[0].executor.running() == 0).await?;
    assert!(begun.elapsed() < swarm_api::default::DRAIN_TIME, "{:?}", begun.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_silent_node_is_waited_for_until_its_lease_ends() -> Outcome {
    let (mut cluster, web) = balancing().await?;
    let tasks = cluster.running(&web);
    let silent = cluster.members[0].node_id.clone();
    cluster.vanish(0);
    let begun = tokio::time::Instant::now();
    cluster.scale(&web, 0).await?;
    let is_down =
        |view: &State| view.node(&silent).unwrap().status.as_ref().unwrap().state() == NodeState::Down;
    let ids: Vec<_> = tasks.values().filter(|task| task.node_id == silent).map(|task| &task.id).collect();
    let (mut waited, mut early) = (false, 0);
    loop {
        let view = cluster.view();
        let leaves = |id: &&&String| desired(&view, id) == Some(TaskState::Leaving);
        let is_told = |id: &&&String| desired(&view, id).is_none_or(|desired| desired > TaskState::Leaving);
        waited |= ids.iter().any(|id| leaves(&id));
        early += usize::from(!is_down(&view) && ids.iter().any(|id| is_told(&id)));
        if ids.iter().all(|id| is_told(&id)) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(waited && early == 0, "waited: {waited}, told to stop too early: {early}");
    assert!(begun.elapsed() >= LOSS / 2, "{:?}", begun.elapsed());
    // The other node was not held up by it.
    assert_eq!(cluster.members[1].executor.running(), 0);
    Ok(())
}

#[tokio::test]
async fn a_balancer_that_does_not_obey_holds_its_tasks() -> Outcome {
    let (cluster, web) = balancing().await?;
    cluster.members[0].executor.set_stuck(true);
    cluster.scale(&web, 0).await?;
    cluster.eventually("the other node has stopped", |_| cluster.members[1].executor.running() == 0).await?;
    let stuck = cluster.members[0].node_id.clone();
    let view = cluster.view();
    assert!(view.tasks_of_node(&stuck).all(|task| task.desired_state() == TaskState::Leaving));
    assert_eq!(cluster.members[0].executor.running(), 2);
    cluster.members[0].executor.set_stuck(false);
    cluster.eventually("it has stopped too", |_| cluster.members[0].executor.running() == 0).await
}

#[tokio::test]
async fn a_manager_that_starts_again_asks_who_balances() -> Outcome {
    let (mut cluster, web) = balancing().await?;
    cluster.members[0].executor.set_stuck(true);
    cluster.scale(&web, 0).await?;
    cluster.eventually("the other node has stopped", |_| cluster.members[1].executor.running() == 0).await?;
    cluster.stop_manager().await;
    cluster.start_manager().await?;
    let begun = tokio::time::Instant::now();
    cluster.eventually("a leader that does not ask would be done", |_| begun.elapsed() > 3 * DRAIN).await?;
    assert_eq!(cluster.members[0].executor.running(), 2, "it still balances to them");
    cluster.members[0].executor.set_stuck(false);
    cluster.eventually("it has stopped too", |_| cluster.members[0].executor.running() == 0).await
}

#[tokio::test]
async fn a_drained_node_never_takes_a_replica_away() -> Outcome {
    for spec in [service("web", "web", 6), balanced(6)] {
        let cluster = Cluster::start(3).await?;
        let web = cluster.create(spec).await?;
        cluster.settled(&web, 6).await?;
        cluster.set_availability(0, NodeAvailability::Drain).await?;
        let begun = tokio::time::Instant::now();
        while cluster.members[0].executor.running() > 0 {
            let serving = cluster.running(&web).len();
            assert!(serving >= 6, "{serving} of 6 replicas");
            assert!(begun.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        cluster.settled(&web, 6).await?;
    }
    Ok(())
}
