//! Campaigns: what they offer, and whom they gave coupons.

use super::breach::{Docket, Promise, id, named, or_none};
use super::register::{Moment, Register};
use crate::clients::{Amount, Campaign, Coupon, Discount, Id, Millis, Refused, RequestId, Terms};
use std::collections::BTreeMap;

/// One campaign.
pub(super) struct Offer {
    pub(super) terms: Terms,
    pub(super) quantity: Register<Amount>,
    pub(super) stopped: Register<bool>,
    /// Who asked for a coupon, and how often.
    pub(super) askers: BTreeMap<Id, u32>,
    /// The coupon that each user was told to have.
    pub(super) told: BTreeMap<Id, Id>,
}

/// All campaigns.
#[derive(Default)]
pub(super) struct Campaigns {
    pub(super) offers: BTreeMap<Id, Offer>,
    /// Which campaign a coupon is of, and whose it is, as first told.
    pub(super) coupons: BTreeMap<Id, (Id, Id)>,
}

/// A change of a campaign, as asked for.
#[derive(Clone, Copy)]
pub(super) struct Patch {
    pub(super) campaign: Id,
    pub(super) quantity: Option<Amount>,
    pub(super) stopped: Option<bool>,
}

impl Campaigns {
    pub(super) fn created(&mut self, campaign: &Campaign, terms: &Terms, moment: Moment) {
        self.offers.entry(campaign.id).or_insert_with(|| Offer {
            terms: terms.clone(),
            quantity: Register::new(terms.quantity, moment),
            stopped: Register::new(false, moment),
            askers: BTreeMap::new(),
            told: BTreeMap::new(),
        });
    }

    pub(super) fn patch_asked(&mut self, patch: Patch, request: RequestId, at: Moment) {
        let Some(offer) = self.offers.get_mut(&patch.campaign) else { return };
        if let Some(quantity) = patch.quantity {
            offer.quantity.asked(request, at, quantity);
        }
        if let Some(stopped) = patch.stopped {
            offer.stopped.asked(request, at, stopped);
        }
    }

    pub(super) fn patch_told(&mut self, campaign: Id, request: RequestId, at: Moment) {
        if let Some(offer) = self.offers.get_mut(&campaign) {
            offer.quantity.told(request, at);
            offer.stopped.told(request, at);
        }
    }

    /// A quantity can only be refused for being less than what is given out.
    pub(super) fn patch_refused(
        &mut self,
        patch: Patch,
        request: RequestId,
        refused: &Refused,
        docket: &mut Docket,
    ) {
        let Some(offer) = self.offers.get_mut(&patch.campaign) else { return };
        offer.quantity.refused(request);
        offer.stopped.refused(request);
        let most_given = Amount::try_from(offer.askers.len()).unwrap_or(Amount::MAX);
        let fits =
            refused.code == "QUANTITY_BELOW_ISSUED" && patch.quantity.is_some_and(|to| to < most_given);
        docket.check(fits, Promise::RefusedForCause, || {
            let about =
                format!("a change of {} to {}", named("campaign", patch.campaign), or_none(patch.quantity));
            (about, "done".to_owned(), format!("refused with {}", refused.code))
        });
    }

    pub(super) fn taking(&mut self, campaign: Id, user: Id) {
        if let Some(offer) = self.offers.get_mut(&campaign) {
            *offer.askers.entry(user).or_default() += 1;
        }
    }

    /// A user was told to have taken a coupon.
    pub(super) fn taken(&mut self, campaign: Id, user: Id, coupon: &Coupon, docket: &mut Docket) {
        docket.check(coupon.campaign == campaign, Promise::AnswersMakeSense, || {
            (
                named("coupon", coupon.id),
                named("of campaign", campaign),
                named("of campaign", coupon.campaign),
            )
        });
        self.held(user, coupon, docket);
        let Some(offer) = self.offers.get(&campaign) else { return };
        let most = offer.quantity.ever().copied().max().unwrap_or(0);
        let given = offer.told.len();
        let enough = Amount::try_from(given).is_ok_and(|given| given <= most);
        docket.check(enough, Promise::CouponsAreCounted, || {
            (named("coupons given out of campaign", campaign), format!("at most {most}"), given.to_string())
        });
    }

    /// A user is shown to hold a coupon.
    pub(super) fn held(&mut self, user: Id, coupon: &Coupon, docket: &mut Docket) {
        let known = *self.coupons.entry(coupon.id).or_insert((coupon.campaign, user));
        docket.check(known == (coupon.campaign, user), Promise::AcknowledgedIsDurable, || {
            let was = format!("of campaign {} and user {}", id(known.0), id(known.1));
            let saw = format!("of campaign {} and user {}", id(coupon.campaign), id(user));
            (named("coupon", coupon.id), was, saw)
        });
        let Some(offer) = self.offers.get_mut(&coupon.campaign) else { return };
        let first = *offer.told.entry(user).or_insert(coupon.id);
        docket.check(first == coupon.id, Promise::CouponsAreCounted, || {
            let about = format!("the one coupon of user {} of campaign {}", id(user), id(coupon.campaign));
            (about, id(first), id(coupon.id))
        });
        let asked = offer.askers.contains_key(&user);
        docket.check(asked, Promise::CouponsAreCounted, || {
            (
                named("coupon", coupon.id),
                "asked for".to_owned(),
                format!("given to user {} unasked", id(user)),
            )
        });
    }

    /// A user was refused a coupon, to a question asked at `asked`.
    pub(super) fn not_taken(
        &self,
        campaign: Id,
        user: Id,
        refused: &Refused,
        (asked, now, clock_error): (Moment, Millis, Millis),
        docket: &mut Docket,
    ) {
        let Some(offer) = self.offers.get(&campaign) else { return };
        let others = offer.askers.len() - usize::from(offer.askers.contains_key(&user));
        let least = offer.quantity.possible(asked).copied().min().unwrap_or(0);
        let fits = match refused.code.as_str() {
            "COUPON_SOLD_OUT" => Amount::try_from(others).is_ok_and(|others| others >= least),
            "COUPON_ALREADY_ISSUED" => offer.askers.get(&user).is_some_and(|times| *times > 1),
            "COUPON_NOT_OPEN" => {
                let closed = now + clock_error >= offer.terms.closes || now - clock_error < offer.terms.opens;
                closed || offer.stopped.possible(asked).any(|stopped| *stopped)
            }
            "USER_SUSPENDED" => true,
            _ => false,
        };
        docket.check(fits, Promise::RefusedForCause, || {
            let about = format!("the wish of user {} for a coupon of campaign {}", id(user), id(campaign));
            let expected = format!("granted, of {least} with {others} others who asked");
            (about, expected, format!("refused with {}", refused.code))
        });
    }

    /// The terms of a coupon, if its campaign is known.
    pub(super) fn terms_of(&self, coupon: Id) -> Option<(&Terms, Id)> {
        let (campaign, holder) = self.coupons.get(&coupon)?;
        self.offers.get(campaign).map(|offer| (&offer.terms, *holder))
    }

    /// A campaign is shown.
    pub(super) fn shown(&self, campaign: &Campaign, asked: Moment, docket: &mut Docket) {
        let Some(offer) = self.offers.get(&campaign.id) else { return };
        let most = offer.quantity.ever().copied().max().unwrap_or(0);
        docket.check((0..=most).contains(&campaign.issued), Promise::CouponsAreCounted, || {
            (
                named("coupons given out of campaign", campaign.id),
                format!("at most {most}"),
                campaign.issued.to_string(),
            )
        });
        let terms = Terms { quantity: offer.terms.quantity, ..campaign.terms.clone() };
        docket.check(terms == offer.terms, Promise::AcknowledgedIsDurable, || {
            (named("campaign", campaign.id), format!("{:?}", offer.terms), format!("{:?}", campaign.terms))
        });
        let quantity = campaign.terms.quantity;
        let known = offer.quantity.possible(asked).any(|possible| *possible == quantity)
            && offer.stopped.possible(asked).any(|stopped| *stopped == campaign.stopped);
        docket.check(known, Promise::AcknowledgedIsDurable, || {
            let possible: Vec<&Amount> = offer.quantity.possible(asked).collect();
            let expected = format!("one of {possible:?} in all, open unless stopped");
            (named("campaign", campaign.id), expected, format!("{quantity}, stopped: {}", campaign.stopped))
        });
    }
}

/// What a coupon under `terms` takes off `total`.
pub(super) fn off(terms: &Terms, total: Amount) -> Amount {
    let off = match terms.discount {
        Discount::Fixed(amount) => amount,
        Discount::Percent(percent, most) => {
            let share = i128::from(total) * i128::from(percent) / 100;
            let share = Amount::try_from(share).unwrap_or(Amount::MAX);
            most.map_or(share, |most| share.min(most))
        }
    };
    off.min(total)
}
