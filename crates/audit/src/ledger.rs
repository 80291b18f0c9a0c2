//! What receipts moved, summed by account: one side of the books of stock, points and sales.

use crate::AuditError;
use crate::findings::Findings;
use crate::report::{Code, Discrepancy};
use crate::scene::Scene;
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::ledger::Opening;
use kernel::participation::{Inbox, InboxState};
use kernel::{Record, Step, Value};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// An account whose balance is one row. Coupons and charges are as many as orders, and looked up instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Account {
    /// A product's stock.
    Stock(Uuid),
    /// A user's points.
    Points(Uuid),
    /// A product's sales of one day.
    Sales(i64, Uuid),
}

impl Account {
    /// The account called `name`, as movements name it.
    fn of(name: &str) -> Option<Self> {
        let (kind, id) = name.split_once(':')?;
        match kind {
            "stock" => Uuid::parse_str(id).ok().map(Self::Stock),
            "points" => Uuid::parse_str(id).ok().map(Self::Points),
            "sales" => {
                let (day, product) = id.split_once(':')?;
                Some(Self::Sales(day.parse().ok()?, Uuid::parse_str(product).ok()?))
            }
            _ => None,
        }
    }
}

/// What moved on one account. Sums cannot overflow: fewer than 2^64 rows of 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Openings and done receipts.
    pub(crate) sum: i128,
    /// Receipts of steps that an operator declared compensated: whether they were given back, only the note says.
    declared: i128,
}

impl Moved {
    /// Whether `balance` is explained by `rest` and what moved.
    pub(crate) fn explains(&self, balance: i128, rest: i128) -> bool {
        balance == rest + self.sum || balance == rest + self.sum + self.declared
    }
}

/// What moved on all accounts.
pub(crate) struct Movements {
    accounts: BTreeMap<Account, Moved>,
    /// Steps declared compensated, by saga.
    declared: BTreeSet<(Uuid, Step)>,
}

impl Movements {
    /// What was pruned: the sums of receipts that are no longer there.
    pub(crate) fn openings(scene: &Scene<'_>) -> Result<Self, AuditError> {
        let mut movements = Self { accounts: BTreeMap::new(), declared: BTreeSet::new() };
        for home in 0..scene.homes.len() {
            let moment = scene.moment(home);
            let mut openings = moment.pages::<Opening>();
            while let Some(opening) = openings.next_if(|_| true)? {
                movements.add(&opening.account, opening.amount, false);
            }
            let status = Value::Text(LetterStatus::Resolved.word().into());
            let mut letters = moment.pages::<DeadLetter>().only("status", status);
            while let Some(letter) = letters.next_if(|_| true)? {
                movements.declared.extend(letter.order_id.zip(letter.step));
            }
        }
        Ok(movements)
    }

    /// Takes in one inbox row.
    pub(crate) fn take(&mut self, scene: &Scene<'_>, database: &str, row: &Inbox, findings: &mut Findings) {
        let declared = match row.state {
            InboxState::Done => false,
            InboxState::Compensated if self.declared.contains(&(row.saga.0, row.step.clone())) => true,
            InboxState::Pending
            | InboxState::PendingUndo
            | InboxState::Undoing
            | InboxState::Refused
            | InboxState::Compensated => return,
        };
        let (Some(runner), Some(receipt)) = (scene.runners.get(&row.step), &row.receipt) else { return };
        findings.checked(Code::Unreadable, 1);
        match runner.movements(receipt) {
            Ok(moved) => {
                for movement in moved {
                    self.add(&movement.account, movement.amount, declared);
                }
            }
            Err(detail) => findings.report(Discrepancy {
                code: Code::Unreadable,
                database: database.to_owned(),
                table: Inbox::TABLE.name,
                key: format!("{}/{}", row.saga, row.step),
                expected: "a receipt".to_owned(),
                found: detail,
            }),
        }
    }

    fn add(&mut self, account: &str, amount: i64, declared: bool) {
        let Some(account) = Account::of(account) else { return };
        let moved = self.accounts.entry(account).or_default();
        match declared {
            true => moved.declared += i128::from(amount),
            false => moved.sum += i128::from(amount),
        }
    }

    /// What moved on `account`; it is settled then.
    pub(crate) fn settle(&mut self, account: Account) -> Moved {
        self.accounts.remove(&account).unwrap_or_default()
    }

    /// Accounts that nobody settled although something moved on them, as `pick` knows them.
    pub(crate) fn left<T>(&self, pick: impl Fn(Account) -> Option<T>) -> Vec<(T, i128)> {
        let moved = self.accounts.iter().filter(|(_, moved)| !moved.explains(0, 0));
        moved.filter_map(|(account, moved)| Some((pick(*account)?, moved.sum))).collect()
    }
}
