//! One batch, from work to commit.
//!
//! Rounds: what is said by a domain of this database is heard by its neighbours in a further round of the same transaction, so
//! the number of store calls depends on rounds and tables and never on the batch's size.

mod failure;
mod item;

use crate::fence::Token;
use crate::message::{Message, Work};
use crate::ports::store::{Cursor, Intent, LogRow, Position, Store, StoreError};
use crate::worker::ahead;
use failure::Failure;
use item::{Item, What};
use kernel::domain::{Alert, OutsideCall, Speech, Withdrawn};
use kernel::ids::Ids;
use kernel::routing::Routing;
use kernel::said::Entry;
use kernel::state::Write;
use kernel::{Cx, Domain, DomainName, Key, Keys, Plan, Said, SaidEvent, Step, Table, Timestamp, WorkingSet};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A batch cannot ping-pong for ever between domains of one database.
const MOST_ROUNDS: usize = 32;

/// The deciding half of one database: its domains and what they hear. Holds no connection and reads no clock.
pub struct Engine {
    name: SmolStr,
    domains: Vec<Arc<dyn Domain>>,
    homes: FxHashMap<DomainName, usize>,
    steps: FxHashMap<Step, (usize, usize)>,
    routing: Arc<Routing>,
    ids: Box<dyn Ids + Send>,
    /// Sagas with ids below this are pruned: their messages are dead letters, never "none". The stored one may be further, if
    /// another instance prunes: it is looked at where that could matter.
    horizon: Option<Uuid>,
    /// What its batches are written under.
    token: Token,
}

/// What a committed batch leaves to do.
#[derive(Default)]
pub struct Turn {
    /// Answers by the index of the work they answer.
    pub replies: Vec<(usize, Box<dyn Any + Send>)>,
    /// Where the first of these log rows stands, or the next would.
    pub first: Position,
    /// The log rows that were committed.
    pub entries: Vec<(Position, Arc<Entry>)>,
    /// Outside calls to start now.
    pub calls: Vec<OutsideCall>,
    /// What domains are told in place of answers to calls that the batch asked for and then took back.
    pub withdrawn: Vec<(DomainName, Withdrawn)>,
    /// Alerts to raise.
    pub alerts: Vec<Alert>,
    /// Rows that will fall due.
    pub due: Vec<DueRow>,
    /// Rows that were written and do not fall due, or no longer.
    pub undue: Vec<(&'static Table, Key)>,
    /// Rounds that it took.
    pub rounds: usize,
    /// Rows that were written, besides the log's.
    pub rows: usize,
    /// Whether anything was committed; a batch of nothing relevant is not.
    pub committed: bool,
}

/// A batch that did not end in a commit, as far as is known.
pub struct Failed {
    /// What the store says.
    pub error: StoreError,
    /// What the batch leaves to do if it was committed all the same: [`Store::settle`] knows, [`Turn::placed`] completes it. None if
    /// it cannot have been.
    pub unsettled: Option<Box<Turn>>,
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self { error, unsettled: None }
    }
}

impl Turn {
    /// Committed, with its first log row at `first`.
    #[must_use]
    pub fn placed(mut self, first: Position) -> Self {
        (self.first, self.committed) = (first, true);
        for (position, (place, _)) in (first.0..).zip(&mut self.entries) {
            *place = Position(position);
        }
        self
    }
}

/// A row whose due column was written.
#[derive(Clone, Debug)]
pub struct DueRow {
    /// Whose.
    pub domain: DomainName,
    /// The table.
    pub table: &'static Table,
    /// The row.
    pub key: Key,
    /// When.
    pub at: Timestamp,
}

/// A batch being decided.
struct Batch<'w> {
    now: Timestamp,
    state: WorkingSet,
    turn: Turn,
    log: Vec<Entry>,
    log_index: FxHashMap<Uuid, usize>,
    next: Vec<Item<'w>>,
    failures: Vec<Failure>,
}

impl Engine {
    /// The engine of database `name`, which holds `domains`.
    pub fn new(
        name: &str,
        domains: Vec<Arc<dyn Domain>>,
        routing: Arc<Routing>,
        ids: Box<dyn Ids + Send>,
    ) -> Self {
        let homes = domains.iter().enumerate().map(|(at, domain)| (domain.name(), at)).collect();
        let mut steps = FxHashMap::default();
        for (at, domain) in domains.iter().enumerate() {
            for (index, participant) in domain.participants().iter().enumerate() {
                steps.insert(participant.step(), (at, index));
            }
        }
        let (horizon, token) = (None, Token::None);
        Self { name: SmolStr::new(name), domains, homes, steps, routing, ids, horizon, token }
    }

    /// From now on its batches are written under this token.
    pub fn set_token(&mut self, token: Token) {
        self.token = token;
    }

    /// Sagas below `horizon` are pruned from now on.
    pub fn set_horizon(&mut self, horizon: Uuid) {
        self.horizon = self.horizon.max(Some(horizon));
    }

    /// Decides `work` in one transaction and commits it. With `set_aside`, its messages are not decided but become dead letters
    /// with that error: how a message whose rows the store rejects leaves its neighbours alone.
    ///
    /// # Errors
    /// What the store says; the same work may be run again unless it turns out that this run was committed.
    pub fn turn(
        &mut self,
        store: &mut dyn Store,
        work: &[Work],
        now: Timestamp,
        set_aside: Option<&str>,
    ) -> Result<Turn, Failed> {
        let mut batch = Batch::new(now);
        let (items, due) = self.items(work);
        let cursors = last_positions(work);
        if items.is_empty() && due.is_empty() {
            return Ok(batch.turn);
        }
        store.begin()?;
        let decided = self.token.check(&self.name, store, &mut batch.state).and_then(|token| {
            self.decide_all(store, &mut batch, items, due, set_aside)?;
            Ok((token, ahead(store, cursors)?))
        });
        let (token, cursors) = match decided {
            Ok(decided) => decided,
            Err(error) => {
                store.roll_back();
                return Err(error.into());
            }
        };
        for cursor in cursors {
            batch.state.put(&cursor);
        }
        let turn = self.commit(store, batch)?;
        self.token = token;
        Ok(turn)
    }

    fn decide_all<'w>(
        &mut self,
        store: &mut dyn Store,
        batch: &mut Batch<'w>,
        mut items: Vec<Item<'w>>,
        mut due: Vec<Item<'w>>,
        mut set_aside: Option<&str>,
    ) -> Result<(), StoreError> {
        loop {
            // What has fallen due comes after everything that follows from answers: an answer beats its deadline.
            if items.is_empty() {
                items = std::mem::take(&mut due);
            }
            if items.is_empty() {
                break;
            }
            batch.turn.rounds += 1;
            if batch.turn.rounds > MOST_ROUNDS {
                return Err(StoreError::Unusable(format!(
                    "{}: a batch went round more than {MOST_ROUNDS} times",
                    self.name
                )));
            }
            let items_now = match set_aside.take() {
                Some(error) => {
                    batch.set_aside(&items, error, &self.routing, &self.homes);
                    Vec::new()
                }
                None => self.load(store, batch, items)?,
            };
            for item in items_now {
                self.decide_one(batch, &item);
            }
            items = std::mem::take(&mut batch.next);
        }
        self.withdraw(batch);
        failure::write_letters(store, batch, &self.routing)
    }

    /// A call starts only if what was decided after it in the same batch still asks for it.
    fn withdraw(&self, batch: &mut Batch<'_>) {
        let Batch { turn, state, .. } = batch;
        turn.calls.retain(|call| {
            let domain = self.homes.get(&call.by).and_then(|at| self.domains.get(*at));
            match domain.map(|domain| domain.withdraw(call, state)) {
                Some(Ok(Some(instead))) => {
                    turn.withdrawn.push((call.by.clone(), instead));
                    false
                }
                // Whoever cannot say so makes the call: its answer is decided like any other.
                Some(Ok(None) | Err(_)) | None => true,
            }
        });
    }

    /// One load per table for everything that these items may read. Items whose keys do not read become failures.
    fn load<'w>(
        &self,
        store: &mut dyn Store,
        batch: &mut Batch<'w>,
        items: Vec<Item<'w>>,
    ) -> Result<Vec<Item<'w>>, StoreError> {
        let mut named = Keys::default();
        let mut readable = Vec::with_capacity(items.len());
        for item in items {
            match self.keys(batch.now, &item, &mut named) {
                Ok(()) => readable.push(item),
                Err(error) => batch.failures.push(Failure::of(&item, &error.to_string())),
            }
        }
        let mut by_table: BTreeMap<&'static str, (&'static Table, Vec<Key>)> = BTreeMap::new();
        for (table, key) in named.take() {
            if !batch.state.knows(table, &key) {
                by_table.entry(table.name).or_insert_with(|| (table, Vec::new())).1.push(key);
            }
        }
        for (table, mut keys) in by_table.into_values() {
            // Mostly in order already (ids ascend in time), which a stable sort makes use of.
            keys.sort();
            keys.dedup();
            let intent = if named.claims(table) { Intent::Claim } else { Intent::Change };
            for row in store.load(table, &keys, intent)? {
                batch.state.offer(table, Key::of_row(table, &row), Some(row));
            }
            for key in keys {
                batch.state.offer(table, key, None);
            }
        }
        Ok(readable)
    }

    /// Decides one item; a fault discards its changes and leaves its neighbours alone.
    fn decide_one<'w>(&mut self, batch: &mut Batch<'w>, item: &Item<'w>) {
        let checkpoint = batch.state.checkpoint();
        let Self { domains, homes, steps, routing, ids, horizon, .. } = self;
        let parts = item::Parts { domains, homes, steps, horizon: *horizon, now: batch.now };
        let mut cx = Cx::new(batch.now, item.trace, ids.as_mut());
        let outcome = item::decide_caught(&parts, item, &mut batch.state, &mut cx);
        match outcome {
            Ok(follow_ups) => {
                let effects = cx.effects;
                batch.next.extend(follow_ups);
                batch.turn.calls.extend(effects.calls);
                batch.turn.alerts.extend(effects.alerts);
                if let Some(reply) = effects.reply {
                    batch.turn.replies.push((item.origin, reply));
                }
                for speech in effects.says {
                    batch.say(speech, item.origin, routing, homes);
                }
            }
            Err(error) => {
                batch.state.roll_back(checkpoint);
                batch.fail(item, &error, routing, homes);
            }
        }
    }

    fn keys(&self, now: Timestamp, item: &Item<'_>, keys: &mut Keys) -> Result<(), kernel::DecideError> {
        let parts = item::Parts {
            domains: &self.domains,
            homes: &self.homes,
            steps: &self.steps,
            horizon: self.horizon,
            now,
        };
        item::keys(&parts, item, keys)
    }

    fn commit(&self, store: &mut dyn Store, batch: Batch<'_>) -> Result<Turn, Failed> {
        let Batch { now, state, mut turn, log, .. } = batch;
        let writes = state.into_writes();
        let mut rows = Vec::with_capacity(log.len());
        for entry in &log {
            let body = serde_json::to_string(entry).map_err(|error| {
                StoreError::Rejected(format!("log row of {} cannot be written: {error}", entry.key))
            })?;
            rows.push(LogRow { key: entry.key, at: now, body: body.into() });
        }
        turn.rows = writes.len();
        turn.entries = log.into_iter().map(|entry| (Position(0), Arc::new(entry))).collect();
        self.note_due(&writes, &mut turn);
        match store.commit(&writes, &rows) {
            Ok(first) => Ok(turn.placed(first)),
            Err(error @ StoreError::Rejected(_)) => Err(error.into()),
            Err(error) => Err(Failed { error, unsettled: Some(Box::new(turn)) }),
        }
    }

    /// Notes which of the written rows fall due, and which do not any more.
    fn note_due(&self, writes: &[Write], turn: &mut Turn) {
        for domain in &self.domains {
            for due in domain.due() {
                let Some(column) = due.table.column(due.column) else { continue };
                for write in writes.iter().filter(|write| write.table.name == due.table.name) {
                    let (table, key) = (due.table, write.key.clone());
                    match write.row.as_ref().and_then(|row| row.get(column)) {
                        Some(kernel::Value::Int(at)) => {
                            let (domain, at) = (domain.name(), Timestamp(*at));
                            turn.due.push(DueRow { domain, table, key, at });
                        }
                        _ => turn.undue.push((table, key)),
                    }
                }
            }
        }
    }

    /// What is decided first, commands and messages, and what has fallen due.
    fn items<'w>(&self, work: &'w [Work]) -> (Vec<Item<'w>>, Vec<Item<'w>>) {
        let mut items = Vec::with_capacity(work.len());
        let mut due = Vec::new();
        for (origin, work) in work.iter().enumerate() {
            match work {
                Work::Command { domain, body, trace, .. } => {
                    items.push(Item {
                        origin,
                        trace: *trace,
                        what: What::Command { domain: domain.clone(), body: body.as_ref() },
                    });
                }
                Work::Delivery(delivery) => {
                    let Entry { key, at, trace, plan, events, .. } = delivery.entry.as_ref();
                    for event in events {
                        let message = || Message::of_event(event, *key, *at, *trace, plan.as_ref());
                        let (said, plan) = (&event.said, plan.as_deref());
                        items.extend(local_items(&self.routing, &self.homes, said, plan, origin, message));
                    }
                }
                Work::Due { domain, table, key, at } => {
                    let what = What::Due { domain: domain.clone(), table, key, at: *at };
                    due.push(Item { origin, trace: kernel::Trace::default(), what });
                }
                Work::Letter { id, order, by, .. } => {
                    let what = What::Letter { id: *id, order, by: *by };
                    items.push(Item { origin, trace: kernel::Trace::default(), what });
                }
            }
        }
        (items, due)
    }

    /// Whether a log row makes any domain here do anything.
    #[must_use]
    pub fn concerns(&self, entry: &Entry) -> bool {
        entry.events.iter().any(|event| {
            let here = |domain: &DomainName| self.homes.contains_key(domain);
            self.routing.roles_of(&event.said, entry.plan.as_deref(), here).next().is_some()
        })
    }

    /// The domains here.
    #[must_use]
    pub fn domains(&self) -> &[Arc<dyn Domain>] {
        &self.domains
    }
}

impl<'w> Batch<'w> {
    fn new(now: Timestamp) -> Self {
        Self {
            now,
            state: WorkingSet::default(),
            turn: Turn::default(),
            log: Vec::new(),
            log_index: FxHashMap::default(),
            next: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Something was said: into the log row of its key, and to the neighbours in the next round.
    fn say(
        &mut self,
        speech: Speech,
        origin: usize,
        routing: &Routing,
        homes: &FxHashMap<DomainName, usize>,
    ) {
        let Speech { by, key, trace, plan, said } = speech;
        let at = *self.log_index.entry(key).or_insert_with(|| {
            self.log.push(Entry {
                v: Entry::VERSION,
                key,
                at: self.now,
                trace,
                plan: None,
                events: Vec::new(),
            });
            self.log.len() - 1
        });
        let entry = &mut self.log[at];
        if plan.is_some() {
            entry.plan.clone_from(&plan);
        }
        let said = SaidEvent { by, said };
        let message = || Message::of_event(&said, key, self.now, trace, plan.as_ref());
        self.next.extend(local_items(routing, homes, &said.said, plan.as_deref(), origin, message));
        entry.events.push(said);
    }

    /// Messages become failures; nothing of them is decided.
    fn set_aside(
        &mut self,
        items: &[Item<'w>],
        error: &str,
        routing: &Routing,
        homes: &FxHashMap<DomainName, usize>,
    ) {
        for item in items {
            self.fail(item, error, routing, homes);
        }
    }

    /// One item could not be decided; if it was a compensation, the judge hears of it.
    fn fail(
        &mut self,
        item: &Item<'w>,
        error: &str,
        routing: &Routing,
        homes: &FxHashMap<DomainName, usize>,
    ) {
        let failure = Failure::of(item, error);
        if let Some(speech) = failure.stuck(routing) {
            self.say(speech, item.origin, routing, homes);
        }
        self.failures.push(failure);
    }
}

/// What something said makes the domains of this database do. Most of what is said concerns others: the message is made only
/// for those who hear it.
fn local_items<'w>(
    routing: &Routing,
    homes: &FxHashMap<DomainName, usize>,
    said: &Said,
    plan: Option<&Plan>,
    origin: usize,
    message: impl FnOnce() -> Message,
) -> Vec<Item<'w>> {
    let here = |domain: &DomainName| homes.contains_key(domain);
    let mut roles = routing.roles_of(said, plan, here).peekable();
    if roles.peek().is_none() {
        return Vec::new();
    }
    let message = Arc::new(message());
    roles
        .map(|role| Item {
            origin,
            trace: message.trace,
            what: What::Message { role, message: Arc::clone(&message) },
        })
        .collect()
}

/// How far this batch follows each source.
fn last_positions(work: &[Work]) -> Vec<Cursor> {
    let mut last: BTreeMap<&SmolStr, Cursor> = BTreeMap::new();
    for work in work {
        let Work::Delivery(delivery) = work else { continue };
        let position = i64::try_from(delivery.through.0).unwrap_or(i64::MAX);
        let cursor = Cursor { source: delivery.source.clone(), epoch: delivery.epoch.0, position };
        match last.get(&delivery.source) {
            Some(known) if known.position >= position => {}
            _ => {
                last.insert(&delivery.source, cursor);
            }
        }
    }
    last.into_values().collect()
}
