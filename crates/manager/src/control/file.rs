//! Secrets and configs: create, read, relabel, remove. What a secret holds leaves the managers only towards nodes whose tasks
//! need it, never through here.

use std::sync::Arc;

use swarm_api::id::FileId;
use swarm_api::validate::Invalid;
use swarm_api::{pb, validate};

use super::{Control, ControlError, filter, reference, version};
use crate::store::{Kind, Object, State, Transaction, View};

/// What secrets and configs have in common: each is one file.
pub(super) trait File: Clone + Into<Object> + 'static {
    const KIND: Kind;
    fn new(id: String, spec: pb::FileSpec) -> Self;
    fn id(&self) -> &str;
    fn meta(&self) -> Option<&pb::Meta>;
    fn spec(&self) -> Option<&pb::FileSpec>;
    fn spec_mut(&mut self) -> &mut pb::FileSpec;
    /// As it is told.
    fn shown(self) -> Self;
    fn check(spec: &pb::FileSpec) -> Result<(), Invalid>;
    fn all(state: &State) -> impl Iterator<Item = &Arc<Self>>;
    fn by_id<'a>(state: &'a State, id: &str) -> Option<&'a Arc<Self>>;
    fn by_name<'a>(state: &'a State, name: &str) -> Option<&'a Arc<Self>>;
    fn references(container: &pb::ContainerSpec) -> &[pb::FileReference];
}

macro_rules! file {
    ($message:ident, $check:path, $all:ident, $by_id:ident, $by_name:ident, $shown:expr) => {
        impl File for pb::$message {
            const KIND: Kind = Kind::$message;
            fn new(id: String, spec: pb::FileSpec) -> Self {
                Self { id, spec: Some(spec), meta: None }
            }
            fn id(&self) -> &str {
                &self.id
            }
            fn meta(&self) -> Option<&pb::Meta> {
                self.meta.as_ref()
            }
            fn spec(&self) -> Option<&pb::FileSpec> {
                self.spec.as_ref()
            }
            fn spec_mut(&mut self) -> &mut pb::FileSpec {
                self.spec.get_or_insert_default()
            }
            fn shown(self) -> Self {
                $shown(self)
            }
            fn check(spec: &pb::FileSpec) -> Result<(), Invalid> {
                $check(spec)
            }
            fn all(state: &State) -> impl Iterator<Item = &Arc<Self>> {
                state.$all()
            }
            fn by_id<'a>(state: &'a State, id: &str) -> Option<&'a Arc<Self>> {
                state.$by_id(id)
            }
            fn by_name<'a>(state: &'a State, name: &str) -> Option<&'a Arc<Self>> {
                state.$by_name(name)
            }
            fn references(container: &pb::ContainerSpec) -> &[pb::FileReference] {
                &container.$all
            }
        }
    };
}
file!(Secret, validate::secret, secrets, secret, secret_by_name, |mut secret: pb::Secret| {
    secret.spec_mut().data.clear();
    secret
});
file!(Config, validate::config, configs, config, config_by_name, |config| config);

impl Control {
    pub(super) async fn create_file<F: File>(
        &self,
        request: pb::CreateFileRequest,
    ) -> Result<F, ControlError> {
        let spec = request.spec.ok_or(ControlError::NoSpec)?;
        F::check(&spec)?;
        let view = self.reader.view().await?;
        if view.is_taken(F::KIND, name(&spec)) {
            return Err(ControlError::FileExists { kind: F::KIND, name: name(&spec).to_owned() });
        }
        let id = FileId::random().to_string();
        let mut transaction = Transaction::default();
        transaction.put(F::new(id.clone(), spec));
        // Two at once may have passed the check; the name is checked again when it is applied.
        self.proposer.propose(transaction).await.map_err(|error| match error.into() {
            ControlError::Exists { kind, name } => ControlError::FileExists { kind, name },
            error => error,
        })?;
        self.stored_file(&id)
    }

    pub(super) async fn get_file<F: File>(&self, reference: &str) -> Result<F, ControlError> {
        let view = self.reader.view().await?;
        reference::file::<F>(&view, reference).map(|file| F::clone(file).shown())
    }

    pub(super) async fn list_files<F: File>(
        &self,
        request: &pb::ListFilesRequest,
    ) -> Result<Vec<F>, ControlError> {
        let view = self.reader.view().await?;
        let wanted = |file: &&Arc<F>| {
            let annotations = file.spec().and_then(|spec| spec.annotations.as_ref());
            let name = annotations.map_or("", |annotations| annotations.name.as_str());
            filter::begins(file.id(), &request.ids)
                && filter::begins(name, &request.name_beginnings)
                && (request.names.is_empty() || request.names.iter().any(|wanted| wanted == name))
                && annotations.map_or(request.labels.is_empty(), |annotations| {
                    filter::labels(&annotations.labels, &request.labels)
                })
        };
        Ok(F::all(&view).filter(wanted).map(|file| F::clone(file).shown()).collect())
    }

    pub(super) async fn update_file<F: File>(
        &self,
        request: pb::UpdateFileRequest,
    ) -> Result<F, ControlError> {
        let spec = request.spec.ok_or(ControlError::NoSpec)?;
        let view = self.reader.view().await?;
        let id = reference::file::<F>(&view, &request.reference)?.id().to_owned();
        let decide = |view: &View| {
            let mut file = F::clone(reference::file::<F>(view, &id)?);
            version::check(file.meta(), request.version)?;
            relabel(file.spec_mut(), &spec)?;
            let mut transaction = Transaction::default();
            transaction.put(file);
            Ok::<_, ControlError>(transaction)
        };
        self.proposer.update(&self.store, decide).await?;
        self.stored_file(&id)
    }

    pub(super) async fn remove_file<F: File>(&self, reference: &str) -> Result<(), ControlError> {
        self.reader.view().await?;
        let decide = |view: &View| {
            let file = reference::file::<F>(view, reference)?;
            let users = users::<F>(view, file.id());
            if !users.is_empty() {
                let name = file.spec().map_or("", name).to_owned();
                return Err(ControlError::FileInUse { kind: F::KIND, name, users });
            }
            let mut transaction = Transaction::default();
            transaction.delete(F::clone(file));
            Ok(transaction)
        };
        self.proposer.update(&self.store, decide).await?;
        Ok(())
    }

    fn stored_file<F: File>(&self, id: &str) -> Result<F, ControlError> {
        let gone = || ControlError::NotFound { kind: F::KIND, reference: id.to_owned() };
        F::by_id(&self.store.view(), id).map(|file| F::clone(file).shown()).ok_or_else(gone)
    }
}

fn name(spec: &pb::FileSpec) -> &str {
    spec.annotations.as_ref().map_or("", |annotations| &annotations.name)
}

/// Takes the labels over; a request that has no data leaves it as it is.
fn relabel(spec: &mut pb::FileSpec, wanted: &pb::FileSpec) -> Result<(), ControlError> {
    let same_data = wanted.data.is_empty() || wanted.data == spec.data;
    let same_templating = wanted.templating.is_empty() || wanted.templating == spec.templating;
    if name(spec) != name(wanted) || !same_data || !same_templating {
        return Err(ControlError::OnlyLabels);
    }
    spec.annotations.clone_from(&wanted.annotations);
    Ok(())
}

/// The names of the services that refer to a file.
fn users<F: File>(state: &State, id: &str) -> Vec<String> {
    let refers = |service: &&Arc<pb::Service>| {
        let container = container(service.spec.as_ref());
        container.is_some_and(|container| F::references(container).iter().any(|file| file.id == id))
    };
    let present = state.services().filter(|service| !service.removing);
    let name = |service: &Arc<pb::Service>| Some(service.spec.as_ref()?.annotations.as_ref()?.name.clone());
    present.filter(refers).filter_map(name).collect()
}

/// Refuses a service that refers to a file which is not there.
pub(super) fn check_references(state: &State, spec: &pb::ServiceSpec) -> Result<(), ControlError> {
    let Some(container) = container(Some(spec)) else { return Ok(()) };
    check_kind::<pb::Secret>(state, container)?;
    check_kind::<pb::Config>(state, container)
}

fn check_kind<F: File>(state: &State, container: &pb::ContainerSpec) -> Result<(), ControlError> {
    let missing = |reference: &&pb::FileReference| {
        F::by_id(state, &reference.id).and_then(|file| file.spec()).map(name) != Some(reference.name.as_str())
    };
    let names: Vec<String> =
        F::references(container).iter().filter(missing).map(|reference| reference.name.clone()).collect();
    if names.is_empty() { Ok(()) } else { Err(ControlError::NoFiles { kind: F::KIND, names }) }
}

fn container(spec: Option<&pb::ServiceSpec>) -> Option<&pb::ContainerSpec> {
    spec?.task.as_ref()?.container.as_ref()
}
