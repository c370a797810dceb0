//! Checkpoints: containers frozen into files, by criu. None can be made yet; the answer says what this machine lacks.
//!
//! No directory that a client names is looked into: what others have put there never reaches a container.

use super::Containers;
use crate::error::{Error, Result};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// The program that would make them.
const CRIU: &str = "criu";
/// How long it may take to look at the kernel.
const CHECK_LIMIT: Duration = Duration::from_secs(10);
/// Of its last words, this much is told.
const REASON_MAX: usize = 200;

impl Containers {
    /// Would freeze a running container into files.
    ///
    /// # Errors
    /// [`Error::NotRunning`]; [`Error::Checkpoint`] with the reason.
    pub async fn checkpoint(&self, reference: &str) -> Result<()> {
        let record = self.inspect(reference)?;
        if record.state.pid == 0 {
            return Err(Error::NotRunning(record.id.clone()));
        }
        Err(Error::Checkpoint(obstacle().await))
    }

    /// Would start a container from such files.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`]; [`Error::Checkpoint`] with the reason.
    pub async fn restore(&self, reference: &str) -> Result<()> {
        self.inspect(reference)?;
        Err(Error::Checkpoint(obstacle().await))
    }
}

/// What stands in the way: criu itself, the kernel, or else that nothing here makes use of them.
async fn obstacle() -> String {
    let check = Command::new(CRIU)
        .arg("check")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    match timeout(CHECK_LIMIT, check).await {
        Err(_) => "criu check does not end".to_owned(),
        Ok(Err(error)) => format!("criu cannot be run: {error}"),
        Ok(Ok(said)) if said.status.success() => "making them with criu is not implemented".to_owned(),
        Ok(Ok(said)) => format!("criu cannot work with this kernel: {}", first_error(&said.stderr)),
    }
}

/// The first complaint is the cause of the others.
fn first_error(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().find(|line| line.starts_with("Error")).or_else(|| text.lines().last());
    line.unwrap_or_default().chars().filter(|letter| !letter.is_control()).take(REASON_MAX).collect()
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
