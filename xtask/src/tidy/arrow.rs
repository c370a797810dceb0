//! The arrows of ARCHITECTURE.md, compared with what each crate's `Cargo.toml` imports.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{cargo, output};

/// Room → rooms it may import. A room that is not listed may import none.
const ARROWS: &[(&str, &[&str])] = &[
    ("cli", &["engine-api", "template"]),
    ("rest", &["engine-api", "engine", "image", "network", "swarm-api"]),
    ("engine", &["runtime", "shim", "image", "network", "ipam"]),
    ("worker", &["swarm-api"]),
    ("manager", &["swarm-api", "ipam"]),
    ("swarm-api", &["template"]),
    ("shim", &["runtime"]),
    ("network", &["ipam"]),
    ("testkit", &["swarm-api", "worker", "manager"]),
    ("tests", &["testkit"]),
    (
        "shoald",
        &[
            "engine",
            "engine-api",
            "image",
            "ipam",
            "manager",
            "network",
            "rest",
            "runtime",
            "shim",
            "swarm-api",
            "template",
            "worker",
        ],
    ),
];

/// The crash points, which every room may pass.
const CRASH_POINTS: &str = "fault";

/// A room that only tests may import.
const TEST_ONLY: &str = "testkit";

/// External crate → the only rooms that may import it.
const NAMED_ONLY_BY: &[(&str, &[&str])] = &[
    ("openraft", &["manager"]),
    ("netlink-packet-core", &["network"]),
    ("netlink-packet-route", &["network"]),
    ("reqwest", &["image"]),
    ("clap", &["cli", "shoald"]),
];

/// Every import that no arrow allows.
pub(super) fn check() -> Result<Vec<String>> {
    let said = output(cargo().args(["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&said)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let ours: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let allowed = ARROWS.iter().find(|(room, _)| *room == name).map_or(&[][..], |(_, rooms)| rooms);
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let target = dependency["name"].as_str().unwrap_or_default();
            let in_tests = dependency["kind"] == "dev";
            let everybodys = target == CRASH_POINTS || (in_tests && target == TEST_ONLY);
            if ours.contains(&target) && !allowed.contains(&target) && !everybodys {
                wrong.push(format!("{name} imports {target}: no arrow allows it"));
            }
            let named = NAMED_ONLY_BY.iter().find(|(external, _)| *external == target);
            if named.is_some_and(|(_, rooms)| !rooms.contains(&name)) {
                wrong.push(format!("{name} imports {target}, which another room owns"));
            }
        }
    }
    Ok(wrong)
}
