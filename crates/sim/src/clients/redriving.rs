//! The administrator tidies up, once it is calm: redrives what is stuck, and lets everyone in again.

use super::answers::Answer;
use super::errand::{Asking, Desk, News, Script, Then};
use super::requests::{Ask, Caller, Id, Millis, Page, Show};

/// How long after a round the letters are looked at again.
const BETWEEN: Millis = 20_000;
/// How many rounds there are at most: what is still stuck then stays listed.
const ROUNDS: u32 = 20;
/// After how many rounds without a letter it is over: what was about to get stuck has had its time.
const QUIET_ROUNDS: u32 = 3;

/// Lists the open letters and redrives each, round after round. In each, whoever was suspended once is made active again: a
/// suspension whose answer was lost may have come late, after it was taken back.
#[derive(Default)]
pub(super) struct Redriving {
    rounds: u32,
    /// Rounds without a letter, up to now.
    quiet: u32,
    found: bool,
    letters: Vec<Id>,
    next: Option<Page>,
    redrives: bool,
    suspended: Vec<Id>,
}

impl Redriving {
    fn list(page: Page) -> Then {
        Then::Ask(Asking::until_answered(Caller::Admin, Ask::Show(Show::OpenLetters(page))))
    }

    /// The next letter, the next page, or the next round.
    fn proceed(&mut self, now: Millis) -> Then {
        let letter = self.letters.pop();
        self.redrives = letter.is_some();
        if let Some(letter) = letter {
            return Then::Ask(Asking::until_answered(Caller::Admin, Ask::Redrive { letter }));
        }
        if let Some(page) = self.next.take() {
            return Self::list(page);
        }
        if let Some(user) = self.suspended.pop() {
            let ask = Ask::SetSuspended { user, suspended: false };
            return Then::Ask(Asking::until_answered(Caller::Admin, ask));
        }
        self.rounds += 1;
        self.quiet = if std::mem::take(&mut self.found) { 0 } else { self.quiet + 1 };
        if self.quiet >= QUIET_ROUNDS || self.rounds >= ROUNDS {
            return Then::Over;
        }
        Then::Rest(now + BETWEEN)
    }
}

impl Script for Redriving {
    fn go_on(&mut self, now: Millis, news: News<'_>, desk: &mut Desk) -> Then {
        match news {
            News::Told(Answer::Letters(listed)) if !self.redrives => {
                self.found |= !listed.items.is_empty();
                self.letters = listed.items.iter().map(|letter| letter.id).collect();
                self.next = listed.next.map(|after| Page { after: Some(after) });
                self.proceed(now)
            }
            News::Told(_) => self.proceed(now),
            News::Time | News::Lost => {
                self.suspended = desk.known.once_suspended.iter().copied().collect();
                Self::list(Page::FIRST)
            }
        }
    }
}
