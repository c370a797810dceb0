//! The programs under test, and how tests run other programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Exit code; 128 and the signal's number when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Standard output without the white space around it.
    ///
    /// # Panics
    /// When the program failed.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "exit code {}: {}{}", self.code, self.out, self.err);
        self.out.trim().to_owned()
    }
}

/// Where `shoald`, `shoal` and the small programs are: named by `SHOAL_PROGRAMS`, else beside this test.
///
/// # Panics
/// When they are not there, with what to run.
pub fn programs() -> PathBuf {
    let dir = std::env::var_os("SHOAL_PROGRAMS").map_or_else(beside, PathBuf::from);
    assert!(
        dir.join("shoald").is_file() && dir.join("hello-http.tar").is_file(),
        "the programs are not in {}: run `cargo xtask test`, which builds them",
        dir.display()
    );
    dir
}

/// The profile's directory of a test program in `<target>/<profile>/deps`.
fn beside() -> PathBuf {
    let exe = std::env::current_exe().expect("a test knows its own path");
    exe.parent().and_then(Path::parent).expect("a test lies in target/<profile>/deps").to_path_buf()
}

/// Fails, with a sentence that says so, unless the test runs as root.
///
/// # Panics
/// Without root.
pub fn need_root() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test starts containers and needs root: run it with `cargo xtask test`, or through sudo"
    );
}

/// Runs `command` to its end with an empty standard input.
///
/// # Panics
/// When it cannot be started.
pub fn run(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output();
    said(output.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}")))
}

/// Turns what the standard library gives into [`Said`].
pub fn said(output: Output) -> Said {
    use std::os::unix::process::ExitStatusExt;
    let status = output.status;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1);
    Said {
        code,
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The flag with which `docker events` ends now. Its own `0s` is the beginning of this second.
pub fn until_now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("--until={}.{:09}", now.as_secs(), now.subsec_nanos())
}
