//! Dead letters: what could not go on by itself, and how an operator ends it.

use crate::app::AppState;
use crate::describe::{AdminsOnly, WithBody};
use crate::extract::{Admin, Body, Id, Page, Paging, Params};
use crate::problem::{Problem, ProblemDocument};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::ids::{LetterId, UserId};
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::table::Field;
use kernel::{Record, Timestamp, Value, checks};
use runtime::CommandError;
use runtime::message::LetterOrder;
use runtime::ports::store::{Compare, Query};
use serde::{Deserialize, Serialize};
use shop::facts::{load, read};
use smol_str::SmolStr;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(redrive)).routes(routes!(resolve))
}

/// A dead letter, as shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
struct LetterBody {
    id: Uuid,
    domain: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[schema(value_type = String, example = "COMPENSATION")]
    kind: LetterKind,
    error: String,
    attempts: i64,
    #[schema(value_type = String, format = DateTime)]
    first_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_at: Timestamp,
    #[schema(value_type = String, example = "OPEN")]
    status: LetterStatus,
}

impl From<&DeadLetter> for LetterBody {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            id: letter.id.0,
            domain: letter.domain.to_string(),
            order_id: letter.order_id,
            step: letter.step.as_ref().map(ToString::to_string),
            kind: letter.kind,
            error: letter.error.to_string(),
            attempts: letter.attempts,
            first_at: letter.first_at,
            last_at: letter.last_at,
            status: letter.status,
        }
    }
}

#[derive(Debug, Deserialize)]
struct LetterFilters {
    status: Option<LetterStatus>,
}

/// The most letters of one database that a list looks at.
const MOST: u32 = 2_000;

/// Dead letters of all databases, newest first.
#[utoipa::path(
    get, path = "/v1/admin/dead-letters", tag = "admin",
    params(
        ("status" = Option<String>, Query, description = "only `OPEN`, `REDRIVEN` or `RESOLVED` ones"),
        ("limit" = Option<u32>, Query, description = "1 to 100, default 20"),
        ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, body = Page<LetterBody>), AdminsOnly)
)]
async fn list(
    State(state): State<AppState>,
    _: Admin,
    Params(filters): Params<LetterFilters>,
    paging: Paging,
) -> Result<Json<Page<LetterBody>>, Problem> {
    let mut letters: Vec<DeadLetter> = Vec::new();
    for handle in state.shop().system().databases() {
        let mut query = Query::of(DeadLetter::TABLE, MOST).sort("first_at", true);
        if let Some(status) = filters.status {
            query = query.filter("status", Compare::Is, status.to_value());
        }
        if let Some(before) = paging.before {
            query = query.filter("first_at", Compare::AtMost, Value::Int(time_of(before)));
        }
        for row in handle.reader.query(&query)? {
            letters.push(read(&row)?);
        }
    }
    letters.retain(|letter| paging.before.is_none_or(|before| place(letter) < before));
    letters.sort_by_key(|letter| std::cmp::Reverse(place(letter)));
    letters.truncate(paging.rows() as usize);
    Ok(Json(Page::of(letters, &paging, place, |letter| LetterBody::from(letter))))
}

/// Letters have ids that may say nothing about time: they sort by when they were raised, then by id.
fn place(letter: &DeadLetter) -> Uuid {
    let at = u128::try_from(letter.first_at.0).unwrap_or(0) & u128::from(u64::MAX);
    let id = letter.id.0.as_u128();
    Uuid::from_u128(at << 64 | ((id >> 64 ^ id) & u128::from(u64::MAX)))
}

fn time_of(place: Uuid) -> i64 {
    i64::try_from(place.as_u128() >> 64).unwrap_or(i64::MAX)
}

/// Tries a dead letter again, with the same message id and through the inbox.
#[utoipa::path(
    post, path = "/v1/admin/dead-letters/{id}/redrive", tag = "admin", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = LetterBody),
        (status = 404, description = "No such thing", body = ProblemDocument<'static>),
        (status = 409, description = "DEAD_LETTER_NOT_OPEN", body = ProblemDocument<'static>),
        AdminsOnly,
    )
)]
async fn redrive(
    State(state): State<AppState>,
    Admin(admin): Admin,
    Id(id): Id<LetterId>,
) -> Result<Json<LetterBody>, Problem> {
    handle(&state, id, LetterOrder::Redrive, admin.id()).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResolveBody {
    /// Why it is over, 1 to 500 characters; recorded with who.
    note: String,
}

/// Ends a dead letter by a note: what redriving cannot.
#[utoipa::path(
    post, path = "/v1/admin/dead-letters/{id}/resolve", tag = "admin", params(("id" = Uuid, Path)),
    request_body = ResolveBody,
    responses(
        (status = 200, body = LetterBody),
        (status = 404, description = "No such thing", body = ProblemDocument<'static>),
        (status = 409, description = "DEAD_LETTER_NOT_OPEN", body = ProblemDocument<'static>),
        AdminsOnly, WithBody,
    )
)]
async fn resolve(
    State(state): State<AppState>,
    Admin(admin): Admin,
    Id(id): Id<LetterId>,
    Body(body): Body<ResolveBody>,
) -> Result<Json<LetterBody>, Problem> {
    checks::text("/note", &body.note, checks::REASON_MAX)?;
    handle(&state, id, LetterOrder::Resolve(SmolStr::new(body.note)), admin.id()).await
}

async fn handle(
    state: &AppState,
    id: LetterId,
    order: LetterOrder,
    by: UserId,
) -> Result<Json<LetterBody>, Problem> {
    let mut holder = None;
    for handle in state.shop().system().databases() {
        if !load::<DeadLetter>(handle.reader.as_ref(), [(id,)])?.is_empty() {
            holder = Some(handle);
        }
    }
    let holder = holder.ok_or_else(|| Problem::not_found("dead letter"))?;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    holder.door.letter(id, order, by, move |answer| {
        // The operator may have gone; what was decided stands.
        let _ = sender.send(answer);
    });
    let lost = || CommandError::Fault("the answer was lost".to_owned());
    let not_open =
        || Problem::new(StatusCode::CONFLICT, "DEAD_LETTER_NOT_OPEN", "this dead letter is not open");
    let letter = receiver.await.map_err(|_| lost())??.ok_or_else(not_open)?;
    Ok(Json(LetterBody::from(&letter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_keeps_the_time_a_letter_was_raised_at() {
        let letter = DeadLetter {
            id: LetterId(Uuid::from_u128(u128::MAX)),
            domain: kernel::DomainName::of("order"),
            order_id: None,
            step: None,
            kind: LetterKind::Poison,
            error: SmolStr::default(),
            attempts: 1,
            first_at: Timestamp(1_700_000_000_123),
            last_at: Timestamp(1_700_000_000_123),
            status: LetterStatus::Open,
            message: None,
            note: None,
            handled_by: None,
        };
        assert_eq!(time_of(place(&letter)), 1_700_000_000_123);
    }
}
