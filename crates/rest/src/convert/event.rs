//! Events of the engine → the API's.

use engine::event::{Event, EventKind};
use engine_api::event::{EventActor, EventMessage};

const SECOND_NS: i64 = 1_000_000_000;

/// One line of the stream. `flat`: the parts also stand at the top level, as old clients read them.
pub(crate) fn message(event: &Event, flat: bool) -> EventMessage {
    let is_flat = flat && matches!(event.kind, EventKind::Container | EventKind::Image);
    EventMessage {
        kind: event.kind.as_str().to_owned(),
        action: event.action.clone(),
        actor: EventActor { id: event.actor.id.clone(), attributes: event.actor.attributes.clone() },
        scope: scope(event.kind).to_owned(),
        time: event.time_ns.div_euclid(SECOND_NS),
        time_nano: event.time_ns,
        status: is_flat.then(|| event.action.clone()),
        id: is_flat.then(|| event.actor.id.clone()),
        from: (is_flat && event.kind == EventKind::Container)
            .then(|| event.actor.attributes.get("image").cloned().unwrap_or_default()),
    }
}

/// Objects of the swarm are known everywhere, all others here.
pub(crate) fn scope(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Service
        | EventKind::Node
        | EventKind::Secret
        | EventKind::Config
        | EventKind::SwarmNetwork => "swarm",
        EventKind::Container
        | EventKind::Image
        | EventKind::Network
        | EventKind::Volume
        | EventKind::Daemon
        | EventKind::Plugin
        | EventKind::Builder => "local",
    }
}
