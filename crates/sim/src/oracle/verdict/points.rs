//! Points: the balance that the oracle's own books say, and a history that tells how it came to be.

use super::super::breach::{Docket, Promise, id, named};
use super::super::people::{Outcome, Person};
use super::super::{Oracle, words};
use crate::clients::{Amount, Change, ChangeKind, Id, Order, Status, TopUpStatus};
use std::collections::{BTreeMap, BTreeSet};

/// What one order did to its customer's points, by the history.
#[derive(Clone, Copy, Default)]
struct Moved {
    used: u32,
    refunded: u32,
}

impl Oracle {
    /// Grants + top-ups - confirmed orders = the balance that is shown; and the history says the same, change by change.
    pub(super) fn judge_points(&mut self, stuck: &BTreeSet<Id>) {
        let mut orders: BTreeMap<Id, Vec<&Order>> = BTreeMap::new();
        for order in self.closing.seen.orders.values() {
            orders.entry(order.user).or_default().push(order);
        }
        let mut topped_up: BTreeMap<Id, Vec<Amount>> = BTreeMap::new();
        for (top_up, book) in &self.people.top_ups {
            let completed = matches!(book.settled, Some((TopUpStatus::Completed, _)));
            if completed && !stuck.contains(top_up) {
                topped_up.entry(book.user).or_default().push(book.amount);
            }
        }
        let stuck_users: BTreeSet<Id> = self.stuck_users(stuck);
        for (user, person) in &self.people.persons {
            let history = self.closing.seen.histories.get(user).map_or(&[][..], Vec::as_slice);
            let Some(balance) = self.closing.seen.balances.get(user) else { continue };
            let account = Account { user: *user, history, balance: *balance, person };
            account.judge_chain(&mut self.docket);
            let granted = account.judge_grants(&mut self.docket);
            let own = orders.get(user).map_or(&[][..], Vec::as_slice);
            account.judge_orders(own, stuck, &mut self.docket);
            let is_stuck = stuck_users.contains(user);
            let mut completed = topped_up.remove(user).unwrap_or_default();
            if !is_stuck {
                account.judge_top_ups(&mut completed, &mut self.docket);
            }
            let used: Amount = own
                .iter()
                .filter(|order| order.status == Status::Confirmed)
                .map(|order| order.points_used)
                .sum();
            let expected = granted + completed.iter().sum::<Amount>() - used;
            self.docket.check(is_stuck || expected == *balance, Promise::Conservation, || {
                let about = named("the balance of user", *user);
                (
                    about,
                    format!("{granted} granted + {completed:?} bought - {used} used = {expected}"),
                    balance.to_string(),
                )
            });
        }
    }

    /// Users of whom an order or top-up is stuck: their balance is not settled.
    fn stuck_users(&self, stuck: &BTreeSet<Id>) -> BTreeSet<Id> {
        let of = |saga: &Id| {
            let order = self.closing.seen.orders.get(saga).filter(|order| !order.status.is_settled());
            let top_up = self.people.top_ups.get(saga);
            order.map(|order| order.user).or_else(|| top_up.map(|top_up| top_up.user))
        };
        stuck.iter().filter_map(of).collect()
    }
}

/// One user's points.
struct Account<'a> {
    user: Id,
    /// Newest first.
    history: &'a [Change],
    balance: Amount,
    person: &'a Person,
}

impl Account<'_> {
    fn name(&self) -> String {
        named("the points history of user", self.user)
    }

    /// Each balance is the one before it and the change.
    fn judge_chain(&self, docket: &mut Docket) {
        let mut ids = BTreeSet::new();
        let mut before = 0;
        for change in self.history.iter().rev() {
            let follows = change.balance == before + change.amount && change.balance >= 0;
            docket.check(follows && ids.insert(change.id), Promise::Conservation, || {
                let expected = format!("a change of {} from {before}, listed once", change.amount);
                (format!("change {} in {}", id(change.id), self.name()), expected, words::change(change))
            });
            before = change.balance;
        }
        docket.check(before == self.balance, Promise::Conservation, || {
            (
                named("the balance of user", self.user),
                format!("{before}, the last of its history"),
                self.balance.to_string(),
            )
        });
    }

    /// Every grant that was told done is there once, none that was refused, and none that nobody asked for. Their sum.
    fn judge_grants(&self, docket: &mut Docket) -> Amount {
        let mut listed: BTreeMap<&str, u32> = BTreeMap::new();
        let mut sum = 0;
        let is_grant = |change: &&Change| matches!(change.kind, ChangeKind::Granted | ChangeKind::Taken);
        for change in self.history.iter().filter(is_grant) {
            sum += change.amount;
            let reason = change.reason.as_deref().unwrap_or_default();
            *listed.entry(reason).or_default() += 1;
            let known = self.person.grants.get(reason).filter(|grant| grant.outcome != Outcome::Refused);
            docket.check(
                known.is_some_and(|grant| grant.amount == change.amount),
                Promise::ExactlyOneEffect,
                || {
                    let expected = "a grant that was asked for and not refused".to_owned();
                    (format!("change {} in {}", id(change.id), self.name()), expected, words::change(change))
                },
            );
        }
        for (reason, grant) in &self.person.grants {
            let times = listed.get(reason.as_str()).copied().unwrap_or(0);
            let fits = match grant.outcome {
                Outcome::Done => times == 1,
                Outcome::Unknown => times <= 1,
                Outcome::Refused => times == 0,
            };
            docket.check(fits, Promise::ExactlyOneEffect, || {
                let about = format!("the grant of {} for \"{reason}\" in {}", grant.amount, self.name());
                (
                    about,
                    format!("there as often as it was {:?}", grant.outcome),
                    format!("there {times} times"),
                )
            });
        }
        sum
    }

    /// A confirmed order used its points once, and every other gave them back as often as it used them: once, or never.
    fn judge_orders(&self, orders: &[&Order], stuck: &BTreeSet<Id>, docket: &mut Docket) {
        let mut moved: BTreeMap<Id, Moved> = BTreeMap::new();
        let own: BTreeMap<Id, &Order> = orders.iter().map(|order| (order.id, *order)).collect();
        for change in self.history {
            let amount = match change.kind {
                ChangeKind::Used => -change.amount,
                ChangeKind::Refunded => change.amount,
                _ => continue,
            };
            let order = change.order.and_then(|order| own.get(&order));
            docket.check(
                order.is_some_and(|order| order.points_used == amount),
                Promise::ExactlyOneEffect,
                || {
                    let expected = "the points of an order of this user".to_owned();
                    (format!("change {} in {}", id(change.id), self.name()), expected, words::change(change))
                },
            );
            let moved = moved.entry(change.order.unwrap_or(0)).or_default();
            match change.kind {
                ChangeKind::Used => moved.used += 1,
                _ => moved.refunded += 1,
            }
        }
        for order in orders {
            let Moved { used, refunded } = moved.get(&order.id).copied().unwrap_or_default();
            let fits = match order.status {
                Status::Confirmed => (used, refunded) == (u32::from(order.points_used > 0), 0),
                status if !status.is_settled() && stuck.contains(&order.id) => used <= 1 && refunded <= used,
                _ => used <= 1 && refunded == used,
            };
            docket.check(fits, Promise::ExactlyOneEffect, || {
                let about = format!(
                    "{} points of {}, which is {}",
                    order.points_used,
                    named("order", order.id),
                    order.status
                );
                let expected = "used once if it is confirmed, else given back as often as used".to_owned();
                (about, expected, format!("used {used} times and given back {refunded} times"))
            });
        }
    }

    /// The top-ups that are credited and not taken back are those that completed.
    fn judge_top_ups(&self, completed: &mut [Amount], docket: &mut Docket) {
        let mut credited: Vec<Amount> = Vec::new();
        for change in self.history.iter().rev() {
            match change.kind {
                ChangeKind::ToppedUp => credited.push(change.amount),
                ChangeKind::TopUpCancelled => {
                    if let Some(place) = credited.iter().position(|amount| *amount == -change.amount) {
                        credited.remove(place);
                    }
                }
                _ => {}
            }
        }
        credited.sort_unstable();
        completed.sort_unstable();
        docket.check(credited == completed, Promise::ExactlyOneEffect, || {
            (format!("the top-ups in {}", self.name()), format!("{completed:?}"), format!("{credited:?}"))
        });
    }
}
