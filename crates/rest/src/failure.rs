//! Errors of every room become a status and a sentence here, and nowhere else.

use ::http::StatusCode;
use engine_api::DecodeError;
use tonic::Code;

use crate::NodeError;

/// The words clients look for when the version they update from is not the newest.
const OUT_OF_SEQUENCE: &str = "update out of sequence";

/// A request that failed: the status and the sentence of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// 400: the request is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404: it is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 501: it is not here yet.
    pub(crate) fn missing(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, format!("{what} is not implemented yet"))
    }

    /// 500: we failed.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        use engine::ErrorKind as Kind;
        let status = match error.kind() {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::NotModified => StatusCode::NOT_MODIFIED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Kind::Internal | Kind::Exhausted => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<network::Error> for Failure {
    fn from(error: network::Error) -> Self {
        engine::Error::from(error).into()
    }
}

impl From<engine::spec::Invalid> for Failure {
    fn from(invalid: engine::spec::Invalid) -> Self {
        engine::Error::from(invalid).into()
    }
}

impl From<engine::filter::FilterError> for Failure {
    fn from(error: engine::filter::FilterError) -> Self {
        use engine::filter::FilterError;
        match error {
            FilterError::NoSuchContainer(_) => Self::not_found(error.to_string()),
            FilterError::Key(_) | FilterError::Value { .. } => Self::invalid(error.to_string()),
        }
    }
}

impl From<image::Error> for Failure {
    fn from(error: image::Error) -> Self {
        use image::ErrorKind as Kind;
        let status = match error.kind() {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Invalid => StatusCode::BAD_REQUEST,
            // Docker answers 500 for a registry that refuses or cannot be reached, and clients retry on 503.
            Kind::Unavailable | Kind::Forbidden | Kind::Exhausted | Kind::Internal => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::new(status, error.to_string())
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        let status = match &error {
            NodeError::AlreadyInSwarm
            | NodeError::NotInSwarm
            | NodeError::NotManager
            | NodeError::NotPart
            | NodeError::Locked
            | NodeError::LeaveLocked
            | NodeError::LastManager(_) => StatusCode::SERVICE_UNAVAILABLE,
            NodeError::NotLocked => StatusCode::CONFLICT,
            NodeError::InvalidKey => StatusCode::UNAUTHORIZED,
            NodeError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            NodeError::Invalid(_) | NodeError::Refused(_) => StatusCode::BAD_REQUEST,
            NodeError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            NodeError::NotImplemented(_) => StatusCode::NOT_IMPLEMENTED,
        };
        Self::new(status, error.to_string())
    }
}

impl From<tonic::Status> for Failure {
    fn from(answer: tonic::Status) -> Self {
        let message = answer.message();
        if message.contains(OUT_OF_SEQUENCE) {
            // The status and the words of every daemon so far.
            return Self::internal(format!("rpc error: code = Unknown desc = {OUT_OF_SEQUENCE}"));
        }
        let status = match answer.code() {
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
            Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
            Code::PermissionDenied | Code::Unauthenticated => StatusCode::FORBIDDEN,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
            Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss | Code::ResourceExhausted => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let message = if message.is_empty() {
            format!("the managers answer: {}", answer.code())
        } else {
            message.to_owned()
        };
        Self::new(status, message)
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_update_has_the_words_clients_look_for() {
        let failure = Failure::from(tonic::Status::aborted("update out of sequence"));
        assert_eq!(failure.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(failure.message, "rpc error: code = Unknown desc = update out of sequence");
    }

    #[test]
    fn kinds_become_docker_statuses() {
        let status = |error: engine::Error| Failure::from(error).status.as_u16();
        assert_eq!(status(engine::Error::NoSuchContainer("x".into())), 404);
        assert_eq!(status(engine::Error::AlreadyRunning("x".into())), 304);
        assert_eq!(status(engine::Error::NotRunning("x".into())), 409);
        assert_eq!(Failure::from(NodeError::NotInSwarm).status.as_u16(), 503);
    }
}
