//! Compares a spec with what the machine can do. Pure.

use super::Machine;
use super::cpuset::NumberSet;
use crate::spec::{HostConfig, Invalid, NetworkMode, Resources};

const NANO: i64 = 1_000_000_000;

impl Machine {
    /// Takes from the spec what this kernel does not have, with a warning for each, in Docker's words.
    ///
    /// # Errors
    /// What Docker refuses: processors and memory nodes that are not there, real-time budgets without the kernel's.
    pub(crate) fn judge(&self, host: &mut HostConfig, warnings: &mut Vec<String>) -> Result<(), Invalid> {
        self.memory(&mut host.resources, warnings);
        self.cpu(&mut host.resources, warnings)?;
        self.cpusets(&mut host.resources, warnings)?;
        self.block_io(&mut host.resources, warnings);
        let routed = !matches!(host.network_mode, NetworkMode::Host | NetworkMode::None);
        if routed && !self.ipv4_forwarding {
            warnings.push("IPv4 forwarding is disabled. Networking will not work.".to_owned());
        }
        Ok(())
    }

    fn memory(&self, wanted: &mut Resources, warnings: &mut Vec<String>) {
        let mut without = |has: bool, asked: bool, what: &str| {
            let lacking = asked && !has;
            if lacking {
                warnings.push(format!("Your kernel does not support {what}"));
            }
            lacking
        };
        let limit = "memory limit capabilities or the cgroup is not mounted. Limitation discarded.";
        if without(self.memory, wanted.memory > 0, limit) {
            (wanted.memory, wanted.memory_swap) = (0, -1);
        }
        let swap = "swap limit capabilities or the cgroup is not mounted. Memory limited without swap.";
        if without(self.swap, wanted.memory > 0 && wanted.memory_swap != -1, swap) {
            wanted.memory_swap = -1;
        }
        let swappiness =
            "memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.";
        if without(self.swappiness, wanted.memory_swappiness.is_some(), swappiness) {
            wanted.memory_swappiness = None;
        }
        let soft = "memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.";
        if without(self.reservation, wanted.memory_reservation > 0, soft) {
            wanted.memory_reservation = 0;
        }
        // Deprecated in Linux 5.4, without effect since 5.11: no kernel we run on has it.
        let kernel = "kernel memory limit capabilities or the cgroup is not mounted. Limitation discarded.";
        if without(false, wanted.kernel_memory > 0, kernel) {
            wanted.kernel_memory = 0;
        }
        if without(
            self.oom_kill_disable,
            wanted.oom_kill_disable,
            "OomKillDisable. OomKillDisable discarded.",
        ) {
            wanted.oom_kill_disable = false;
        }
        let pids = "PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.";
        if without(self.pids, wanted.pids_limit.is_some_and(|limit| limit > 0), pids) {
            wanted.pids_limit = None;
        }
    }

    fn cpu(&self, wanted: &mut Resources, warnings: &mut Vec<String>) -> Result<(), Invalid> {
        if wanted.nano_cpus > 0 && !self.quota {
            return Err(Invalid::Kernel(
                "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
            ));
        }
        let online = i64::try_from(self.cpus.len()).unwrap_or(i64::MAX);
        if wanted.nano_cpus < 0 || wanted.nano_cpus > online.saturating_mul(NANO) {
            return Err(Invalid::NanoCpus(online));
        }
        if wanted.cpu_shares > 0 && !self.shares {
            let text =
                "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.";
            warnings.push(text.to_owned());
            wanted.cpu_shares = 0;
        }
        if (wanted.cpu_period, wanted.cpu_quota) != (0, 0) && !self.quota {
            let text = "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.";
            warnings.push(text.to_owned());
            (wanted.cpu_period, wanted.cpu_quota) = (0, 0);
        }
        if (wanted.cpu_realtime_period, wanted.cpu_realtime_runtime) != (0, 0) && !self.realtime {
            return Err(Invalid::Kernel("Your kernel does not support CPU real-time scheduler"));
        }
        Ok(())
    }

    fn cpusets(&self, wanted: &mut Resources, warnings: &mut Vec<String>) -> Result<(), Invalid> {
        let asked = !wanted.cpuset_cpus.is_empty() || !wanted.cpuset_mems.is_empty();
        if asked && !self.cpuset {
            let text = "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.";
            warnings.push(text.to_owned());
            wanted.cpuset_cpus.clear();
            wanted.cpuset_mems.clear();
        }
        for (text, online, what, short) in [
            (&wanted.cpuset_cpus, &self.cpus, "CPUs", "cpuset cpus"),
            (&wanted.cpuset_mems, &self.nodes, "memory nodes", "cpuset mems"),
        ] {
            if text.is_empty() {
                continue;
            }
            let asked: NumberSet =
                text.parse().map_err(|_| Invalid::Cpuset { what: short, value: text.clone() })?;
            if !online.contains_all(&asked) {
                let available = online.to_string();
                return Err(Invalid::CpusetAbsent { what, asked: text.clone(), available });
            }
        }
        Ok(())
    }

    fn block_io(&self, wanted: &mut Resources, warnings: &mut Vec<String>) {
        let mut without = |has: bool, asked: bool, what: &str| {
            let lacking = asked && !has;
            if lacking {
                warnings.push(format!("Your kernel does not support {what}"));
            }
            lacking
        };
        let weight = "Block I/O weight or the cgroup is not mounted. Weight discarded.";
        if without(self.block_weight, wanted.blkio_weight > 0, weight) {
            wanted.blkio_weight = 0;
        }
        let weights = "Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.";
        if without(self.block_weight, !wanted.blkio_weight_devices.is_empty(), weights) {
            wanted.blkio_weight_devices.clear();
        }
        for (rates, what) in [
            (
                &mut wanted.blkio_read_bps,
                "BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded.",
            ),
            (
                &mut wanted.blkio_write_bps,
                "BPS Block I/O write limit or the cgroup is not mounted. Block I/O BPS write limit discarded.",
            ),
            (
                &mut wanted.blkio_read_iops,
                "IOPS Block read limit or the cgroup is not mounted. Block I/O IOPS read limit discarded.",
            ),
            (
                &mut wanted.blkio_write_iops,
                "IOPS Block write limit or the cgroup is not mounted. Block I/O IOPS write limit discarded.",
            ),
        ] {
            if without(self.block_rates, !rates.is_empty(), what) {
                rates.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::DeviceRate;

    fn able() -> Machine {
        Machine {
            cpus: "0-1".parse().unwrap(),
            nodes: "0".parse().unwrap(),
            memory: true,
            swap: true,
            quota: true,
            cpuset: true,
            ipv4_forwarding: true,
            ..Machine::default()
        }
    }

    fn judged(resources: Resources) -> Result<(Resources, Vec<String>), Invalid> {
        let mut host = HostConfig { resources, ..HostConfig::default() };
        let mut warnings = Vec::new();
        able().judge(&mut host, &mut warnings)?;
        Ok((host.resources, warnings))
    }

    #[test]
    fn what_the_kernel_lacks_is_discarded_with_a_warning() {
        let rate = vec![DeviceRate { path: "/dev/sda".into(), rate: 1 }];
        let wanted = Resources {
            memory: 64 << 20,
            memory_swappiness: Some(5),
            kernel_memory: 1 << 30,
            oom_kill_disable: true,
            pids_limit: Some(5),
            cpu_shares: 5,
            blkio_weight: 500,
            blkio_read_bps: rate.clone(),
            blkio_write_iops: rate,
            ..Resources::default()
        };
        let (left, warnings) = judged(wanted).unwrap();
        assert_eq!(left, Resources { memory: 64 << 20, ..Resources::default() });
        assert_eq!(warnings.len(), 8, "{warnings:?}");
        assert!(warnings.iter().all(|warning| warning.starts_with("Your kernel does not support ")));
    }

    #[test]
    fn what_is_not_there_is_refused_in_dockers_words() {
        for (wanted, words) in [
            (
                Resources { cpuset_cpus: "99".into(), ..Resources::default() },
                "Requested CPUs are not available - requested 99, available: 0-1",
            ),
            (
                Resources { cpuset_cpus: "3-1".into(), ..Resources::default() },
                "Invalid value 3-1 for cpuset cpus: invalid format: 3-1",
            ),
            (
                Resources { cpuset_mems: "9".into(), ..Resources::default() },
                "Requested memory nodes are not available - requested 9, available: 0",
            ),
            (
                Resources { nano_cpus: 200 * NANO, ..Resources::default() },
                "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
            ),
            (
                Resources { cpu_realtime_runtime: 1, ..Resources::default() },
                "Your kernel does not support CPU real-time scheduler",
            ),
        ] {
            assert_eq!(judged(wanted).unwrap_err().to_string(), words);
        }
    }
}
