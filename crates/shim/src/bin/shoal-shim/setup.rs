//! What the shim does to itself before there is a container.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ::shim::Response;
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::unistd::{chdir, dup2_stderr, dup2_stdin, dup2_stdout, execve, setsid};

use crate::Failure;

/// Set in the second life, so that there is no third: where the program lies.
const SEALED: &str = "SHOAL_SHIM_SEALED";

/// Runs this program again from a read-only mount, if it is not on one: a container's first process is a copy of
/// it, and must not be a way to write to the binary (CVE-2019-5736). Whoever starts the shim by
/// [`runtime::exe::sealed`] saves this step.
pub(crate) fn seal() -> Result<(), Failure> {
    if runtime::exe::is_sealed()? {
        return Ok(());
    }
    let failed = |error: io::Error| Failure::File("run from a read-only mount", error);
    if std::env::var_os(SEALED).is_some() {
        return Err(failed(io::ErrorKind::ReadOnlyFilesystem.into()));
    }
    let program = std::env::current_exe().map_err(failed)?;
    let binary = runtime::exe::sealed(&program)?;
    let path = CString::new(format!("/proc/self/fd/{}", binary.as_raw_fd())).map_err(|e| failed(e.into()))?;
    let args = std::env::args_os()
        .map(|arg| CString::new(arg.into_encoded_bytes()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| failed(e.into()))?;
    let env = [&b"="[..], program.as_os_str().as_bytes()].concat();
    let env = [CString::new([SEALED.as_bytes(), &env].concat()).map_err(|e| failed(e.into()))?];
    let Err(error) = execve(&path, &args, &env);
    Err(failed(error.into()))
}

/// Where this program lies on the machine: a mount that belongs to no namespace cannot be mounted anywhere.
pub(crate) fn program() -> io::Result<PathBuf> {
    std::env::var_os(SEALED).map_or_else(std::env::current_exe, |path| Ok(path.into()))
}

/// Leaves the daemon's session, and makes the container's directory the current one: the names of a socket
/// are short.
pub(crate) fn detach(dir: &Path) -> Result<(), Failure> {
    let failed = |what| move |error: nix::Error| Failure::File(what, error.into());
    nix::sys::prctl::set_name(c"shoal-shim").map_err(failed("set the process name"))?;
    chdir(dir).map_err(failed("enter the container's directory"))?;
    // A leader already, if it was started so.
    let _ = setsid();
    nix::sys::prctl::set_child_subreaper(true).map_err(failed("adopt orphans"))?;
    for ignored in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGPIPE] {
        // SAFETY: ignoring a signal installs no function.
        unsafe { signal(ignored, SigHandler::SigIgn) }.map_err(failed("ignore signals"))?;
    }
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    children.thread_block().map_err(failed("block SIGCHLD"))
}

/// Writes the first answer, and lets go of the daemon's streams, so that whoever reads those is not kept waiting by us.
pub(crate) fn announce(response: &Response) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::File("standard output", error);
    let written = ::shim::write(&mut io::stdout().lock(), response)
        .and_then(|()| io::Write::flush(&mut io::stdout()).map_err(Into::into));
    let null = null()?;
    dup2_stdout(null.as_fd())
        .and_then(|()| dup2_stderr(null.as_fd()))
        .map_err(|error| failed(error.into()))?;
    written.map_err(|_| failed(io::ErrorKind::BrokenPipe.into()))
}

/// What standard input is, and nothing in its place.
pub(crate) fn take_stdin() -> Result<OwnedFd, Failure> {
    let failed = |error: io::Error| Failure::File("standard input", error);
    let taken = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    dup2_stdin(null()?.as_fd()).map_err(|error| failed(error.into()))?;
    Ok(taken)
}

/// `/dev/null`, open both ways.
pub(crate) fn null() -> Result<OwnedFd, Failure> {
    File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map(OwnedFd::from)
        .map_err(|error| Failure::File("/dev/null", error))
}
