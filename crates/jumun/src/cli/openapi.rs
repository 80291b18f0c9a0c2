//! `jumun openapi`.

use super::{Ended, say};
use clap::Args;

/// Print the HTTP API's OpenAPI document as JSON, the same that a server shows at /openapi.json
#[derive(Debug, Args)]
pub(crate) struct OpenApi {}

impl OpenApi {
    pub(crate) fn run(self) -> anyhow::Result<Ended> {
        say(serde_json::to_string_pretty(&http_api::openapi())?)?;
        Ok(Ended::Well)
    }
}
