//! The cluster as a whole, in one process: what the loops and the workers do together.

use std::time::Duration;

use swarm_api::pb::{self, NodeAvailability, NodeState, TaskState, UpdateState};
use testkit::cluster::spec::{service, set_image};
use testkit::cluster::{Cluster, LOSS, PATIENCE};
use worker::fake::{BROKEN_IMAGE, CRASH_IMAGE, DONE_IMAGE, FakeState, MISSING_IMAGE};

type Outcome = anyhow::Result<()>;

#[tokio::test]
async fn three_replicas_run_and_spread() -> Outcome {
    let cluster = Cluster::start(3).await?;
    let web = cluster.create(service("web", "web", 3)).await?;
    cluster.settled(&web, 3).await?;
    for member in &cluster.members {
        assert_eq!(member.executor.running(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_dead_task_gets_a_successor_in_its_slot() -> Outcome {
    let cluster = Cluster::start(1).await?;
    let web = cluster.create(service("web", "web", 3)).await?;
    cluster.settled(&web, 3).await?;
    let (victim, task) = cluster.running(&web).pop_first().unwrap();
    assert!(cluster.members[0].executor.exit(&victim, 1));
    cluster
        .eventually("the slot has a new task", |view| {
            view.tasks_of_slot(&web, task.slot)
                .any(|new| new.id != victim && new.status.as_ref().unwrap().state() == TaskState::Running)
        })
        .await?;
    cluster.settled(&web, 3).await?;
    let dead = cluster.view().task(&victim).unwrap().status.clone().unwrap();
    assert_eq!((dead.state(), dead.err.as_str()), (TaskState::Failed, "task: non-zero exit (1)"));
    Ok(())
}

#[tokio::test]
async fn scaling_up_and_down_leaves_exactly_so_many_containers() -> Outcome {
    let cluster = Cluster::start(2).await?;
    let web = cluster.create(service("web", "web", 3)).await?;
    cluster.settled(&web, 3).await?;
    let before = cluster.running(&web);
    cluster.scale(&web, 60).await?;
    cluster.settled(&web, 60).await?;
    let after = cluster.running(&web);
    assert!(before.keys().all(|id| after.contains_key(id)), "those that ran go on");
    cluster.scale(&web, 2).await?;
    cluster.settled(&web, 2).await?;
    cluster.eventually("the others are gone", |view| view.tasks_of_service(&web).count() == 2).await?;
    cluster
        .eventually("their containers too", |_| {
            cluster.members.iter().map(|member| member.executor.containers().len()).sum::<usize>() == 2
        })
        .await?;
    assert_eq!(cluster.members[0].executor.running(), 1, "the fuller node was relieved first");
    Ok(())
}

#[tokio::test]
async fn an_update_replaces_one_after_the_other_and_says_so() -> Outcome {
    let cluster = Cluster::start(2).await?;
    let web = cluster.create(service("web", "web", 4)).await?;
    cluster.settled(&web, 4).await?;
    cluster.update(&web, |spec| set_image(spec, "web:2")).await?;
    let mut fewest = 4;
    let begun = tokio::time::Instant::now();
    loop {
        let status = cluster.view().service(&web).unwrap().update_status.clone().unwrap_or_default();
        fewest = fewest.min(cluster.containers());
        if status.state() == UpdateState::Completed {
            assert_eq!(status.message, "update completed");
            assert!(status.completed_at_ns >= status.started_at_ns);
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{status:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(fewest >= 3, "one at a time, but only {fewest} ran");
    cluster.settled(&web, 4).await?;
    let image = |task: &pb::Task| task.spec.clone().unwrap().container.unwrap().image;
    assert!(cluster.running(&web).values().all(|task| image(task) == "web:2"));
    Ok(())
}

#[tokio::test]
async fn an_update_of_labels_restarts_nothing() -> Outcome {
    let cluster = Cluster::start(1).await?;
    let web = cluster.create(service("web", "web", 2)).await?;
    cluster.settled(&web, 2).await?;
    let before = cluster.running(&web);
    let label = |spec: &mut pb::ServiceSpec| {
        spec.annotations.get_or_insert_default().labels.insert("a".to_owned(), "b".to_owned());
        spec.mode = swarm_api::default::replicated(3);
    };
    cluster.update(&web, label).await?;
    cluster.settled(&web, 3).await?;
    let after = cluster.running(&web);
    assert!(before.keys().all(|id| after.contains_key(id)));
    assert_eq!(cluster.members[0].executor.starts(), 3);
    Ok(())
}

#[tokio::test]
async fn a_failing_update_is_paused_and_names_the_task() -> Outcome {
    let cluster = Cluster::start(1).await?;
    let web = cluster.create(service("web", "web", 3)).await?;
    cluster.settled(&web, 3).await?;
    cluster.update(&web, |spec| set_image(spec, BROKEN_IMAGE)).await?;
    let paused = |view: &manager::store::State| {
        let status = view.service(&web).unwrap().update_status.clone().unwrap_or_default();
        status.state() == UpdateState::Paused
    };
    cluster.eventually("the update is paused", paused).await?;
    let message = cluster.view().service(&web).unwrap().update_status.clone().unwrap().message;
    let task = message.strip_prefix("update paused due to failure or early termination of task ").unwrap();
    assert!(cluster.view().task(task).is_some(), "{message}");
    assert!(cluster.containers() >= 2, "the others go on");
    cluster.update(&web, |spec| set_image(spec, "web:3")).await?;
    cluster.settled(&web, 3).await
}

#[tokio::test]
async fn a_drained_node_is_left_and_stays_empty() -> Outcome {
    let cluster = Cluster::start(2).await?;
    let web = cluster.create(service("web", "web", 4)).await?;
    cluster.settled(&web, 4).await?;
    cluster.set_availability(0, NodeAvailability::Drain).await?;
    cluster.eventually("the drained node is empty", |_| cluster.members[0].executor.running() == 0).await?;
    cluster.settled(&web, 4).await?;
    assert_eq!(cluster.members[1].executor.running(), 4);
    Ok(())
}

#[tokio::test]
async fn a_vanished_worker_is_replaced_and_stops_its_tasks_when_it_returns() -> Outcome {
    let mut cluster = Cluster::start(2).await?;
    let web = cluster.create(service("web", "web", 4)).await?;
    cluster.settled(&web, 4).await?;
    cluster.vanish(0);
    cluster.settled(&web, 4).await?;
    cluster.eventually("all run on the other", |_| cluster.members[1].executor.running() == 4).await?;
    assert_eq!(cluster.members[0].executor.running(), 2, "nobody could stop those out of reach");
    cluster.come_back(0).await?;
    cluster
        .eventually("the replaced ones are stopped", |_| cluster.members[0].executor.running() == 0)
        .await?;
    cluster.settled(&web, 4).await?;
    assert_eq!(cluster.containers(), 4);
    Ok(())
}

#[tokio::test]
async fn a_short_absence_changes_nothing() -> Outcome {
    let mut cluster = Cluster::start(2).await?;
    let web = cluster.create(service("web", "web", 4)).await?;
    cluster.settled(&web, 4).await?;
    let before = cluster.running(&web);
    let starts = |cluster: &Cluster| cluster.members.iter().map(|m| m.executor.starts()).sum::<u64>();
    let started = starts(&cluster);
    cluster.vanish(0);
    cluster.come_back(0).await?;
    let (id, _) = before.iter().find(|(_, task)| task.node_id == cluster.members[0].node_id).unwrap();
    assert_eq!(starts(&cluster), started, "running containers are adopted");
    // The returned agent is at work again: it notices an end.
    assert!(cluster.members[0].executor.exit(id, 3));
    cluster
        .eventually("the end is noticed", |view| {
            view.task(id).unwrap().status.as_ref().unwrap().state() == TaskState::Failed
        })
        .await?;
    cluster.settled(&web, 4).await
}

#[tokio::test]
async fn a_node_that_says_goodbye_keeps_its_tasks_for_a_while() -> Outcome {
    let mut cluster = Cluster::start(2).await?;
    let web = cluster.create(service("web", "web", 2)).await?;
    cluster.settled(&web, 2).await?;
    let before = cluster.running(&web);
    cluster.say_goodbye(0).await;
    let away = cluster.members[0].node_id.clone();
    let state = |view: &manager::store::State| view.node(&away).unwrap().status.as_ref().unwrap().state();
    cluster.eventually("the node is away", |view| state(view) == NodeState::Disconnected).await?;
    let left = tokio::time::Instant::now();
    cluster.eventually("a silent node would be down", |_| left.elapsed() > LOSS * 4 / 3).await?;
    assert!(cluster.running(&web).keys().eq(before.keys()), "nothing was replaced");
    cluster.come_back(0).await?;
    cluster.eventually("the node is back", |view| state(view) == NodeState::Ready).await?;
    assert!(cluster.running(&web).keys().eq(before.keys()));
    assert_eq!(cluster.members[0].executor.starts(), 1);
    cluster.settled(&web, 2).await
}

#[tokio::test]
async fn a_task_that_fits_nowhere_says_why() -> Outcome {
    let cluster = Cluster::start(2).await?;
    let mut spec = service("web", "web", 1);
    let placement =
        pb::Placement { constraints: vec!["node.hostname==moon".to_owned()], ..Default::default() };
    spec.task.get_or_insert_default().placement = Some(placement);
    let begun = tokio::time::Instant::now();
    let web = cluster.create(spec).await?;
    let reason = "no suitable node (scheduling constraints not satisfied on 2 nodes; 1 node not available for new tasks)";
    cluster
        .eventually("the reason is told", |view| {
            view.tasks_of_service(&web).any(|task| task.status.as_ref().unwrap().err == reason)
        })
        .await?;
    assert!(begun.elapsed() < Duration::from_secs(1));
    cluster.update(&web, |spec| spec.task.get_or_insert_default().placement = None).await?;
    cluster.settled(&web, 1).await
}

#[tokio::test]
async fn attempts_are_limited_and_then_it_rests() -> Outcome {
    let cluster = Cluster::start(1).await?;
    let mut spec = service("crash", CRASH_IMAGE, 1);
    spec.task.get_or_insert_default().restart =
        Some(pb::RestartPolicy { delay_ns: Some(0), max_attempts: 6, ..Default::default() });
    let crash = cluster.create(spec).await?;
    cluster
        .eventually("seven have failed", |view| {
            view.tasks_of_service(&crash)
                .filter(|task| task.status.as_ref().unwrap().state() == TaskState::Failed)
                .count()
                == 7
        })
        .await?;
    let none_live = |view: &manager::store::State| {
        view.tasks_of_service(&crash).all(|task| task.desired_state() == TaskState::Shutdown)
    };
    cluster.eventually("none is live", none_live).await?;
    assert_eq!(cluster.members[0].executor.starts(), 7);
    // Something else happens, and it still rests.
    let web = cluster.create(service("web", "web", 1)).await?;
    cluster.settled(&web, 1).await?;
    assert_eq!(cluster.view().tasks_of_service(&crash).count(), 7);
    Ok(())
}

#[tokio::test]
async fn a_task_that_is_done_stays_done() -> Outcome {
    let cluster = Cluster::start(1).await?;
    let mut spec = service("job", DONE_IMAGE, 2);
    let policy = pb::RestartPolicy {
        condition: pb::RestartCondition::OnFailure.into(),
        delay_ns: Some(0),
        ..Default::default()
    };
    spec.task.get_or_insert_default().restart = Some(policy);
    let job = cluster.create(spec).await?;
    cluster
        .eventually("both are complete", |view| {
            view.tasks_of_service(&job)
                .filter(|task| {
                    let state = task.status.as_ref().unwrap().state();
                    state == TaskState::Complete && task.desired_state() == TaskState::Shutdown
                })
                .count()
                == 2
        })
        .await?;
    let web = cluster.create(service("web", "web", 1)).await?;
    cluster.settled(&web, 1).await?;
    assert_eq!(cluster.view().tasks_of_service(&job).count(), 2);
    Ok(())
}

#[tokio::test]
async fn a_missing_image_rejects_the_task_in_dockers_words() -> Outcome {
    let cluster = Cluster::start(1).await?;
    let mut spec = service("web", MISSING_IMAGE, 1);
    spec.task.get_or_insert_default().restart =
        Some(pb::RestartPolicy { condition: pb::RestartCondition::None.into(), ..Default::default() });
    let web = cluster.create(spec).await?;
    cluster
        .eventually("the task is rejected", |view| {
            view.tasks_of_service(&web).any(|task| {
                let status = task.status.as_ref().unwrap();
                status.state() == TaskState::Rejected && status.err == "No such image: missing:latest"
            })
        })
        .await
}

#[tokio::test]
async fn a_removed_service_leaves_no_container_and_no_record() -> Outcome {
    let cluster = Cluster::start(2).await?;
    let web = cluster.create(service("web", "web", 5)).await?;
    cluster.settled(&web, 5).await?;
    cluster.remove(&web).await?;
    cluster
        .eventually("nothing is left", |view| {
            view.service(&web).is_none()
                && view.tasks().next().is_none()
                && cluster.members.iter().all(|member| member.executor.containers().is_empty())
        })
        .await
}

#[tokio::test]
async fn a_manager_that_starts_again_keeps_services_and_adopts_tasks() -> Outcome {
    let mut cluster = Cluster::start(2).await?;
    let web = cluster.create(service("web", "web", 4)).await?;
    cluster.settled(&web, 4).await?;
    let before = cluster.running(&web);
    cluster.stop_manager().await;
    cluster.start_manager().await?;
    assert!(cluster.running(&web).keys().eq(before.keys()), "all is on disk");
    cluster.scale(&web, 5).await?;
    cluster.settled(&web, 5).await?;
    let after = cluster.running(&web);
    assert!(before.keys().all(|id| after.contains_key(id)), "all were adopted");
    assert_eq!(cluster.members.iter().map(|member| member.executor.starts()).sum::<u64>(), 5);
    Ok(())
}

#[tokio::test]
async fn workers_go_on_without_a_manager_and_report_later() -> Outcome {
    let mut cluster = Cluster::start(2).await?;
    let web = cluster.create(service("web", "web", 4)).await?;
    cluster.settled(&web, 4).await?;
    let on = |number: usize| {
        let node_id = &cluster.members[number].node_id;
        cluster.running(&web).values().find(|task| task.node_id == *node_id).unwrap().id.clone()
    };
    let (first, second) = (on(0), on(1));
    cluster.stop_manager().await;
    // One task ends under its agent, another while its agent is away too.
    assert!(cluster.members[0].executor.exit(&first, 9));
    cluster.vanish(1);
    assert!(cluster.members[1].executor.exit(&second, 9));
    cluster.come_back(1).await?;
    cluster.start_manager().await?;
    cluster
        .eventually("both ends are known", |view| {
            [&first, &second].iter().all(|id| {
                let status = view.task(id).unwrap().status.clone().unwrap();
                status.state() == TaskState::Failed && status.container.unwrap().exit_code == 9
            })
        })
        .await?;
    cluster.settled(&web, 4).await?;
    assert_eq!(cluster.members.iter().map(|member| member.executor.starts()).sum::<u64>(), 6);
    Ok(())
}

#[tokio::test]
async fn containers_that_nobody_knows_are_removed() -> Outcome {
    let mut cluster = Cluster::start(1).await?;
    let web = cluster.create(service("web", "web", 1)).await?;
    cluster.settled(&web, 1).await?;
    cluster.vanish(0);
    cluster.members[0].executor.plant("left-over");
    cluster.come_back(0).await?;
    cluster
        .eventually("the left-over is gone", |_| {
            !cluster.members[0].executor.containers().contains_key("left-over")
        })
        .await?;
    assert_eq!(cluster.members[0].executor.running(), 1);
    Ok(())
}

#[tokio::test]
async fn ingress_ports_lead_to_the_tasks_that_run_here() -> Outcome {
    let cluster = Cluster::start(2).await?;
    let mut spec = service("web", "web", 4);
    let port = pb::PortConfig { target_port: 80, ..Default::default() };
    spec.endpoint = Some(pb::EndpointSpec { ports: vec![port], ..Default::default() });
    let web = cluster.create(spec).await?;
    cluster.settled(&web, 4).await?;
    let backends = |number: usize| {
        let ports = cluster.members[number].executor.ingress();
        ports.first().map_or(0, |port| port.task_ids.len())
    };
    cluster.eventually("each node balances over its own", |_| backends(0) == 2 && backends(1) == 2).await?;
    let port = cluster.members[0].executor.ingress()[0].port.clone().unwrap();
    assert_eq!((port.target_port, port.published_port), (80, 30_000));
    cluster.scale(&web, 0).await?;
    cluster
        .eventually("no port is left", |_| {
            cluster.members.iter().all(|member| member.executor.ingress().is_empty())
        })
        .await?;
    let exited = |state: &FakeState| *state != FakeState::Running;
    let all_exited =
        || cluster.members.iter().all(|member| member.executor.containers().values().all(exited));
    cluster.eventually("nothing runs when it has drained", |_| all_exited()).await?;
    Ok(())
}
