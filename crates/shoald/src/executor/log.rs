//! What a task's container has written, line by line: the engine's stream of Docker's frames, taken apart.

use engine::{Containers, LogOptions, Record};
use futures_util::{StreamExt, stream};
use swarm_api::pb;
use worker::{ExecutorError, LogLines};

/// The header of a frame: the stream, three zeros, the length.
const HEADER: usize = 8;
/// The number of standard error.
const STDERR: u8 = 2;

/// The log of this container.
pub(super) async fn lines(
    containers: &Containers,
    record: &Record,
    options: &pb::LogOptions,
) -> Result<LogLines, ExecutorError> {
    let wanted = LogOptions {
        stdout: options.stdout,
        stderr: options.stderr,
        follow: options.follow,
        tail: options.tail.map(|tail| usize::try_from(tail).unwrap_or(usize::MAX)),
        since_ns: options.since_ns,
        until_ns: options.until_ns,
        timestamps: options.timestamps,
        details: options.details,
    };
    let failed =
        |error: &engine::Error| ExecutorError::Failed { message: error.to_string(), exit_code: None };
    let chunks = containers.logs(&record.id, wanted).await.map_err(|error| failed(&error))?;
    let mut cut = Cut::new(record.spec.config.tty);
    let lines = chunks.flat_map(move |chunk| {
        let lines = match chunk {
            Ok(chunk) => cut.lines(&chunk).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(failed(&error))],
        };
        stream::iter(lines)
    });
    Ok(Box::pin(lines))
}

/// Cuts a stream into lines.
struct Cut {
    tty: bool,
    rest: Vec<u8>,
}

impl Cut {
    fn new(tty: bool) -> Self {
        Self { tty, rest: Vec::new() }
    }

    fn lines(&mut self, chunk: &[u8]) -> Vec<pb::LogLine> {
        if self.tty {
            // Whole lines come at a time, or what a terminal wrote so far.
            let line = |text: &[u8]| pb::LogLine { stderr: false, text: text.to_vec() };
            return chunk.split_inclusive(|byte| *byte == b'\n').map(line).collect();
        }
        self.rest.extend_from_slice(chunk);
        let mut lines = Vec::new();
        let mut from = 0;
        while let Some((header, text)) = self.rest[from..].split_first_chunk::<HEADER>() {
            let [stream, _, _, _, length @ ..] = header;
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let Some(text) = text.get(..length) else { break };
            lines.push(pb::LogLine { stderr: *stream == STDERR, text: text.to_vec() });
            from += HEADER + length;
        }
        self.rest.drain(..from);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_become_lines_however_they_are_cut() {
        let mut bytes = vec![1, 0, 0, 0, 0, 0, 0, 3];
        bytes.extend_from_slice(b"ab\n");
        bytes.extend_from_slice(&[2, 0, 0, 0, 0, 0, 0, 1, b'c']);
        for at in 0..bytes.len() {
            let mut cut = Cut::new(false);
            let (one, other) = bytes.split_at(at);
            let lines = [cut.lines(one), cut.lines(other)].concat();
            let told: Vec<_> = lines.iter().map(|line| (line.stderr, &line.text[..])).collect();
            assert_eq!(told, [(false, &b"ab\n"[..]), (true, b"c")], "{at}");
        }
        assert_eq!(Cut::new(true).lines(b"a\nb").len(), 2);
    }
}
