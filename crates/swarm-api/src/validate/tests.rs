//! One wrong spec after the other, each made from a right one.

use proptest::prelude::*;

use super::*;

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

#[test]
fn a_right_spec_passes() {
    assert_eq!(service(&right()), Ok(()));
    for image in ["localhost:5000/a/b:v1", "alpine@sha256:aa", "docker.io/Library-x/web", "[::1]:5000/x"] {
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
    for image in ["UPPER", "a b", ":tag", "/x", "a:", "x/"] {
        let text = refused(|spec| container(spec).image = image.into());
        assert_eq!(text, format!("ContainerSpec: {image:?} is not a valid repository/tag"));
    }
    let mount =
        |target: &str| pb::Mount { source: "/src".into(), target: target.into(), ..Default::default() };
    let text = refused(|spec| container(spec).mounts = vec![mount("/a"), mount("/a/")]);
    assert_eq!(text, "ContainerSpec: duplicate mount point: /a/");
    assert!(refused(|spec| container(spec).mounts = vec![mount("a")]).contains("absolute path"));
}

#[test]
fn ports_and_resources_and_policies() {
    let port = pb::PortConfig { target_port: 80, published_port: 8080, ..Default::default() };
    let endpoint = |mode: pb::EndpointMode, ports| Some(pb::EndpointSpec { mode: mode.into(), ports });
    let text =
        refused(|spec| spec.endpoint = endpoint(pb::EndpointMode::Vip, vec![port.clone(), port.clone()]));
    assert_eq!(text, "EndpointSpec: duplicate published ports provided");
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
