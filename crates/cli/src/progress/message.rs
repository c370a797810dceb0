//! The messages of pull, load and import, as Docker's client shows them.
//!
//! In: a stream of JSON objects. Out: lines on the given writer; an error if the stream tells one.

use std::io::Write;

use engine_api::image::ProgressMessage;

use super::bar::bar;
use super::painter::Painter;
use crate::client::Lines;
use crate::error::Error;
use crate::format::unit;

/// Columns of a terminal below which the bar is left out, as in Docker's client; the numbers stay.
const BAR_COLUMNS: usize = 110;

/// Shows the whole stream on `to`; `terminal` says whether lines may change in place.
pub(crate) async fn show(mut lines: Lines, to: impl Write, terminal: bool) -> Result<(), Error> {
    let mut painter = Painter::new(to, terminal);
    while let Some(message) = lines.next::<ProgressMessage>().await? {
        one(&mut painter, &message)?;
    }
    Ok(())
}

/// Reads the stream to its end and shows nothing; its error is still an error.
pub(crate) async fn swallow(lines: Lines) -> Result<(), Error> {
    show(lines, std::io::sink(), false).await
}

fn one<W: Write>(painter: &mut Painter<W>, message: &ProgressMessage) -> Result<(), Error> {
    let told = message.error_detail.as_ref().map(|detail| &detail.message).filter(|text| !text.is_empty());
    if let Some(message) = told.or(message.error.as_ref()) {
        return Err(Error::Stream { message: message.clone() });
    }
    if let Some(text) = message.stream.as_ref().filter(|text| !text.is_empty()) {
        return painter.append(text);
    }
    let Some(status) = message.status.as_ref().filter(|status| !status.is_empty()) else { return Ok(()) };
    let progress =
        message.progress_detail.and_then(|detail| Some((detail.current?, detail.total.unwrap_or(0))));
    let tail = match progress.filter(|(current, _)| *current > 0) {
        None => String::new(),
        Some(_) if !painter.rewrites() => return Ok(()),
        Some((current, 0)) => format!("  {}", unit::size(current)),
        Some((current, total)) => {
            let numbers = format!("{}/{}", unit::size(current), unit::size(total));
            match painter.columns() {
                Some(columns) if columns <= BAR_COLUMNS => format!("  {numbers}"),
                _ => format!(" {}  {numbers}", bar(current, total)),
            }
        }
    };
    match message.id.as_ref().filter(|id| !id.is_empty()) {
        Some(id) => painter.show(id, &format!("{id}: {status}{tail}")),
        None => painter.append(&format!("{status}{tail}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(messages: &[&str], terminal: bool) -> Result<String, String> {
        let mut out = Vec::new();
        let mut painter = Painter::new(&mut out, terminal);
        for json in messages {
            one(&mut painter, &serde_json::from_str(json).unwrap()).map_err(|error| error.to_string())?;
        }
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn plain_lines_leave_bars_out() {
        let messages = [
            r#"{"status":"Pulling from library/x","id":"latest"}"#,
            r#"{"status":"Downloading","id":"abc","progressDetail":{"current":5,"total":10}}"#,
            r#"{"status":"Pull complete","id":"abc","progressDetail":{}}"#,
            r#"{"status":"Status: Downloaded"}"#,
            r#"{"stream":"Loaded image: x:latest\n"}"#,
        ];
        let want = "latest: Pulling from library/x\nabc: Pull complete\nStatus: Downloaded\nLoaded image: x:latest\n";
        assert_eq!(shown(&messages, false).as_deref(), Ok(want));
        assert!(shown(&messages, true).unwrap().contains("abc: Downloading"));
    }

    #[test]
    fn an_error_inside_is_an_error() {
        let got = shown(&[r#"{"errorDetail":{"message":"no space left"},"error":"no space left"}"#], false);
        assert_eq!(got, Err("no space left".to_owned()));
    }
}
