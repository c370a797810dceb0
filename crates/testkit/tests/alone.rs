//! Workers that no manager answers: what they do by themselves, and what becomes of it when the managers are back.

use std::time::Duration;

use manager::store::State;
use swarm_api::pb::{self, RestartCondition, TaskState};
use testkit::cluster::spec::service;
use testkit::cluster::{Cluster, LOSS};
use worker::fake::FakeState;

type Outcome = anyhow::Result<()>;

/// After so long without a session a worker is alone.
const ALONE: Duration = Duration::from_millis(200);

fn status(view: &State, task_id: &str) -> pb::TaskStatus {
    view.task(task_id).and_then(|task| task.status.clone()).unwrap_or_default()
}

/// Lets time go by in which nothing must happen.
async fn passed(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// The one task of the service that runs on the worker.
fn task_on(cluster: &Cluster, service: &str, number: usize) -> String {
    let node_id = &cluster.members[number].node_id;
    let running = cluster.running(service);
    running.values().find(|task| task.node_id == *node_id).expect("a task runs there").id.clone()
}

#[tokio::test]
async fn a_failed_task_is_restarted_without_managers_and_stays_when_they_are_back() -> Outcome {
    let mut cluster = Cluster::start_patient(1, ALONE).await?;
    let web = cluster.create(service("web", "web", 2)).await?;
    cluster.settled(&web, 2).await?;
    let before = cluster.running(&web);
    let task = task_on(&cluster, &web, 0);
    cluster.stop_manager().await;
    for start in [3, 4] {
        assert!(cluster.members[0].executor.exit(&task, 9));
        cluster.eventually("it is started again", |_| cluster.members[0].executor.starts() == start).await?;
        assert_eq!(cluster.members[0].executor.containers().len(), 2, "its old container is gone");
    }
    cluster.start_manager().await?;
    cluster
        .eventually("the managers know", |view| {
            let status = status(view, &task);
            (status.attempt, status.state()) == (2, TaskState::Running)
        })
        .await?;
    cluster.settled(&web, 2).await?;
    assert!(cluster.running(&web).keys().eq(before.keys()), "nothing was replaced");
    assert_eq!(cluster.members[0].executor.starts(), 4);

    // In a session it is the managers' again.
    assert!(cluster.members[0].executor.exit(&task, 9));
    cluster.eventually("its end is known", |view| status(view, &task).state() == TaskState::Failed).await?;
    cluster.settled(&web, 2).await?;
    assert!(!cluster.running(&web).contains_key(&task), "it was replaced");
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_starts_alone_restarts_what_failed_and_adopts_what_it_restarted() -> Outcome {
    let mut cluster = Cluster::start_patient(1, ALONE).await?;
    let web = cluster.create(service("web", "web", 1)).await?;
    cluster.settled(&web, 1).await?;
    let task = task_on(&cluster, &web, 0);
    cluster.stop_manager().await;
    cluster.vanish(0);
    assert!(cluster.members[0].executor.exit(&task, 9));
    cluster.come_back(0).await?;
    cluster.eventually("it is started again", |_| cluster.members[0].executor.running() == 1).await?;
    // The daemon once more: what it began is on disk.
    cluster.vanish(0);
    cluster.come_back(0).await?;
    cluster.start_manager().await?;
    cluster
        .eventually("the managers know", |view| {
            let status = status(view, &task);
            (status.attempt, status.state()) == (1, TaskState::Running)
        })
        .await?;
    cluster.settled(&web, 1).await?;
    assert_eq!(task_on(&cluster, &web, 0), task);
    assert_eq!(cluster.members[0].executor.starts(), 2, "the second life took it over as it was");
    Ok(())
}

#[tokio::test]
async fn what_was_replaced_meanwhile_is_stopped_and_not_kept_beside() -> Outcome {
    let mut cluster = Cluster::start_patient(2, ALONE).await?;
    let web = cluster.create(service("web", "web", 2)).await?;
    cluster.settled(&web, 2).await?;
    let task = task_on(&cluster, &web, 0);
    cluster.vanish(0);
    cluster.members[0].set_cut_off(true);
    cluster.come_back(0).await?;
    assert!(cluster.members[0].executor.exit(&task, 9));
    cluster.eventually("the others replace it", |_| cluster.members[1].executor.running() == 2).await?;
    cluster
        .eventually("its node restarts it", |_| {
            cluster.members[0].executor.containers().get(&task) == Some(&FakeState::Running)
        })
        .await?;
    cluster.members[0].set_cut_off(false);
    cluster.eventually("the replaced one is stopped", |_| cluster.members[0].executor.running() == 0).await?;
    cluster.settled(&web, 2).await?;
    assert_eq!(cluster.members[1].executor.running(), 2, "the replacement stays");
    cluster.eventually("and known as such", |view| status(view, &task).state() > TaskState::Running).await?;
    let status = status(&cluster.view(), &task);
    assert_eq!((status.attempt, status.state()), (1, TaskState::Shutdown));
    Ok(())
}

#[tokio::test]
async fn an_end_that_was_told_and_replaced_leaves_one_of_the_two() -> Outcome {
    let mut cluster = Cluster::start_patient(1, ALONE).await?;
    let mut spec = service("web", "web", 1);
    // The managers replace it, but only after a while: the node is alone before that.
    let policy = pb::RestartPolicy { delay_ns: Some(LOSS.as_nanos().try_into()?), ..Default::default() };
    spec.task.get_or_insert_default().restart = Some(policy);
    let web = cluster.create(spec).await?;
    cluster.settled(&web, 1).await?;
    let task = task_on(&cluster, &web, 0);
    assert!(cluster.members[0].executor.exit(&task, 9));
    cluster.eventually("the end is told", |view| status(view, &task).state() == TaskState::Failed).await?;
    cluster.stop_manager().await;
    passed(LOSS * 2).await;
    cluster.start_manager().await?;
    cluster.settled(&web, 1).await?;
    cluster.eventually("one container runs", |_| cluster.containers() == 1).await?;
    Ok(())
}

#[tokio::test]
async fn the_restart_policy_is_kept_without_managers() -> Outcome {
    let mut cluster = Cluster::start_patient(1, ALONE).await?;
    let mut limited = service("limited", "web", 1);
    let policy = pb::RestartPolicy { delay_ns: Some(0), max_attempts: 2, ..Default::default() };
    limited.task.get_or_insert_default().restart = Some(policy);
    let mut never = service("never", "web", 1);
    let policy = pb::RestartPolicy { condition: RestartCondition::None.into(), ..Default::default() };
    never.task.get_or_insert_default().restart = Some(policy);
    let never = cluster.create(never).await?;
    cluster.settled(&never, 1).await?;
    let task = task_on(&cluster, &never, 0);
    let limited = cluster.create(limited).await?;
    cluster.settled(&limited, 1).await?;
    let crashing = task_on(&cluster, &limited, 0);
    cluster.stop_manager().await;
    let executor = cluster.members[0].executor.clone();
    assert!(executor.exit(&task, 1));
    for start in [3, 4] {
        assert!(executor.exit(&crashing, 1));
        cluster.eventually("it is started again", |_| executor.starts() == start).await?;
        cluster
            .eventually("and runs", |_| executor.containers().get(&crashing) == Some(&FakeState::Running))
            .await?;
    }
    assert!(executor.exit(&crashing, 1));
    passed(ALONE * 4).await;
    assert_eq!(executor.starts(), 4, "two attempts are two, and none is none");
    cluster.start_manager().await?;
    cluster
        .eventually("the managers know of both ends", |view| {
            [&task, &crashing].iter().all(|id| status(view, id).state() == TaskState::Failed)
        })
        .await?;
    passed(ALONE).await;
    assert_eq!(executor.starts(), 4, "the managers count the attempts that were made without them");
    Ok(())
}

#[tokio::test]
async fn attempts_within_a_window_are_counted_over_the_daemons_restart() -> Outcome {
    const HOUR: Duration = Duration::from_secs(3600);
    let mut cluster = Cluster::start_patient(1, ALONE).await?;
    let mut spec = service("web", "web", 1);
    let window_ns = HOUR.as_nanos().try_into()?;
    let policy = pb::RestartPolicy { delay_ns: Some(0), max_attempts: 2, window_ns, ..Default::default() };
    spec.task.get_or_insert_default().restart = Some(policy);
    let web = cluster.create(spec).await?;
    cluster.settled(&web, 1).await?;
    let task = task_on(&cluster, &web, 0);
    cluster.stop_manager().await;
    let executor = cluster.members[0].executor.clone();
    for start in [2, 3] {
        assert!(executor.exit(&task, 1));
        cluster.eventually("it is started again", |_| executor.starts() == start).await?;
        cluster
            .eventually("and runs", |_| executor.containers().get(&task) == Some(&FakeState::Running))
            .await?;
        cluster.vanish(0);
        cluster.come_back(0).await?;
    }
    assert!(executor.exit(&task, 1));
    passed(ALONE * 4).await;
    assert_eq!(executor.starts(), 3, "two attempts are two, whoever made them");
    Ok(())
}
