//! How a run opens: the administrator fills the shop, customers sign up, and then the beat begins.

use super::answers::Answer;
use super::errand::{Asking, Campaign, Customer, Desk, News, Product, Script, Then};
use super::pace::Pace;
use super::requests::{Amount, Ask, Caller, Discount, Id, Millis, Terms};
use rand::Rng;

/// How often it is looked whether everything is there.
const LOOK: Millis = 50;
/// Campaigns have been open for this long when they are made: clocks may differ.
const OPEN_SINCE: Millis = 3_600_000;
/// Most campaigns outlive any run.
const LONG: Millis = 90 * 86_400_000;

/// Which campaign is which, by its place in what is known.
pub(super) const AMPLE: usize = 0;
/// Closes while the shop is busy.
pub(super) const BRIEF: usize = 1;
/// Everyone rushes for it.
pub(super) const SCARCE: usize = 2;
const CAMPAIGNS: usize = 3;

/// Sets everything up, and begins the beat once it is there.
#[derive(Default)]
pub(super) struct Opening {
    begun: bool,
}

impl Script for Opening {
    fn go_on(&mut self, now: Millis, _: News<'_>, desk: &mut Desk) -> Then {
        if !self.begun {
            self.begun = true;
            desk.begin(now, Filling);
            for _ in 0..desk.mix.customers {
                desk.begin(now, Joining::default());
            }
        }
        let (known, mix) = (&desk.known, &desk.mix);
        let complete = known.customers.len() >= mix.customers as usize && known.campaigns.len() >= CAMPAIGNS;
        match (desk.calm, complete) {
            (true, _) => Then::Over,
            (false, false) => Then::Rest(now + LOOK),
            (false, true) => {
                desk.open = true;
                desk.begin(now, Pace::default());
                Then::Over
            }
        }
    }
}

/// Makes the products, then the campaigns, one after the other.
struct Filling;

impl Filling {
    /// The next thing to make. One whose answer was lost is made anew under another name: nobody knows the first one.
    fn make(now: Millis, desk: &mut Desk) -> Then {
        let ask = if desk.known.products.len() < desk.mix.products as usize {
            Self::product(desk)
        } else if desk.known.campaigns.len() < CAMPAIGNS {
            Ask::CreateCampaign(Self::terms(now, desk))
        } else {
            return Then::Over;
        };
        Then::Ask(Asking::once(Caller::Admin, ask))
    }

    fn product(desk: &mut Desk) -> Ask {
        let sku = format!("SKU-{}", desk.number());
        let (made, last) = (desk.known.products.len(), desk.mix.products as usize - 1);
        let stock = if made == 0 { desk.mix.hot_stock } else { desk.mix.stock };
        let is_free = made == last && last >= 4;
        let price = if is_free { 0 } else { desk.rng.random_range(1..=60) * 100 };
        Ask::CreateProduct { sku, price, stock }
    }

    fn terms(now: Millis, desk: &mut Desk) -> Terms {
        let name = format!("Campaign {}", desk.number());
        let mix = &desk.mix;
        let ample = Amount::from(mix.customers);
        // Half of the orders come before it closes.
        let busy = Millis::from(mix.orders) * mix.beat / (Millis::from(mix.burst) + 1).max(1);
        let (discount, quantity, least_total, closes) = match desk.known.campaigns.len() {
            AMPLE => (Discount::Fixed(1_500), ample, None, now + LONG),
            BRIEF => (Discount::Percent(10, None), ample, Some(3_000), now + busy.max(1_000)),
            _ => (Discount::Percent(30, Some(5_000)), mix.scarce, None, now + LONG),
        };
        Terms { name, discount, quantity, least_total, opens: now - OPEN_SINCE, closes }
    }
}

impl Script for Filling {
    fn go_on(&mut self, now: Millis, news: News<'_>, desk: &mut Desk) -> Then {
        match news {
            News::Told(Answer::Product(product)) => desk.known.products.push(Product {
                id: product.id,
                price: product.price,
                unsure: false,
                repricing: false,
            }),
            News::Told(Answer::Campaign(campaign)) => desk.known.campaigns.push(Campaign {
                id: campaign.id,
                quantity: campaign.terms.quantity,
                patching: false,
            }),
            News::Told(_) | News::Lost | News::Time => {}
        }
        Self::make(now, desk)
    }
}

/// A customer signs up, and is granted the first points.
#[derive(Default)]
struct Joining {
    joined: bool,
}

impl Script for Joining {
    fn go_on(&mut self, _: Millis, news: News<'_>, desk: &mut Desk) -> Then {
        match news {
            News::Told(Answer::User(user)) => {
                self.joined = true;
                desk.known.customers.push(Customer { id: user.id, coupons: Vec::new(), suspended: false });
                if desk.mix.points == 0 { Then::Over } else { grant(user.id, desk.mix.points, desk) }
            }
            // Whether the points were granted the history will tell.
            News::Told(_) | News::Lost if self.joined => Then::Over,
            News::Told(_) | News::Lost | News::Time => {
                let email = format!("customer-{}@example.com", desk.number());
                Then::Ask(Asking::once(Caller::Anyone, Ask::SignUp { email }))
            }
        }
    }
}

/// Points granted (or taken), under a reason that tells them from all others.
pub(super) fn grant(user: Id, adjust: Amount, desk: &mut Desk) -> Then {
    let reason = format!("reason {}", desk.number());
    Then::Ask(Asking::once(Caller::Admin, Ask::AdjustPoints { user, adjust, reason }))
}
