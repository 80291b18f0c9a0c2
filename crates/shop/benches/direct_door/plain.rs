//! The monolith done the usual way: one connection, and per order one transaction of separate statements.
//!
//! The same file system, `synchronous=FULL`, WAL, checkpoint size and page cache as Jumun's own databases; every statement is
//! prepared once. It checks what Jumun checks and writes the business rows that Jumun writes: the idempotency key, the order
//! (confirmed at once), its line, the stock, the balance and its history, the payment, the day's sale. It has no plan, inbox,
//! event log, cursor, view or delivery, since a single transaction needs none: all of that is Jumun's own cost.
//!
//! SQLite has one writer, so orders are serial however many clients wait: orders in flight do not matter here.

use crate::account::{Measured, Spent};
use crate::{Run, key_of};
use kernel::ids::Ids;
use runtime::adapters::{SystemClock, V7Ids};
use runtime::ports::clock::Clock;
use rusqlite::{Connection, Statement, params};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 16384;
PRAGMA cache_size = -32768;
PRAGMA temp_store = MEMORY;
CREATE TABLE users (id BLOB PRIMARY KEY, email TEXT NOT NULL, status TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE products (id BLOB PRIMARY KEY, sku TEXT NOT NULL, name TEXT NOT NULL, price INTEGER NOT NULL,
    stock INTEGER NOT NULL, sold INTEGER NOT NULL, status TEXT NOT NULL, updated_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE points (user_id BLOB PRIMARY KEY, balance INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE point_history (user_id BLOB NOT NULL, id BLOB NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,
    balance INTEGER NOT NULL, order_id BLOB, at INTEGER NOT NULL, PRIMARY KEY (user_id, id)) STRICT, WITHOUT ROWID;
CREATE TABLE order_keys (hash BLOB PRIMARY KEY, body_hash BLOB NOT NULL, order_id BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE orders (id BLOB PRIMARY KEY, user_id BLOB NOT NULL, status TEXT NOT NULL, total INTEGER NOT NULL,
    discount INTEGER NOT NULL, points_used INTEGER NOT NULL, card_amount INTEGER NOT NULL, payment_id BLOB NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, confirmed_at INTEGER) STRICT, WITHOUT ROWID;
CREATE INDEX orders_by_user ON orders (user_id, id);
CREATE TABLE order_lines (order_id BLOB NOT NULL, line INTEGER NOT NULL, product_id BLOB NOT NULL, quantity INTEGER NOT NULL,
    unit_price INTEGER NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (order_id, line)) STRICT, WITHOUT ROWID;
CREATE TABLE payments (id BLOB PRIMARY KEY, order_id BLOB NOT NULL, user_id BLOB NOT NULL, status TEXT NOT NULL,
    amount INTEGER NOT NULL, points INTEGER NOT NULL, discount INTEGER NOT NULL, currency TEXT NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX payments_by_order ON payments (order_id);
CREATE TABLE sales (day INTEGER NOT NULL, product_id BLOB NOT NULL, sku TEXT NOT NULL, name TEXT NOT NULL,
    sold INTEGER NOT NULL, PRIMARY KEY (day, product_id)) STRICT, WITHOUT ROWID;
";

/// The statements of one order, prepared once.
struct Statements<'c> {
    begin: Statement<'c>,
    find_key: Statement<'c>,
    find_user: Statement<'c>,
    find_product: Statement<'c>,
    find_balance: Statement<'c>,
    put_key: Statement<'c>,
    put_order: Statement<'c>,
    put_line: Statement<'c>,
    take_stock: Statement<'c>,
    take_points: Statement<'c>,
    put_history: Statement<'c>,
    put_payment: Statement<'c>,
    count_sale: Statement<'c>,
    commit: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(on: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: on.prepare("BEGIN IMMEDIATE")?,
            find_key: on.prepare("SELECT body_hash, order_id FROM order_keys WHERE hash = ?1")?,
            find_user: on.prepare("SELECT status FROM users WHERE id = ?1")?,
            find_product: on.prepare("SELECT sku, name, price, status FROM products WHERE id = ?1")?,
            find_balance: on.prepare("SELECT balance FROM points WHERE user_id = ?1")?,
            put_key: on.prepare("INSERT INTO order_keys VALUES (?1, ?2, ?3)")?,
            put_order: on
                .prepare("INSERT INTO orders VALUES (?1, ?2, 'CONFIRMED', ?3, 0, ?3, 0, ?4, ?5, ?5, ?5)")?,
            put_line: on.prepare("INSERT INTO order_lines VALUES (?1, 0, ?2, ?3, ?4, ?5)")?,
            take_stock: on.prepare(
                "UPDATE products SET stock = stock - ?2, sold = sold + ?2, updated_at = ?3
                 WHERE id = ?1 AND stock >= ?2",
            )?,
            take_points: on.prepare(
                "UPDATE points SET balance = balance - ?2, updated_at = ?3 WHERE user_id = ?1 AND balance >= ?2
                 RETURNING balance",
            )?,
            put_history: on.prepare("INSERT INTO point_history VALUES (?1, ?2, 'USE', ?3, ?4, ?5, ?6)")?,
            put_payment: on
                .prepare("INSERT INTO payments VALUES (?1, ?2, ?3, 'APPROVED', 0, ?4, 0, 'KRW', ?5, ?5)")?,
            count_sale: on.prepare(
                "INSERT INTO sales VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (day, product_id) DO UPDATE SET sold = sold + excluded.sold, name = excluded.name",
            )?,
            commit: on.prepare("COMMIT")?,
        })
    }

    /// One order of one piece, paid by points.
    fn place(
        &mut self,
        key: &[u8],
        user: Uuid,
        product: Uuid,
        ids: &mut V7Ids,
        now: i64,
    ) -> rusqlite::Result<()> {
        let (user, product) = (user.into_bytes(), product.into_bytes());
        let quantity = 1_i64;
        self.begin.execute([])?;
        assert!(!self.find_key.exists([key])?, "every key is new here");
        let status: String = self.find_user.query_row([user], |row| row.get(0))?;
        let (sku, name, price, on_sale) = self.find_product.query_row([product], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, String>(3)?,
            ))
        })?;
        let balance: i64 = self.find_balance.query_row([user], |row| row.get(0))?;
        let total = price * quantity;
        assert!(status == "ACTIVE" && on_sale == "ACTIVE" && balance >= total, "no order may fail here");
        let (order, payment, entry) =
            (ids.next().into_bytes(), ids.next().into_bytes(), ids.next().into_bytes());
        self.put_key.execute(params![key, key, order])?;
        self.put_order.execute(params![order, user, total, payment, now])?;
        self.put_line.execute(params![order, product, quantity, price, total])?;
        assert_eq!(self.take_stock.execute(params![product, quantity, now])?, 1);
        let left: i64 = self.take_points.query_row(params![user, total, now], |row| row.get(0))?;
        self.put_history.execute(params![user, entry, -total, left, order, now])?;
        self.put_payment.execute(params![payment, order, user, total, now])?;
        self.count_sale.execute(params![now / 86_400_000, product, sku, name, quantity])?;
        self.commit.execute([])?;
        Ok(())
    }
}

/// Orders, one transaction each.
pub(crate) fn run(folder: &Path, run: &Run) -> Measured {
    let connection = Connection::open(folder.join("plain.db")).unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let mut ids = V7Ids::new(Arc::clone(&clock), 0);
    let users =
        fill(&connection, &mut ids, run.users, "INSERT INTO users VALUES (?1, 'user@example.com', 'ACTIVE')");
    connection.execute("INSERT INTO points SELECT id, 1000000000, 0 FROM users", []).unwrap();
    let products = fill(
        &connection,
        &mut ids,
        run.products,
        "INSERT INTO products VALUES (?1, 'SKU-1', 'Thing', 100, 100000000, 0, 'ACTIVE', 0)",
    );
    let mut statements = Statements::prepare(&connection).unwrap();
    let (spent, begun) = (Spent::read(), clock.elapsed());
    // Each of its orders waits for the disk alone: fewer of them say as much.
    let orders = run.orders / 4;
    for number in 0..orders {
        let at = usize::try_from(number).unwrap();
        let (user, product) = (users[at % users.len()], products[at % products.len()]);
        statements.place(&key_of(number), user, product, &mut ids, clock.now().0).unwrap();
    }
    Measured { orders, took: clock.elapsed() - begun, spent: spent.since(), commits: orders }
}

fn fill(connection: &Connection, ids: &mut V7Ids, count: usize, insert: &str) -> Vec<Uuid> {
    let ids: Vec<Uuid> = (0..count).map(|_| ids.next()).collect();
    connection.execute_batch("BEGIN").unwrap();
    for id in &ids {
        connection.execute(insert, [id.as_bytes()]).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    ids
}
