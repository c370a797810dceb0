//! Which events a stream shows.

use engine::event::{Event, EventKind};
use engine_api::Filters;

use super::{known, label, passes};
use crate::convert;
use crate::failure::Failure;

const NAMES: [&str; 15] = [
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
    "builder",
];

/// Filters of the event stream.
#[derive(Debug)]
pub(crate) struct Filter(Filters);

impl Filter {
    pub(crate) fn new(filters: Filters) -> Result<Self, Failure> {
        known(&filters, &NAMES)?;
        Ok(Self(filters))
    }

    /// Whether the stream shows an event.
    pub(crate) fn shows(&self, event: &Event) -> bool {
        let attribute = |name: &str| event.actor.attributes.get(name).map(String::as_str);
        // Docker appends what was run to the action (`exec_create: sh`), and filters by the word before it.
        let action = event.action.split(':').next().unwrap_or_default();
        let kind = event.kind.as_str();
        passes(self.0.get("type"), |wish| wish == kind)
            && passes(self.0.get("event"), |wish| *wish == event.action || wish == action)
            && passes(self.0.get("scope"), |wish| wish == convert::event::scope(event.kind))
            && self.0.get("label").iter().all(|wish| label::fits_one(wish, attribute))
            && self.objects(event)
    }

    /// Filters by object: a filter named like a kind shows only events of that kind, by id, its beginning, or name.
    fn objects(&self, event: &Event) -> bool {
        let name = event.actor.attributes.get("name").map(String::as_str);
        let is_object = |wish: &String| event.actor.id.starts_with(wish.as_str()) || name == Some(wish);
        let mut wished = false;
        for kind in
            NAMES.iter().filter(|name| !matches!(**name, "event" | "label" | "scope" | "type" | "image"))
        {
            let wishes = self.0.get(kind);
            if wishes.is_empty() {
                continue;
            }
            wished = true;
            if *kind == event.kind.as_str() && wishes.iter().any(is_object) {
                return self.image(event);
            }
        }
        !wished && self.image(event)
    }

    /// Of an image and of its containers.
    fn image(&self, event: &Event) -> bool {
        let attribute = if event.kind == EventKind::Image { "name" } else { "image" };
        let image = event.actor.attributes.get(attribute);
        passes(self.0.get("image"), |wish| {
            let untagged = |name: &String| name.rsplit_once(':').is_some_and(|(name, _)| name == wish);
            event.actor.id == *wish || image.is_some_and(|name| name == wish || untagged(name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::event::Actor;

    fn event() -> Event {
        let attributes = [("name", "web"), ("image", "busybox:latest"), ("com.x", "1")];
        let attributes = attributes.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let actor = Actor { id: "abcdef".into(), attributes };
        Event { kind: EventKind::Container, action: "start".into(), actor, time_ns: 1 }
    }

    fn shows(text: &str) -> bool {
        Filter::new(Filters::parse(text).expect("json")).expect("known").shows(&event())
    }

    #[test]
    fn each_filter_shows_and_hides() {
        assert!(shows("{}"));
        for shown in [
            r#"{"type":["container"]}"#,
            r#"{"container":["web"]}"#,
            r#"{"container":["abc"],"event":["start","die"]}"#,
            r#"{"image":["busybox"]}"#,
            r#"{"label":["com.x=1"],"scope":["local"]}"#,
        ] {
            assert!(shows(shown), "{shown}");
        }
        for hidden in [
            r#"{"type":["image"]}"#,
            r#"{"container":["db"]}"#,
            r#"{"network":["web"]}"#,
            r#"{"event":["die"]}"#,
            r#"{"label":["com.x=2"]}"#,
            r#"{"image":["alpine"]}"#,
        ] {
            assert!(!shows(hidden), "{hidden}");
        }
        assert!(Filter::new(Filters::parse(r#"{"color":["red"]}"#).expect("json")).is_err());
    }
}
