//! A shop's order history, read from a CSV with UCI Online Retail's columns into work that can be replayed.
//!
//! Every row of the file ends in exactly one of three places: an order, a cancel, or the list of odd rows with its line number
//! and a stable reason. Nothing is guessed and nothing is dropped. A file that is no such CSV is an error, and nothing of it
//! is read.
//!
//! Reading order: [`read`] → `row` (one row, or why not) → `orders` (rows to orders, cancels and prices).

mod columns;
mod orders;
mod quotes;
mod row;

#[cfg(test)]
mod tests;

use columns::Columns;
use kernel::{Currency, Money, Timestamp, text_enum};
use orders::Groups;
use quotes::Quotes;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

/// Who bought.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Customer {
    /// A customer, by the file's id.
    Known(SmolStr),
    /// The one guest that all rows without a customer belong to.
    Guest,
}

/// A product at one price within one order; equal rows are summed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file's stock code.
    pub sku: SmolStr,
    /// What the row calls it; may be empty.
    pub description: SmolStr,
    /// Units, ≥ 1.
    pub quantity: i64,
    /// Minor units for one, ≥ 1.
    pub unit_price: Money,
    /// The line of the file where it first stands.
    pub line_no: u64,
}

/// One order to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The file's invoice.
    pub invoice: SmolStr,
    /// 0, or more for the extra orders that an invoice needs where it sells one SKU at several prices.
    pub part: u32,
    /// Who bought.
    pub customer: Customer,
    /// When, as the file says (its local time, taken as UTC).
    pub at: Timestamp,
    /// At most one line per SKU, in file order, at least one.
    pub lines: Vec<Line>,
}

/// One thing to do, in file order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// The SKU costs this from here on.
    Price {
        /// Which.
        sku: SmolStr,
        /// Minor units for one.
        price: Money,
    },
    /// Place this order.
    Order(Order),
    /// Take a whole earlier order back.
    Cancel {
        /// The cancelling invoice.
        invoice: SmolStr,
        /// Where that order stands in [`History::work`].
        of: usize,
    },
}

/// What to put into the catalogue before the first order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its first description that is not empty; else the SKU.
    pub name: SmolStr,
    /// The price it is first sold at.
    pub first_price: Money,
}

text_enum! {
    /// Why a row is in no order and no cancel. The words are stable.
    pub enum OddReason {
        /// A needed field is empty: the detail names it.
        MissingField = "missing_field",
        /// A quantity or price is not a number that can be held.
        BadNumber = "bad_number",
        /// A price has more decimals than the currency.
        TooManyDecimals = "too_many_decimals",
        /// The date does not read.
        BadDate = "bad_date",
        /// An adjustment of bad debt (`A…` invoices).
        BadDebt = "bad_debt_adjustment",
        /// Nothing of something.
        ZeroQuantity = "zero_quantity",
        /// A negative quantity on an invoice that is no cancel.
        NegativeQuantity = "negative_quantity",
        /// A positive quantity on a cancel (`C…` invoices).
        PositiveCancel = "positive_quantity_on_cancel",
        /// Given away.
        ZeroPrice = "zero_price",
        /// A price below nothing.
        NegativePrice = "negative_price",
        /// With this row an order's total, or a SKU's units in the file, could no longer be held.
        TooLarge = "too_large",
        /// A cancel that is not exactly one whole earlier order of the same customer.
        UnmatchedCancel = "unmatched_cancel",
    }
}

/// A row that is reported instead of replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OddRow {
    /// Its line in the file (the header is line 1).
    pub line: u64,
    /// Why.
    pub reason: OddReason,
    /// The value at fault, for people.
    pub detail: String,
}

/// A row that went into an extra order of its invoice, because the invoice sells its SKU at another price before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitRow {
    /// Its line in the file.
    pub line: u64,
    /// The invoice.
    pub invoice: SmolStr,
    /// The SKU.
    pub sku: SmolStr,
}

/// A whole file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// What to do, in file order.
    pub work: Vec<Work>,
    /// Units of each SKU that all orders together need. Cancels are not counted on: orders and cancels may overtake each other.
    pub opening_stock: BTreeMap<SmolStr, i64>,
    /// The catalogue.
    pub products: BTreeMap<SmolStr, Product>,
    /// Everyone who ordered.
    pub customers: BTreeSet<Customer>,
    /// Rows reported instead of replayed, by line.
    pub odd: Vec<OddRow>,
    /// Rows in extra orders (each is also counted among [`Self::rows_in_orders`]).
    pub split: Vec<SplitRow>,
    /// Data rows in the file: always orders + cancels + odd.
    pub rows_total: usize,
    /// Rows that are part of an order.
    pub rows_in_orders: usize,
    /// Rows that are part of a cancel.
    pub rows_in_cancels: usize,
}

impl History {
    /// Units of each SKU that best sellers must show when every order was confirmed and every cancel carried out.
    #[must_use]
    pub fn units_sold(&self) -> BTreeMap<SmolStr, i64> {
        let mut sold = BTreeMap::new();
        for work in &self.work {
            match work {
                Work::Order(order) => count(&mut sold, order, 1),
                Work::Cancel { of, .. } => match self.work.get(*of) {
                    Some(Work::Order(order)) => count(&mut sold, order, -1),
                    Some(Work::Price { .. } | Work::Cancel { .. }) | None => {}
                },
                Work::Price { .. } => {}
            }
        }
        sold
    }

    /// How many orders there are to place.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.work.iter().filter(|work| matches!(work, Work::Order(_))).count()
    }
}

fn count(sold: &mut BTreeMap<SmolStr, i64>, order: &Order, sign: i64) {
    for line in &order.lines {
        // Within range: reading keeps the units of a SKU in the whole file below 2^53.
        *sold.entry(line.sku.clone()).or_insert(0) += sign * line.quantity;
    }
}

/// The file is not a CSV with these columns. Nothing of it is read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The header lacks a column.
    #[error("line 1: no column {0}")]
    MissingColumn(&'static str),
    /// The header names a column twice.
    #[error("line 1: column {0} stands there twice")]
    TwiceColumn(&'static str),
    /// A line is not CSV.
    #[error("line {line}: {detail}")]
    Syntax {
        /// Where.
        line: u64,
        /// What is wrong.
        detail: String,
    },
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads a whole history whose prices are in `currency`.
///
/// # Errors
/// [`HistoryError`]: a missing column, a line that is not CSV, an unreadable file.
pub fn read(reader: impl Read, currency: Currency) -> Result<History, HistoryError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(Quotes::new(reader));
    let columns = match reader.byte_headers() {
        Ok(header) => Columns::of(header)?,
        Err(error) => return Err(syntax(error, 1)),
    };
    reader.get_mut().next_line();
    let mut groups = Groups::default();
    let mut record = csv::ByteRecord::new();
    loop {
        let more = reader.read_byte_record(&mut record);
        match more {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let line = reader.get_mut().next_line();
                return Err(reader.get_ref().unclosed().unwrap_or_else(|| syntax(error, line)));
            }
        }
        let line = reader.get_mut().next_line();
        groups.take(line, row::read(&columns.fields(&record), line, currency));
    }
    match reader.get_ref().fault() {
        Some(fault) => Err(fault),
        None => Ok(groups.into_history()),
    }
}

/// The record that starts at `line` does not read.
fn syntax(error: csv::Error, line: u64) -> HistoryError {
    let detail = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields where the header has {expected_len}")
        }
        _ => error.to_string(),
    };
    match error.into_kind() {
        csv::ErrorKind::Io(error) => HistoryError::Io(error),
        _ => HistoryError::Syntax { line, detail },
    }
}
