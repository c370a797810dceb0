//! Secrets and configs: create, list, inspect, update, remove. They differ in what the managers are asked, and in nothing else.

use ::http::StatusCode;
use engine_api::swarm::{FileCreateResponse, FileListQuery, FileSpec, FileUpdateQuery};
use swarm_api::pb;

use super::{control, stated, timed};
use crate::convert;
use crate::filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::{Call, NoQuery};

/// The handlers of one kind: a module of this name, with its calls, and how one is told.
macro_rules! kind {
    ($kind:ident: $create:ident, $list:ident -> $all:ident, $get:ident, $update:ident, $remove:ident) => {
        pub(super) mod $kind {
            use super::*;

            pub(in super::super) async fn create(call: Call<NoQuery, Json<FileSpec>>) -> Outcome {
                let mut control = control(&call.api).await?;
                let request = pb::CreateFileRequest { spec: Some(convert::file::spec(call.body.0)?) };
                let created = control.$create(timed(request)).await?.into_inner();
                Answer::json_with(StatusCode::CREATED, &FileCreateResponse { id: created.id })
            }

            pub(in super::super) async fn list(call: Call<FileListQuery>) -> Outcome {
                let request = filter::file::request(&call.query.filters)?;
                let found = control(&call.api).await?.$list(timed(request)).await?.into_inner().$all;
                Answer::json(&found.into_iter().map(convert::file::$kind).collect::<Vec<_>>())
            }

            pub(in super::super) async fn inspect(call: Call) -> Outcome {
                let request = pb::GetRequest { reference: call.name };
                let found = control(&call.api).await?.$get(timed(request)).await?.into_inner();
                Answer::json(&convert::file::$kind(found))
            }

            pub(in super::super) async fn update(call: Call<FileUpdateQuery, Json<FileSpec>>) -> Outcome {
                let mut control = control(&call.api).await?;
                let request = pb::UpdateFileRequest {
                    reference: call.name,
                    version: stated(stringify!($kind), call.query.version)?,
                    spec: Some(convert::file::spec(call.body.0)?),
                };
                control.$update(timed(request)).await?;
                Answer::empty(StatusCode::OK)
            }

            pub(in super::super) async fn remove(call: Call) -> Outcome {
                let request = pb::GetRequest { reference: call.name };
                control(&call.api).await?.$remove(timed(request)).await?;
                Answer::empty(StatusCode::NO_CONTENT)
            }
        }
    };
}

kind!(secret: create_secret, list_secrets -> secrets, get_secret, update_secret, remove_secret);
kind!(config: create_config, list_configs -> configs, get_config, update_config, remove_config);
