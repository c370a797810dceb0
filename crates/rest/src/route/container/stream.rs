//! What a container's output is called on the wire.

use ::http::HeaderValue;

use crate::http::version::Version;

/// Since this version framed output has a content type of its own.
const MULTIPLEXED_SINCE: u16 = 42;
const RAW: &str = "application/vnd.docker.raw-stream";
const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";

/// The content type of a container's output: raw with a terminal, else frames of 8 bytes of header and the payload.
pub(super) fn kind(tty: bool, version: Version) -> &'static str {
    if tty || !version.since(MULTIPLEXED_SINCE) { RAW } else { MULTIPLEXED }
}

/// The same as a header.
pub(in crate::route) fn header(tty: bool, version: Version) -> HeaderValue {
    HeaderValue::from_static(kind(tty, version))
}
