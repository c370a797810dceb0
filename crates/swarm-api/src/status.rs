//! How much a task's status may say. Its texts come from registries, images and programs: a worker cuts them before it reports,
//! so that a report always fits into a message, and the managers again before they store them.

use crate::pb;

/// Longest text of a status, in bytes.
pub const TEXT_BYTES: usize = 4096;
/// Host ports of a status.
pub const PORTS: usize = 256;

/// Cuts what is too long.
pub fn bound(status: &mut pb::TaskStatus) {
    shorten(&mut status.message, TEXT_BYTES);
    shorten(&mut status.err, TEXT_BYTES);
    status.ports.truncate(PORTS);
    status.ports.iter_mut().for_each(|port| shorten(&mut port.name, TEXT_BYTES));
    if let Some(container) = &mut status.container {
        shorten(&mut container.container_id, TEXT_BYTES);
    }
}

/// Cuts a text at a character, to at most `limit` bytes.
pub fn shorten(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_kept_within_bounds() {
        let long = "x".repeat(TEXT_BYTES * 2);
        let port = pb::PortConfig { name: long.clone(), ..Default::default() };
        let container = pb::ContainerStatus { container_id: long.clone(), ..Default::default() };
        let mut status = pb::TaskStatus {
            message: long.clone(),
            err: long,
            container: Some(container),
            ports: vec![port; PORTS * 2],
            ..Default::default()
        };
        bound(&mut status);
        assert_eq!((status.message.len(), status.err.len()), (TEXT_BYTES, TEXT_BYTES));
        assert_eq!(status.container.unwrap().container_id.len(), TEXT_BYTES);
        assert_eq!((status.ports.len(), status.ports[0].name.len()), (PORTS, TEXT_BYTES));
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let mut text = "é".repeat(TEXT_BYTES);
        shorten(&mut text, TEXT_BYTES - 1);
        assert!(text.len() == TEXT_BYTES - 2 && text.chars().all(|c| c == 'é'));
    }
}
