//! What an error of the engine means for a task: never here, failed, or later.

use engine::{Error, ErrorKind};
use worker::ExecutorError;

/// An error of creating a container.
pub(super) fn of_create(error: &Error) -> ExecutorError {
    let message = error.to_string();
    match error.kind() {
        // The same spec gives the same answer on this node, tomorrow too.
        ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::NotImplemented | ErrorKind::Forbidden => {
            ExecutorError::Rejected { message }
        }
        ErrorKind::Unavailable => ExecutorError::Unavailable { message },
        ErrorKind::Conflict | ErrorKind::NotModified | ErrorKind::Internal | ErrorKind::Exhausted => {
            ExecutorError::Failed { message, exit_code: None }
        }
    }
}

/// An error of starting a container.
pub(super) fn of_start(error: &Error) -> ExecutorError {
    let exit_code = match error {
        Error::Start { exit_code, .. } => Some(*exit_code),
        _ => None,
    };
    match error.kind() {
        ErrorKind::Unavailable => ExecutorError::Unavailable { message: error.to_string() },
        _ => ExecutorError::Failed { message: error.to_string(), exit_code },
    }
}

/// An error of fetching an image: a registry that does not answer may do so later, elsewhere.
pub(super) fn of_pull(error: &image::Error) -> ExecutorError {
    ExecutorError::Rejected { message: error.to_string() }
}

/// An error that may pass.
pub(super) fn later(error: &Error) -> ExecutorError {
    ExecutorError::Unavailable { message: error.to_string() }
}
