//! The closing questions: everything that the shop shows, once it is at rest.

use super::Oracle;
use crate::clients::{
    Amount, Answer, Ask, Caller, Campaign, Change, Coupon, Id, Letter, Listed, Millis, Order, Page, Product,
    Request, RequestId, Show, TopUp,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Closing questions have ids above those of all clients.
const FIRST_ID: u64 = 1 << 63;

/// What is still to be asked, and what was seen.
#[derive(Default)]
pub(super) struct Closing {
    begun: bool,
    asked: u64,
    to_ask: VecDeque<(Caller, Show)>,
    open: BTreeMap<RequestId, (Caller, Show)>,
    /// Orders that were asked for.
    orders: BTreeSet<Id>,
    pub(super) seen: Seen,
}

/// What was seen at rest.
#[derive(Default)]
pub(super) struct Seen {
    /// From their own database.
    pub(super) orders: BTreeMap<Id, Order>,
    /// The administrator's list, from the read model.
    pub(super) all_orders: Vec<Order>,
    /// Each customer's list.
    pub(super) own_orders: BTreeMap<Id, Vec<Order>>,
    pub(super) products: BTreeMap<Id, Product>,
    pub(super) balances: BTreeMap<Id, Amount>,
    /// Newest first.
    pub(super) histories: BTreeMap<Id, Vec<Change>>,
    pub(super) top_ups: BTreeMap<Id, TopUp>,
    pub(super) campaigns: BTreeMap<Id, Campaign>,
    pub(super) coupons: BTreeMap<Id, Vec<Coupon>>,
    pub(super) best_sellers: Vec<(Id, Amount)>,
    /// Open ones.
    pub(super) letters: Vec<Letter>,
    /// Questions that were turned away.
    pub(super) refused: Vec<(Show, String)>,
}

impl Oracle {
    /// The next closing question; ask until there is none. More may follow from answers.
    pub fn question(&mut self, now: Millis) -> Option<Request> {
        if !std::mem::replace(&mut self.closing.begun, true) {
            self.begin_closing();
        }
        let (from, show) = self.closing.to_ask.pop_front()?;
        let id = RequestId(FIRST_ID + self.closing.asked);
        self.closing.asked += 1;
        self.closing.open.insert(id, (from, show));
        let request = Request { id, from, ask: Ask::Show(show) };
        self.asked(now, &request);
        Some(request)
    }

    /// Every closing question was answered.
    #[must_use]
    pub fn has_seen_all(&self) -> bool {
        self.closing.begun && self.closing.to_ask.is_empty() && self.closing.open.is_empty()
    }

    fn begin_closing(&mut self) {
        let closing = &mut self.closing;
        for show in [Show::AllOrders(Page::FIRST), Show::OpenLetters(Page::FIRST)] {
            closing.to_ask.push_back((Caller::Admin, show));
        }
        for show in [Show::Campaigns(Page::FIRST), Show::BestSellers] {
            closing.to_ask.push_back((Caller::Anyone, show));
        }
        for user in self.people.persons.keys() {
            let own = [
                Show::Balance,
                Show::History(Page::FIRST),
                Show::Coupons(Page::FIRST),
                Show::Orders(Page::FIRST),
            ];
            closing.to_ask.extend(own.map(|show| (Caller::Customer(*user), show)));
        }
        for product in self.catalogue.items.keys() {
            closing.to_ask.push_back((Caller::Anyone, Show::Product(*product)));
        }
        for (top_up, book) in &self.people.top_ups {
            closing.to_ask.push_back((Caller::Customer(book.user), Show::TopUp(*top_up)));
        }
        for order in self.orders.keys() {
            closing.ask_for_order(*order);
        }
    }
}

impl Closing {
    fn ask_for_order(&mut self, order: Id) {
        if self.orders.insert(order) {
            self.to_ask.push_back((Caller::Admin, Show::Order(order)));
        }
    }

    /// How many questions are still to be answered.
    pub(super) fn left(&self) -> usize {
        self.to_ask.len() + self.open.len()
    }

    /// A question's answer was lost: it is asked again.
    pub(super) fn lost(&mut self, id: RequestId) {
        self.to_ask.extend(self.open.remove(&id));
    }

    pub(super) fn told(&mut self, id: RequestId, answer: &Answer) {
        let Some((from, show)) = self.open.remove(&id) else { return };
        let user = match from {
            Caller::Customer(user) => user,
            Caller::Admin | Caller::Anyone => 0,
        };
        let next = match (show, answer) {
            (_, Answer::Refused(refused)) => {
                self.seen.refused.push((show, refused.code.clone()));
                None
            }
            (Show::AllOrders(_), Answer::Orders(listed)) => {
                listed.items.iter().for_each(|order| self.ask_for_order(order.id));
                self.seen.all_orders.extend(listed.items.iter().cloned());
                after(listed).map(Show::AllOrders)
            }
            (Show::Orders(_), Answer::Orders(listed)) => {
                self.seen.own_orders.entry(user).or_default().extend(listed.items.iter().cloned());
                after(listed).map(Show::Orders)
            }
            (Show::History(_), Answer::History(listed)) => {
                self.seen.histories.entry(user).or_default().extend(listed.items.iter().cloned());
                after(listed).map(Show::History)
            }
            (Show::Coupons(_), Answer::Coupons(listed)) => {
                self.seen.coupons.entry(user).or_default().extend(listed.items.iter().cloned());
                after(listed).map(Show::Coupons)
            }
            (Show::Campaigns(_), Answer::Campaigns(listed)) => {
                let shown = listed.items.iter().map(|campaign| (campaign.id, campaign.clone()));
                self.seen.campaigns.extend(shown);
                after(listed).map(Show::Campaigns)
            }
            (Show::OpenLetters(_), Answer::Letters(listed)) => {
                self.seen.letters.extend(listed.items.iter().cloned());
                after(listed).map(Show::OpenLetters)
            }
            _ => {
                self.see(user, answer);
                None
            }
        };
        self.to_ask.extend(next.map(|show| (from, show)));
    }

    fn see(&mut self, user: Id, answer: &Answer) {
        match answer {
            Answer::Order(order) => drop(self.seen.orders.insert(order.id, order.as_ref().clone())),
            Answer::Product(product) => drop(self.seen.products.insert(product.id, product.clone())),
            Answer::Balance(balance) => drop(self.seen.balances.insert(user, *balance)),
            Answer::TopUp(top_up) => drop(self.seen.top_ups.insert(top_up.id, top_up.clone())),
            Answer::BestSellers(sold) => self.seen.best_sellers.clone_from(sold),
            // Not what was asked: that has been said when it was told.
            _ => {}
        }
    }
}

/// The page after this one.
fn after<T>(listed: &Listed<T>) -> Option<Page> {
    listed.next.map(|after| Page { after: Some(after) })
}
