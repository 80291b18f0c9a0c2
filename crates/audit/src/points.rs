//! Points: every balance against its history, and the history against the orders and top-ups that it names.

use crate::AuditError;
use crate::findings::Findings;
use crate::ledger::{Account, Movements};
use crate::pages::{Moment, Pages};
use crate::report::{Code, Discrepancy};
use crate::scene::Scene;
use kernel::ids::{SagaId, UserId};
use kernel::participation::{Inbox, InboxState};
use kernel::{Record, Step};
use point::{PointEntry, PointKind, Points};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) fn check(
    scene: &Scene<'_>,
    movements: &mut Movements,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let Some(moment) = scene.moment_of(&point::NAME) else { return Ok(()) };
    let mut book = Book { moment, balances: moment.pages(), movements, findings };
    let mut history = moment.pages::<PointEntry>();
    let mut user: Option<History> = None;
    loop {
        let entries = history.page()?;
        if entries.is_empty() {
            break;
        }
        let receipts = receipts(moment, &entries)?;
        for entry in &entries {
            let current = match user.take() {
                Some(current) if current.user == entry.user_id => current,
                Some(finished) => {
                    book.close(&finished)?;
                    History::of(entry.user_id)
                }
                None => History::of(entry.user_id),
            };
            user = Some(book.enter(scene, current, entry, &receipts));
        }
    }
    if let Some(finished) = user {
        book.close(&finished)?;
    }
    book.close_below(None)?;
    let left = book.movements.left(|account| match account {
        Account::Points(id) => Some(id),
        Account::Stock(_) | Account::Sales(..) => None,
    });
    for (id, sum) in left {
        book.findings.report(ledger(moment, id, format!("a balance that {sum} moved on"), "none".to_owned()));
    }
    Ok(())
}

type Receipts = BTreeMap<(Uuid, Step), Inbox>;

/// The inbox rows that a page of history names.
fn receipts(moment: Moment<'_>, entries: &[PointEntry]) -> Result<Receipts, AuditError> {
    let keys = entries.iter().filter_map(named).map(|(saga, step)| (SagaId(saga), step).into()).collect();
    let rows = moment.load::<Inbox>(keys)?;
    Ok(rows.into_iter().map(|row| ((row.saga.0, row.step.clone()), row)).collect())
}

/// The step whose receipt explains an entry.
fn named(entry: &PointEntry) -> Option<(Uuid, Step)> {
    match entry.kind {
        PointKind::Use | PointKind::Refund => Some((entry.order_id?.0, Step::POINT)),
        PointKind::TopUp | PointKind::TopUpCancel => Some((entry.charge_id?.0, Step::CREDIT)),
        PointKind::Grant | PointKind::Take => None,
    }
}

/// One user's history so far.
struct History {
    user: UserId,
    /// What the last entry said.
    balance: i128,
    sum: i128,
    /// By administrators.
    adjusted: i128,
}

impl History {
    fn of(user: UserId) -> Self {
        Self { user, balance: 0, sum: 0, adjusted: 0 }
    }
}

struct Book<'a> {
    moment: Moment<'a>,
    balances: Pages<'a, Points>,
    movements: &'a mut Movements,
    findings: &'a mut Findings,
}

impl Book<'_> {
    /// Adds `entry` to its user's history.
    fn enter(
        &mut self,
        scene: &Scene<'_>,
        mut history: History,
        entry: &PointEntry,
        receipts: &Receipts,
    ) -> History {
        self.findings.checked(Code::PointHistoryChain, 1);
        let amount = i128::from(entry.amount.minor());
        let expected = history.balance + amount;
        history.balance = entry.balance.minor().into();
        history.sum += amount;
        if history.balance != expected {
            self.chain(entry, format!("balance {expected}"), format!("balance {}", entry.balance));
        }
        match entry.kind {
            PointKind::Grant | PointKind::Take => history.adjusted += amount,
            PointKind::Use | PointKind::Refund | PointKind::TopUp | PointKind::TopUpCancel => {
                self.against_receipt(scene, entry, receipts);
            }
        }
        history
    }

    /// An entry of an order or top-up moved what its receipt says.
    fn against_receipt(&mut self, scene: &Scene<'_>, entry: &PointEntry, receipts: &Receipts) {
        let found = format!("{} of {}", entry.kind, entry.amount);
        let Some(named) = named(entry) else {
            self.chain(entry, "an order or top-up".to_owned(), format!("{found} of none"));
            return;
        };
        let Some(row) = receipts.get(&named) else {
            if !scene.is_pruned(named.0) {
                self.chain(entry, format!("an inbox row {}/{}", named.0, named.1), found);
            }
            return;
        };
        let moved = row.receipt.as_deref().and_then(|receipt| {
            let moved = scene.runners.get(&row.step)?.movements(receipt).ok()?;
            Some(moved.iter().map(|movement| i128::from(movement.amount)).sum::<i128>())
        });
        let Some(moved) = moved else {
            self.chain(entry, format!("a receipt of {}/{}, which is {}", named.0, named.1, row.state), found);
            return;
        };
        let (expected, given_back) = match entry.kind {
            PointKind::Refund | PointKind::TopUpCancel => (-moved, true),
            PointKind::Use | PointKind::TopUp | PointKind::Grant | PointKind::Take => (moved, false),
        };
        if i128::from(entry.amount.minor()) != expected {
            self.chain(entry, format!("{expected} by the receipt of {}/{}", named.0, named.1), found);
        } else if given_back && row.state != InboxState::Compensated {
            self.chain(
                entry,
                format!("{}/{} compensated", named.0, named.1),
                format!("{found}, {}", row.state),
            );
        }
    }

    fn chain(&mut self, entry: &PointEntry, expected: String, found: String) {
        self.findings.report(Discrepancy {
            code: Code::PointHistoryChain,
            database: self.moment.name.to_owned(),
            table: PointEntry::TABLE.name,
            key: format!("{}/{}", entry.user_id, entry.id),
            expected,
            found,
        });
    }

    /// A user's history is complete: it must explain the balance.
    fn close(&mut self, history: &History) -> Result<(), AuditError> {
        self.close_below(Some(history.user))?;
        let balance = self.balances.next_if(|points| points.user_id == history.user)?;
        self.compare(history, balance.as_ref());
        Ok(())
    }

    /// Balances without any history, of users before `user` (of all that are left, without one).
    fn close_below(&mut self, user: Option<UserId>) -> Result<(), AuditError> {
        while let Some(points) =
            self.balances.next_if(|points| user.is_none_or(|user| points.user_id < user))?
        {
            self.compare(&History::of(points.user_id), Some(&points));
        }
        Ok(())
    }

    fn compare(&mut self, history: &History, points: Option<&Points>) {
        self.findings.checked(Code::PointLedger, 1);
        self.findings.checked(Code::PointNegative, 1);
        let id = history.user.0;
        let balance = points.map_or(0, |points| points.balance.minor());
        let moved = self.movements.settle(Account::Points(id));
        let found = || format!("balance {balance}");
        if i128::from(balance) != history.sum {
            let expected = format!("balance {} by its history", history.sum);
            self.findings.report(ledger(self.moment, id, expected, found()));
        } else if !moved.explains(balance.into(), history.adjusted) {
            let (sum, adjusted) = (moved.sum, history.adjusted);
            let expected = format!("balance {} ({adjusted} granted, {sum} moved)", adjusted + sum);
            self.findings.report(ledger(self.moment, id, expected, found()));
        }
        if balance < 0 {
            let code = Code::PointNegative;
            let expected = "balance of at least 0".to_owned();
            self.findings.report(Discrepancy { code, ..ledger(self.moment, id, expected, found()) });
        }
    }
}

fn ledger(moment: Moment<'_>, user: Uuid, expected: String, found: String) -> Discrepancy {
    Discrepancy {
        code: Code::PointLedger,
        database: moment.name.to_owned(),
        table: Points::TABLE.name,
        key: user.to_string(),
        expected,
        found,
    }
}
