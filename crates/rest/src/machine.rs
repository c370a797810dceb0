//! What this machine is, for `info` and `version`: read from the kernel and a few small files each time it is asked for.

use std::path::Path;

/// This machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    /// `6.1.0-…`.
    pub(crate) kernel: String,
    /// `x86_64`…
    pub(crate) architecture: String,
    /// Its system's name for a person.
    pub(crate) system: String,
    /// Its system's version.
    pub(crate) system_version: String,
    /// CPUs that this process may use.
    pub(crate) cpus: i64,
    /// Bytes.
    pub(crate) memory: i64,
    /// The kernel forwards IPv4 packets.
    pub(crate) forwards_ipv4: bool,
    /// Open files of this process.
    pub(crate) open_files: i64,
    /// Threads of this process.
    pub(crate) threads: i64,
}

/// Looks at the machine. Blocks for as long as a few files of `/proc` and `/etc` take.
pub(crate) fn look() -> Machine {
    let uname = nix::sys::utsname::uname().ok();
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |name: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let count = |path: &str| Path::new(path).read_dir().map_or(0, Iterator::count);
    Machine {
        kernel: text(uname.as_ref().map(nix::sys::utsname::UtsName::release)),
        architecture: text(uname.as_ref().map(nix::sys::utsname::UtsName::machine)),
        system: value("PRETTY_NAME"),
        system_version: value("VERSION_ID"),
        cpus: std::thread::available_parallelism().map_or(1, |n| i64::try_from(n.get()).unwrap_or(1)),
        memory: memory_bytes(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        forwards_ipv4: std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward")
            .is_ok_and(|text| text.trim() == "1"),
        open_files: i64::try_from(count("/proc/self/fd")).unwrap_or(0),
        threads: i64::try_from(count("/proc/self/task")).unwrap_or(0),
    }
}

/// Go's name of this machine's architecture, which the API uses for images and for the daemon.
pub(crate) fn go_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

fn memory_bytes(meminfo: &str) -> i64 {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib =
        total.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse::<i64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(memory_bytes("MemFree: 1 kB\nMemTotal:       16316 kB\n"), 16316 * 1024);
        assert_eq!(memory_bytes(""), 0);
    }

    #[test]
    fn this_machine_has_something() {
        let machine = look();
        assert!(machine.cpus > 0 && machine.memory > 0 && !machine.kernel.is_empty());
    }
}
