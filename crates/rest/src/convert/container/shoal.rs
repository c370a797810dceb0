//! The object `Shoal` of `HostConfig` ↔ the engine's.

use engine::spec::{HealthProbe, Shoal};
use engine_api::container as api;

use crate::failure::Failure;

/// The API's → the engine's.
pub(super) fn spec(request: api::Shoal) -> Result<Shoal, Failure> {
    let probe = request.health.unwrap_or_default();
    let health = HealthProbe::one_of(probe.http, probe.tcp)?;
    Ok(Shoal { health, restart_on_unhealthy: request.restart_on_unhealthy })
}

/// The engine's → the API's.
pub(super) fn told(shoal: &Shoal) -> api::Shoal {
    let probe = |probe: &HealthProbe| match probe {
        HealthProbe::Http(url) => api::HealthProbe { http: Some(url.clone()), tcp: None },
        HealthProbe::Tcp(address) => api::HealthProbe { http: None, tcp: Some(address.clone()) },
    };
    api::Shoal { health: shoal.health.as_ref().map(probe), restart_on_unhealthy: shoal.restart_on_unhealthy }
}
