//! The dead letters of a running server, through its admin API.

use super::{Action, Shown};
use crate::cli::client::{Api, Credentials, Person};
use jumun::Config;
use kernel::judge::letters::LetterStatus;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

const PATH: &str = "/v1/admin/dead-letters";

async fn admin(config: &Config, url: &str) -> anyhow::Result<Person> {
    let credentials = Credentials::of_admin(config)?;
    Api::new(url)?.log_in(credentials).await
}

pub(super) async fn list(
    config: &Config,
    url: &str,
    status: Option<LetterStatus>,
) -> anyhow::Result<Vec<Shown>> {
    let path = match status {
        Some(status) => format!("{PATH}?status={status}"),
        None => PATH.to_owned(),
    };
    admin(config, url).await?.list(&path).await
}

pub(super) async fn handle(config: &Config, url: &str, id: Uuid, action: &Action) -> anyhow::Result<Shown> {
    let admin = admin(config, url).await?;
    let answer = match action {
        Action::Redrive => {
            admin.send(Method::POST, &format!("{PATH}/{id}/redrive"), |request| request).await?
        }
        Action::Resolve(note) => {
            let body = json!({ "note": note });
            admin.send(Method::POST, &format!("{PATH}/{id}/resolve"), |request| request.json(&body)).await?
        }
    };
    Ok(serde_json::from_value(answer.body)?)
}
