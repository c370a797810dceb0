//! Waiting for a container by watching its snapshots, which outlive it.

use super::request::{WaitCondition, WaitResult};
use crate::record::{Record, Status};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::watch;

/// The result once the condition holds. What counts as the next exit is fixed when this is called, not when the future is
/// first polled.
pub(super) fn wait(
    mut snapshots: watch::Receiver<Arc<Record>>,
    condition: WaitCondition,
) -> impl Future<Output = WaitResult> + Send + use<> {
    let (exits, failures) = {
        let now = snapshots.borrow();
        (now.exits, now.failed_starts)
    };
    async move {
        let holds = |record: &Arc<Record>| match condition {
            // Between two runs of the restart policy it counts as running; but whoever waits hears of each end.
            WaitCondition::NotRunning => !record.state.status.is_active() || record.exits > exits,
            // A start that failed is an end too: its client waits for nothing else.
            WaitCondition::NextExit => record.exits > exits || record.failed_starts > failures,
            WaitCondition::Removed => false,
        };
        // The task's end closes the channel: the container is gone, and so is every reason to wait.
        if let Ok(record) = snapshots.wait_for(holds).await {
            return result(&record);
        }
        let last = snapshots.borrow();
        result(&last)
    }
}

fn result(record: &Record) -> WaitResult {
    let failed = record.state.status != Status::Running && !record.state.error.is_empty();
    let error = if failed { record.state.error.clone() } else { String::new() };
    WaitResult { code: record.state.exit_code, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::State;

    fn record(status: Status, exits: u64, exit_code: i32) -> Arc<Record> {
        Arc::new(Record {
            exits,
            state: State { status, exit_code, ..State::default() },
            ..Record::default()
        })
    }

    #[tokio::test]
    async fn a_container_that_does_not_run_answers_at_once() {
        let (_sender, receiver) = watch::channel(record(Status::Exited, 1, 3));
        assert_eq!(wait(receiver, WaitCondition::NotRunning).await.code, 3);
    }

    #[tokio::test]
    async fn the_next_exit_is_counted_from_the_call() {
        let (sender, receiver) = watch::channel(record(Status::Created, 0, 0));
        let waiting = wait(receiver, WaitCondition::NextExit);
        sender.send_replace(record(Status::Running, 0, 0));
        sender.send_replace(record(Status::Exited, 1, 7));
        assert_eq!(waiting.await.code, 7);
    }

    #[tokio::test]
    async fn removal_keeps_the_last_exit_code() {
        let (sender, receiver) = watch::channel(record(Status::Running, 0, 0));
        let removed = wait(receiver.clone(), WaitCondition::Removed);
        let next = wait(receiver, WaitCondition::NextExit);
        sender.send_replace(record(Status::Exited, 1, 9));
        sender.send_replace(record(Status::Removing, 1, 9));
        drop(sender);
        assert_eq!((removed.await.code, next.await.code), (9, 9));
    }
}
