//! What an answer says, by what was asked.

use super::breach::{Promise, id as shown_id, named};
use super::campaigns::Patch;
use super::keys::Scope;
use super::orders::{OrderBook, Wanted, makes_sense};
use super::people::Outcome;
use super::register::Moment;
use super::{Asked, Oracle, words};
use crate::clients::{
    Answer, Ask, Caller, Campaign, Coupon, Id, Listed, Millis, Order, Product, Refused, RequestId, Show,
    TopUp,
};
use std::collections::BTreeMap;

impl Oracle {
    /// A request was answered.
    pub fn told(&mut self, now: Millis, id: RequestId, answer: &Answer) {
        self.tick(now);
        let Some(asked) = self.open.remove(&id) else { return };
        self.door(&asked, answer);
        match answer {
            Answer::Refused(refused) => self.refused(&asked, refused),
            Answer::Order(order) => self.told_order(&asked, order),
            Answer::Orders(listed) => self.listed_orders(&asked, listed),
            Answer::Product(product) => self.told_product(&asked, product),
            Answer::Balance(balance) => self.told_balance(&asked, *balance),
            Answer::TopUp(top_up) => self.told_top_up(&asked, top_up),
            Answer::Campaign(campaign) => self.told_campaign(&asked, campaign),
            Answer::Coupon(coupon) => self.told_coupon(&asked, coupon),
            Answer::User(user) => match &asked.request.ask {
                Ask::SignUp { .. } => self.people.joined(user, self.moment),
                Ask::SetSuspended { user: whom, .. } => {
                    self.is_about(*whom, user.id, "user");
                    self.people.suspension_told(user, id, self.moment, &mut self.docket);
                }
                _ => self.misfit(&asked, "a user"),
            },
            Answer::Campaigns(listed) => {
                for campaign in &listed.items {
                    self.campaigns.shown(campaign, asked.moment, &mut self.docket);
                }
            }
            Answer::Coupons(listed) => self.listed_coupons(&asked, listed),
            Answer::History(_) | Answer::BestSellers(_) | Answer::Letters(_) => {}
        }
        self.closing.told(id, answer);
    }

    /// Who is suspended is turned away, and nobody else.
    fn door(&mut self, asked: &Asked, answer: &Answer) {
        let Caller::Customer(user) = asked.request.from else { return };
        let turned_away = matches!(answer, Answer::Refused(refused) if refused.code == "USER_SUSPENDED");
        let fits = self.people.may_have_been(user, turned_away, asked.moment);
        self.docket.check(fits, Promise::SuspensionWorks, || {
            let (served, away) = ("served".to_owned(), "turned away".to_owned());
            let (expected, saw) = if turned_away { (served, away) } else { (away, served) };
            (format!("a request of {}", named("user", user)), expected, saw)
        });
    }

    /// An answer that cannot be one to what was asked.
    fn misfit(&mut self, asked: &Asked, what: &str) {
        self.docket.check(false, Promise::AnswersMakeSense, || {
            (
                format!("the answer to {}", words::ask(&asked.request.ask)),
                "one to it".to_owned(),
                what.to_owned(),
            )
        });
    }

    /// The answer is about the thing that was asked about.
    fn is_about(&mut self, asked: Id, shown: Id, what: &str) {
        self.docket.check(asked == shown, Promise::AnswersMakeSense, || {
            (format!("the {what} of an answer"), shown_id(asked), shown_id(shown))
        });
    }

    fn told_order(&mut self, asked: &Asked, shown: &Order) {
        makes_sense(shown, &mut self.docket);
        let now = self.docket.now;
        let book = self.orders.entry(shown.id).or_insert_with(|| OrderBook::new(shown, now));
        if let Caller::Customer(user) = asked.request.from {
            let owner = book.user;
            self.docket.check(owner == user, Promise::AnswersMakeSense, || {
                (
                    format!("order {}, shown to user {}", shown_id(shown.id), shown_id(user)),
                    shown_id(user),
                    shown_id(owner),
                )
            });
        }
        // A cancel asked before its order was told of is possible only for who knows its id, and nobody guesses.
        book.shown(shown, asked.moment, self.moment, &mut self.docket);
        let request = &asked.request;
        match &request.ask {
            Ask::Place { lines, payment, .. } => {
                self.key_told(request.from, &request.ask, shown.id);
                let first = Scope::of(request.from, &request.ask)
                    .and_then(|scope| self.keys.first_asked(scope, &request.ask));
                let (asked, at) = first.unwrap_or((asked.moment, now));
                if let Some(book) = self.orders.get_mut(&shown.id) {
                    let lines = summed(lines);
                    book.wanted.get_or_insert(Wanted { lines, payment: *payment, asked, at });
                }
            }
            Ask::Pay { order, .. } => {
                self.key_told(request.from, &request.ask, shown.id);
                self.payment_taken(*order, shown);
            }
            Ask::Cancel { order } => {
                self.is_about(*order, shown.id, "order");
                self.cancel_taken(asked, *order, shown);
            }
            Ask::Fulfil { order } => {
                self.is_about(*order, shown.id, "order");
                self.ship_taken(*order);
            }
            Ask::Show(Show::Order(order)) => self.is_about(*order, shown.id, "order"),
            _ => self.misfit(asked, "an order"),
        }
        self.judge(shown.id);
    }

    fn key_told(&mut self, from: Caller, ask: &Ask, made: Id) {
        if let Some(scope) = Scope::of(from, ask) {
            self.keys.told(scope, ask, made, self.moment, &mut self.docket);
        }
    }

    fn listed_orders(&mut self, asked: &Asked, listed: &Listed<Order>) {
        let now = self.docket.now;
        let owner = match asked.request.from {
            Caller::Customer(user) => Some(user),
            Caller::Admin | Caller::Anyone => None,
        };
        for shown in &listed.items {
            makes_sense(shown, &mut self.docket);
            let own = owner.is_none_or(|owner| owner == shown.user);
            self.docket.check(own, Promise::AnswersMakeSense, || {
                (
                    named("an order in the list of user", owner.unwrap_or(0)),
                    "their own".to_owned(),
                    shown_id(shown.user),
                )
            });
            let book = self.orders.entry(shown.id).or_insert_with(|| OrderBook::new(shown, now));
            book.listed(shown, self.moment, &mut self.docket);
            self.judge(shown.id);
        }
    }

    fn told_product(&mut self, asked: &Asked, product: &Product) {
        let id = asked.request.id;
        match &asked.request.ask {
            Ask::CreateProduct { stock, price, sku } => {
                let same = product.sku == *sku && product.price == *price && product.stock == *stock;
                self.docket.check(same, Promise::AnswersMakeSense, || {
                    (
                        format!("the new product {sku}"),
                        format!("{stock} for {price} each"),
                        format!("{} of {} for {} each", product.stock, product.sku, product.price),
                    )
                });
                self.catalogue.created(product, *stock, self.moment);
            }
            Ask::SetPrice { product: which, .. } => {
                self.is_about(*which, product.id, "product");
                self.catalogue.price_told(*which, id, self.moment);
                // What was asked for is what is shown, unless another change came between.
                self.catalogue.shown(product, self.moment + 1, &mut self.docket);
            }
            Ask::AdjustStock { product: which, .. } => {
                self.is_about(*which, product.id, "product");
                self.catalogue.adjustment_ended(*which, id, Outcome::Done);
                self.catalogue.shown(product, asked.moment, &mut self.docket);
            }
            Ask::Show(Show::Product(which)) => {
                self.is_about(*which, product.id, "product");
                self.catalogue.shown(product, asked.moment, &mut self.docket);
            }
            _ => self.misfit(asked, "a product"),
        }
    }

    fn told_balance(&mut self, asked: &Asked, balance: i64) {
        match &asked.request.ask {
            Ask::AdjustPoints { user, reason, .. } => self.people.grant_ended(*user, reason, Outcome::Done),
            Ask::Show(Show::Balance) => {}
            _ => self.misfit(asked, "a balance"),
        }
        self.docket.check(balance >= 0, Promise::Conservation, || {
            (
                format!("the balance told to {}", words::caller(asked.request.from)),
                "at least 0".to_owned(),
                balance.to_string(),
            )
        });
    }

    fn told_top_up(&mut self, asked: &Asked, shown: &TopUp) {
        let Caller::Customer(user) = asked.request.from else { return self.misfit(asked, "a top-up") };
        let during = (asked.moment, self.moment);
        self.people.top_up_shown(user, shown, during, &mut self.docket);
        match &asked.request.ask {
            Ask::TopUp { amount, card, .. } => {
                self.key_told(asked.request.from, &asked.request.ask, shown.id);
                self.docket.check(shown.amount == *amount, Promise::AnsweredOnce, || {
                    (named("the amount of top-up", shown.id), amount.to_string(), shown.amount.to_string())
                });
                self.people.judge_top_up(shown.id, *card, &mut self.docket);
            }
            Ask::Show(Show::TopUp(which)) => self.is_about(*which, shown.id, "top-up"),
            _ => self.misfit(asked, "a top-up"),
        }
    }

    fn told_campaign(&mut self, asked: &Asked, campaign: &Campaign) {
        let id = asked.request.id;
        match &asked.request.ask {
            Ask::CreateCampaign(terms) => {
                self.campaigns.created(campaign, terms, self.moment);
                self.campaigns.shown(campaign, asked.moment, &mut self.docket);
            }
            Ask::PatchCampaign { campaign: which, .. } => {
                self.is_about(*which, campaign.id, "campaign");
                self.campaigns.patch_told(*which, id, self.moment);
                self.campaigns.shown(campaign, self.moment + 1, &mut self.docket);
            }
            _ => self.misfit(asked, "a campaign"),
        }
    }

    fn told_coupon(&mut self, asked: &Asked, coupon: &Coupon) {
        match (&asked.request.ask, asked.request.from) {
            (Ask::TakeCoupon { campaign }, Caller::Customer(user)) => {
                self.campaigns.taken(*campaign, user, coupon, &mut self.docket);
            }
            _ => self.misfit(asked, "a coupon"),
        }
    }

    fn listed_coupons(&mut self, asked: &Asked, listed: &Listed<Coupon>) {
        let Caller::Customer(user) = asked.request.from else { return };
        for coupon in &listed.items {
            self.campaigns.held(user, coupon, &mut self.docket);
        }
    }

    fn refused(&mut self, asked: &Asked, refused: &Refused) {
        let request = &asked.request;
        self.gone(asked, refused);
        if let Some(scope) = Scope::of(request.from, &request.ask) {
            let during = asked.moment..self.moment;
            self.keys.refused(scope, &request.ask, during, refused, &mut self.docket);
        }
        if refused.code == "USER_SUSPENDED" {
            return;
        }
        match &request.ask {
            Ask::SetSuspended { .. } => self.misfit(asked, &refused.code),
            Ask::AdjustPoints { user, adjust, reason } => {
                self.people.grant_refused(*user, reason, *adjust, refused, &mut self.docket);
            }
            Ask::SetPrice { product, .. } => {
                self.catalogue.price_refused(*product, request.id);
                self.misfit(asked, &refused.code);
            }
            Ask::AdjustStock { product, adjust } => {
                self.catalogue.adjustment_refused(*product, request.id, *adjust, refused, &mut self.docket);
            }
            Ask::PatchCampaign { campaign, quantity, stopped } => {
                let patch = Patch { campaign: *campaign, quantity: *quantity, stopped: *stopped };
                self.campaigns.patch_refused(patch, request.id, refused, &mut self.docket);
            }
            Ask::TakeCoupon { campaign } => self.coupon_refused(asked, *campaign, refused),
            Ask::Place { payment, .. } => self.order_refused(payment.as_ref(), refused),
            Ask::Pay { order, payment, .. } => self.payment_refused(asked, *order, payment, refused),
            Ask::Cancel { order } => self.cancel_refused(*order, refused),
            Ask::Fulfil { order } => self.ship_refused(asked, *order, refused),
            // Judged with the keys, and by what is told once there is an answer.
            Ask::TopUp { .. } => {
                let fits = refused.code.starts_with("IDEMPOTENCY_KEY");
                self.docket.check(fits, Promise::RefusedForCause, || {
                    ("a top-up".to_owned(), "made".to_owned(), format!("refused with {}", refused.code))
                });
            }
            // A name may be taken; a letter may be handled by now.
            Ask::SignUp { .. } | Ask::CreateProduct { .. } | Ask::CreateCampaign(_) | Ask::Redrive { .. } => {
            }
            Ask::Show(_) => {}
        }
    }

    fn coupon_refused(&mut self, asked: &Asked, campaign: Id, refused: &Refused) {
        if let Caller::Customer(user) = asked.request.from {
            let when: (Moment, Millis, Millis) = (asked.moment, self.docket.now, self.rules.clock_error);
            self.campaigns.not_taken(campaign, user, refused, when, &mut self.docket);
        }
    }

    /// What was told of is never said not to be there.
    fn gone(&mut self, asked: &Asked, refused: &Refused) {
        let known = match &asked.request.ask {
            Ask::Show(Show::Order(order))
            | Ask::Cancel { order }
            | Ask::Fulfil { order }
            | Ask::Pay { order, .. } => self.orders.contains_key(order),
            Ask::Show(Show::Product(product))
            | Ask::SetPrice { product, .. }
            | Ask::AdjustStock { product, .. } => self.catalogue.items.contains_key(product),
            Ask::Show(Show::TopUp(top_up)) => self.people.top_ups.contains_key(top_up),
            Ask::PatchCampaign { campaign, .. } | Ask::TakeCoupon { campaign } => {
                self.campaigns.offers.contains_key(campaign)
            }
            Ask::SetSuspended { user, .. } | Ask::AdjustPoints { user, .. } => {
                self.people.persons.contains_key(user)
            }
            _ => false,
        };
        self.docket.check(!known || refused.status != 404, Promise::AcknowledgedIsDurable, || {
            (
                format!("what is there for {}", words::ask(&asked.request.ask)),
                "there, as it was told".to_owned(),
                "gone".to_owned(),
            )
        });
    }
}

/// The same product in two lines is one.
pub(super) fn summed(lines: &[(Id, i64)]) -> BTreeMap<Id, i64> {
    let mut sums = BTreeMap::new();
    for (product, quantity) in lines {
        *sums.entry(*product).or_default() += quantity;
    }
    sums
}
