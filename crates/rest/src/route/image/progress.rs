//! Work on images whose progress is told line by line.

use std::future::Future;

use engine_api::image::ProgressMessage;
use futures_util::{StreamExt, stream};
use image::{Progress, ProgressSender};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::convert;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};

/// Lines that wait for a slow reader; further ones are dropped by the work.
const QUEUE: usize = 64;

/// What is left to tell: lines of a work that goes on, then its end.
struct Telling {
    lines: mpsc::Receiver<Progress>,
    first: Option<Progress>,
    work: Option<AbortOnDropHandle<Result<Vec<ProgressMessage>, Failure>>>,
}

/// Runs a work and tells its lines as they come, and at its end those it returns. While nothing has been told a failure has its
/// own status; later it is the last line. A client that goes away ends the work, unless it had ended.
pub(super) async fn told<F, Fut>(work: F) -> Outcome
where
    F: FnOnce(ProgressSender) -> Fut,
    Fut: Future<Output = Result<Vec<ProgressMessage>, Failure>> + Send + 'static,
{
    let (sender, mut lines) = mpsc::channel(QUEUE);
    let work = AbortOnDropHandle::new(tokio::spawn(work(sender)));
    let Some(first) = lines.recv().await else {
        // The work has dropped its sender, and so has ended or is about to.
        let last = work.await.map_err(|error| Failure::internal(error.to_string()))??;
        return Ok(Answer::lines(stream::iter(last)));
    };
    let telling = Telling { lines, first: Some(first), work: Some(work) };
    Ok(Answer::lines(stream::unfold(telling, step).flat_map(stream::iter)))
}

async fn step(mut telling: Telling) -> Option<(Vec<ProgressMessage>, Telling)> {
    let line = match telling.first.take() {
        Some(line) => Some(line),
        None => telling.lines.recv().await,
    };
    if let Some(line) = line {
        return Some((vec![convert::image::progress(line)], telling));
    }
    let last = match telling.work.take()?.await {
        Ok(Ok(lines)) => lines,
        Ok(Err(failure)) => vec![convert::image::failed(failure.message)],
        Err(error) => vec![convert::image::failed(error.to_string())],
    };
    Some((last, telling))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(status: &str) -> Progress {
        Progress { status: status.to_owned(), ..Progress::default() }
    }

    async fn collect(mut telling: Telling) -> Vec<ProgressMessage> {
        let mut told = Vec::new();
        while let Some((lines, rest)) = step(telling).await {
            told.extend(lines);
            telling = rest;
        }
        told
    }

    #[tokio::test]
    async fn a_failure_after_a_line_is_the_last_line() {
        let (sender, lines) = mpsc::channel(QUEUE);
        let work = tokio::spawn(async move {
            let _ = sender.send(line("Pulling")).await;
            Err(Failure::not_found("manifest unknown"))
        });
        let told =
            collect(Telling { lines, first: Some(line("a")), work: Some(AbortOnDropHandle::new(work)) })
                .await;
        let status: Vec<_> =
            told.iter().map(|m| m.status.as_deref().or(m.error.as_deref()).unwrap_or_default()).collect();
        assert_eq!(status, ["a", "Pulling", "manifest unknown"]);
    }

    #[tokio::test]
    async fn a_failure_before_any_line_has_its_status() {
        let outcome = told(|_sender| async { Err(Failure::not_found("no such repository")) }).await;
        assert_eq!(outcome.err().expect("failure").status.as_u16(), 404);
    }
}
