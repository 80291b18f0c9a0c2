//! Which work must wait for which: orders run side by side, but what touches each other keeps the file's order.

use history::{History, Work};
use smol_str::SmolStr;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The work of a history as it becomes ready, earliest first.
pub(super) struct Schedule {
    /// How many earlier items each one still waits for.
    waits_for: Vec<usize>,
    /// Who waits for each one.
    followers: Vec<Vec<usize>>,
    ready: BinaryHeap<Reverse<usize>>,
}

impl Schedule {
    /// A price waits for every order before it that pays the SKU's earlier price, an order for the prices that it pays, a
    /// cancel for its order. Stock is enough for all orders, so no two of them wait for each other.
    pub(super) fn of(history: &History) -> Self {
        let count = history.work.len();
        let mut schedule =
            Self { waits_for: vec![0; count], followers: vec![Vec::new(); count], ready: BinaryHeap::new() };
        let mut priced: HashMap<&SmolStr, usize> = HashMap::new();
        let mut bought: HashMap<&SmolStr, Vec<usize>> = HashMap::new();
        for (place, work) in history.work.iter().enumerate() {
            match work {
                Work::Price { sku, .. } => {
                    for order in bought.remove(sku).unwrap_or_default() {
                        schedule.after(order, place);
                    }
                    if let Some(before) = priced.insert(sku, place) {
                        schedule.after(before, place);
                    }
                }
                Work::Order(order) => {
                    for line in &order.lines {
                        if let Some(price) = priced.get(&line.sku) {
                            schedule.after(*price, place);
                        }
                        bought.entry(&line.sku).or_default().push(place);
                    }
                }
                Work::Cancel { of, .. } => schedule.after(*of, place),
            }
        }
        let free = schedule.waits_for.iter().enumerate().filter(|(_, waits_for)| **waits_for == 0);
        schedule.ready = free.map(|(place, _)| Reverse(place)).collect();
        schedule
    }

    fn after(&mut self, earlier: usize, later: usize) {
        self.followers[earlier].push(later);
        self.waits_for[later] += 1;
    }

    /// The earliest item that nothing keeps waiting.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.ready.pop().map(|Reverse(place)| place)
    }

    /// What was at `place` is over: who waited for it may go.
    pub(super) fn done(&mut self, place: usize) {
        for follower in std::mem::take(&mut self.followers[place]) {
            self.waits_for[follower] -= 1;
            if self.waits_for[follower] == 0 {
                self.ready.push(Reverse(follower));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Currency;

    /// Reads `rows` and tells, wave by wave, what can run side by side.
    fn check(rows: &[&str], waves: &[&[usize]]) {
        let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
        let file = format!("{header}\n{}\n", rows.join("\n"));
        let gbp: Currency = "GBP".parse().unwrap();
        let history = history::read(file.as_bytes(), gbp).unwrap();
        let mut schedule = Schedule::of(&history);
        let mut found = Vec::new();
        loop {
            let wave: Vec<usize> = std::iter::from_fn(|| schedule.next()).collect();
            if wave.is_empty() {
                break;
            }
            wave.iter().for_each(|place| schedule.done(*place));
            found.push(wave);
        }
        assert_eq!(found, waves);
    }

    #[test]
    fn orders_of_one_sku_run_side_by_side() {
        let rows = ["1,S,Tea,1,12/1/2010 8:26,1,7,KR", "2,S,Tea,1,12/1/2010 8:27,1,8,KR"];
        check(&rows, &[&[0, 1]]);
    }

    #[test]
    fn a_price_waits_for_the_orders_before_it_and_those_after_it_wait_for_the_price() {
        let rows = [
            "1,S,Tea,1,12/1/2010 8:26,1,7,KR",
            "2,S,Tea,1,12/1/2010 8:27,2,7,KR",
            "3,T,Cup,1,12/1/2010 8:28,1,7,KR",
            "4,S,Tea,1,12/1/2010 8:29,1,7,KR",
        ];
        // 0 order 1, 1 price, 2 order 2, 3 order 3, 4 price, 5 order 4.
        check(&rows, &[&[0, 3], &[1], &[2], &[4], &[5]]);
    }

    #[test]
    fn a_cancel_waits_for_its_order() {
        let rows = ["1,S,Tea,1,12/1/2010 8:26,1,7,KR", "C2,S,Tea,-1,12/1/2010 8:27,1,7,KR"];
        check(&rows, &[&[0], &[1]]);
    }
}
