//! Readers and nodes around a broker.

use std::time::Duration;

use swarm_api::pb::{self, TaskState};

use super::{Broker, LogError, Times};
use crate::store::{Action, Object, Publisher, State, Store, Transaction, apply};

fn store(objects: Vec<Object>) -> (Publisher, Store) {
    let mut state = State::default();
    let all: Transaction = objects.into_iter().map(Action::Put).collect();
    apply(&mut state, all, 0, 1).unwrap();
    Publisher::new(state)
}

fn task(id: &str, node_id: &str, state: TaskState) -> Object {
    let container = pb::ContainerStatus { container_id: format!("c{id}"), ..Default::default() };
    let status = pb::TaskStatus { state: state.into(), container: Some(container), ..Default::default() };
    let (id, node_id) = (id.to_owned(), node_id.to_owned());
    pb::Task { id, node_id, service_id: "s".to_owned(), status: Some(status), ..Default::default() }.into()
}

fn lines(id: &str, text: &str, ended: bool) -> pb::PublishLogsRequest {
    let lines = vec![pb::LogLine { stderr: false, text: text.as_bytes().to_vec() }];
    pb::PublishLogsRequest { id: id.to_owned(), lines, ended, ..Default::default() }
}

fn texts(answer: &pb::NextLogsResponse) -> Vec<String> {
    let lines = answer.messages.iter().flat_map(|message| &message.lines);
    lines.map(|line| String::from_utf8_lossy(&line.text).into_owned()).collect()
}

fn broker() -> Broker {
    let short = Duration::from_millis(100);
    Broker { times: Times { hold: short, away: short, idle: short, ..Times::default() }, ..Broker::default() }
}

fn of_service() -> (Vec<String>, Vec<String>) {
    (vec!["s".to_owned()], Vec::new())
}

#[tokio::test]
async fn lines_come_from_nodes_that_were_asked_and_what_is_missing_is_told() {
    let objects = vec![
        task("a", "n", TaskState::Running),
        task("b", "away", TaskState::Failed),
        task("c", "n", TaskState::Pending),
    ];
    let (_publisher, store) = store(objects);
    let broker = broker();
    let mut listening = broker.listen("n");
    let id = broker.open(&store.view(), of_service(), pb::LogOptions::default()).unwrap();
    let request = listening.requests.recv().await.unwrap();
    assert_eq!(request.task_id, "a", "what has no container has no log");
    assert!(listening.requests.try_recv().is_err());

    let forged = broker.publish("away", lines(&request.id, "forged", false)).await;
    assert!(forged.stop, "another node was asked");
    assert!(broker.publish("n", lines("nothing", "x", false)).await.stop);
    assert_eq!(broker.publish("n", lines(&request.id, "one\n", false)).await, Default::default());
    assert_eq!(texts(&broker.next(&id, &store).await.unwrap()), ["one\n"]);
    assert_eq!(broker.publish("n", lines(&request.id, "two\n", true)).await, Default::default());
    assert_eq!(texts(&broker.next(&id, &store).await.unwrap()), ["two\n"]);
    let end = broker.next(&id, &store).await.unwrap();
    assert_eq!((end.ended, end.missing), (true, vec!["node away is not available".to_owned()]));
    assert_eq!(broker.next(&id, &store).await, Err(LogError::Gone));
}

#[tokio::test]
async fn a_slow_reader_holds_up_its_own_log_alone() {
    let (_publisher, store) = store(vec![task("a", "n", TaskState::Running)]);
    let broker = broker();
    let mut listening = broker.listen("n");
    let open = || broker.open(&store.view(), of_service(), pb::LogOptions::default()).unwrap();
    let (slow, quick) = (open(), open());
    let (of_slow, of_quick) =
        (listening.requests.recv().await.unwrap().id, listening.requests.recv().await.unwrap().id);
    let much = "x".repeat(600 << 10);
    assert_eq!(broker.publish("n", lines(&of_slow, &much, false)).await, Default::default());
    assert!(broker.publish("n", lines(&of_slow, "more", false)).await.again, "there is no room");
    assert_eq!(broker.publish("n", lines(&of_quick, "y", false)).await, Default::default());
    assert_eq!(texts(&broker.next(&quick, &store).await.unwrap()), ["y"]);

    // It goes on as soon as it is read.
    let more = lines(&of_slow, "more", true);
    let (published, read) = tokio::join!(broker.publish("n", more), broker.next(&slow, &store));
    assert_eq!((published, texts(&read.unwrap()).len()), (Default::default(), 1));
    assert_eq!(texts(&broker.next(&slow, &store).await.unwrap()), ["more"]);
    broker.close(&quick);
    let close = listening.requests.recv().await.unwrap();
    assert!(close.close && close.id == of_quick);
    assert!(broker.publish("n", lines(&of_quick, "z", false)).await.stop);
}

#[tokio::test]
async fn followers_hear_of_tasks_that_come_and_of_nodes_that_return() {
    let service = pb::Service { id: "s".to_owned(), ..Default::default() };
    let mut state = State::default();
    let all: Transaction =
        [service.into(), task("a", "n", TaskState::Running)].into_iter().map(Action::Put).collect();
    apply(&mut state, all, 0, 1).unwrap();
    let (publisher, store) = Publisher::new(state.clone());
    let broker = broker();
    let follow = pb::LogOptions { follow: true, tail: Some(1), ..Default::default() };
    let id = broker.open(&store.view(), of_service(), follow).unwrap();
    let mut listening = broker.listen("n");
    let reading = tokio::spawn({
        let (broker, store, id) = (broker.clone(), store.clone(), id.clone());
        async move { broker.next(&id, &store).await }
    });
    let first = listening.requests.recv().await.unwrap();
    assert_eq!(broker.publish("n", lines(&first.id, "one", false)).await, Default::default());
    assert_eq!(texts(&reading.await.unwrap().unwrap()), ["one"]);

    drop(listening);
    let mut listening = broker.listen("n");
    let events = apply(
        &mut state,
        Transaction::one(Action::put(match task("b", "n", TaskState::Running) {
            Object::Task(task) => task,
            other => panic!("{other:?}"),
        })),
        0,
        2,
    )
    .unwrap();
    publisher.publish(&state, events);
    let reading = tokio::spawn({
        let (broker, store, id) = (broker.clone(), store.clone(), id.clone());
        async move { broker.next(&id, &store).await }
    });
    let asked = [listening.requests.recv().await.unwrap(), listening.requests.recv().await.unwrap()];
    let options = |task: &str| asked.iter().find(|request| request.task_id == task).unwrap().options.unwrap();
    assert!(options("a").since_ns.is_some() && options("a").tail.is_none(), "it goes on where it was lost");
    assert_eq!(options("b"), follow);
    broker.clear();
    assert_eq!(reading.await.unwrap(), Err(LogError::Gone));
}

#[tokio::test]
async fn readers_are_bounded_and_forgotten() {
    let (_publisher, store) = store(Vec::new());
    let broker = broker();
    let open = || broker.open(&store.view(), of_service(), pb::LogOptions::default());
    let first = open().unwrap();
    let all: Vec<_> = (0..super::SUBSCRIPTIONS).map(|_| open()).collect();
    assert_eq!(all.last(), Some(&Err(LogError::TooMany)));
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while open().is_err() {
        assert!(std::time::Instant::now() < until, "idle readers are forgotten");
        tokio::task::yield_now().await;
    }
    assert_eq!(broker.next(&first, &store).await, Err(LogError::Gone));
}

/// A node that was asked for one log may say nothing at length.
#[tokio::test]
async fn lines_without_text_and_reasons_without_end_take_room_too() {
    let (_publisher, store) = store(vec![task("a", "n", TaskState::Running)]);
    let broker = broker();
    let mut listening = broker.listen("n");
    let id = broker.open(&store.view(), of_service(), pb::LogOptions::default()).unwrap();
    let request = listening.requests.recv().await.unwrap();
    let empty = || {
        let lines = vec![pb::LogLine::default(); 1000];
        pb::PublishLogsRequest { id: request.id.clone(), lines, ..Default::default() }
    };
    let mut taken = 0;
    while !broker.publish("n", empty()).await.again {
        taken += 1;
        assert!(taken < 1000, "there is always room for empty lines");
    }
    assert_eq!(broker.next(&id, &store).await.unwrap().messages.len(), taken);

    let reason = |number: usize, ended| pb::PublishLogsRequest {
        id: request.id.clone(),
        err: format!("{number}: {}", "x".repeat(100_000)),
        ended,
        ..Default::default()
    };
    for number in 0..100 {
        assert_eq!(broker.publish("n", reason(number, false)).await, Default::default());
    }
    assert_eq!(broker.publish("n", reason(100, true)).await, Default::default());
    let end = broker.next(&id, &store).await.unwrap();
    assert!(end.ended && end.missing.len() == 1 && end.missing[0].starts_with("task a: 100: x"), "{end:?}");
    assert!(end.missing[0].len() < 2000);
}

#[tokio::test]
async fn a_log_that_is_over_is_forgotten_with_its_task() {
    let service = pb::Service { id: "s".to_owned(), ..Default::default() };
    let objects = vec![service.into(), task("a", "n", TaskState::Failed), task("b", "n", TaskState::Running)];
    let (_publisher, store) = store(objects);
    let follow = pb::LogOptions { follow: true, ..Default::default() };
    let mut subscription = super::Subscription::new(vec!["s".to_owned()], Vec::new(), follow);
    subscription.look(&store.view());
    for due in subscription.due(|_| true) {
        subscription.add("n", lines(&due.id, "last words", due.task_id == "a"));
    }
    subscription.look(&store.view());
    assert!(subscription.due(|_| true).is_empty(), "what was read is not read again while its task is there");
    let (_publisher, later) = self::store(vec![task("b", "n", TaskState::Running)]);
    subscription.look(&later.view());
    assert_eq!(subscription.tasks(), ["b"]);
}
