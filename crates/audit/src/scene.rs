//! The databases, each at one moment: once at the beginning, and again for whatever has to be read twice.

use crate::pages::Moment;
use crate::{Audit, AuditError, Source};
use kernel::topology::Topology;
use kernel::{Domain, DomainName, Step, Timestamp};
use runtime::ports::store::{Cursor, LogState, Meta, Reader};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The domain that every order is compared with.
pub(crate) const ORDER: DomainName = DomainName::of("order");

/// One database.
pub(crate) struct Home {
    pub(crate) name: String,
    pub(crate) domains: Vec<DomainName>,
    live: Arc<dyn Reader>,
    at: Box<dyn Reader>,
    /// Where its log stood.
    pub(crate) log: LogState,
    /// How far it had followed the others.
    pub(crate) cursors: Vec<Cursor>,
}

/// Who runs a step, and where.
pub(crate) struct Runner {
    pub(crate) home: usize,
    domain: Arc<dyn Domain>,
    nth: usize,
}

impl Runner {
    pub(crate) fn name(&self) -> DomainName {
        self.domain.name()
    }

    /// What `receipt` moved; or what is wrong with it.
    pub(crate) fn movements(&self, receipt: &str) -> Result<Vec<kernel::ledger::Movement>, String> {
        let participants = self.domain.participants();
        let participant = participants.get(self.nth).ok_or_else(|| "nobody reads it".to_owned())?;
        participant.movements(receipt).map_err(|error| error.to_string())
    }
}

/// All databases.
pub(crate) struct Scene<'a> {
    pub(crate) topology: &'a Topology,
    pub(crate) homes: Vec<Home>,
    pub(crate) runners: BTreeMap<Step, Runner>,
    pub(crate) now: Timestamp,
    pub(crate) settling: Duration,
    horizon: Option<Uuid>,
    page: u32,
}

/// Databases read again: everybody else before the order's, which can therefore only be further on.
pub(crate) struct Again {
    readers: Vec<Box<dyn Reader>>,
}

impl<'a> Scene<'a> {
    /// Takes the snapshots: the order's first, so that everybody else knows of whatever is final in it.
    pub(crate) fn take(audit: &'a Audit<'_>) -> Result<Self, AuditError> {
        let is_order = |source: &&Source| source.database.domains.contains(&ORDER);
        if !audit.sources.iter().any(|source| is_order(&source)) {
            return Err(AuditError::Missing(ORDER));
        }
        let order = audit.sources.iter().filter(is_order);
        let others = audit.sources.iter().filter(|source| !is_order(source));
        let homes = order
            .chain(others)
            .map(|source| Home::take(source, audit.page))
            .collect::<Result<Vec<_>, _>>()?;
        let mut scene = Self {
            topology: audit.topology,
            homes,
            runners: BTreeMap::new(),
            now: audit.now,
            settling: audit.settling,
            horizon: None,
            page: audit.page,
        };
        scene.horizon = scene.published_horizon()?;
        for domain in audit.registry.iter() {
            let Some(home) = scene.home_of(&domain.name()) else { continue };
            for (nth, participant) in domain.participants().iter().enumerate() {
                let runner = Runner { home, domain: Arc::clone(domain), nth };
                scene.runners.insert(participant.step(), runner);
            }
        }
        Ok(scene)
    }

    /// The latest that any database knows of: below it, inbox rows may be pruned anywhere.
    fn published_horizon(&self) -> Result<Option<Uuid>, AuditError> {
        let mut horizon = None;
        for at in 0..self.homes.len() {
            let moment = self.moment(at);
            let Some(meta) = moment.get::<Meta>((smol_str::SmolStr::new_static("horizon"),))? else {
                continue;
            };
            let published = Uuid::parse_str(&meta.value).map_err(|error| AuditError::Unreadable {
                database: moment.name.to_owned(),
                table: "meta",
                key: "horizon".to_owned(),
                detail: error.to_string(),
            })?;
            horizon = horizon.max(Some(published));
        }
        Ok(horizon)
    }

    /// Whether inbox rows of this saga may be pruned: their receipts are in the openings then.
    pub(crate) fn is_pruned(&self, saga: Uuid) -> bool {
        self.horizon.is_some_and(|horizon| saga < horizon)
    }

    /// Where `domain` lives.
    pub(crate) fn home_of(&self, domain: &DomainName) -> Option<usize> {
        self.homes.iter().position(|home| home.domains.contains(domain))
    }

    /// Database number `home` as it was at the beginning.
    pub(crate) fn moment(&self, home: usize) -> Moment<'_> {
        let Home { name, at, .. } = &self.homes[home];
        Moment { name, reader: at.as_ref(), page: self.page }
    }

    /// The order's database as it was at the beginning: it comes first.
    pub(crate) fn orders(&self) -> Moment<'_> {
        self.moment(0)
    }

    /// The database of `domain` as it was at the beginning.
    pub(crate) fn moment_of(&self, domain: &DomainName) -> Option<Moment<'_>> {
        self.home_of(domain).map(|home| self.moment(home))
    }

    /// Reads everything again.
    pub(crate) fn again(&self) -> Result<Again, AuditError> {
        let mut readers = Vec::with_capacity(self.homes.len());
        for home in self.homes.iter().rev() {
            readers.push(home.snapshot()?);
        }
        readers.reverse();
        Ok(Again { readers })
    }

    /// Database number `home` as it was when read `again`.
    pub(crate) fn later<'m>(&'m self, again: &'m Again, home: usize) -> Moment<'m> {
        Moment { name: &self.homes[home].name, reader: again.readers[home].as_ref(), page: self.page }
    }

    /// Where the log of database number `home` stands right now.
    pub(crate) fn log_now(&self, home: usize) -> Result<LogState, AuditError> {
        let home = &self.homes[home];
        home.live.log_state().map_err(|error| AuditError::Store { database: home.name.clone(), error })
    }
}

impl Home {
    fn take(source: &Source, page: u32) -> Result<Self, AuditError> {
        let name = source.database.name.clone();
        let failed = |error| AuditError::Store { database: name.clone(), error };
        let at = source.reader.snapshot().map_err(failed)?;
        let log = at.log_state().map_err(failed)?;
        let mut cursors = Vec::new();
        let mut pages = Moment { name: &name, reader: at.as_ref(), page }.pages::<Cursor>();
        while let Some(cursor) = pages.next_if(|_| true)? {
            cursors.push(cursor);
        }
        drop(pages);
        let domains = source.database.domains.clone();
        Ok(Self { domains, live: Arc::clone(&source.reader), at, log, cursors, name })
    }

    fn snapshot(&self) -> Result<Box<dyn Reader>, AuditError> {
        let taken = self.live.snapshot();
        taken.map_err(|error| AuditError::Store { database: self.name.clone(), error })
    }
}
