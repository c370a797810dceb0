//! What every [`Executor`] must do, as a suite that the fake and the real one both run. It panics with a
//! sentence at the first breach, and leaves no container behind when it passes.

use std::time::Duration;

use swarm_api::pb;
use tokio::time::timeout;

use crate::executor::{Executor, ExecutorError};

/// No operation of the suite may take longer.
const BOUND: Duration = Duration::from_secs(30);
/// The grace given to stops; the lasting task should end by itself on its stop signal.
const GRACE: Duration = Duration::from_secs(1);

/// Makes a task with the given id.
pub type MakeTask = Box<dyn Fn(&str) -> pb::Task + Send + Sync>;

/// Tasks for the suite.
pub struct Cases {
    /// Runs until stopped.
    pub lasting: MakeTask,
    /// Ends by itself soon after its start, with `ending_code`.
    pub ending: MakeTask,
    /// The exit code of `ending`.
    pub ending_code: i32,
    /// Cannot be prepared: its image is nowhere.
    pub impossible: MakeTask,
    /// Can be prepared, but its command does not exist.
    pub unstartable: MakeTask,
}

/// Runs all of it, one after the other.
pub async fn run(executor: &dyn Executor, cases: &Cases) {
    lasting_life(executor, &(cases.lasting)("conformance-lasting")).await;
    adoption(executor, &(cases.lasting)("conformance-adopted")).await;
    stop_before_start(executor, &(cases.lasting)("conformance-unstarted")).await;
    forced_removal(executor, &(cases.lasting)("conformance-removed")).await;
    own_end(executor, &(cases.ending)("conformance-ending"), cases.ending_code).await;
    failures(executor, cases).await;
    absence(executor, &(cases.lasting)("conformance-absent")).await;
    assert!(
        !bounded(executor.describe()).await.expect("describe").hostname.is_empty(),
        "a node has a host name"
    );
}

async fn lasting_life(executor: &dyn Executor, task: &pb::Task) {
    let controller = executor.controller(task).await.expect("controller");
    bounded(controller.prepare(None)).await.expect("prepare");
    bounded(controller.prepare(None)).await.expect("prepare twice");
    assert!(listed(executor, &task.id).await, "a prepared container is listed");
    bounded(controller.start(&[])).await.expect("start");
    let first = bounded(controller.status()).await.expect("status").container;
    assert!(
        first.pid > 0 && !first.container_id.is_empty(),
        "a running container has an id and a pid: {first:?}"
    );
    bounded(controller.start(&[])).await.expect("start twice");
    assert_eq!(bounded(controller.status()).await.expect("status").container, first, "it was started once");
    let early = timeout(Duration::from_millis(100), controller.wait()).await;
    assert!(early.is_err(), "wait ends only with the container");
    bounded(controller.shutdown(GRACE)).await.expect("shutdown");
    bounded(controller.wait()).await.expect("wait after the end answers at once");
    assert_eq!(bounded(controller.status()).await.expect("status").container.pid, 0);
    bounded(controller.shutdown(GRACE)).await.expect("shutdown of a stopped container");
    bounded(controller.start(&[])).await.expect("start of an ended container is success");
    assert_eq!(
        bounded(controller.status()).await.expect("status").container.pid,
        0,
        "it is not started again"
    );
    bounded(executor.remove(&task.id)).await.expect("remove");
    bounded(executor.remove(&task.id)).await.expect("remove twice");
    assert!(!listed(executor, &task.id).await, "a removed container is not listed");
}

async fn adoption(executor: &dyn Executor, task: &pb::Task) {
    let controller = executor.controller(task).await.expect("controller");
    bounded(controller.prepare(None)).await.expect("prepare");
    bounded(controller.start(&[])).await.expect("start");
    let before = bounded(controller.status()).await.expect("status").container;
    drop(controller);
    let adopted = executor.controller(task).await.expect("a second controller of the same task");
    bounded(adopted.prepare(None)).await.expect("prepare of a running task");
    bounded(adopted.start(&[])).await.expect("start of a running task");
    let after = bounded(adopted.status()).await.expect("status").container;
    assert_eq!(before, after, "the running container is taken over as it is");
    bounded(executor.remove(&task.id)).await.expect("remove");
}

async fn stop_before_start(executor: &dyn Executor, task: &pb::Task) {
    let controller = executor.controller(task).await.expect("controller");
    bounded(controller.shutdown(GRACE)).await.expect("shutdown of nothing");
    bounded(controller.prepare(None)).await.expect("prepare");
    bounded(controller.shutdown(GRACE)).await.expect("shutdown of a prepared container");
    assert_eq!(bounded(controller.status()).await.expect("status").container.pid, 0);
    bounded(executor.remove(&task.id)).await.expect("remove");
}

async fn forced_removal(executor: &dyn Executor, task: &pb::Task) {
    let controller = executor.controller(task).await.expect("controller");
    bounded(controller.prepare(None)).await.expect("prepare");
    bounded(controller.start(&[])).await.expect("start");
    bounded(executor.remove(&task.id)).await.expect("removal of a running container");
    assert!(!listed(executor, &task.id).await, "it is gone");
}

async fn own_end(executor: &dyn Executor, task: &pb::Task, code: i32) {
    let controller = executor.controller(task).await.expect("controller");
    bounded(controller.prepare(None)).await.expect("prepare");
    bounded(controller.start(&[])).await.expect("start");
    let exit = bounded(controller.wait()).await.expect("wait");
    assert_eq!(exit.code, code, "the exit code is the container's");
    assert_eq!(bounded(controller.status()).await.expect("status").container.exit_code, code);
    bounded(executor.remove(&task.id)).await.expect("remove");
}

async fn failures(executor: &dyn Executor, cases: &Cases) {
    let task = (cases.impossible)("conformance-impossible");
    let controller = executor.controller(&task).await.expect("controller");
    let error = bounded(controller.prepare(None)).await.expect_err("a missing image");
    assert!(matches!(error, ExecutorError::Rejected { .. }), "a missing image rejects the task: {error:?}");
    bounded(executor.remove(&task.id)).await.expect("remove");

    let task = (cases.unstartable)("conformance-unstartable");
    let controller = executor.controller(&task).await.expect("controller");
    bounded(controller.prepare(None)).await.expect("prepare");
    let error = bounded(controller.start(&[])).await.expect_err("a missing command");
    assert!(
        matches!(error, ExecutorError::Failed { exit_code: Some(127), .. }),
        "a missing command fails the task with 127: {error:?}"
    );
    bounded(executor.remove(&task.id)).await.expect("remove");
    assert!(!listed(executor, &task.id).await, "nothing is left of a failed start");
}

async fn absence(executor: &dyn Executor, task: &pb::Task) {
    let controller = executor.controller(task).await.expect("controller");
    let error = bounded(controller.wait()).await.expect_err("wait without a container");
    assert!(matches!(error, ExecutorError::Failed { .. }), "{error:?}");
    let observed = bounded(controller.status()).await.expect("status without a container");
    assert_eq!(observed.container, pb::ContainerStatus::default());
}

async fn listed(executor: &dyn Executor, task_id: &str) -> bool {
    bounded(executor.list()).await.expect("list").iter().any(|id| id == task_id)
}

async fn bounded<T>(work: impl Future<Output = T>) -> T {
    timeout(BOUND, work).await.expect("the operation is bounded")
}
