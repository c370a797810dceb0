//! Cgroups that systemd makes: a transient scope per container, in a slice of the administrator's choice.
//!
//! On a machine with systemd the tree of cgroups is systemd's, and only what it has delegated is ours. A scope is made around
//! a process: the caller steps into it, clones the container's first process there, and goes home. If the caller
//! dies in between, the scope is empty and systemd takes it away.
//!
//! Spoken over systemd's private socket, by a D-Bus client of our own with four calls. zbus would bring an async executor and
//! some forty crates, a megabyte and a second thread into a program that must have one thread to clone itself. The private socket
//! needs neither a bus daemon nor subscriptions: systemd tells everybody there when a job is over.

mod bus;
mod home;
mod message;
mod property;
mod scope;
mod unit;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::Version;
use crate::oci::LinuxResources;
use crate::{Error, Result};

use bus::Bus;
use home::Home;
use message::{Body, Property, Value};

pub use scope::{Scope, unit_of};
pub use unit::Unit;

/// Making a scope takes milliseconds; a machine that is starting up may have other things to do first.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a scope whose processes are dead is waited for. systemd may not hear of their end (a user's instance on version 1),
/// and finds out by itself later.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// What systemd answers if there is no such unit.
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// systemd, where it listens.
#[derive(Clone, Debug)]
pub struct Systemd {
    socket: PathBuf,
    version: Version,
}

/// A scope that holds the caller, until [`Inside::leave`].
#[derive(Debug)]
pub struct Inside(Home);

impl Systemd {
    /// The machine's own, or for anybody but root the user's.
    ///
    /// # Errors
    /// If no cgroup hierarchy is mounted.
    pub fn of_machine() -> Result<Systemd> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| !nix::unistd::geteuid().is_root());
        let runtime = runtime.map_or_else(|| PathBuf::from("/run"), PathBuf::from);
        Ok(Systemd { socket: runtime.join("systemd/private"), version: super::detect()?.version() })
    }

    /// Makes the scope around the calling process, with the limits that systemd has to know.
    ///
    /// # Errors
    /// [`Error::Systemd`] with systemd's words, for example if the scope exists.
    pub fn enter(&self, unit: &Unit, resources: &LinuxResources) -> Result<Inside> {
        let home = Home::of_caller()?;
        let mut properties: Vec<Property> = vec![
            ("Description", Value::Text(format!("container {}", unit.name))),
            ("Slice", Value::Text(unit.slice.clone())),
            ("Delegate", Value::Bool(true)),
            ("PIDs", Value::U32s(vec![std::process::id()])),
            ("DefaultDependencies", Value::Bool(false)),
            // A scope that has failed (out of memory) is not kept for anybody to look at: the engine tells.
            ("CollectMode", Value::Text("inactive-or-failed".to_owned())),
            ("MemoryAccounting", Value::Bool(true)),
            ("CPUAccounting", Value::Bool(true)),
            ("TasksAccounting", Value::Bool(true)),
            (
                if self.version == Version::V1 { "BlockIOAccounting" } else { "IOAccounting" },
                Value::Bool(true),
            ),
        ];
        properties.extend(property::properties(self.version, resources));
        let body = Body::default().text(&unit.name).text("fail").properties(&properties).no_other_units();
        self.connect(PATIENCE)?.run_job("StartTransientUnit", &body)?;
        Ok(Inside(home))
    }

    /// Tells systemd of other limits; the cgroup's own files are [`super::Cgroup::update`]'s.
    ///
    /// # Errors
    /// [`Error::Systemd`] with systemd's words.
    pub fn update(&self, unit_name: &str, resources: &LinuxResources) -> Result<()> {
        let properties = property::properties(self.version, resources);
        if properties.is_empty() {
            return Ok(());
        }
        let body = Body::default().text(unit_name).bool(true).properties(&properties);
        self.connect(PATIENCE)?.call("SetUnitProperties", &body).map(drop)
    }

    /// Ends the scope, whose processes are dead, and forgets that it may have failed. What does not exist is no error, nor
    /// that systemd takes its time.
    ///
    /// # Errors
    /// [`Error::Systemd`] with systemd's words.
    pub fn stop(&self, unit_name: &str) -> Result<()> {
        let mut bus = self.connect(STOP_PATIENCE)?;
        let stopped = bus.run_job("StopUnit", &Body::default().text(unit_name).text("replace"));
        // Only what has failed can be reset, and mostly nothing has.
        let _ = bus.call("ResetFailedUnit", &Body::default().text(unit_name));
        match stopped {
            Err(Error::Systemd { name, .. }) if name == NO_SUCH_UNIT => Ok(()),
            Err(Error::Host { source, .. }) if source.kind() == io::ErrorKind::TimedOut => Ok(()),
            other => other,
        }
    }

    fn connect(&self, patience: Duration) -> Result<Bus> {
        Bus::connect(&self.socket, patience)
    }

    /// Another place to listen, for a fake.
    #[cfg(test)]
    fn at(socket: &std::path::Path) -> Systemd {
        Systemd { socket: socket.to_owned(), version: Version::V2 }
    }
}

impl Inside {
    /// Goes back to where the caller was. Whoever it has cloned stays.
    pub fn leave(self) {
        self.0.go();
    }
}

#[cfg(test)]
mod tests;
