//! Setting the limits of a group, new or in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::end::collect_processes;
use super::setting::Setting;
use super::{Cgroup, Member, Version, device, make_dir, put, v1, v2};
use crate::oci::{LinuxBlockIo, LinuxResources};
use crate::{Error, Result};

/// The controllers of version 1 that every container is put into: entering costs for each.
const ALWAYS: [&str; 7] = ["memory", "cpu", "cpuacct", "devices", "freezer", "blkio", "pids"];

/// Rounds of looking for processes that have been born while others moved.
const JOIN_ROUNDS: usize = 16;

/// A setting's way into the kernel.
struct Write {
    setting: Setting,
    path: PathBuf,
}

impl Cgroup {
    /// Makes the directories and sets the limits. What exists already is used as it is.
    pub(crate) fn create(&self, resources: &LinuxResources) -> Result<()> {
        let resources = &*device::with_defaults(resources);
        let settings = self.settings(resources, false)?;
        fault::point("make cgroups");
        for member in &self.members {
            let needed = settings.iter().any(|setting| member.has(setting.controller));
            match self.version {
                Version::V1 if needed || ALWAYS.iter().any(|name| member.has(name)) => {
                    make_dir(&member.dir)?;
                    if member.has("cpuset") {
                        v1::prepare_cpuset(&member.dir, &member.root)?;
                    }
                }
                Version::V1 => {}
                Version::V2 => {
                    make_dir(&member.dir)?;
                    v2::hand_down_controllers(&member.root, &member.dir, &settings)?;
                }
            }
        }
        fault::point("set limits");
        for setting in settings {
            let is_optional = setting.optional;
            match self.write(setting) {
                Err(Error::NoLimit(_)) if is_optional => {}
                other => other?,
            }
        }
        self.attach_devices(resources)
    }

    /// Changes the limits that `resources` has; others stay. All or nothing: what the kernel refuses undoes what was
    /// written before. Device rules are added to those that are there, on version 1 only. Blocks for some milliseconds at most.
    ///
    /// # Errors
    /// [`Error::NoLimit`] if the machine lacks one of them (nothing is written then); [`Error::Invalid`] if they make
    /// no sense or less memory is asked for than is in use; [`Error::Path`] with NotFound if the group is gone.
    pub fn update(&self, resources: &LinuxResources) -> Result<()> {
        self.check_memory(resources)?;
        if self.version == Version::V2 && resources.devices().as_ref().is_some_and(|rules| !rules.is_empty())
        {
            // Another program beside the first can only take away.
            let what = "device rules of a running container cannot be changed on cgroup version 2";
            return Err(Error::Invalid(what.to_owned()));
        }
        let settings = self.settings(resources, true)?;
        if self.version == Version::V1 {
            self.join_late(&settings)?;
        }
        let writes: Vec<Write> =
            settings.into_iter().map(|setting| self.locate(setting)).collect::<Result<_>>()?;
        let mut undo: Vec<(&Path, String)> = Vec::new();
        for write in &writes {
            // The files of the device rules of version 1 cannot be read; they come last.
            let old = fs::read_to_string(&write.path).ok();
            if let Err(error) = put(&write.path, &write.setting.value) {
                for (path, old) in undo.iter().rev() {
                    // It was accepted before; if it is not any more, the first error says more.
                    let _ = put(path, old);
                }
                return Err(refused(write, error));
            }
            undo.extend(old.map(|old| (write.path.as_path(), write.setting.undo(&old))));
        }
        Ok(())
    }

    fn settings(&self, resources: &LinuxResources, in_use: bool) -> Result<Vec<Setting>> {
        let read = |controller: &'static str, file: &'static str| {
            let dir = &self.member(controller).filter(|_| in_use)?.dir;
            fs::read_to_string(dir.join(file)).ok()
        };
        match self.version {
            Version::V1 => v1::settings(resources, &read),
            Version::V2 => v2::settings(resources, &read),
        }
    }

    /// Version 1: a new container enters only the hierarchies it needs; a limit of another one is an entry now.
    fn join_late(&self, settings: &[Setting]) -> Result<()> {
        let needs = |member: &&Member| settings.iter().any(|setting| member.has(setting.controller));
        for member in self.members.iter().filter(needs).filter(|member| !member.dir.exists()) {
            let processes = self.processes()?;
            if processes.is_empty() {
                return Err(Error::path("find cgroup", &member.dir)(io::ErrorKind::NotFound.into()));
            }
            make_dir(&member.dir)?;
            if member.has("cpuset") {
                v1::prepare_cpuset(&member.dir, &member.root)?;
            }
            self.move_into(member, processes)?;
        }
        Ok(())
    }

    /// Children that a process makes after it has moved are born inside; those from before are found in another round.
    fn move_into(&self, member: &Member, mut processes: Vec<i32>) -> Result<()> {
        let file = member.dir.join("cgroup.procs");
        for _ in 0..JOIN_ROUNDS {
            for process in &processes {
                match put(&file, &process.to_string()) {
                    // It has ended meanwhile.
                    Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                    other => other.map_err(Error::path("enter", &file))?,
                }
            }
            let mut inside = Vec::new();
            collect_processes(&member.dir, 0, &mut inside)?;
            processes = self.processes()?;
            processes.retain(|process| !inside.contains(process));
            if processes.is_empty() {
                return Ok(());
            }
        }
        Err(Error::path("enter", file)(io::ErrorKind::TimedOut.into()))
    }

    fn attach_devices(&self, resources: &LinuxResources) -> Result<()> {
        match (self.version, self.members.first(), resources.devices()) {
            (Version::V2, Some(member), Some(rules)) => v2::attach_devices(&member.dir, rules),
            _ => Ok(()),
        }
    }

    /// Less than is in use would have the kernel kill, on version 2; version 1 refuses, without saying why.
    fn check_memory(&self, resources: &LinuxResources) -> Result<()> {
        let Some(memory) = resources.memory() else {
            return Ok(());
        };
        let asked = self.version == Version::V1 || memory.check_before_update() == Some(true);
        let (Some(limit), true) = (memory.limit().filter(|limit| *limit > 0), asked) else {
            return Ok(());
        };
        let file = if self.version == Version::V1 { "memory.usage_in_bytes" } else { "memory.current" };
        let used = self.member("memory").and_then(|m| fs::read_to_string(m.dir.join(file)).ok());
        let used: i64 = used.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        // Version 1 may free caches to get there, so that the kernel has the last word.
        if self.version == Version::V2 && used > limit {
            return Err(below_usage(limit, used));
        }
        Ok(())
    }

    fn write(&self, setting: Setting) -> Result<()> {
        let write = self.locate(setting)?;
        put(&write.path, &write.setting.value).map_err(|error| refused(&write, error))
    }

    /// Finds the file, or the one instead of it.
    fn locate(&self, setting: Setting) -> Result<Write> {
        let Some(member) = self.member(setting.controller) else {
            return Err(Error::NoLimit(setting.file.into_owned()));
        };
        let path = member.dir.join(setting.file.as_ref());
        if path.exists() {
            return Ok(Write { setting, path });
        }
        if let Some((file, value)) = &setting.instead {
            let path = member.dir.join(file);
            if path.exists() {
                let setting = Setting { value: value.clone(), instead: None, ..setting };
                return Ok(Write { setting, path });
            }
        }
        if !member.dir.exists() {
            return Err(Error::path("find cgroup", &member.dir)(io::ErrorKind::NotFound.into()));
        }
        Err(Error::NoLimit(setting.file.into_owned()))
    }

    /// The directory that holds the files of a controller.
    pub(super) fn member(&self, controller: &str) -> Option<&Member> {
        self.members.iter().find(|member| self.version == Version::V2 || member.has(controller))
    }
}

fn refused(write: &Write, error: io::Error) -> Error {
    let file = write.setting.file.as_ref();
    let is_busy = error.raw_os_error() == Some(libc::EBUSY);
    if is_busy && file == "memory.limit_in_bytes" {
        let used = fs::read_to_string(write.path.with_file_name("memory.usage_in_bytes")).unwrap_or_default();
        let limit = write.setting.value.parse().unwrap_or_default();
        return below_usage(limit, used.trim().parse().unwrap_or_default());
    }
    let value = &write.setting.value;
    let source = io::Error::new(error.kind(), format!("{value:?}: {error}"));
    Error::path("write limit to", &write.path)(source)
}

fn below_usage(limit: i64, used: i64) -> Error {
    Error::Invalid(format!("memory cannot be limited to {limit} bytes: {used} bytes are in use"))
}

/// No scheduler since Linux 5.0 has weights for leaves.
pub(super) fn refuse_leaf_weights(block_io: &LinuxBlockIo) -> Result<()> {
    let mut devices = block_io.weight_device().iter().flatten();
    if block_io.leaf_weight().is_some_and(|weight| weight > 0)
        || devices.any(|device| device.leaf_weight().is_some_and(|weight| weight > 0))
    {
        return Err(Error::NoLimit("blkio.leaf_weight".to_owned()));
    }
    Ok(())
}
