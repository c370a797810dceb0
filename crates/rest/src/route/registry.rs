//! Registries: logins, searches, and what they have under a name.

use ::http::{Method, StatusCode};
use engine_api::auth::AuthConfig;
use engine_api::registry::{
    AuthResponse, DistributionDescriptor, DistributionInspect, DistributionPlatform, DistributionQuery,
    ImageSearchQuery, SearchResult,
};
use image::ErrorKind;

use super::image::credentials::{credentials, given};
use crate::failure::Failure;
use crate::filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::{Call, NoQuery};
use crate::http::table::Table;

/// Results of a search if the client does not say.
const DEFAULT_RESULTS: u32 = 25;
/// Most results of a search.
const MAX_RESULTS: u32 = 100;

pub(super) fn routes(table: &mut Table) {
    table.on(Method::POST, "/auth", login);
    table.on(Method::GET, "/images/search", search);
    table.on(Method::GET, "/distribution/{name}/json", distribution);
}

async fn login(call: Call<NoQuery, Json<AuthConfig>>) -> Outcome {
    let Json(auth) = call.body;
    match call.api.images.login(given(auth)).await {
        Ok(token) => Answer::json(&AuthResponse {
            identity_token: token.unwrap_or_default(),
            status: "Login Succeeded".to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::Forbidden => {
            Err(Failure::new(StatusCode::UNAUTHORIZED, error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn search(call: Call<ImageSearchQuery>) -> Outcome {
    let Call { api, query, .. } = call;
    filter::known(&query.filters, &["is-automated", "is-official", "stars"])?;
    let is_automated = filter::flag(&query.filters, "is-automated")?;
    let is_official = filter::flag(&query.filters, "is-official")?;
    let mut stars = 0;
    for text in query.filters.get("stars") {
        let number: u64 =
            text.parse().map_err(|_| Failure::invalid(format!("invalid filter 'stars=[{text}]'")))?;
        stars = stars.max(number);
    }
    let limit = query.limit.filter(|limit| *limit > 0).unwrap_or(DEFAULT_RESULTS);
    if limit > MAX_RESULTS {
        return Err(Failure::invalid(format!("limit {limit} is outside the range of [1, {MAX_RESULTS}]")));
    }
    let auth = credentials(&query.registry_auth)?;
    let found = api.images.search(&query.term, limit as usize, auth).await?;
    let shown = found.into_iter().filter(|image| {
        is_automated.is_none_or(|wanted| wanted == image.is_automated)
            && is_official.is_none_or(|wanted| wanted == image.is_official)
            && image.stars >= stars
    });
    let results = shown.map(|image| SearchResult {
        star_count: image.stars,
        is_official: image.is_official,
        name: image.name,
        is_automated: image.is_automated,
        description: image.description,
    });
    Answer::json(&results.collect::<Vec<_>>())
}

async fn distribution(call: Call<DistributionQuery>) -> Outcome {
    let auth = credentials(&call.query.registry_auth)?;
    let found = call.api.images.distribution(&call.name, auth).await?;
    let platforms = found.platforms.into_iter().map(|(os, architecture, variant)| DistributionPlatform {
        architecture,
        os,
        variant: variant.unwrap_or_default(),
    });
    Answer::json(&DistributionInspect {
        descriptor: DistributionDescriptor {
            media_type: found.media_type,
            digest: found.digest,
            size: found.size,
        },
        platforms: platforms.collect(),
    })
}
