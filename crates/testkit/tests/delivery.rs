//! What nodes are given of secrets, configs and credentials, and what is heard of their logs: a cluster in one process.

use swarm_api::pb;
use testkit::cluster::Cluster;
use testkit::cluster::spec::service;

type Outcome = anyhow::Result<()>;

async fn secret(cluster: &Cluster, name: &str, data: &str) -> anyhow::Result<pb::FileReference> {
    let annotations = Some(pb::Annotations { name: name.to_owned(), ..Default::default() });
    let spec = Some(pb::FileSpec { annotations, data: data.as_bytes().to_vec(), ..Default::default() });
    let made = cluster.control()?.create_secret(pb::CreateFileRequest { spec }).await?.into_inner();
    let (name, target) = (name.to_owned(), name.to_owned());
    Ok(pb::FileReference { id: made.id, name, target, mode: 0o444, ..Default::default() })
}

fn with_secret(name: &str, node_id: &str, secret: &pb::FileReference) -> pb::ServiceSpec {
    let mut spec = service(name, "web", 1);
    let task = spec.task.get_or_insert_default();
    task.placement =
        Some(pb::Placement { constraints: vec![format!("node.id=={node_id}")], ..Default::default() });
    task.container.get_or_insert_default().secrets = vec![secret.clone()];
    spec
}

#[tokio::test]
async fn a_worker_holds_what_its_tasks_need_and_nothing_else() -> Outcome {
    let mut cluster = Cluster::start(2).await?;
    let (here, there) = (cluster.members[0].node_id.clone(), cluster.members[1].node_id.clone());
    let (one, other) = (secret(&cluster, "one", "1").await?, secret(&cluster, "other", "2").await?);
    let web = cluster.create(with_secret("web", &here, &one)).await?;
    let db = cluster.create(with_secret("db", &there, &other)).await?;
    cluster.settled(&web, 1).await?;
    cluster.settled(&db, 1).await?;
    assert_eq!(
        (cluster.members[0].stock(), cluster.members[1].stock()),
        (vec![one.id.clone()], vec![other.id])
    );
    let (task, _) = cluster.running(&web).pop_first().expect("a task runs");
    let files = cluster.members[0].executor.files(&task).expect("it was started");
    let [file] = &files[..] else { panic!("{files:?}") };
    assert_eq!((file.target.as_str(), &file.data[..]), ("/run/secrets/one", &b"1"[..]));

    // A new life of the daemon has none of it until a manager is heard, and the running task needs none.
    cluster.vanish(0);
    cluster.come_back(0).await?;
    let id = one.id.clone();
    cluster.eventually("it is given again", |_| cluster.members[0].stock() == [id.as_str()]).await?;
    cluster.remove(&web).await?;
    cluster.eventually("it is taken back", |_| cluster.members[0].stock().is_empty()).await?;
    cluster.control()?.remove_secret(pb::GetRequest { reference: "one".to_owned() }).await?;
    Ok(())
}

#[tokio::test]
async fn credentials_go_to_the_nodes_that_pull_with_them() -> Outcome {
    let cluster = Cluster::start(1).await?;
    let header = || Some(pb::RegistryCredentials { header: "e30=".to_owned() });
    let spec = Some(service("web", "web", 1));
    let request = pb::CreateServiceRequest { spec, registry_auth: header() };
    let web = cluster.control()?.create_service(request).await?.into_inner();
    assert_eq!(web.registry_auth, None, "it is not told");
    cluster.settled(&web.id, 1).await?;
    let (task, _) = cluster.running(&web.id).pop_first().expect("a task runs");
    assert_eq!(cluster.members[0].executor.credentials(&task).as_deref(), Some("e30="));
    cluster.update(&web.id, |spec| testkit::cluster::spec::set_image(spec, "web:2")).await?;
    cluster
        .eventually("the new task is pulled with them too", |_| {
            let mut running = cluster.running(&web.id);
            running.retain(|id, _| *id != task);
            running.keys().any(|id| cluster.members[0].executor.credentials(id).as_deref() == Some("e30="))
        })
        .await
}

/// All lines, and what is missing.
async fn logs(cluster: &Cluster, service: &str, follow: bool) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let mut control = cluster.control()?;
    let options = Some(pb::LogOptions { stdout: true, stderr: true, follow, ..Default::default() });
    let request = pb::OpenLogsRequest { services: vec![service.to_owned()], options, ..Default::default() };
    let id = control.open_logs(request).await?.into_inner().id;
    let mut lines = Vec::new();
    loop {
        let answer = control.next_logs(pb::LogsRequest { id: id.clone() }).await?.into_inner();
        let texts = answer.messages.iter().flat_map(|message| &message.lines);
        lines.extend(texts.map(|line| String::from_utf8_lossy(&line.text).into_owned()));
        if answer.ended {
            return Ok((lines, answer.missing));
        }
    }
}

#[tokio::test]
async fn logs_are_gathered_from_all_nodes_and_say_which_are_away() -> Outcome {
    let mut cluster = Cluster::start(3).await?;
    let web = cluster.create(service("web", "web", 3)).await?;
    cluster.settled(&web, 3).await?;
    assert_eq!(logs(&cluster, "web", false).await?, (vec!["web\n".to_owned(); 3], Vec::new()));

    let following = {
        let mut control = cluster.control()?;
        let options = Some(pb::LogOptions { stdout: true, follow: true, ..Default::default() });
        let request = pb::OpenLogsRequest { services: vec![web.clone()], options, ..Default::default() };
        let id = control.open_logs(request).await?.into_inner().id;
        tokio::spawn(async move {
            let mut count = 0;
            while count < 4 {
                let answer = control.next_logs(pb::LogsRequest { id: id.clone() }).await?.into_inner();
                count += answer.messages.len();
            }
            control.close_logs(pb::LogsRequest { id }).await
        })
    };
    cluster.scale(&web, 4).await?;
    following.await??;

    cluster.vanish(0);
    let away = format!("node {} is not available", cluster.members[0].node_id);
    let (lines, missing) = logs(&cluster, "web", false).await?;
    assert!(lines.len() >= 2 && missing == [away], "{lines:?} {missing:?}");
    let unknown = logs(&cluster, "nothing", false).await.expect_err("no such service").to_string();
    assert!(unknown.contains("service nothing not found"), "{unknown}");
    Ok(())
}
