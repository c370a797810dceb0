//! The logs of this node's tasks, as far as somebody reads them: takes requests from the dispatcher, reads each log by the
//! executor, and publishes its lines.
//!
//! One message of a log is under way at a time, and is answered when there is room for the next: who reads slowly holds up that
//! log alone, and no container ever, since a log is read from where it is kept.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use swarm_api::pb;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tonic::Status;

use crate::executor::Executor;
use crate::reporter::Live;
use crate::session::{SessionError, bounded, read};

/// Logs read at a time; further requests wait.
const READERS: usize = 64;
/// Lines in one message.
const LINES: usize = 512;
/// Bytes of lines in one message; the last line may go beyond.
const BYTES: usize = 64 << 10;
/// How long the dispatcher may take to answer: longer than it waits for room.
const ANSWER: Duration = Duration::from_secs(20);

/// Serves requests until the session ends, and every log with it.
pub(crate) async fn serve(
    mut live: Live,
    executor: Arc<dyn Executor>,
    call: Duration,
) -> Result<Infallible, SessionError> {
    let request = pb::LogRequestsRequest { session_id: live.session_id.clone() };
    let mut requests = bounded("log requests", call, live.client.log_requests(request)).await?.into_inner();
    let readers = Arc::new(Semaphore::new(READERS));
    let mut logs = JoinSet::new();
    let mut handles: BTreeMap<String, AbortHandle> = BTreeMap::new();
    loop {
        let request = tokio::select! {
            message = requests.message() => read("log requests", message)?,
            Some(_) = logs.join_next() => {
                handles.retain(|_, handle| !handle.is_finished());
                continue;
            }
        };
        if request.close {
            if let Some(handle) = handles.remove(&request.id) {
                handle.abort();
            }
            continue;
        }
        let (id, live, executor, readers) =
            (request.id.clone(), live.clone(), Arc::clone(&executor), Arc::clone(&readers));
        let handle = logs.spawn(async move {
            let _reader = readers.acquire_owned().await;
            if let Err(error) = publish(live, executor, &request).await {
                tracing::debug!(task = %request.task_id, error = error.message(), "a log is not read to its end");
            }
        });
        handles.insert(id, handle);
    }
}

/// Reads one log to its end, or until nobody wants it.
async fn publish(
    mut live: Live,
    executor: Arc<dyn Executor>,
    request: &pb::LogRequest,
) -> Result<(), Status> {
    let options = request.options.unwrap_or_default();
    let mut err = String::new();
    match executor.logs(&request.task_id, &options).await {
        Ok(lines) => {
            let mut ready = lines.ready_chunks(LINES);
            while let Some(chunk) = ready.next().await {
                let mut lines = Vec::with_capacity(chunk.len());
                for line in chunk {
                    match line {
                        Ok(line) => lines.push(line),
                        Err(error) => err = error.to_string(),
                    }
                }
                for lines in parts(lines) {
                    if !send(&mut live, request, (lines, false, String::new())).await? {
                        return Ok(());
                    }
                }
            }
        }
        Err(error) => err = error.to_string(),
    }
    send(&mut live, request, (Vec::new(), true, err)).await.map(|_| ())
}

/// The lines in messages of bounded size.
fn parts(lines: Vec<pb::LogLine>) -> Vec<Vec<pb::LogLine>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = 0;
    for line in lines {
        if bytes >= BYTES {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += line.text.len();
        if let Some(part) = parts.last_mut() {
            part.push(line);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Sends until there is room; false if nobody reads any more.
async fn send(
    live: &mut Live,
    request: &pb::LogRequest,
    (lines, ended, err): (Vec<pb::LogLine>, bool, String),
) -> Result<bool, Status> {
    let message = pb::PublishLogsRequest {
        session_id: live.session_id.clone(),
        id: request.id.clone(),
        lines,
        ended,
        err,
    };
    loop {
        let answer = timeout(ANSWER, live.client.publish_logs(message.clone())).await;
        let answer = answer.map_err(|_| Status::deadline_exceeded("no answer in time"))??.into_inner();
        if !answer.again {
            return Ok(!answer.stop);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_bounded_and_nothing_is_lost() {
        let line = |bytes: usize| pb::LogLine { stderr: false, text: vec![b'x'; bytes] };
        let parts = parts(vec![line(BYTES), line(1), line(BYTES / 2), line(BYTES), line(3)]);
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 1]);
        assert!(super::parts(Vec::new()).is_empty());
    }
}
