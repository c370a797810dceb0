//! What makes one daemon this daemon: its roots, the lock on them, its id and its name on the machine.
//!
//! The kernel drops the lock when the process dies, however it dies; id and name are files that stay.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use engine::StorageDriver;
use nix::fcntl::{Flock, FlockArg};

use crate::config::Config;
use crate::storage;

/// Roots are for root alone: other users can list nothing below them.
const ROOT_MODE: u32 = 0o700;
/// The name of the daemon on the default data root.
const MAIN_NAME: &str = "shoal";
/// And of its bridge.
const MAIN_BRIDGE: &str = "shoal0";
/// Hex digits of the id that the daemon's name carries: bridge names have 15 characters at most.
const NAME_DIGITS: usize = 6;
/// Bytes of a fresh id.
const ID_BYTES: usize = 16;

/// A daemon's hold on its data root. Dropping it lets the next one in.
pub(crate) struct Instance {
    /// Stable for the life of the data root; `docker info` shows it.
    pub(crate) id: String,
    /// Prefix of everything this daemon makes in the kernel: bridge, rule table, cgroup.
    pub(crate) name: String,
    /// Name of its default bridge.
    pub(crate) bridge: String,
    /// How the files of its containers are kept.
    pub(crate) storage: StorageDriver,
    pidfile: Option<PathBuf>,
    _lock: Flock<File>,
}

impl Instance {
    /// Makes the roots, takes the lock, finds or makes the id and writes the pid file.
    ///
    /// # Errors
    /// When another daemon uses the data root, a path cannot be made, or its storage driver does not work there.
    pub(crate) fn claim(config: &Config) -> Result<Self> {
        for root in [&config.data_root, &config.exec_root] {
            make_root(root)?;
        }
        let lock = lock(&config.data_root)?;
        let id = id(&config.data_root)?;
        // The machine's main daemon has plain names, which an administrator may write into rules.
        let (name, bridge) = if config.data_root == Config::default().data_root {
            (MAIN_NAME.to_owned(), MAIN_BRIDGE.to_owned())
        } else {
            let name = format!("{MAIN_NAME}{}", &id[..NAME_DIGITS]);
            (name.clone(), name)
        };
        let storage = storage::settle(&config.data_root, &config.storage_driver)?;
        let mut instance = Self { id, name, bridge, storage, pidfile: None, _lock: lock };
        instance.write_pidfile(&config.pidfile)?;
        Ok(instance)
    }

    fn write_pidfile(&mut self, path: &Path) -> Result<()> {
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        if let Some(pid) = running(path) {
            bail!("the pid file {} names process {pid}, which is a running daemon", path.display());
        }
        fs::write(path, std::process::id().to_string())
            .with_context(|| format!("cannot write the pid file {}", path.display()))?;
        self.pidfile = Some(path.into());
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(path) = &self.pidfile {
            // Nothing hangs on a stale pid file: the next start checks who runs under that number.
            fs::remove_file(path).ok();
        }
    }
}

fn make_root(root: &Path) -> Result<()> {
    fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
    fs::set_permissions(root, Permissions::from_mode(ROOT_MODE))
        .with_context(|| format!("cannot close {} to other users", root.display()))
}

fn lock(root: &Path) -> Result<Flock<File>> {
    let path = root.join("lock");
    let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let file = open().with_context(|| format!("cannot open {}", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            lock.set_len(0)?;
            write!(&mut *lock, "{}", std::process::id())?;
            Ok(lock)
        }
        Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).ok();
            bail!("the data root {} is in use by another shoald (process {})", root.display(), pid.trim());
        }
        Err((_, error)) => bail!("cannot lock {}: {error}", path.display()),
    }
}

/// The id of this data root, made at the first start.
fn id(root: &Path) -> Result<String> {
    let path = root.join("id");
    if let Ok(id) = fs::read_to_string(&path)
        && id.len() == ID_BYTES * 2
        && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Ok(id);
    }
    let id = hex::encode(rand::random::<[u8; ID_BYTES]>());
    let new = root.join(".id.new");
    fs::write(&new, &id).with_context(|| format!("cannot write {}", new.display()))?;
    fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(id)
}

/// The process a pid file names, if it is a live daemon other than this one.
fn running(path: &Path) -> Option<u32> {
    let pid: u32 = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    // One that has ended and waits for its parent still has a name, but no program.
    fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    (pid != std::process::id() && name.trim() == "shoald").then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path) -> Config {
        Config {
            data_root: dir.join("data"),
            exec_root: dir.join("exec"),
            pidfile: dir.join("pid"),
            ..Config::default()
        }
    }

    #[test]
    fn a_second_daemon_is_refused_and_the_id_stays() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        let first = Instance::claim(&config).unwrap();
        let error = Instance::claim(&config).err().unwrap().to_string();
        assert!(error.contains("in use by another shoald"), "{error}");
        let id = first.id.clone();
        drop(first);
        assert!(!config.pidfile.exists());
        assert_eq!(Instance::claim(&config).unwrap().id, id);
        let mode = fs::metadata(&config.data_root).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, ROOT_MODE);
    }
}
