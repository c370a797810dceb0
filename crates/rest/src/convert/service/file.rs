//! The secrets and configs of a container: proto ↔ model.

use engine_api::swarm as api;
use swarm_api::pb;

use crate::failure::Failure;

pub(super) fn secret(reference: api::SecretReference) -> Result<pb::FileReference, Failure> {
    let api::SecretReference { file, secret_id, secret_name } = reference;
    referred("secret", file, secret_id, secret_name)
}

pub(super) fn config(reference: api::ConfigReference) -> Result<pb::FileReference, Failure> {
    let api::ConfigReference { file, runtime, config_id, config_name } = reference;
    if runtime.is_some() {
        return Err(Failure::invalid(format!(
            "Configs.Runtime of the config {config_name}: credential specs are supported on Windows only"
        )));
    }
    referred("config", file, config_id, config_name)
}

fn referred(
    what: &str,
    target: Option<api::FileTarget>,
    id: String,
    name: String,
) -> Result<pb::FileReference, Failure> {
    let Some(target) = target else {
        return Err(Failure::invalid(format!("malformed {what} reference, no target provided")));
    };
    Ok(pb::FileReference {
        id,
        name,
        target: target.name,
        uid: target.uid,
        gid: target.gid,
        mode: target.mode,
    })
}

pub(super) fn told_secret(reference: pb::FileReference) -> api::SecretReference {
    let (secret_id, secret_name) = (reference.id.clone(), reference.name.clone());
    api::SecretReference { file: Some(told(reference)), secret_id, secret_name }
}

pub(super) fn told_config(reference: pb::FileReference) -> api::ConfigReference {
    let (config_id, config_name) = (reference.id.clone(), reference.name.clone());
    api::ConfigReference {
        file: Some(told(reference)),
        config_id,
        config_name,
        ..api::ConfigReference::default()
    }
}

fn told(reference: pb::FileReference) -> api::FileTarget {
    let pb::FileReference { target, uid, gid, mode, .. } = reference;
    api::FileTarget { name: target, uid, gid, mode }
}
