//! `list`: all containers of this root.

use std::fmt::Write;

use crate::arguments::{Verb, Words, option, switch};
use crate::container::{Container, all};
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::state::Shown;
use crate::{show, show_json};

pub(crate) const VERB: Verb = Verb {
    name: "list",
    usage: "",
    about: "list containers",
    flags: &[
        switch(&["--quiet", "-q"], "show ids only"),
        option(&["--format", "-f"], "FORMAT", "table (default) or json"),
    ],
    words: (0, 0),
    options_end_after: usize::MAX,
    run: list,
};

fn list(global: &Global, words: &Words) -> Outcome<u8> {
    let mut containers = Vec::new();
    for id in all(global)? {
        match Container::find(global, &id) {
            Ok(container) => containers.push(container.state.show(&container.dir)),
            // Being made or deleted this moment.
            Err(Failure::NotFound(_)) => {}
            // One that cannot be read must not hide the others.
            Err(failure) => global.log.error(&failure.to_string()),
        }
    }
    if words.has("--quiet") {
        return show(&containers.iter().map(|shown| format!("{}\n", shown.id)).collect::<String>());
    }
    match words.value("--format") {
        Some("json") => show_json(&containers),
        None | Some("table") => show(&table(&containers)),
        Some(other) => Err(Failure::Usage(format!("invalid format option {other:?}"))),
    }
}

/// Columns as wide as their widest field.
fn table(containers: &[Shown]) -> String {
    let head = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(containers.iter().map(|shown| {
        [
            shown.id.clone(),
            shown.pid.to_string(),
            shown.status.to_owned(),
            shown.bundle.display().to_string(),
            shown.created.clone(),
            shown.owner.clone(),
        ]
    }));
    let widths: Vec<usize> =
        (0..6).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let fields = row.iter().zip(&widths).map(|(field, width)| format!("{field:<width$}"));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", fields.collect::<Vec<_>>().join("   ").trim_end());
    }
    text
}
