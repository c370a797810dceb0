//! `--systemd-cgroup`: the container's cgroup as a scope of systemd's.

use runtime::cgroup::systemd::{Inside, Systemd, Unit};
use runtime::oci::Spec;

use crate::failure::Outcome;

/// The scope that `cgroupsPath` names. The specification gets the path of its cgroup instead.
pub(crate) fn unit(spec: &mut Spec, id: &str) -> Outcome<Unit> {
    let linux = spec.linux().clone().unwrap_or_default();
    let unit = Unit::parse(linux.cgroups_path().as_deref(), id)?;
    let mut linux = linux;
    linux.set_cgroups_path(Some(unit.path()?));
    spec.set_linux(Some(linux));
    Ok(unit)
}

/// A scope that holds this process, for a container to be cloned in. It ends when this is dropped, unless it is left to
/// the container.
#[derive(Debug)]
pub(crate) struct Scope {
    systemd: Systemd,
    unit: Unit,
    inside: Option<Inside>,
}

impl Scope {
    pub(crate) fn enter(unit: Unit, spec: &Spec) -> Outcome<Scope> {
        let systemd = Systemd::of_machine()?;
        let resources = spec.linux().as_ref().and_then(|linux| linux.resources().clone()).unwrap_or_default();
        let inside = Some(systemd.enter(&unit, &resources)?);
        Ok(Scope { systemd, unit, inside })
    }

    /// This process goes home.
    pub(crate) fn leave_to_container(mut self) {
        if let Some(inside) = self.inside.take() {
            inside.leave();
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if let Some(inside) = self.inside.take() {
            inside.leave();
            // The first error is told; a scope without processes ends by itself.
            let _ = self.systemd.stop(self.unit.name());
        }
    }
}
