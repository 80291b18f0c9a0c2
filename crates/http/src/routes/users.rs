//! Sign-up, log-in, profiles, and what administrators do with users.

use crate::app::AppState;
use crate::auth::{ACCESS_LIFE, PASSWORD_MAX, PASSWORD_MIN, REFRESH_LIFE, Secret, refresh_token, token_hash};
use crate::describe::{
    AdminsOnly, Anyone, Change, EmailAddress, Password, PersonName, ReasonText, SignedIn, WithBody, words,
};
use crate::extract::{Admin, Body, Caller, Id, IfMatch, Page, Paging, Tracing, etag};
use crate::problem::{MEDIA_TYPE, Problem, ProblemDocument};
use crate::render::PointsBody;
use crate::requests::{BodyReader, reads};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use kernel::ids::UserId;
use kernel::table::Field;
use kernel::{Money, Record, Timestamp};
use point::AdjustPoints;
use runtime::ports::store::{Compare, Query};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use user::{
    IssueRefresh, PatchUser, RefreshToken, Role, RotateRefresh, SignUp, User, UserEmail, UserStatus,
    email_key,
};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// How each body is read that is taken here.
pub(super) const BODIES: &[(&str, BodyReader)] = &[
    ("POST /v1/users", reads::<SignUpBody>),
    ("POST /v1/auth/token", reads::<LogInBody>),
    ("POST /v1/auth/refresh", reads::<RefreshBody>),
    ("PATCH /v1/users/me", reads::<PatchMeBody>),
    ("PATCH /v1/users/{id}", reads::<PatchUserBody>),
    ("POST /v1/users/{id}/points", reads::<AdjustBody>),
];

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(sign_up, list_users))
        .routes(routes!(log_in))
        .routes(routes!(refresh))
        .routes(routes!(get_me, patch_me))
        .routes(routes!(get_user, patch_user))
        .routes(routes!(adjust_points))
}

/// A user, as shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
struct UserBody {
    id: Uuid,
    email: String,
    name: String,
    #[schema(value_type = words::Role)]
    role: Role,
    #[schema(value_type = words::UserStatus)]
    status: UserStatus,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<&User> for UserBody {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.0,
            email: user.email.to_string(),
            name: user.name.to_string(),
            role: user.role,
            status: user.status,
            created_at: user.created_at,
        }
    }
}

/// A body with the version it shows.
type Versioned<T> = ([(HeaderName, String); 1], Json<T>);

fn shown(user: &User) -> Versioned<UserBody> {
    (etag(user.version), Json(user.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignUpBody {
    /// At most 254 characters; unique whatever its case.
    #[schema(value_type = EmailAddress)]
    email: String,
    /// 8 to 256 characters.
    #[schema(value_type = Password)]
    password: Secret,
    /// 1 to 100 characters.
    #[schema(value_type = PersonName)]
    name: String,
}

/// Signs up.
#[utoipa::path(
    post, path = "/v1/users", tag = "users", security(()), request_body = SignUpBody,
    responses(
        (status = 201, body = UserBody),
        (status = 409, description = "EMAIL_TAKEN", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 422, description = "a bad field", body = ProblemDocument, content_type = MEDIA_TYPE),
        Anyone, WithBody,
    )
)]
async fn sign_up(
    State(state): State<AppState>,
    Tracing(trace): Tracing,
    Body(body): Body<SignUpBody>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<UserBody>), Problem> {
    let length = body.password.expose().chars().count();
    if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&length) {
        let detail = format!("must have {PASSWORD_MIN} to {PASSWORD_MAX} characters");
        return Err(Problem::field("/password", "INVALID_FIELD", detail));
    }
    let password_hash = state.passwords().hash(body.password).await?;
    let command = SignUp { email: SmolStr::new(body.email), name: SmolStr::new(body.name), password_hash };
    let user: User = state.shop().ask(command, trace).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, "/v1/users/me")], Json(UserBody::from(&user))))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogInBody {
    email: String,
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// What a log-in gives.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
struct TokenBody {
    /// For `Authorization: Bearer …`; 15 minutes.
    access_token: String,
    /// Can be used once, within 14 days; using it gives the next one.
    refresh_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds that the access token is good for.
    expires_in: u64,
}

/// Logs in.
#[utoipa::path(
    post, path = "/v1/auth/token", tag = "users", security(()), request_body = LogInBody,
    responses(
        (status = 200, body = TokenBody),
        (status = 401, description = "INVALID_CREDENTIALS, USER_SUSPENDED", body = ProblemDocument, content_type = MEDIA_TYPE),
        Anyone, WithBody,
    )
)]
async fn log_in(
    State(state): State<AppState>,
    Tracing(trace): Tracing,
    Body(body): Body<LogInBody>,
) -> Result<Json<TokenBody>, Problem> {
    let known: Option<UserEmail> = state.shop().find("user", (email_key(&body.email),)).await?;
    let user: Option<User> = match known {
        Some(known) => state.shop().find("user", (known.user_id,)).await?,
        None => None,
    };
    // Nobody's password is compared as well: an address that nobody has takes as long as a wrong password.
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let is_right = state.passwords().is(body.password, hash).await?;
    let Some(user) = user.filter(|_| is_right) else {
        return Err(Problem::unauthorized("INVALID_CREDENTIALS", "the address or the password is wrong"));
    };
    let (token, hash) = refresh_token()?;
    let expires_at = state.now().after(REFRESH_LIFE);
    let user: User = state.shop().ask(IssueRefresh { user: user.id, hash, expires_at }, trace).await?;
    tokens(&state, &user, token)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshBody {
    #[schema(value_type = String)]
    refresh_token: Secret,
}

/// Uses a refresh token, and gives the next. One that comes twice ends all that descend from its log-in.
#[utoipa::path(
    post, path = "/v1/auth/refresh", tag = "users", security(()), request_body = RefreshBody,
    responses(
        (status = 200, body = TokenBody),
        (status = 401, description = "REFRESH_TOKEN_INVALID, USER_SUSPENDED", body = ProblemDocument, content_type = MEDIA_TYPE),
        Anyone, WithBody,
    )
)]
async fn refresh(
    State(state): State<AppState>,
    Tracing(trace): Tracing,
    Body(body): Body<RefreshBody>,
) -> Result<Json<TokenBody>, Problem> {
    let old_hash = token_hash(body.refresh_token.expose());
    let invalid = || Problem::unauthorized("REFRESH_TOKEN_INVALID", "this refresh token cannot be used");
    let old: RefreshToken = state.shop().find("user", (old_hash,)).await?.ok_or_else(invalid)?;
    let (token, new_hash) = refresh_token()?;
    let expires_at = state.now().after(REFRESH_LIFE);
    let command = RotateRefresh { user: old.user_id, family: old.family_id, old_hash, new_hash, expires_at };
    let user: User = state.shop().ask(command, trace).await?;
    tokens(&state, &user, token)
}

fn tokens(state: &AppState, user: &User, refresh_token: String) -> Result<Json<TokenBody>, Problem> {
    let access_token = state.tokens().make(user, state.now())?;
    let expires_in = ACCESS_LIFE.as_secs();
    Ok(Json(TokenBody { access_token, refresh_token, token_type: "Bearer", expires_in }))
}

/// The caller's profile.
#[utoipa::path(get, path = "/v1/users/me", tag = "users",
    responses((status = 200, body = UserBody, headers(("ETag" = String))), SignedIn)
)]
async fn get_me(Caller(user): Caller) -> Versioned<UserBody> {
    shown(&user)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PatchMeBody {
    /// 1 to 100 characters.
    #[schema(value_type = Option<PersonName>)]
    name: Option<String>,
}

/// Changes the caller's profile.
#[utoipa::path(
    patch, path = "/v1/users/me", tag = "users", params(IfMatch), request_body = PatchMeBody,
    responses(
        (status = 200, body = UserBody, headers(("ETag" = String))),
        (status = 412, description = "the version is another", body = ProblemDocument, content_type = MEDIA_TYPE),
        SignedIn, WithBody,
    )
)]
async fn patch_me(
    State(state): State<AppState>,
    caller: Caller,
    IfMatch(expected_version): IfMatch,
    Tracing(trace): Tracing,
    Body(body): Body<PatchMeBody>,
) -> Result<Versioned<UserBody>, Problem> {
    let command = PatchUser {
        id: caller.id(),
        name: body.name.map(SmolStr::new),
        role: None,
        status: None,
        expected_version,
        by: caller.id(),
        reason: None,
    };
    Ok(shown(&state.shop().ask(command, trace).await?))
}

/// Everybody, newest first.
#[utoipa::path(
    get, path = "/v1/users", tag = "users",
    params(Paging),
    responses((status = 200, body = Page<UserBody>), AdminsOnly)
)]
async fn list_users(
    State(state): State<AppState>,
    _: Admin,
    paging: Paging,
) -> Result<Json<Page<UserBody>>, Problem> {
    let mut query = Query::of(User::TABLE, paging.rows()).sort("id", true);
    if let Some(before) = paging.before {
        query = query.filter("id", Compare::Below, before.to_value());
    }
    let users: Vec<User> = state.shop().list("user", &query)?;
    Ok(Json(Page::of(users, &paging, |user| user.id.0, |user| UserBody::from(user))))
}

/// A user.
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "users", params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = UserBody, headers(("ETag" = String))),
        (status = 404, description = "No such thing", body = ProblemDocument, content_type = MEDIA_TYPE),
        AdminsOnly,
    )
)]
async fn get_user(
    State(state): State<AppState>,
    _: Admin,
    Id(id): Id<UserId>,
) -> Result<Versioned<UserBody>, Problem> {
    find(&state, id).await.map(|user| shown(&user))
}

async fn find(state: &AppState, id: UserId) -> Result<User, Problem> {
    state.shop().find("user", (id,)).await?.ok_or_else(|| Problem::not_found("user"))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PatchUserBody {
    /// `ACTIVE` or `SUSPENDED`; a suspension works at once.
    #[schema(value_type = Option<words::UserStatus>)]
    status: Option<UserStatus>,
    /// `customer` or `admin`.
    #[schema(value_type = Option<words::Role>)]
    role: Option<Role>,
    /// Why; recorded with who.
    #[schema(value_type = Option<ReasonText>)]
    reason: Option<String>,
}

/// Changes a user's status or role.
#[utoipa::path(
    patch, path = "/v1/users/{id}", tag = "users", params(("id" = Uuid, Path), IfMatch), request_body = PatchUserBody,
    responses(
        (status = 200, body = UserBody, headers(("ETag" = String))),
        (status = 404, description = "No such thing", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 412, description = "the version is another", body = ProblemDocument, content_type = MEDIA_TYPE),
        AdminsOnly, WithBody,
    )
)]
async fn patch_user(
    State(state): State<AppState>,
    Admin(admin): Admin,
    Id(id): Id<UserId>,
    IfMatch(expected_version): IfMatch,
    Tracing(trace): Tracing,
    Body(body): Body<PatchUserBody>,
) -> Result<Versioned<UserBody>, Problem> {
    let command = PatchUser {
        id,
        name: None,
        role: body.role,
        status: body.status,
        expected_version,
        by: admin.id(),
        reason: body.reason,
    };
    Ok(shown(&state.shop().ask(command, trace).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdjustBody {
    /// Minor units to grant, or to take if negative.
    #[schema(value_type = Change)]
    adjust: Money,
    /// Why; recorded with who.
    #[schema(value_type = ReasonText)]
    reason: String,
}

/// Grants points, or takes them.
#[utoipa::path(
    post, path = "/v1/users/{id}/points", tag = "users", params(("id" = Uuid, Path)), request_body = AdjustBody,
    responses(
        (status = 200, body = PointsBody),
        (status = 404, description = "No such thing", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 409, description = "POINTS_WOULD_BE_NEGATIVE", body = ProblemDocument, content_type = MEDIA_TYPE),
        AdminsOnly, WithBody,
    )
)]
async fn adjust_points(
    State(state): State<AppState>,
    Admin(admin): Admin,
    Id(id): Id<UserId>,
    Tracing(trace): Tracing,
    Body(body): Body<AdjustBody>,
) -> Result<Json<PointsBody>, Problem> {
    let user = find(&state, id).await?.id;
    let command = AdjustPoints { user, adjust: body.adjust, reason: body.reason, by: admin.id() };
    let points = state.shop().ask(command, trace).await?;
    Ok(Json(PointsBody { balance: points.balance.minor(), currency: state.shop().currency() }))
}
