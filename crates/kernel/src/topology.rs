//! A topology: which domains share a deployment unit, who hears whom, when the client is answered. Data, read from TOML
//! and checked when loaded; every complaint names a line.

mod delivery;
mod ending;
mod placing;

use crate::judge::Coordination;
use crate::names::{DomainName, Step};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

/// When an order's client is answered, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Once settled (or after the longest wait).
    Settled,
    /// Once accepted.
    Accepted,
}

/// Where the quote's facts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuoteFrom {
    /// The same database.
    Local,
    /// The owners are asked; the catalogue is cached.
    Calls,
    /// Replicas fed by events: the domain `replica`, beside `order`.
    Replica,
}

impl QuoteFrom {
    /// The word for it in a file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Calls => "calls",
            Self::Replica => "replica",
        }
    }
}

/// When the data platform is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentDelivery {
    /// After the fact.
    #[default]
    Deferred,
    /// As a step of the saga, [`Step::DELIVERY`]: a failed delivery fails the order. The final words go after the fact as well.
    Inline,
}

/// When participants are asked what they did, instead of being waited for. A shortcut: it only hastens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inquiry {
    /// Never: the deadline fails an unanswered order.
    #[default]
    Never,
    /// At the deadline, before the order is given up.
    Deadline,
    /// Then, and whenever a client looks at an unsettled order.
    Poll,
}

/// What is deployed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// The domains it runs.
    pub domains: Vec<DomainName>,
    /// Those of them that keep a store of their own beside the unit's (CQRS read models).
    pub own_store: Vec<DomainName>,
    /// Whether a lock keeps its instances from fighting over rows, where one is configured.
    pub guarded: bool,
}

/// One database: what one batch loop runs over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Database {
    /// Its name: the unit's, or `unit-domain` for a store of a domain's own.
    pub name: String,
    /// The unit it belongs to.
    pub unit: String,
    /// The domains in it.
    pub domains: Vec<DomainName>,
}

/// What makes a step act and compensate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRoute {
    /// The step.
    pub step: Step,
    /// Names of what makes it act (`order.placed`, `stock.done`).
    pub acts_on: Vec<String>,
    /// Names of what makes it compensate, besides the judge's own request.
    pub compensates_on: Vec<String>,
    /// Whether the judge waits for it. A follower (`sales` after the fact) is never able to fail the order.
    pub follower: bool,
}

/// A checked topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Its name.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// When the client is answered.
    pub answer: Answer,
    /// Where quotes come from.
    pub quote: QuoteFrom,
    /// When participants are asked what they did.
    pub inquiry: Inquiry,
    /// The step after which an order stands in lists (a provisional save); from birth if none. A settled order always does.
    pub listed_after: Option<Step>,
    /// When the data platform is told.
    pub payment_delivery: PaymentDelivery,
    /// The order in which planned steps stand in a plan.
    pub order: Vec<Step>,
    /// Steps that every order has, by the file or by their domain.
    pub always: Vec<Step>,
    /// Steps decided as one: if any refuses, none applies.
    pub groups: Vec<Vec<Step>>,
    /// Steps whose `done` the judge listens to; the others' arrive as what the last one carries.
    pub judged_on: Vec<Step>,
    /// Steps whose refusal the judge listens to. A step whose refusal another gives back for first is judged by that one's word.
    pub refusals_judged_on: Vec<Step>,
    /// What is deployed together.
    pub units: Vec<Unit>,
    /// What makes each step act and compensate.
    pub routes: Vec<StepRoute>,
}

/// A complaint about a topology file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TopologyError {
    /// 1-based line in the file.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Which domains exist and which steps they run: what a topology is checked against.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Every registered domain, and the steps it runs.
    pub domains: BTreeMap<DomainName, Vec<Step>>,
    /// Those of them that a topology may leave out.
    pub optional: BTreeSet<DomainName>,
    /// Those of the steps that every order has, whatever a topology says.
    pub always: BTreeSet<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    summary: String,
    answer: Answer,
    quote: Spanned<QuoteFrom>,
    payment_delivery: Option<Spanned<PaymentDelivery>>,
    saga: Spanned<SagaTable>,
    unit: Vec<Spanned<UnitTable>>,
    #[serde(default)]
    step: BTreeMap<Spanned<String>, RouteTable>,
    #[serde(default)]
    follower: BTreeMap<Spanned<String>, RouteTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SagaTable {
    order: Vec<Spanned<String>>,
    #[serde(default)]
    always: Vec<Spanned<String>>,
    #[serde(default)]
    groups: Vec<Vec<Spanned<String>>>,
    #[serde(default)]
    judged_on: Vec<Spanned<String>>,
    #[serde(default)]
    refusals_judged_on: Vec<Spanned<String>>,
    #[serde(default)]
    inquiry: Inquiry,
    listed_after: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitTable {
    name: Spanned<String>,
    domains: Vec<Spanned<String>>,
    #[serde(default)]
    own_store: Vec<Spanned<String>>,
    #[serde(default)]
    guarded: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteTable {
    #[serde(default)]
    acts_on: Vec<Spanned<String>>,
    #[serde(default)]
    compensates_on: Vec<Spanned<String>>,
}

/// What the order itself says that a step may listen to.
const ORDER_WORDS: [&str; 6] = [
    "order.placed",
    "order.confirmed",
    "order.failing",
    "order.failed",
    "order.cancelling",
    "order.cancelled",
];

impl Topology {
    /// Reads and checks a topology file.
    ///
    /// # Errors
    /// The first complaint, with its line.
    pub fn parse(text: &str, known: &Known) -> Result<Self, TopologyError> {
        let mut file: File = toml::from_str(text).map_err(|error| TopologyError {
            line: error.span().map_or(1, |span| line_at(text, span.start)),
            message: error.message().to_owned(),
        })?;
        // As it stands, whatever the setting: a mistake in a step that does not take part is named, too.
        let whole = Checker { text, known, file: &file }.check()?;
        match delivery::settle(text, &mut file)? {
            true => Checker { text, known, file: &file }.check(),
            false => Ok(whole),
        }
    }

    /// The databases, one batch loop each: a unit's, then those of its domains that keep a store of their own.
    #[must_use]
    pub fn databases(&self) -> Vec<Database> {
        let mut databases = Vec::new();
        for unit in &self.units {
            let shared: Vec<_> =
                unit.domains.iter().filter(|d| !unit.own_store.contains(d)).cloned().collect();
            if !shared.is_empty() {
                databases.push(Database {
                    name: unit.name.clone(),
                    unit: unit.name.clone(),
                    domains: shared,
                });
            }
            for domain in &unit.own_store {
                databases.push(Database {
                    name: format!("{}-{domain}", unit.name),
                    unit: unit.name.clone(),
                    domains: vec![domain.clone()],
                });
            }
        }
        databases
    }

    /// Whether a lock keeps instances from fighting over the rows of `database`, where one is configured.
    #[must_use]
    pub fn is_guarded(&self, database: &Database) -> bool {
        self.units.iter().any(|unit| unit.name == database.unit && unit.guarded)
    }

    /// The route of `step`, if it has one.
    #[must_use]
    pub fn route(&self, step: &Step) -> Option<&StepRoute> {
        self.routes.iter().find(|route| route.step == *step)
    }

    /// What the judge must say itself, because no route lets a step hear it from anyone.
    #[must_use]
    pub fn coordination(&self) -> Coordination {
        let planned = || self.order.iter().filter_map(|step| self.route(step));
        let deaf_to = |word: &str| -> Vec<Step> {
            let deaf = planned().filter(|route| !route.compensates_on.iter().any(|heard| heard == word));
            deaf.map(|route| route.step.clone()).collect()
        };
        let mut asked: Vec<Vec<Step>> = Vec::new();
        for route in planned().filter(|route| route.acts_on.is_empty()) {
            if !asked.iter().any(|group| group.contains(&route.step)) {
                let group = self.groups.iter().find(|group| group.contains(&route.step));
                asked.push(group.cloned().unwrap_or_else(|| vec![route.step.clone()]));
            }
        }
        Coordination {
            asked,
            undone_when_failing: deaf_to("order.failing"),
            undone_when_cancelling: deaf_to("order.cancelling"),
            inquires: self.inquiry != Inquiry::Never,
        }
    }
}

struct Checker<'a> {
    text: &'a str,
    known: &'a Known,
    file: &'a File,
}

impl Checker<'_> {
    fn error<T, S>(&self, at: &Spanned<S>, message: String) -> Result<T, TopologyError> {
        Err(TopologyError { line: line_at(self.text, at.span().start), message })
    }

    fn check(&self) -> Result<Topology, TopologyError> {
        let saga = self.file.saga.get_ref();
        let units = self.units()?;
        self.check_quote(&units)?;
        let order = self.steps(&saga.order)?;
        let routes = self.routes(&order)?;
        let groups: Vec<Vec<Step>> = saga.groups.iter().map(|g| self.steps(g)).collect::<Result<_, _>>()?;
        self.check_groups(&units, &order)?;
        let listed = self.planned_steps(&saga.always, &order, "always planned")?;
        let always =
            order.iter().filter(|&step| listed.contains(step) || self.known.always.contains(step)).cloned();
        let always: Vec<Step> = always.collect();
        let judged = |listed: &[Spanned<String>]| match listed {
            [] => Ok(order.clone()),
            listed => self.planned_steps(listed, &order, "judged"),
        };
        let (judged_on, refusals_judged_on) = (judged(&saga.judged_on)?, judged(&saga.refusals_judged_on)?);
        let listed_after = match &saga.listed_after {
            Some(step) => {
                self.planned_steps(std::slice::from_ref(step), &order, "what lists wait for")?.pop()
            }
            None => None,
        };
        self.check_starts(&routes)?;
        self.check_groups_act_as_one(&routes)?;
        self.check_follows(&routes, &always)?;
        self.check_refusals(&routes, &order, &always, &refusals_judged_on)?;
        self.check_cycles(&routes)?;
        let topology = Topology {
            name: self.file.name.get_ref().clone(),
            summary: self.file.summary.clone(),
            answer: self.file.answer,
            quote: *self.file.quote.get_ref(),
            inquiry: saga.inquiry,
            listed_after,
            payment_delivery: self.file.payment_delivery(),
            order,
            always,
            groups,
            judged_on,
            refusals_judged_on,
            units,
            routes,
        };
        self.check_endings(&topology)?;
        Ok(topology)
    }

    fn step(&self, spanned: &Spanned<String>) -> Result<Step, TopologyError> {
        let step = Step::new(spanned.get_ref());
        if self.runner(&step).is_none() {
            return self.error(spanned, format!("no domain runs a step `{step}`"));
        }
        Ok(step)
    }

    fn steps(&self, spanned: &[Spanned<String>]) -> Result<Vec<Step>, TopologyError> {
        let mut steps = Vec::new();
        for one in spanned {
            let step = self.step(one)?;
            if steps.contains(&step) {
                return self.error(one, format!("step `{step}` stands twice"));
            }
            steps.push(step);
        }
        Ok(steps)
    }

    /// Steps that are `what`, which only a step with a place in the order can be.
    fn planned_steps(
        &self,
        spanned: &[Spanned<String>],
        order: &[Step],
        what: &str,
    ) -> Result<Vec<Step>, TopologyError> {
        let steps = self.steps(spanned)?;
        match spanned.iter().zip(&steps).find(|(_, step)| !order.contains(step)) {
            Some((one, step)) => self.error(one, format!("step `{step}` is {what} but not in saga.order")),
            None => Ok(steps),
        }
    }

    fn routes(&self, order: &[Step]) -> Result<Vec<StepRoute>, TopologyError> {
        let mut routes = Vec::new();
        for (tables, follower) in [(&self.file.step, false), (&self.file.follower, true)] {
            for (name, table) in tables {
                let step = self.step(name)?;
                match (follower, order.contains(&step)) {
                    (false, true) | (true, false) => {}
                    (false, false) => {
                        let complaint = format!("step `{step}` has a route but no place in saga.order");
                        return self.error(name, complaint);
                    }
                    (true, true) => {
                        let complaint =
                            format!("step `{step}` is in saga.order and cannot follow after the fact");
                        return self.error(name, complaint);
                    }
                }
                for trigger in table.acts_on.iter().chain(&table.compensates_on) {
                    self.check_trigger(trigger, order)?;
                }
                let words =
                    |list: &[Spanned<String>]| list.iter().map(|word| word.get_ref().clone()).collect();
                let (acts_on, compensates_on) = (words(&table.acts_on), words(&table.compensates_on));
                routes.push(StepRoute { step, acts_on, compensates_on, follower });
            }
        }
        if let Some(step) = order.iter().find(|step| !routes.iter().any(|route| route.step == **step)) {
            return self
                .error(&self.file.name, format!("step `{step}` is in saga.order but has no [step.{step}]"));
        }
        Ok(routes)
    }

    fn check_trigger(&self, trigger: &Spanned<String>, order: &[Step]) -> Result<(), TopologyError> {
        let word = trigger.get_ref().as_str();
        if ORDER_WORDS.contains(&word) {
            return Ok(());
        }
        match word.split_once('.') {
            Some((step, "done" | "refused" | "compensated")) if order.iter().any(|s| s.as_str() == step) => {
                Ok(())
            }
            _ => self.error(
                trigger,
                format!("`{word}` is said by nobody (order.placed … or <step>.done|refused|compensated)"),
            ),
        }
    }

    fn check_groups(&self, units: &[Unit], order: &[Step]) -> Result<(), TopologyError> {
        let mut grouped = BTreeSet::new();
        for group in &self.file.saga.get_ref().groups {
            let steps = self.planned_steps(group, order, "grouped")?;
            let mut home = None;
            for (spanned, step) in group.iter().zip(steps) {
                let unit = self.runner(&step).and_then(|domain| {
                    units.iter().find(|u| u.domains.contains(domain) && !u.own_store.contains(domain))
                });
                match (home, unit) {
                    (None, Some(unit)) => home = Some(&unit.name),
                    (Some(home), Some(unit)) if *home == unit.name => {}
                    (None, None) | (Some(_), _) => {
                        return self
                            .error(spanned, format!("step `{step}` is grouped with steps of another unit"));
                    }
                }
                if !grouped.insert(step.clone()) {
                    return self.error(spanned, format!("step `{step}` stands in two groups"));
                }
            }
        }
        Ok(())
    }

    /// Where the file speaks of `step`'s route.
    fn at_route(&self, step: &Step) -> &Spanned<String> {
        let mut names = self.file.step.keys().chain(self.file.follower.keys());
        names.find(|name| name.get_ref() == step.as_str()).unwrap_or(&self.file.name)
    }

    /// A planned step that hears nobody is asked by the judge; a follower is asked by nobody.
    fn check_starts(&self, routes: &[StepRoute]) -> Result<(), TopologyError> {
        match routes.iter().find(|route| route.follower && route.acts_on.is_empty()) {
            Some(route) => {
                self.error(self.at_route(&route.step), format!("step `{}` acts on nothing", route.step))
            }
            None => Ok(()),
        }
    }

    /// A chain skips a step that the order lacks by what that one waits for: a step that waits for the judge has nothing of the
    /// kind, so one that another follows must be in every plan.
    fn check_follows(&self, routes: &[StepRoute], always: &[Step]) -> Result<(), TopologyError> {
        let asked = |step: &str| routes.iter().any(|r| r.step.as_str() == step && r.acts_on.is_empty());
        for route in routes {
            for before in route.acts_on.iter().filter_map(|word| word.strip_suffix(".done")) {
                if asked(before) && !always.contains(&Step::new(before)) {
                    let complaint = format!(
                        "step `{}` follows `{before}`, which hears nobody and may be absent from a plan: list it in saga.always",
                        route.step
                    );
                    return self.error(self.at_route(&route.step), complaint);
                }
            }
        }
        Ok(())
    }

    /// Steps that decide as one are set going by one word.
    fn check_groups_act_as_one(&self, routes: &[StepRoute]) -> Result<(), TopologyError> {
        for group in &self.file.saga.get_ref().groups {
            let asked = |spanned: &&Spanned<String>| {
                let route = routes.iter().find(|route| route.step.as_str() == spanned.get_ref());
                route.is_some_and(|route| route.acts_on.is_empty())
            };
            let deaf = group.iter().filter(asked).count();
            if let Some(one) = group.iter().find(asked).filter(|_| deaf < group.len()) {
                let complaint = format!("step `{}` hears nobody, but others of its group do", one.get_ref());
                return self.error(one, complaint);
            }
        }
        Ok(())
    }

    /// A refusal that the judge does not listen to must make a step compensate that is always there to tell it.
    fn check_refusals(
        &self,
        routes: &[StepRoute],
        order: &[Step],
        always: &[Step],
        judged: &[Step],
    ) -> Result<(), TopologyError> {
        for step in order.iter().filter(|step| !judged.contains(step)) {
            let word = format!("{step}.refused");
            let told = |r: &StepRoute| r.compensates_on.contains(&word) && always.contains(&r.step);
            if !routes.iter().any(told) {
                let complaint = format!(
                    "the judge is not told that `{step}` refuses: list it in saga.refusals_judged_on, or let a step of saga.always compensate on it"
                );
                return self.error(self.at_route(step), complaint);
            }
        }
        Ok(())
    }

    fn check_cycles(&self, routes: &[StepRoute]) -> Result<(), TopologyError> {
        let before = |step: &str| -> Vec<&str> {
            let route = routes.iter().find(|route| route.step.as_str() == step);
            let triggers = route.map(|route| route.acts_on.as_slice()).unwrap_or_default();
            triggers.iter().filter_map(|t| t.strip_suffix(".done")).collect()
        };
        for route in routes {
            let (mut seen, mut open) = (BTreeSet::new(), before(route.step.as_str()));
            while let Some(step) = open.pop() {
                if step == route.step.as_str() {
                    let names = self.file.step.keys();
                    let at = names.into_iter().find(|n| n.get_ref() == step).unwrap_or(&self.file.name);
                    return self.error(at, format!("step `{step}` waits for itself (a cycle)"));
                }
                if seen.insert(step) {
                    open.extend(before(step));
                }
            }
        }
        Ok(())
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
