//! The last step: the program, found as a shell would, with Docker's words if it cannot be.

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::unistd::{AccessFlags, chdir, execve, faccessat};

use crate::error::{EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND};
use crate::plan::Process;
use crate::user::User;
use crate::{Error, Result};

const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program that was found.
pub(super) struct Program {
    path: CString,
    args: Vec<CString>,
    env: Vec<CString>,
}

/// Goes to the working directory, and makes sure that it is in the container (CVE-2024-21626).
pub(super) fn change_directory(cwd: &Path) -> Result<()> {
    chdir(cwd).map_err(|error| Error::Init {
        message: format!("chdir to cwd ({cwd:?}) set in config.json failed: {}", error.desc().to_lowercase()),
        exit_code: EXIT_NOT_EXECUTABLE,
    })?;
    // The kernel says so if the current directory cannot be reached from the root.
    let outside = || Error::Init {
        message: "current working directory is outside of container mount namespace root".to_owned(),
        exit_code: EXIT_NOT_EXECUTABLE,
    };
    let here = nix::unistd::getcwd().map_err(|_| outside())?;
    if here.is_absolute() { Ok(()) } else { Err(outside()) }
}

/// Finds the program of the specification, as the user that will run it.
pub(super) fn find(process: &Process, user: &User) -> Result<Program> {
    let mut env = process.env.clone();
    if variable(&env, b"HOME").is_none() {
        let home = user.home.as_deref().filter(|home| !home.is_empty());
        env.extend(CString::new(format!("HOME={}", home.unwrap_or("/"))));
    }
    let name = process.args.first().map(|arg| arg.to_bytes()).unwrap_or_default();
    let path = if name.contains(&b'/') {
        let path = PathBuf::from(OsStr::from_bytes(name));
        check(&path).map_err(|errno| refused(name, &path, errno))?;
        path
    } else {
        search(name, variable(&env, b"PATH").unwrap_or(DEFAULT_PATH))?
    };
    let path = CString::new(path.into_os_string().into_vec())
        .map_err(|_| refused(name, Path::new(""), Errno::ENOENT))?;
    Ok(Program { path, args: process.args.clone(), env })
}

/// Becomes the program; returns only an error.
pub(super) fn exec(program: &Program) -> Result<Infallible> {
    let Err(errno) = execve(&program.path, &program.args, &program.env);
    let exit_code = match errno {
        Errno::ENOENT => EXIT_NOT_FOUND,
        _ => EXIT_NOT_EXECUTABLE,
    };
    Err(Error::Init {
        message: format!("exec {}: {}", program.path.to_string_lossy(), words(errno)),
        exit_code,
    })
}

fn search(name: &[u8], path: &[u8]) -> Result<PathBuf> {
    let mut refusal = None;
    for dir in path.split(|byte| *byte == b':').filter(|_| !name.is_empty()) {
        let dir = if dir.is_empty() { b".".as_slice() } else { dir };
        let candidate = Path::new(OsStr::from_bytes(dir)).join(OsStr::from_bytes(name));
        match check(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(Errno::EACCES) => refusal = Some(candidate),
            Err(_) => {}
        }
    }
    Err(match refusal {
        Some(candidate) => refused(name, &candidate, Errno::EACCES),
        None => Error::Init {
            message: format!("exec: {}: executable file not found in $PATH", quoted(name)),
            exit_code: EXIT_NOT_FOUND,
        },
    })
}

/// Whether the current user can run it.
fn check(path: &Path) -> std::result::Result<(), Errno> {
    let metadata = std::fs::metadata(path).map_err(errno_of)?;
    if metadata.is_dir() {
        return Err(Errno::EISDIR);
    }
    faccessat(nix::fcntl::AT_FDCWD, path, AccessFlags::X_OK, AtFlags::AT_EACCESS).map_err(|_| Errno::EACCES)
}

fn errno_of(error: io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

fn refused(name: &[u8], path: &Path, errno: Errno) -> Error {
    let (stat, exit_code) = match errno {
        Errno::ENOENT => (format!("stat {}: ", path.display()), EXIT_NOT_FOUND),
        Errno::ENOTDIR => (format!("stat {}: ", path.display()), EXIT_NOT_EXECUTABLE),
        _ => (String::new(), EXIT_NOT_EXECUTABLE),
    };
    Error::Init { message: format!("exec: {}: {stat}{}", quoted(name), words(errno)), exit_code }
}

/// As Go, and so Docker, says it.
fn words(errno: Errno) -> String {
    errno.desc().to_lowercase()
}

fn quoted(name: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(name))
}

fn variable<'a>(env: &'a [CString], name: &[u8]) -> Option<&'a [u8]> {
    env.iter()
        .map(|entry| CStr::to_bytes(entry))
        .find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
}
