//! Which services a list shows.

use engine_api::Filters;
use swarm_api::{default, pb};

use super::{known, label, passes};
use crate::convert;
use crate::failure::Failure;

const NAMES: [&str; 5] = ["id", "label", "mode", "name", "runtime"];
const MODES: [&str; 4] = ["replicated", "global", "replicated-job", "global-job"];

/// Filters of the list of services.
#[derive(Debug)]
pub(crate) struct Filter(Filters);

impl Filter {
    pub(crate) fn new(filters: Filters) -> Result<Self, Failure> {
        known(&filters, &NAMES)?;
        if let Some(mode) = filters.get("mode").iter().find(|mode| !MODES.contains(&mode.as_str())) {
            return Err(Failure::invalid(format!("invalid filter 'mode={mode}'")));
        }
        Ok(Self(filters))
    }

    /// What the managers are asked, so that they need not send every service.
    pub(crate) fn request(&self, status: bool) -> pb::ListServicesRequest {
        pb::ListServicesRequest {
            ids: self.0.get("id").to_vec(),
            names: self.0.get("name").to_vec(),
            status,
            ..pb::ListServicesRequest::default()
        }
    }

    /// Whether the list shows a service. Every service is made of containers.
    pub(crate) fn shows(&self, service: &pb::Service) -> bool {
        let annotations = service.spec.as_ref().and_then(|spec| spec.annotations.as_ref());
        let name = annotations.map_or("", |annotations| annotations.name.as_str());
        let value =
            |name: &str| annotations.and_then(|annotations| annotations.labels.get(name)).map(String::as_str);
        let mode = service.spec.as_ref().map_or("", |spec| convert::service::mode_word(default::mode(spec)));
        passes(self.0.get("id"), |wish| service.id.starts_with(wish.as_str()))
            && passes(self.0.get("name"), |wish| name.starts_with(wish.as_str()))
            && passes(self.0.get("mode"), |wish| wish == mode)
            && passes(self.0.get("runtime"), |wish| wish == "container")
            && self.0.get("label").iter().all(|wish| label::fits_one(wish, value))
    }
}
