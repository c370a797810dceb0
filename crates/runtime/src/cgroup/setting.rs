//! One value for one control file: what both versions' translations of the specification consist of.

use std::borrow::Cow;

use crate::oci::LinuxResources;

/// A value to be written to a control file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Whose file it is; on version 1 that is a directory of its own.
    pub(super) controller: &'static str,
    pub(super) file: Cow<'static, str>,
    pub(super) value: String,
    /// For a file with a line per device: what takes the device's line away again.
    pub(super) reset: Option<String>,
    /// Another file with another value, where the kernel lacks the first.
    pub(super) instead: Option<(&'static str, String)>,
    /// A new container goes on without it: Docker's clients ask for it whether the kernel has it or not.
    pub(super) optional: bool,
}

/// How many processes there may be, the same on both versions.
pub(super) fn of_processes(resources: &LinuxResources) -> Option<Setting> {
    let limit = resources.pids().as_ref().map(|pids| pids.limit()).filter(|limit| *limit != 0)?;
    let value = if limit > 0 { limit.to_string() } else { "max".to_owned() };
    Some(Setting::new("pids", "pids.max", value))
}

impl Setting {
    pub(super) fn new(
        controller: &'static str,
        file: impl Into<Cow<'static, str>>,
        value: impl ToString,
    ) -> Setting {
        Setting {
            controller,
            file: file.into(),
            value: value.to_string(),
            reset: None,
            instead: None,
            optional: false,
        }
    }

    /// A line of the device `major:minor`: `text` after its number, `off` to take it away.
    pub(super) fn of_device(
        controller: &'static str,
        file: &'static str,
        (major, minor): (i64, i64),
        text: &str,
        off: &str,
    ) -> Setting {
        Setting {
            reset: Some(format!("{major}:{minor} {off}")),
            ..Setting::new(controller, file, format!("{major}:{minor} {text}"))
        }
    }

    pub(super) fn optional(self) -> Setting {
        Setting { optional: true, ..self }
    }

    pub(super) fn or(self, file: &'static str, value: impl ToString) -> Setting {
        Setting { instead: Some((file, value.to_string())), ..self }
    }

    /// What has to be written to get back from this setting to `old`, the file's content before it. Pure.
    pub(super) fn undo(&self, old: &str) -> String {
        let Some(reset) = &self.reset else {
            return old.trim().to_owned();
        };
        let device = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        let number = device(reset);
        old.lines().find(|line| device(line) == number).unwrap_or(reset).to_owned()
    }
}

/// What a control file says now, or nothing if it is not there or the group is new.
pub(super) type Current<'a> = dyn Fn(&'static str, &'static str) -> Option<String> + 'a;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_knows_the_way_back() {
        let limit = Setting::new("memory", "memory.limit_in_bytes", 4096);
        assert_eq!(limit.undo("8192\n"), "8192");
        let rate = Setting::of_device("io", "io.max", (8, 0), "rbps=1", "rbps=max");
        assert_eq!(rate.undo("8:16 rbps=5 wbps=max\n8:0 rbps=7 wbps=max\n"), "8:0 rbps=7 wbps=max");
        assert_eq!(rate.undo("8:16 rbps=5 wbps=max\n"), "8:0 rbps=max");
    }
}
