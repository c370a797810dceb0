//! `ps`: the processes of a container.

use std::process::Command;

use crate::arguments::{Verb, Words, option};
use crate::container::Container;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::{show, show_json};

pub(crate) const VERB: Verb = Verb {
    name: "ps",
    usage: "ID [OPTIONS OF ps(1)]",
    about: "show the processes of a container",
    flags: &[option(&["--format", "-f"], "FORMAT", "table (default) or json")],
    words: (1, usize::MAX),
    options_end_after: 1,
    run: ps,
};

fn ps(global: &Global, words: &Words) -> Outcome<u8> {
    let container = Container::find(global, &words.plain[0])?;
    let pids = container.state.cgroup()?.processes()?;
    match words.value("--format") {
        Some("json") => return show_json(&pids),
        None | Some("table") => {}
        Some(other) => return Err(Failure::Usage(format!("invalid format option {other:?}"))),
    }
    let options = &words.plain[1..];
    let mut command = Command::new("ps");
    if options.is_empty() {
        command.arg("-ef")
    } else {
        command.args(options)
    };
    let output = command.output().map_err(Failure::file("ps"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Usage(format!("ps: {}", words.trim())));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    show(&select(&text, &pids).ok_or_else(|| Failure::Usage("ps shows no column PID".to_owned()))?)
}

/// The head and the lines of `pids`. Pure.
fn select(table: &str, pids: &[i32]) -> Option<String> {
    let mut lines = table.lines();
    let head = lines.next()?;
    let column = head.split_ascii_whitespace().position(|name| name == "PID")?;
    let is_ours = |line: &&str| {
        let pid = line.split_ascii_whitespace().nth(column).and_then(|pid| pid.parse().ok());
        pid.is_some_and(|pid| pids.contains(&pid))
    };
    let lines = std::iter::once(head).chain(lines.filter(is_ours));
    Some(lines.map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_chosen_by_their_column() {
        let table = "UID   PID CMD\nroot    1 init\nroot   12 sh\n12 13 x\n";
        assert_eq!(select(table, &[12]).unwrap(), "UID   PID CMD\nroot   12 sh\n");
        assert_eq!(select("CMD\nsh\n", &[12]), None);
    }
}
