//! One action on each of several objects: the good ones are printed as they are done, the bad ones told at the end.

use crate::console;
use crate::error::Error;

/// Calls `act` for each name. A name whose action succeeds is printed if the action gives a text.
pub(super) async fn each(
    names: &[String],
    act: impl AsyncFn(&str) -> Result<Option<String>, Error>,
) -> Result<(), Error> {
    let mut failed = Vec::new();
    for name in names {
        match act(name).await {
            Ok(Some(text)) => console::line(&text)?,
            Ok(None) => {}
            // Nothing else will succeed either.
            Err(
                error @ (Error::Connect { .. } | Error::Permission { .. } | Error::Tls { .. } | Error::Io(_)),
            ) => return Err(error),
            Err(error) => failed.push(error.to_string()),
        }
    }
    for text in &failed {
        console::note(text);
    }
    if failed.is_empty() { Ok(()) } else { Err(Error::Told) }
}
