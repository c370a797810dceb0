//! The layers of a pull: those that are here are kept, those that somebody fetches are waited for, the others are fetched.

use std::sync::Arc;

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::sync::Semaphore;

use super::Pull;
use crate::{
    Error, Result,
    archive::Pool,
    assembly::{Arrival, Assembly, Layer},
    background,
    flight::{Origin, Seat, Stage, Stages, Wanted},
    manifest::Descriptor,
    progress,
    registry::{Client, Step, download, pipe},
    store::{Operation, Store},
    unpack,
};

/// Whole downloads of a layer whose digest is wrong: the network may have changed a byte, a registry that lies does it again.
const MAX_FALSE: u32 = 2;

impl Pull<'_> {
    /// Brings in each layer. The seats of those that come go to `seats`, to be kept until the image is published.
    pub(super) async fn layers(
        &self,
        client: &Arc<Client>,
        assembly: &mut Assembly,
        layers: Vec<(Descriptor, Wanted)>,
        seats: &mut Vec<Seat<Arrival>>,
    ) -> Result<()> {
        for (descriptor, _) in &layers {
            progress::line(&self.to, &descriptor.digest.short(), "Pulling fs layer");
        }
        let mut coming = Vec::new();
        for (descriptor, wanted) in &layers {
            match assembly.operation().hold(wanted.diff_id, wanted.blob).await? {
                Some(hold) => {
                    progress::line(&self.to, &wanted.blob.short(), "Already exists");
                    assembly.add_layer(Layer::Kept(hold));
                }
                // All of them queue up for their download in the image's order before any is waited for.
                None => coming.push((self.join(client, descriptor, *wanted), descriptor, *wanted)),
            }
        }
        let mut coming: FuturesUnordered<_> = coming
            .into_iter()
            .map(|(seat, descriptor, wanted)| self.wait(client, seat, descriptor, wanted))
            .collect();
        while let Some(arrived) = coming.next().await {
            let (seat, arrival) = arrived?;
            assembly.add_arrival(&arrival);
            seats.push(seat);
        }
        Ok(())
    }

    /// Waits for a layer, whoever fetches it.
    async fn wait(
        &self,
        client: &Arc<Client>,
        mut seat: Seat<Arrival>,
        descriptor: &Descriptor,
        wanted: Wanted,
    ) -> Result<(Seat<Arrival>, Arc<Arrival>)> {
        loop {
            match seat.wait(&self.to).await {
                Ok(arrival) => return Ok((seat, arrival)),
                Err(Some(error)) => return Err(error),
                // Somebody else's fetch failed.
                Err(None) => seat = self.join(client, descriptor, wanted),
            }
        }
    }

    fn join(&self, client: &Arc<Client>, descriptor: &Descriptor, wanted: Wanted) -> Seat<Arrival> {
        self.images.flights.join(wanted, |stages| {
            let store = self.images.store.clone();
            fetch(store, self.images.downloads(), client.clone(), descriptor.clone(), wanted, stages)
        })
    }
}

/// Fetches and unpacks a layer, unless it has appeared in the store meanwhile.
async fn fetch(
    store: Store,
    downloads: Arc<Semaphore>,
    client: Arc<Client>,
    descriptor: Descriptor,
    wanted: Wanted,
    stages: Stages<Arrival>,
) -> Result<(Arrival, Origin)> {
    let _place = match downloads.try_acquire() {
        Ok(place) => place,
        Err(_) => {
            stages.send_replace(Stage::Waiting);
            downloads.acquire().await.map_err(|_| Error::Closed)?
        }
    };
    for attempt in 1.. {
        let operation = store.operation().await?;
        if let Some(hold) = operation.hold(wanted.diff_id, wanted.blob).await? {
            return Ok((Arrival::Kept { hold }, Origin::Store));
        }
        match fetch_once(&client, &descriptor, wanted, &stages, operation).await {
            Err(error @ Error::DigestMismatch { .. }) if attempt < MAX_FALSE => {
                tracing::debug!(%error, "a layer is downloaded again");
            }
            arrival => return arrival.map(|arrival| (arrival, Origin::Registry)),
        }
    }
    Err(Error::Closed)
}

async fn fetch_once(
    client: &Client,
    descriptor: &Descriptor,
    wanted: Wanted,
    stages: &Stages<Arrival>,
    operation: Operation,
) -> Result<Arrival> {
    let place = operation.place().clone();
    let (source, directory) = (place.name("blob"), place.name("layer"));
    let (blob, files) = (source.clone(), directory.clone());
    let (to, mut received) = pipe();
    let reading = background::run("image-fetch", move || {
        // Pieces from the network are small; each chunk wakes every thread.
        let pool = Pool::default();
        let mut next = || pool.fill(&mut received).map_err(|_| received.error());
        unpack::take_in(&mut next, &blob, Some(&files), &place)
    });
    let fetching = async {
        let tell = |step| {
            stages.send_replace(match step {
                Step::Bytes(bytes) => Stage::Downloading(bytes),
                Step::Pause(pause) => Stage::Retrying(pause),
            });
        };
        download(client, descriptor, to, tell).await;
        stages.send_replace(Stage::Verifying);
    };
    let ((), taken) = tokio::join!(fetching, reading);
    let taken = taken?;
    // A registry that lies is told from an image that is broken.
    taken.blob.digest.expect(&wanted.blob)?;
    let unpacked = taken.layer.unwrap_or(Err(Error::Closed))?;
    unpacked.diff_id.expect(&wanted.diff_id)?;
    Ok(Arrival::Fresh { source, directory, unpacked, operation })
}
