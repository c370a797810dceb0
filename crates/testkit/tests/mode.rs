//! Global services and jobs, and updates that go back, on a whole cluster.

use swarm_api::pb::service_spec::Mode;
use swarm_api::pb::{self, FailureAction, NodeAvailability, RestartCondition, TaskState, UpdateState};
use testkit::cluster::Cluster;
use testkit::cluster::spec::{service, set_image};
use worker::fake::{BROKEN_IMAGE, DONE_IMAGE};

type Outcome = anyhow::Result<()>;

fn job(max_concurrent: u64, total_completions: u64) -> pb::ServiceSpec {
    let mut spec = service("job", DONE_IMAGE, 0);
    spec.mode = Some(Mode::ReplicatedJob(pb::ReplicatedJob { max_concurrent, total_completions }));
    spec.update = None;
    let restart = spec.task.get_or_insert_default().restart.get_or_insert_default();
    restart.set_condition(RestartCondition::OnFailure);
    spec
}

fn completed(view: &manager::store::State, service_id: &str) -> usize {
    let run = view.service(service_id).unwrap().job_iteration;
    let completes = |task: &&std::sync::Arc<pb::Task>| {
        task.job_iteration == run && task.status.as_ref().unwrap().state() == TaskState::Complete
    };
    view.tasks_of_service(service_id).filter(completes).count()
}

fn starts(cluster: &Cluster) -> u64 {
    cluster.members.iter().map(|member| member.executor.starts()).sum()
}

#[tokio::test]
async fn a_global_service_is_on_every_node_and_on_those_that_come() -> Outcome {
    let mut cluster = Cluster::start(2).await?;
    let agent = cluster
        .create(pb::ServiceSpec {
            mode: Some(Mode::Global(pb::GlobalService {})),
            ..service("agent", "web", 0)
        })
        .await?;
    cluster.settled(&agent, 2).await?;
    cluster.add_worker().await?;
    cluster.settled(&agent, 3).await?;
    assert!(cluster.members.iter().all(|member| member.executor.running() == 1));
    cluster.update(&agent, |spec| set_image(spec, "web:2")).await?;
    cluster
        .eventually("the update is complete", |view| {
            let status = view.service(&agent).unwrap().update_status.clone().unwrap_or_default();
            status.state() == UpdateState::Completed
        })
        .await?;
    cluster.settled(&agent, 3).await?;
    cluster.set_availability(1, NodeAvailability::Drain).await?;
    cluster.settled(&agent, 2).await?;
    cluster.eventually("it has left", |_| cluster.members[1].executor.running() == 0).await
}

#[tokio::test]
async fn a_job_completes_so_often_whoever_leads() -> Outcome {
    const TOTAL: u64 = 40;
    let mut cluster = Cluster::start(2).await?;
    let job = cluster.create(job(2, TOTAL)).await?;
    for part in 1..=3 {
        cluster.eventually("a part is done", |view| completed(view, &job) >= 10 * part).await?;
        cluster.stop_manager().await;
        cluster.start_manager().await?;
    }
    cluster.eventually("all is done", |view| completed(view, &job) == TOTAL as usize).await?;
    assert_eq!(starts(&cluster), TOTAL, "each once");
    // A change of anything begins another run, and nothing of the first one is left.
    cluster.update(&job, |_| {}).await?;
    cluster.eventually("all is done again", |view| completed(view, &job) == TOTAL as usize).await?;
    assert_eq!(starts(&cluster), 2 * TOTAL);
    cluster
        .eventually("the first run is forgotten", |view| {
            view.tasks_of_service(&job).count() == TOTAL as usize
        })
        .await
}

#[tokio::test]
async fn a_global_job_runs_once_on_each_node() -> Outcome {
    let cluster = Cluster::start(3).await?;
    let mode = Some(Mode::GlobalJob(pb::GlobalJob {}));
    let job = cluster.create(pb::ServiceSpec { mode, ..job(0, 0) }).await?;
    cluster.eventually("all is done", |view| completed(view, &job) == 3).await?;
    assert!(cluster.members.iter().all(|member| member.executor.starts() == 1));
    Ok(())
}

#[tokio::test]
async fn an_update_that_fails_goes_back() -> Outcome {
    let cluster = Cluster::start(2).await?;
    let web = cluster.create(service("web", "web", 4)).await?;
    cluster.settled(&web, 4).await?;
    let before = cluster.running(&web);
    cluster
        .update(&web, |spec| {
            set_image(spec, BROKEN_IMAGE);
            spec.update.get_or_insert_default().set_failure_action(FailureAction::Rollback);
            spec.rollback = spec.update;
        })
        .await?;
    cluster
        .eventually("it has gone back", |view| {
            let status = view.service(&web).unwrap().update_status.clone().unwrap_or_default();
            status.state() == UpdateState::RollbackCompleted && status.message == "rollback completed"
        })
        .await?;
    cluster.settled(&web, 4).await?;
    let after = cluster.running(&web);
    assert_eq!(before.keys().filter(|id| after.contains_key(*id)).count(), 3, "one had been stopped");
    Ok(())
}
