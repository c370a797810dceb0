//! `POST /containers/create`.

use ::http::StatusCode;
use engine_api::container::{ContainerCreateRequest, ContainerCreateResponse, CreateQuery};

use crate::convert;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::Call;
use crate::machine::go_architecture;

pub(super) async fn create(call: Call<CreateQuery, Json<ContainerCreateRequest>>) -> Outcome {
    check_platform(&call.query.platform)?;
    let mut warnings = convert::container::warnings(&call.body.0);
    let spec = convert::container::spec(&call.query.name, call.body.0)?;
    let created = call.api.containers.create(spec).await?;
    warnings.extend(created.warnings);
    let response = ContainerCreateResponse { id: created.id, warnings };
    Answer::json_with(StatusCode::CREATED, &response)
}

/// Only this machine's own platform can run here.
fn check_platform(platform: &str) -> Result<(), Failure> {
    let mut parts = platform.split('/');
    let os = parts.next().unwrap_or_default();
    let architecture = parts.next().unwrap_or_default();
    let own = go_architecture();
    if (os.is_empty() || os == "linux") && (architecture.is_empty() || architecture == own) {
        return Ok(());
    }
    Err(Failure::missing(format_args!("platform {platform:?}: another than this machine's (linux/{own})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_platform() {
        assert!(check_platform("").is_ok() && check_platform("linux").is_ok());
        assert!(check_platform(&format!("linux/{}", go_architecture())).is_ok());
        assert!(check_platform("windows/amd64").is_err() && check_platform("linux/riscv64").is_err());
    }
}
