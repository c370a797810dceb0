//! Secrets and configs, in Docker's words.

use swarm_api::pb;
use tonic::{Code, Status};

use crate::bed::{Bed, get, spec};

fn file(name: &str, data: &str) -> pb::FileSpec {
    let annotations = Some(pb::Annotations { name: name.to_owned(), ..Default::default() });
    pb::FileSpec { annotations, data: data.as_bytes().to_vec(), ..Default::default() }
}

fn create(name: &str, data: &str) -> pb::CreateFileRequest {
    pb::CreateFileRequest { spec: Some(file(name, data)) }
}

fn told(status: &Status) -> (Code, &str) {
    (status.code(), status.message())
}

fn version(meta: Option<pb::Meta>) -> u64 {
    meta.expect("stored").version
}

fn data(secret: &pb::Secret) -> &[u8] {
    &secret.spec.as_ref().expect("a specification").data
}

#[tokio::test]
async fn a_secret_is_never_told() {
    let bed = Bed::new().await;
    let mut control = bed.control();
    let created = control.create_secret(create("key", "hunter2")).await.expect("creates").into_inner();
    assert!(data(&created).is_empty());
    for reference in ["key", created.id.as_str(), &created.id[..8]] {
        let found = control.get_secret(get(reference)).await.expect("finds").into_inner();
        assert!(found.id == created.id && data(&found).is_empty());
    }
    let listed = control.list_secrets(pb::ListFilesRequest::default()).await.expect("lists").into_inner();
    assert!(listed.secrets.len() == 1 && data(&listed.secrets[0]).is_empty());

    let again = control.create_secret(create("key", "x")).await.expect_err("the name is taken");
    assert_eq!(told(&again), (Code::AlreadyExists, "secret key already exists"));
    let big = control.create_secret(create("big", &"x".repeat(512_000))).await.expect_err("too large");
    assert_eq!(big.message(), "secret data must be larger than 0 and less than 512000 bytes");
    control.create_secret(create("large", &"x".repeat(511_999))).await.expect("just fits");
    control
        .create_config(create("key", &"x".repeat(1_023_999)))
        .await
        .expect("another kind, and it just fits");

    let mut update = pb::UpdateFileRequest {
        reference: "key".to_owned(),
        version: version(created.meta),
        spec: Some(file("key", "other")),
    };
    let refused = control.update_secret(update.clone()).await.expect_err("other data");
    assert_eq!(told(&refused), (Code::InvalidArgument, "only updates to Labels are allowed"));
    let mut labelled = file("key", "");
    labelled.annotations.as_mut().expect("named").labels.insert("a".to_owned(), "b".to_owned());
    update.spec = Some(labelled);
    let updated = control.update_secret(update.clone()).await.expect("relabels").into_inner();
    assert!(data(&updated).is_empty());
    let stale = control.update_secret(update).await.expect_err("stale");
    assert_eq!(told(&stale), (Code::Aborted, "update out of sequence"));
    let wanted = pb::ListFilesRequest { labels: vec!["a=b".to_owned()], ..Default::default() };
    assert_eq!(control.list_secrets(wanted).await.expect("lists").into_inner().secrets.len(), 1);
    let exactly = pb::ListFilesRequest { names: vec!["ke".to_owned()], ..Default::default() };
    assert!(control.list_secrets(exactly).await.expect("lists").into_inner().secrets.is_empty());

    control.remove_secret(get("key")).await.expect("removes");
    let gone = control.get_secret(get("key")).await.expect_err("gone");
    assert_eq!(told(&gone), (Code::NotFound, "secret key not found"));
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn what_a_service_refers_to_stays() {
    let bed = Bed::new().await;
    let mut control = bed.control();
    let config = control.create_config(create("site", "x")).await.expect("creates").into_inner();
    let service = |name: &str, id: &str| {
        let mut spec = spec(name, "busybox");
        let container = spec.task.as_mut().and_then(|task| task.container.as_mut()).expect("a container");
        container.configs = vec![pb::FileReference {
            id: id.to_owned(),
            name: "site".to_owned(),
            target: "site".to_owned(),
            ..Default::default()
        }];
        pb::CreateServiceRequest { spec: Some(spec), ..Default::default() }
    };
    let missing = control.create_service(service("web", "nothing")).await.expect_err("refused");
    assert_eq!(told(&missing), (Code::InvalidArgument, "config not found: site"));
    control.create_service(service("web", &config.id)).await.expect("creates");
    let used = control.remove_config(get("site")).await.expect_err("in use");
    let words = "config 'site' is in use by the following service: web";
    assert_eq!(told(&used), (Code::InvalidArgument, words));
    control.create_service(service("db", &config.id)).await.expect("creates");
    let used = control.remove_config(get("site")).await.expect_err("in use");
    assert!(used.message().contains("following services: "), "{used}");
    for name in ["web", "db"] {
        control.remove_service(get(name)).await.expect("removes");
    }
    control.remove_config(get("site")).await.expect("free");
    bed.manager.shutdown().await;
}
