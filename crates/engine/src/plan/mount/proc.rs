//! What may be mounted over `/proc` and in it: the runtime and its programs believe what they read there. Pure.

use super::{MountPlan, Source};
use crate::spec::Invalid;

/// Where a container has its process information.
const PROC: &str = "/proc";
/// Files that lxcfs makes, and two that are of no consequence: what runc lets be mounted over.
const FILES: [&str; 12] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/dev",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys/crypto/fips_enabled",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/uptime",
    "/proc/version_signature",
];

/// Over `/proc` goes nothing but itself, and in it only over the listed files.
pub(super) fn check(plan: &MountPlan) -> Result<(), Invalid> {
    let wrong = |reason: String| Err(Invalid::Mount { kind: "bind", reason });
    if plan.target == PROC && !matches!(&plan.source, Source::Bind { path, .. } if path == PROC) {
        return wrong(format!("{PROC} cannot be mounted over by anything but {PROC}"));
    }
    let inside = plan.target.strip_prefix(PROC).is_some_and(|rest| rest.starts_with('/'));
    if inside && !FILES.contains(&plan.target.as_str()) {
        return wrong(format!("{:?} cannot be mounted because it is inside {PROC}", plan.target));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::spec::HostConfig;

    #[test]
    fn only_what_lies_is_listed() {
        let bind = |bind: &str| {
            super::super::plan(&HostConfig { binds: vec![bind.into()], ..HostConfig::default() })
        };
        for wrong in ["/tmp:/proc/version", "/tmp:/proc/1", "/tmp:/proc/self/../2", "/tmp:/proc/sys"] {
            let message = bind(wrong).unwrap_err().to_string();
            assert!(message.contains("it is inside /proc"), "{wrong}: {message}");
        }
        for right in ["/tmp:/proc/uptime", "/tmp:/process", "/proc:/proc"] {
            assert!(bind(right).is_ok(), "{right}");
        }
    }
}
