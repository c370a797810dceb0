//! Options that every command has.

use std::path::PathBuf;

use crate::arguments::{Flag, Words, option, switch};
use crate::failure::Outcome;
use crate::log::Log;

const DEFAULT_ROOT: &str = "/run/shoal-runtime";

/// The table. `--criu` and `--rootless` are taken as runc takes them; nothing here depends on them.
pub(crate) const FLAGS: &[Flag] = &[
    option(&["--root"], "DIR", "where the state of containers is kept (/run/shoal-runtime)"),
    option(&["--log"], "FILE", "where errors are written (standard error)"),
    option(&["--log-format"], "FORMAT", "text or json"),
    switch(&["--debug"], "log what is being done"),
    switch(&["--systemd-cgroup"], "cgroups are systemd's; cgroupsPath is slice:prefix:name"),
    option(&["--rootless"], "true|false|auto", "accepted, and without effect"),
    option(&["--criu"], "PATH", "accepted, and without effect"),
    switch(&["--help", "-h"], "show this"),
    switch(&["--version", "-v"], "show the version"),
];

/// What they say.
#[derive(Debug, Default)]
pub(crate) struct Global {
    pub(crate) root: PathBuf,
    pub(crate) log: Log,
    pub(crate) systemd_cgroup: bool,
}

impl Global {
    pub(crate) fn new(words: &Words) -> Outcome<Global> {
        Ok(Global {
            root: words.value("--root").unwrap_or(DEFAULT_ROOT).into(),
            log: Log::new(words.value("--log"), words.value("--log-format"), words.has("--debug"))?,
            systemd_cgroup: words.has("--systemd-cgroup"),
        })
    }
}
