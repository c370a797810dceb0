//! What a follower has been told of each task's log, by which it goes on at another manager: of what that one sends again, this
//! says what is known already. Pure.
//!
//! Lines are told apart by their times, as the nodes put them before the text: in UTC and with nine digits, so that they are
//! compared as they are. Of lines of one time it is counted how many there were. After a node's clock was set back, what it wrote
//! just then may be taken for known.

use std::collections::BTreeMap;

use swarm_api::pb;

/// Tasks of which it is kept; with more, nobody goes on.
const TASKS: usize = 10_000;

/// How far the logs of a follower's tasks have been told.
#[derive(Debug, Default)]
pub(super) struct Heard {
    tasks: BTreeMap<String, Place>,
}

/// How far one log has been told.
#[derive(Debug, Default)]
struct Place {
    /// Of the last line.
    time: Vec<u8>,
    /// So many lines of this time were told.
    told: usize,
    /// While the log is read again: so many lines of this time are still to come that are known, after all that are older.
    known: Option<usize>,
}

impl Heard {
    /// Takes out of the message what was told before, and keeps in mind what it tells.
    pub(super) fn sift(&mut self, message: &mut pb::LogMessage) {
        let place = self.tasks.entry(message.task_id.clone()).or_default();
        message.lines.retain(|line| place.is_new(time(&line.text)));
    }

    /// All logs are read again from here on. Whether that can be.
    pub(super) fn begin_anew(&mut self) -> bool {
        self.tasks.values_mut().for_each(|place| place.known = Some(place.told));
        self.tasks.len() <= TASKS
    }

    /// The time from which on all that was not told yet is found, as far as tasks are known.
    pub(super) fn since(&self) -> Option<&str> {
        let earliest = self.tasks.values().map(|place| &place.time).min()?;
        std::str::from_utf8(earliest).ok()
    }
}

impl Place {
    fn is_new(&mut self, time: &[u8]) -> bool {
        if let Some(known) = &mut self.known {
            match time.cmp(&self.time[..]) {
                std::cmp::Ordering::Less => return false,
                std::cmp::Ordering::Equal if *known > 0 => {
                    *known -= 1;
                    return false;
                }
                std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => self.known = None,
            }
        }
        if self.time == time {
            self.told += 1;
        } else {
            self.time.clear();
            self.time.extend_from_slice(time);
            self.told = 1;
        }
        true
    }
}

/// What stands before the first blank.
fn time(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b' ').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(heard: &mut Heard, task: &str, lines: &[String]) -> Vec<String> {
        let line = |text: &String| pb::LogLine { stderr: false, text: text.clone().into_bytes() };
        let lines = lines.iter().map(line).collect();
        let mut message = pb::LogMessage { task_id: task.to_owned(), lines, ..Default::default() };
        heard.sift(&mut message);
        message.lines.iter().map(|line| String::from_utf8_lossy(&line.text).into_owned()).collect()
    }

    fn log(times: &[u8]) -> Vec<String> {
        times.iter().enumerate().map(|(number, time)| format!("{time:03} line {number}")).collect()
    }

    #[test]
    fn logs_of_tasks_are_kept_apart() {
        let mut heard = Heard::default();
        let lines = log(&[1, 2]);
        assert_eq!(told(&mut heard, "a", &lines), lines);
        assert_eq!(told(&mut heard, "b", &lines[..1]), lines[..1]);
        assert_eq!(heard.since(), Some("001"));
        assert!(heard.begin_anew());
        assert_eq!(told(&mut heard, "b", &lines), lines[1..]);
        assert_eq!(told(&mut heard, "a", &lines), [""; 0]);
        assert_eq!(told(&mut heard, "new", &lines), lines);
    }

    #[test]
    fn what_a_node_does_not_keep_any_more_is_not_missed() {
        let mut heard = Heard::default();
        let lines = log(&[1, 2, 2, 3]);
        told(&mut heard, "a", &lines[..2]);
        heard.begin_anew();
        assert_eq!(told(&mut heard, "a", &lines[3..]), lines[3..]);
    }

    proptest! {
        /// Read again from the beginning, at whatever line and however often: each line is told once.
        #[test]
        fn no_line_is_lost_or_told_twice(
            steps in prop::collection::vec(0..2u8, 0..40),
            cuts in prop::collection::vec(0..40usize, 0..4),
        ) {
            let times: Vec<u8> = steps.iter().scan(0, |now, step| { *now += step; Some(*now) }).collect();
            let lines = log(&times);
            let mut heard = Heard::default();
            let mut all = Vec::new();
            for cut in cuts {
                all.extend(told(&mut heard, "a", &lines[..cut.min(lines.len())]));
                heard.begin_anew();
            }
            all.extend(told(&mut heard, "a", &lines));
            prop_assert_eq!(all, lines);
        }
    }
}
