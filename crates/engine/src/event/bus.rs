//! The event bus: one short lock around a ring of past events and the bounded queues of the subscribers.

use super::Event;
use futures_util::Stream;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// How many past events are kept for `since`.
const HISTORY: usize = 512;
/// How many events a subscriber may fall behind before it is cut off.
const SUBSCRIBER_QUEUE: usize = 1024;
/// Room for the ring until more is needed, so that an idle daemon pays for little.
const HISTORY_AT_START: usize = 16;

/// Where events are published and subscribed to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    history: VecDeque<Arc<Event>>,
    subscribers: Vec<mpsc::Sender<Arc<Event>>>,
}

/// The events from a time on, oldest first. Ends at its `until`, when the subscriber fell behind, or with the daemon.
#[derive(Debug)]
pub struct Subscription {
    past: VecDeque<Arc<Event>>,
    live: Option<mpsc::Receiver<Arc<Event>>>,
    until_ns: Option<i64>,
    deadline: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Default for Events {
    fn default() -> Self {
        let history = VecDeque::with_capacity(HISTORY_AT_START);
        Events { shared: Arc::new(Mutex::new(Shared { history, subscribers: Vec::new() })) }
    }
}

impl Events {
    /// Tells every subscriber, never waiting for one.
    pub fn publish(&self, event: Event) {
        let event = Arc::new(event);
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.history.len() == HISTORY {
            shared.history.pop_front();
        }
        shared.history.push_back(event.clone());
        shared.subscribers.retain(|subscriber| subscriber.try_send(event.clone()).is_ok());
    }

    /// Subscribes: past events from `since_ns` on (none when absent), then what comes until `until_ns`. Registered when
    /// this returns; nothing is missed or told twice in between. `now_ns` tells how far away `until_ns` is.
    pub fn subscribe(&self, since_ns: Option<i64>, until_ns: Option<i64>, now_ns: i64) -> Subscription {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let past = match since_ns {
            Some(since) => {
                let wanted = |event: &&Arc<Event>| {
                    event.time_ns >= since && until_ns.is_none_or(|u| event.time_ns <= u)
                };
                shared.history.iter().filter(wanted).cloned().collect()
            }
            None => VecDeque::new(),
        };
        let left = until_ns.map(|until| u64::try_from(until - now_ns).unwrap_or(0));
        if left == Some(0) {
            return Subscription { past, live: None, until_ns, deadline: None };
        }
        let (sender, receiver) = mpsc::channel(SUBSCRIBER_QUEUE);
        shared.subscribers.push(sender);
        let deadline = left.map(|ns| Box::pin(tokio::time::sleep(std::time::Duration::from_nanos(ns))));
        Subscription { past, live: Some(receiver), until_ns, deadline }
    }
}

impl Stream for Subscription {
    type Item = Arc<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(event) = self.past.pop_front() {
            return Poll::Ready(Some(event));
        }
        let Some(live) = self.live.as_mut() else { return Poll::Ready(None) };
        if let Poll::Ready(event) = live.poll_recv(context) {
            let late =
                event.as_ref().is_some_and(|event| self.until_ns.is_some_and(|until| event.time_ns > until));
            if event.is_none() || late {
                self.live = None;
                return Poll::Ready(None);
            }
            return Poll::Ready(event);
        }
        if let Some(deadline) = self.deadline.as_mut()
            && deadline.as_mut().poll(context).is_ready()
        {
            self.live = None;
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Actor, EventKind};
    use super::*;
    use futures_util::StreamExt;

    fn event(time_ns: i64) -> Event {
        Event { kind: EventKind::Container, action: "start".into(), actor: Actor::default(), time_ns }
    }

    #[tokio::test]
    async fn history_then_live_without_gap() {
        let events = Events::default();
        events.publish(event(1));
        events.publish(event(2));
        let mut subscription = events.subscribe(Some(2), None, 3);
        events.publish(event(3));
        assert_eq!(subscription.next().await.unwrap().time_ns, 2);
        assert_eq!(subscription.next().await.unwrap().time_ns, 3);
    }

    #[tokio::test]
    async fn without_since_only_what_comes() {
        let events = Events::default();
        events.publish(event(1));
        let mut subscription = events.subscribe(None, None, 2);
        events.publish(event(5));
        assert_eq!(subscription.next().await.unwrap().time_ns, 5);
    }

    #[tokio::test]
    async fn a_past_until_ends_the_stream() {
        let events = Events::default();
        for time in 1..5 {
            events.publish(event(time));
        }
        let times: Vec<i64> =
            events.subscribe(Some(2), Some(3), 10).map(|event| event.time_ns).collect().await;
        assert_eq!(times, [2, 3]);
    }

    #[tokio::test]
    async fn a_coming_until_ends_the_stream() {
        let events = Events::default();
        let subscription = events.subscribe(None, Some(20_000_000), 0);
        events.publish(event(7));
        let times: Vec<i64> = subscription.map(|event| event.time_ns).collect().await;
        assert_eq!(times, [7]);
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_cut_off_and_the_history_is_bounded() {
        let events = Events::default();
        let slow = events.subscribe(None, None, 0);
        for time in 0..(SUBSCRIBER_QUEUE as i64 + 10) {
            events.publish(event(time));
        }
        assert_eq!(slow.count().await, SUBSCRIBER_QUEUE);
        assert_eq!(events.subscribe(Some(0), Some(0), 1).count().await, 0);
        assert_eq!(events.shared.lock().unwrap().history.len(), HISTORY);
        assert!(events.shared.lock().unwrap().subscribers.is_empty());
    }
}
