//! Logs of services and tasks, gathered from the nodes by the manager that leads. Who follows them goes on at the next one when another
//! becomes the leader.

use std::time::Duration;

use bytes::Bytes;
use engine_api::container::LogsQuery;
use futures_util::{Stream, stream};
use swarm_api::pb;
use swarm_api::pb::control_client::ControlClient;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::heard::Heard;
use super::{control, timed};
use crate::convert::log::{Frames, trailer};
use crate::convert::time::moment;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::route::container::stream::header;

/// How long a follower waits for a manager that leads.
const GO_ON: Duration = Duration::from_secs(30);
/// Pause before it is asked.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) async fn of_service(call: Call<LogsQuery>) -> Outcome {
    let services = vec![call.name.clone()];
    logs(call, pb::OpenLogsRequest { services, ..pb::OpenLogsRequest::default() }).await
}

pub(super) async fn of_task(call: Call<LogsQuery>) -> Outcome {
    let tasks = vec![call.name.clone()];
    logs(call, pb::OpenLogsRequest { tasks, ..pb::OpenLogsRequest::default() }).await
}

/// How many of the last lines; none for all.
fn tail(text: &str) -> Result<Option<u64>, Failure> {
    match text {
        "" | "all" => Ok(None),
        number => number
            .parse()
            .map(Some)
            .map_err(|_| Failure::invalid("tail value must be a positive integer or \"all\"")),
    }
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
        tail: tail(&query.tail)?,
        since_ns: moment("since", &query.since)?,
        until_ns: moment("until", &query.until)?,
        // By their times a follower knows lines again.
        timestamps: query.timestamps || query.follow,
        details: query.details,
    });
    let mut control = control(&call.api).await?;
    let mut opened = control.open_logs(timed(request.clone())).await?.into_inner();
    // What a terminal has written so far may be less than a line, and times would stand in the middle of it.
    let follows = query.follow && !opened.tty;
    let timed_lines = query.timestamps || follows;
    if query.follow && !timed_lines {
        control.close_logs(timed(pb::LogsRequest { id: opened.id })).await?;
        request.options.get_or_insert_default().timestamps = false;
        opened = control.open_logs(timed(request.clone())).await?.into_inner();
    }
    let frames =
        Frames { tty: opened.tty, timed: timed_lines, timestamps: query.timestamps, details: query.details };
    let reader = Reader {
        control,
        id: opened.id,
        frames,
        ended: false,
        request,
        opened_ns: swarm_api::now_ns(),
        heard: follows.then(Heard::default),
        silent_since: None,
    };
    Ok(Answer::streamed(header(opened.tty, call.version), reader.chunks()))
}

/// A reader of logs; the managers are told when it goes.
struct Reader {
    control: ControlClient<Channel>,
    id: String,
    frames: Frames,
    ended: bool,
    /// What was asked for when it began, and when that was.
    request: pb::OpenLogsRequest,
    opened_ns: i64,
    /// What it was told, if it goes on at another manager.
    heard: Option<Heard>,
    /// No manager has told anything since then.
    silent_since: Option<Instant>,
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
                    Err(status) => reader.go_on(status).await,
                };
                if !bytes.is_empty() {
                    return Some((Ok(Bytes::from(bytes)), reader));
                }
            }
        })
    }

    /// Asks the manager that leads now for the same logs. What is told of it: nothing, unless nobody leads for too long.
    async fn go_on(&mut self, why: Status) -> Vec<u8> {
        let until = *self.silent_since.get_or_insert_with(Instant::now) + GO_ON;
        let mut why = why;
        while self.heard.as_mut().is_some_and(Heard::begin_anew) && Instant::now() < until {
            tokio::time::sleep(PAUSE).await;
            match self.control.open_logs(timed(self.again())).await {
                Ok(opened) => {
                    self.id = opened.into_inner().id;
                    return Vec::new();
                }
                // Its logs end with the service.
                Err(status) if status.code() == Code::NotFound => {
                    self.ended = true;
                    return Vec::new();
                }
                Err(status) => why = status,
            }
        }
        self.ended = true;
        trailer(self.frames.tty, &Failure::from(why).message)
    }

    /// What was asked for, from where on it may not have been told. Of tasks that have said nothing yet only the beginning is known,
    /// or where only the last lines were asked for, that it is not theirs any more.
    fn again(&self) -> pb::OpenLogsRequest {
        let mut request = self.request.clone();
        let options = request.options.get_or_insert_default();
        if options.tail.take().is_some() {
            let since = self.heard.as_ref().and_then(Heard::since);
            let since_ns = since.and_then(|since| moment("since", since).ok().flatten());
            let from_ns = since_ns.map_or(self.opened_ns, |ns| ns.min(self.opened_ns));
            options.since_ns = options.since_ns.max(Some(from_ns));
        }
        request
    }

    fn taken(&mut self, mut answer: pb::NextLogsResponse) -> Vec<u8> {
        self.silent_since = None;
        let mut bytes = Vec::new();
        for message in &mut answer.messages {
            if let Some(heard) = &mut self.heard {
                heard.sift(message);
                self.request.services.iter_mut().for_each(|name| name.clone_from(&message.service_id));
                self.request.tasks.iter_mut().for_each(|name| name.clone_from(&message.task_id));
            }
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
