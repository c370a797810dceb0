//! The program criu: how it is started, and what it says when it fails.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program, looked for where programs of the administrator are.
const PROGRAM: &str = "criu";
/// Where it and its own helpers (tar, nft) are found; the caller's environment is empty.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Of a log, more is not read.
const MAX_LOG_BYTES: u64 = 1 << 20;
/// Of a reason, this much is told.
const MAX_REASON: usize = 300;

/// criu with these arguments, its streams nowhere.
pub(super) fn command(arguments: &[OsString]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().env("PATH", PATH);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The first complaint in a log of criu's, which is the cause of the others.
pub fn reason(log: &Path) -> String {
    let mut bytes = Vec::new();
    match File::open(log).and_then(|file| file.take(MAX_LOG_BYTES).read_to_end(&mut bytes)) {
        Ok(_) => first_error(&bytes),
        Err(_) => "it says nothing".to_owned(),
    }
}

fn first_error(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let complaint = |line: &str| line.find("Error (").map(|at| line[at..].to_owned());
    let line = text.lines().find_map(complaint).or_else(|| text.lines().last().map(str::to_owned));
    line.unwrap_or_default().chars().filter(|letter| !letter.is_control()).take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_told() {
        let said = b"Warn  (x): y\n(00.12) Error (criu/net.c:3): no\x1b rules\n(00.13) Error (b)\n";
        assert_eq!(first_error(said), "Error (criu/net.c:3): no rules");
        assert_eq!((first_error(b"alone"), first_error(b"")), ("alone".to_owned(), String::new()));
        assert_eq!(reason(Path::new("/no/such")), "it says nothing");
    }
}
