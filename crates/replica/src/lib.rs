//! The replica domain: what a quote needs of products, users and coupons, copied beside the orders as their owners say it.
//!
//! A copy is only believed where it says yes. Whoever quotes asks the owner about everything that is missing here or that
//! would refuse, and every participant verifies again what was quoted: a copy that is behind can cost a round, never
//! mis-sell. So nothing is lost with a copy, and whatever casts doubt on one may delete it.
//!
//! Products and users carry their owner's count of changes: the newest stays, whatever is heard twice or late. A coupon's
//! terms never change, so its copy is there or not: issued, and neither used nor expired nor refused since. One that an
//! order gave back has no copy, and its owner is asked.
//!
//! A participant's refusal corrects a copy that missed its owner's word for good (a database restored from a backup, an
//! epoch begun anew): a refused coupon's copy goes, and so do the copies that a `PRICE_CHANGED` order was priced by, unless
//! a newer one explains it.

mod news;
pub mod tables;

#[cfg(test)]
mod tests;

pub use tables::{CouponCopy, ProductCopy, UserCopy};

use kernel::{Cx, DecideError, Domain, DomainName, Input, Keys, Plan, Record, Table, WorkingSet};
use news::News;

/// The domain's name.
pub const NAME: DomainName = DomainName::of("replica");

/// The replica domain. A topology places it, beside `order`, if it quotes from replicas.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replica;

impl Domain for Replica {
    fn name(&self) -> DomainName {
        NAME
    }

    fn optional(&self) -> bool {
        true
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![ProductCopy::TABLE, UserCopy::TABLE, CouponCopy::TABLE]
    }

    fn hears(&self) -> &'static [&'static str] {
        news::WORDS
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        News::of(input.only_heard(&NAME)?)?.keys(keys);
        Ok(())
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, _: &mut Cx<'_>) -> Result<(), DecideError> {
        match News::of(input.only_heard(&NAME)?)? {
            News::Product(copy) => {
                let known = state.get::<ProductCopy>((copy.id,))?;
                if known.is_none_or(|known| known.version < copy.version) {
                    state.put(&copy);
                }
            }
            News::User(copy) => {
                let known = state.get::<UserCopy>((copy.id,))?;
                if known.is_none_or(|known| known.version < copy.version) {
                    state.put(&copy);
                }
            }
            News::Issued(copy) => state.put(&copy),
            News::Doubtful(id) => {
                if state.get::<CouponCopy>((id,))?.is_some() {
                    state.delete::<CouponCopy>((id,));
                }
            }
            News::Mispriced(plan) => forget_prices(plan, state)?,
            News::Nothing => {}
        }
        Ok(())
    }
}

/// Forgets the copies that `plan` was priced by. If one of them says another price by now, that one was behind and is not
/// any more: then the others stay.
fn forget_prices(plan: &Plan, state: &mut WorkingSet) -> Result<(), DecideError> {
    let mut believed = Vec::with_capacity(plan.lines.len());
    for line in &plan.lines {
        match state.get::<ProductCopy>((line.product_id,))? {
            Some(copy) if copy.price != line.unit_price => return Ok(()),
            Some(copy) => believed.push(copy.id),
            None => {}
        }
    }
    for id in believed {
        state.delete::<ProductCopy>((id,));
    }
    Ok(())
}
