//! A customer buys points.

use super::answers::{Answer, TopUpStatus};
use super::errand::{Asking, Desk, News, Script, Then};
use super::purchase::card;
use super::requests::{Ask, Id, Millis, Show};
use rand::Rng;

const FIRST_LOOK: Millis = 20;
const LONGEST_LOOK: Millis = 2_000;

/// One top-up of one customer, until it is settled.
pub(super) struct ToppingUp {
    customer: usize,
    ask: Ask,
    twice: bool,
    made: Option<Id>,
    wait: Millis,
}

impl ToppingUp {
    pub(super) fn new(customer: usize, desk: &mut Desk) -> Self {
        let (key, card) = (desk.key(), card(desk));
        let ask = Ask::TopUp { key, amount: desk.rng.random_range(1..=50) * 100, card };
        let twice = desk.chance(desk.mix.twice);
        Self { customer, ask, twice, made: None, wait: FIRST_LOOK }
    }
}

impl Script for ToppingUp {
    fn go_on(&mut self, now: Millis, news: News<'_>, desk: &mut Desk) -> Then {
        let from = desk.caller(self.customer);
        match (news, self.made) {
            (News::Told(Answer::TopUp(top_up)), _) => {
                self.made = Some(top_up.id);
                if top_up.status != TopUpStatus::Pending {
                    return Then::Over;
                }
                let wait = self.wait;
                self.wait = (wait * 2).min(LONGEST_LOOK);
                Then::Rest(desk.around(now, wait))
            }
            (News::Told(_), _) => Then::Over,
            (News::Time | News::Lost, Some(made)) => {
                Then::Ask(Asking::until_answered(from, Ask::Show(Show::TopUp(made))))
            }
            (News::Time | News::Lost, None) => {
                let mut asking = Asking::until_answered(from, self.ask.clone());
                asking.copies = if self.twice { 2 } else { 1 };
                Then::Ask(asking)
            }
        }
    }
}
