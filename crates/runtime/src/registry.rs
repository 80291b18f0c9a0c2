//! The domains there are: where an application adds its own.

use crate::ports::store::StoreError;
use kernel::judge::letters::DeadLetter;
use kernel::ledger::Opening;
use kernel::participation::Inbox;
use kernel::routing::{Listening, Routing};
use kernel::topology::{Database, Known, Topology};
use kernel::{Domain, DomainName, Planned, Record, Step, Table};
use std::sync::Arc;

/// Every domain, each written once, placed by a topology.
#[derive(Clone, Default)]
pub struct Registry {
    domains: Vec<Arc<dyn Domain>>,
}

impl Registry {
    /// Adds a domain.
    #[must_use]
    pub fn with(self, domain: impl Domain + 'static) -> Self {
        self.with_shared(Arc::new(domain))
    }

    /// Adds a domain that is shared already.
    #[must_use]
    pub fn with_shared(mut self, domain: Arc<dyn Domain>) -> Self {
        self.domains.push(domain);
        self
    }

    /// The domain called `name`.
    #[must_use]
    pub fn get(&self, name: &DomainName) -> Option<&Arc<dyn Domain>> {
        self.domains.iter().find(|domain| domain.name() == *name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Domain>> {
        self.domains.iter()
    }

    /// Whether every row has one timer at most: of a table that falls due by two columns one would be lost.
    ///
    /// # Errors
    /// [`StoreError::Unusable`], naming the domain and the table.
    pub fn check(&self) -> Result<(), StoreError> {
        for domain in &self.domains {
            let mut tables: Vec<&str> = domain.due().iter().map(|due| due.table.name).collect();
            tables.sort_unstable();
            if let Some(twice) = tables.windows(2).find(|pair| pair[0] == pair[1]) {
                let (domain, table) = (domain.name(), twice[0]);
                return Err(StoreError::Unusable(format!(
                    "{domain}: rows of {table} fall due by two columns"
                )));
            }
        }
        Ok(())
    }

    /// What a topology is checked against.
    #[must_use]
    pub fn known(&self) -> Known {
        let steps = |domain: &Arc<dyn Domain>| -> Vec<Step> {
            domain.participants().iter().map(|p| p.step()).collect()
        };
        let optional = self.domains.iter().filter(|domain| domain.optional());
        let participants = self.domains.iter().flat_map(|domain| domain.participants());
        let always = participants.filter(|p| matches!(p.planned(), Planned::Always)).map(|p| p.step());
        Known {
            domains: self.domains.iter().map(|domain| (domain.name(), steps(domain))).collect(),
            optional: optional.map(|domain| domain.name()).collect(),
            always: always.collect(),
        }
    }

    /// Those that `topology` places: one that it leaves out runs nothing and hears nothing.
    #[must_use]
    pub fn placed(mut self, topology: &Topology) -> Self {
        self.domains.retain(|domain| topology.units.iter().any(|unit| unit.domains.contains(&domain.name())));
        self
    }

    /// `topology` compiled for these domains.
    #[must_use]
    pub fn routing(&self, topology: &Topology) -> Routing {
        let always = |domain: &Arc<dyn Domain>| -> Vec<_> {
            domain.participants().iter().map(|step| (step.step(), step.acts_always_on())).collect()
        };
        let listening = Listening {
            domains: self.domains.iter().map(|domain| (domain.name(), domain.hears())).collect(),
            steps: self.domains.iter().flat_map(always).collect(),
        };
        Routing::compile(topology, &self.known(), &listening)
    }

    /// The domains that `database` holds.
    #[must_use]
    pub fn of(&self, database: &Database) -> Vec<Arc<dyn Domain>> {
        database.domains.iter().filter_map(|name| self.get(name).cloned()).collect()
    }

    /// Every table of `database`: its domains' and the runtime's own.
    #[must_use]
    pub fn tables(&self, database: &Database) -> Vec<&'static Table> {
        let mut tables = own_tables();
        tables.extend(self.of(database).iter().flat_map(|domain| domain.tables()));
        tables
    }
}

/// The tables that every database has, whatever domains are in it.
#[must_use]
pub fn own_tables() -> Vec<&'static Table> {
    use crate::fence::Fence;
    use crate::ports::store::{Cursor, Meta};
    vec![Inbox::TABLE, DeadLetter::TABLE, Opening::TABLE, Cursor::TABLE, Meta::TABLE, Fence::TABLE]
}
