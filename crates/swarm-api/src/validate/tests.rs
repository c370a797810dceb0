//! One wrong spec after the other, each made from a right one.

use proptest::prelude::*;

use super::*;
use crate::pb::service_spec::Mode;

fn right() -> pb::ServiceSpec {
    pb::ServiceSpec {
        annotations: Some(pb::Annotations { name: "web".into(), ..Default::default() }),
        task: Some(pb::TaskSpec {
            container: Some(pb::ContainerSpec { image: "nginx:1.27".into(), ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn refused(change: impl FnOnce(&mut pb::ServiceSpec)) -> String {
    let mut spec = right();
    change(&mut spec);
    service(&spec).expect_err("must be refused").to_string()
}

fn container(spec: &mut pb::ServiceSpec) -> &mut pb::ContainerSpec {
    spec.task.get_or_insert_default().container.get_or_insert_default()
}

fn named(name: &str) -> Option<pb::Annotations> {
    Some(pb::Annotations { name: name.into(), ..Default::default() })
}

/// An image by what it holds.
const DIGEST: &str = "alpine@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[test]
fn a_right_spec_passes() {
    assert_eq!(service(&right()), Ok(()));
    for image in ["localhost:5000/a/b:v1", DIGEST, "docker.io/Library-x/web", "[::1]:5000/x"] {
        let mut spec = right();
        container(&mut spec).image = image.into();
        assert_eq!(service(&spec), Ok(()), "{image}");
    }
}

#[test]
fn names() {
    assert_eq!(refused(|spec| spec.annotations = None), "meta: name must be provided");
    for name in ["a b", "-a", "a_", "a.b", "ä"] {
        assert_eq!(
            refused(|spec| spec.annotations = named(name)),
            "name must be valid as a DNS name component"
        );
    }
    assert_eq!(
        refused(|spec| spec.annotations = named(&"a".repeat(64))),
        "name must be 63 characters or fewer"
    );
}

#[test]
fn containers() {
    assert_eq!(
        refused(|spec| container(spec).image.clear()),
        "ContainerSpec: image reference must be provided"
    );
    let long = format!("a:{}", "t".repeat(129));
    for image in ["UPPER", "a b", ":tag", "/x", "a:", "x/", "a@sha256:abc", "a@", "a:-t", &long] {
        let text = refused(|spec| container(spec).image = image.into());
        assert_eq!(text, format!("ContainerSpec: {image:?} is not a valid repository/tag"));
    }
    let mount =
        |target: &str| pb::Mount { source: "/src".into(), target: target.into(), ..Default::default() };
    let text = refused(|spec| container(spec).mounts = vec![mount("/a"), mount("/a/")]);
    assert_eq!(text, "ContainerSpec: duplicate mount point: /a/");
    assert!(refused(|spec| container(spec).mounts = vec![mount("a")]).contains("absolute path"));
    let text = refused(|spec| container(spec).mounts = vec![mount("//")]);
    assert_eq!(text, "invalid specification: destination can't be '/'");
    for (name, words) in [("a/b", "invalid characters"), ("-a", "invalid characters"), ("a", "too short")] {
        let volume = pb::Mount { r#type: pb::MountType::Volume.into(), source: name.into(), ..mount("/a") };
        assert!(refused(|spec| container(spec).mounts = vec![volume]).contains(words), "{name}");
    }
}

#[test]
fn ports_and_resources_and_policies() {
    let port = pb::PortConfig { target_port: 80, published_port: 8080, ..Default::default() };
    let endpoint = |mode: pb::EndpointMode, ports| Some(pb::EndpointSpec { mode: mode.into(), ports });
    let text =
        refused(|spec| spec.endpoint = endpoint(pb::EndpointMode::Vip, vec![port.clone(), port.clone()]));
    assert_eq!(text, "EndpointSpec: duplicate published ports provided");
    let of_hosts = pb::PortConfig { publish_mode: pb::PublishMode::Host.into(), ..port.clone() };
    let both =
        refused(|spec| spec.endpoint = endpoint(pb::EndpointMode::Vip, vec![port.clone(), of_hosts.clone()]));
    assert_eq!(both, text, "a node cannot have it twice");
    let text = refused(|spec| spec.endpoint = endpoint(pb::EndpointMode::Dnsrr, vec![port.clone()]));
    assert_eq!(text, "EndpointSpec: port published with ingress mode can't be used with dnsrr mode");
    let limits = pb::Resources { memory_bytes: 1024, ..Default::default() };
    let text = refused(|spec| {
        spec.task.get_or_insert_default().resources =
            Some(pb::ResourceRequirements { limits: Some(limits), ..Default::default() });
    });
    assert_eq!(text, "invalid memory value 1024: Must be at least 4MiB");
    let text = refused(|spec| {
        spec.update = Some(pb::UpdateConfig { max_failure_ratio: f32::NAN, ..Default::default() });
    });
    assert_eq!(text, "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1");
    let text = refused(|spec| {
        spec.task.get_or_insert_default().placement =
            Some(pb::Placement { constraints: vec!["node.role=manager".into()], ..Default::default() });
    });
    assert_eq!(text, "constraint expected one operator from ==, !=");
    let text = refused(|spec| {
        let constraints = vec!["node.role===manager".into()];
        spec.task.get_or_insert_default().placement =
            Some(pb::Placement { constraints, ..Default::default() });
    });
    assert_eq!(text, "value '=manager' is invalid");
    for key in ["", "rack", "node.labels.", "node.moon"] {
        let text = refused(|spec| {
            spec.task.get_or_insert_default().placement =
                Some(pb::Placement { spread: vec![key.into()], ..Default::default() });
        });
        assert!(text.contains("spread over"), "{text}");
    }
}

#[test]
fn what_processes_may_not_do_is_refused() {
    let ulimit = |name: &str, soft, hard| pb::Ulimit { name: name.into(), soft, hard };
    let health = |interval_ns| Some(pb::Healthcheck { interval_ns, ..Default::default() });
    type Change = Box<dyn Fn(&mut pb::ContainerSpec)>;
    let cases: Vec<(Change, &str)> = vec![
        (Box::new(|spec| spec.oom_score_adj = 1001), "range for oom score adj is [-1000, 1000]"),
        (Box::new(|spec| spec.capability_add = vec!["NET ADMIN".into()]), "invalid capability"),
        (Box::new(|spec| spec.capability_drop = vec![String::new()]), "invalid capability"),
        (Box::new(move |spec| spec.ulimits = vec![ulimit("files", 1, 1)]), "invalid ulimit type: files"),
        (Box::new(move |spec| spec.ulimits = vec![ulimit("nofile", -1, 5)]), "less than or equal to hard"),
        (Box::new(|spec| spec.sysctls = [("net..x".into(), "1".into())].into()), "invalid sysctl"),
        (
            Box::new(|spec| spec.shoal.get_or_insert_default().pid_mode = "container:x".into()),
            "Shoal.PidMode",
        ),
        (Box::new(|spec| spec.shoal.get_or_insert_default().ipc_mode = "mine".into()), "Shoal.IpcMode"),
        (
            Box::new(|spec| spec.shoal.get_or_insert_default().cgroup_parent = "/a/../..".into()),
            "Shoal.CgroupParent",
        ),
        (Box::new(|spec| spec.shoal.get_or_insert_default().shm_size_bytes = -1), "Shoal.ShmSize"),
        (
            Box::new(|spec| spec.shoal.get_or_insert_default().cdi_devices = vec!["gpu".into()]),
            "Shoal.CDIDevices",
        ),
        (
            Box::new(|spec| spec.shoal.get_or_insert_default().security_options = vec!["label=x".into()]),
            "SecurityOpt",
        ),
        (
            Box::new(|spec| {
                let path_on_host = "/dev/fuse".to_owned();
                let device = pb::Device { path_on_host, ..Default::default() };
                spec.shoal.get_or_insert_default().devices = vec![device];
            }),
            "absolute paths",
        ),
        (Box::new(|spec| spec.groups = vec![" ".into()]), "group is empty"),
        (Box::new(move |spec| spec.healthcheck = health(999_999)), "Interval in HealthConfig"),
        (Box::new(|spec| spec.hosts = vec!["web 10.0.0.1".into()]), "invalid host entry"),
        (Box::new(|spec| spec.hosts = vec!["10.0.0.1 a\n10.0.0.2 b".into()]), "invalid host entry"),
        (
            Box::new(|spec| {
                spec.dns = Some(pb::DnsConfig { nameservers: vec!["ns1".into()], ..Default::default() });
            }),
            "invalid DNS address",
        ),
        (
            Box::new(|spec| {
                spec.mounts = vec![pb::Mount {
                    r#type: pb::MountType::Image.into(),
                    target: "/x".into(),
                    ..Default::default()
                }];
            }),
            "must name an image",
        ),
    ];
    for (change, words) in cases {
        let text = refused(|spec| change(container(spec)));
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn what_processes_may_do_is_taken() {
    let ulimit = |name: &str, soft, hard| pb::Ulimit { name: name.into(), soft, hard };
    let mut spec = right();
    *container(&mut spec) = pb::ContainerSpec {
        image: "nginx".into(),
        ulimits: vec![ulimit("nofile", 5, -1), ulimit("core", -1, -1)],
        capability_add: vec!["CAP_NET_ADMIN".into(), "all".into()],
        sysctls: [("net.core.somaxconn".into(), "1".into())].into(),
        hosts: vec!["10.0.0.1 a b".into(), "host-gateway me".into(), "::1 six".into()],
        healthcheck: Some(pb::Healthcheck::default()),
        oom_score_adj: -1000,
        ..Default::default()
    };
    assert_eq!(service(&spec), Ok(()));
}

#[test]
fn a_spec_is_no_longer_than_can_be_stored_twice() {
    let long = |bytes: usize| move |spec: &mut pb::ServiceSpec| container(spec).env = vec!["x".repeat(bytes)];
    assert_eq!(
        refused(long(SERVICE_LIMIT)),
        "the service's specification is too long: 262175 bytes, of 262144 at most"
    );
    let mut spec = right();
    long(SERVICE_LIMIT - 1024)(&mut spec);
    assert_eq!(service(&spec), Ok(()));
}

#[test]
fn swap_and_generic_resources() {
    let requiring = |required: pb::ResourceRequirements| {
        refused(|spec| spec.task.get_or_insert_default().resources = Some(required))
    };
    let swap = pb::ResourceRequirements { swap_bytes: Some(1), ..Default::default() };
    assert!(requiring(swap).contains("together with a memory limit"));
    let swappy = pb::ResourceRequirements { memory_swappiness: Some(101), ..Default::default() };
    assert!(requiring(swappy).contains("0-100"));
    let bytes = |memory_bytes| Some(pb::Resources { memory_bytes, ..Default::default() });
    let (limits, reservations) = (bytes(64 << 20), bytes(65 << 20));
    let reserved = pb::ResourceRequirements { limits, reservations, ..Default::default() };
    assert!(requiring(reserved).contains("less than memory reservation limit"));
    let named = pb::GenericResource { kind: "GPU".into(), value: "UUID1".into(), count: 0 };
    let generic = pb::ResourceRequirements { generic_reservations: vec![named], ..Default::default() };
    assert_eq!(requiring(generic), "invalid argument for resource GPU");
}

proptest! {
    #[test]
    fn no_text_makes_validation_panic(name in ".{0,80}", image in ".{0,80}", target in ".{0,20}") {
        let mut spec = right();
        spec.annotations = named(&name);
        container(&mut spec).image = image;
        container(&mut spec).mounts = vec![pb::Mount { target, ..Default::default() }];
        let _ = service(&spec);
    }
}

#[test]
fn modes_and_what_goes_with_them() {
    let job = |max_concurrent, total_completions| {
        Some(Mode::ReplicatedJob(pb::ReplicatedJob { max_concurrent, total_completions }))
    };
    let cast = |negative: i64| negative as u64;
    for (mode, text) in [
        (crate::default::replicated(cast(-1)), "Number of replicas must be non-negative"),
        (crate::default::replicated(MAX_TASKS + 1), "Number of replicas must be at most 100000"),
        (job(cast(-1), 1), "Maximum concurrent jobs must not be negative"),
        (job(1, cast(-1)), "Total completed jobs must not be negative"),
        (job(1, MAX_TASKS + 1), "Total completed jobs must be at most 100000"),
    ] {
        assert_eq!(refused(|spec| spec.mode = mode), text);
    }
    let text = refused(|spec| {
        spec.mode = job(1, 1);
        spec.update = Some(pb::UpdateConfig::default());
    });
    assert_eq!(text, "Jobs may not have an update config");
    assert_eq!(refused(|spec| spec.drain_time_ns = Some(-1)), "drain time cannot be negative");
    let negative = pb::UpdateConfig { delay_ns: -1, ..Default::default() };
    assert!(refused(|spec| spec.rollback = Some(negative)).contains("cannot be negative"));
}
