//! What a device changes in a container's OCI configuration.

use super::spec::{Edits, Hook, Mount, Node};
use crate::error::{Error, Result};
use crate::oci;
use crate::spec::Invalid;
use runtime::oci::{HookBuilder, LinuxDeviceCgroup, LinuxDeviceType, Mount as OciMount, Spec};

/// Adds the edits to `spec`.
///
/// # Errors
/// If a device of the host is none, or the runtime cannot do what is wanted.
pub(super) fn apply(edits: &Edits, spec: &mut Spec) -> Result<()> {
    if edits.intel_rdt.is_some() || !edits.net_devices.is_empty() {
        return Err(Error::NotImplemented("a CDI device with intelRdt or netDevices"));
    }
    for entry in &edits.env {
        variable(entry, spec)?;
    }
    for node in &edits.device_nodes {
        device(node, spec)?;
    }
    for mount in &edits.mounts {
        let mut mounts = spec.mounts().clone().unwrap_or_default();
        mounts.push(oci_mount(mount)?);
        spec.set_mounts(Some(mounts));
    }
    for wanted in &edits.hooks {
        hook(wanted, spec)?;
    }
    if !edits.additional_gids.is_empty()
        && let Some(process) = spec.process_mut()
    {
        let mut user = process.user().clone();
        let mut groups = user.additional_gids().clone().unwrap_or_default();
        // Root's own group says nothing, as in the reference implementation.
        groups.extend(edits.additional_gids.iter().filter(|gid| **gid != 0));
        user.set_additional_gids(Some(groups));
        process.set_user(user);
    }
    Ok(())
}

fn wrong(reason: String) -> Error {
    Invalid::Cdi(reason).into()
}

fn variable(entry: &str, spec: &mut Spec) -> Result<()> {
    let Some((name, _)) = entry.split_once('=').filter(|(name, _)| !name.is_empty()) else {
        return Err(wrong(format!("invalid environment variable {entry:?}")));
    };
    if let Some(process) = spec.process_mut() {
        let mut env = process.env().clone().unwrap_or_default();
        env.retain(|old| old.split('=').next() != Some(name));
        env.push(entry.to_owned());
        process.set_env(Some(env));
    }
    Ok(())
}

fn device(wanted: &Node, spec: &mut Spec) -> Result<()> {
    let source = if wanted.host_path.as_os_str().is_empty() { &wanted.path } else { &wanted.host_path };
    if !wanted.path.is_absolute() || !source.is_absolute() {
        return Err(wrong(format!("invalid device node {:?}: want an absolute path", wanted.path)));
    }
    let Some(linux) = spec.linux_mut() else { return Ok(()) };
    let missing = || wrong(format!("failed to stat CDI host device {:?}: no such device", source.display()));
    let mut node = match (oci::device_node(source, &wanted.path), wanted.kind.as_str()) {
        (Some(node), _) => node,
        (None, "") => return Err(missing()),
        (None, _) => {
            let mut node = runtime::oci::LinuxDevice::default();
            node.set_path(wanted.path.clone());
            node
        }
    };
    let kind = match wanted.kind.as_str() {
        "" => node.typ(),
        "c" => LinuxDeviceType::C,
        "u" => LinuxDeviceType::U,
        "b" => LinuxDeviceType::B,
        "p" => LinuxDeviceType::P,
        other => return Err(wrong(format!("device {:?}, invalid type {other:?}", wanted.path))),
    };
    if !wanted.permissions.chars().all(|letter| "rwm".contains(letter)) {
        return Err(wrong(format!("device {:?}, invalid permissions {:?}", wanted.path, wanted.permissions)));
    }
    node.set_typ(kind);
    if wanted.major > 0 {
        node.set_major(wanted.major).set_minor(wanted.minor);
    }
    if let Some(mode) = wanted.file_mode {
        node.set_file_mode(Some(mode));
    }
    let (uid, gid) = (wanted.uid.or(node.uid()), wanted.gid.or(node.gid()));
    node.set_uid(uid).set_gid(gid);
    if kind != LinuxDeviceType::P {
        let access = if wanted.permissions.is_empty() { "rwm" } else { &wanted.permissions };
        let mut rule = LinuxDeviceCgroup::default();
        rule.set_allow(true)
            .set_typ(Some(kind))
            .set_major(Some(node.major()))
            .set_minor(Some(node.minor()))
            .set_access(Some(access.to_owned()));
        let mut resources = linux.resources().clone().unwrap_or_default();
        let mut rules = resources.devices().clone().unwrap_or_default();
        rules.push(rule);
        resources.set_devices(Some(rules));
        linux.set_resources(Some(resources));
    }
    let mut nodes = linux.devices().clone().unwrap_or_default();
    nodes.retain(|known| known.path() != node.path());
    nodes.push(node);
    linux.set_devices(Some(nodes));
    Ok(())
}

fn oci_mount(wanted: &Mount) -> Result<OciMount> {
    if !wanted.container_path.is_absolute() || wanted.host_path.as_os_str().is_empty() {
        return Err(wrong(format!("invalid mount of {:?} on {:?}", wanted.host_path, wanted.container_path)));
    }
    let kind = if wanted.kind.is_empty() { "bind" } else { &wanted.kind };
    let mut options = wanted.options.clone();
    if kind == "bind" && !options.iter().any(|option| option == "bind" || option == "rbind") {
        options.push("rbind".to_owned());
    }
    let mut mount = OciMount::default();
    mount
        .set_destination(wanted.container_path.clone())
        .set_typ(Some(kind.to_owned()))
        .set_source(Some(wanted.host_path.clone()))
        .set_options(Some(options));
    Ok(mount)
}

fn hook(wanted: &Hook, spec: &mut Spec) -> Result<()> {
    let invalid = |reason: &str| wrong(format!("invalid hook {:?}: {reason}", wanted.hook_name));
    if !wanted.path.is_absolute() {
        return Err(invalid("want an absolute path"));
    }
    let mut builder = HookBuilder::default().path(&wanted.path);
    if !wanted.args.is_empty() {
        builder = builder.args(wanted.args.clone());
    }
    if !wanted.env.is_empty() {
        builder = builder.env(wanted.env.clone());
    }
    if let Some(seconds) = wanted.timeout {
        builder = builder.timeout(seconds);
    }
    let hook = builder.build().map_err(|error| invalid(&error.to_string()))?;
    let mut hooks = spec.hooks().clone().unwrap_or_default();
    let add = |list: &Option<Vec<runtime::oci::Hook>>| {
        let mut list = list.clone().unwrap_or_default();
        list.push(hook.clone());
        Some(list)
    };
    match wanted.hook_name.as_str() {
        "createRuntime" | "prestart" => {
            let list = add(hooks.create_runtime());
            hooks.set_create_runtime(list);
        }
        "createContainer" => {
            let list = add(hooks.create_container());
            hooks.set_create_container(list);
        }
        "startContainer" => {
            let list = add(hooks.start_container());
            hooks.set_start_container(list);
        }
        "poststart" => {
            let list = add(hooks.poststart());
            hooks.set_poststart(list);
        }
        "poststop" => {
            let list = add(hooks.poststop());
            hooks.set_poststop(list);
        }
        _ => return Err(invalid("there is no hook of this name")),
    }
    spec.set_hooks(Some(hooks));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(json: &str) -> Result<Spec> {
        let edits: Edits = serde_json::from_str(json).unwrap();
        let mut spec = Spec::default();
        apply(&edits, &mut spec).map(|()| spec)
    }

    #[test]
    fn everything_is_added() {
        let spec = applied(
            r#"{"env":["A=1"],"deviceNodes":[{"path":"/dev/hole","hostPath":"/dev/null","permissions":"r"}],
            "mounts":[{"hostPath":"/lib","containerPath":"/lib2","options":["ro"]}],
            "hooks":[{"hookName":"createContainer","path":"/bin/true","args":["true","x"]}],"additionalGids":[0,44]}"#,
        )
        .unwrap();
        assert!(spec.process().as_ref().unwrap().env().as_ref().unwrap().contains(&"A=1".to_owned()));
        let linux = spec.linux().as_ref().unwrap();
        let nodes = linux.devices().as_ref().unwrap();
        assert_eq!((nodes[0].major(), nodes[0].minor()), (1, 3));
        let rules = linux.resources().as_ref().unwrap().devices().as_ref().unwrap();
        assert_eq!(rules.last().unwrap().access().as_deref(), Some("r"));
        let mount = spec.mounts().as_ref().unwrap().last().unwrap();
        assert_eq!(mount.options().as_ref().unwrap(), &["ro", "rbind"]);
        assert_eq!(spec.hooks().as_ref().unwrap().create_container().as_ref().unwrap().len(), 1);
        let user = spec.process().as_ref().unwrap().user();
        assert_eq!(user.additional_gids().as_ref().unwrap(), &[44]);
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (json, words) in [
            (r#"{"env":["=1"]}"#, "invalid environment variable"),
            (r#"{"deviceNodes":[{"path":"/dev/nosuch"}]}"#, "failed to stat CDI host device"),
            (r#"{"deviceNodes":[{"path":"dev/null"}]}"#, "absolute path"),
            (r#"{"deviceNodes":[{"path":"/dev/null","permissions":"x"}]}"#, "invalid permissions"),
            (r#"{"mounts":[{"hostPath":"/lib","containerPath":"lib"}]}"#, "invalid mount"),
            (r#"{"hooks":[{"hookName":"later","path":"/bin/true"}]}"#, "no hook of this name"),
            (r#"{"intelRdt":{}}"#, "intelRdt"),
        ] {
            let message = applied(json).unwrap_err().to_string();
            assert!(message.contains(words), "{json}: {message}");
        }
    }
}
