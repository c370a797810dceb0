//! The MUSTs of the runtime specification, as tables: each rule is checked against `shoal-runtime`, and against runc
//! and crun where they are installed and work on this machine, so that a rule that is wrong shows. Needs root and busybox-static.

#[path = "../bundle/mod.rs"]
mod bundle;
mod case;
mod lifecycle;
mod linux;
mod process;

use case::{Failed, Runtime};

/// What the specification demands, and how it shows.
pub(crate) struct Rule {
    /// Nearly in the specification's words.
    pub(crate) must: &'static str,
    pub(crate) holds: fn(&Runtime) -> Result<(), Failed>,
    /// Runtimes that are known to break it, in Debian's versions of today.
    pub(crate) broken_by: &'static [&'static str],
}

/// A rule that all keep.
pub(crate) const fn rule(must: &'static str, holds: fn(&Runtime) -> Result<(), Failed>) -> Rule {
    Rule { must, holds, broken_by: &[] }
}

const TABLES: [&[Rule]; 3] = [lifecycle::RULES, process::RULES, linux::RULES];

fn check(runtime: &Runtime) {
    let rules = TABLES.into_iter().flatten().filter(|rule| !rule.broken_by.contains(&runtime.name()));
    let broken: Vec<String> = rules
        .filter_map(|rule| {
            let failed = (rule.holds)(runtime).err()?;
            Some(format!("{}: {}", rule.must, failed.0))
        })
        .collect();
    assert!(broken.is_empty(), "{} breaks {} rules:\n{}", runtime.name(), broken.len(), broken.join("\n"));
}

#[test]
fn shoal_runtime_keeps_the_rules() {
    check(&Runtime::ours());
}

#[test]
fn runc_keeps_the_rules() {
    if let Some(runtime) = Runtime::installed("runc") {
        check(&runtime);
    }
}

#[test]
fn crun_keeps_the_rules() {
    if let Some(runtime) = Runtime::installed("crun") {
        check(&runtime);
    }
}
