//! One shop filled with orders: does what is stored slow what is new, and does memory stay flat?

use crate::account::resident_kib;
use crate::jumun::Bench;
use crate::{PRODUCTS, Run, TOPOLOGIES, USERS, folder};

/// Orders between two lines.
const STRIDE: u64 = 10_000;

/// Prints a line per [`STRIDE`] while few orders are stored, then per ten of them.
pub(crate) fn watch(orders: u64, only: &str) {
    for (name, topology) in TOPOLOGIES.into_iter().filter(|(name, _)| name.contains(only)) {
        let folder = folder();
        let run = Run { orders, in_flight: 1_000, users: USERS, products: PRODUCTS };
        let mut bench = Bench::open(topology, folder.path(), &run);
        println!("{name}: {} MiB resident before the first order", resident_kib() / 1_024);
        let mut stored = 0;
        while stored < orders {
            let stride = if stored < 10 * STRIDE { STRIDE } else { 10 * STRIDE }.min(orders - stored);
            let measured = bench.place(stride, run.in_flight);
            stored += stride;
            println!(
                "  {stored:>8} stored  {:>7.0} orders/s  {:>5.0} cpu us/order  {:>6.2} KB written/order  {:>4} MiB resident",
                stride as f64 / measured.took.as_secs_f64(),
                measured.spent.ticks as f64 * 10_000.0 / stride as f64,
                measured.spent.written as f64 / 1_000.0 / stride as f64,
                resident_kib() / 1_024,
            );
        }
        bench.close();
    }
}
