//! Compares what the routes read with the API's definition, and both with the list in `docs/api-coverage.md`.
//!
//! The list only shrinks. A route that gets a handler leaves it, and may bring the fields that its handler does not honour yet;
//! nothing else may be added. `SHOAL_COVERAGE=write` takes out of the file what is read by now.

mod definition;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use definition::{Definition, Operation};
use engine_api::shape::Using;
use rest::coverage::{Route, routes};

/// Beside the project, where the machine that tests it has it too.
const DEFINITION: &str = "../shared/reference/docker-engine-api-v1.56.yaml";
const LIST: &str = "docs/api-coverage.md";

#[derive(Debug, Default, PartialEq, Eq)]
struct Uncovered {
    /// Routes that nothing stands behind.
    routes: BTreeSet<String>,
    /// Fields that are refused by name when they are set.
    refused: BTreeSet<String>,
    /// Fields that are never looked at.
    ignored: BTreeSet<String>,
    /// Fields and routes that the code does not even know: there must be none.
    unknown: BTreeSet<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `None`, said aloud, in a clone that the definition does not lie beside; CI always has it.
fn definition() -> Option<String> {
    let path = root().join(DEFINITION);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("not compared: the definition of the API is not at {}: {error}", path.display());
            None
        }
        Err(error) => panic!("the definition of the API is needed at {}: {error}", path.display()),
    }
}

fn uncovered(text: &str) -> Uncovered {
    let table = routes();
    let mut uncovered = Uncovered::default();
    for operation in Definition::parse(text).operations() {
        let name = format!("`{} {}`", operation.method, operation.path);
        let found =
            table.iter().find(|route| route.method == operation.method && route.path == operation.path);
        match found {
            None => drop(uncovered.unknown.insert(name)),
            Some(route) if !route.handled => drop(uncovered.routes.insert(name)),
            Some(route) => uncovered.add_fields(&name, route, &operation),
        }
    }
    uncovered
}

impl Uncovered {
    fn add_fields(&mut self, name: &str, route: &Route, operation: &Operation) {
        for parameter in &operation.parameters {
            self.add(format!("{name} parameter `{parameter}`"), route.parameter(parameter));
        }
        let mut inside_unused: Vec<String> = Vec::new();
        for field in &operation.fields {
            let lower = field.to_ascii_lowercase();
            if inside_unused.iter().any(|outer| lower.starts_with(outer)) {
                continue;
            }
            let using = route.field(field);
            if using != Some(Using::Read) {
                inside_unused.extend(['.', '['].map(|end| format!("{lower}{end}")));
            }
            self.add(format!("{name} body `{field}`"), using);
        }
    }

    fn add(&mut self, line: String, using: Option<Using>) {
        let set = match using {
            Some(Using::Read) => return,
            Some(Using::Unread) => &mut self.refused,
            Some(Using::Ignored) => &mut self.ignored,
            None => &mut self.unknown,
        };
        set.insert(line);
    }

    fn render(&self) -> String {
        let mut text = String::from(
            "# What of the Docker Engine API is not read\n\n\
             Compared with the definition of version 1.56 by `crates/rest/tests/coverage.rs`, which derives it from the table of\n\
             routes and the models' own fields. The list only shrinks.\n",
        );
        for (title, lines) in [
            ("Routes that answer 501", &self.routes),
            ("Fields that are refused by name when they are set", &self.refused),
            ("Fields that are never looked at", &self.ignored),
        ] {
            let _ = write!(text, "\n## {title}: {}\n\n", lines.len());
            for line in lines {
                let _ = writeln!(text, "- {line}");
            }
        }
        text
    }
}

/// The lines of the list, without titles.
fn entries(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.strip_prefix("- ")).collect()
}

/// Entries that are in the list for the first time, but for the fields of routes that leave it.
fn added<'n>(old: &str, new: &'n str) -> Vec<&'n str> {
    let before = entries(old);
    let handled_since = |entry: &str| before.iter().any(|old| *old != entry && entry.starts_with(old));
    entries(new).into_iter().filter(|entry| !before.contains(entry) && !handled_since(entry)).collect()
}

#[test]
fn the_list_says_what_is_not_read_and_only_shrinks() {
    let Some(text) = definition() else { return };
    let uncovered = uncovered(&text);
    assert!(
        uncovered.unknown.is_empty(),
        "the code does not know these; give them a route, a field, or a field of type Unread: {:#?}",
        uncovered.unknown
    );
    let new = uncovered.render();
    let path = root().join(LIST);
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    if !old.is_empty() {
        let added = added(&old, &new);
        assert!(added.is_empty(), "the list may only shrink, but these are no longer read: {added:#?}");
    }
    if std::env::var_os("SHOAL_COVERAGE").is_some_and(|word| word == "write") {
        std::fs::write(&path, &new).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
        return;
    }
    let gone: Vec<_> = entries(&old).difference(&entries(&new)).copied().map(str::to_owned).collect();
    assert!(
        old == new,
        "{LIST} is not up to date; run this test with SHOAL_COVERAGE=write. Read by now: {gone:#?}"
    );
}

#[test]
fn only_fields_of_newly_handled_routes_may_be_added() {
    let old = "- `POST /build`\n- `GET /x` parameter `a`\n";
    assert_eq!(added(old, "- `POST /build` parameter `q`\n"), Vec::<&str>::new());
    assert_eq!(added(old, "- `GET /x` parameter `b`\n"), ["`GET /x` parameter `b`"]);
    assert_eq!(added(old, "- `GET /y`\n"), ["`GET /y`"]);
}
