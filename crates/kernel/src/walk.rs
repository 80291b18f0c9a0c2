//! One order's life as a topology's routes tell it, word by word: what `jumun topology show` draws. Worked out from the judge, the
//! participation rule and the routing alone, with every participant answering at once.

use crate::ids::{PaymentId, SagaId, UserId};
use crate::judge::{Announcement, Patience, Ruling, Saga, SagaStatus, Signal, StepState, StepStatus, judge};
use crate::money::{Currency, Money};
use crate::names::{DomainName, Reason, Step};
use crate::participation::{InboxState, OnAction, OnCompensation, on_action, on_compensation};
use crate::plan::Plan;
use crate::routing::{Role, Routing};
use crate::said::Said;
use crate::time::Timestamp;
use crate::topology::Topology;
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// Which life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Every planned step takes effect.
    Success,
    /// This step refuses.
    Refused(Step),
    /// The customer takes a confirmed order back.
    Cancelled,
}

/// One thing said, and what it makes whom do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Who says it.
    pub by: DomainName,
    /// What.
    pub said: Said,
    /// Whom it makes do what.
    pub to: Vec<(DomainName, Role)>,
}

/// More words than any order needs: beyond this, two steps ask each other for ever.
const MOST: usize = 1_000;

/// Everything that is said in `flow` of an order with every step of `topology`, in the order in which it is heard.
#[must_use]
pub fn walk(topology: &Topology, routing: &Routing, flow: &Flow) -> Vec<Told> {
    Walk::new(topology, routing, &topology.order, flow).play_out()
}

/// Where an order of these `steps` comes to stand in `flow`.
pub(crate) struct Ending {
    /// The saga as its judge sees it.
    pub(crate) saga: Saga,
    /// The steps that took effect, whether the judge knows or not.
    pub(crate) acted: Vec<Step>,
}

/// How `flow` ends for an order of these `steps`.
pub(crate) fn ending(topology: &Topology, routing: &Routing, steps: &[Step], flow: &Flow) -> Ending {
    let mut walk = Walk::new(topology, routing, steps, flow);
    let _ = walk.play_out();
    Ending { saga: walk.saga, acted: walk.inbox.into_keys().collect() }
}

struct Walk<'a> {
    routing: &'a Routing,
    how: crate::judge::Coordination,
    flow: &'a Flow,
    plan: Plan,
    saga: Saga,
    inbox: BTreeMap<Step, InboxState>,
    said: VecDeque<(DomainName, Said)>,
}

impl<'a> Walk<'a> {
    fn new(topology: &Topology, routing: &'a Routing, steps: &[Step], flow: &'a Flow) -> Self {
        Self {
            routing,
            how: topology.coordination(),
            flow,
            plan: plan(steps),
            saga: saga(steps),
            inbox: BTreeMap::new(),
            said: VecDeque::new(),
        }
    }

    fn play_out(&mut self) -> Vec<Told> {
        self.rule(&Signal::Start);
        let mut told = self.run();
        if *self.flow == Flow::Cancelled {
            self.rule(&Signal::Cancel);
            told.extend(self.run());
        }
        told
    }

    fn run(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        while let Some((by, said)) = self.said.pop_front().filter(|_| told.len() < MOST) {
            let roles: Vec<Role> = self.routing.roles(&said, Some(&self.plan)).collect();
            for role in &roles {
                self.follow(role, &said);
            }
            let addressed =
                roles.into_iter().filter_map(|role| Some((self.routing.addressee(&role)?.clone(), role)));
            let to = addressed.collect();
            told.push(Told { by, said, to });
        }
        told
    }

    fn follow(&mut self, role: &Role, said: &Said) {
        match role {
            Role::Act(steps) => self.act(steps, said),
            Role::Compensate(step) => self.compensate(step, said),
            Role::Hear(domain) if *domain == DomainName::of("order") => self.rule(&Signal::Heard(said)),
            Role::Hear(_) => {}
        }
    }

    /// Steps that decide as one: if any refuses, none applies.
    fn act(&mut self, steps: &[Step], said: &Said) {
        let mut prior = match said {
            Said::Done { step, prior } => prior.iter().chain([step]).cloned().collect(),
            _ => Vec::new(),
        };
        let refusing = steps.iter().find(|step| *self.flow == Flow::Refused((*step).clone()));
        for step in steps {
            let step = step.clone();
            let words = match (on_action(self.inbox.get(&step).copied()), refusing) {
                (OnAction::Decide, None) => {
                    self.inbox.insert(step.clone(), InboxState::Done);
                    Said::Done { step: step.clone(), prior: prior.clone() }
                }
                (OnAction::Decide, Some(refusing)) if *refusing == step => {
                    self.inbox.insert(step.clone(), InboxState::Refused);
                    Said::Refused { reason: reason_of(&step), step: step.clone() }
                }
                (OnAction::Decide, Some(refusing)) => {
                    self.inbox.insert(step.clone(), InboxState::Compensated);
                    Said::Compensated { step: step.clone(), cause: Some(reason_of(refusing)) }
                }
                (OnAction::SayCompensated, _) => Said::Compensated { step: step.clone(), cause: None },
                (OnAction::RepeatDone, _) => Said::Done { step: step.clone(), prior: prior.clone() },
                (OnAction::RepeatRefusal, _) => {
                    Said::Refused { reason: reason_of(&step), step: step.clone() }
                }
                (OnAction::StayQuiet, _) => continue,
            };
            prior.push(step.clone());
            self.say_by(&step, words);
        }
    }

    fn compensate(&mut self, step: &Step, said: &Said) {
        let row = self.inbox.insert(step.clone(), InboxState::Compensated);
        match on_compensation(row) {
            OnCompensation::Tombstone
            | OnCompensation::Undo
            | OnCompensation::Close
            | OnCompensation::SayCompensated => {
                self.say_by(step, Said::Compensated { step: step.clone(), cause: said.reason().cloned() });
            }
            OnCompensation::MarkUndo | OnCompensation::StayQuiet => {}
        }
    }

    fn say_by(&mut self, step: &Step, said: Said) {
        if let Some(runner) = self.routing.runner(step) {
            self.said.push_back((runner.clone(), said));
        }
    }

    fn rule(&mut self, signal: &Signal<'_>) {
        for ruling in judge(&mut self.saga, signal, &self.how, &Patience::default()) {
            let said = match ruling {
                Ruling::Announce(announcement) => announced(announcement, &self.saga),
                Ruling::Ask(step) => Said::Asked { step },
                Ruling::Undo(step, attempt) => Said::UndoAsked { step, attempt },
                Ruling::Inquire(_)
                | Ruling::WakeAfter(_)
                | Ruling::Sleep
                | Ruling::Park(_)
                | Ruling::Alert(_) => continue,
            };
            self.said.push_back((DomainName::of("order"), said));
        }
    }
}

fn announced(announcement: Announcement, saga: &Saga) -> Said {
    let reason = || saga.reason.clone().unwrap_or(Reason::TIMED_OUT);
    let (at, steps) = (Timestamp(0), Vec::new);
    match announcement {
        Announcement::Placed => Said::Placed,
        Announcement::Failing => Said::Failing { reason: reason(), steps: steps() },
        Announcement::Cancelling => Said::Cancelling,
        Announcement::Confirmed => Said::Confirmed { settled_at: at },
        Announcement::Failed => Said::Failed { reason: reason(), steps: steps() },
        Announcement::Cancelled => Said::Cancelled { confirmed_at: at, steps: steps() },
    }
}

/// What a step of the shop's refuses with, as a rule.
fn reason_of(step: &Step) -> Reason {
    match step.as_str() {
        "stock" => Reason::OUT_OF_STOCK,
        "coupon" => Reason::COUPON_INVALID,
        "point" => Reason::POINTS_SHORT,
        "payment" => Reason::PAYMENT_DECLINED,
        "delivery" => Reason::DELIVERY_FAILED,
        other => Reason::new(&format!("{}_REFUSED", other.to_uppercase())),
    }
}

fn saga(steps: &[Step]) -> Saga {
    let unknown = |step: &Step| StepState {
        name: step.clone(),
        status: StepStatus::Unknown,
        reason: None,
        attempts: 0,
        parked: false,
    };
    let steps = steps.iter().map(unknown).collect();
    Saga { status: SagaStatus::Created, reason: None, steps, inquired: false }
}

/// A plan of these steps; nothing here looks at its amounts.
fn plan(steps: &[Step]) -> Plan {
    Plan {
        saga: SagaId(Uuid::nil()),
        user: UserId(Uuid::nil()),
        lines: Vec::new(),
        coupon: None,
        total: Money::ZERO,
        points: Money::ZERO,
        card_amount: Money::ZERO,
        currency: Currency::KRW,
        payment: PaymentId(Uuid::nil()),
        card: None,
        steps: steps.to_vec(),
        extras: BTreeMap::new(),
    }
}
