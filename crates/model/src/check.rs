//! One topology in one world, checked.

use crate::model::ShopModel;
use crate::promises::ENDS;
use crate::rest;
use crate::story::story;
use crate::world::World;
use kernel::topology::{Inquiry, PaymentDelivery, Topology};
use stateright::{Checker, Expectation, HasDiscoveries, Model as _, Property};
use std::fmt;

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// The topology.
    pub topology: String,
    /// The world.
    pub world: &'static str,
    /// States that were generated, the same one as often as a way led to it.
    pub generated: usize,
    /// Different states.
    pub states: usize,
    /// The longest shortest way to a state, in steps.
    pub depth: usize,
    /// Different transactions that the real batch loop decided.
    pub transactions: usize,
    /// How many promises were checked.
    pub promises: usize,
    /// Each promise that is broken, with the way to it; each state that should be reachable and is not.
    pub faults: Vec<Fault>,
}

/// What is wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A promise is broken: its name, and the way there.
    Broken(&'static str, String),
    /// What should happen sometimes never does: the world shows nothing about it.
    Never(&'static str),
    /// There are more states than the world should have.
    Endless(usize),
}

/// Explores every state of the model, on `threads` threads, or until a promise is broken.
#[must_use]
pub fn check(model: &ShopModel, threads: usize) -> Report {
    let builder = model.clone().checker().threads(threads).finish_when(HasDiscoveries::AnyFailures);
    let checker = builder.target_state_count(model.world().most).spawn_bfs().join();
    let found = checker.discoveries();
    let properties = model.properties();
    let is_broken = |property: &&Property<ShopModel>| {
        property.expectation.discovery_is_failure() && found.contains_key(property.name)
    };
    let broken = properties.iter().filter(is_broken).map(|property| property.name);
    let shown = |name| counterexample(model, name).map(|story| Fault::Broken(name, story));
    let mut faults: Vec<Fault> = broken.filter_map(shown).collect();
    if faults.is_empty() && checker.state_count() >= model.world().most {
        faults.push(Fault::Endless(model.world().most));
    }
    if faults.is_empty() {
        let never = properties.iter().filter(|property| !found.contains_key(property.name));
        let never = never.filter(|property| property.expectation == Expectation::Sometimes);
        faults.extend(never.map(|property| Fault::Never(property.name)));
        let circle = if model.world().ends { rest::circle(model) } else { None };
        faults.extend(circle.map(|circle| Fault::Broken(ENDS, story(model, &circle, ENDS))));
    }
    Report {
        topology: model.deployment().name().to_owned(),
        world: model.world().name,
        generated: checker.state_count(),
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        transactions: model.turns().decided(),
        promises: properties.len() + usize::from(model.world().ends),
        faults,
    }
}

/// A shortest way to where `promise` is broken, if it is. The checker itself keeps the last way that it finds; so it is sent a step
/// further each time, and in one thread, so that the way is the same every time.
#[must_use]
pub fn counterexample(model: &ShopModel, promise: &'static str) -> Option<String> {
    for steps in 1.. {
        // It looks at the states before that depth, and the beginning's is 1.
        let checker = model.clone().checker().target_max_depth(steps + 1).spawn_bfs().join();
        if let Some(way) = checker.discovery(promise) {
            return Some(story(model, &way.into_vec(), promise));
        }
        if checker.max_depth() < steps {
            break;
        }
    }
    None
}

/// Whether `world` shows anything in `topology` that others do not: where nobody polls, a world about polling adds nothing; where
/// each step decides for itself, one about groups does not.
#[must_use]
pub fn is_about(world: &World, topology: &Topology) -> bool {
    let polls = world.may.polls == 0 || topology.inquiry == Inquiry::Poll;
    let groups = !world.groups || !topology.groups.is_empty();
    polls && groups
}

/// Whether the tests have the time for `world` in `topology`.
#[must_use]
pub fn is_small(world: &World, topology: &Topology) -> bool {
    !world.narrow || topology.payment_delivery == PaymentDelivery::Deferred
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(_, story) => f.write_str(story),
            Self::Never(name) => writeln!(f, "never: {name}"),
            Self::Endless(most) => writeln!(f, "more than {most} states, and no end of them"),
        }
    }
}
