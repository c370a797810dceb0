//! Hooks: programs of the host's administrator that run at fixed points of a container's life.
//!
//! | kind | runs in | when |
//! |---|---|---|
//! | `prestart`, `createRuntime` | the caller | mounts are made, the root is not yet the only one |
//! | `createContainer` | the container's namespaces, program of the host | directly after those |
//! | `startContainer` | the container | the gate is open, directly before its program |
//! | `poststart` | the caller | the program runs |
//! | `poststop` | whoever deletes it | the container is gone |
//!
//! Each gets the container's state as JSON on its standard input, and no environment but its own. A hook that fails, or
//! takes longer than its timeout, ends the container, but for `poststop`.

mod process;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::oci::{self, Spec};
use crate::plan::invalid;
use crate::{Error, Result};

/// A container as its hooks are told of it.
#[derive(Clone, Copy, Debug)]
pub struct Hooked<'a> {
    /// Its specification.
    pub spec: &'a Spec,
    /// Its name.
    pub id: &'a str,
    /// Its bundle.
    pub bundle: &'a Path,
}

impl Hooked<'_> {
    /// Runs the `poststart` hooks of a container whose program runs as `pid`.
    ///
    /// # Errors
    /// If one fails; the caller then has to stop the container.
    pub fn poststart(&self, pid: i32) -> Result<()> {
        self.due(&self.hooks()?.poststart, "running", pid).run()
    }

    /// Runs all `poststop` hooks of a container that is gone, whatever becomes of each; what went wrong is for a log.
    pub fn poststop(&self) -> Vec<Error> {
        let state = self.state("stopped", None).to_string();
        match self.hooks() {
            Ok(hooks) => {
                hooks.poststop.iter().filter_map(|hook| process::run(hook, state.as_bytes()).err()).collect()
            }
            Err(error) => vec![error],
        }
    }

    /// Hooks to be run for the container in this status.
    pub(crate) fn due(&self, hooks: &[Hook], status: &str, pid: i32) -> Due {
        // A state is some work to write, which most containers are spared.
        let state = if hooks.is_empty() { String::new() } else { self.state(status, Some(pid)).to_string() };
        Due { hooks: hooks.to_vec(), state }
    }

    /// The state as the specification has it.
    pub(crate) fn state(&self, status: &str, pid: Option<i32>) -> serde_json::Value {
        let mut state = json!({
            "ociVersion": self.spec.version(),
            "id": self.id,
            "status": status,
            "bundle": self.bundle,
            "annotations": self.spec.annotations().clone().unwrap_or_default(),
        });
        if let Some(pid) = pid {
            state["pid"] = pid.into();
        }
        state
    }

    fn hooks(&self) -> Result<Hooks> {
        Hooks::new(self.spec.hooks().as_ref())
    }
}

/// Hooks whose time has come or will come, and what they are told.
#[derive(Debug)]
pub(crate) struct Due {
    hooks: Vec<Hook>,
    state: String,
}

impl Due {
    /// Runs them in their order up to the first that fails.
    pub(crate) fn run(&self) -> Result<()> {
        self.hooks.iter().try_for_each(|hook| process::run(hook, self.state.as_bytes()))
    }
}

/// The hooks of a specification, checked.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    /// `prestart`, then `createRuntime`.
    pub(crate) create_runtime: Vec<Hook>,
    pub(crate) create_container: Vec<Hook>,
    pub(crate) start_container: Vec<Hook>,
    pub(crate) poststart: Vec<Hook>,
    pub(crate) poststop: Vec<Hook>,
}

/// One program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    path: PathBuf,
    /// The first one is the program's own name.
    args: Vec<String>,
    env: Vec<(String, String)>,
    timeout: Option<Duration>,
}

impl Hooks {
    /// Checks them.
    pub(crate) fn new(hooks: Option<&oci::Hooks>) -> Result<Hooks> {
        let Some(hooks) = hooks else {
            return Ok(Hooks::default());
        };
        let check = |hooks: &Option<Vec<oci::Hook>>| {
            hooks.iter().flatten().map(Hook::new).collect::<Result<Vec<Hook>>>()
        };
        #[allow(deprecated, reason = "configurations still have them")]
        let mut create_runtime = check(hooks.prestart())?;
        create_runtime.extend(check(hooks.create_runtime())?);
        Ok(Hooks {
            create_runtime,
            create_container: check(hooks.create_container())?,
            start_container: check(hooks.start_container())?,
            poststart: check(hooks.poststart())?,
            poststop: check(hooks.poststop())?,
        })
    }

    /// Whether some run while the host's tree is still there.
    pub(crate) fn any_before_pivot(&self) -> bool {
        !self.create_runtime.is_empty() || !self.create_container.is_empty()
    }
}

impl Hook {
    fn new(hook: &oci::Hook) -> Result<Hook> {
        if !hook.path().is_absolute() {
            return Err(invalid(&format!("the path {} of a hook is not absolute", hook.path().display())));
        }
        let timeout = match hook.timeout() {
            None => None,
            Some(seconds) => match u64::try_from(seconds) {
                Ok(seconds @ 1..) => Some(Duration::from_secs(seconds)),
                _ => return Err(invalid("the timeout of a hook is not above zero")),
            },
        };
        let variable = |entry: &String| {
            let (key, value) = entry.split_once('=')?;
            (!key.is_empty()).then(|| (key.to_owned(), value.to_owned()))
        };
        let env = hook.env().iter().flatten().filter_map(variable).collect();
        Ok(Hook { path: hook.path().clone(), args: hook.args().clone().unwrap_or_default(), env, timeout })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(path: &str, timeout: Option<i64>) -> oci::Hook {
        let mut hook = oci::Hook::default();
        hook.set_path(path.into()).set_timeout(timeout);
        hook
    }

    #[test]
    fn what_cannot_be_run_is_refused_before_anything_is_made() {
        for bad in [hook("relative", None), hook("/x", Some(0)), hook("/x", Some(-1))] {
            let mut hooks = oci::Hooks::default();
            hooks.set_poststop(Some(vec![bad]));
            assert!(Hooks::new(Some(&hooks)).is_err());
        }
    }

    #[test]
    fn prestart_hooks_come_before_the_others_of_their_time() {
        let mut hooks = oci::Hooks::default();
        hooks.set_create_runtime(Some(vec![hook("/second", None)]));
        #[allow(deprecated, reason = "configurations still have them")]
        hooks.set_prestart(Some(vec![hook("/first", Some(3))]));
        let hooks = Hooks::new(Some(&hooks)).unwrap();
        assert_eq!(hooks.create_runtime[0].path, Path::new("/first"));
        assert_eq!(hooks.create_runtime[0].timeout, Some(Duration::from_secs(3)));
        assert!(hooks.any_before_pivot());
    }
}
