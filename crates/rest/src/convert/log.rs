//! Lines of tasks → what Docker's clients read.

use swarm_api::pb;

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
/// An error of the daemon's own.
const SYSTEM: u8 = 3;

/// How lines are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frames {
    /// As they are, not framed.
    pub(crate) tty: bool,
    /// The node has put its time before each line.
    pub(crate) timed: bool,
    /// Each is told with its time.
    pub(crate) timestamps: bool,
    /// Each says whose it is, and what its log driver keeps.
    pub(crate) details: bool,
}

impl Frames {
    /// Appends the lines of one task.
    pub(crate) fn push(self, message: &pb::LogMessage, out: &mut Vec<u8>) {
        let context = format!(
            "com.docker.swarm.node.id={},com.docker.swarm.service.id={},com.docker.swarm.task.id={}",
            message.node_id, message.service_id, message.task_id
        );
        for line in &message.lines {
            let stream = if line.stderr { STDERR } else { STDOUT };
            let (time, rest) = if self.timed { split(&line.text) } else { (&[][..], &line.text[..]) };
            let time = if self.timestamps { time } else { &[] };
            if self.details {
                // The node has put the driver's details, which may be none, before the text.
                let (kept, text) = split(rest);
                let kept = kept.trim_ascii_end();
                let comma: &[u8] = if kept.is_empty() { b"" } else { b"," };
                frame(self.tty, stream, &[time, context.as_bytes(), comma, kept, b" ", text], out);
            } else {
                frame(self.tty, stream, &[time, rest], out);
            }
        }
    }
}

/// The first word with its blank, and the rest.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b' ').map_or(0, |at| at + 1);
    text.split_at(end)
}

/// What ends a stream that is not whole, in Docker's words.
pub(crate) fn trailer(tty: bool, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    frame(tty, SYSTEM, &[b"Error grabbing logs: ", text.as_bytes(), b"\n"], &mut out);
    out
}

fn frame(tty: bool, stream: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    if !tty {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        out.extend_from_slice(&[stream, 0, 0, 0]);
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(frames: Frames, text: &str) -> String {
        let line = pb::LogLine { stderr: true, text: text.as_bytes().to_vec() };
        let name = |text: &str| text.to_owned();
        let message = pb::LogMessage {
            node_id: name("n"),
            service_id: name("s"),
            task_id: name("t"),
            lines: vec![line],
        };
        let mut out = Vec::new();
        frames.push(&message, &mut out);
        if !frames.tty {
            assert_eq!(out[..4], [STDERR, 0, 0, 0]);
            assert_eq!(out[4..8], u32::try_from(out.len() - 8).unwrap().to_be_bytes());
            out.drain(..8);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn details_stand_between_the_time_and_the_text() {
        let plain = Frames { tty: true, timed: false, timestamps: false, details: false };
        assert_eq!(told(plain, "a b\n"), "a b\n");
        let context = "com.docker.swarm.node.id=n,com.docker.swarm.service.id=s,com.docker.swarm.task.id=t";
        let details = Frames { details: true, ..plain };
        assert_eq!(told(details, " a b\n"), format!("{context} a b\n"));
        assert_eq!(told(details, "k=v a b\n"), format!("{context},k=v a b\n"));
        let all = Frames { tty: false, timed: true, timestamps: true, details: true };
        assert_eq!(told(all, "TIME k=v a\n"), format!("TIME {context},k=v a\n"));
        assert_eq!(told(Frames { details: false, ..all }, "TIME a\n"), "TIME a\n");
        let hidden = Frames { timestamps: false, ..all };
        assert_eq!(told(hidden, "TIME k=v a\n"), format!("{context},k=v a\n"));
        assert_eq!(told(Frames { details: false, ..hidden }, "TIME a b\n"), "a b\n");
    }
}
