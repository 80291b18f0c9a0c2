//! Coupon campaigns, and the coupons that users hold.

use super::products::newest_first;
use crate::app::AppState;
use crate::describe::{AdminsOnly, Anyone, CampaignName, PositiveAmount, ReasonText, SignedIn, WithBody};
use crate::extract::{Admin, Body, Caller, Id, IfMatch, Page, Paging, Tracing, etag};
use crate::problem::{MEDIA_TYPE, Problem, ProblemDocument};
use crate::render::{CouponBody, CouponStatusBody, DiscountBody, UserCouponBody};
use crate::requests::{BodyReader, reads};
use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use coupon::{Coupon, CreateCoupon, IssueCoupon, PatchCoupon, UserCoupon};
use kernel::ids::CouponId;
use kernel::{Money, Record, Timestamp, Value};
use runtime::ports::store::{Compare, Query};
use serde::Deserialize;
use smol_str::SmolStr;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How each body is read that is taken here.
pub(super) const BODIES: &[(&str, BodyReader)] =
    &[("POST /v1/coupons", reads::<NewCoupon>), ("PATCH /v1/coupons/{id}", reads::<CouponChanges>)];

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_coupons, create_coupon))
        .routes(routes!(patch_coupon))
        .routes(routes!(issue_coupon))
        .routes(routes!(list_my_coupons))
}

/// A campaign with the header that names its version.
type Versioned = ([(HeaderName, String); 1], Json<CouponBody>);

fn versioned(coupon: Coupon) -> Versioned {
    (etag(coupon.version), Json(coupon.into()))
}

/// The campaigns, newest first.
#[utoipa::path(
    get, path = "/v1/coupons", tag = "coupons", security(()),
    params(Paging),
    responses((status = 200, description = "A page of campaigns", body = Page<CouponBody>), Anyone)
)]
async fn list_coupons(
    State(state): State<AppState>,
    paging: Paging,
) -> Result<Json<Page<CouponBody>>, Problem> {
    let query = newest_first(Query::of(Coupon::TABLE, paging.rows()), "id", &paging);
    let rows: Vec<Coupon> = state.shop().list("coupon", &query)?;
    Ok(Json(Page::of(rows, &paging, |coupon| coupon.id.0, |coupon| coupon.clone().into())))
}

/// A new campaign.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCoupon {
    /// Its name, 1 to 100 characters.
    #[schema(value_type = CampaignName)]
    name: String,
    /// What its coupons take off.
    discount: DiscountBody,
    /// How many there are.
    #[schema(value_type = PositiveAmount)]
    quantity: Money,
    /// The least order total, in minor units, that they can be used on.
    #[schema(value_type = Option<PositiveAmount>)]
    min_order_amount: Option<Money>,
    /// From when they are given out and can be used.
    #[schema(value_type = String, format = DateTime)]
    valid_from: Timestamp,
    /// Until when; after `valid_from`.
    #[schema(value_type = String, format = DateTime)]
    valid_until: Timestamp,
}

/// Makes a campaign, active at once.
#[utoipa::path(
    post, path = "/v1/coupons", tag = "coupons", security(("bearer" = [])),
    request_body = NewCoupon,
    responses((status = 201, description = "The campaign", body = CouponBody, headers(("ETag" = String))), AdminsOnly, WithBody)
)]
async fn create_coupon(
    State(state): State<AppState>,
    Admin(admin): Admin,
    Tracing(trace): Tracing,
    Body(new): Body<NewCoupon>,
) -> Result<(StatusCode, Versioned), Problem> {
    let NewCoupon { name, discount, quantity, min_order_amount, valid_from, valid_until } = new;
    let command = CreateCoupon {
        name: name.into(),
        discount: discount.into(),
        quantity: quantity.minor(),
        min_order_amount,
        valid_from,
        valid_until,
        by: admin.id(),
    };
    Ok((StatusCode::CREATED, versioned(state.shop().ask(command, trace).await?)))
}

/// Changes of a campaign; what is not given stays, and so do the terms of coupons already issued.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CouponChanges {
    /// A new name.
    #[schema(value_type = Option<CampaignName>)]
    name: Option<String>,
    /// A new quantity, not below what is given out.
    #[schema(value_type = Option<PositiveAmount>)]
    quantity: Option<Money>,
    /// Whether it gives out coupons.
    status: Option<CouponStatusBody>,
    /// A new end.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
    /// Why, for the record.
    #[schema(value_type = Option<ReasonText>)]
    reason: Option<String>,
}

/// Changes a campaign. `If-Match` is honoured, never required.
#[utoipa::path(
    patch, path = "/v1/coupons/{id}", tag = "coupons", security(("bearer" = [])),
    params(("id" = Uuid, Path), IfMatch),
    request_body = CouponChanges,
    responses(
        (status = 200, description = "The campaign as it is now", body = CouponBody, headers(("ETag" = String))),
        (status = 404, description = "No such campaign", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 409, description = "`QUANTITY_BELOW_ISSUED`", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 412, description = "`VERSION_MISMATCH`", body = ProblemDocument, content_type = MEDIA_TYPE),
        AdminsOnly, WithBody
    )
)]
async fn patch_coupon(
    State(state): State<AppState>,
    Admin(admin): Admin,
    Id(id): Id<CouponId>,
    IfMatch(expected_version): IfMatch,
    Tracing(trace): Tracing,
    Body(changes): Body<CouponChanges>,
) -> Result<Versioned, Problem> {
    let CouponChanges { name, quantity, status, valid_until, reason } = changes;
    let (name, quantity) = (name.map(SmolStr::from), quantity.map(Money::minor));
    let (status, by) = (status.map(Into::into), admin.id());
    let command = PatchCoupon { id, name, quantity, status, valid_until, expected_version, by, reason };
    Ok(versioned(state.shop().ask(command, trace).await?))
}

/// Gives the caller a coupon of the campaign: first come, first served, one each.
#[utoipa::path(
    post, path = "/v1/coupons/{id}/issue", tag = "coupons", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 201, description = "The coupon", body = UserCouponBody, headers(("Location" = String))),
        (status = 404, description = "No such campaign", body = ProblemDocument, content_type = MEDIA_TYPE),
        (status = 409, description = "`COUPON_SOLD_OUT`, `COUPON_ALREADY_ISSUED` or `COUPON_NOT_OPEN`",
            body = ProblemDocument, content_type = MEDIA_TYPE),
        SignedIn
    )
)]
async fn issue_coupon(
    State(state): State<AppState>,
    caller: Caller,
    Id(coupon): Id<CouponId>,
    Tracing(trace): Tracing,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<UserCouponBody>), Problem> {
    let issued = state.shop().ask(IssueCoupon { coupon, user: caller.id() }, trace).await?;
    Ok((StatusCode::CREATED, [(LOCATION, "/v1/users/me/coupons")], Json(issued.into())))
}

/// The caller's coupons, newest first.
#[utoipa::path(
    get, path = "/v1/users/me/coupons", tag = "coupons", security(("bearer" = [])),
    params(Paging),
    responses((status = 200, description = "A page of coupons", body = Page<UserCouponBody>), SignedIn)
)]
async fn list_my_coupons(
    State(state): State<AppState>,
    caller: Caller,
    paging: Paging,
) -> Result<Json<Page<UserCouponBody>>, Problem> {
    let query = Query::of(UserCoupon::TABLE, paging.rows());
    let query = query.filter("user_id", Compare::Is, Value::Id(caller.id().0));
    let rows: Vec<UserCoupon> = state.shop().list("coupon", &newest_first(query, "id", &paging))?;
    Ok(Json(Page::of(rows, &paging, |coupon| coupon.id.0, |coupon| coupon.clone().into())))
}
