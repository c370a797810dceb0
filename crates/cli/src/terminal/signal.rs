//! Signals of this process that are meant for the container.

use std::future::poll_fn;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::error::Error;

/// Signals that are handed on, with their numbers on Linux. Those that report faults of this program itself, and
/// SIGCHLD, SIGPIPE, SIGURG, SIGTTIN, SIGTTOU and SIGTSTP, are about this process only.
const FORWARDED: [(i32, &str); 8] = [
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (10, "USR1"),
    (12, "USR2"),
    (14, "ALRM"),
    (15, "TERM"),
    (18, "CONT"),
];

/// The signals that arrived.
pub(crate) struct Signals(Vec<(&'static str, Signal)>);

/// How often the user may ask this process to end before it does so on its own, whatever the container does.
const PATIENCE: u32 = 3;
/// SIGINT and SIGTERM.
const ENDING: [i32; 2] = [2, 15];

/// Told when the user has lost patience. One for the process, as its signals are.
static IMPATIENT: Notify = Notify::const_new();

/// Ends when the user has asked often enough for this process to end; never while its signals are its own.
pub(crate) async fn impatience() {
    IMPATIENT.notified().await;
}

impl Signals {
    /// From here on the signals do not end this process, but for the third that asks it to end.
    pub(crate) fn catch() -> Result<Self, Error> {
        let mut ending = Self::listen(FORWARDED.into_iter().filter(|(number, _)| ENDING.contains(number)))?;
        tokio::spawn(async move {
            for _ in 0..PATIENCE {
                ending.next().await;
            }
            IMPATIENT.notify_one();
        });
        Self::listen(FORWARDED.into_iter())
    }

    fn listen(wanted: impl Iterator<Item = (i32, &'static str)>) -> Result<Self, Error> {
        let listen = |(number, name): (i32, &'static str)| Ok((name, signal(SignalKind::from_raw(number))?));
        wanted.map(listen).collect::<Result<_, Error>>().map(Self)
    }

    /// The name of the next signal.
    pub(crate) async fn next(&mut self) -> &'static str {
        poll_fn(|cx| {
            let arrived =
                self.0.iter_mut().find_map(|(name, signal)| signal.poll_recv(cx).is_ready().then_some(*name));
            arrived.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Changes of the terminal's size.
pub(crate) struct Winch(Signal);

impl Winch {
    /// Listens.
    pub(crate) fn catch() -> Result<Self, Error> {
        Ok(Self(signal(SignalKind::window_change())?))
    }

    /// Waits for the next change.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
