//! The swarm's own settings.

use std::time::Duration;

use super::{Invalid, Verdict};
use crate::{pb, policy};

/// Shorter certificates would be renewed all the time.
const MIN_CERT_EXPIRY: Duration = Duration::from_secs(3600);
/// Shorter heartbeats would be missed by healthy nodes.
const MIN_HEARTBEAT: Duration = Duration::from_secs(1);

pub(super) fn check(spec: &pb::ClusterSpec) -> Verdict {
    if Duration::from_nanos(spec.node_cert_expiry_ns) < MIN_CERT_EXPIRY {
        return Err(Invalid::new("minimum certificate expiry time is: 1h0m0s"));
    }
    if Duration::from_nanos(spec.heartbeat_period_ns) < MIN_HEARTBEAT {
        return Err(Invalid::new("the heartbeat period must be at least 1 seconds"));
    }
    let words = spec.allow.iter().flat_map(|allowed| &allowed.words);
    if let Some(word) = words.into_iter().find(|word| !policy::WORDS.contains(&word.as_str())) {
        return Err(Invalid::new(format!(
            "nothing is called {word:?} that a swarm can allow: want one of {}",
            policy::WORDS.join(", ")
        )));
    }
    spec.log_driver.as_ref().map_or(Ok(()), super::log_driver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::default;

    #[test]
    fn the_least_is_good_enough() {
        let spec = default::cluster_spec();
        assert!(check(&spec).is_ok());
        let hour = pb::ClusterSpec { node_cert_expiry_ns: 3_600_000_000_000, ..spec.clone() };
        assert!(check(&hour).is_ok());
        let short = pb::ClusterSpec { node_cert_expiry_ns: 3_599_999_999_999, ..spec.clone() };
        assert_eq!(check(&short).unwrap_err().to_string(), "minimum certificate expiry time is: 1h0m0s");
        let allowing = |word: &str| {
            let allow = Some(pb::Allowed { words: vec![word.to_owned()] });
            check(&pb::ClusterSpec { allow, ..spec.clone() })
        };
        assert!(allowing("privileged").is_ok());
        assert!(allowing("everything").unwrap_err().to_string().contains("want one of privileged, devices"));
        let short = pb::ClusterSpec { heartbeat_period_ns: 999_999_999, ..spec.clone() };
        assert!(check(&short).unwrap_err().to_string().contains("heartbeat"));
    }
}
