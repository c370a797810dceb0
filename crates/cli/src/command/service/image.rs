//! The image of a service, pinned to what its name means now, so that every node runs the same.
//!
//! As Docker's client does it: the daemon is asked what the registry has under the name, and the digest and the platforms go
//! into the specification. Where that cannot be had, a warning says so and the name goes as it is.

use std::time::Duration;

use engine_api::registry::{DistributionInspect, DistributionPlatform};
use serde_json::{Value, json};

use super::spec::at;
use crate::client::{Client, Request, encode_path};
use crate::console;
use crate::error::Error;
use crate::registry;

/// How long a registry may take: a service must come about without it too.
const PATIENCE: Duration = Duration::from_secs(3);

/// Pins the specification's image, unless it is pinned already.
pub(super) async fn resolve(client: &Client, spec: &mut Value) {
    let image = at(spec, &["TaskTemplate", "ContainerSpec", "Image"]).as_str().unwrap_or_default().to_owned();
    if image.contains('@') {
        return;
    }
    match tokio::time::timeout(PATIENCE, look(client, &image)).await {
        Ok(Ok(found)) => pin(spec, &image, &found),
        Ok(Err(_)) | Err(_) => console::note(&unresolved(&image)),
    }
}

async fn look(client: &Client, image: &str) -> Result<DistributionInspect, Error> {
    let auth = registry::header_for(client.config(), image).await?;
    let request = Request::get(&format!("/distribution/{}/json", encode_path(image)));
    client.json(request.header_some(registry::HEADER, Some(&auth))).await
}

fn pin(spec: &mut Value, image: &str, found: &DistributionInspect) {
    let tagged = if has_tag(image) { image.to_owned() } else { format!("{image}:latest") };
    *at(spec, &["TaskTemplate", "ContainerSpec", "Image"]) =
        json!(format!("{tagged}@{}", found.descriptor.digest));
    if !found.platforms.is_empty() {
        let platforms: Vec<Value> = found.platforms.iter().map(platform).collect();
        *at(spec, &["TaskTemplate", "Placement", "Platforms"]) = json!(platforms);
    }
}

/// Of ARM images every variant is taken to run on every ARM machine, as by Docker's client.
fn platform(platform: &DistributionPlatform) -> Value {
    let architecture = match platform.architecture.to_ascii_lowercase().as_str() {
        "arm" => "",
        _ => &platform.architecture,
    };
    json!({"Architecture": architecture, "OS": platform.os})
}

fn has_tag(image: &str) -> bool {
    image.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

/// In the words of Docker's client.
fn unresolved(image: &str) -> String {
    format!(
        "image {image} could not be accessed on a registry to record\nits digest. Each node will access {image} independently,\n\
         possibly leading to different nodes running different\nversions of the image.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_digest_and_platforms() {
        let found = |architecture: &str| DistributionInspect {
            descriptor: engine_api::registry::DistributionDescriptor {
                digest: "sha256:00".to_owned(),
                ..Default::default()
            },
            platforms: vec![DistributionPlatform {
                architecture: architecture.to_owned(),
                os: "linux".to_owned(),
                ..Default::default()
            }],
        };
        for (image, want) in [("r:5000/a", "r:5000/a:latest@sha256:00"), ("a:1", "a:1@sha256:00")] {
            let mut spec = json!({});
            pin(&mut spec, image, &found("amd64"));
            let want = json!({"ContainerSpec": {"Image": want}, "Placement": {"Platforms": [{"Architecture": "amd64", "OS": "linux"}]}});
            assert_eq!(spec["TaskTemplate"], want);
        }
        assert_eq!(platform(&found("arm").platforms[0])["Architecture"], "");
    }
}
