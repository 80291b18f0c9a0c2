//! Points: every balance against its history, and the history against the orders and top-ups that it names.

use crate::AuditError;
use crate::findings::Findings;
use crate::ledger::{Account, Movements};
use crate::pages::{Moment, show_key};
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
    let mut book = Book { moment, movements, findings };
    let mut histories = book.read(scene)?;
    let mut balances = moment.pages::<Points>();
    while let Some(points) = balances.next_if(|_| true)? {
        let history = histories.remove(&points.user_id).unwrap_or_default();
        book.follow(&points, history.entries)?;
        book.compare(points.user_id, &history, Some(&points));
    }
    for (user, history) in histories {
        book.compare(user, &history, None);
    }
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

/// All entries of one user.
#[derive(Default)]
struct History {
    entries: u64,
    sum: i128,
    /// By administrators.
    adjusted: i128,
}

struct Book<'a> {
    moment: Moment<'a>,
    movements: &'a mut Movements,
    findings: &'a mut Findings,
}

impl Book<'_> {
    /// Every entry, against its receipt; and what each user's come to.
    fn read(&mut self, scene: &Scene<'_>) -> Result<BTreeMap<UserId, History>, AuditError> {
        let mut histories: BTreeMap<UserId, History> = BTreeMap::new();
        let mut pages = self.moment.pages::<PointEntry>();
        loop {
            let entries = pages.page()?;
            if entries.is_empty() {
                return Ok(histories);
            }
            let receipts = receipts(self.moment, &entries)?;
            for entry in &entries {
                self.findings.checked(Code::PointHistoryChain, 1);
                let history = histories.entry(entry.user_id).or_default();
                let amount = i128::from(entry.amount.minor());
                history.entries += 1;
                history.sum += amount;
                match entry.kind {
                    PointKind::Grant | PointKind::Take => history.adjusted += amount,
                    PointKind::Use | PointKind::Refund | PointKind::TopUp | PointKind::TopUpCancel => {
                        self.against_receipt(scene, entry, &receipts);
                    }
                }
            }
        }
    }

    /// From the balance's last entry back to the first: all `entries` of the user, each once, and each goes on where the one
    /// before it ended.
    fn follow(&mut self, points: &Points, entries: u64) -> Result<(), AuditError> {
        let mut links = self.moment.links::<PointEntry>("previous", points.last_entry.map(|id| (id,)));
        let (mut after, mut reached): (Option<PointEntry>, u64) = (None, 0);
        while let Some(entry) = links.step()? {
            reached += 1;
            if entry.user_id != points.user_id {
                let expected = format!("an entry of user {}", points.user_id);
                self.chain(&entry, expected, format!("one of user {}", entry.user_id));
                return Ok(());
            }
            if reached > entries {
                self.chain(&entry, "an entry reached once".to_owned(), "a circle".to_owned());
                return Ok(());
            }
            if let Some(after) = after.replace(entry.clone()) {
                self.goes_on(&after, entry.balance.minor().into());
            }
        }
        let lost = |expected: String, found: String| Discrepancy {
            code: Code::PointHistoryChain,
            ..ledger(self.moment, points.user_id.0, expected, found)
        };
        if let Some(broken) = links.broken() {
            let found = format!("none, {reached} entries after it");
            self.findings.report(lost(format!("an entry {}", show_key(broken)), found));
        } else if reached < entries {
            let expected = format!("{entries} entries from the last on");
            self.findings.report(lost(expected, reached.to_string()));
        } else if let Some(first) = after {
            self.goes_on(&first, 0);
        }
        Ok(())
    }

    fn goes_on(&mut self, entry: &PointEntry, before: i128) {
        let expected = before + i128::from(entry.amount.minor());
        if i128::from(entry.balance.minor()) != expected {
            self.chain(entry, format!("balance {expected}"), format!("balance {}", entry.balance));
        }
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
            key: entry.id.to_string(),
            expected,
            found,
        });
    }

    /// A user's history explains the balance.
    fn compare(&mut self, user: UserId, history: &History, points: Option<&Points>) {
        self.findings.checked(Code::PointLedger, 1);
        self.findings.checked(Code::PointNegative, 1);
        let id = user.0;
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
