//! `GET /containers/{id}/logs`.

use engine::LogOptions;
use engine_api::container::LogsQuery;
use futures_util::TryStreamExt;

use super::stream;
use crate::convert::time::moment;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn logs(call: Call<LogsQuery>) -> Outcome {
    let query = call.query;
    if !(query.stdout || query.stderr) {
        return Err(Failure::invalid("Bad parameters: you must choose at least one stream"));
    }
    let options = LogOptions {
        stdout: query.stdout,
        stderr: query.stderr,
        follow: query.follow,
        // What is no number is `all`, as Docker has it.
        tail: query.tail.parse().ok(),
        since_ns: moment("since", &query.since)?,
        until_ns: moment("until", &query.until)?,
        timestamps: query.timestamps,
        details: query.details,
    };
    let tty = call.api.containers.inspect(&call.name)?.spec.config.tty;
    let lines = call.api.containers.logs(&call.name, options).await?;
    Ok(Answer::streamed(stream::header(tty, call.version), lines.map_err(std::io::Error::other)))
}
