//! Changing limits and the restart policy of a container that exists, at once where it runs.

use super::task::{Phase, Task};
use crate::cgroup::scope_of;
use crate::error::{Error, Result};
use crate::oci;
use crate::plan;
use crate::record::Status;
use crate::restart::{self, Ended};
use crate::spec::{
    HostConfig, Invalid, NetworkMode, Resources, RestartCondition, RestartPolicy, Update, update,
};
use runtime::cgroup::Cgroup;
use runtime::cgroup::systemd::Systemd;
use runtime::oci::LinuxResources;
use std::time::Duration;

impl Task {
    /// Checks everything, tells the kernel, then writes it down; a daemon that dies in between has promised nothing.
    pub(super) async fn update(&mut self, wanted: Update) -> Result<Vec<String>> {
        let host = &self.record.spec.host;
        let refused = |reason| Error::Update { id: self.record.id.clone(), reason };
        if matches!(self.record.state.status, Status::Removing | Status::Dead) {
            return Err(refused("Container is marked for removal and cannot be \"update\"."));
        }
        if let Some(policy) = &wanted.restart_policy {
            check_policy(policy)?;
            if host.auto_remove && policy.name != RestartCondition::No {
                return Err(refused(
                    "Restart policy cannot be updated because AutoRemove is enabled for the container",
                ));
            }
        }
        let mut warnings = Vec::new();
        let possible = self.possible(wanted.resources, &mut warnings)?;
        let updated = update(&host.resources, &possible).map_err(refused)?;
        limits(&updated.all, &mut warnings)?;
        if matches!(self.phase, Phase::Running(_)) && updated.changed != Resources::default() {
            self.tell_kernel(&updated.changed).await?;
        }
        self.record.spec.host.resources = updated.all;
        self.rearm();
        if let Some(policy) = wanted.restart_policy {
            self.record.spec.host.restart_policy = policy;
            self.reconsider_restart();
        }
        self.save_now().await?;
        self.shared.publish(&self.record, "update", &[]);
        Ok(warnings)
    }

    /// Those of the new limits that this machine has; a warning for each other.
    fn possible(&self, wanted: Resources, warnings: &mut Vec<String>) -> Result<Resources> {
        // Without a network there is nothing else to warn of.
        let network_mode = NetworkMode::None;
        let mut asked = HostConfig { resources: wanted, network_mode, ..HostConfig::default() };
        self.shared.machine.judge(&mut asked, warnings)?;
        Ok(asked.resources)
    }

    async fn tell_kernel(&self, changed: &Resources) -> Result<()> {
        let limits = limits(changed, &mut Vec::new())?;
        let scope = scope_of(&self.shared.config, &self.record.id);
        let update = move |cgroup: &Cgroup| {
            cgroup.update(&limits)?;
            // What systemd does not know it takes back one day.
            scope.map_or(Ok(()), |scope| Systemd::of_machine()?.update(&scope, &limits))
        };
        self.on_cgroup("update: write limits", update).await
    }

    /// A container that waits to be started again does not, if its new policy says so.
    fn reconsider_restart(&mut self) {
        let ended = Ended {
            exit_code: self.record.state.exit_code,
            manually_stopped: self.record.manually_stopped,
            restarts: self.record.restart_count,
            ran: Duration::ZERO,
        };
        if matches!(self.phase, Phase::Waiting { .. })
            && !restart::after_exit(&self.record.spec.host.restart_policy, &ended)
        {
            self.phase = Phase::Idle;
            self.record.state.status = Status::Exited;
        }
    }
}

/// In the words of the runtime.
fn limits(wanted: &Resources, warnings: &mut Vec<String>) -> Result<LinuxResources> {
    let mut limits = plan::resources(wanted, warnings)?;
    oci::limit_blocks(wanted, &mut limits)?;
    Ok(limits)
}

fn check_policy(policy: &RestartPolicy) -> Result<(), Invalid> {
    if policy.maximum_retry_count > 0 && policy.name != RestartCondition::OnFailure {
        return Err(Invalid::RetryCount);
    }
    Ok(())
}
