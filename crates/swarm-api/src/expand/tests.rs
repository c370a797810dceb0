//! What a template gives, and in which words a wrong one is refused.

use super::*;

fn node() -> pb::NodeDescription {
    pb::NodeDescription {
        hostname: "alpha".into(),
        os: "linux".into(),
        architecture: "x86_64".into(),
        ..Default::default()
    }
}

fn task(container: pb::ContainerSpec) -> pb::Task {
    pb::Task {
        id: "t1".into(),
        service_id: "s1".into(),
        service_name: "web".into(),
        service_labels: [("tier".to_owned(), "front".to_owned())].into(),
        slot: 3,
        node_id: "n1".into(),
        spec: Some(pb::TaskSpec { container: Some(container), ..Default::default() }),
        ..Default::default()
    }
}

fn hostname(source: &str) -> Result<String, ExpandError> {
    let spec = pb::ContainerSpec { hostname: source.into(), ..Default::default() };
    container(&node(), &task(spec)).map(|spec| spec.hostname)
}

#[test]
fn every_name_of_the_context() {
    for (source, want) in [
        ("{{.Service.ID}}-{{.Service.Name}}", "s1-web"),
        ("{{.Service.Labels}}", "map[tier:front]"),
        ("{{index .Service.Labels \"tier\"}}{{index .Service.Labels \"none\"}}", "front"),
        ("{{.Node.ID}} {{.Node.Hostname}}", "n1 alpha"),
        ("{{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}", "linux/x86_64"),
        ("{{.Task.ID}} {{.Task.Name}} {{.Task.Slot}}", "t1 web.3.t1 3"),
        ("{{join \"-\" .Service.Name .Task.Slot \"x\"}}", "web-3-x"),
        ("{{if eq .Service.Name \"web\"}}yes{{end}}", "yes"),
        ("plain }} text", "plain }} text"),
    ] {
        assert_eq!(hostname(source).as_deref(), Ok(want), "{source}");
    }
    let mut global = task(pb::ContainerSpec { hostname: "{{.Task.Slot}}".into(), ..Default::default() });
    (global.slot, global.for_node_id) = (0, "n1".into());
    assert_eq!(container(&node(), &global).unwrap().hostname, "n1", "without a slot it is the node");
}

#[test]
fn every_field_is_expanded() {
    let mount = pb::Mount {
        source: "{{.Service.Name}}-{{.Task.Slot}}".into(),
        target: "/data/{{.Node.Hostname}}".into(),
        labels: [("a".to_owned(), "{{.Task.ID}}".to_owned())].into(),
        driver_options: [("o".to_owned(), "{{.Node.ID}}".to_owned())].into(),
        ..Default::default()
    };
    let spec = pb::ContainerSpec {
        env: vec!["SLOT={{.Task.Slot}}".into(), "B=2".into()],
        mounts: vec![mount],
        // Not a place for templates, as with swarmkit.
        args: vec!["{{.Task.ID}}".into()],
        ..Default::default()
    };
    let got = container(&node(), &task(spec)).unwrap();
    assert_eq!(got.env, ["SLOT=3", "B=2"]);
    assert_eq!((got.mounts[0].source.as_str(), got.mounts[0].target.as_str()), ("web-3", "/data/alpha"));
    assert_eq!((&got.mounts[0].labels["a"][..], &got.mounts[0].driver_options["o"][..]), ("t1", "n1"));
    assert_eq!(got.args, ["{{.Task.ID}}"]);
}

#[test]
fn a_wrong_template_is_named() {
    let text = hostname("{{.Node.Nickname}}").unwrap_err().to_string();
    assert!(
        text.starts_with("expanding hostname failed: expanding hostname \"{{.Node.Nickname}}\": template:"),
        "{text}"
    );
    for wrong in ["{{.Node", "{{nope}}", "{{secret \"x\"}}", "{{env \"x\"}}", "{{join}}"] {
        assert!(hostname(wrong).is_err(), "{wrong}");
    }
    let spec = pb::ServiceSpec { task: task(pb::ContainerSpec::default()).spec, ..Default::default() };
    assert!(sample(&spec).is_ok());
    let mut spec = spec;
    spec.task.as_mut().unwrap().container.as_mut().unwrap().env = vec!["A={{.Moon}}".into()];
    assert!(sample(&spec).unwrap_err().to_string().starts_with("expanding env failed"));
}

struct Both;

impl Payloads for Both {
    fn secret(&self, target: &str) -> Option<Vec<u8>> {
        (target == "key").then(|| b"hush".to_vec())
    }

    fn config(&self, target: &str) -> Option<Vec<u8>> {
        match target {
            "/etc/a" => Some(b"conf".to_vec()),
            "bytes" => Some(vec![0xff]),
            _ => None,
        }
    }
}

#[test]
fn payloads_may_ask_for_more() {
    let task = task(pb::ContainerSpec { env: vec!["A=1".into(), "AB=2".into()], ..Default::default() });
    let expand = |data: &[u8]| payload(("config", "site"), data, &node(), &task, &Both);
    let text = b"{{env \"A\"}}{{env \"B\"}} {{secret \"key\"}} {{config \"/etc/a\"}} {{.Task.Slot}} {{join \",\" \"a\" \"b\"}}";
    assert_eq!(expand(text).unwrap(), b"1 hush conf 3 a,b");
    let wrong = expand(b"{{secret \"none\"}}").unwrap_err().to_string();
    assert_eq!(
        wrong,
        "expanding config site: template: wrong use of \"secret\": secret target none not found"
    );
    assert!(expand(b"{{config \"bytes\"}}").is_err());
    assert!(matches!(expand(&[0xff]), Err(ExpandError::NotText { .. })));
}
