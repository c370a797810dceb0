//! Templates over objects of which the API leaves something out: both clients print the same, or both refuse.

use testkit::{Daemon, Pair, Said};

/// Applies each template with both clients, to the objects that `words` inspect; gives where they differ.
fn differences(daemon: &Daemon, words: &[&str], templates: &[&str]) -> String {
    let shown = |said: Said| if said.code == 0 { said.out } else { "refused\n".to_owned() };
    let differs = |template: &&str| {
        let words: Vec<&str> = words.iter().copied().chain(["--format", template]).collect();
        let (want, got) = (shown(daemon.docker(&words)), shown(daemon.shoal(&words)));
        (want != got).then(|| format!("{template}\n  docker: {want}  shoal:  {got}"))
    };
    templates.iter().filter_map(differs).collect()
}

#[test]
fn what_of_a_swarm_is_left_out_is_empty() {
    let mut all = String::new();
    let pair = Pair::apart();
    let node = pair.join("manager");
    let daemon = &pair.manager;
    let create = ["service", "create", "--detach", "--no-resolve-image", "--name", "web", "--label", "a=b"];
    daemon
        .docker(&[&create[..], &["--publish", "80", "--constraint", "node.role==none", "busybox"]].concat())
        .ok();
    let spec = daemon.path("spec");
    std::fs::write(&spec, "text").expect("writes");
    let spec = spec.to_str().expect("a path");
    daemon.docker(&["config", "create", "plain", spec]).ok();
    daemon.docker(&["secret", "create", "plain", spec]).ok();
    all += &differences(
        daemon,
        &["node", "inspect", &node],
        &[
            "{{.ManagerStatus.Leader}}",
            "{{if .ManagerStatus.Leader}}leads{{else}}follows{{end}}",
            "{{with .ManagerStatus}}{{.Leader}} {{.Reachability}}{{end}}",
            "{{.Spec.Name}}|{{.Spec.Labels.x}}|{{.Spec.Labels}}|{{index .Spec.Labels \"x\"}}",
            "{{.Description.Engine.Labels}}|{{.Description.Engine.Labels.x}}|{{len .Description.Engine.Labels}}",
            "{{.Description.Resources.GenericResources}}",
            "{{.Status.Message}}",
            "{{.ManagerStatus.Nope}}",
            "{{.Nope}}",
            "{{json .Spec.Name}} {{json .ManagerStatus.Leader}}",
        ],
    );
    all += &differences(
        daemon,
        &["service", "inspect", "web"],
        &[
            "{{.UpdateStatus}}",
            "{{.UpdateStatus.State}}",
            "{{if .UpdateStatus}}yes{{else}}no{{end}}",
            "{{with .PreviousSpec}}{{.Name}}{{else}}none{{end}}",
            "{{.Spec.Labels.a}} {{.Spec.Labels.x}}",
            "{{.Spec.TaskTemplate.ContainerSpec.Labels}} {{.Spec.TaskTemplate.ContainerSpec.Labels.x}}",
            "{{.Spec.TaskTemplate.ContainerSpec.Env}} {{.Spec.TaskTemplate.ContainerSpec.User}}",
            "{{.Spec.TaskTemplate.ContainerSpec.TTY}} {{.Spec.TaskTemplate.ContainerSpec.Mounts}}",
            "{{.Spec.TaskTemplate.Networks}} {{.Spec.TaskTemplate.Runtime}}",
            "{{range .Endpoint.Ports}}{{.Name}}|{{.TargetPort}} {{end}}",
            "{{(index .Endpoint.Ports 0).Name}}|{{(index .Endpoint.Ports 0).TargetPort}}",
            "{{.Endpoint.VirtualIPs}} {{.Spec.Mode.Global}}",
            "{{.Spec.UpdateConfig.Parallelism}} {{.Spec.UpdateConfig.Order}}",
            "{{.JobStatus}}",
            "{{.Spec.Mode.Replicated.Nope}}",
        ],
    );
    all += &differences(
        daemon,
        &["config", "inspect", "plain"],
        &["{{.Spec.Labels}}|{{.Spec.Labels.x}}|{{.Spec.Templating}}"],
    );
    all += &differences(daemon, &["secret", "inspect", "plain"], &["{{.Spec.Labels}}|{{.Spec.Driver}}"]);
    let task = daemon.docker(&["service", "ps", "-q", "--no-trunc", "web"]).ok();
    all += &differences(
        daemon,
        &["inspect", "--type", "task", &task],
        &["{{.Status.ContainerStatus}}", "{{.NodeID}}|{{.Name}}|{{.Labels}}", "{{.Status.PortStatus.Ports}}"],
    );
    assert!(all.is_empty(), "\n{all}");
}

#[test]
fn what_of_a_container_is_left_out_is_empty() {
    let mut all = String::new();
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    daemon.docker(&["create", "--name", "web", "busybox"]).ok();
    daemon.docker(&["volume", "create", "data"]).ok();
    all += &differences(
        &daemon,
        &["container", "inspect", "web"],
        &[
            "{{.Config.Labels.x}}|{{.Config.Healthcheck}}|{{.Config.StopSignal}}|{{.Config.StopTimeout}}",
            "{{.State.Health}}|{{.State.Error}}|{{.State.Status}}",
            "{{.State.Health.Status}}",
            "{{.SizeRw}}|{{.ExecIDs}}|{{.Mounts}}",
            "{{.HostConfig.Tmpfs}}|{{.HostConfig.Sysctls}}|{{.HostConfig.Annotations}}|{{.HostConfig.Mounts}}",
            "{{.NetworkSettings.Ports}}|{{.Config.ExposedPorts}}|{{.HostConfig.StorageOpt}}",
            "{{.Config.Nope}}",
        ],
    );
    all += &differences(
        &daemon,
        &["image", "inspect", "busybox"],
        &["{{.Config.Labels.x}}|{{.Variant}}|{{.Comment}}"],
    );
    all +=
        &differences(&daemon, &["volume", "inspect", "data"], &["{{.UsageData}}|{{.Labels}}|{{.Options}}"]);
    all +=
        &differences(&daemon, &["network", "inspect", "bridge"], &["{{.Labels.x}}|{{.ConfigFrom.Network}}"]);
    assert!(all.is_empty(), "\n{all}");
}
