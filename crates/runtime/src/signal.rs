//! Signals by name and number, those of real time too, sent to a process that cannot be mistaken for another.

use std::os::fd::AsFd;
use std::str::FromStr;

use nix::sys::signal::Signal;

use crate::sys::pidfd;
use crate::{Error, Result};

/// The number of a signal: `9`, `KILL`, `SIGKILL`, `sigkill`, `SIGRTMIN+3`. Numbers of real-time signals are those that
/// C libraries give to programs. Pure.
pub fn parse(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse::<i32>() {
        return (1..=libc::SIGRTMAX()).contains(&number).then_some(number);
    }
    let name = name.to_ascii_uppercase();
    let short = name.strip_prefix("SIG").unwrap_or(&name);
    let number = match (short.strip_prefix("RTMIN"), short.strip_prefix("RTMAX")) {
        (Some(""), _) => libc::SIGRTMIN(),
        (Some(above), _) => libc::SIGRTMIN() + above.strip_prefix('+')?.parse::<u8>().ok()? as i32,
        (_, Some("")) => libc::SIGRTMAX(),
        (_, Some(below)) => libc::SIGRTMAX() - below.strip_prefix('-')?.parse::<u8>().ok()? as i32,
        _ => return Signal::from_str(&format!("SIG{short}")).ok().map(|signal| signal as i32),
    };
    (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&number).then_some(number)
}

/// Sends a signal to the process `pid`, if `is_it` still says so once the process is held: a number that has been
/// given to another process meanwhile is never hit.
///
/// # Errors
/// [`Error::Host`] with ESRCH if the process is gone.
pub fn send(pid: i32, signal: i32, is_it: impl FnOnce() -> bool) -> Result<()> {
    let gone = || std::io::Error::from_raw_os_error(libc::ESRCH);
    let process = pidfd::open(pid).map_err(Error::host("find the process"))?;
    if !is_it() {
        return Err(Error::host("find the process")(gone()));
    }
    pidfd::send_signal(process.as_fd(), signal).map_err(Error::host("send a signal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_many_names() {
        for name in ["9", "KILL", "SIGKILL", "sigkill"] {
            assert_eq!(parse(name), Some(libc::SIGKILL), "{name}");
        }
        assert_eq!(parse("RTMIN+3"), Some(libc::SIGRTMIN() + 3));
        assert_eq!(parse("SIGRTMAX-1"), Some(libc::SIGRTMAX() - 1));
        assert_eq!(parse("SIGRTMAX"), parse("64"));
        for name in ["", "0", "65", "-9", "NOSUCH", "RTMIN+40", "RTMIN3", "SIGSIGKILL"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_process_that_is_another_one_is_not_hit() {
        let own = std::process::id() as i32;
        assert!(send(own, libc::SIGKILL, || false).is_err());
        assert!(send(own, 0, || true).is_ok());
    }
}
