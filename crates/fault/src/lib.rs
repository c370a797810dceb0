//! Crash points: the places where a program of ours may be made to die, one after the other, by a test.
//!
//! [`point`] stands directly before each call that changes the kernel or the disk. In a build with debug assertions or
//! the feature `armed`, and only if [`VARIABLE`] names a file, it counts: the file's first line holds how many points are still passed
//! alive. The process that uses up the last one ends itself with SIGKILL, as a crash would. All processes that have
//! the variable share the count. Behind the number the file lists the points passed, each as `PID WHAT`.
//!
//! In any other build a point is nothing at all.
//!
//! The loss of the machine is such a fault too: [`boot_id_path`] lets a test start a daemon "after" it. So is a disk that is
//! [slow](slow_disk), and a clock that [is set](clock_shift_ns).

#![forbid(unsafe_code)]

/// The environment variable that names the file with the count.
pub const VARIABLE: &str = "SHOAL_CRASH_FILE";

/// Dies here if it is this point's turn. `what` names the change that would come next: `network: add veth`.
#[inline(always)]
pub fn point(what: &'static str) {
    #[cfg(any(debug_assertions, feature = "armed"))]
    counted::point(what);
    #[cfg(not(any(debug_assertions, feature = "armed")))]
    let _ = what;
}

/// The variable as it must be handed to a child whose environment is otherwise cleared, so that it counts along.
pub fn inherited() -> Option<(&'static str, std::ffi::OsString)> {
    #[cfg(any(debug_assertions, feature = "armed"))]
    return std::env::var_os(VARIABLE).map(|file| (VARIABLE, file));
    #[cfg(not(any(debug_assertions, feature = "armed")))]
    None
}

/// The environment variable that names the file with the milliseconds that each write of the log takes longer, in the builds
/// that have points. Without the file, or without a number in it, none.
pub const SLOW_VARIABLE: &str = "SHOAL_SLOW_FILE";

/// Waits as a slow disk would, on the thread that writes.
#[inline(always)]
pub fn slow_disk() {
    #[cfg(any(debug_assertions, feature = "armed"))]
    {
        static FILE: std::sync::OnceLock<Option<std::ffi::OsString>> = std::sync::OnceLock::new();
        let file = FILE.get_or_init(|| std::env::var_os(SLOW_VARIABLE)).as_ref();
        let text = file.and_then(|file| std::fs::read_to_string(file).ok());
        if let Some(milliseconds) = text.and_then(|text| text.trim().parse().ok()) {
            std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        }
    }
}

/// The environment variable that names the file with the seconds by which this machine's clock is fast, in the builds that have
/// points. Without the file, or without a number in it, it is right.
pub const CLOCK_VARIABLE: &str = "SHOAL_CLOCK_FILE";

/// By how many nanoseconds the clock is fast, as somebody has set it.
#[inline(always)]
pub fn clock_shift_ns() -> i64 {
    #[cfg(any(debug_assertions, feature = "armed"))]
    {
        const SECOND_NS: i64 = 1_000_000_000;
        static FILE: std::sync::OnceLock<Option<std::ffi::OsString>> = std::sync::OnceLock::new();
        let file = FILE.get_or_init(|| std::env::var_os(CLOCK_VARIABLE)).as_ref();
        let text = file.and_then(|file| std::fs::read_to_string(file).ok());
        let seconds: i64 = text.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        seconds.saturating_mul(SECOND_NS)
    }
    #[cfg(not(any(debug_assertions, feature = "armed")))]
    0
}

/// The environment variable that names what stands in for the kernel's boot id, in the builds that have points.
pub const BOOT_ID_VARIABLE: &str = "SHOAL_BOOT_ID_FILE";

/// The file that tells one start of the machine from another.
pub fn boot_id_path() -> std::path::PathBuf {
    #[cfg(any(debug_assertions, feature = "armed"))]
    if let Some(path) = std::env::var_os(BOOT_ID_VARIABLE) {
        return path.into();
    }
    "/proc/sys/kernel/random/boot_id".into()
}

#[cfg(any(debug_assertions, feature = "armed"))]
mod counted {
    use std::ffi::OsString;
    use std::fs::{File, OpenOptions};
    use std::io::{self, Read, Seek, Write};
    use std::sync::OnceLock;

    use nix::fcntl::{Flock, FlockArg};
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::getpid;

    pub(super) fn point(what: &'static str) {
        static FILE: OnceLock<Option<OsString>> = OnceLock::new();
        if let Some(path) = FILE.get_or_init(|| std::env::var_os(super::VARIABLE)) {
            // Without the file, or with none of our making in its place, nobody is to die.
            if let Ok(file) = OpenOptions::new().read(true).write(true).open(path) {
                let _ = count(file, what);
            }
        }
    }

    /// Uses up one life of those in `file`. The lock is held until the process is dead or the file closed, so that
    /// nobody passes a point after the last one.
    fn count(file: File, what: &str) -> io::Result<()> {
        let mut file =
            Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| io::Error::from(error))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let (number, passed) = text.split_once('\n').unwrap_or((&text, ""));
        let Some(left) = number.trim().parse::<u64>().ok().and_then(|lives| lives.checked_sub(1)) else {
            return Ok(());
        };
        let next = format!("{left}\n{passed}{} {what}\n", getpid());
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(next.as_bytes())?;
        if left == 0 {
            kill(getpid(), Signal::SIGKILL)?;
        }
        Ok(())
    }
}
