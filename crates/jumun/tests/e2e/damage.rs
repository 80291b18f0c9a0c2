//! Books changed behind the system's back: one damage at a time, on a copy, and what the audit calls it.

use crate::support::shop::lines;
use crate::support::{Home, Shop, books};
use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

in_the_smallest_and_the_largest!(
    every_damage_done_by_hand_is_named_by_the_audit,
    an_audit_leaves_every_file_as_it_was
);

/// What is done to the books, and all that the audit has to say to it.
struct Damage {
    name: &'static str,
    /// A table, and another one in the same file.
    place: [&'static str; 2],
    /// Its last statement changes one row.
    sql: &'static str,
    codes: &'static [&'static str],
}

const fn damage(
    name: &'static str,
    place: [&'static str; 2],
    sql: &'static str,
    codes: &'static [&'static str],
) -> Damage {
    Damage { name, place, sql, codes }
}

const DAMAGES: &[Damage] = &[
    damage(
        "a unit of stock is lost",
        ["products", "products"],
        "UPDATE products SET stock = stock - 1",
        &["STOCK_LEDGER"],
    ),
    damage(
        "more is sold than there was",
        ["products", "products"],
        "UPDATE products SET stock = -1",
        &["STOCK_LEDGER", "STOCK_NEGATIVE"],
    ),
    damage(
        "a delivery of stock is forgotten",
        ["stock_adjustments", "products"],
        "DELETE FROM stock_adjustments",
        &["STOCK_LEDGER"],
    ),
    damage(
        "a product forgets a sale",
        ["products", "products"],
        "UPDATE products SET sold = sold - 1",
        &["SOLD_LEDGER"],
    ),
    damage(
        "a point balance that nobody's history explains",
        ["points", "points"],
        "INSERT INTO points SELECT randomblob(16), 5, updated_at, NULL FROM points LIMIT 1",
        &["POINT_LEDGER"],
    ),
    damage(
        "the history of a grant is gone",
        ["point_history", "points"],
        "DELETE FROM point_history WHERE kind = 'GRANT'",
        &["POINT_HISTORY_CHAIN", "POINT_LEDGER"],
    ),
    damage(
        "the history of a balance passes an entry over",
        ["point_history", "points"],
        "UPDATE point_history SET previous = NULL WHERE kind = 'USE'",
        &["POINT_HISTORY_CHAIN"],
    ),
    damage(
        "a coupon is issued twice",
        ["user_coupons", "coupons"],
        "CREATE TEMP TABLE second AS SELECT * FROM user_coupons WHERE status = 'ISSUED';
         UPDATE second SET id = randomblob(16);
         INSERT INTO user_coupons SELECT * FROM second",
        &["COUPON_COUNT"],
    ),
    damage(
        "a used coupon is set free",
        ["user_coupons", "coupons"],
        "UPDATE user_coupons SET status = 'ISSUED', order_id = NULL WHERE status = 'USED'",
        &["COUPON_USED_ONCE"],
    ),
    damage(
        "a confirmed order's payment step leaves no trace",
        ["inbox", "payments"],
        "DELETE FROM inbox WHERE step = 'payment'
             AND saga = (SELECT order_id FROM payments WHERE status = 'APPROVED')",
        &["ORDER_STEP_MISSING"],
    ),
    damage(
        "a failed order's payment step is in effect",
        ["inbox", "payments"],
        "UPDATE inbox SET state = 'done' WHERE step = 'payment'
             AND saga = (SELECT order_id FROM payments WHERE status = 'DECLINED')",
        &["ORDER_STEP_STILL_DONE"],
    ),
    damage(
        "a receipt does not read",
        ["inbox", "points"],
        "UPDATE inbox SET receipt = '?' WHERE step = 'point' AND state = 'done'",
        &["POINT_HISTORY_CHAIN", "POINT_LEDGER", "UNREADABLE"],
    ),
    damage(
        "a confirmed order is called failed",
        ["orders", "order_lines"],
        "UPDATE orders SET status = 'FAILED' WHERE status = 'CONFIRMED'",
        &["DELIVERY", "ORDER_STEP_STILL_DONE", "PAYMENT_MISMATCH", "RANKING", "VIEW"],
    ),
    damage(
        "a cancelled order is called confirmed",
        ["orders", "order_lines"],
        "UPDATE orders SET status = 'CONFIRMED' WHERE status = 'CANCELLED'",
        &["ORDER_STEP_NOT_DONE", "PAYMENT_MISMATCH", "RANKING", "VIEW"],
    ),
    damage(
        "an order's line says another quantity",
        ["order_lines", "orders"],
        "UPDATE order_lines SET quantity = quantity + 1
             WHERE order_id = (SELECT id FROM orders WHERE status = 'CONFIRMED')",
        &["ORDER_MONEY"],
    ),
    damage(
        "an idempotency key without its order",
        ["order_keys", "orders"],
        "UPDATE order_keys SET order_id = randomblob(16)
             WHERE order_id = (SELECT id FROM orders WHERE status = 'FAILED')",
        &["ORDER_KEY"],
    ),
    damage(
        "a payment without an order",
        ["payments", "charges"],
        "CREATE TEMP TABLE stray AS SELECT * FROM payments WHERE status = 'DECLINED';
         UPDATE stray SET id = randomblob(16), order_id = randomblob(16);
         INSERT INTO payments SELECT * FROM stray",
        &["PAYMENT_WITHOUT_ORDER"],
    ),
    damage(
        "an order without its payment",
        ["payments", "charges"],
        "DELETE FROM payments WHERE status = 'APPROVED'",
        &["PAYMENT_MISMATCH", "PG_EXTRA"],
    ),
    damage(
        "a completed top-up is called declined",
        ["charges", "payments"],
        "UPDATE charges SET status = 'DECLINED'",
        &["PG_EXTRA", "TOPUP_CREDIT"],
    ),
    damage(
        "the PG holds a charge that nobody owns",
        ["charges", "sqlite_sequence"],
        "CREATE TEMP TABLE stray AS SELECT * FROM charges WHERE status = 'APPROVED' LIMIT 1;
         UPDATE stray SET seq = NULL, key = 'nobody''s';
         INSERT INTO charges SELECT * FROM stray",
        &["PG_EXTRA"],
    ),
    damage(
        "the PG forgets the charge of a payment",
        ["charges", "sqlite_sequence"],
        "DELETE FROM charges WHERE status = 'APPROVED' AND amount = 800",
        &["PG_MISSING"],
    ),
    damage(
        "the PG holds a unit too many",
        ["charges", "sqlite_sequence"],
        "UPDATE charges SET amount = amount + 1 WHERE status = 'APPROVED' AND amount = 800",
        &["PG_AMOUNT"],
    ),
    damage("a sale is miscounted", ["sales", "sales"], "UPDATE sales SET sold = sold + 1", &["RANKING"]),
    damage(
        "a view is altered",
        ["order_views", "order_views"],
        "UPDATE order_views SET status = 'FAILED' WHERE status = 'CONFIRMED'",
        &["VIEW"],
    ),
    damage(
        "a customer's list loses an order",
        ["order_views", "order_views"],
        "UPDATE order_views SET previous = NULL WHERE previous IS NOT NULL",
        &["VIEW"],
    ),
    damage(
        "a final word is not to be delivered",
        ["deliveries", "deliveries"],
        "DELETE FROM deliveries WHERE event = 'order.failed'",
        &["DELIVERY"],
    ),
    damage(
        "a row of the log is gone",
        ["event_log", "orders"],
        "DELETE FROM event_log WHERE position = (SELECT head - 1 FROM log_state)",
        &["LOG_GAP"],
    ),
];

async fn every_damage_done_by_hand_is_named_by_the_audit(topology: &str) {
    let stopped = stopped(topology).await;
    let mut wrong = BTreeMap::new();
    for Damage { name, place: [table, neighbour], sql, codes } in DAMAGES {
        let copy = copy(&stopped);
        let connection = Connection::open(books::file_of(&copy.data(), table, neighbour)).unwrap();
        connection.execute_batch(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(connection.changes(), 1, "{name}");
        drop(connection);
        let (exit, report) = copy.audit();
        let found = report["discrepancies"]["first"].as_array().unwrap();
        let found: BTreeSet<&str> = found.iter().map(|one| one["code"].as_str().unwrap()).collect();
        if exit != Some(1) || found != codes.iter().copied().collect() {
            wrong.insert(name, format!("exit {exit:?}, expected {codes:?}, found {found:?}: {report:#}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.iter().map(|(name, how)| format!("{name}: {how}\n")).collect::<String>()
    );
}

async fn an_audit_leaves_every_file_as_it_was(topology: &str) {
    let stopped = stopped(topology).await;
    let contents = || -> BTreeMap<_, _> {
        books::files(&stopped.data())
            .into_iter()
            .map(|file| (file.clone(), std::fs::read(file).unwrap()))
            .collect()
    };
    let before = contents();
    stopped.audit_is_clean();
    assert!(before == contents(), "an audit wrote");
}

/// A system that was stopped after an order was confirmed, one failed and one was cancelled. Its books agree.
async fn stopped(topology: &str) -> Home {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let (kim, lee) = (shop.person("kim", 700).await, shop.person("lee", 0).await);
    let mug = shop.product("MUG", 1_000, 5).await;
    let campaign = shop.campaign(3).await;
    let used = shop.coupon(&kim, &campaign).await;
    shop.coupon(&lee, &campaign).await;
    let top_up = shop.client.ask(Method::POST, "/v1/points/charges").by(&lee.token).key("top-up");
    let top_up = top_up.prefer("wait=60").json(&json!({"amount": 50, "card_token": "tok_ok"})).send().await;
    assert_eq!(top_up.str("status"), "COMPLETED");
    let place = async |person, key, body: Value, ends| {
        let order = shop.order(person, key, &body).await;
        assert_eq!(order.str("status"), ends, "{}", order.text);
        order.id()
    };
    let all =
        json!({"lines": lines(&mug, 2), "user_coupon_id": used, "points": "all", "card_token": "tok_ok"});
    place(&kim, "confirmed", all, "CONFIRMED").await;
    place(&lee, "failed", json!({"lines": lines(&mug, 1), "card_token": "tok_decline"}), "FAILED").await;
    let regretted =
        place(&lee, "cancelled", json!({"lines": lines(&mug, 1), "card_token": "tok_ok"}), "CONFIRMED").await;
    shop.cancel(&lee.token, &regretted).await;
    shop.serving.stop();
    home.audit_is_clean();
    // Whoever has yet to hear of an order is not judged by it.
    assert_eq!(home.audit().1["notes"], json!([]));
    home
}

/// The same system in a folder of its own.
fn copy(home: &Home) -> Home {
    let copy = Home::new(&home.topology);
    copy_folder(&home.data(), &copy.data());
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
