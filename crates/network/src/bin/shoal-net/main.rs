//! `shoal-net`: holds the published ports of one daemon, answers its containers' DNS questions, and outlives it.
//!
//! Usage: `shoal-net <exec-root>`. It listens on `<exec-root>/net.sock` (0600), does what the daemon asks there, and
//! proxies what the rules of the kernel do not bring to a container. At sockets the daemon hands over it answers for the
//! names the daemon tells, and asks the outside for others. It closes its output when it is ready. It ends
//! when told to, when it has long had nothing to hold, and when its socket has been removed or replaced.
//!
//! One thread, one loop, no runtime: it must stay small.

#![forbid(unsafe_code)]

mod client;
mod dns;
mod keeper;
mod socket;
mod tcp;
mod udp;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use network::hold::SOCKET_NAME;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{dup2_stderr, dup2_stdout, setsid};

use keeper::{Identity, Keeper};

/// Held for as long as this process lives, so that there is one per exec root.
const LOCK_NAME: &str = "net.lock";
/// The socket is the daemon's alone.
const SOCKET_MODE: u32 = 0o600;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(root), None) = (arguments.next(), arguments.next()) else {
        bail!("usage: shoal-net <exec-root>");
    };
    let root = PathBuf::from(root);
    // A session of its own: what ends the daemon's terminal or group does not end this. It fails only for a session
    // leader, which has one.
    let _ = setsid();
    umask(Mode::from_bits_truncate(0o077));
    let Some(_lock) = lock(&root)? else { return Ok(()) };
    let files = raise_file_limit();
    let path = root.join(SOCKET_NAME);
    let listener = listen(&path).with_context(|| format!("listen on {}", path.display()))?;
    let identity = identity(&path)?;
    let mut keeper = Keeper::new(listener, path, identity, files).context("set up the event loop")?;
    detach_output()?;
    keeper.run().context("wait for events")
}

/// `None` if another process serves this root already; whoever started us finds that one.
fn lock(root: &Path) -> Result<Option<Flock<File>>> {
    let path = root.join(LOCK_NAME);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(errno).with_context(|| format!("lock {}", path.display())),
    }
}

fn listen(path: &Path) -> std::io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn identity(path: &Path) -> Result<Identity> {
    let metadata = fs::symlink_metadata(path).with_context(|| format!("look up {}", path.display()))?;
    Ok(Identity { device: metadata.dev(), inode: metadata.ino() })
}

/// Each held port and each proxied flow takes descriptors. Answers how many there may be.
fn raise_file_limit() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, hard)| {
        let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
        if raised.is_ok() { hard } else { soft }
    });
    limit.map_or(0, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Lets go of the daemon's pipes: the end of output says that we are ready, and nobody who waits for the daemon's
/// own output to end waits for us.
fn detach_output() -> Result<()> {
    let null = OpenOptions::new().write(true).open("/dev/null").context("open /dev/null")?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(())
}
