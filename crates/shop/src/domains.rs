//! Which domains there are, and how they are set.

use crate::facts::Facts;
use data_platform::{DataPlatform, DeliveryPolicy};
use kernel::topology::{Topology, TopologyError};
use kernel::{Currency, Domain, Plan, Step};
use order::{OrderPolicy, Wiring};
use payment::{Payment, PaymentPolicy};
use read_model::ReadModel;
use runtime::Registry;
use std::sync::Arc;

/// How the built-in domains are set.
#[derive(Clone, Debug)]
pub struct Policies {
    /// The currency of every amount.
    pub currency: Currency,
    /// Orders: deadlines, expiry, cancellation.
    pub order: OrderPolicy,
    /// Payments: the PG's times and budgets.
    pub payment: PaymentPolicy,
    /// Deliveries to the data platform.
    pub delivery: DeliveryPolicy,
}

impl Policies {
    /// The defaults, in `currency`, with the PG called `pg`.
    #[must_use]
    pub fn new(currency: Currency, pg: &str) -> Self {
        Self {
            currency,
            order: OrderPolicy::default(),
            payment: PaymentPolicy::new(pg, currency),
            delivery: DeliveryPolicy::default(),
        }
    }
}

/// The domains of a deployment under construction: the built-in ones, and what an application adds.
pub struct Domains {
    policies: Policies,
    added: Registry,
    facts_through: Option<FactsThrough>,
}

/// What stands between the quoter and the facts that it asks for.
pub type FactsThrough = Arc<dyn Fn(Box<dyn Facts>) -> Box<dyn Facts> + Send + Sync>;

impl Domains {
    /// The built-in domains.
    #[must_use]
    pub fn new(policies: Policies) -> Self {
        Self { policies, added: Registry::default(), facts_through: None }
    }

    /// And one more: a participant of an application's own.
    #[must_use]
    pub fn with(mut self, domain: impl Domain + 'static) -> Self {
        self.added = self.added.with(domain);
        self
    }

    /// Quotes ask for their facts through `wrap`. A participant verifies what a quote assumed, whatever is said here: a
    /// bench lets facts be stale on purpose, so that steps refuse what a fresh quote would have.
    #[must_use]
    pub fn with_facts_through(mut self, wrap: FactsThrough) -> Self {
        self.facts_through = Some(wrap);
        self
    }

    /// The facts that quotes are to ask for, where the topology's own are `facts`.
    pub(crate) fn facts(&self, facts: Box<dyn Facts>) -> Box<dyn Facts> {
        match &self.facts_through {
            Some(wrap) => wrap(facts),
            None => facts,
        }
    }

    /// The currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.policies.currency
    }

    /// How the built-in domains are set.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Reads a topology file for these domains, and the registry of those that it places.
    ///
    /// # Errors
    /// The file's first fault, with its line.
    pub fn place(&self, file: &str) -> Result<(Topology, Registry), TopologyError> {
        // A topology is checked against the domains' names and steps, which no setting changes.
        let known = self.registry(Wiring::default()).known();
        let topology = Topology::parse(file, &known)?;
        let registry = self.registry(Wiring::from(&topology)).placed(&topology);
        Ok((topology, registry))
    }

    /// Every domain, one line each.
    fn registry(&self, wiring: Wiring) -> Registry {
        let policies = self.policies.clone();
        let views = ReadModel::new(wiring.topology.clone(), wiring.listed_after.is_some());
        let registry = Registry::default()
            .with(user::Users)
            .with(product::Products)
            .with(point::Point)
            .with(coupon::Coupons)
            .with(order::OrderDomain::new(policies.order, wiring))
            .with(Payment::new(policies.payment))
            .with(ranking::Ranking::default())
            .with(DataPlatform::new(policies.delivery))
            .with(views)
            .with(replica::Replica);
        self.added.iter().cloned().fold(registry, Registry::with_shared)
    }
}

/// Which steps a plan with these contents needs, in the topology's order.
pub fn steps_of(
    topology: &Topology,
    registry: &Registry,
) -> impl Fn(&Plan) -> Vec<Step> + Send + Sync + use<> {
    let (order, always, registry) = (topology.order.clone(), topology.always.clone(), registry.clone());
    move |plan| {
        let needed = |step: &&Step| {
            always.contains(step)
                || registry.iter().any(|domain| {
                    domain
                        .participants()
                        .iter()
                        .any(|participant| participant.step() == **step && participant.planned().needed(plan))
                })
        };
        order.iter().filter(needed).cloned().collect()
    }
}
