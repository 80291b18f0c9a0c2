//! The verdict: what the shop shows at rest and what the witnesses say, against the oracle's own books.

mod coupons;
mod points;
mod stock;
mod witnesses;

use super::breach::{Breach, Docket, Promise, id, named, or_none};
use super::orders::Wanted;
use super::register::Moment;
use super::{Oracle, words};
use crate::clients::{Amount, Ask, Caller, Id, Line, Millis, Order, Status};
use std::collections::{BTreeMap, BTreeSet};

/// How long after its time something that a timer does may still be undone.
const TIMER: Millis = 60_000;

impl Oracle {
    /// What was found, in the run and now that it is over. Judges once.
    pub fn verdict(&mut self, now: Millis) -> &[Breach] {
        self.tick(now);
        if !std::mem::replace(&mut self.judged, true) {
            self.match_unknown();
            self.keys.verdict(&mut self.docket);
            self.judge_closing();
            self.judge_orders(now);
            self.judge_lists();
            let stuck = self.stuck();
            self.people.verdict(|top_up| stuck.contains(&top_up), &mut self.docket);
            self.judge_stock(&stuck);
            self.judge_best_sellers(&stuck);
            self.judge_points(&stuck);
            self.judge_coupons(now, &stuck);
            self.judge_pg(&stuck);
            self.judge_platform();
        }
        &self.docket.breaches
    }

    /// Orders and top-ups that an open dead letter stands for.
    fn stuck(&self) -> BTreeSet<Id> {
        self.closing.seen.letters.iter().filter_map(|letter| letter.order).collect()
    }

    fn judge_closing(&mut self) {
        for (show, code) in &self.closing.seen.refused {
            self.docket.check(false, Promise::AnswersMakeSense, || {
                (
                    format!("{} at rest", words::show(*show)),
                    "shown".to_owned(),
                    format!("refused with {code}"),
                )
            });
        }
        let complete = self.has_seen_all();
        self.docket.check(complete, Promise::NothingStuck, || {
            let saw = format!("{} questions unanswered", self.closing.left());
            ("what the shop shows at rest".to_owned(), "all answered".to_owned(), saw)
        });
    }

    /// Orders that nobody was told to have made: each must come from a key whose answer was lost, and that was refused when asked
    /// again.
    fn match_unknown(&mut self) {
        let unknown = self.orders.values().filter(|book| book.wanted.is_none());
        let unknown: Vec<Id> = unknown.map(|book| book.id).collect();
        let mut taken = BTreeSet::new();
        for order in unknown {
            let Some(book) = self.orders.get(&order) else { continue };
            let loose = self.keys.loose(Caller::Customer(book.user));
            let bodies = loose
                .filter(|(scope, _)| !taken.contains(*scope))
                .flat_map(|(scope, key)| key.bodies.iter().map(move |body| (*scope, body)));
            let found = bodies.filter_map(|(scope, body)| {
                let wanted = wanted_by(&body.ask, body.asked, body.at)?;
                is_for(&book.lines, &wanted.lines).then_some((scope, wanted))
            });
            let found = found.collect::<Vec<_>>().into_iter().next();
            self.docket.check(found.is_some(), Promise::AnsweredOnce, || {
                let saw = format!("listed for user {}, who was told of no such order", id(book.user));
                (book.name(), "made by a key".to_owned(), saw)
            });
            let Some((scope, wanted)) = found else { continue };
            taken.insert(scope);
            if let Some(book) = self.orders.get_mut(&order) {
                book.wanted = Some(wanted);
            }
            self.judge(order);
        }
    }

    /// Every order is there, and settled, or may still be waiting to be paid.
    fn judge_orders(&mut self, now: Millis) {
        let stuck = self.stuck();
        let (seen, docket) = (&self.closing.seen, &mut self.docket);
        for (order, book) in &self.orders {
            let shown = seen.orders.get(order);
            docket.check(shown.is_some(), Promise::AcknowledgedIsDurable, || {
                (book.name(), "there at rest".to_owned(), "not shown".to_owned())
            });
            let Some(shown) = shown else { continue };
            let rests = match shown.status {
                Status::Created => {
                    now < book.seen + self.rules.created_expiry + self.rules.clock_error + TIMER
                }
                status => status.is_settled() || stuck.contains(order),
            };
            docket.check(rests, Promise::NothingStuck, || {
                let expected = "settled, or listed with a dead letter".to_owned();
                (book.name(), expected, shown.status.to_string())
            });
            let taken_back = matches!(shown.status, Status::Cancelling | Status::Cancelled);
            docket.check(book.shipped.is_none() || !taken_back, Promise::RulesOfOrders, || {
                (
                    format!("{}, which is shipped", book.name()),
                    "CONFIRMED".to_owned(),
                    shown.status.to_string(),
                )
            });
        }
    }

    /// The lists show each order once, as it is.
    fn judge_lists(&mut self) {
        let (seen, docket) = (&self.closing.seen, &mut self.docket);
        let mut listed: BTreeMap<Id, u32> = BTreeMap::new();
        for view in &seen.all_orders {
            *listed.entry(view.id).or_default() += 1;
            check_view(view, seen.orders.get(&view.id), "all orders", docket);
        }
        let mut owned: BTreeMap<Id, u32> = BTreeMap::new();
        for view in seen.own_orders.values().flatten() {
            *owned.entry(view.id).or_default() += 1;
            check_view(view, seen.orders.get(&view.id), "its customer's orders", docket);
        }
        for order in seen.orders.keys() {
            for (count, list) in [(&listed, "the list of all orders"), (&owned, "its customer's list")] {
                let times = count.get(order).copied().unwrap_or(0);
                docket.check(times == 1, Promise::ReadModelsFollow, || {
                    (named("order", *order), format!("once in {list}"), format!("there {times} times"))
                });
            }
        }
    }
}

/// An order in a list is as its owner shows it.
fn check_view(view: &Order, order: Option<&Order>, list: &str, docket: &mut Docket) {
    docket.check(order.is_none_or(|order| order == view), Promise::ReadModelsFollow, || {
        let about = format!("order {} in the list of {list}", id(view.id));
        (about, or_none(order.map(words::order)), words::order(view))
    });
}

fn wanted_by(ask: &Ask, asked: Moment, at: Millis) -> Option<Wanted> {
    let Ask::Place { lines, payment, .. } = ask else { return None };
    Some(Wanted { lines: super::hearing::summed(lines), payment: *payment, asked, at })
}

fn is_for(lines: &[Line], wanted: &BTreeMap<Id, Amount>) -> bool {
    lines.len() == wanted.len() && lines.iter().all(|line| wanted.get(&line.product) == Some(&line.quantity))
}
