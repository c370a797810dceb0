//! `shoal events`.

use engine_api::event::EventMessage;
use serde_json::Value;
use time::OffsetDateTime;

use crate::client::{Client, Request};
use crate::command::listing::template;
use crate::console;
use crate::error::Error;
use crate::flag::{moment, pair};
use crate::format::text::plain;

/// Get real time events from the server
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal events [OPTIONS]")]
pub(crate) struct Args {
    /// Filter output based on conditions provided
    #[arg(short, long, value_name = "filter", value_parser = pair::filter)]
    filter: Vec<(String, String)>,
    /// Format output using a custom template: 'json' or 'TEMPLATE' in Go's template language
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Show all events created since timestamp
    #[arg(long, value_name = "string", value_parser = moment::parse)]
    since: Option<String>,
    /// Stream events until this timestamp
    #[arg(long, value_name = "string", value_parser = moment::parse)]
    until: Option<String>,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let template = template(args.format.as_deref())?;
    let request = Request::get("/events")
        .query_some("since", args.since)
        .query_some("until", args.until)
        .query_some("filters", Some(pair::filters(&args.filter)));
    let mut lines = client.send(request).await?.lines();
    while let Some(event) = lines.next::<Value>().await? {
        let text =
            match &template {
                Some(template) => template.apply(&event)?,
                None => line(&serde_json::from_value(event).map_err(|error| Error::Answer {
                    what: "events".to_owned(),
                    reason: error.to_string(),
                })?),
            };
        console::line(&text)?;
    }
    Ok(())
}

/// `2026-01-02T03:04:05.000000006Z container start 0123… (image=busybox, name=web)`.
fn line(event: &EventMessage) -> String {
    let nanos = if event.time_nano == 0 {
        i128::from(event.time) * 1_000_000_000
    } else {
        i128::from(event.time_nano)
    };
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, nano) = at.to_hms_nano();
    let at =
        format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nano:09}Z", u8::from(month));
    let attributes: Vec<String> =
        event.actor.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let attributes =
        if attributes.is_empty() { String::new() } else { format!(" ({})", attributes.join(", ")) };
    plain(&format!("{at} {} {} {}{attributes}", event.kind, event.action, event.actor.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_like_dockers() {
        let json = r#"{"Type":"container","Action":"start","Actor":{"ID":"abc","Attributes":{"name":"web","image":"b"}},"timeNano":1700000000000000001}"#;
        let event: EventMessage = serde_json::from_str(json).unwrap();
        assert_eq!(line(&event), "2023-11-14T22:13:20.000000001Z container start abc (image=b, name=web)");
    }
}
