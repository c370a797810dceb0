//! What the tasks of a service run.

use engine_api::swarm::{ContainerSpec, TaskShoal};

use crate::format::unit;

pub(super) fn lines(container: &ContainerSpec) -> Vec<String> {
    let mut lines = vec!["ContainerSpec:".to_owned(), format!(" Image:\t\t{}", container.image)];
    let lists = [("Command", &container.command), ("Args", &container.args), ("Env", &container.env)];
    for (name, words) in lists.into_iter().filter(|(_, words)| !words.is_empty()) {
        lines.push(format!(" {name}:\t\t{}", words.join(" ")));
    }
    if !container.dir.is_empty() {
        lines.push(format!(" Dir:\t\t{}", container.dir));
    }
    lines.extend(container.init.map(|init| format!(" Init:\t\t{init}")));
    if !container.user.is_empty() {
        lines.push(format!(" User: {}", container.user));
    }
    lines.extend(privileges(container));
    lines.extend(container.shoal.as_ref().map(extras).unwrap_or_default());
    lines.extend(files(container));
    lines
}

fn privileges(container: &ContainerSpec) -> Vec<String> {
    let mut lines = Vec::new();
    let capabilities = [("Add", &container.capability_add), ("Drop", &container.capability_drop)];
    if capabilities.iter().any(|(_, names)| !names.is_empty()) {
        lines.push("Capabilities:".to_owned());
        let some = capabilities.into_iter().filter(|(_, names)| !names.is_empty());
        lines.extend(some.map(|(word, names)| format!(" {word}: {}", names.join(", "))));
    }
    if !container.sysctls.is_empty() {
        lines.push("SysCtls:".to_owned());
        lines.extend(container.sysctls.iter().map(|(key, value)| format!(" {key}: {value}")));
    }
    if !container.ulimits.is_empty() {
        lines.push("Ulimits:".to_owned());
        let mut limits: Vec<_> = container.ulimits.iter().collect();
        limits.sort_by_key(|limit| &limit.name);
        lines.extend(limits.iter().map(|limit| format!(" {}: {}:{}", limit.name, limit.soft, limit.hard)));
    }
    lines
}

/// Docker has none of this.
fn extras(extras: &TaskShoal) -> Vec<String> {
    let devices = extras.devices.iter().map(|device| {
        format!("{}:{}:{}", device.path_on_host, device.path_in_container, device.cgroup_permissions)
    });
    let devices: Vec<String> = devices.chain(extras.cdi_devices.iter().cloned()).collect();
    let size = u64::try_from(extras.shm_size).unwrap_or(0);
    let fields = [
        ("Privileged", if extras.privileged { "true".to_owned() } else { String::new() }),
        ("Devices", devices.join(" ")),
        ("PID", extras.pid_mode.clone()),
        ("IPC", extras.ipc_mode.clone()),
        ("Cgroup Parent", extras.cgroup_parent.clone()),
        ("Shm Size", if size > 0 { unit::memory(size) } else { String::new() }),
        ("Security Options", extras.security_opt.join(" ")),
    ];
    let told: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    if told.is_empty() {
        return Vec::new();
    }
    let lines = told.into_iter().map(|(name, value)| format!(" {name}: {value}"));
    std::iter::once("Shoal:".to_owned()).chain(lines).collect()
}

fn files(container: &ContainerSpec) -> Vec<String> {
    let mut lines = Vec::new();
    if !container.mounts.is_empty() {
        lines.push("Mounts:".to_owned());
        lines.extend(container.mounts.iter().map(|mount| {
            format!(
                " Target:\t{}\n  Source:\t{}\n  ReadOnly:\t{}\n  Type:\t\t{}",
                mount.target, mount.source, mount.read_only, mount.kind
            )
        }));
    }
    let configs = container.configs.iter().map(|one| (one.file.as_ref(), &one.config_name));
    let secrets = container.secrets.iter().map(|one| (one.file.as_ref(), &one.secret_name));
    for (title, files) in [("Configs:", configs.collect::<Vec<_>>()), ("Secrets:", secrets.collect())] {
        if !files.is_empty() {
            lines.push(title.to_owned());
        }
        for (file, name) in files {
            let target = file.map_or("", |file| &file.name);
            lines.push(format!(" Target:\t{target}\n  Source:\t{name}"));
        }
    }
    lines
}

/// How health is checked.
pub(super) fn health(container: &ContainerSpec) -> Vec<String> {
    let Some(check) = &container.health_check else { return Vec::new() };
    let mut lines = vec![
        " Healthcheck:".to_owned(),
        format!("  Interval = {}", unit::go_duration(check.interval)),
        format!("  Retries = {}", check.retries),
        format!("  StartPeriod =\t{}", unit::go_duration(check.start_period)),
        format!("  Timeout =\t{}", unit::go_duration(check.timeout)),
    ];
    if !check.test.is_empty() {
        lines.push("  Tests:".to_owned());
        lines.extend(check.test.iter().map(|word| format!("\t Test = {word}")));
    }
    lines
}
