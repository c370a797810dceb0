//! Syslog messages, as Docker's driver writes them. Pure but for the local time zone.

use ::shim::{Syslog, SyslogFormat};

use super::Stream;

/// RFC 5424 section 6.2.1.
const ERROR: u8 = 3;
const INFORMATIONAL: u8 = 6;
const NS_PER_SECOND: i64 = 1_000_000_000;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// One message with its line end.
pub(super) fn message(syslog: &Syslog, stream: Stream, at_ns: i64, text: &[u8]) -> Vec<u8> {
    let severity = match stream {
        Stream::Stdout => INFORMATIONAL,
        Stream::Stderr => ERROR,
    };
    let head = head(syslog, syslog.facility * 8 + severity, &Local::at(at_ns), std::process::id());
    let mut message = head.into_bytes();
    message.extend_from_slice(text);
    message.push(b'\n');
    message
}

fn head(syslog: &Syslog, priority: u8, at: &Local, pid: u32) -> String {
    let Syslog { tag, hostname, .. } = syslog;
    match syslog.format {
        SyslogFormat::Unix => format!("<{priority}>{} {tag}[{pid}]: ", at.stamp()),
        SyslogFormat::Rfc3164 => format!("<{priority}>{} {hostname} {tag}[{pid}]: ", at.stamp()),
        SyslogFormat::Rfc5424 => {
            format!("<{priority}>1 {} {hostname} {tag} {pid} {tag} - ", at.rfc3339(false))
        }
        SyslogFormat::Rfc5424Micro => {
            format!("<{priority}>1 {} {hostname} {tag} {pid} {tag} - ", at.rfc3339(true))
        }
    }
}

/// A moment on this machine's clock.
struct Local {
    /// Year, month from 0, day, hour, minute, second.
    parts: [i32; 6],
    /// East of Greenwich.
    offset_seconds: i64,
    microseconds: i64,
}

impl Local {
    fn at(ns: i64) -> Local {
        let seconds: libc::time_t = ns.div_euclid(NS_PER_SECOND);
        // SAFETY: all zeros is a valid tm.
        let mut tm: libc::tm = unsafe { std::mem::zeroed() };
        // SAFETY: both point to values of ours; there is one thread.
        unsafe { libc::localtime_r(&raw const seconds, &raw mut tm) };
        Local {
            parts: [tm.tm_year + 1900, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec],
            offset_seconds: tm.tm_gmtoff,
            microseconds: ns.rem_euclid(NS_PER_SECOND) / 1000,
        }
    }

    /// `Nov  1 09:08:07`
    fn stamp(&self) -> String {
        let [_, month, day, hour, minute, second] = self.parts;
        let month = usize::try_from(month).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"Jan");
        format!("{month} {day:>2} {hour:02}:{minute:02}:{second:02}")
    }

    fn rfc3339(&self, micro: bool) -> String {
        let [year, month, day, hour, minute, second] = self.parts;
        let fraction = if micro { format!(".{:06}", self.microseconds) } else { String::new() };
        let zone = match self.offset_seconds / 60 {
            0 => "Z".to_owned(),
            east => {
                let sign = if east < 0 { '-' } else { '+' };
                format!("{sign}{:02}:{:02}", east.abs() / 60, east.abs() % 60)
            }
        };
        format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}", month + 1)
    }
}

#[cfg(test)]
mod tests {
    use ::shim::Peer;

    use super::*;

    #[test]
    fn every_format_is_dockers() {
        let at = Local { parts: [2026, 10, 1, 9, 8, 7], offset_seconds: -5400, microseconds: 42 };
        for (format, expected) in [
            (SyslogFormat::Unix, "<30>Nov  1 09:08:07 tag[7]: "),
            (SyslogFormat::Rfc3164, "<30>Nov  1 09:08:07 host tag[7]: "),
            (SyslogFormat::Rfc5424, "<30>1 2026-11-01T09:08:07-01:30 host tag 7 tag - "),
            (SyslogFormat::Rfc5424Micro, "<30>1 2026-11-01T09:08:07.000042-01:30 host tag 7 tag - "),
        ] {
            let syslog =
                Syslog { peer: Peer::Local, format, facility: 3, tag: "tag".into(), hostname: "host".into() };
            assert_eq!(head(&syslog, 30, &at, 7), expected);
        }
    }
}
