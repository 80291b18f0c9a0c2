//! Where domains are placed: each that is needed in one unit, replicas beside the orders.

use super::{Checker, QuoteFrom, TopologyError, Unit};
use crate::names::{DomainName, Step};
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

impl Checker<'_> {
    /// The units as the file places domains in them.
    pub(super) fn units(&self) -> Result<Vec<Unit>, TopologyError> {
        let mut placed: BTreeMap<DomainName, &str> = BTreeMap::new();
        let mut names = BTreeSet::new();
        let mut units = Vec::new();
        for unit in &self.file.unit {
            let unit = unit.get_ref();
            if !names.insert(unit.name.get_ref().as_str()) {
                return self.error(&unit.name, format!("unit `{}` is named twice", unit.name.get_ref()));
            }
            let mut domains = Vec::new();
            for spanned in &unit.domains {
                let domain = DomainName::new(spanned.get_ref());
                if !self.known.domains.contains_key(&domain) {
                    return self.error(spanned, format!("unknown domain `{domain}`"));
                }
                if let Some(other) = placed.insert(domain.clone(), unit.name.get_ref()) {
                    return self
                        .error(spanned, format!("domain `{domain}` is placed twice (already in `{other}`)"));
                }
                domains.push(domain);
            }
            let own_store: Vec<DomainName> =
                unit.own_store.iter().map(|d| DomainName::new(d.get_ref())).collect();
            for (number, (spanned, domain)) in unit.own_store.iter().zip(&own_store).enumerate() {
                if !domains.contains(domain) {
                    let complaint = format!("`{domain}` keeps a store of its own but is not in this unit");
                    return self.error(spanned, complaint);
                }
                if own_store[..number].contains(domain) {
                    return self.error(spanned, format!("`{domain}` keeps two stores of its own"));
                }
            }
            units.push(Unit { name: unit.name.get_ref().clone(), domains, own_store, guarded: unit.guarded });
        }
        let needed = self.known.domains.keys().filter(|domain| !self.known.optional.contains(*domain));
        if let Some(missing) = needed.into_iter().find(|domain| !placed.contains_key(*domain)) {
            return self.error(&self.file.name, format!("domain `{missing}` is placed nowhere"));
        }
        Ok(units)
    }

    /// Replicas stand in the database of the orders that are quoted from them, and nowhere else.
    pub(super) fn check_quote(&self, units: &[Unit]) -> Result<(), TopologyError> {
        let (order, replica) = (DomainName::of("order"), DomainName::of("replica"));
        let database = |domain: &DomainName| {
            let home = units.iter().find(|u| u.domains.contains(domain) && !u.own_store.contains(domain));
            home.map(|unit| &unit.name)
        };
        match (*self.file.quote.get_ref(), self.placed(&replica)) {
            (QuoteFrom::Replica, _) if database(&replica).is_some_and(|r| Some(r) == database(&order)) => {
                Ok(())
            }
            (QuoteFrom::Replica, _) => {
                let complaint =
                    "quotes are made from the domain `replica`: it must stand in the database of `order`";
                self.error(&self.file.quote, complaint.to_owned())
            }
            (QuoteFrom::Local | QuoteFrom::Calls, None) => Ok(()),
            (quote, Some(at)) => {
                self.error(at, format!("`replica` is placed, but quotes are made by `{}`", quote.word()))
            }
        }
    }

    /// Where the file places `domain`.
    fn placed(&self, domain: &DomainName) -> Option<&Spanned<String>> {
        let mut domains = self.file.unit.iter().flat_map(|unit| &unit.get_ref().domains);
        domains.find(|placed| placed.get_ref() == domain.as_str())
    }

    /// The domain that runs `step`, if it is placed.
    pub(super) fn runner(&self, step: &Step) -> Option<&DomainName> {
        let placed = self.known.domains.iter().filter(|(domain, _)| self.placed(domain).is_some());
        placed.into_iter().find(|(_, steps)| steps.contains(step)).map(|(domain, _)| domain)
    }
}
