//! What clients send and what they get back.

use engine_api::decode::from_json;
use proptest::prelude::*;
use swarm_api::pb::service_spec::Mode;

use super::*;

fn decoded(body: &str) -> Result<pb::ServiceSpec, Failure> {
    spec(from_json(body.as_bytes())?)
}

/// What `docker service create --replicas 3 -p 80:80 busybox` sends.
const PLAIN: &str = r#"{"Name":"web","Labels":{},"TaskTemplate":{"ContainerSpec":{"Image":"busybox","Init":false,"DNSConfig":{},
    "Privileges":{"CredentialSpec":null,"SELinuxContext":null,"NoNewPrivileges":false},"Healthcheck":null},
    "Resources":{"Limits":{},"Reservations":{}},"Placement":{},"ForceUpdate":0},
    "Mode":{"Replicated":{"Replicas":3}},"UpdateConfig":null,"RollbackConfig":null,
    "EndpointSpec":{"Mode":"vip","Ports":[{"Protocol":"tcp","TargetPort":80,"PublishedPort":80,"PublishMode":"ingress"}]}}"#;

#[test]
fn a_plain_create_is_taken() {
    let spec = decoded(PLAIN).expect("plain");
    assert_eq!(swarm_api::default::replicas(&spec), 3);
    assert_eq!(spec.endpoint.expect("endpoint").ports[0].published_port, 80);
    assert_eq!(spec.task.expect("task").container.expect("container").image, "busybox");
}

#[test]
fn networks_stand_at_the_task_and_once_stood_at_the_service() {
    let targets = |body: &str| {
        let networks = decoded(body).expect("plain").task.expect("task").networks;
        networks.into_iter().map(|network| network.target).collect::<Vec<_>>()
    };
    assert_eq!(targets(r#"{"Networks":[{"Target":"old"}]}"#), ["old"]);
    let both = r#"{"Networks":[{"Target":"old"}],"TaskTemplate":{"Networks":[{"Target":"new"}]}}"#;
    assert_eq!(targets(both), ["new"]);
}

#[test]
fn what_is_not_honoured_is_refused_by_name() {
    for (body, field) in [
        (r#"{"TaskTemplate":{"Runtime":"foo"}}"#, "unsupported runtime"),
        (
            r#"{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"bind","BindOptions":{"Propagation":"x"}}]}}}"#,
            "invalid MountPropagation: \"x\"",
        ),
        (r#"{"Mode":{"Global":{},"GlobalJob":{}}}"#, "must specify only one service mode"),
        (
            r#"{"RollbackConfig":{"FailureAction":"rollback"}}"#,
            "unrecognized rollback failure action rollback",
        ),
        (r#"{"TaskTemplate":{"Runtime":"plugin"}}"#, "TaskTemplate.Runtime"),
        (r#"{"TaskTemplate":{"ContainerSpec":{"Configs":[{"Runtime":{}}]}}}"#, "Configs.Runtime"),
        (
            r#"{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"cluster","Target":"/x"}]}}}"#,
            r#"Mounts[0].Type "cluster" (a volume of the whole cluster) is not implemented yet"#,
        ),
        (r#"{"TaskTemplate":{"Placement":{"Preferences":[{}]}}}"#, "Placement.Preferences[0]"),
        (
            r#"{"TaskTemplate":{"ContainerSpec":{"Privileges":{"CredentialSpec":{"File":"x"}}}}}"#,
            "Privileges.CredentialSpec",
        ),
        (
            r#"{"TaskTemplate":{"ContainerSpec":{"Privileges":{"SELinuxContext":{"Disable":true}}}}}"#,
            "Privileges.SELinuxContext",
        ),
        (
            r#"{"TaskTemplate":{"ContainerSpec":{"Privileges":{"Seccomp":{"Mode":"custom","Profile":"e"}}}}}"#,
            "Seccomp.Profile",
        ),
        (
            r#"{"TaskTemplate":{"ContainerSpec":{"Privileges":{"Seccomp":{"Profile":"e30="}}}}}"#,
            "Seccomp.Profile",
        ),
        (
            r#"{"TaskTemplate":{"ContainerSpec":{"Privileges":{"AppArmor":{"Mode":"mine"}}}}}"#,
            "AppArmor mode",
        ),
        (r#"{"TaskTemplate":{"ContainerSpec":{"Isolation":"hyperv"}}}"#, "Isolation"),
        (r#"{"TaskTemplate":{"ContainerSpec":{"OomScoreAdj":3000000000}}}"#, "OomScoreAdj"),
        (r#"{"TaskTemplate":{"Resources":{"Reservations":{"GenericResources":[{}]}}}}"#, "GenericResources"),
        (
            r#"{"TaskTemplate":{"NetworkAttachmentSpec":{"ContainerID":"x"}}}"#,
            "TaskTemplate.NetworkAttachmentSpec",
        ),
        (r#"{"EndpointSpec":{"Mode":"anycast"}}"#, "EndpointSpec.Mode"),
    ] {
        let failure = decoded(body).expect_err(field);
        assert!(failure.message.contains(field), "{field}: {}", failure.message);
        assert!(matches!(failure.status.as_u16(), 400 | 501), "{field}");
    }
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z=./]{1,8}", 0..3)
}

fn labels() -> impl Strategy<Value = std::collections::HashMap<String, String>> {
    prop::collection::hash_map("[a-z.]{1,8}", "[ -~]{0,8}", 0..3)
}

fn files() -> impl Strategy<Value = Vec<pb::FileReference>> {
    let file =
        ("[a-z]{1,4}", "[a-z/]{1,8}", "[0-9]{0,3}", any::<u32>()).prop_map(|(name, target, uid, mode)| {
            pb::FileReference { id: format!("id{name}"), name, target, gid: uid.clone(), uid, mode }
        });
    prop::collection::vec(file, 0..3)
}

prop_compose! {
    fn container()(
        image in "[a-z]{1,8}", command in texts(), args in texts(), env in texts(), labels in labels(),
        hosts in texts(), grace in prop::option::of(any::<i64>()), init in prop::option::of(any::<bool>()), tty in any::<bool>(),
        mounts in prop::collection::vec((any::<bool>(), "[a-z/]{0,8}", any::<bool>(), "(rslave|private|)"), 0..3),
        secrets in files(), configs in files(),
        volumes in prop::collection::vec(("[a-z]{0,4}", any::<bool>(), labels(), "[a-z]{0,4}"), 0..2),
        words in texts(), map in labels(), extras in prop::option::of((any::<bool>(), texts(), any::<i64>(), texts())), limits in prop::collection::vec(("[a-z]{1,4}", any::<i64>(), any::<i64>()), 0..2),
        oom_score_adj in any::<i32>(), privileges in prop::option::of((0..3i32, 0..2i32, any::<bool>())),
        dns in prop::option::of((texts(), texts(), texts())),
    ) -> pb::ContainerSpec {
        let mount = |(bind, path, read_only, propagation): (bool, String, bool, String)| pb::Mount {
            r#type: if bind { pb::MountType::Bind } else { pb::MountType::Tmpfs }.into(),
            source: path.clone(), target: path, read_only, propagation, ..pb::Mount::default()
        };
        let volume = |(source, no_copy, labels, subpath)| pb::Mount {
            r#type: pb::MountType::Volume.into(), source, no_copy, labels, subpath, target: "/v".into(), ..pb::Mount::default()
        };
        let mounts = mounts.into_iter().map(mount).chain(volumes.into_iter().map(volume)).collect();
        pb::ContainerSpec {
            image, command, args, env, labels, hosts, tty, mounts, stop_grace_period_ns: grace, init, oom_score_adj, secrets, configs,
            groups: words.clone(), capability_add: words.clone(), capability_drop: words, sysctls: map,
            ulimits: limits.into_iter().map(|(name, soft, hard)| pb::Ulimit { name, soft, hard }).collect(),
            privileges: privileges.map(|(seccomp, app_armor, no_new_privileges)| pb::Privileges {
                seccomp, app_armor, no_new_privileges,
                seccomp_profile: if seccomp == 2 { b"{\"a\":1}".to_vec() } else { Vec::new() },
            }),
            shoal: extras.map(|(privileged, cdi_devices, shm_size_bytes, security_options)| pb::ContainerExtras {
                privileged, cdi_devices, shm_size_bytes, security_options, pid_mode: "host".into(), ..Default::default()
            }),
            dns: dns.map(|(nameservers, search, options)| pb::DnsConfig { nameservers, search, options }),
            ..Default::default()
        }
    }
}

prop_compose! {
    fn port()(
        protocol in 0..3i32, target in 1..65536u32, published in 0..65536u32, mode in 0..2i32, name in "[a-z]{0,5}",
    ) -> pb::PortConfig {
        pb::PortConfig { name, protocol, target_port: target, published_port: published, publish_mode: mode }
    }
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        any::<u64>().prop_map(|replicas| Mode::Replicated(pb::ReplicatedService { replicas })),
        Just(Mode::Global(pb::GlobalService {})),
        any::<(u64, u64)>().prop_map(|(max_concurrent, total_completions)| {
            Mode::ReplicatedJob(pb::ReplicatedJob { max_concurrent, total_completions })
        }),
        Just(Mode::GlobalJob(pb::GlobalJob {})),
    ]
}

prop_compose! {
    fn rollout(actions: i32)(
        parallelism in any::<u64>(), delay_ns in any::<i64>(), failure_action in 0..actions, order in 0..2i32,
        max_failure_ratio in 0.0..1.0f32, monitor_ns in any::<i64>(),
    ) -> pb::UpdateConfig {
        pb::UpdateConfig { parallelism, delay_ns, failure_action, order, max_failure_ratio, monitor_ns }
    }
}

prop_compose! {
    fn service_spec()(
        name in "[a-z]{1,8}", labels in labels(), container in container(), mode in mode(),
        ports in prop::collection::vec(port(), 0..3), dnsrr in 0..2i32, constraints in texts(), max in 0..9u64,
        restart in prop::option::of((0..3i32, prop::option::of(any::<i64>()), any::<u64>(), any::<i64>())),
        memory in prop::option::of((any::<i64>(), any::<i64>(), prop::option::of(any::<i64>()))), force in any::<u64>(),
        spread in texts(), platforms in prop::collection::vec("[a-z]{1,4}", 0..2),
        generics in prop::collection::vec(("[a-z]{1,4}", 1..9i64), 0..2),
        update in prop::option::of(rollout(3)), rollback in prop::option::of(rollout(2)),
        drain_time_ns in prop::option::of(any::<i64>()),
    ) -> pb::ServiceSpec {
        let placed = max != 0 || !constraints.is_empty() || !spread.is_empty() || !platforms.is_empty();
        let platforms = platforms.into_iter().map(|os| pb::Platform { os, architecture: "amd64".into() }).collect();
        let generic = |(kind, count)| pb::GenericResource { kind, count, value: String::new() };
        let kept = |memory_bytes| pb::Resources { memory_bytes, ..Default::default() };
        pb::ServiceSpec {
            annotations: Some(pb::Annotations { name, labels }),
            task: Some(pb::TaskSpec {
                container: Some(container),
                resources: memory.map(|(limit, reserved, swap)| pb::ResourceRequirements {
                    limits: Some(kept(limit)), reservations: Some(kept(reserved)), swap_bytes: swap,
                    memory_swappiness: swap, generic_reservations: generics.into_iter().map(generic).collect(),
                }),
                restart: restart.map(|(condition, delay_ns, max_attempts, window_ns)| pb::RestartPolicy {
                    condition, delay_ns, max_attempts, window_ns,
                }),
                placement: placed.then_some(pb::Placement { constraints, max_replicas: max, spread, platforms }),
                force_update: force,
                ..Default::default()
            }),
            mode: Some(mode), update, rollback, drain_time_ns,
            endpoint: Some(pb::EndpointSpec { mode: dnsrr, ports }),
        }
    }
}

proptest! {
    /// A client that reads a service and sends it back with one change must not change anything else.
    #[test]
    fn what_is_told_can_be_asked_for(wish in service_spec()) {
        let json = serde_json::to_vec(&told::spec(wish.clone())).expect("json");
        let asked = from_json(&json).expect("decoded");
        prop_assert_eq!(spec(asked).expect("spec"), wish);
    }
}
