//! The coupon domain: campaigns, coupons issued first come first served, and their use by orders.
//!
//! Books: a campaign's `issued` = the number of its `coupon_holders` = the number of its `user_coupons`, never above
//! `quantity`. A user coupon can be used (1 if `ISSUED`, else 0) = 1 for its issue, less 1 if `EXPIRED`, plus the
//! opening of `user_coupon:<id>`, plus Σ movements of done receipts.
//!
//! Reading order: [`terms`] (what a coupon takes off, and when) → [`tables`] → [`campaign`] (what administrators
//! change) → [`issue`] (from issue to expiry) → [`redeem`] (the step of an order).

pub mod campaign;
pub mod issue;
pub mod redeem;
pub mod tables;
pub mod terms;

#[cfg(test)]
mod tests;

pub use campaign::{CreateCoupon, PatchCoupon};
pub use issue::IssueCoupon;
pub use tables::{Coupon, CouponHolder, CouponStatus, UserCoupon, UserCouponStatus};
pub use terms::{Discount, Terms, discount_for};

use kernel::{Cx, DecideError, Domain, DomainName, Due, Input, Keys, Participant, Record, Table, WorkingSet};
use redeem::Redeem;

/// The domain's name in topologies.
pub const NAME: DomainName = DomainName::of("coupon");

/// The coupon domain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Coupons;

impl Domain for Coupons {
    fn name(&self) -> DomainName {
        NAME
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![Coupon::TABLE, UserCoupon::TABLE, CouponHolder::TABLE]
    }

    fn participants(&self) -> Vec<&dyn Participant> {
        vec![&Redeem]
    }

    fn due(&self) -> Vec<Due> {
        vec![Due::date(UserCoupon::TABLE, "expires_at")]
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        match Asked::read(input)? {
            Asked::Create(_) => {}
            Asked::Patch(command) => keys.want::<Coupon>((command.id,)),
            Asked::Issue(command) => {
                keys.want::<Coupon>((command.coupon,));
                keys.want::<CouponHolder>((command.coupon, command.user));
            }
            Asked::Expire(key) => keys.want::<UserCoupon>(key.clone()),
        }
        Ok(())
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
        match Asked::read(input)? {
            Asked::Create(command) => {
                let decided = command.decide(state, cx);
                cx.answer(command, decided)
            }
            Asked::Patch(command) => {
                let decided = command.decide(state, cx);
                cx.answer(command, decided)
            }
            Asked::Issue(command) => {
                let decided = command.decide(state, cx);
                cx.answer(command, decided)
            }
            Asked::Expire(key) => issue::expire(key, state, cx),
        }
    }
}

/// What the domain can be asked. It hears nothing and raises no dead letters.
enum Asked<'a> {
    Create(&'a CreateCoupon),
    Patch(&'a PatchCoupon),
    Issue(&'a IssueCoupon),
    Expire(&'a kernel::Key),
}

impl<'a> Asked<'a> {
    fn read(input: &Input<'a>) -> Result<Self, DecideError> {
        let known = match input {
            Input::Command(command) => None
                .or_else(|| command.downcast_ref().map(Self::Create))
                .or_else(|| command.downcast_ref().map(Self::Patch))
                .or_else(|| command.downcast_ref().map(Self::Issue)),
            Input::Due { table, key } if table.name == UserCoupon::TABLE.name => Some(Self::Expire(key)),
            Input::Due { .. } | Input::Heard(_) | Input::Redriven(_) | Input::Resolved(_) => None,
        };
        known.ok_or_else(|| DecideError::Impossible("coupon is asked only its own commands".to_owned()))
    }
}
