//! What the shop shows.

use super::{Shop, Told};
use crate::clients::{Amount, Answer, Coupon, CouponStatus, Id, Listed, Page, Show, Status};
use std::collections::BTreeMap;

/// How many things a page has.
const PAGE: usize = 100;

impl Shop {
    pub(super) fn show(&self, user: Id, show: Show) -> Told {
        let none = (404, "NOT_FOUND");
        let sales = || self.orders.values().map(|sale| &sale.shown).rev();
        Ok(match show {
            Show::Order(order) => Answer::Order(Box::new(self.orders.get(&order).ok_or(none)?.shown.clone())),
            Show::Orders(page) => {
                Answer::Orders(listed(sales().filter(|order| order.user == user).cloned(), page, |order| {
                    order.id
                }))
            }
            Show::AllOrders(page) => Answer::Orders(listed(sales().cloned(), page, |order| order.id)),
            Show::Product(product) => Answer::Product(self.products.get(&product).ok_or(none)?.clone()),
            Show::Balance => Answer::Balance(self.members[&user].balance),
            Show::History(page) => {
                let history = self.members[&user].history.iter().rev().cloned();
                Answer::History(listed(history, page, |change| change.id))
            }
            Show::TopUp(top_up) => Answer::TopUp(self.top_ups.get(&top_up).ok_or(none)?.2.clone()),
            Show::Campaigns(page) => {
                let campaigns = self.campaigns.values().rev().cloned();
                Answer::Campaigns(listed(campaigns, page, |campaign| campaign.id))
            }
            Show::Coupons(page) => {
                let own = self.coupons.values().rev().filter(|(holder, _)| *holder == user);
                Answer::Coupons(listed(own.map(|(_, coupon)| self.aged(coupon)), page, |coupon| coupon.id))
            }
            Show::BestSellers => {
                let mut sold: BTreeMap<Id, Amount> = BTreeMap::new();
                for line in
                    sales().filter(|order| order.status == Status::Confirmed).flat_map(|order| &order.lines)
                {
                    *sold.entry(line.product).or_default() += line.quantity;
                }
                let mut sold: Vec<(Id, Amount)> = sold.into_iter().collect();
                sold.sort_by_key(|(_, sold)| -sold);
                Answer::BestSellers(sold)
            }
            Show::OpenLetters(_) => Answer::Letters(Listed { items: Vec::new(), next: None }),
        })
    }

    fn aged(&self, coupon: &Coupon) -> Coupon {
        let over = self.now >= self.campaigns[&coupon.campaign].terms.closes;
        let expired = over && coupon.status == CouponStatus::Issued;
        Coupon { status: if expired { CouponStatus::Expired } else { coupon.status }, ..coupon.clone() }
    }
}

fn listed<T>(items: impl Iterator<Item = T>, page: Page, id: impl Fn(&T) -> Id) -> Listed<T> {
    let rest = items.skip_while(|item| page.after.is_some_and(|after| id(item) >= after));
    let mut items: Vec<T> = rest.take(PAGE + 1).collect();
    let next = (items.len() > PAGE).then(|| items.truncate(PAGE)).and_then(|()| items.last().map(&id));
    Listed { items, next }
}
