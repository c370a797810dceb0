//! `POST /containers/create`.

use ::http::StatusCode;
use engine_api::container::{ContainerCreateRequest, ContainerCreateResponse, CreateQuery};

use engine::spec::NetworkMode;

use crate::convert;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::Call;
use crate::machine::go_architecture;
use crate::route::network::refuse_swarms;

pub(super) async fn create(call: Call<CreateQuery, Json<ContainerCreateRequest>>) -> Outcome {
    check_platform(&call.query.platform, &call.body.0.image)?;
    let mut warnings = convert::container::warnings(&call.body.0);
    let spec = convert::container::spec(&call.query.name, call.body.0, call.version)?;
    if let NetworkMode::Named(name) = &spec.host.network_mode {
        let mut named: Vec<&str> = spec.networks.keys().map(String::as_str).collect();
        named.push(name);
        refuse_swarms(&call.api, &named).await?;
    }
    let created = call.api.containers.create(spec).await?;
    warnings.extend(created.warnings);
    let response = ContainerCreateResponse { id: created.id, warnings };
    Answer::json_with(StatusCode::CREATED, &response)
}

/// Only this machine's own platform can run here. A mismatch is "not found", since clients then pull the image for the
/// platform they asked for, and try again.
fn check_platform(platform: &str, image: &str) -> Result<(), Failure> {
    let mut parts = platform.split('/');
    let os = parts.next().unwrap_or_default();
    let architecture = parts.next().unwrap_or_default();
    let own = go_architecture();
    if (os.is_empty() || os == "linux") && (architecture.is_empty() || architecture == own) {
        return Ok(());
    }
    Err(Failure::not_found(format!(
        "image with reference {image} was found but its platform (linux/{own}) does not match the specified platform \
         ({platform})"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_platform() {
        assert!(check_platform("", "x").is_ok() && check_platform("linux", "x").is_ok());
        assert!(check_platform(&format!("linux/{}", go_architecture()), "x").is_ok());
        assert!(
            check_platform("windows/amd64", "x").is_err() && check_platform("linux/riscv64", "x").is_err()
        );
    }
}
