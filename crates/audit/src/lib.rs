//! The audit: whether everything that the databases of a system say adds up.
//!
//! Every balance is compared with the ledger that explains it, every final order with every participant's inbox and every
//! follower, and our payments with the PG's own book. Nothing is written.
//!
//! How it stays true beside a running system: the order database's snapshot is taken first, so only orders that were final
//! before all other snapshots are judged. Whatever still differs between databases is read once more, everybody else before
//! the order, and reported only if it differs then too; the rest was in motion. Memory grows with users and products,
//! not with orders, but for 16 bytes per charge that the PG holds: tables are read in pages and joined by id.
//!
//! Reading order: [`report`] (what can be found) → `scene` (the databases at one moment) → `orders` (the walk over all orders)
//! → `judge` (one order against everybody) → one file per book: `stock`, `points`, `coupons`, `payments`, `gateway`, `top_ups`,
//! `followers`, `views`, `logs`, `letters`.

mod coupons;
mod findings;
mod followers;
mod gateway;
mod judge;
mod ledger;
mod letters;
mod logs;
mod orders;
mod pages;
mod payments;
mod points;
pub mod report;
mod scene;
mod stock;
mod top_ups;
mod views;

pub use report::{Code, Discrepancy, Report};

use findings::Findings;
use kernel::topology::{Database, Topology};
use kernel::{DomainName, Timestamp};
use payment::gateway::PgCharge;
use runtime::Registry;
use runtime::ports::store::{Reader, StoreError};
use scene::Scene;
use std::sync::Arc;
use std::time::Duration;

/// One database to be audited.
pub struct Source {
    /// Which.
    pub database: Database,
    /// Its committed rows: of a running system, or of a file opened only to be read.
    pub reader: Arc<dyn Reader>,
}

/// What is audited, and by which measures.
pub struct Audit<'a> {
    /// How the domains are placed.
    pub topology: &'a Topology,
    /// The domains: who reads which receipts.
    pub registry: &'a Registry,
    /// Every database of the topology.
    pub sources: Vec<Source>,
    /// The time of the audit.
    pub now: Timestamp,
    /// How long a payment may be under way before it is listed: the PG's settling time.
    pub settling: Duration,
    /// Rows read at a time.
    pub page: u32,
}

/// Rows read at a time, unless somebody says otherwise.
pub const PAGE: u32 = 5_000;

/// The PG's own book: every charge it knows, once, in any order; or why it could not be read on.
pub type Book<'a> = dyn Iterator<Item = Result<PgCharge, String>> + 'a;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A database cannot be read.
    #[error("database {database}: {error}")]
    Store {
        /// Which.
        database: String,
        /// What it says.
        error: StoreError,
    },
    /// A row does not read as what its table says.
    #[error("database {database}, table {table}, key {key}: {detail}")]
    Unreadable {
        /// Which database.
        database: String,
        /// Which table.
        table: &'static str,
        /// Which row.
        key: String,
        /// What is wrong.
        detail: String,
    },
    /// The PG's book cannot be read.
    #[error("the PG's book: {0}")]
    Book(String),
    /// No database was given that holds this domain, without which there is nothing to compare with.
    #[error("no database holds the domain `{0}`")]
    Missing(DomainName),
}

impl Audit<'_> {
    /// Audits. `book` must be read from the PG only as it is asked for: what it says has to be newer than the snapshots that are
    /// taken here. Without one, payments are not compared with the PG, and the report says so.
    ///
    /// # Errors
    /// [`AuditError`]: an audit that could not be done is not a clean one.
    pub fn run(&self, book: Option<&mut Book<'_>>) -> Result<Report, AuditError> {
        let scene = Scene::take(self)?;
        let mut findings = Findings::new(self, &scene);
        let mut movements = ledger::Movements::openings(&scene)?;
        orders::walk(&scene, &mut movements, &mut findings)?;
        orders::keys(&scene, &mut findings)?;
        stock::check(&scene, &mut movements, &mut findings)?;
        points::check(&scene, &mut movements, &mut findings)?;
        coupons::check(&scene, &mut findings)?;
        followers::check_sales(&scene, &mut movements, &mut findings)?;
        payments::check(&scene, &mut findings)?;
        top_ups::check(&scene, &mut findings)?;
        match book {
            Some(book) => gateway::check(&scene, book, &mut findings)?,
            None => findings
                .note("the PG's book was not given: PG_MISSING, PG_EXTRA and PG_AMOUNT were not checked"),
        }
        logs::check(&scene, &mut findings)?;
        letters::list(&scene, &mut findings)?;
        Ok(findings.finish())
    }
}
