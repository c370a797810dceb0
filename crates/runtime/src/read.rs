//! Reading a `config.json`.

use crate::oci::Spec;

/// Names of the specification that the types we read it with spell otherwise.
const RESPELT: [(&str, &str); 2] = [
    ("\"SCHED_FLAG_RESET_ON_FORK\"", "\"SCHED_RESET_ON_FORK\""),
    ("\"SCHED_FLAG_DL_OVERRUN\"", "\"SCHED_FLAG_D_L_OVERRUN\""),
];

/// Reads a configuration.
///
/// # Errors
/// If it is no JSON, or not what the specification has.
pub fn read_spec(config: &[u8]) -> serde_json::Result<Spec> {
    serde_json::from_slice(config).or_else(|error| {
        let Ok(text) = std::str::from_utf8(config) else {
            return Err(error);
        };
        let respelt = RESPELT.iter().fold(text.to_owned(), |text, (name, ours)| text.replace(name, ours));
        // What it says of the original is of more use.
        serde_json::from_str(&respelt).map_err(|_| error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_of_a_scheduler_is_known_by_the_specifications_name() {
        for flag in [
            "SCHED_FLAG_RESET_ON_FORK",
            "SCHED_FLAG_RECLAIM",
            "SCHED_FLAG_DL_OVERRUN",
            "SCHED_FLAG_KEEP_POLICY",
            "SCHED_FLAG_KEEP_PARAMS",
            "SCHED_FLAG_UTIL_CLAMP_MIN",
            "SCHED_FLAG_UTIL_CLAMP_MAX",
        ] {
            let config = serde_json::json!({
                "ociVersion": "1.2.0",
                "process": {
                    "cwd": "/", "user": {"uid": 0, "gid": 0}, "args": ["true"],
                    "scheduler": {"policy": "SCHED_OTHER", "flags": [flag]},
                },
            });
            let spec = read_spec(config.to_string().as_bytes());
            assert!(spec.is_ok(), "{flag}: {spec:?}");
        }
        assert!(read_spec(b"{}garbage").is_err());
    }
}
