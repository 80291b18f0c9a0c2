//! Made-up measurements, in the words that `jumun bench --json` uses.
#![expect(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made-up numbers"
)]

use jumun_report::{Comparison, Entry, Measured};
use serde_json::{Value, json};

/// A topology as it might be measured: name, orders a second, median µs to the answer and to settled, commits and kB an order.
pub(crate) type Made = (&'static str, f64, f64, f64, f64, f64);

/// All six.
pub(crate) const SIX: [Made; 6] = [
    ("monolith", 9_214.0, 92_000.0, 96_000.0, 0.004, 5.1),
    ("orchestrated-calls", 2_971.0, 311_000.0, 318_000.0, 0.81, 21.4),
    ("choreographed-parallel", 5_402.0, 21_000.0, 171_000.0, 0.44, 16.9),
    ("validated-async", 6_120.0, 38_000.0, 149_000.0, 0.31, 12.7),
    ("seven-services", 8_233.0, 19_500.0, 118_000.0, 0.09, 13.2),
    ("orchestrated-messages", 4_310.0, 18_200.0, 214_000.0, 0.52, 17.8),
];

const ORDERS: u64 = 20_000;

/// A comparison of `made` over `rounds`, each a little slower than the one before.
pub(crate) fn comparison(made: &[Made], rounds: u32) -> Comparison {
    let entry = |made: &Made| {
        let rounds = (0..rounds).map(|round| measured(document(made, round))).collect();
        let summary = format!("What {} is, in a sentence", made.0);
        Entry::new(made.0.to_owned(), summary, flow(), rounds)
    };
    let command = "jumun compare --orders 20000 --seed 7 --fail stock=5 --fail payment=5".to_owned();
    Comparison { command, rounds, entries: made.iter().map(entry).collect() }
}

pub(crate) fn measured(document: Value) -> Measured {
    serde_json::from_value(document).unwrap()
}

/// One run's document.
pub(crate) fn document(made: &Made, round: u32) -> Value {
    let (name, rate, answer, settled, commits, kilobytes) = *made;
    let slower = 1.0 + f64::from(round) * 0.03;
    let rate = rate / slower;
    let seconds = ORDERS as f64 / rate;
    json!({
        "topology": name, "door": "direct", "loop": "closed", "clients": 1000, "rate": null, "batch_cap": 250,
        "seed": 7, "orders": ORDERS, "warm_up": 2000, "hot_sku": false,
        "mix": { "card_percent": 30, "coupon_percent": 20 },
        "fail": { "stock": 5, "coupon": 5, "point": 5, "payment": 5 },
        "seconds": seconds, "orders_per_second": rate,
        "timing": { "from": "sent", "expected_interval_us": 1_000 }, "measured_us": null,
        "answer_us": latency(answer * slower), "settled_us": latency(settled * slower),
        "outcomes": { "CONFIRMED": 16_004, "FAILED": 3_996 },
        "reasons": {
            "OUT_OF_STOCK": 1_012, "COUPON_INVALID": 1_003, "POINTS_SHORT": 996, "PAYMENT_DECLINED": 985,
        },
        "failed_at_quote": 0, "input": null,
        "errors": { "count": 0, "first": [] }, "growth": null,
        "refused_share": 0.1998, "compensations": (commits * 8_000.0) as u64,
        "per_order": {
            "messages": 9.0 + commits * 10.0, "commits": commits, "bytes_written": kilobytes * 1e3,
            "log_rows": 0.9, "rows": 21.5,
        },
        "databases": [
            { "name": "order", "commits": 83, "messages": 120_331, "busy_ms": 2_010, "bytes": 41_000_960 },
            { "name": "product", "commits": 80, "messages": 60_012, "busy_ms": 901, "bytes": 12_001_280 },
        ],
        "rss_mb": { "start": 44.0, "end": 81.5, "peak": 88.25 },
        "over_time": over_time(seconds, rate),
        "audit": { "clean": true, "discrepancies": 0 },
        "machine": { "cores": 8, "os": "linux", "arch": "x86_64" },
    })
}

/// A distribution with a long tail around a median.
fn latency(median: f64) -> Value {
    let shape = |share: f64| 0.35 + 1.3 * share + 0.22 * -(1.0 - share).log10() * (1.0 + share);
    let at = |share: f64| median * shape(share) / shape(0.5);
    let whole = |share: f64| at(share).round() as u64;
    let shares = (1..=200).map(|step| 1.0 - 10_f64.powf(-f64::from(step) * 4.0 / 200.0));
    let mut before = 0;
    let mut buckets = Vec::new();
    for share in shares {
        let so_far = (share * ORDERS as f64).round() as u64;
        if so_far > before {
            buckets.push((whole(share), so_far - before));
            before = so_far;
        }
    }
    buckets.push((whole(0.999_97), ORDERS - before));
    json!({
        "mean": at(0.55), "p50": whole(0.5), "p90": whole(0.9), "p99": whole(0.99), "p999": whole(0.999),
        "max": whole(0.999_97), "buckets": buckets,
    })
}

fn over_time(seconds: f64, rate: f64) -> Value {
    let moments = (1..=20).map(|step| {
        let step = f64::from(step);
        let wave = 1.0 + 0.06 * (step * 1.7).sin() - 0.25 / step;
        json!({ "at_s": seconds * step / 20.0, "orders_per_second": rate * wave, "rss_mb": 44.0 + 2.0 * step.sqrt() * 4.0 })
    });
    moments.collect()
}

fn flow() -> String {
    "step     unit     acts on       compensates on\n───────  ───────  ────────────  ───────────────────────────────\n\
     stock    product  order.placed  coupon.refused, payment.refused\npayment  payment  stock.done    order.failing"
        .to_owned()
}
