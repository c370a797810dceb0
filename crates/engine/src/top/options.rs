//! Arguments of `ps` → the columns of a table. Pure. Which processes are shown is not theirs to say: the container's are.

use super::column::{Column, by_name};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// Columns with their titles.
    pub(super) columns: Vec<(Column, String)>,
}

const FULL: &[Column] = &[
    Column::User,
    Column::Pid,
    Column::Ppid,
    Column::CpuInteger,
    Column::Started,
    Column::Terminal,
    Column::Time,
    Column::Command,
];
const FULL_TITLES: [&str; 8] = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
const USER: &[Column] = &[
    Column::User,
    Column::Pid,
    Column::CpuPercent,
    Column::MemoryPercent,
    Column::VirtualKib,
    Column::ResidentKib,
    Column::Terminal,
    Column::Status,
    Column::Started,
    Column::ShortTime,
    Column::Command,
];
const USER_TITLES: [&str; 11] =
    ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"];
const PLAIN: &[Column] = &[Column::Pid, Column::Terminal, Column::Time, Column::Name];
const PLAIN_TITLES: [&str; 4] = ["PID", "TTY", "TIME", "CMD"];
const BSD: &[Column] = &[Column::Pid, Column::Terminal, Column::Status, Column::ShortTime, Column::Command];
const BSD_TITLES: [&str; 5] = ["PID", "TTY", "STAT", "TIME", "COMMAND"];

/// What is looked at while the arguments are read.
#[derive(Default)]
struct Seen {
    full: bool,
    user: bool,
    bsd: bool,
    any: bool,
    own: Vec<(Column, String)>,
}

/// Reads arguments: `-ef`, `aux`, `-eo pid,comm`, `-o pid=NUMBER`, …; none mean `-ef`.
///
/// # Errors
/// A sentence that says what is not known.
pub(super) fn parse(arguments: &str) -> Result<Options, String> {
    let mut seen = Seen::default();
    let mut words = arguments.split_whitespace();
    while let Some(word) = words.next() {
        seen.any = true;
        if let Some(list) = word.strip_prefix("--format=") {
            seen.own.extend(columns(list)?);
            continue;
        }
        let (dashed, letters) = match word.strip_prefix("--") {
            Some("format") => (true, "o"),
            Some(_) => return Err(format!("error: unknown gnu long option \"{word}\"")),
            None => word.strip_prefix('-').map_or((false, word), |letters| (true, letters)),
        };
        seen.bsd |= !dashed;
        for (index, letter) in letters.char_indices() {
            match (dashed, letter) {
                (_, 'o') => {
                    let rest = &letters[index + 1..];
                    let list = if rest.is_empty() { words.next() } else { Some(rest) };
                    let list = list.ok_or("error: format specification must follow -o")?;
                    seen.own.extend(columns(list)?);
                    break;
                }
                (true, 'f') => seen.full = true,
                (false, 'u') => seen.user = true,
                // Which processes, and how wide: all of the container's, and whole.
                (true, 'e' | 'A' | 'w') | (false, 'a' | 'x' | 'w' | 'e') => {}
                (true, _) => return Err(format!("error: unsupported option \"-{letter}\"")),
                (false, _) => return Err(format!("error: unsupported option \"{letter}\" (BSD syntax)")),
            }
        }
    }
    Ok(Options { columns: chosen(seen) })
}

fn chosen(seen: Seen) -> Vec<(Column, String)> {
    let titled = |columns: &[Column], titles: &[&str]| {
        columns.iter().copied().zip(titles.iter().map(|title| (*title).to_owned())).collect()
    };
    if !seen.own.is_empty() {
        return seen.own;
    }
    if seen.user {
        titled(USER, &USER_TITLES)
    } else if seen.full || !seen.any {
        titled(FULL, &FULL_TITLES)
    } else if seen.bsd {
        titled(BSD, &BSD_TITLES)
    } else {
        titled(PLAIN, &PLAIN_TITLES)
    }
}

/// `pid,comm` or `pid=NUMBER`, where the title goes on to the end.
fn columns(list: &str) -> Result<Vec<(Column, String)>, String> {
    let mut found = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let end = rest.find([',', '=']).unwrap_or(rest.len());
        let name = &rest[..end];
        let (column, title) = by_name(name)
            .ok_or_else(|| format!("error: unknown user-defined format specifier \"{name}\""))?;
        if rest[end..].starts_with('=') {
            found.push((column, rest[end + 1..].to_owned()));
            break;
        }
        found.push((column, title.to_owned()));
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    if found.is_empty() { Err("error: format specification must follow -o".to_owned()) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(arguments: &str) -> Result<String, String> {
        parse(arguments)
            .map(|options| options.columns.into_iter().map(|(_, title)| title).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_tables_people_know() {
        for (arguments, wanted) in [
            ("", "UID PID PPID C STIME TTY TIME CMD"),
            ("-ef", "UID PID PPID C STIME TTY TIME CMD"),
            ("aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
            ("auxww", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
            ("ax", "PID TTY STAT TIME COMMAND"),
            ("-e", "PID TTY TIME CMD"),
            ("-eo pid,comm", "PID COMMAND"),
            ("-o pid -o comm", "PID COMMAND"),
            ("axo pid,ppid,stat,args", "PID PPID STAT COMMAND"),
            ("-o pid=NUMBER", "NUMBER"),
            ("--format=pid,user", "PID USER"),
            ("--format pid", "PID"),
        ] {
            assert_eq!(titles(arguments).as_deref(), Ok(wanted), "{arguments}");
        }
    }

    #[test]
    fn what_is_not_known_is_named() {
        assert_eq!(titles("bogus").unwrap_err(), "error: unsupported option \"b\" (BSD syntax)");
        assert!(titles("-Z").unwrap_err().contains("\"-Z\""));
        assert!(titles("-o nosuch").unwrap_err().contains("\"nosuch\""));
        assert!(titles("-o").is_err() && titles("--forest").is_err());
    }
}
