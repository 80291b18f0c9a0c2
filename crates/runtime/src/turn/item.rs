//! One thing to decide within a batch, and who decides it.

use crate::message::{LetterOrder, Message, SetAside};
use crate::ports::store::Meta;
use crate::prune;
use kernel::ids::{LetterId, UserId};
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::participation::{self, Inbox, InboxState};
use kernel::routing::Role;
use kernel::{
    Cx, DecideError, Domain, DomainName, Heard, Input, Key, Keys, Participant, Plan, Said, Step, Table,
    Timestamp, Trace, WorkingSet,
};
use rustc_hash::FxHashMap;
use std::any::Any;
use std::sync::Arc;
use uuid::Uuid;

/// One thing to decide.
pub(super) struct Item<'w> {
    /// The work that led to it.
    pub(super) origin: usize,
    pub(super) trace: Trace,
    pub(super) what: What<'w>,
}

pub(super) enum What<'w> {
    Command {
        domain: DomainName,
        body: &'w (dyn Any + Send + Sync),
    },
    Due {
        domain: DomainName,
        table: &'static Table,
        key: &'w Key,
        at: Timestamp,
    },
    Message {
        role: Role,
        message: Arc<Message>,
    },
    Letter {
        id: LetterId,
        order: &'w LetterOrder,
        by: UserId,
    },
    /// A letter that its own domain handles.
    Handled {
        letter: Box<DeadLetter>,
        redrive: bool,
    },
    /// A compensation that an operator declares done.
    Declared {
        step: Step,
        message: Arc<Message>,
    },
}

/// The engine's parts that deciding needs.
pub(super) struct Parts<'a> {
    pub(super) domains: &'a [Arc<dyn Domain>],
    pub(super) homes: &'a FxHashMap<DomainName, usize>,
    pub(super) steps: &'a FxHashMap<Step, (usize, usize)>,
    pub(super) horizon: Option<Uuid>,
    pub(super) now: Timestamp,
}

impl<'a> Parts<'a> {
    fn domain(&self, name: &DomainName) -> Result<&'a dyn Domain, DecideError> {
        let home = self
            .homes
            .get(name)
            .ok_or_else(|| DecideError::Impossible(format!("domain `{name}` is not in this database")))?;
        Ok(self.domains[*home].as_ref())
    }

    fn participant(&self, step: &Step) -> Result<(&'a dyn Domain, &'a dyn Participant), DecideError> {
        let missing = || DecideError::Impossible(format!("no domain of this database runs step `{step}`"));
        let (home, index) = self.steps.get(step).ok_or_else(missing)?;
        let domain = self.domains[*home].as_ref();
        let participant = domain.participants().into_iter().nth(*index).ok_or_else(missing)?;
        Ok((domain, participant))
    }

    /// Names the stored horizon, if it may be further than the saga: then nobody moves it until this batch is committed.
    fn horizon_keys(&self, plan: &Plan, keys: &mut Keys) {
        if prune::may_be_pruned(plan.saga.0, self.now) {
            keys.want::<Meta>(prune::horizon_key());
        }
    }

    fn check_horizon(&self, plan: &Plan, state: &WorkingSet) -> Result<(), DecideError> {
        let mut horizon = self.horizon;
        if prune::may_be_pruned(plan.saga.0, self.now)
            && let Some(meta) = state.get::<Meta>(prune::horizon_key())?
        {
            let stored = prune::read_horizon(&meta);
            horizon = horizon.max(Some(stored.map_err(|error| DecideError::Impossible(error.to_string()))?));
        }
        match horizon {
            Some(horizon) if plan.saga.0 < horizon => Err(DecideError::Impossible(BELOW_HORIZON.to_owned())),
            _ => Ok(()),
        }
    }
}

/// What a message for a pruned saga fails with.
pub(super) const BELOW_HORIZON: &str = "its saga is below the horizon: its inbox rows are pruned";

/// Names the rows that deciding `item` may read.
pub(super) fn keys(parts: &Parts<'_>, item: &Item<'_>, keys: &mut Keys) -> Result<(), DecideError> {
    match &item.what {
        What::Command { domain, body } => parts.domain(domain)?.keys(&Input::Command(*body), keys),
        What::Due { domain, table, key, .. } => {
            keys.want_row(table, (*key).clone());
            parts.domain(domain)?.keys(&Input::Due { table, key }, keys)
        }
        What::Message { role: Role::Act(steps), message } => {
            let heard = message.heard();
            let plan = heard.need_plan()?;
            parts.horizon_keys(plan, keys);
            for step in steps {
                participation::keys(parts.participant(step)?.1, &heard, plan, keys);
            }
            Ok(())
        }
        What::Message { role: Role::Compensate(step), message } => {
            let heard = message.heard();
            let plan = heard.need_plan()?;
            parts.horizon_keys(plan, keys);
            participation::keys(parts.participant(step)?.1, &heard, plan, keys);
            Ok(())
        }
        What::Message { role: Role::Hear(domain), message } => {
            parts.domain(domain)?.keys(&Input::Heard(message.heard()), keys)
        }
        What::Letter { id, .. } => {
            keys.want::<DeadLetter>((*id,));
            Ok(())
        }
        What::Handled { letter, redrive } => {
            parts.domain(&letter.domain)?.keys(&handled(letter, *redrive), keys)
        }
        What::Declared { step, message } => {
            keys.want::<Inbox>((message.heard().need_plan()?.saga, step.clone()));
            Ok(())
        }
    }
}

fn handled(letter: &DeadLetter, redrive: bool) -> Input<'_> {
    if redrive { Input::Redriven(letter) } else { Input::Resolved(letter) }
}

/// Decides one item. A panic of a decider is a fault like any other: it must not take its neighbours along.
pub(super) fn decide_caught<'w>(
    parts: &Parts<'_>,
    item: &Item<'w>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<Vec<Item<'w>>, String> {
    let deciding = std::panic::AssertUnwindSafe(|| decide(parts, item, state, cx));
    match std::panic::catch_unwind(deciding) {
        Ok(decided) => decided.map_err(|error| error.to_string()),
        Err(_) => Err("the decider panicked".to_owned()),
    }
}

fn decide<'w>(
    parts: &Parts<'_>,
    item: &Item<'w>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<Vec<Item<'w>>, DecideError> {
    match &item.what {
        What::Command { domain, body } => parts.domain(domain)?.decide(&Input::Command(*body), state, cx)?,
        What::Due { domain, table, key, at } => {
            let domain = parts.domain(domain)?;
            if is_still_due(domain, table, key, *at, state)? {
                domain.decide(&Input::Due { table, key }, state, cx)?;
            }
        }
        What::Message { role, message } => decide_message(parts, role, &message.heard(), state, cx)?,
        What::Letter { id, order, by } => return open_letter(item, *id, order, *by, state, cx),
        What::Handled { letter, redrive } => {
            parts.domain(&letter.domain)?.decide(&handled(letter, *redrive), state, cx)?;
        }
        What::Declared { step, message } => declare(parts, step, &message.heard(), state, cx)?,
    }
    Ok(Vec::new())
}

fn decide_message(
    parts: &Parts<'_>,
    role: &Role,
    heard: &Heard<'_>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    match role {
        Role::Act(steps) => {
            parts.check_horizon(heard.need_plan()?, state)?;
            let found: Vec<(DomainName, &dyn Participant)> = steps
                .iter()
                .map(|step| parts.participant(step).map(|(domain, participant)| (domain.name(), participant)))
                .collect::<Result<_, _>>()?;
            let group: Vec<(&DomainName, &dyn Participant)> =
                found.iter().map(|(name, p)| (name, *p)).collect();
            participation::act(&group, heard, state, cx)
        }
        Role::Compensate(step) => {
            parts.check_horizon(heard.need_plan()?, state)?;
            let (domain, participant) = parts.participant(step)?;
            participation::compensate(&domain.name(), participant, heard, state, cx)
        }
        Role::Hear(domain) => parts.domain(domain)?.decide(&Input::Heard(*heard), state, cx),
    }
}

/// A timer is an echo of the row's column; if the column says otherwise now, the echo is stale.
fn is_still_due(
    domain: &dyn Domain,
    table: &'static Table,
    key: &Key,
    at: Timestamp,
    state: &WorkingSet,
) -> Result<bool, DecideError> {
    let Some(row) = state.raw(table, key)? else { return Ok(false) };
    let due = domain.due();
    let mut columns =
        due.iter().filter(|due| due.table.name == table.name).filter_map(|due| table.column(due.column));
    Ok(columns.any(|column| row.get(column) == Some(&kernel::Value::Int(at.0))))
}

/// An operator's order about a letter: what was set aside is decided in the next round; what a domain raised, it handles.
fn open_letter<'w>(
    item: &Item<'w>,
    id: LetterId,
    order: &LetterOrder,
    by: UserId,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<Vec<Item<'w>>, DecideError> {
    let letter: Option<DeadLetter> = state.get((id,))?;
    let Some(mut letter) = letter.filter(|letter| letter.status == LetterStatus::Open) else {
        cx.reply::<Option<DeadLetter>>(None);
        return Ok(Vec::new());
    };
    letter.handled_by = Some(by.0);
    letter.last_at = cx.now;
    letter.attempts += 1;
    let aside: Option<SetAside> = letter.message.as_deref().map(serde_json::from_str).transpose()?;
    let redrive = match order {
        LetterOrder::Redrive => true,
        LetterOrder::Resolve(note) => {
            letter.note = Some(note.clone());
            letter.status = LetterStatus::Resolved;
            false
        }
    };
    let next = match aside {
        Some(SetAside { message, role }) => {
            let (role, message) = (Role::from(role), Arc::new(message));
            if redrive {
                letter.status = LetterStatus::Redriven;
            }
            match role {
                role if redrive => Some(What::Message { role, message }),
                Role::Compensate(step) => Some(What::Declared { step, message }),
                Role::Act(_) | Role::Hear(_) => None,
            }
        }
        None => Some(What::Handled { letter: Box::new(letter.clone()), redrive }),
    };
    state.put(&letter);
    cx.reply(Some(letter));
    Ok(next.map(|what| Item { origin: item.origin, trace: item.trace, what }).into_iter().collect())
}

/// An operator declares a compensation done: the row says so, and the judge hears it.
fn declare(
    parts: &Parts<'_>,
    step: &Step,
    heard: &Heard<'_>,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> Result<(), DecideError> {
    let plan = heard.need_plan()?;
    let by = parts.participant(step)?.0.name();
    let cause = heard.said.reason().cloned();
    let row: Option<Inbox> = state.get((plan.saga, step.clone()))?;
    let row = match row {
        Some(row) => Inbox { state: InboxState::Compensated, held: None, at: cx.now, ..row },
        None => Inbox {
            saga: plan.saga,
            step: step.clone(),
            state: InboxState::Compensated,
            receipt: None,
            reason: cause.clone(),
            held: None,
            at: cx.now,
        },
    };
    state.put(&row);
    cx.trace = Trace::default();
    cx.say(by, plan, Said::Compensated { step: step.clone(), cause });
    Ok(())
}
