//! What the administrator does while the shop is open.

use super::answers::Answer;
use super::errand::{Asking, Desk, News, Script, Then};
use super::opening::{SCARCE, grant};
use super::requests::{Amount, Ask, Caller, Millis};
use rand::Rng;

/// How long a campaign stays stopped, and a customer suspended (about).
const A_WHILE: Millis = 800;

/// Begins something, if there is something to do it to.
pub(super) fn begin(now: Millis, desk: &mut Desk) {
    let (product, campaign) =
        (desk.one_of(desk.known.products.len()), desk.one_of(desk.known.campaigns.len()));
    let Some(customer) = desk.customer() else { return };
    match desk.one_of(10) {
        0..=2 if !desk.known.products[product].repricing => {
            desk.known.products[product].repricing = true;
            let price = desk.known.products[product].price;
            // What is given away stays free.
            let price = if price == 0 { 0 } else { desk.rng.random_range(1..=60) * 100 };
            desk.begin(now, Repricing { product, price });
        }
        3..=4 if !desk.known.products[product].unsure => {
            // A size that no orders add up to easily, should its answer be lost.
            let size: Amount = desk.rng.random_range(1_001..=4_999);
            let adjust = if product == 0 || desk.chance(500) { size % 7 + 1 } else { -size };
            desk.begin(now, Counting { product, adjust });
        }
        5 => {
            let size: Amount = desk.rng.random_range(1..=999);
            let adjust = if desk.chance(700) { size } else { -size };
            desk.begin(now, Granting { customer, adjust });
        }
        6 if !desk.known.customers[customer].suspended => {
            desk.known.customers[customer].suspended = true;
            desk.known.once_suspended.insert(desk.known.customers[customer].id);
            desk.begin(now, Suspending { customer, stage: 0 });
        }
        7 if !desk.known.campaigns[campaign].patching => {
            desk.known.campaigns[campaign].patching = true;
            let stops = campaign != SCARCE && desk.chance(500);
            desk.begin(now, Patching { campaign, stops, stage: 0 });
        }
        8..=9 => {
            if let Some(order) = desk.known.shippable.pop() {
                desk.begin(now, Errand::of(Ask::Fulfil { order }));
            }
        }
        _ => {}
    }
}

/// Something that is asked until it is answered, and that is all.
struct Errand {
    ask: Option<Ask>,
}

impl Errand {
    fn of(ask: Ask) -> Self {
        Self { ask: Some(ask) }
    }
}

impl Script for Errand {
    fn go_on(&mut self, _: Millis, _: News<'_>, _: &mut Desk) -> Then {
        match self.ask.take() {
            Some(ask) => Then::Ask(Asking::until_answered(Caller::Admin, ask)),
            None => Then::Over,
        }
    }
}

/// A new price, for a product at a time.
struct Repricing {
    product: usize,
    price: Amount,
}

impl Script for Repricing {
    fn go_on(&mut self, _: Millis, news: News<'_>, desk: &mut Desk) -> Then {
        let known = &mut desk.known.products[self.product];
        if let News::Told(answer) = news {
            if let Answer::Product(product) = answer {
                known.price = product.price;
            }
            known.repricing = false;
            return Then::Over;
        }
        let ask = Ask::SetPrice { product: known.id, price: self.price };
        Then::Ask(Asking::until_answered(Caller::Admin, ask))
    }
}

/// Stock that comes or goes. It is never asked for twice, and after a lost answer never again.
struct Counting {
    product: usize,
    adjust: Amount,
}

impl Script for Counting {
    fn go_on(&mut self, _: Millis, news: News<'_>, desk: &mut Desk) -> Then {
        let known = &mut desk.known.products[self.product];
        match news {
            News::Told(_) => Then::Over,
            News::Lost => {
                known.unsure = true;
                Then::Over
            }
            News::Time if known.unsure || desk.calm => Then::Over,
            News::Time => {
                let ask = Ask::AdjustStock { product: known.id, adjust: self.adjust };
                Then::Ask(Asking::once(Caller::Admin, ask))
            }
        }
    }
}

/// Points that are granted or taken: once, whatever is heard.
struct Granting {
    customer: usize,
    adjust: Amount,
}

impl Script for Granting {
    fn go_on(&mut self, _: Millis, news: News<'_>, desk: &mut Desk) -> Then {
        match news {
            News::Time => grant(desk.known.customers[self.customer].id, self.adjust, desk),
            News::Told(_) | News::Lost => Then::Over,
        }
    }
}

/// A customer is suspended, and after a while active again, whatever happens.
struct Suspending {
    customer: usize,
    stage: u8,
}

impl Script for Suspending {
    fn go_on(&mut self, now: Millis, news: News<'_>, desk: &mut Desk) -> Then {
        let user = desk.known.customers[self.customer].id;
        let suspend = |suspended| {
            Then::Ask(Asking::until_answered(Caller::Admin, Ask::SetSuspended { user, suspended }))
        };
        match (self.stage, news) {
            (0, News::Told(_)) => {
                self.stage = 1;
                Then::Rest(desk.around(now, A_WHILE))
            }
            (0, _) => suspend(true),
            (_, News::Told(_)) => {
                desk.known.customers[self.customer].suspended = false;
                Then::Over
            }
            (_, News::Time | News::Lost) => suspend(false),
        }
    }
}

/// A campaign gets another quantity, or is stopped for a while.
struct Patching {
    campaign: usize,
    stops: bool,
    stage: u8,
}

impl Patching {
    fn patch(&self, desk: &mut Desk) -> Then {
        let (stops, again) = (self.stops, self.stage == 1);
        let known = &desk.known.campaigns[self.campaign];
        let (campaign, quantity) = (known.id, known.quantity);
        let change = desk.rng.random_range(-2..=2);
        let quantity = (!stops).then_some((quantity + change).max(1));
        let stopped = stops.then_some(!again);
        let ask = Ask::PatchCampaign { campaign, quantity, stopped };
        Then::Ask(Asking::until_answered(Caller::Admin, ask))
    }
}

impl Script for Patching {
    fn go_on(&mut self, now: Millis, news: News<'_>, desk: &mut Desk) -> Then {
        let News::Told(answer) = news else { return self.patch(desk) };
        if let Answer::Campaign(campaign) = answer {
            desk.known.campaigns[self.campaign].quantity = campaign.terms.quantity;
        }
        if self.stops && self.stage == 0 {
            self.stage = 1;
            return Then::Rest(desk.around(now, A_WHILE));
        }
        desk.known.campaigns[self.campaign].patching = false;
        Then::Over
    }
}
