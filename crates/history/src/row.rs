//! One row: guards in a fixed order, each with one named reason.

use crate::columns::{Field, Fields};
use crate::{Customer, Line, OddReason, OddRow};
use jiff::civil::DateTime;
use kernel::{Currency, Money, Timestamp};
use smol_str::SmolStr;

/// A row that can be part of something.
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) invoice: SmolStr,
    pub(crate) customer: Customer,
    pub(crate) at: Timestamp,
    /// With a quantity ≥ 1: of a cancel, what is given back.
    pub(crate) line: Line,
}

/// What a row is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Order,
    Cancel,
}

/// A row that cannot, and what it would have been part of.
pub(crate) struct Odd {
    pub(crate) row: OddRow,
    /// The cancel that is incomplete without it, so that it can no longer match a whole order.
    pub(crate) spoils: Option<(SmolStr, Customer)>,
}

/// Reads one row.
pub(crate) fn read(fields: &Fields<'_>, line: u64, currency: Currency) -> Result<Row, Odd> {
    let invoice = SmolStr::new(fields.get(Field::Invoice));
    let customer = match fields.get(Field::Customer) {
        "" => Customer::Guest,
        id => Customer::Known(SmolStr::new(id)),
    };
    let kind = kind(&invoice);
    judge(fields, kind, &invoice, currency)
        .map(|(at, quantity, unit_price)| Row {
            kind,
            invoice: invoice.clone(),
            customer: customer.clone(),
            at,
            line: Line {
                sku: SmolStr::new(fields.get(Field::Sku)),
                description: one_line(fields.get(Field::Description)),
                quantity,
                unit_price,
                line_no: line,
            },
        })
        .map_err(|(reason, detail)| Odd {
            row: OddRow { line, reason, detail },
            spoils: (kind == Kind::Cancel).then_some((invoice, customer)),
        })
}

type No = (OddReason, String);

fn judge(
    fields: &Fields<'_>,
    kind: Kind,
    invoice: &str,
    currency: Currency,
) -> Result<(Timestamp, i64, Money), No> {
    for field in [Field::Invoice, Field::Sku, Field::Quantity, Field::Date, Field::Price] {
        if fields.get(field).is_empty() {
            return Err((OddReason::MissingField, field.name().to_owned()));
        }
    }
    if invoice.starts_with(['A', 'a']) {
        return Err((OddReason::BadDebt, invoice.to_owned()));
    }
    let shown = fields.get(Field::Date);
    let at = date(shown).ok_or_else(|| (OddReason::BadDate, shown.to_owned()))?;
    let quantity = units(fields.get(Field::Quantity), kind)?;
    let shown = fields.get(Field::Price);
    let price = minor_units(shown, currency.decimals()).map_err(|reason| (reason, shown.to_owned()))?;
    if price.is_zero() {
        return Err((OddReason::ZeroPrice, shown.to_owned()));
    }
    if price.is_negative() {
        return Err((OddReason::NegativePrice, shown.to_owned()));
    }
    match price.times(quantity) {
        Ok(_) => Ok((at, quantity, price)),
        Err(_) => Err((OddReason::TooLarge, format!("{quantity} × {shown}"))),
    }
}

fn kind(invoice: &str) -> Kind {
    if invoice.starts_with(['C', 'c']) { Kind::Cancel } else { Kind::Order }
}

/// How many units the row moves, ≥ 1 in the direction of its kind.
fn units(text: &str, kind: Kind) -> Result<i64, No> {
    let no = |reason| (reason, text.to_owned());
    let quantity: i64 = text.parse().map_err(|_| no(OddReason::BadNumber))?;
    match (kind, quantity.signum()) {
        (_, 0) => Err(no(OddReason::ZeroQuantity)),
        (Kind::Order, 1) => Ok(quantity),
        (Kind::Order, _) => Err(no(OddReason::NegativeQuantity)),
        (Kind::Cancel, 1) => Err(no(OddReason::PositiveCancel)),
        (Kind::Cancel, _) => quantity.checked_neg().ok_or_else(|| no(OddReason::BadNumber)),
    }
}

/// A decimal number as minor units, exactly: never through a float. Zeros beyond the currency's decimals say nothing.
pub(crate) fn minor_units(text: &str, decimals: u32) -> Result<Money, OddReason> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && part.is_empty()) || !is_number(whole) || !is_number(part) {
        return Err(OddReason::BadNumber);
    }
    let part = part.trim_end_matches('0');
    let wanted = usize::try_from(decimals).unwrap_or(usize::MAX);
    let Some(padding) = wanted.checked_sub(part.len()) else {
        return Err(OddReason::TooManyDecimals);
    };
    let written = format!("{whole}{part}{}", "0".repeat(padding));
    let minor: i64 =
        if written.is_empty() { 0 } else { written.parse().map_err(|_| OddReason::BadNumber)? };
    Money::new(if negative { -minor } else { minor }).map_err(|_| OddReason::BadNumber)
}

/// `12/1/2010 8:26` (month first) or ISO 8601, with or without seconds, zone or time of day.
pub(crate) fn date(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let at = if text.contains('/') { american(text)? } else { text.parse().ok()? };
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(at.timestamp().as_millisecond()))
}

fn american(text: &str) -> Option<DateTime> {
    let (day, time) = text.split_once(' ').unwrap_or((text, "0:00"));
    let [month, day, year] = numbers(day, '/')?;
    // A year of two digits is a guess.
    if year < 1_000 {
        return None;
    }
    let time = if time.matches(':').count() == 1 { format!("{time}:0") } else { time.to_owned() };
    let [hour, minute, second] = numbers(&time, ':')?;
    let small = |number: i16| i8::try_from(number).ok();
    DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0).ok()
}

fn numbers<const N: usize>(text: &str, between: char) -> Option<[i16; N]> {
    let numbers: Option<Vec<i16>> = text.split(between).map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

/// A quoted description may hold line breaks; a product's name may not.
fn one_line(text: &str) -> SmolStr {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
