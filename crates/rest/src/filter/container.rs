//! Which containers a list shows.

use std::collections::HashSet;

use engine::spec::Port;
use engine::{Record, Status};
use engine_api::Filters;

use super::pattern::Names;
use super::port::Ports;
use super::{flag, known, label, passes};
use crate::failure::Failure;

const NAMES: [&str; 16] = [
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
    "runtime",
];
/// The label the swarm's executor gives its containers.
const TASK_LABEL: &str = "com.docker.swarm.task.id";

/// Filters of the list of containers, judged. What they name by reference has been looked up by the caller.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    filters: Filters,
    names: Names,
    ids: Names,
    exposed: Ports,
    published: Ports,
    exit_codes: Vec<i32>,
    statuses: Vec<Status>,
    is_task: Option<bool>,
    /// Ids of the images of `ancestor`.
    pub(crate) ancestors: HashSet<String>,
    /// Only containers made before this time, nanoseconds.
    pub(crate) before_ns: Option<i64>,
    /// Only containers made after this time, nanoseconds.
    pub(crate) since_ns: Option<i64>,
}

impl Filter {
    pub(crate) fn new(filters: Filters) -> Result<Self, Failure> {
        known(&filters, &NAMES)?;
        let wrong = |name: &str, value: &str| Failure::invalid(format!("invalid filter '{name}={value}'"));
        let exit_codes = filters.get("exited").iter().map(|v| v.parse().map_err(|_| wrong("exited", v)));
        let statuses = filters.get("status").iter().map(|value| {
            Status::ALL
                .into_iter()
                .find(|status| status.as_str() == value)
                .ok_or_else(|| wrong("status", value))
        });
        if let Some(value) = filters.get("health").iter().find(|v| !HEALTH.contains(&v.as_str())) {
            return Err(wrong("health", value));
        }
        Ok(Self {
            names: Names::new("name", filters.get("name"))?,
            ids: Names::new("id", filters.get("id"))?,
            exposed: Ports::new("expose", filters.get("expose"))?,
            published: Ports::new("publish", filters.get("publish"))?,
            exit_codes: exit_codes.collect::<Result<_, _>>()?,
            statuses: statuses.collect::<Result<_, _>>()?,
            is_task: flag(&filters, "is-task")?,
            filters,
            ..Self::default()
        })
    }

    /// The values of a filter that names other objects.
    pub(crate) fn references(&self, name: &str) -> &[String] {
        self.filters.get(name)
    }

    /// A filter by status shows also what does not run.
    pub(crate) fn wants_all(&self) -> bool {
        !self.statuses.is_empty()
    }

    /// Whether the list shows a container.
    pub(crate) fn shows(&self, record: &Record) -> bool {
        let config = &record.spec.config;
        let slashed = format!("/{}", record.name);
        let is_task = config.labels.contains_key(TASK_LABEL);
        let ended_with =
            |code: &i32| record.state.status == Status::Exited && record.state.exit_code == *code;
        self.names.fit([record.name.as_str(), slashed.as_str()])
            && self.ids.fit([record.id.as_str()])
            && label::fits(self.filters.get("label"), &config.labels)
            && (self.statuses.is_empty() || self.statuses.contains(&record.state.status))
            && (self.exit_codes.is_empty() || self.exit_codes.iter().any(ended_with))
            && self.is_task.is_none_or(|wanted| wanted == is_task)
            && (self.filters.get("ancestor").is_empty() || self.ancestors.contains(&record.image_id))
            && self.before_ns.is_none_or(|time| record.created_ns < time)
            && self.since_ns.is_none_or(|time| record.created_ns > time)
            // No container has a health check yet.
            && passes(self.filters.get("health"), |wish| wish == "none")
            && passes(self.filters.get("isolation"), |wish| wish == "default" || wish.is_empty())
            && passes(self.filters.get("runtime"), |wish| *wish == record.spec.host.runtime)
            && passes(self.filters.get("network"), |wish| on_network(record, wish))
            && passes(self.filters.get("volume"), |wish| has_mount(record, wish))
            && self.exposed.fit(config.exposed_ports.iter().copied().chain(published(record)))
            && self.published.fit(published(record))
    }
}

const HEALTH: [&str; 4] = ["none", "starting", "healthy", "unhealthy"];

fn published(record: &Record) -> impl Iterator<Item = Port> + '_ {
    let bindings = &record.spec.host.port_bindings;
    bindings.iter().filter(|(_, places)| !places.is_empty()).map(|(port, _)| *port)
}

fn on_network(record: &Record, wish: &str) -> bool {
    let by_endpoint =
        record.endpoints.iter().any(|e| e.network_name == wish || e.network_id.starts_with(wish));
    by_endpoint
        || record.spec.host.network_mode.network() == Some(wish)
        || record.spec.networks.contains_key(wish)
}

fn has_mount(record: &Record, wish: &str) -> bool {
    record.mounts.iter().any(|mount| mount.destination == wish || mount.source == wish)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let mut record =
            Record { id: "abc123".into(), name: "web".into(), created_ns: 10, ..Record::default() };
        record.spec.config.labels.insert("a".into(), "b".into());
        record.spec.config.exposed_ports.insert("80/tcp".parse().expect("port"));
        record.state.status = Status::Exited;
        record.state.exit_code = 3;
        record
    }

    fn shows(text: &str) -> bool {
        Filter::new(Filters::parse(text).expect("json")).expect("known").shows(&record())
    }

    #[test]
    fn each_filter_shows_and_hides() {
        for shown in [
            "{}",
            r#"{"name":["^/web$"]}"#,
            r#"{"id":["abc"]}"#,
            r#"{"label":["a","a=b"]}"#,
            r#"{"status":["exited","running"],"exited":["3"]}"#,
            r#"{"expose":["80"]}"#,
            r#"{"is-task":["false"]}"#,
            r#"{"health":["none"]}"#,
            r#"{"network":["bridge"]}"#,
        ] {
            assert!(shows(shown), "{shown}");
        }
        for hidden in [
            r#"{"name":["db"]}"#,
            r#"{"label":["a","c"]}"#,
            r#"{"status":["running"]}"#,
            r#"{"exited":["0"]}"#,
            r#"{"publish":["80"]}"#,
            r#"{"ancestor":["busybox"]}"#,
            r#"{"health":["healthy"]}"#,
            r#"{"volume":["/data"]}"#,
        ] {
            assert!(!shows(hidden), "{hidden}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_by_name() {
        for wrong in [
            r#"{"color":["red"]}"#,
            r#"{"status":["gone"]}"#,
            r#"{"exited":["x"]}"#,
            r#"{"is-task":["maybe"]}"#,
        ] {
            let failure = Filter::new(Filters::parse(wrong).expect("json")).expect_err(wrong);
            assert!(failure.message.starts_with("invalid filter '"), "{}", failure.message);
        }
    }
}
