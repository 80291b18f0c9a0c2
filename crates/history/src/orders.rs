//! Rows to work: one order per (invoice, customer), cancels matched to whole orders, prices patched as they come.

use crate::row::{Kind, Odd, Row};
use crate::{Customer, History, Line, OddReason, OddRow, Order, Product, SplitRow, Work};
use kernel::{Money, Timestamp};
use smol_str::SmolStr;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Rows that belong together, in file order of their first rows; not every file keeps an invoice's rows next to each other.
#[derive(Default)]
pub(crate) struct Groups {
    groups: Vec<Group>,
    index: HashMap<(Kind, SmolStr, Customer), usize>,
    /// Cancels that lack a row.
    spoiled: HashSet<(SmolStr, Customer)>,
    /// Units of each SKU ordered so far.
    ordered: BTreeMap<SmolStr, i64>,
    odd: Vec<OddRow>,
    rows: usize,
}

/// The rows of one invoice and customer.
struct Group {
    kind: Kind,
    invoice: SmolStr,
    customer: Customer,
    at: Timestamp,
    total: Money,
    lines: Vec<Line>,
}

impl Groups {
    /// Takes the row of one line of the file, or notes why it cannot be taken.
    pub(crate) fn take(&mut self, line: u64, row: Result<Row, Odd>) {
        self.rows += 1;
        match row {
            Ok(row) => self.add(line, row),
            Err(odd) => {
                self.odd.push(odd.row);
                self.spoiled.extend(odd.spoils);
            }
        }
    }

    fn add(&mut self, line: u64, row: Row) {
        let Row { kind, invoice, customer, at, line: bought } = row;
        let key = (kind, invoice, customer);
        let place = self.index.get(&key).copied();
        let before = place.and_then(|place| self.groups.get(place)).map_or(Money::ZERO, |group| group.total);
        let ordered = match kind {
            Kind::Order => self.ordered.get(&bought.sku).copied().unwrap_or(0),
            Kind::Cancel => 0,
        };
        let amount = bought.unit_price.times(bought.quantity);
        let total = amount.and_then(|amount| before.plus(amount));
        let units = Money::new(ordered).and_then(|ordered| ordered.plus(Money::new(bought.quantity)?));
        let (Ok(total), Ok(units)) = (total, units) else {
            let detail = format!("{} × {}", bought.quantity, bought.sku);
            self.odd.push(OddRow { line, reason: OddReason::TooLarge, detail });
            if kind == Kind::Cancel {
                self.spoiled.insert((key.1, key.2));
            }
            return;
        };
        if kind == Kind::Order {
            self.ordered.insert(bought.sku.clone(), units.minor());
        }
        match place.and_then(|place| self.groups.get_mut(place)) {
            Some(group) => {
                group.total = total;
                group.lines.push(bought);
            }
            None => {
                let (kind, invoice, customer) = key.clone();
                self.index.insert(key, self.groups.len());
                self.groups.push(Group { kind, invoice, customer, at, total, lines: vec![bought] });
            }
        }
    }

    /// Everything that was taken, as work.
    pub(crate) fn into_history(self) -> History {
        let mut history = History {
            odd: self.odd,
            rows_total: self.rows,
            opening_stock: self.ordered,
            ..History::default()
        };
        let mut shop = Shop::default();
        for group in self.groups {
            match group.kind {
                Kind::Order => shop.order(group, &mut history),
                Kind::Cancel => {
                    let is_whole = !self.spoiled.contains(&(group.invoice.clone(), group.customer.clone()));
                    shop.cancel(group, is_whole, &mut history);
                }
            }
        }
        history.odd.sort_by_key(|odd| odd.line);
        history
    }
}

/// What a cancel must equal: SKU, price and units of every line, sorted.
type Contents = Vec<(SmolStr, Money, i64)>;

/// What the file has done to the shop so far.
#[derive(Default)]
struct Shop {
    prices: BTreeMap<SmolStr, Money>,
    /// Orders that are not cancelled, by customer and contents: where each stands, and its last line in the file.
    open: HashMap<(Customer, Contents), Vec<(usize, u64)>>,
}

impl Shop {
    fn order(&mut self, group: Group, history: &mut History) {
        history.rows_in_orders += group.lines.len();
        history.customers.insert(group.customer.clone());
        // A cancel can only mean an order that the file has already told in full.
        let told = group.lines.iter().map(|line| line.line_no).max().unwrap_or(0);
        let (parts, split) = parts(&group.invoice, group.lines);
        history.split.extend(split);
        for (part, lines) in (0..).zip(parts) {
            for line in &lines {
                self.sell(line, history);
            }
            let contents = contents(&lines);
            let place = history.work.len();
            self.open.entry((group.customer.clone(), contents)).or_default().push((place, told));
            let (invoice, customer) = (group.invoice.clone(), group.customer.clone());
            history.work.push(Work::Order(Order { invoice, part, customer, at: group.at, lines }));
        }
    }

    /// Puts the product into the catalogue, or patches its price.
    fn sell(&mut self, line: &Line, history: &mut History) {
        let (sku, price) = (&line.sku, line.unit_price);
        let unnamed = || Product { name: sku.clone(), first_price: price };
        let product = history.products.entry(sku.clone()).or_insert_with(unnamed);
        if product.name == *sku && !line.description.is_empty() {
            product.name = line.description.clone();
        }
        if self.prices.insert(sku.clone(), price).is_some_and(|before| before != price) {
            history.work.push(Work::Price { sku: sku.clone(), price });
        }
    }

    fn cancel(&mut self, group: Group, is_whole: bool, history: &mut History) {
        let started = group.lines.iter().map(|line| line.line_no).min().unwrap_or(0);
        let wanted = (group.customer.clone(), contents(&group.lines));
        let orders = if is_whole { self.open.get_mut(&wanted) } else { None };
        // The latest of equal ones: the others stay open.
        let found = orders.and_then(|orders| {
            let latest = orders.iter().rposition(|(_, told)| *told < started)?;
            Some(orders.remove(latest).0)
        });
        match found {
            Some(of) => {
                history.rows_in_cancels += group.lines.len();
                history.work.push(Work::Cancel { invoice: group.invoice, of });
            }
            None => history.odd.extend(group.lines.iter().map(|line| OddRow {
                line: line.line_no,
                reason: OddReason::UnmatchedCancel,
                detail: format!("{}: {} × {}", group.invoice, line.quantity, line.sku),
            })),
        }
    }
}

/// The orders that one invoice needs: a SKU has one price in an order, so each further price of it goes into a further order.
/// Rows with the same SKU and price are summed.
fn parts(invoice: &SmolStr, lines: Vec<Line>) -> (Vec<Vec<Line>>, Vec<SplitRow>) {
    let mut parts: Vec<Vec<Line>> = Vec::new();
    let mut split = Vec::new();
    // By SKU, for each part that sells it: the price there, and which of the part's lines it is.
    let mut sold: HashMap<SmolStr, Vec<(Money, usize)>> = HashMap::new();
    for line in lines {
        let sold = sold.entry(line.sku.clone()).or_default();
        let known = sold.iter().position(|(price, _)| *price == line.unit_price);
        let part = known.unwrap_or(sold.len());
        if part > 0 {
            let (invoice, sku) = (invoice.clone(), line.sku.clone());
            split.push(SplitRow { line: line.line_no, invoice, sku });
        }
        if part == parts.len() {
            parts.push(Vec::new());
        }
        if known.is_some() {
            // Within range: the invoice's total is, and a unit costs at least one.
            parts[part][sold[part].1].quantity += line.quantity;
        } else {
            sold.push((line.unit_price, parts[part].len()));
            parts[part].push(line);
        }
    }
    (parts, split)
}

fn contents(lines: &[Line]) -> Contents {
    let mut units: BTreeMap<(SmolStr, Money), i64> = BTreeMap::new();
    for line in lines {
        *units.entry((line.sku.clone(), line.unit_price)).or_insert(0) += line.quantity;
    }
    units.into_iter().map(|((sku, price), units)| (sku, price, units)).collect()
}
