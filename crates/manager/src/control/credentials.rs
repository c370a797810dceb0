//! What a service's image is pulled with, across updates.

use swarm_api::pb;
use swarm_api::pb::update_service_request::RegistryAuthFrom;

/// Brings the credentials along with a new specification, as swarmkit does: those of the request; without any those of the
/// specification that the request names. A rollback takes its own with it.
pub(super) fn update(service: &mut pb::Service, request: &pb::UpdateServiceRequest) {
    let previous = service.previous_registry_auth.take();
    let current = service.registry_auth.take();
    let kept = match request.registry_auth_from() {
        _ if request.rollback => previous,
        RegistryAuthFrom::PreviousSpec => previous,
        RegistryAuthFrom::Spec => current.clone(),
    };
    service.registry_auth = request.registry_auth.clone().or(kept);
    service.previous_registry_auth = current;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(header: &str) -> Option<pb::RegistryCredentials> {
        (!header.is_empty()).then(|| pb::RegistryCredentials { header: header.to_owned() })
    }

    #[test]
    fn credentials_follow_the_specification() {
        let updated = |header: &str, from: RegistryAuthFrom, rollback: bool| {
            let mut service = pb::Service {
                registry_auth: auth("new"),
                previous_registry_auth: auth("old"),
                ..Default::default()
            };
            let request = pb::UpdateServiceRequest {
                registry_auth: auth(header),
                registry_auth_from: from.into(),
                rollback,
                ..Default::default()
            };
            update(&mut service, &request);
            assert_eq!(service.previous_registry_auth, auth("new"));
            service.registry_auth
        };
        assert_eq!(updated("", RegistryAuthFrom::Spec, false), auth("new"));
        assert_eq!(updated("", RegistryAuthFrom::PreviousSpec, false), auth("old"));
        assert_eq!(updated("", RegistryAuthFrom::Spec, true), auth("old"));
        assert_eq!(updated("newest", RegistryAuthFrom::PreviousSpec, false), auth("newest"));
    }
}
