//! What `ps --filter` lets through. Pure: a filter and records in, a verdict out.

use crate::record::{Record, Status};
use std::collections::BTreeMap;

/// The filters of one request: key → any of these values. Different keys must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    terms: BTreeMap<String, Vec<String>>,
}

/// What a filter needs to know besides the container.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// All containers, for `before` and `since`.
    pub all: &'a [std::sync::Arc<Record>],
    /// For `ancestor`: image id → ids of it and of all images it was built from, and all their names.
    pub ancestors: Option<&'a BTreeMap<String, Vec<String>>>,
}

/// A filter that Docker does not have, or a value it cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// An unknown key.
    #[error("invalid filter '{0}'")]
    Key(String),
    /// A value outside the key's set.
    #[error("invalid filter '{key}={value}'")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// `before` or `since` a container that does not exist.
    #[error("No such container: {0}")]
    NoSuchContainer(String),
}

const KEYS: [&str; 16] = [
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "label!",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];
/// What `health` may be.
const HEALTH: [&str; 4] = ["starting", "healthy", "unhealthy", "none"];

impl Filter {
    /// Judges the terms of a request.
    ///
    /// # Errors
    /// If a key is unknown or a value impossible.
    pub fn new(terms: BTreeMap<String, Vec<String>>) -> Result<Filter, FilterError> {
        for (key, values) in &terms {
            if !KEYS.contains(&key.as_str()) {
                return Err(FilterError::Key(key.clone()));
            }
            for value in values {
                let possible = match key.as_str() {
                    "status" => Status::ALL.iter().any(|status| status.as_str() == value),
                    "exited" => value.parse::<i32>().is_ok(),
                    "health" => HEALTH.contains(&value.as_str()),
                    "publish" | "expose" => crate::spec::Port::parse_range(value).is_ok(),
                    "is-task" => matches!(value.as_str(), "true" | "false" | "1" | "0"),
                    _ => true,
                };
                if !possible {
                    return Err(FilterError::Value { key: key.clone(), value: value.clone() });
                }
            }
        }
        Ok(Filter { terms })
    }

    /// Whether a container that does not run may pass: Docker shows those only if asked for by status or exit code.
    pub fn asks_for_stopped(&self) -> bool {
        self.terms.contains_key("status") || self.terms.contains_key("exited")
    }

    /// The values of one key.
    pub fn values(&self, key: &str) -> &[String] {
        self.terms.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether a container passes.
    ///
    /// # Errors
    /// If `before` or `since` name a container that does not exist.
    pub fn matches(&self, record: &Record, around: &Surroundings<'_>) -> Result<bool, FilterError> {
        for (key, values) in &self.terms {
            let holds = match key.as_str() {
                // Each must hold, as Docker has it for labels only.
                "label" => values.iter().all(|value| has_label(record, value)),
                "label!" => !values.iter().any(|value| has_label(record, value)),
                "before" | "since" => passes_in_time(record, key, values, around)?,
                _ => values.is_empty() || values.iter().any(|value| holds(record, key, value, around)),
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn holds(record: &Record, key: &str, value: &str, around: &Surroundings<'_>) -> bool {
    match key {
        "id" => record.id.starts_with(value),
        "name" => has_name(&record.name, value),
        "status" => record.state.status.as_str() == value,
        "exited" => {
            let ended = matches!(record.state.status, Status::Exited | Status::Dead);
            ended && value.parse() == Ok(record.state.exit_code)
        }
        "ancestor" => is_ancestor(record, value, around),
        "network" => in_network(record, value),
        "publish" => ports(value).iter().any(|port| is_published(record, *port)),
        "expose" => ports(value).iter().any(|port| record.spec.config.exposed_ports.contains(port)),
        "volume" => record
            .mounts
            .iter()
            .any(|mount| [&mount.name, &mount.source, &mount.destination].iter().any(|have| *have == value)),
        "health" => {
            let health = record.state.health.as_ref();
            value == health.map_or("none", |report| crate::health::word(report.status))
        }
        // Tasks are known by their label, which is all the engine ever hears of them.
        "is-task" => {
            record.spec.config.labels.contains_key("com.docker.swarm.task.id")
                == matches!(value, "true" | "1")
        }
        "isolation" => value == "default" || value.is_empty(),
        _ => false,
    }
}

fn has_label(record: &Record, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => record.spec.config.labels.get(key).is_some_and(|have| have == value),
        None => record.spec.config.labels.contains_key(wanted),
    }
}

/// Docker matches a regular expression anywhere in the name, with or without its slash; of those, anchors are what clients
/// use.
fn has_name(name: &str, pattern: &str) -> bool {
    let (start, rest) = pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
    let (end, rest) = rest.strip_suffix('$').map_or((false, rest), |rest| (true, rest));
    let literal = rest.replace('\\', "");
    let literal = literal.strip_prefix('/').map_or((start, literal.as_str()), |bare| (true, bare));
    match (literal, end) {
        ((true, text), true) => name == text,
        ((true, text), false) => name.starts_with(text),
        ((false, text), true) => name.ends_with(text),
        ((false, text), false) => name.contains(text),
    }
}

fn is_ancestor(record: &Record, value: &str, around: &Surroundings<'_>) -> bool {
    let bare = |id: &str| id.strip_prefix("sha256:").unwrap_or(id).to_owned();
    let wanted = bare(value);
    let short =
        wanted.len() >= crate::record::SHORT_ID && wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
    let same = |id: &str| id == value || (short && bare(id).starts_with(&wanted));
    let tagged = |name: &str| name == value || name.strip_suffix(":latest") == Some(value);
    let known = around.ancestors.and_then(|ancestors| ancestors.get(&record.image_id));
    same(&record.image_id)
        || tagged(&record.spec.image)
        || known.is_some_and(|list| list.iter().any(|name| same(name) || tagged(name)))
}

fn in_network(record: &Record, value: &str) -> bool {
    // Those it will be on when it starts count too.
    let named = record
        .spec
        .networks
        .iter()
        .any(|(name, place)| name == value || (!value.is_empty() && place.network_id.starts_with(value)));
    named || record.spec.host.network_mode.network() == Some(value)
}

/// `80`, `80/udp`, `8000-8010/tcp`
fn ports(value: &str) -> Vec<crate::spec::Port> {
    crate::spec::Port::parse_range(value).unwrap_or_default()
}

fn is_published(record: &Record, port: crate::spec::Port) -> bool {
    let protocol = port.protocol.to_string();
    let given = record.endpoints.iter().flat_map(|endpoint| &endpoint.ports);
    let live = given
        .into_iter()
        .any(|bound| bound.host_port == port.number && bound.protocol.to_string() == protocol);
    live || record.spec.host.port_bindings.contains_key(&port)
}

fn passes_in_time(
    record: &Record,
    key: &str,
    values: &[String],
    around: &Surroundings<'_>,
) -> Result<bool, FilterError> {
    for value in values {
        let name = value.strip_prefix('/').unwrap_or(value);
        let other = around
            .all
            .iter()
            .find(|other| other.name == name || (!name.is_empty() && other.id.starts_with(name)));
        let other = other.ok_or_else(|| FilterError::NoSuchContainer(value.clone()))?;
        let earlier = record.created_ns < other.created_ns;
        let later = record.created_ns > other.created_ns;
        if !(if key == "before" { earlier } else { later }) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn record() -> Record {
        let mut record =
            Record { id: "abc123".repeat(10), name: "web-1".into(), created_ns: 50, ..Record::default() };
        record.image_id = format!("sha256:{}", "5".repeat(64));
        record.spec.image = "nginx:latest".into();
        record.spec.config.labels =
            [("tier".to_owned(), "front".to_owned()), ("x".to_owned(), String::new())].into();
        record.spec.config.exposed_ports = ["80".parse().unwrap()].into();
        record.spec.host.port_bindings.insert("80".parse().unwrap(), Vec::new());
        record.state.status = Status::Exited;
        record.state.exit_code = 3;
        record
    }

    fn passes(terms: &[(&str, &str)]) -> bool {
        let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in terms {
            map.entry((*key).to_owned()).or_default().push((*value).to_owned());
        }
        let older = Record { id: "0ld".into(), name: "older".into(), created_ns: 10, ..Record::default() };
        let all = [Arc::new(record()), Arc::new(older)];
        Filter::new(map).unwrap().matches(&record(), &Surroundings { all: &all, ancestors: None }).unwrap()
    }

    #[test]
    fn each_key_has_its_rule() {
        let good = [
            ("id", "abc"),
            ("name", "eb"),
            ("name", "^/web-1$"),
            ("name", "^web"),
            ("status", "exited"),
            ("exited", "3"),
            ("label", "tier"),
            ("label", "tier=front"),
            ("label!", "y"),
            ("label!", "tier=back"),
            ("ancestor", "nginx"),
            ("ancestor", "nginx:latest"),
            ("ancestor", "555555555555"),
            ("publish", "80"),
            ("expose", "80/tcp"),
            ("network", "bridge"),
            ("since", "older"),
            ("health", "none"),
            ("is-task", "false"),
        ];
        for term in good {
            assert!(passes(&[term]), "{term:?}");
        }
        let bad = [
            ("id", "bc"),
            ("name", "^eb"),
            ("name", "web$"),
            ("status", "running"),
            ("exited", "0"),
            ("label", "y"),
            ("label", "tier=back"),
            ("label!", "tier"),
            ("ancestor", "redis"),
            ("publish", "81"),
            ("expose", "80/udp"),
            ("network", "host"),
            ("before", "older"),
            ("volume", "/data"),
            ("health", "healthy"),
            ("is-task", "true"),
        ];
        for term in bad {
            assert!(!passes(&[term]), "{term:?}");
        }
    }

    #[test]
    fn values_of_a_key_are_alternatives_but_labels_and_keys_add_up() {
        assert!(passes(&[("status", "running"), ("status", "exited")]));
        assert!(!passes(&[("status", "exited"), ("name", "db")]));
        assert!(!passes(&[("label", "tier"), ("label", "y")]));
        assert!(passes(&[("label", "tier"), ("label", "x=")]));
    }

    #[test]
    fn what_docker_does_not_have_is_named() {
        let of = |key: &str, value: &str| Filter::new([(key.to_owned(), vec![value.to_owned()])].into());
        assert_eq!(of("colour", "red").unwrap_err().to_string(), "invalid filter 'colour'");
        assert_eq!(of("status", "happy").unwrap_err().to_string(), "invalid filter 'status=happy'");
        assert!(of("exited", "x").is_err() && of("publish", "x").is_err() && of("expose", "abc").is_err());
        let before = of("before", "nobody").unwrap();
        assert!(before.matches(&record(), &Surroundings::default()).is_err());
    }
}
