//! Secrets and configs: proto ↔ model.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_api::Timestamp;
use engine_api::swarm as api;
use swarm_api::pb;

use super::swarm::version;
use crate::failure::Failure;

/// The wishes for one, as the managers take them.
pub(crate) fn spec(spec: api::FileSpec) -> Result<pb::FileSpec, Failure> {
    let data = STANDARD
        .decode(&spec.data)
        .map_err(|error| Failure::invalid(format!("Data is not base64: {error}")))?;
    Ok(pb::FileSpec {
        annotations: Some(pb::Annotations { name: spec.name, labels: spec.labels.into_iter().collect() }),
        data,
        templating: spec.templating.map(|templating| templating.name).unwrap_or_default(),
    })
}

/// A secret, as it is told.
pub(crate) fn secret(secret: pb::Secret) -> api::File {
    let mut told = file(secret.id, secret.meta, secret.spec);
    // The managers do not send it; nor would this pass it on.
    told.spec.data.clear();
    told
}

/// A config, as it is told.
pub(crate) fn config(config: pb::Config) -> api::File {
    file(config.id, config.meta, config.spec)
}

fn file(id: String, meta: Option<pb::Meta>, spec: Option<pb::FileSpec>) -> api::File {
    let (meta, spec) = (meta.unwrap_or_default(), spec.unwrap_or_default());
    let annotations = spec.annotations.unwrap_or_default();
    let templating = api::Templating { name: spec.templating, ..api::Templating::default() };
    api::File {
        id,
        version: version(&meta),
        created_at: Timestamp::from_ns_or_never(meta.created_at_ns),
        updated_at: Timestamp::from_ns_or_never(meta.updated_at_ns),
        spec: api::FileSpec {
            name: annotations.name,
            labels: annotations.labels.into_iter().collect(),
            data: STANDARD.encode(spec.data),
            templating: (!templating.name.is_empty()).then_some(templating),
            ..api::FileSpec::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_in_and_does_not_come_out() {
        let wish = api::FileSpec { name: "key".into(), data: "aHVudGVyMg==".into(), ..Default::default() };
        let spec = spec(wish.clone()).expect("base64");
        assert_eq!(spec.data, b"hunter2");
        let told = secret(pb::Secret { spec: Some(spec.clone()), ..Default::default() });
        assert_eq!((told.spec.name.as_str(), told.spec.data.as_str()), ("key", ""));
        let told = config(pb::Config { spec: Some(spec), ..Default::default() });
        assert_eq!(told.spec, wish);
        assert!(super::spec(api::FileSpec { data: "%".into(), ..Default::default() }).is_err());
    }
}
