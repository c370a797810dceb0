//! This program again, from where nobody can write to it: the first process of a container is a copy of it until it
//! runs the container's program, and an image may name `/proc/self/exe` as that.

use std::ffi::CString;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use runtime::exe;

use crate::failure::{Failure, Outcome};

/// Goes on if this is already so, else begins again as if nothing had been: nothing has been done before.
pub(crate) fn seal() -> Outcome<()> {
    if exe::is_sealed()? {
        return Ok(());
    }
    let failed = |error: nix::Error| Failure::file("/proc/self/exe")(error.into());
    let program = std::fs::read_link("/proc/self/exe").map_err(Failure::file("/proc/self/exe"))?;
    let sealed = exe::sealed(Path::new(&program))?;
    // It is found by its descriptor, and must not be inherited by what comes after.
    fcntl(&sealed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(failed)?;
    let path = CString::new(format!("/proc/self/fd/{}", sealed.as_raw_fd())).unwrap_or_default();
    let words: Vec<CString> =
        std::env::args_os().filter_map(|word| CString::new(word.into_vec()).ok()).collect();
    match nix::unistd::execv(&path, &words) {
        Ok(never) => match never {},
        Err(error) => Err(failed(error)),
    }
}
