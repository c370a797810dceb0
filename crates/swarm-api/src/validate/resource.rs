//! Limits and reservations.

use super::{Invalid, Verdict};
use crate::pb;

const MIN_NANO_CPUS: i64 = 1_000_000;
const MIN_MEMORY_BYTES: i64 = 4 * 1024 * 1024;

pub(super) fn check(requirements: &pb::ResourceRequirements) -> Verdict {
    requirements.limits.iter().chain(&requirements.reservations).try_for_each(check_one)
}

fn check_one(resources: &pb::Resources) -> Verdict {
    if resources.nano_cpus != 0 && resources.nano_cpus < MIN_NANO_CPUS {
        let (cpus, least) = (resources.nano_cpus as f64 / 1e9, MIN_NANO_CPUS as f64 / 1e9);
        return Err(Invalid::new(format!("invalid cpu value {cpus}: Must be at least {least}")));
    }
    if resources.memory_bytes != 0 && resources.memory_bytes < MIN_MEMORY_BYTES {
        return Err(Invalid::new(format!(
            "invalid memory value {}: Must be at least 4MiB",
            resources.memory_bytes
        )));
    }
    if resources.pids < 0 {
        return Err(Invalid::new(format!("invalid pids value {}: Must not be negative", resources.pids)));
    }
    Ok(())
}
