//! A perfect shop, in memory: it answers truthfully, does everything at once, and settles a little later.

mod orders;
mod shows;

use crate::clients::{
    Amount, Answer, Ask, Caller, Campaign, Card, Change, ChangeKind, Coupon, CouponStatus, Delivery, Id, Key,
    Millis, Order, Payment, PgCharge, PgStatus, Product, Request, Status, TopUp, TopUpStatus, User,
};
use std::collections::{BTreeMap, BTreeSet};

/// How long an order is under way, and how long it is taken back.
const WORK: Millis = 25;
pub(super) const EXPIRY: Millis = 30 * 60_000;

/// What the shop does not do, in tests that let it be careless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Careless {
    #[default]
    Never,
    /// It confirms at the price of the quote, whatever has become of it.
    WithPrices,
    /// It sells what it has not got.
    WithStock,
    /// It lets a coupon be used again.
    WithCoupons,
    /// It lets a coupon be used when it is over.
    WithCouponsThatClosed,
    /// It gives out coupons to whoever asks.
    WithQuantities,
    /// It gives a user as many coupons as they ask for.
    WithHolders,
    /// It cancels what is shipped.
    WithShipments,
    /// It serves who is suspended.
    WithSuspensions,
    /// It makes an order of a key as often as it is asked.
    WithKeys,
    /// It holds the money of declined cards.
    WithCards,
    /// It forgets every tenth order half way.
    WithTime,
    /// It keeps the stock of cancelled orders.
    WithReturns,
}

pub(super) struct Sale {
    pub(super) shown: Order,
    payment: Option<Payment>,
    shipped: bool,
    held: bool,
}

#[derive(Default)]
struct Member {
    suspended: bool,
    balance: Amount,
    history: Vec<Change>,
}

#[derive(Default)]
pub(super) struct Shop {
    pub(super) careless: Careless,
    pub(super) now: Millis,
    ids: Id,
    members: BTreeMap<Id, Member>,
    products: BTreeMap<Id, Product>,
    campaigns: BTreeMap<Id, Campaign>,
    coupons: BTreeMap<Id, (Id, Coupon)>,
    holders: BTreeMap<(Id, Id), Id>,
    pub(super) orders: BTreeMap<Id, Sale>,
    top_ups: BTreeMap<Id, (Id, Card, TopUp)>,
    keys: BTreeMap<(Caller, String, Key), (String, Id)>,
    due: BTreeSet<(Millis, Id)>,
    pub(super) pg: Vec<PgCharge>,
    pub(super) platform: Vec<Delivery>,
}

type Told = Result<Answer, (u16, &'static str)>;

impl Shop {
    pub(super) fn wakes_at(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }

    fn id(&mut self) -> Id {
        self.ids += 1;
        (1 << 80) + self.ids
    }

    /// Does what is due by `now`.
    pub(super) fn work(&mut self, now: Millis) {
        self.now = now;
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            if self.orders.contains_key(&id) {
                self.go_on(id);
            } else {
                self.settle_top_up(id);
            }
        }
    }

    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        if let Caller::Customer(user) = request.from
            && self.members[&user].suspended
            && self.careless != Careless::WithSuspensions
        {
            return Answer::refused(401, "USER_SUSPENDED");
        }
        self.told(request).unwrap_or_else(|(status, code)| Answer::refused(status, code))
    }

    fn told(&mut self, request: &Request) -> Told {
        let user = if let Caller::Customer(user) = request.from { user } else { 0 };
        match &request.ask {
            Ask::TakeCoupon { campaign } => self.take_coupon(*campaign, user),
            Ask::Place { lines, payment, .. } => {
                self.keyed(request, |shop| shop.place(user, lines, *payment))
            }
            Ask::Pay { order, payment, .. } => self.keyed(request, |shop| shop.pay(*order, *payment)),
            Ask::TopUp { amount, card, .. } => self.keyed(request, |shop| {
                let id = shop.id();
                let top_up = TopUp { id, status: TopUpStatus::Pending, amount: *amount };
                shop.top_ups.insert(id, (user, *card, top_up));
                shop.due.insert((shop.now + WORK, id));
                Ok(id)
            }),
            Ask::Cancel { order } => self.cancel(*order),
            Ask::Fulfil { order } => {
                let sale = self.orders.get_mut(order).ok_or((404, "NOT_FOUND"))?;
                if sale.shown.status != Status::Confirmed {
                    return Err((409, "ORDER_NOT_CONFIRMED"));
                }
                sale.shipped = true;
                Ok(Answer::Order(Box::new(sale.shown.clone())))
            }
            Ask::Show(show) => self.show(user, *show),
            ask => self.administered(ask),
        }
    }

    fn administered(&mut self, ask: &Ask) -> Told {
        match ask {
            Ask::SignUp { .. } => {
                let id = self.id();
                self.members.insert(id, Member::default());
                Ok(Answer::User(User { id, suspended: false }))
            }
            Ask::SetSuspended { user, suspended } => {
                self.members.get_mut(user).ok_or((404, "NOT_FOUND"))?.suspended = *suspended;
                Ok(Answer::User(User { id: *user, suspended: *suspended }))
            }
            Ask::AdjustPoints { user, adjust, reason } => {
                if self.members[user].balance + adjust < 0 {
                    return Err((409, "POINTS_WOULD_BE_NEGATIVE"));
                }
                let kind = if *adjust < 0 { ChangeKind::Taken } else { ChangeKind::Granted };
                self.enter(*user, kind, *adjust, None, Some(reason.clone()));
                Ok(Answer::Balance(self.members[user].balance))
            }
            Ask::CreateProduct { sku, price, stock } => {
                let product = Product { id: self.id(), sku: sku.clone(), price: *price, stock: *stock };
                self.products.insert(product.id, product.clone());
                Ok(Answer::Product(product))
            }
            Ask::SetPrice { product, price } => {
                let product = self.products.get_mut(product).ok_or((404, "NOT_FOUND"))?;
                product.price = *price;
                Ok(Answer::Product(product.clone()))
            }
            Ask::AdjustStock { product, adjust } => {
                let product = self.products.get_mut(product).ok_or((404, "NOT_FOUND"))?;
                if product.stock + adjust < 0 {
                    return Err((409, "STOCK_WOULD_BE_NEGATIVE"));
                }
                product.stock += adjust;
                Ok(Answer::Product(product.clone()))
            }
            Ask::CreateCampaign(terms) => {
                let campaign = Campaign { id: self.id(), terms: terms.clone(), issued: 0, stopped: false };
                self.campaigns.insert(campaign.id, campaign.clone());
                Ok(Answer::Campaign(campaign))
            }
            Ask::PatchCampaign { campaign, quantity, stopped } => {
                let campaign = self.campaigns.get_mut(campaign).ok_or((404, "NOT_FOUND"))?;
                if quantity.is_some_and(|quantity| quantity < campaign.issued) {
                    return Err((409, "QUANTITY_BELOW_ISSUED"));
                }
                campaign.terms.quantity = quantity.unwrap_or(campaign.terms.quantity);
                campaign.stopped = stopped.unwrap_or(campaign.stopped);
                Ok(Answer::Campaign(campaign.clone()))
            }
            _ => Err((404, "NOT_FOUND")),
        }
    }

    fn keyed(
        &mut self,
        request: &Request,
        make: impl FnOnce(&mut Self) -> Result<Id, (u16, &'static str)>,
    ) -> Told {
        let scope = (request.from, request.ask.route().unwrap(), request.ask.key().unwrap());
        let body = request.ask.body().unwrap();
        let known = self.keys.get(&scope).filter(|_| self.careless != Careless::WithKeys).cloned();
        let made = match known {
            Some((known, _)) if known != body => return Err((422, "IDEMPOTENCY_KEY_REUSED")),
            Some((_, made)) => made,
            None => make(self)?,
        };
        self.keys.insert(scope, (body, made));
        Ok(match self.top_ups.get(&made) {
            Some((_, _, top_up)) => Answer::TopUp(top_up.clone()),
            None => Answer::Order(Box::new(self.orders[&made].shown.clone())),
        })
    }

    fn take_coupon(&mut self, campaign: Id, user: Id) -> Told {
        let careless = self.careless;
        let id = self.id();
        let now = self.now;
        let offer = self.campaigns.get_mut(&campaign).ok_or((404, "NOT_FOUND"))?;
        if offer.stopped || now >= offer.terms.closes {
            return Err((409, "COUPON_NOT_OPEN"));
        }
        if self.holders.contains_key(&(campaign, user)) && careless != Careless::WithHolders {
            return Err((409, "COUPON_ALREADY_ISSUED"));
        }
        if offer.issued >= offer.terms.quantity && careless != Careless::WithQuantities {
            return Err((409, "COUPON_SOLD_OUT"));
        }
        offer.issued += 1;
        self.holders.insert((campaign, user), id);
        let coupon = Coupon { id, campaign, status: CouponStatus::Issued, order: None };
        self.coupons.insert(id, (user, coupon.clone()));
        Ok(Answer::Coupon(coupon))
    }

    fn settle_top_up(&mut self, id: Id) {
        let Some((user, card, top_up)) = self.top_ups.get_mut(&id) else { return };
        let (user, amount, good) = (*user, top_up.amount, card.can_be_charged());
        top_up.status = if good { TopUpStatus::Completed } else { TopUpStatus::Declined };
        if good {
            self.charge(id, amount);
            self.enter(user, ChangeKind::ToppedUp, amount, None, None);
        }
    }

    fn charge(&mut self, key: Id, amount: Amount) {
        self.pg.push(PgCharge { key: format!("{key:032x}"), amount, status: PgStatus::Held });
    }

    fn enter(
        &mut self,
        user: Id,
        kind: ChangeKind,
        amount: Amount,
        order: Option<Id>,
        reason: Option<String>,
    ) {
        let id = self.id();
        let member = self.members.get_mut(&user).unwrap();
        member.balance += amount;
        member.history.push(Change { id, kind, amount, balance: member.balance, order, reason });
    }
}
