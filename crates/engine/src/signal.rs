//! Signals by name or number, as Docker's clients write them: `SIGTERM`, `term`, `15`, `RTMIN+3`.

use crate::spec::Invalid;
use nix::sys::signal::Signal;
use std::str::FromStr;

/// The first and last real-time signal as programs see them; the C library keeps two for itself.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// The number of a signal.
///
/// # Errors
/// [`Invalid::Signal`] if there is none of that name or number.
pub(crate) fn parse(text: &str) -> Result<i32, Invalid> {
    let wrong = || Invalid::Signal(text.to_owned());
    if let Ok(number) = text.parse::<i32>() {
        return if (1..=RTMAX).contains(&number) { Ok(number) } else { Err(wrong()) };
    }
    let upper = text.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(number) = real_time(bare) {
        return if (RTMIN..=RTMAX).contains(&number) { Ok(number) } else { Err(wrong()) };
    }
    let name = match bare {
        "POLL" => "SIGIO".to_owned(),
        "CLD" => "SIGCHLD".to_owned(),
        "IOT" => "SIGABRT".to_owned(),
        other => format!("SIG{other}"),
    };
    Signal::from_str(&name).map(|signal| signal as i32).map_err(|_| wrong())
}

fn real_time(bare: &str) -> Option<i32> {
    let (base, offset) = if let Some(rest) = bare.strip_prefix("RTMIN") {
        (RTMIN, rest)
    } else {
        (RTMAX, bare.strip_prefix("RTMAX")?)
    };
    if offset.is_empty() { Some(base) } else { base.checked_add(offset.parse().ok()?) }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn names_and_numbers() {
        for (text, number) in [
            ("SIGTERM", 15),
            ("term", 15),
            ("9", 9),
            ("KILL", 9),
            ("RTMIN+3", 37),
            ("SIGRTMAX-1", 63),
            ("rtmin", 34),
        ] {
            assert_eq!(parse(text).unwrap(), number, "{text}");
        }
        for text in ["", "0", "-9", "65", "SIGFOO", "RTMIN+31", "RTMAX+1", "SIG", "9x"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
