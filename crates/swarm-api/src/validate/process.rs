//! What the processes of a task may do, and how they are watched.

use std::time::Duration;

use super::{Invalid, Verdict};
use crate::{default, pb};

/// The largest profile of system calls, in bytes: every task carries it.
const MAX_SECCOMP_BYTES: usize = 256 << 10;
/// The bounds of the kernel's `oom_score_adj`.
const OOM_SCORES: std::ops::RangeInclusive<i32> = -1000..=1000;
/// The shortest time of a health check, as Docker has it.
const MIN_HEALTH_TIME: Duration = Duration::from_millis(1);
/// What processes can be limited in, from getrlimit(2) as Docker spells it.
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

pub(super) fn check(container: &pb::ContainerSpec) -> Verdict {
    if !OOM_SCORES.contains(&container.oom_score_adj) {
        return Err(Invalid::new(format!(
            "Invalid value {}, range for oom score adj is [-1000, 1000]",
            container.oom_score_adj
        )));
    }
    container
        .capability_add
        .iter()
        .chain(&container.capability_drop)
        .try_for_each(|name| capability(name))?;
    container.ulimits.iter().try_for_each(ulimit)?;
    if let Some(key) = container.sysctls.keys().find(|key| !is_sysctl(key)) {
        return Err(Invalid::new(format!("ContainerSpec: invalid sysctl {key:?}")));
    }
    if container.groups.iter().any(|group| group.trim().is_empty()) {
        return Err(Invalid::new("ContainerSpec: the name of a group is empty"));
    }
    let profile = container.privileges.as_ref().map_or(0, |privileges| privileges.seccomp_profile.len());
    if profile > MAX_SECCOMP_BYTES {
        return Err(Invalid::new(format!(
            "ContainerSpec: the seccomp profile has {profile} bytes, at most {MAX_SECCOMP_BYTES} are allowed"
        )));
    }
    container.healthcheck.as_ref().map_or(Ok(()), health)
}

/// Whether such a capability exists is the kernel's matter; this is whether it can be the name of one.
fn capability(name: &str) -> Verdict {
    let is_word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if is_word { Ok(()) } else { Err(Invalid::new(format!("ContainerSpec: invalid capability: {name:?}"))) }
}

fn ulimit(limit: &pb::Ulimit) -> Verdict {
    if !ULIMITS.contains(&limit.name.as_str()) {
        return Err(Invalid::new(format!("invalid ulimit type: {}", limit.name)));
    }
    // No limit is the largest number there is.
    let rank = |value: i64| if value == -1 { i64::MAX } else { value };
    if limit.soft < -1 || limit.hard < -1 || rank(limit.soft) > rank(limit.hard) {
        return Err(Invalid::new(format!(
            "ulimit soft limit must be less than or equal to hard limit: {} > {}",
            limit.soft, limit.hard
        )));
    }
    Ok(())
}

fn is_sysctl(key: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    !key.is_empty() && key.bytes().all(allowed) && !key.contains("..")
}

/// Zero stands for the default, and is none of the times that are too short.
fn health(check: &pb::Healthcheck) -> Verdict {
    let times = [
        ("Interval", check.interval_ns),
        ("Timeout", check.timeout_ns),
        ("StartPeriod", check.start_period_ns),
        ("StartInterval", check.start_interval_ns),
    ];
    for (name, nanos) in times {
        if nanos != 0 && default::duration(nanos) < MIN_HEALTH_TIME {
            return Err(Invalid::new(format!(
                "ContainerSpec: {name} in HealthConfig cannot be less than {MIN_HEALTH_TIME:?}"
            )));
        }
    }
    if check.retries < 0 {
        return Err(Invalid::new("ContainerSpec: Retries in HealthConfig cannot be negative"));
    }
    Ok(())
}
