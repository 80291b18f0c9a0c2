//! Routing: a topology compiled to "who does what when this is said".

use crate::names::{DomainName, Step};
use crate::plan::Plan;
use crate::said::Said;
use crate::topology::{Known, Topology};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// What a message makes a domain do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Run the actions of these steps, as one where they are several.
    Act(Vec<Step>),
    /// Compensate this step.
    Compensate(Step),
    /// Hear it (judge, views, rankings, caches).
    Hear(DomainName),
}

/// One rule for one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What to do.
    pub role: Role,
    /// The step must be planned (followers' need not be).
    planned: bool,
    /// Steps that must be absent from the plan: how a chain skips a step that the order lacks.
    absent: Vec<Step>,
}

/// What domains and steps listen to in every topology.
#[derive(Clone, Debug, Default)]
pub struct Listening {
    /// What each domain hears besides its steps.
    pub domains: Vec<(DomainName, &'static [&'static str])>,
    /// What makes a step act whatever the topology says.
    pub steps: Vec<(Step, &'static [&'static str])>,
}

/// A compiled topology.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    /// By word: every database asks for every word of every log that it follows.
    rules: FxHashMap<SmolStr, Vec<Rule>>,
    /// Which domain runs each step.
    runners: FxHashMap<Step, DomainName>,
}

impl Routing {
    /// Compiles `topology` for domains that listen so.
    #[must_use]
    pub fn compile(topology: &Topology, known: &Known, listening: &Listening) -> Self {
        let mut routing = Self::default();
        for (domain, steps) in &known.domains {
            for step in steps {
                routing.runners.insert(step.clone(), domain.clone());
            }
        }
        for group in topology.coordination().asked {
            for step in &group {
                let role = Role::Act(group.clone());
                routing.add(&format!("{step}.asked"), Rule { role, planned: true, absent: Vec::new() });
            }
        }
        for route in &topology.routes {
            routing.add_actions(topology, &route.step, route.follower);
            for word in &route.compensates_on {
                let role = Role::Compensate(route.step.clone());
                routing.add(word, Rule { role, planned: !route.follower, absent: Vec::new() });
            }
            let undo = Role::Compensate(route.step.clone());
            routing.add(
                &format!("{}.undo_asked", route.step),
                Rule { role: undo, planned: false, absent: Vec::new() },
            );
            if !route.follower {
                routing.add_judge(topology, &route.step);
            }
        }
        for (step, words) in &listening.steps {
            for word in *words {
                let role = Role::Act(vec![step.clone()]);
                routing.add(word, Rule { role, planned: true, absent: Vec::new() });
            }
        }
        for (domain, words) in &listening.domains {
            for word in *words {
                let role = Role::Hear(domain.clone());
                routing.add(word, Rule { role, planned: false, absent: Vec::new() });
            }
        }
        routing
    }

    fn add(&mut self, word: &str, rule: Rule) {
        let rules = self.rules.entry(SmolStr::new(word)).or_default();
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }

    fn add_actions(&mut self, topology: &Topology, step: &Step, follower: bool) {
        let group = topology.groups.iter().find(|group| group.contains(step));
        let members = match group {
            // The group acts once, by its first planned member's rule; see `roles`.
            Some(group) => group.clone(),
            None => vec![step.clone()],
        };
        for (word, absent) in triggers(topology, step) {
            let role = Role::Act(members.clone());
            self.add(&word, Rule { role, planned: !follower, absent });
        }
    }

    fn add_judge(&mut self, topology: &Topology, step: &Step) {
        let judge = || Role::Hear(DomainName::of("order"));
        let mut words = vec!["compensated", "stuck"];
        if topology.judged_on.contains(step) {
            words.push("done");
        }
        if topology.refusals_judged_on.contains(step) {
            words.push("refused");
        }
        for word in words {
            self.add(&format!("{step}.{word}"), Rule { role: judge(), planned: true, absent: Vec::new() });
        }
    }

    /// What `said` makes whom do, in a saga with `plan` (none for facts).
    pub fn roles<'a>(&'a self, said: &Said, plan: Option<&'a Plan>) -> impl Iterator<Item = Role> + 'a {
        self.rules_of(said).iter().filter_map(move |rule| rule.apply(plan))
    }

    /// As [`Self::roles`], for those domains alone that `here` knows: what the others do is not worked out.
    pub fn roles_of<'a>(
        &'a self,
        said: &Said,
        plan: Option<&'a Plan>,
        here: impl Fn(&DomainName) -> bool + 'a,
    ) -> impl Iterator<Item = Role> + 'a {
        // A group stands in one database, so that its first step speaks for all.
        let local =
            self.rules_of(said).iter().filter(move |rule| self.addressee(&rule.role).is_some_and(&here));
        local.filter_map(move |rule| rule.apply(plan))
    }

    fn rules_of(&self, said: &Said) -> &[Rule] {
        self.rules.get(&said.name()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The domain that a role addresses.
    #[must_use]
    pub fn addressee<'a>(&'a self, role: &'a Role) -> Option<&'a DomainName> {
        match role {
            Role::Act(steps) => steps.first().and_then(|step| self.runners.get(step)),
            Role::Compensate(step) => self.runners.get(step),
            Role::Hear(domain) => Some(domain),
        }
    }

    /// The domain that runs `step`.
    #[must_use]
    pub fn runner(&self, step: &Step) -> Option<&DomainName> {
        self.runners.get(step)
    }

    /// The domains whose words make one of `hearers` do something: whose logs a database must follow.
    #[must_use]
    pub fn sources(&self, hearers: &[DomainName]) -> Vec<DomainName> {
        let mut sources = BTreeSet::new();
        for (word, rules) in &self.rules {
            let heard =
                rules.iter().any(|rule| self.addressee(&rule.role).is_some_and(|d| hearers.contains(d)));
            let subject = word.split('.').next().unwrap_or_default();
            let asked = word.ends_with(".asked") || word.ends_with(".undo_asked");
            let source = match self.runners.get(&Step::new(subject)) {
                // The judge asks; participants answer.
                Some(_) if asked => DomainName::of("order"),
                Some(domain) => domain.clone(),
                None => DomainName::new(subject),
            };
            if heard {
                sources.insert(source);
            }
        }
        sources.into_iter().collect()
    }
}

impl Rule {
    fn apply(&self, plan: Option<&Plan>) -> Option<Role> {
        let has = |step: &Step| plan.is_some_and(|plan| plan.has(step));
        if self.absent.iter().any(has) {
            return None;
        }
        match &self.role {
            Role::Act(steps) if self.planned => {
                let planned: Vec<Step> = steps.iter().filter(|step| has(step)).cloned().collect();
                (!planned.is_empty()).then_some(Role::Act(planned))
            }
            Role::Compensate(step) if self.planned => has(step).then(|| self.role.clone()),
            _ => Some(self.role.clone()),
        }
    }
}

/// Every word that makes `step` act, each with the steps that must be absent for it to count: where the step before it in
/// the chain is not planned, what that one waits for counts instead.
fn triggers(topology: &Topology, step: &Step) -> Vec<(String, Vec<Step>)> {
    let mut found: Vec<(String, Vec<Step>)> = Vec::new();
    let mut open: Vec<(Step, Vec<Step>)> = vec![(step.clone(), Vec::new())];
    while let Some((step, absent)) = open.pop() {
        let Some(route) = topology.route(&step) else { continue };
        for word in &route.acts_on {
            if !found.iter().any(|(other, without)| other == word && *without == absent) {
                found.push((word.clone(), absent.clone()));
            }
            if let Some(before) = word.strip_suffix(".done").map(Step::new) {
                let mut absent = absent.clone();
                absent.push(before.clone());
                open.push((before, absent));
            }
        }
    }
    found
}
