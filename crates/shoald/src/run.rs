//! The life of the daemon: rooms opened in order, requests served, signals heard, rooms closed in reverse.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use engine::event::{Actor, Event, EventKind};
use engine::{Engine, Events};
use image::Images;
use rest::{Api, Facts};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::collector;
use crate::config::{self, Config, Loaded};
use crate::executor::{Defaults, EngineExecutor};
use crate::instance::Instance;
use crate::logging::Logging;
use crate::node::SwarmNode;
use crate::{facts, listener, setup};

/// Runs until a signal asks for the end, or a part of the daemon is broken.
pub(crate) async fn run(loaded: &Loaded, instance: &Instance, logging: &Logging) -> Result<()> {
    let mut signals = Signals::new()?;
    let config = &loaded.config;
    let images = Images::open(setup::images(config)).await.context("cannot open the images")?;
    let engine = engine::open(setup::engine(config, instance)?, images, setup::network(config, instance)?)
        .await
        .context("cannot open the engine")?;
    let executor = executor(&engine, config);
    // What an earlier life did not come to remove. Nothing waits for it.
    let swept = executor.clone();
    tokio::spawn(async move { swept.sweep_networks().await });
    let node = Arc::new(SwarmNode::start(config, executor, engine.events.clone()).await?);
    let (facts_sender, facts) = watch::channel(facts::facts(config, instance));
    let listeners = listener::open(config).await?;
    let stop = CancellationToken::new();
    let api = Api {
        containers: engine.containers.clone(),
        execs: engine.execs.clone(),
        images: engine.images.clone(),
        events: engine.events.clone(),
        networks: engine.networks.clone(),
        volumes: engine.volumes.clone(),
        node: node.clone(),
        facts,
    };
    let server = tokio::spawn(rest::serve(listeners, api, stop.clone()));
    tracing::info!(name = %instance.name, "ready");
    let collector = collector::run(engine.images.clone(), engine.containers.clone(), engine.events.clone());
    let collector = AbortOnDropHandle::new(tokio::spawn(collector));

    let reload =
        Reload { facts: &facts_sender, events: &engine.events, images: &engine.images, instance, logging };
    let outcome = until_end(&mut signals, node.broken(), &reload).await;
    tracing::info!("ends");
    let limit = Duration::from_secs(config.shutdown_timeout);
    let closing = async {
        drop(collector);
        // Nobody asks any more; then the swarm is told, then the rest is dropped.
        stop.cancel();
        node.stop().await;
        server.await.ok();
        if let Err(error) = engine.retire().await {
            tracing::warn!(%error, "kernel state of the daemon stays");
        }
    };
    if timeout(limit, closing).await.is_err() {
        tracing::warn!(seconds = limit.as_secs(), "ends before everything was closed");
    }
    outcome
}

fn executor(engine: &Engine, config: &Config) -> EngineExecutor {
    EngineExecutor::new(
        engine.containers.clone(),
        engine.images.clone(),
        engine.network.clone(),
        engine.networks.clone(),
        facts::description(config),
        Defaults { init: config.init, cdi_spec_dirs: setup::cdi_spec_dirs(&config.containers.cdi_spec_dirs) },
    )
}

/// The signals that mean something to a daemon.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

enum Heard {
    End,
    Reload,
}

impl Signals {
    fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::End,
            _ = self.interrupt.recv() => Heard::End,
            _ = self.hang_up.recv() => Heard::Reload,
        }
    }
}

/// Serves reloads until the end is asked for, or `broken` tells that a part of the daemon has failed.
async fn until_end(
    signals: &mut Signals,
    broken: impl Future<Output = String>,
    reload: &Reload<'_>,
) -> Result<()> {
    let mut broken = pin!(broken);
    loop {
        tokio::select! {
            heard = signals.next() => match heard {
                Heard::End => return Ok(()),
                Heard::Reload => reload.reload(),
            },
            reason = &mut broken => bail!("{reason}"),
        }
    }
}

/// What a configuration that is read again reaches.
struct Reload<'a> {
    facts: &'a watch::Sender<Arc<Facts>>,
    events: &'a Events,
    images: &'a Images,
    instance: &'a Instance,
    logging: &'a Logging,
}

impl Reload<'_> {
    /// Reads the configuration again. One that is wrong changes nothing.
    fn reload(&self) {
        let loaded = match config::load(std::env::args()) {
            Ok(loaded) => loaded,
            Err(error) => return tracing::error!(%error, "configuration stays as it was"),
        };
        self.logging.reload(&loaded.config);
        self.images.reconfigure(setup::images(&loaded.config));
        self.facts.send_replace(facts::facts(&loaded.config, self.instance));
        let actor = Actor { id: self.instance.id.clone(), attributes: Default::default() };
        self.events.publish(Event {
            kind: EventKind::Daemon,
            action: "reload".to_owned(),
            actor,
            time_ns: now_ns(),
        });
        tracing::info!(file = %loaded.path.display(), "configuration is read again");
    }
}

/// Nanoseconds since the epoch.
pub(crate) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
