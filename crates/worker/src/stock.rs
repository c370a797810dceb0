//! What this node was given for its tasks besides the tasks: secrets, configs, and what registries are asked with.
//!
//! In memory alone: none of it is in the journal, so that a daemon that starts anew has none of it until a manager is heard.
//! What runs keeps its files; what is to start waits. The agent's loop fills the stock, the drivers take from it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use swarm_api::expand::{self, Payloads};
use swarm_api::pb::assignment::Item;
use swarm_api::pb::assignment_change::Action;
use swarm_api::pb::{self, FileReference};

/// Where the relative target of a secret begins.
const SECRETS: &str = "/run/secrets/";
/// Where the relative target of a config begins.
const CONFIGS: &str = "/";

/// A file that a container has in memory, and cannot write to.
#[derive(Clone, PartialEq, Eq)]
pub struct MemoryFile {
    /// Its absolute path in the container.
    pub target: String,
    /// What it holds.
    pub data: Vec<u8>,
    /// Its owner, as the container numbers users.
    pub uid: u32,
    /// Its group, likewise.
    pub gid: u32,
    /// Who may read it.
    pub mode: u32,
}

/// Without the data, which must be in no log.
impl fmt::Debug for MemoryFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("MemoryFile")
            .field("target", &self.target)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// Why a task cannot have its files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Lack {
    /// It was not given yet.
    #[error("waits for the {kind} {name}")]
    Absent { kind: &'static str, name: String },
    /// It can never be had.
    #[error("{0}")]
    Wrong(String),
}

/// All that was given and not taken back.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stock {
    secrets: BTreeMap<String, Arc<pb::FileSpec>>,
    configs: BTreeMap<String, Arc<pb::FileSpec>>,
    /// By service.
    credentials: BTreeMap<String, pb::RegistryCredentials>,
}

impl Stock {
    /// Takes in the part of a message that is meant for the stock.
    pub(crate) fn apply(&mut self, message: &pb::AssignmentsMessage) {
        if message.r#type() == pb::assignments_message::Type::Complete {
            *self = Stock::default();
        }
        for change in &message.changes {
            let Some(item) = change.assignment.as_ref().and_then(|assignment| assignment.item.as_ref())
            else {
                continue;
            };
            self.take(change.action(), item);
        }
    }

    fn take(&mut self, action: Action, item: &Item) {
        match (action, item) {
            (Action::Update, Item::Secret(secret)) => {
                self.secrets.insert(secret.id.clone(), Arc::new(secret.spec.clone().unwrap_or_default()));
            }
            (Action::Update, Item::Config(config)) => {
                self.configs.insert(config.id.clone(), Arc::new(config.spec.clone().unwrap_or_default()));
            }
            (Action::Update, Item::RegistryAuth(auth)) => {
                self.credentials
                    .insert(auth.service_id.clone(), auth.credentials.clone().unwrap_or_default());
            }
            (Action::Remove, Item::Secret(secret)) => drop(self.secrets.remove(&secret.id)),
            (Action::Remove, Item::Config(config)) => drop(self.configs.remove(&config.id)),
            (Action::Remove, Item::RegistryAuth(auth)) => drop(self.credentials.remove(&auth.service_id)),
            (_, Item::Task(_) | Item::IngressPort(_)) => {}
        }
    }

    /// The ids of the secrets and configs, and the services of the credentials.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.secrets.keys().chain(self.configs.keys()).chain(self.credentials.keys()).cloned().collect()
    }

    /// What the image of this task is pulled with.
    pub(crate) fn credentials(&self, task: &pb::Task) -> Option<&pb::RegistryCredentials> {
        self.credentials.get(&task.service_id)
    }

    /// The files of this task, its templates expanded for this node.
    pub(crate) fn files(&self, task: &pb::Task, node: &pb::NodeDescription) -> Result<Vec<MemoryFile>, Lack> {
        let Some(container) = task.spec.as_ref().and_then(|spec| spec.container.as_ref()) else {
            return Ok(Vec::new());
        };
        let shelves = [
            Shelf { kind: "secret", root: SECRETS, files: &self.secrets, references: &container.secrets },
            Shelf { kind: "config", root: CONFIGS, files: &self.configs, references: &container.configs },
        ];
        let [secrets, configs] = &shelves;
        let payloads = Raw { secrets, configs };
        let mut files = Vec::new();
        for shelf in &shelves {
            for reference in shelf.references {
                let file = shelf.find(reference)?;
                let data = if file.templating.is_empty() {
                    file.data.clone()
                } else {
                    expanded((shelf.kind, &reference.name), &file.data, node, task, &payloads)?
                };
                files.push(shelf.file(reference, data)?);
            }
        }
        Ok(files)
    }
}

/// The files of one kind, and those of them that a task is to have.
struct Shelf<'a> {
    kind: &'static str,
    root: &'static str,
    files: &'a BTreeMap<String, Arc<pb::FileSpec>>,
    references: &'a [FileReference],
}

impl<'a> Shelf<'a> {
    fn find(&self, reference: &FileReference) -> Result<&'a pb::FileSpec, Lack> {
        let absent = || Lack::Absent { kind: self.kind, name: reference.name.clone() };
        self.files.get(&reference.id).map(|file| &**file).ok_or_else(absent)
    }

    fn by_target(&self, target: &str) -> Option<Vec<u8>> {
        let reference = self.references.iter().find(|reference| reference.target == target)?;
        self.find(reference).ok().map(|file| file.data.clone())
    }

    fn file(&self, reference: &FileReference, data: Vec<u8>) -> Result<MemoryFile, Lack> {
        let target = match reference.target.starts_with('/') {
            true => reference.target.clone(),
            false => format!("{}{}", self.root, reference.target),
        };
        let number = |text: &str| match text {
            "" => Ok(0),
            text => text.parse().map_err(|_| {
                Lack::Wrong(format!(
                    "the {} {} has an owner that is no number: {text}",
                    self.kind, reference.name
                ))
            }),
        };
        let (uid, gid) = (number(&reference.uid)?, number(&reference.gid)?);
        Ok(MemoryFile { target, data, uid, gid, mode: reference.mode })
    }
}

/// What templates may look up: as it was given, not expanded itself.
struct Raw<'a> {
    secrets: &'a Shelf<'a>,
    configs: &'a Shelf<'a>,
}

impl Payloads for Raw<'_> {
    fn secret(&self, target: &str) -> Option<Vec<u8>> {
        self.secrets.by_target(target)
    }

    fn config(&self, target: &str) -> Option<Vec<u8>> {
        self.configs.by_target(target)
    }
}

/// The data of a template; its variables are those that the container has, their own templates expanded.
fn expanded(
    (kind, name): (&'static str, &str),
    data: &[u8],
    node: &pb::NodeDescription,
    task: &pb::Task,
    payloads: &Raw<'_>,
) -> Result<Vec<u8>, Lack> {
    let container = expand::container(node, task).map_err(|error| Lack::Wrong(error.to_string()))?;
    let mut task = task.clone();
    if let Some(spec) = &mut task.spec {
        spec.container = Some(container.clone());
    }
    expand::payload((kind, name), data, node, &task, payloads).map_err(|error| match kind {
        // An error quotes the template, which is a secret here.
        "secret" => Lack::Wrong(format!("expanding secret {name}: its template is wrong")),
        _ => Lack::Wrong(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use swarm_api::pb::assignments_message::Type;

    fn file(data: &str, templating: &str) -> Option<pb::FileSpec> {
        Some(pb::FileSpec {
            data: data.as_bytes().to_vec(),
            templating: templating.to_owned(),
            ..Default::default()
        })
    }

    fn secret(id: &str, data: &str) -> Item {
        Item::Secret(pb::Secret { id: id.to_owned(), spec: file(data, ""), meta: None })
    }

    fn message(kind: Type, changes: Vec<(Action, Item)>) -> pb::AssignmentsMessage {
        let changes = changes.into_iter().map(|(action, item)| pb::AssignmentChange {
            action: action.into(),
            assignment: Some(pb::Assignment { item: Some(item) }),
        });
        pb::AssignmentsMessage { r#type: kind.into(), changes: changes.collect(), ..Default::default() }
    }

    fn reference(id: &str, target: &str) -> FileReference {
        let (id, name, target) = (id.to_owned(), format!("name-{id}"), target.to_owned());
        FileReference { id, name, target, uid: "7".to_owned(), mode: 0o400, ..Default::default() }
    }

    fn task(secrets: &[(&str, &str)], configs: &[(&str, &str)]) -> pb::Task {
        let references =
            |list: &[(&str, &str)]| list.iter().map(|(id, target)| reference(id, target)).collect();
        let container = pb::ContainerSpec {
            secrets: references(secrets),
            configs: references(configs),
            env: vec!["WHO={{.Service.Name}}".to_owned()],
            ..Default::default()
        };
        pb::Task {
            service_id: "s".to_owned(),
            service_name: "web".to_owned(),
            spec: Some(pb::TaskSpec { container: Some(container), ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn a_task_has_what_it_refers_to_where_it_wants_it() {
        let mut stock = Stock::default();
        let node = pb::NodeDescription::default();
        let wants = task(&[("a", "key"), ("b", "/etc/key")], &[]);
        let lack = Lack::Absent { kind: "secret", name: "name-a".to_owned() };
        assert_eq!(stock.files(&wants, &node), Err(lack));
        stock.apply(&message(
            Type::Complete,
            vec![(Action::Update, secret("a", "1")), (Action::Update, secret("b", "2"))],
        ));
        let files = stock.files(&wants, &node).unwrap();
        let targets: Vec<_> = files.iter().map(|file| (file.target.as_str(), &file.data[..])).collect();
        assert_eq!(targets, [("/run/secrets/key", &b"1"[..]), ("/etc/key", b"2")]);
        assert_eq!((files[0].uid, files[0].gid, files[0].mode), (7, 0, 0o400));

        stock.apply(&message(Type::Incremental, vec![(Action::Remove, secret("a", ""))]));
        assert!(stock.files(&wants, &node).is_err() && stock.ids() == ["b"]);
        stock.apply(&message(Type::Complete, Vec::new()));
        assert!(stock.ids().is_empty(), "what a complete message does not name is gone");
    }

    #[test]
    fn templates_see_the_task_its_variables_and_its_files() {
        let data = r#"{{.Service.Name}} {{env "WHO"}} {{secret "key"}}"#;
        let config = pb::Config { id: "c".to_owned(), spec: file(data, "golang"), meta: None };
        let mut stock = Stock::default();
        stock.apply(&message(
            Type::Incremental,
            vec![(Action::Update, secret("a", "hunter2")), (Action::Update, Item::Config(config))],
        ));
        let files =
            stock.files(&task(&[("a", "key")], &[("c", "site")]), &pb::NodeDescription::default()).unwrap();
        assert_eq!((files[1].target.as_str(), &files[1].data[..]), ("/site", &b"web web hunter2"[..]));
        assert!(!format!("{files:?}{stock:?}").contains("hunter2"));
    }

    #[test]
    fn the_error_of_a_secrets_template_tells_nothing_of_it() {
        let secret = pb::Secret { id: "a".to_owned(), spec: file("{{hunter2}}", "golang"), meta: None };
        let mut stock = Stock::default();
        stock.apply(&message(Type::Incremental, vec![(Action::Update, Item::Secret(secret))]));
        let lack = stock.files(&task(&[("a", "key")], &[]), &pb::NodeDescription::default()).unwrap_err();
        assert!(matches!(lack, Lack::Wrong(_)) && !format!("{lack:?}").contains("hunter2"), "{lack}");
    }
}
