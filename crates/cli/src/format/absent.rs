//! What an answer of the API leaves out because it is empty, told by the model that the answer is of.
//!
//! Docker's client applies templates to its typed objects, where every field is; the daemon's JSON has only those that hold
//! something.

use engine_api::shape::Shape;
use serde_json::{Map, Value};
use template::Absent;

/// What the entry at `path` is in an object of this shape, where the object has none.
pub(super) fn absent(shape: &Shape, path: &[String]) -> Absent {
    let Some((name, parents)) = path.split_last() else { return Absent::Unknown };
    let parent = parents.iter().try_fold(shape, |shape, key| part(shape, key));
    match parent.map(solid) {
        Some(Shape::Map(_)) => Absent::NoValue,
        Some(shape @ Shape::Object(_)) => {
            part(shape, name).map_or(Absent::Unknown, |it| Absent::Empty(empty(it)))
        }
        _ => Absent::Unknown,
    }
}

/// The part under a key, or at a position.
fn part<'s>(shape: &'s Shape, key: &str) -> Option<&'s Shape> {
    match solid(shape) {
        Shape::Object(fields) => {
            let named = |same: &dyn Fn(&str) -> bool| fields.iter().find(|(name, _)| same(name));
            let found = named(&|name| name == key).or_else(|| named(&|name| name.eq_ignore_ascii_case(key)));
            found.map(|(_, shape)| shape)
        }
        Shape::List(each) | Shape::Map(each) => Some(each),
        _ => None,
    }
}

/// The shape of what is there.
fn solid(shape: &Shape) -> &Shape {
    match shape {
        Shape::Maybe(inner) => solid(inner),
        other => other,
    }
}

/// The empty value of a shape. In Go's types lists and maps are always there, and what else may not be is a pointer.
fn empty(shape: &Shape) -> Value {
    match shape {
        Shape::Plain(zero) => zero.clone(),
        Shape::List(_) => Value::Array(Vec::new()),
        Shape::Map(_) | Shape::Object(_) => Value::Object(Map::new()),
        Shape::Maybe(inner) if matches!(**inner, Shape::List(_) | Shape::Map(_)) => empty(inner),
        Shape::Maybe(_) | Shape::Any | Shape::Unread | Shape::Ignored => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use engine_api::container::ContainerInspectResponse;
    use engine_api::shape::shape;
    use engine_api::swarm::{Node, Service};
    use serde_json::json;

    use super::super::template::Template;

    /// The same as Docker's client prints: `tests/e2e/template.rs` compares them.
    #[test]
    fn what_is_left_out_is_empty_and_what_cannot_be_is_refused() {
        let node = json!({"ManagerStatus": {"Reachability": "reachable"}, "Spec": {"Labels": {"a": "b"}}});
        let service = json!({"Endpoint": {"Ports": [{"TargetPort": 80}]}});
        let container = json!({"ExecIDs": null, "State": {}});
        let (nodes, services) = (shape::<Node>(), shape::<Service>());
        let containers = shape::<ContainerInspectResponse>();
        for (shape, object, source, want) in [
            (&nodes, &node, "{{.ManagerStatus.Leader}}", Some("false")),
            (&nodes, &node, "{{with .ManagerStatus}}{{.Leader}}{{end}}", Some("false")),
            (&nodes, &node, "{{.Spec.Name}}|{{.Description.Engine.Labels}}", Some("|map[]")),
            (&nodes, &node, "{{.Spec.Labels.a}} {{.Spec.Labels.x}}", Some("b <no value>")),
            (&nodes, &node, "{{if .Spec.Labels.x}}a{{else}}b{{end}}{{json .Spec.Labels.x}}", Some("bnull")),
            (&nodes, &node, "{{.ManagerStatus.Nope}}", None),
            (&nodes, &node, "{{.Spec.Labels.x.y}}", None),
            (&nodes, &json!({}), "{{.ManagerStatus}}", Some("<nil>")),
            (&nodes, &json!({}), "{{.ManagerStatus.Leader}}", None),
            (&services, &service, "{{range .Endpoint.Ports}}{{.Name}}|{{.PublishedPort}}{{end}}", Some("|0")),
            (&services, &service, "{{(index .Endpoint.Ports 0).PublishedPort}}", Some("0")),
            (
                &services,
                &service,
                "{{$p := .Endpoint}}{{$p.VirtualIPs}}{{json $p.Ports}}",
                Some("[][{\"TargetPort\":80}]"),
            ),
            (&containers, &container, "{{.ExecIDs}}|{{.SizeRw}}|{{.State.Health}}", Some("[]|<nil>|<nil>")),
        ] {
            let got = Template::parse(source).and_then(|template| template.apply_shaped(object, shape));
            assert_eq!(got.ok().as_deref(), want, "{source}");
        }
    }
}
