//! What is heard, read as what it changes here. Fields that are not needed are not looked at.

use kernel::ids::{ProductId, UserCouponId, UserId};
use kernel::{DecideError, Heard, Keys, Money, Plan, Reason, Said, Step};
use serde::Deserialize;
use smol_str::SmolStr;

use crate::tables::{CouponCopy, ProductCopy, UserCopy};

/// Everything that is listened to.
pub(crate) const WORDS: &[&str] = &[
    "product.changed",
    "user.created",
    "user.changed",
    "coupon.issued",
    "coupon.expired",
    "coupon.done",
    "coupon.refused",
    "stock.refused",
];

/// What a word changes here.
pub(crate) enum News<'a> {
    /// A product is this now.
    Product(ProductCopy),
    /// A user is this now.
    User(UserCopy),
    /// A coupon was issued.
    Issued(CouponCopy),
    /// A coupon was used, has expired, or was refused: it is not to be promised any more.
    Doubtful(UserCouponId),
    /// The prices of this plan are not those of the catalogue.
    Mispriced(&'a Plan),
    /// Nothing.
    Nothing,
}

#[derive(Deserialize)]
struct ProductChanged {
    sku: SmolStr,
    name: SmolStr,
    price: Money,
    status: SmolStr,
    version: i64,
}

#[derive(Deserialize)]
struct UserChanged {
    status: SmolStr,
    version: i64,
}

#[derive(Deserialize)]
struct CouponSaid {
    user_id: UserId,
    user_coupon_id: UserCouponId,
    /// Not said before there were replicas: such a coupon has no copy.
    terms: Option<serde_json::Value>,
}

/// The word for what can be bought or used. Any other status, known here or not, is a doubt that the owner resolves.
const ACTIVE: &str = "ACTIVE";

impl<'a> News<'a> {
    pub(crate) fn of(heard: &Heard<'a>) -> Result<Self, DecideError> {
        let coupon = |heard: &Heard<'a>| -> Result<Self, DecideError> {
            let coupon = heard.need_plan()?.coupon;
            Ok(coupon.map_or(Self::Nothing, |coupon| Self::Doubtful(coupon.user_coupon_id)))
        };
        match heard.said {
            Said::Fact { kind, body } => Self::of_fact(heard, kind, body),
            Said::Done { step, .. } | Said::Refused { step, .. } if *step == Step::COUPON => coupon(heard),
            Said::Refused { step, reason } if *step == Step::STOCK => {
                match *reason == Reason::PRICE_CHANGED {
                    true => Ok(Self::Mispriced(heard.need_plan()?)),
                    false => Ok(Self::Nothing),
                }
            }
            other => Err(unheard(&other.name())),
        }
    }

    fn of_fact(heard: &Heard<'_>, kind: &str, body: &serde_json::Value) -> Result<Self, DecideError> {
        match kind {
            "product.changed" => {
                let ProductChanged { sku, name, price, status, version } = Deserialize::deserialize(body)?;
                let id = ProductId(heard.key);
                Ok(Self::Product(ProductCopy { id, sku, name, price, active: status == ACTIVE, version }))
            }
            "user.created" | "user.changed" => {
                let UserChanged { status, version } = Deserialize::deserialize(body)?;
                Ok(Self::User(UserCopy { id: UserId(heard.key), active: status == ACTIVE, version }))
            }
            "coupon.issued" => {
                let CouponSaid { user_id, user_coupon_id: id, terms } = Deserialize::deserialize(body)?;
                let copy = |terms| Self::Issued(CouponCopy { id, user_id, terms: kernel::Json(terms) });
                Ok(terms.map_or(Self::Nothing, copy))
            }
            "coupon.expired" => {
                let CouponSaid { user_coupon_id, .. } = Deserialize::deserialize(body)?;
                Ok(Self::Doubtful(user_coupon_id))
            }
            other => Err(unheard(other)),
        }
    }

    pub(crate) fn keys(&self, keys: &mut Keys) {
        match self {
            Self::Product(copy) => keys.want::<ProductCopy>((copy.id,)),
            Self::User(copy) => keys.want::<UserCopy>((copy.id,)),
            Self::Issued(CouponCopy { id, .. }) | Self::Doubtful(id) => keys.want::<CouponCopy>((*id,)),
            Self::Mispriced(plan) => {
                plan.lines.iter().for_each(|line| keys.want::<ProductCopy>((line.product_id,)));
            }
            Self::Nothing => {}
        }
    }
}

fn unheard(word: &str) -> DecideError {
    DecideError::Impossible(format!("the replica does not listen to {word}"))
}
