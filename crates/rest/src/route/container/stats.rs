//! `GET /containers/{id}/stats`: once, or once a second.

use engine_api::container::StatsQuery;
use futures_util::stream;

use crate::convert::container::stats as told;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

pub(super) async fn stats(call: Call<StatsQuery>) -> Outcome {
    let StatsQuery { stream: goes_on, one_shot } = call.query;
    let containers = call.api.containers;
    if goes_on && one_shot {
        return Err(Failure::invalid("cannot have stream=true and one-shot=true"));
    }
    if goes_on {
        let watch = containers.watch(&call.name)?;
        let samples = stream::unfold((watch, None), |(mut watch, before)| async move {
            let (record, sample) = watch.next().await?;
            let told = told(&record, sample.as_deref(), before.as_deref());
            Some((told, (watch, sample)))
        });
        return Ok(Answer::lines(samples));
    }
    let record = containers.inspect(&call.name)?;
    if one_shot || record.state.pid == 0 {
        let (record, sample) = containers.sample(&call.name).await?;
        return Answer::json(&told(&record, sample.as_ref(), None));
    }
    // Two looks: what is used shows only between them.
    let mut watch = containers.watch(&call.name)?;
    let gone = || engine::Error::NoSuchContainer(call.name.clone());
    let (_, before) = watch.next().await.ok_or_else(gone)?;
    let (record, sample) = watch.next().await.ok_or_else(gone)?;
    Answer::json(&told(&record, sample.as_deref(), before.as_deref()))
}
