//! One connection: requests one after the other, until it ends, is hijacked, or the server stops.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use ::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::body::Body;
use super::dispatch::Dispatcher;
use super::hijack::{Duplex, Hijack};
use super::hold::{Held, Hold};

/// Most bytes of a request's head, and of what is read or written at a time.
const BUFFER_LIMIT: usize = 64 * 1024;
/// How long a client may take for the head of its next request. Idle connections of clients' pools are closed by it too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(300);

enum Next {
    Ended,
    Hijacked(Hijack),
    Stop,
}

/// Serves a connection. Returns when it has ended, or soon after `shutdown`.
pub(crate) async fn run(io: impl Duplex + 'static, dispatcher: Dispatcher, shutdown: CancellationToken) {
    let hold = Hold::default();
    let (taker, mut taken) = mpsc::channel::<Hijack>(1);
    let held = TokioIo::new(Held::new(io, hold.clone()));
    let service = service_fn(move |request: Request<Incoming>| {
        // Before anything else of the connection is read: see `hold`.
        hold.set(dispatcher.hijacks(&request));
        Box::pin(respond(request, dispatcher.clone(), taker.clone(), hold.clone()))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER_LIMIT)
        .serve_connection(held, service);
    let mut stopping = false;
    loop {
        let next = tokio::select! {
            biased;
            Some(hijack) = taken.recv() => Next::Hijacked(hijack),
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection ended");
                }
                Next::Ended
            }
            () = shutdown.cancelled(), if !stopping => Next::Stop,
        };
        match next {
            Next::Hijacked(hijack) => {
                let parts = connection.into_parts();
                return hijack.run(parts.read_buf, parts.io.into_inner().into_inner()).await;
            }
            Next::Ended => {
                let mut io = connection.into_parts().io.into_inner().into_inner();
                let _ = io.shutdown().await;
                return;
            }
            Next::Stop => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
}

async fn respond(
    request: Request<Incoming>,
    dispatcher: Dispatcher,
    taker: mpsc::Sender<Hijack>,
    hold: Hold,
) -> Result<Response<Body>, Infallible> {
    match dispatcher.answer(request).await {
        Answer::Response(response) => {
            hold.set(false);
            Ok(response)
        }
        Answer::Hijack(hijack) => {
            // The connection's loop takes over, and drops this future with all of HTTP.
            let _ = taker.send(hijack).await;
            std::future::pending().await
        }
    }
}
