//! Dead letters: what could not go on by itself, and how an operator ends it.

use crate::app::AppState;
use crate::describe::{AdminsOnly, ReasonText, WithBody, words};
use crate::extract::{Admin, Body, Id, Page, Paging, Params};
use crate::problem::{MEDIA_TYPE, Problem, ProblemDocument};
use crate::requests::{BodyReader, QueryReader, reads, reads_query};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::ids::{LetterId, UserId};
use kernel::judge::letters::{DeadLetter, LetterKind, LetterStatus};
use kernel::{Timestamp, checks};
use runtime::message::LetterOrder;
use runtime::system::Handle;
use runtime::{CommandError, System};
use serde::{Deserialize, Serialize};
use shop::facts::load;
use shop::reads::{dead_letters, letter_place};
use smol_str::SmolStr;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// How each body is read that is taken here.
pub(super) const BODIES: &[(&str, BodyReader)] =
    &[("POST /v1/admin/dead-letters/{id}/resolve", reads::<ResolveBody>)];

/// How the parameters are read that are taken here.
pub(super) const QUERIES: &[(&str, QueryReader)] =
    &[("GET /v1/admin/dead-letters", reads_query::<LetterFilters>)];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_dead_letters))
        .routes(routes!(redrive_dead_letter))
        .routes(routes!(resolve_dead_letter))
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
    #[schema(value_type = words::LetterKind)]
    kind: LetterKind,
    error: String,
    attempts: i64,
    #[schema(value_type = String, format = DateTime)]
    first_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_at: Timestamp,
    #[schema(value_type = words::LetterStatus)]
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

/// Dead letters of all databases, newest first.
#[utoipa::path(
    get, path = "/v1/admin/dead-letters", tag = "admin",
    params(
        ("status" = Option<words::LetterStatus>, Query, description = "only `OPEN`, `REDRIVEN` or `RESOLVED` ones"),
        Paging,
    ),
    responses((status = 200, body = Page<LetterBody>), AdminsOnly)
)]
async fn list_dead_letters(
    State(state): State<AppState>,
    _: Admin,
    Params(filters): Params<LetterFilters>,
    paging: Paging,
) -> Result<Json<Page<LetterBody>>, Problem> {
    let books = state.shop().system().books();
    let databases = books.iter().map(|(_, reader)| reader.as_ref());
    let letters = dead_letters(databases, filters.status, paging.before, paging.rows())?;
    Ok(Json(Page::of(letters, &paging, letter_place, |letter| LetterBody::from(letter))))
}

/// Tries a dead letter again, with the same message id and through the inbox.
#[utoipa::path(
    post, path = "/v1/admin/dead-letters/{id}/redrive", tag = "admin", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = LetterBody),
        (status = 404, description = "No such thing", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 409, description = "DEAD_LETTER_NOT_OPEN", body = ProblemDocument, content_type = MEDIA_TYPE),
        AdminsOnly,
    )
)]
async fn redrive_dead_letter(
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
    #[schema(value_type = ReasonText)]
    note: String,
}

/// Ends a dead letter by a note: what redriving cannot.
#[utoipa::path(
    post, path = "/v1/admin/dead-letters/{id}/resolve", tag = "admin", params(("id" = Uuid, Path)),
    request_body = ResolveBody,
    responses(
        (status = 200, body = LetterBody),
        (status = 404, description = "No such thing", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 409, description = "DEAD_LETTER_NOT_OPEN", body = ProblemDocument, content_type = MEDIA_TYPE),
        AdminsOnly, WithBody,
    )
)]
async fn resolve_dead_letter(
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
    let system = state.shop().system();
    let mut holder = None;
    for (database, reader) in system.books() {
        if !load::<DeadLetter>(reader.as_ref(), [(id,)])?.is_empty() {
            holder = Some(database.name.clone());
        }
    }
    let holder = holder.ok_or_else(|| Problem::not_found("dead letter"))?;
    let not_open =
        || Problem::new(StatusCode::CONFLICT, "DEAD_LETTER_NOT_OPEN", "this dead letter is not open");
    let letter = match system.databases().iter().find(|own| own.database.name == holder) {
        Some(own) => handle_here(own, id, order, by).await?,
        None => handle_there(system, holder, id, order, by).await?,
    };
    Ok(Json(LetterBody::from(&letter.ok_or_else(not_open)?)))
}

async fn handle_here(
    holder: &Handle,
    id: LetterId,
    order: LetterOrder,
    by: UserId,
) -> Result<Option<DeadLetter>, CommandError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    holder.door.letter(id, order, by, move |answer| {
        // The operator may have gone; what was decided stands.
        let _ = sender.send(answer);
    });
    receiver.await.unwrap_or_else(|_| Err(CommandError::Fault("the answer was lost".to_owned())))
}

/// The unit that holds the letter does it.
async fn handle_there(
    system: &System,
    holder: String,
    id: LetterId,
    order: LetterOrder,
    by: UserId,
) -> Result<Option<DeadLetter>, CommandError> {
    let other = system.elsewhere().iter().find(|other| other.database.name == holder);
    let neighbour = other.and_then(|other| other.neighbour.clone());
    let away = || CommandError::Unavailable(holder.clone(), "its unit cannot be asked".to_owned());
    let neighbour = neighbour.ok_or_else(away)?;
    let handled = tokio::task::spawn_blocking(move || neighbour.letter(&holder, id, order, by)).await;
    handled.unwrap_or_else(|_| Err(CommandError::Fault("the answer was lost".to_owned())))
}
