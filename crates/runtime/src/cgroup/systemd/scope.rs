//! A scope for a container that is about to be cloned.

use super::{Inside, Systemd, Unit};
use crate::Result;
use crate::oci::Spec;

/// The scope that `linux.cgroupsPath` names in systemd's form. The specification gets the path of its cgroup instead.
///
/// # Errors
/// If it has another form, or names that are none.
pub fn unit_of(spec: &mut Spec, id: &str) -> Result<Unit> {
    let mut linux = spec.linux().clone().unwrap_or_default();
    let unit = Unit::parse(linux.cgroups_path().as_deref(), id)?;
    linux.set_cgroups_path(Some(unit.path()?));
    spec.set_linux(Some(linux));
    Ok(unit)
}

/// A scope that holds this process, for a container to be cloned in. It ends when this is dropped, unless it is left to
/// the container.
#[derive(Debug)]
pub struct Scope {
    systemd: Systemd,
    unit: Unit,
    inside: Option<Inside>,
}

impl Scope {
    /// Makes it, with the limits of `spec` that systemd has to know.
    ///
    /// # Errors
    /// As [`Systemd::enter`].
    pub fn enter(unit: Unit, spec: &Spec) -> Result<Scope> {
        let systemd = Systemd::of_machine()?;
        let resources = spec.linux().as_ref().and_then(|linux| linux.resources().clone()).unwrap_or_default();
        let inside = Some(systemd.enter(&unit, &resources)?);
        Ok(Scope { systemd, unit, inside })
    }

    /// The container has been cloned: this process goes home.
    pub fn leave_to_container(mut self) {
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
