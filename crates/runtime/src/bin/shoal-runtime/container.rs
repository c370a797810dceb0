//! The directory of a container: finding it, making it, being the only one who changes it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use nix::fcntl::{Flock, FlockArg};
use runtime::oci::Spec;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::state::{State, Status};

/// Longest id: with it the names of all files stay below what a path component may have.
const MAX_ID_BYTES: usize = 200;
/// The configuration as it was when the container was created: later changes of the bundle do not concern it.
pub(crate) const CONFIG: &str = "config.json";

/// A container that exists.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) dir: PathBuf,
    pub(crate) state: State,
    /// Held while it is changed; none of those who only look.
    _lock: Option<Flock<File>>,
}

impl Container {
    /// To look at.
    pub(crate) fn find(global: &Global, id: &str) -> Outcome<Container> {
        let dir = directory(global, id)?;
        let state = State::load(id, &dir)?;
        Ok(Container { id: id.to_owned(), dir, state, _lock: None })
    }

    /// To change; waits for whoever else does.
    pub(crate) fn lock(global: &Global, id: &str) -> Outcome<Container> {
        let dir = directory(global, id)?;
        let lock = match File::open(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Failure::NotFound(id.to_owned()));
            }
            other => other.map_err(Failure::file(&dir))?,
        };
        let lock = Flock::lock(lock, FlockArg::LockExclusive)
            .map_err(|(_, error)| Failure::file(&dir)(error.into()))?;
        let state = State::load(id, &dir)?;
        Ok(Container { id: id.to_owned(), dir, state, _lock: Some(lock) })
    }

    pub(crate) fn status(&self) -> Status {
        self.state.status(&self.dir)
    }

    /// The first process, if it lives.
    pub(crate) fn pid(&self) -> Outcome<i32> {
        self.state.process.filter(|process| process.is_alive()).map(|p| p.pid).ok_or(Failure::NotRunning)
    }

    /// What it was created from.
    pub(crate) fn spec(&self) -> Outcome<Spec> {
        let file = self.dir.join(CONFIG);
        let bytes = fs::read(&file).map_err(Failure::file(&file))?;
        runtime::read_spec(&bytes).map_err(|error| Failure::file(file)(error.into()))
    }
}

/// A directory that has been made for a new container, and goes away again unless it is kept.
#[derive(Debug)]
pub(crate) struct NewDirectory {
    pub(crate) path: PathBuf,
    /// Nobody starts or deletes what is not there yet.
    lock: Option<Flock<File>>,
}

impl NewDirectory {
    /// Takes the id.
    pub(crate) fn make(global: &Global, id: &str, config: &[u8]) -> Outcome<NewDirectory> {
        let path = directory(global, id)?;
        let builder = |recursive: bool| {
            let mut builder = fs::DirBuilder::new();
            builder.mode(0o700).recursive(recursive);
            builder
        };
        builder(true).create(&global.root).map_err(Failure::file(&global.root))?;
        fault::point("make the directory of a container");
        builder(false).create(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::Exists(id.to_owned()),
            _ => Failure::file(&path)(error),
        })?;
        let mut new = NewDirectory { path, lock: None };
        let file = File::open(&new.path).map_err(Failure::file(&new.path))?;
        let lock = Flock::lock(file, FlockArg::LockExclusive);
        new.lock = Some(lock.map_err(|(_, error)| Failure::file(&new.path)(error.into()))?);
        new.path = fs::canonicalize(&new.path).map_err(Failure::file(&new.path))?;
        let file = new.path.join(CONFIG);
        fault::point("keep the configuration");
        fs::write(&file, config).map_err(Failure::file(file))?;
        Ok(new)
    }

    /// The container exists.
    pub(crate) fn keep(mut self) {
        self.path = PathBuf::new();
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // Whoever hears of the failure can delete the container by force.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Where a container is, if its id is one.
pub(crate) fn directory(global: &Global, id: &str) -> Outcome<PathBuf> {
    check_id(id)?;
    Ok(global.root.join(id))
}

/// Ids of all containers.
pub(crate) fn all(global: &Global) -> Outcome<Vec<String>> {
    let entries = match fs::read_dir(&global.root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Failure::file(&global.root))?,
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut ids: Vec<String> = names.filter(|name| check_id(name).is_ok()).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// An id becomes a file name: nothing in it may lead elsewhere.
fn check_id(id: &str) -> Outcome<()> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
    if id.is_empty() {
        return Err(Failure::Usage("container id cannot be empty".to_owned()));
    }
    if id.len() > MAX_ID_BYTES || matches!(id, "." | "..") || !id.chars().all(valid) {
        return Err(Failure::Id(id.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_nowhere() {
        for id in ["", ".", "..", "a/b", "../x", "a b", "é", &"a".repeat(201)] {
            assert!(check_id(id).is_err(), "{id}");
        }
        for id in ["a", "A.b_c+d-0", ".hidden", &"a".repeat(64)] {
            assert!(check_id(id).is_ok(), "{id}");
        }
    }
}
