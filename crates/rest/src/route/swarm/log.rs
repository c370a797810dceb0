//! Logs of services and tasks, gathered from the nodes by the managers.

use bytes::Bytes;
use engine_api::container::LogsQuery;
use futures_util::{Stream, stream};
use swarm_api::pb;
use swarm_api::pb::control_client::ControlClient;
use tonic::transport::Channel;

use super::{control, timed};
use crate::convert::log::{Frames, trailer};
use crate::convert::time::moment;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::route::container::stream::header;

pub(super) async fn of_service(call: Call<LogsQuery>) -> Outcome {
    let services = vec![call.name.clone()];
    logs(call, pb::OpenLogsRequest { services, ..pb::OpenLogsRequest::default() }).await
}

pub(super) async fn of_task(call: Call<LogsQuery>) -> Outcome {
    let tasks = vec![call.name.clone()];
    logs(call, pb::OpenLogsRequest { tasks, ..pb::OpenLogsRequest::default() }).await
}

async fn logs(call: Call<LogsQuery>, mut request: pb::OpenLogsRequest) -> Outcome {
    let query = call.query;
    if !(query.stdout || query.stderr) {
        return Err(Failure::invalid("Bad parameters: you must choose at least one stream"));
    }
    request.options = Some(pb::LogOptions {
        stdout: query.stdout,
        stderr: query.stderr,
        follow: query.follow,
        // What is no number is `all`, as Docker has it.
        tail: query.tail.parse().ok(),
        since_ns: moment("since", &query.since)?,
        until_ns: moment("until", &query.until)?,
        timestamps: query.timestamps,
        details: query.details,
    });
    let mut control = control(&call.api).await?;
    let opened = control.open_logs(timed(request)).await?.into_inner();
    let frames = Frames { tty: opened.tty, timestamps: query.timestamps, details: query.details };
    let reader = Reader { control, id: opened.id, frames, ended: false };
    Ok(Answer::streamed(header(opened.tty, call.version), reader.chunks()))
}

/// A reader of logs; the managers are told when it goes.
struct Reader {
    control: ControlClient<Channel>,
    id: String,
    frames: Frames,
    ended: bool,
}

impl Reader {
    /// What the managers send, piece by piece; an error after the first byte is told in the stream.
    fn chunks(self) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        stream::unfold(self, |mut reader| async move {
            loop {
                if reader.ended {
                    return None;
                }
                let request = timed(pb::LogsRequest { id: reader.id.clone() });
                let bytes = match reader.control.next_logs(request).await {
                    Ok(answer) => reader.taken(answer.into_inner()),
                    Err(status) => {
                        reader.ended = true;
                        trailer(reader.frames.tty, &Failure::from(status).message)
                    }
                };
                if !bytes.is_empty() {
                    return Some((Ok(Bytes::from(bytes)), reader));
                }
            }
        })
    }

    fn taken(&mut self, answer: pb::NextLogsResponse) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in &answer.messages {
            self.frames.push(message, &mut bytes);
        }
        self.ended = answer.ended;
        if !answer.missing.is_empty() {
            // swarmkit's words.
            let reasons = answer.missing.join(", ");
            let text = format!(
                "rpc error: code = Unknown desc = warning: incomplete log stream. some logs could not be retrieved for the following reasons: {reasons}"
            );
            bytes.extend(trailer(self.frames.tty, &text));
        }
        bytes
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.ended {
            return;
        }
        let (mut control, id) = (self.control.clone(), std::mem::take(&mut self.id));
        // Unheard, the managers forget the reader after a while.
        runtime.spawn(async move { control.close_logs(timed(pb::LogsRequest { id })).await });
    }
}
