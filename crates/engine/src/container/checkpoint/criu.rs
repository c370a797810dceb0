//! Whether this machine can make checkpoints: criu is there, and works with the kernel.

use crate::error::{Error, Result};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

const CRIU: &str = "criu";
/// How long it may take to look at the kernel.
const LIMIT: Duration = Duration::from_secs(10);
/// Of its last words, this much is told.
const MAX_REASON: usize = 200;

/// # Errors
/// [`Error::Checkpoint`] with what stands in the way.
pub(super) async fn check() -> Result<()> {
    let check = Command::new(CRIU)
        .arg("check")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let obstacle = match timeout(LIMIT, check).await {
        Err(_) => "criu check does not end".to_owned(),
        Ok(Err(error)) => format!("criu cannot be run: {error}"),
        Ok(Ok(said)) if said.status.success() => return Ok(()),
        Ok(Ok(said)) => format!("criu cannot work with this kernel: {}", first_error(&said.stderr)),
    };
    Err(Error::Checkpoint(obstacle))
}

/// The first complaint is the cause of the others.
fn first_error(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().find(|line| line.starts_with("Error")).or_else(|| text.lines().last());
    line.unwrap_or_default().chars().filter(|letter| !letter.is_control()).take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_told() {
        let said =
            b"Warn  (x): y\nError (criu/vdso.c:381): vdso: Unexpected\x1b rt vDSO area bounds\nError (b)\n";
        assert_eq!(first_error(said), "Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds");
        assert_eq!((first_error(b"alone"), first_error(b"")), ("alone".to_owned(), String::new()));
    }
}
