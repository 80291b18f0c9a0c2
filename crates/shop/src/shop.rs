//! The facade: what HTTP, the command line and applications use.

use crate::aids::{Aid, BestSellersCopy, Figure};
use crate::domains::{Domains, steps_of};
use crate::facts::{Catalogue, Facts, LocalFacts, load, read};
use crate::lookups::Lookups;
use crate::poll::Polls;
use crate::quoter::{Ask, Quoter, QuoterParts};
use crate::reads::BestSeller;
use crate::replica_facts::ReplicaFacts;
use kernel::error::Refused;
use kernel::ids::OrderId;
use kernel::topology::{Database, QuoteFrom, Topology};
use kernel::{Command, Currency, DomainName, Key, Record, Timestamp, Trace};
use order::{Born, KeyHash, Order};
use parking_lot::Mutex;
use ranking::first_day;
use runtime::ports::store::{Position, Query, Reader, StoreError};
use runtime::tail::Observer;
use runtime::watch::Watch;
use runtime::{CommandError, Door, Feed, Registry, System, Worker};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Why something could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShopError {
    /// A domain said no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no such thing.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// It could not be asked, or could not be decided; nothing was changed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A running shop.
pub struct Shop {
    system: Arc<System>,
    registry: Registry,
    quoter: Arc<Quoter>,
    /// Those who wait for one top-up: fed by the log of payment, whose sagas they are.
    charges: Arc<Watch>,
    polls: Arc<Polls>,
    lookups: Arc<Lookups>,
    currency: Currency,
    best_sellers: OnceLock<Arc<dyn BestSellersCopy>>,
    aids: Mutex<Vec<Arc<dyn Aid>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// How long a read waits for a copy that has not followed the orders far enough yet, before it asks the book.
const COPY_PATIENCE: Duration = Duration::from_millis(100);
/// Most orders that wait for a quote.
const WAITING_QUOTES: usize = 10_000;

impl Shop {
    /// A shop over an assembled system. Its quoter is not running yet: [`Shop::start`].
    ///
    /// # Errors
    /// If no unit holds a domain that quotes need.
    pub fn new(system: Arc<System>, registry: Registry, domains: &Domains) -> Result<Arc<Self>, ShopError> {
        let home = |name: &'static str| system.home(&DomainName::of(name));
        let catalogue = Arc::new(Catalogue::default());
        if home("order").is_some() {
            system.observe(&DomainName::of("product"), &(Arc::clone(&catalogue) as Arc<dyn Observer>))?;
        }
        let charges = Arc::new(Watch::default());
        if let Some(payment) = home("payment") {
            payment.tail.observe(Arc::clone(&charges) as Arc<dyn Observer>);
        }
        let reader = |name| system.reader(&DomainName::of(name)).map(Arc::clone);
        let owners = Box::new(LocalFacts::new(
            reader("product")?,
            reader("user")?,
            reader("coupon")?,
            reader("point")?,
            catalogue,
        ));
        let facts: Box<dyn Facts> = match system.topology().quote {
            QuoteFrom::Local | QuoteFrom::Calls => owners,
            QuoteFrom::Replica => Box::new(ReplicaFacts::new(reader("replica")?, owners)),
        };
        let quoter = Quoter::new(QuoterParts {
            facts: domains.facts(facts),
            orders: reader("order")?,
            door: home("order").map_or_else(closed_door, |home| Arc::clone(&home.door)),
            clock: Arc::clone(system.clock()),
            currency: domains.currency(),
            steps_of: Box::new(steps_of(system.topology(), &registry)),
            capacity: WAITING_QUOTES,
        });
        if home("order").is_none() {
            quoter.close();
        }
        Ok(Arc::new(Self {
            system,
            registry,
            quoter,
            charges,
            polls: Arc::default(),
            lookups: Arc::default(),
            currency: domains.currency(),
            best_sellers: OnceLock::new(),
            aids: Mutex::default(),
            threads: Mutex::default(),
        }))
    }

    /// Runs the databases' loops and the quoter, a thread each.
    ///
    /// # Errors
    /// If a thread cannot be made.
    pub fn start(&self, workers: Vec<Worker>, quotes_per_batch: usize) -> std::io::Result<()> {
        self.system.start(workers)?;
        let quoter = Arc::clone(&self.quoter);
        let thread = std::thread::Builder::new()
            .name("quoter".to_owned())
            .spawn(move || quoter.run(quotes_per_batch))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Lets what waits be quoted and decided, then ends the threads.
    pub fn stop(&self) {
        self.quoter.close();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.join().is_err() {
                tracing::error!("the quoter ended by a panic");
            }
        }
        self.system.stop();
    }

    /// The system behind it.
    #[must_use]
    pub fn system(&self) -> &Arc<System> {
        &self.system
    }

    /// The domains.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The quoter. Where the orders are in another unit it takes nothing.
    #[must_use]
    pub fn quoter(&self) -> &Arc<Quoter> {
        &self.quoter
    }

    /// The topology.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        self.system.topology()
    }

    /// The currency of every amount.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Places or pays an order: answered once its birth is committed.
    ///
    /// # Errors
    /// [`ShopError::Refused`] where no order was made.
    pub async fn place(&self, ask: Ask, key: KeyHash, trace: Trace) -> Result<Born, ShopError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.quoter.ask(ask, key, trace, move |answer| {
            // The asker may have gone; what was decided stands.
            let _ = sender.send(answer);
        });
        let lost = || CommandError::Fault("the answer was lost".to_owned());
        Ok(receiver.await.map_err(|_| lost())???)
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// [`ShopError::Refused`] with the domain's own refusal.
    pub async fn ask<T, C>(&self, command: C, trace: Trace) -> Result<T, ShopError>
    where
        C: Command<Reply = Result<T, Refused>>,
        T: Send + 'static,
    {
        Ok(self.system.ask(command, trace).await??)
    }

    /// Committed rows of the domain called `name`, here or elsewhere.
    ///
    /// # Errors
    /// If no unit holds it.
    pub fn reader(&self, name: &'static str) -> Result<&dyn Reader, ShopError> {
        Ok(self.system.reader(&DomainName::of(name))?.as_ref())
    }

    /// The record of `R` under `key` in the database of `domain`, if there is one: for requests, of which many may look something up at
    /// once. It keeps no thread waiting, and where each read is a way to another process and back, those that wait share one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn find<R: Record>(
        &self,
        domain: &'static str,
        key: impl Into<Key>,
    ) -> Result<Option<R>, ShopError> {
        let reader = self.system.reader(&DomainName::of(domain))?;
        if !reader.is_remote() {
            return self.get(domain, key);
        }
        let reader = Arc::clone(reader);
        let load = move |keys: &[Key]| reader.load(R::TABLE, keys);
        let row = self.lookups.find(domain, R::TABLE, key.into(), load).await?;
        Ok(row.map(|row| read(&row)).transpose()?)
    }

    /// The order, looked up as [`Shop::find`] does.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] if there is none.
    pub async fn find_order(&self, id: OrderId) -> Result<Order, ShopError> {
        self.find("order", (id,)).await?.ok_or(ShopError::NotFound("order"))
    }

    /// The record of `R` under `key` in the database of `domain`, if there is one. This thread waits for it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn get<R: Record>(&self, domain: &'static str, key: impl Into<Key>) -> Result<Option<R>, ShopError> {
        Ok(load::<R>(self.reader(domain)?, [key])?.into_iter().next())
    }

    /// The records that a query of `domain`'s database asks for.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn list<R: Record>(&self, domain: &'static str, query: &Query) -> Result<Vec<R>, ShopError> {
        Ok(self.reader(domain)?.query(query)?.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// The order. This thread waits for it.
    ///
    /// # Errors
    /// [`ShopError::NotFound`] if there is none.
    pub fn order(&self, id: OrderId) -> Result<Order, ShopError> {
        self.get("order", (id,))?.ok_or(ShopError::NotFound("order"))
    }

    /// Those who wait for one top-up.
    pub(crate) fn charges(&self) -> &Arc<Watch> {
        &self.charges
    }

    /// The polls that are under way.
    pub(crate) fn polls(&self) -> &Arc<Polls> {
        &self.polls
    }

    /// Has `copy` asked for best sellers before the book is. The first one that is given stays.
    pub fn show_best_sellers_by(&self, copy: Arc<dyn BestSellersCopy>) {
        let aid: Arc<dyn Aid> = Arc::clone(&copy) as Arc<dyn Aid>;
        if self.best_sellers.set(copy).is_ok() {
            self.show_aid(aid);
        }
    }

    /// Shows an aid among those that operators look at.
    pub fn show_aid(&self, aid: Arc<dyn Aid>) {
        self.aids.lock().push(aid);
    }

    /// What does not help at the moment, each with the reason.
    #[must_use]
    pub fn missing_aids(&self) -> Vec<String> {
        let aids = self.aids.lock().clone();
        aids.iter().filter_map(|aid| Some(format!("{}: {}", aid.name(), aid.trouble()?))).collect()
    }

    /// What is to be seen of all aids in metrics.
    #[must_use]
    pub fn aid_figures(&self) -> Vec<Figure> {
        let aids = self.aids.lock().clone();
        aids.iter().flat_map(|aid| aid.figures()).collect()
    }

    /// At most `limit` of the products that sold best in the last `days` days, best first, from a copy of the book that has followed the
    /// orders as far as they are known here. `None`: ask the book.
    pub async fn best_sellers_of_copy(
        &self,
        now: Timestamp,
        days: u32,
        limit: u32,
    ) -> Option<Vec<BestSeller>> {
        let copy = Arc::clone(self.best_sellers.get()?);
        let (log, head) = self.head_of("order").await.ok()??;
        // If it takes longer, the copy says itself that it is not there yet.
        let _ = tokio::time::timeout(COPY_PATIENCE, copy.progress().wait_for(&log, head)).await;
        let window = first_day(now, days)..=now.day();
        tokio::task::spawn_blocking(move || copy.best(head, window, limit)).await.ok()?
    }

    /// Waits until the views of `domain` show everything that orders have said up to now: a read just after a write shows it.
    ///
    /// # Errors
    /// If it could not be asked how far they are.
    pub async fn caught_up(&self, domain: &'static str) -> Result<(), ShopError> {
        self.followed("order", domain).await
    }

    /// Waits until quotes know everything that `domain` has said up to now, where they are made from copies of it: an order just
    /// after a change of price has the new price. Elsewhere its owner is asked, and there is nothing to wait for.
    ///
    /// # Errors
    /// If it is not in this process.
    pub async fn quotes_know(&self, domain: &'static str) -> Result<(), ShopError> {
        match self.topology().quote {
            QuoteFrom::Replica => self.followed(domain, "order").await,
            QuoteFrom::Local | QuoteFrom::Calls => Ok(()),
        }
    }

    /// Waits until the database of `follower` has taken in what that of `source` has said up to now.
    async fn followed(&self, source: &'static str, follower: &'static str) -> Result<(), ShopError> {
        let home = |name: &'static str| self.system.home(&DomainName::of(name));
        // Between processes a writer waits for nobody: whoever follows is late, and may refuse, but never mis-sells.
        let Some(follower) = home(follower) else { return Ok(()) };
        if home(source).is_some_and(|source| source.database.name == follower.database.name) {
            return Ok(());
        }
        // A log whose end is not known is not waited for: late is better than never.
        if let Some((log, head)) = self.head_of(source).await? {
            follower.progress.wait_for(&log, head).await;
        }
        Ok(())
    }

    /// The log of the database of `source`, and where it ends now; `None` if its unit does not answer.
    async fn head_of(&self, source: &'static str) -> Result<Option<(String, Position)>, ShopError> {
        let domain = DomainName::of(source);
        match self.system.home(&domain) {
            Some(home) if !self.system.is_shared() => {
                return Ok(Some((home.tail.name().to_owned(), home.tail.head().1)));
            }
            _ => {}
        }
        // Others write to it, too: only the database itself knows.
        let holds = |book: &&(&Database, &Arc<dyn Reader>)| book.0.domains.contains(&domain);
        let books = self.system.books();
        let Some((database, reader)) = books.iter().find(holds) else { return Ok(None) };
        let reader = Arc::clone(reader);
        match tokio::task::spawn_blocking(move || reader.log_state()).await {
            Ok(Ok(state)) => Ok(Some((database.name.clone(), state.head))),
            Ok(Err(error)) => {
                tracing::warn!(%error, source, "it cannot be asked how far it is");
                Ok(None)
            }
            Err(_) => Err(CommandError::Fault("the answer was lost".to_owned()).into()),
        }
    }
}

/// The door to orders where they are in another unit.
fn closed_door() -> Arc<Door> {
    let door = Door::new("order", 0);
    door.close();
    door
}
