//! The log that higher runtimes read the reason of a failure from: lines as logrus writes them, text or JSON.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::time::rfc3339;

/// Where and how.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Standard error if there is none.
    pub(crate) path: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) debug: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    level: &'a str,
    msg: &'a str,
    time: String,
}

impl Log {
    /// From the values of `--log`, `--log-format` and `--debug`.
    pub(crate) fn new(path: Option<&str>, format: Option<&str>, debug: bool) -> Outcome<Log> {
        let json = match format {
            None | Some("text") => false,
            Some("json") => true,
            Some(other) => return Err(Failure::Usage(format!("unknown log-format {other:?}"))),
        };
        let path = path.filter(|path| !matches!(*path, "" | "/dev/stderr")).map(PathBuf::from);
        Ok(Log { path, json, debug })
    }

    /// Says why a command did not work.
    pub(crate) fn error(&self, message: &str) {
        // Nobody is left to tell if writing to standard error fails.
        if self.path.is_some() {
            self.write("error", message);
            // For whoever shows both this and the program's name.
            let _ = writeln!(io::stderr(), "{message}");
        } else if self.json {
            self.write("error", message);
        } else {
            let _ = writeln!(io::stderr(), "shoal-runtime: {message}");
        }
    }

    /// Says what goes on, if it was asked for.
    pub(crate) fn debug(&self, message: &str) {
        if self.debug {
            self.write("debug", message);
        }
    }

    fn write(&self, level: &str, message: &str) {
        let line = self.line(level, message, rfc3339(std::time::SystemTime::now()));
        // A log that cannot be written must not hold a container up; the message is on standard error too.
        let _ = match &self.path {
            Some(path) => append(path, &line),
            None => io::stderr().write_all(line.as_bytes()),
        };
    }

    fn line(&self, level: &str, msg: &str, time: String) -> String {
        if !self.json {
            return format!("time=\"{time}\" level={level} msg={msg:?}\n");
        }
        let line = Line { level, msg, time };
        serde_json::to_string(&line).map(|line| line + "\n").unwrap_or_default()
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    File::options().append(true).create(true).open(path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_logrus() {
        let line = |format| {
            let log = Log::new(None, Some(format), false).unwrap();
            log.line("error", "no \"x\"", "2026-01-02T03:04:05Z".to_owned())
        };
        assert_eq!(
            line("json"),
            "{\"level\":\"error\",\"msg\":\"no \\\"x\\\"\",\"time\":\"2026-01-02T03:04:05Z\"}\n"
        );
        assert_eq!(line("text"), "time=\"2026-01-02T03:04:05Z\" level=error msg=\"no \\\"x\\\"\"\n");
        assert!(Log::new(None, Some("xml"), false).is_err());
    }
}
