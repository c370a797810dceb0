//! Limits and reservations.

use super::{Invalid, Verdict};
use crate::pb;

const MIN_NANO_CPUS: i64 = 1_000_000;
const MIN_MEMORY_BYTES: i64 = 4 * 1024 * 1024;

pub(super) fn check(requirements: &pb::ResourceRequirements) -> Verdict {
    requirements.limits.iter().chain(&requirements.reservations).try_for_each(check_one)?;
    requirements.generic_reservations.iter().try_for_each(generic)?;
    let memory =
        |resources: &Option<pb::Resources>| resources.as_ref().map_or(0, |resources| resources.memory_bytes);
    let (limit, reservation) = (memory(&requirements.limits), memory(&requirements.reservations));
    if limit != 0 && reservation > limit {
        return Err(Invalid::new(
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ));
    }
    if let Some(swap) = requirements.swap_bytes {
        if swap < -1 {
            return Err(Invalid::new(format!(
                "invalid swap value {swap}: want -1 for unlimited swap, or more"
            )));
        }
        if requirements.limits.is_none_or(|limits| limits.memory_bytes == 0) {
            return Err(Invalid::new(
                "invalid swap value: SwapBytes can only be used together with a memory limit",
            ));
        }
    }
    match requirements.memory_swappiness {
        Some(value) if !(-1..=100).contains(&value) => Err(Invalid::new(format!(
            "invalid memory-swappiness value {value}: valid memory swappiness range is 0-100, -1 unsets it"
        ))),
        _ => Ok(()),
    }
}

/// Tasks ask for a number; which of the named things they get is decided for them.
fn generic(resource: &pb::GenericResource) -> Verdict {
    let is_kind =
        |kind: &str| !kind.is_empty() && !kind.contains(|c: char| c.is_whitespace() || "=,".contains(c));
    if !is_kind(&resource.kind) || !resource.value.is_empty() || resource.count <= 0 {
        return Err(Invalid::new(format!("invalid argument for resource {}", resource.kind)));
    }
    Ok(())
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
