//! Topologies compiled: who does what when something is said.

use crate::script::joined;
use crate::shop::{
    MONOLITH, ORCHESTRATED_CALLS, ORCHESTRATED_MESSAGES, SEVEN_SERVICES, known, plan, routing, shipped,
    steps, topology,
};
use jumun_kernel::routing::{Role, Routing};
use jumun_kernel::{DomainName, Plan, Reason, Said, Step, Timestamp};
use std::collections::BTreeSet;

const CHAIN: [&str; 4] = ["stock", "coupon", "point", "payment"];

fn done(step: &Step) -> Said {
    Said::Done { step: step.clone(), prior: Vec::new() }
}

fn refused(step: &Step) -> Said {
    Said::Refused { step: step.clone(), reason: Reason::OUT_OF_STOCK }
}

/// `act stock+coupon`, `compensate stock`, `order hears`.
fn shown(role: &Role) -> String {
    match role {
        Role::Act(steps) => format!("act {}", joined(steps, "+")),
        Role::Compensate(step) => format!("compensate {step}"),
        Role::Hear(domain) => format!("{domain} hears"),
    }
}

fn roles(routing: &Routing, said: &Said, plan: &Plan) -> BTreeSet<String> {
    routing.roles(said, Some(plan)).map(|role| shown(&role)).collect()
}

/// What acts after what, from the announcement until nobody acts any more. What acts as one stands together.
fn walk(routing: &Routing, plan: &Plan) -> Vec<Vec<Step>> {
    let (mut acted, mut open) = (Vec::new(), vec![Said::Placed]);
    while let Some(said) = open.pop() {
        for role in routing.roles(&said, Some(plan)) {
            if let Role::Act(steps) = role {
                open.extend(steps.iter().map(done));
                acted.push(steps);
            }
        }
    }
    acted
}

/// Every choice among `names`, the whole and the empty one too.
fn subsets(names: &[&str]) -> Vec<Vec<Step>> {
    let choose = |mask: usize| {
        let chosen = names.iter().enumerate().filter(|(n, _)| mask & (1 << n) != 0);
        chosen.map(|(_, name)| Step::new(name)).collect()
    };
    (0..1 << names.len()).map(choose).collect()
}

#[test]
fn a_chain_skips_every_step_that_the_order_lacks() {
    let routing = routing(&topology(SEVEN_SERVICES));
    for planned in subsets(&CHAIN) {
        let each_alone: Vec<Vec<Step>> = planned.iter().map(|step| vec![step.clone()]).collect();
        assert_eq!(walk(&routing, &plan(&planned)), each_alone, "planned: {planned:?}");
    }
}

#[test]
fn a_refusal_in_the_chain_is_heard_by_every_earlier_step_and_by_order() {
    let routing = routing(&topology(SEVEN_SERVICES));
    for planned in subsets(&CHAIN) {
        for (place, step) in planned.iter().enumerate() {
            let earlier = planned[..place].iter().map(|step| format!("compensate {step}"));
            let expected: BTreeSet<String> = earlier.chain(["order hears".to_owned()]).collect();
            assert_eq!(roles(&routing, &refused(step), &plan(&planned)), expected, "{step} of {planned:?}");
        }
    }
}

#[test]
fn the_judges_words_reach_every_planned_step_in_every_topology() {
    for (name, text) in shipped() {
        let topology = topology(&text);
        let routing = routing(&topology);
        let plan = plan(&topology.order);
        for step in &topology.order {
            let wish = BTreeSet::from([format!("compensate {step}")]);
            let asked = Said::UndoAsked { step: step.clone(), attempt: 1 };
            assert_eq!(roles(&routing, &asked, &plan), wish, "{name}: {step}");
            let judged = roles(&routing, &refused(step), &plan).contains("order hears");
            let listened_to = topology.refusals_judged_on.contains(step);
            assert_eq!(judged, listened_to, "{name}: a refusal of {step}");
            let compensated = Said::Compensated { step: step.clone(), cause: None };
            assert!(roles(&routing, &compensated, &plan).contains("order hears"), "{name}: {step}");
        }
    }
}

#[test]
fn a_refusal_that_the_judge_does_not_hear_reaches_it_through_a_step_that_gives_back() {
    let routing = routing(&topology(ORCHESTRATED_MESSAGES));
    let plan = plan(&steps(&["point", "stock", "payment"]));
    assert_eq!(
        roles(&routing, &refused(&Step::STOCK), &plan),
        BTreeSet::from(["compensate point".to_owned()])
    );
    let told = Said::Compensated { step: Step::POINT, cause: Some(Reason::OUT_OF_STOCK) };
    assert_eq!(roles(&routing, &told, &plan), BTreeSet::from(["order hears".to_owned()]));
}

#[test]
fn a_group_is_asked_for_as_one() {
    let routing = routing(&topology(ORCHESTRATED_MESSAGES));
    for (planned, acts) in [(&["point", "coupon"][..], "act point+coupon"), (&["point"], "act point")] {
        let asked = Said::Asked { step: Step::POINT };
        assert_eq!(roles(&routing, &asked, &plan(&steps(planned))), BTreeSet::from([acts.to_owned()]));
    }
}

#[test]
fn the_monolith_decides_its_planned_steps_as_one_group() {
    let routing = routing(&topology(MONOLITH));
    for planned in subsets(&CHAIN).into_iter().filter(|planned| !planned.is_empty()) {
        assert_eq!(walk(&routing, &plan(&planned)), std::slice::from_ref(&planned));
    }
    assert_eq!(walk(&routing, &plan(&[])), Vec::<Vec<Step>>::new());
}

#[test]
fn followers_follow_what_is_final_and_need_no_place_in_the_plan() {
    for text in [MONOLITH, SEVEN_SERVICES] {
        let routing = routing(&topology(text));
        let plan = plan(&steps(&["stock", "payment"]));
        let confirmed = Said::Confirmed { settled_at: Timestamp(0) };
        let cancelled = Said::Cancelled { confirmed_at: Timestamp(0), steps: Vec::new() };
        let failed = Said::Failed { reason: Reason::TIMED_OUT, steps: Vec::new() };
        assert!(roles(&routing, &confirmed, &plan).contains("act sales"));
        assert!(roles(&routing, &cancelled, &plan).contains("compensate sales"));
        assert_eq!(
            roles(&routing, &failed, &plan),
            BTreeSet::from(["data-platform hears".to_owned(), "read-model hears".to_owned()])
        );
        let late = Said::Refused { step: Step::SALES, reason: Reason::TIMED_OUT };
        assert_eq!(roles(&routing, &late, &plan), BTreeSet::new(), "a follower cannot fail the order");
    }
}

#[test]
fn a_top_ups_credit_acts_in_every_topology() {
    for (name, text) in shipped() {
        let routing = routing(&topology(&text));
        let top_up = plan(&steps(&["charge", "credit"]));
        let credit = BTreeSet::from(["act credit".to_owned()]);
        assert_eq!(roles(&routing, &done(&Step::CHARGE), &top_up), credit, "{name}");
        assert_eq!(
            roles(&routing, &Said::Asked { step: Step::CREDIT }, &top_up),
            credit,
            "{name}: asked again"
        );
        let answer = BTreeSet::from(["payment hears".to_owned()]);
        assert_eq!(roles(&routing, &done(&Step::CREDIT), &top_up), answer, "{name}: payment judges it");
    }
}

#[test]
fn commands_make_their_step_act_and_nothing_else_does() {
    let routing = routing(&topology(ORCHESTRATED_CALLS));
    let plan = plan(&steps(&["stock", "payment"]));
    assert_eq!(walk(&routing, &plan), Vec::<Vec<Step>>::new());
    for step in ["stock", "payment"] {
        let asked = Said::Asked { step: Step::new(step) };
        assert_eq!(roles(&routing, &asked, &plan), BTreeSet::from([format!("act {step}")]));
        assert_eq!(
            roles(&routing, &done(&Step::new(step)), &plan),
            BTreeSet::from(["order hears".to_owned()])
        );
    }
    let unplanned = Said::Asked { step: Step::COUPON };
    assert_eq!(roles(&routing, &unplanned, &plan), BTreeSet::new());
}

/// Whose logs each database of `text` follows, its own among them where its domains tell each other.
#[track_caller]
fn check_sources(text: &str, expected: &[(&str, &str)]) {
    let topology = topology(text);
    let routing = routing(&topology);
    for database in topology.databases() {
        let (_, wanted) = expected.iter().find(|(name, _)| *name == database.name).unwrap();
        let mut sources = routing.sources(&database.domains);
        sources.sort();
        assert_eq!(joined(&sources, " "), *wanted, "{}", database.name);
    }
}

#[test]
fn a_database_follows_exactly_the_logs_that_matter_to_it() {
    check_sources(
        SEVEN_SERVICES,
        &[
            ("user", ""),
            ("product", "coupon order payment point"),
            ("coupon", "order payment point product"),
            ("point", "coupon order payment product"),
            ("order", "coupon payment point product"),
            ("payment", "coupon order point product"),
            ("ranking", "order"),
            ("order-read-model", "order"),
            ("order-data-platform", "order"),
        ],
    );
    check_sources(MONOLITH, &[("shop", "coupon order payment point product")]);
}

#[test]
fn nobody_is_addressed_who_is_not_placed() {
    let placed: BTreeSet<DomainName> = known().domains.into_keys().collect();
    for (name, text) in shipped() {
        let topology = topology(&text);
        let routing = routing(&topology);
        for said in vocabulary(&topology.order) {
            for role in routing.roles(&said, Some(&plan(&topology.order))) {
                let addressee = routing.addressee(&role);
                assert!(addressee.is_some_and(|domain| placed.contains(domain)), "{name}: {role:?}");
            }
        }
    }
}

/// Everything that can be said of a saga of `steps`, in the order in which it is.
fn vocabulary(steps: &[Step]) -> Vec<Said> {
    let (reason, at) = (Reason::TIMED_OUT, Timestamp(0));
    let mut words = vec![
        Said::Created,
        Said::Placed,
        Said::Confirmed { settled_at: at },
        Said::Failing { reason: reason.clone(), steps: Vec::new() },
        Said::Failed { reason, steps: Vec::new() },
        Said::Cancelling,
        Said::Cancelled { confirmed_at: at, steps: Vec::new() },
    ];
    for step in steps.iter().cloned() {
        words.push(Said::Asked { step: step.clone() });
        words.push(Said::Pending { step: step.clone() });
        words.push(done(&step));
        words.push(refused(&step));
        words.push(Said::UndoAsked { step: step.clone(), attempt: 1 });
        words.push(Said::Compensated { step: step.clone(), cause: None });
        words.push(Said::Stuck { step, error: "no".into() });
    }
    words
}

/// All rules of a topology, for a plan with every step.
fn rules(text: &str) -> String {
    let topology = topology(text);
    let (routing, plan) = (routing(&topology), plan(&topology.order));
    let line = |said: &Said| {
        let roles: Vec<String> = routing.roles(said, Some(&plan)).map(|role| shown(&role)).collect();
        (!roles.is_empty()).then(|| format!("{}: {}", said.name(), roles.join(", ")))
    };
    vocabulary(&topology.order).iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_rules_of_every_topology_that_ships() {
    for (name, text) in shipped() {
        insta::assert_snapshot!(name.as_str(), rules(&text));
    }
}
