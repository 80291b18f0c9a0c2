//! What a replay came to: every row of the file accounted for, and what was not as it should be.

use super::front::{Outcome, Placed, Sold};
use crate::cli::table::Table;
use history::{Customer, History, Order, Work};
use kernel::judge::SagaStatus;
use kernel::{Currency, Money};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The account of one replay.
pub(super) struct Account<'a> {
    history: &'a History,
    currency: Currency,
    took: Duration,
    /// Orders by the status that they ended in; those that never came to be are `NOT PLACED`.
    statuses: BTreeMap<String, usize>,
    orders: usize,
    revenue: Money,
    /// What did not end as the file says, a sentence each.
    wrong: Vec<String>,
    sellers: Vec<Seller>,
    /// SKUs whose sales the shop does not show.
    unseen: usize,
}

/// One SKU's sales: the shop's word and the file's.
struct Seller {
    sku: SmolStr,
    name: SmolStr,
    shop: i64,
    file: i64,
}

/// How many best sellers are shown.
const BEST: usize = 10;

impl<'a> Account<'a> {
    /// Draws up the account of `history`, whose items ended as `outcomes` say, between two looks at best sellers.
    ///
    /// # Errors
    /// If sums leave the range of money.
    pub(super) fn of(
        history: &'a History,
        outcomes: &[Option<Outcome>],
        (before, after): (&Sold, &Sold),
        (currency, took): (Currency, Duration),
    ) -> anyhow::Result<Self> {
        let mut account = Self {
            history,
            currency,
            took,
            statuses: BTreeMap::new(),
            orders: 0,
            revenue: Money::ZERO,
            wrong: Vec::new(),
            sellers: Vec::new(),
            unseen: 0,
        };
        let cancelled: BTreeMap<usize, usize> = history
            .work
            .iter()
            .enumerate()
            .filter_map(|(place, work)| match work {
                Work::Cancel { of, .. } => Some((*of, place)),
                Work::Price { .. } | Work::Order(_) => None,
            })
            .collect();
        // What the file says was sold, but for orders that ended otherwise.
        let mut expected = history.units_sold();
        for (place, work) in history.work.iter().enumerate() {
            let outcome = outcomes.get(place).and_then(Option::as_ref);
            match work {
                Work::Order(order) => {
                    let cancel = cancelled.get(&place);
                    let last = cancel.and_then(|place| outcomes.get(*place)?.as_ref());
                    account.order(order, outcome, cancel.map(|_| last), &mut expected)?;
                }
                Work::Price { sku, price } => account.price(sku, *price, outcome),
                Work::Cancel { .. } => {}
            }
        }
        account.compare(&expected, before, after);
        Ok(account)
    }

    fn order(
        &mut self,
        order: &Order,
        placed: Option<&Outcome>,
        cancelled: Option<Option<&Outcome>>,
        expected: &mut BTreeMap<SmolStr, i64>,
    ) -> anyhow::Result<()> {
        self.orders += 1;
        let wanted = if cancelled.is_some() { SagaStatus::Cancelled } else { SagaStatus::Confirmed };
        let last = match (cancelled.flatten(), placed) {
            (Some(Outcome::Order(placed)), _) | (_, Some(Outcome::Order(placed))) => Some(placed),
            _ => None,
        };
        let status = last.map(|placed| placed.status);
        let shown = status.map_or_else(|| "NOT PLACED".to_owned(), |status| status.to_string());
        *self.statuses.entry(shown).or_default() += 1;
        if let Some(placed) = last.filter(|placed| placed.status == SagaStatus::Confirmed) {
            self.revenue = self.revenue.plus(placed.total)?;
        }
        if status != Some(wanted) {
            self.wrong.push(format!(
                "{}: {}",
                title(order),
                why(last, wanted, cancelled.flatten().or(placed))
            ));
            let counts = |status| i64::from(status == Some(SagaStatus::Confirmed));
            let sign = counts(status) - counts(Some(wanted));
            for line in &order.lines {
                *expected.entry(line.sku.clone()).or_default() += sign * line.quantity;
            }
        }
        Ok(())
    }

    fn price(&mut self, sku: &SmolStr, price: Money, outcome: Option<&Outcome>) {
        let why = match outcome {
            Some(Outcome::Priced) => return,
            Some(Outcome::Failed(why)) => why.as_str(),
            Some(Outcome::Order(_)) | None => "never done",
        };
        self.wrong.push(format!("price of {sku} to {}: {why}", self.currency.show(price)));
    }

    fn compare(&mut self, expected: &BTreeMap<SmolStr, i64>, before: &Sold, after: &Sold) {
        for (sku, file) in expected {
            let Some((before, after)) = before.of(sku).zip(after.of(sku)) else {
                self.unseen += 1;
                continue;
            };
            let name = self.history.products.get(sku).map(|product| product.name.clone());
            let name = name.unwrap_or_default();
            self.sellers.push(Seller { sku: sku.clone(), name, shop: after - before, file: *file });
        }
        self.sellers.sort_by(|a, b| (b.shop, &a.sku).cmp(&(a.shop, &b.sku)));
    }

    /// How many SKUs sold another number of units than the file says.
    fn disagreements(&self) -> usize {
        self.sellers.iter().filter(|seller| seller.shop != seller.file).count()
    }

    /// Everything ended as the file says. Odd rows of the file are no fault.
    pub(super) fn holds(&self) -> bool {
        self.wrong.is_empty() && self.disagreements() == 0
    }

    fn rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let History { rows_total, rows_in_orders, rows_in_cancels, odd, split, .. } = self.history;
        for row in odd {
            writeln!(f, "line {}: {}: {}", row.line, row.reason, row.detail)?;
        }
        for row in split {
            writeln!(
                f,
                "line {}: in an extra order: invoice {} sells {} at another price before",
                row.line, row.invoice, row.sku
            )?;
        }
        writeln!(
            f,
            "rows: {rows_total} = {rows_in_orders} in orders + {rows_in_cancels} in cancels + {} reported",
            odd.len()
        )
    }

    fn best_sellers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::headed(&["", "SKU", "sold", "in the file", "product"]);
        for (seller, rank) in self.sellers.iter().take(BEST).zip(1..) {
            let Seller { sku, name, shop, file } = seller;
            table.row(&[&format!("{rank}"), sku, &shop.to_string(), &file.to_string(), name]);
        }
        write!(f, "best sellers:\n{table}")?;
        for seller in self.sellers.iter().filter(|seller| seller.shop != seller.file) {
            writeln!(f, "DISAGREES {}: sold {}, in the file {}", seller.sku, seller.shop, seller.file)?;
        }
        if self.disagreements() == 0 {
            writeln!(f, "best sellers agree with the file on {} SKUs", self.sellers.len())?;
        }
        if self.unseen > 0 {
            writeln!(f, "not compared: {} SKUs that are not among the server's best hundred", self.unseen)?;
        }
        Ok(())
    }
}

impl fmt::Display for Account<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows(f)?;
        let statuses: Vec<String> =
            self.statuses.iter().map(|(status, count)| format!("{count} {status}")).collect();
        writeln!(f, "orders: {} ({})", self.orders, statuses.join(", "))?;
        for wrong in &self.wrong {
            writeln!(f, "WRONG {wrong}")?;
        }
        let units: i64 = self.sellers.iter().map(|seller| seller.shop).sum();
        let of = if self.unseen > 0 { " of the SKUs that are compared" } else { "" };
        writeln!(f, "revenue: {}, units sold{of}: {units}", self.currency.show(self.revenue))?;
        self.best_sellers(f)?;
        let ms = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = (self.orders as u64).saturating_mul(1_000) / ms;
        write!(f, "time: {}.{:03} s, {rate} orders/s", ms / 1_000, ms % 1_000)
    }
}

fn title(order: &Order) -> String {
    let customer = match &order.customer {
        Customer::Known(id) => id.as_str(),
        Customer::Guest => "guest",
    };
    match order.part {
        0 => format!("invoice {}, customer {customer}", order.invoice),
        part => format!("invoice {}, customer {customer}, part {part}", order.invoice),
    }
}

fn why(placed: Option<&Placed>, wanted: SagaStatus, outcome: Option<&Outcome>) -> String {
    let failed = match outcome {
        Some(Outcome::Failed(why)) => format!(": {why}"),
        Some(Outcome::Order(_) | Outcome::Priced) | None => String::new(),
    };
    match placed {
        Some(Placed { id, status, reason, .. }) => {
            let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("order {id} is {status}{reason}, not {wanted}{failed}")
        }
        None => format!("no order was made{failed}"),
    }
}
