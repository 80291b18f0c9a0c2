//! A shop of one domain: rows in memory, a PG, a clock that jumps to whatever is next. Every message goes through the domain's
//! own keys, so a row that was not named is found out.

pub(crate) mod pg;

use jumun_payment::gateway::{PgAnswer, PgRequest};
use jumun_payment::leg::{Leg, LegState};
use jumun_payment::{Charge, Payment, PaymentPolicy, PaymentRow, PgAnswered, PgCall, TopUp, TopUpReply};
use kernel::domain::{Cx, Effects, Heard, Input, Keys, OutsideCall, Participant};
use kernel::ids::{ChargeId, CountingIds, PaymentId, SagaId, UserId};
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::participation::{self, Inbox, InboxState};
use kernel::plan::CardToken;
use kernel::{
    Currency, DecideError, Domain, Key, Money, Plan, Reason, Record, Refused, Row, Said, Step, Table,
    Timestamp, Trace, Value, WorkingSet,
};
use pg::Pg;
use smol_str::SmolStr;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

pub(crate) const START: i64 = 1_800_000_000_000;

pub(crate) struct Shop {
    pub(crate) domain: Payment,
    pub(crate) pg: Pg,
    pub(crate) now: i64,
    pub(crate) said: Vec<String>,
    pub(crate) alerts: Vec<&'static str>,
    /// Every answer is delivered this many times.
    pub(crate) copies: u32,
    /// Credits answered by point, in place of the real one: `None` stays silent.
    pub(crate) credit: Option<Result<(), Reason>>,
    ids: CountingIds,
    rows: BTreeMap<(&'static str, Key), (&'static Table, Row)>,
    answers: Vec<(i64, PgAnswered)>,
    seen: usize,
    credited: Vec<SagaId>,
}

pub(crate) fn policy() -> PaymentPolicy {
    PaymentPolicy::new("testpg", Currency::KRW)
}

impl Default for Shop {
    fn default() -> Self {
        Self::with(policy())
    }
}

impl Shop {
    pub(crate) fn with(policy: PaymentPolicy) -> Self {
        Self {
            domain: Payment::new(policy),
            pg: Pg::default(),
            now: START,
            said: Vec::new(),
            alerts: Vec::new(),
            copies: 1,
            credit: Some(Ok(())),
            ids: CountingIds::new(START.unsigned_abs()),
            rows: BTreeMap::new(),
            answers: Vec::new(),
            seen: 0,
            credited: Vec::new(),
        }
    }
}

pub(crate) fn money(minor: i64) -> Money {
    Money::new(minor).unwrap()
}

/// Order `n`, paying `card` by card and `points` by points.
pub(crate) fn order(n: u128, card: i64, points: i64) -> Arc<Plan> {
    Arc::new(Plan {
        saga: SagaId(Uuid::from_u128(n)),
        user: UserId(Uuid::from_u128(7)),
        lines: Vec::new(),
        coupon: None,
        total: money(card + points),
        points: money(points),
        card_amount: money(card),
        currency: Currency::KRW,
        payment: PaymentId(Uuid::from_u128(1_000 + n)),
        card: (card > 0).then(|| CardToken(SmolStr::new("tok_ok"))),
        steps: vec![Step::POINT, Step::PAYMENT],
        extras: BTreeMap::new(),
    })
}

pub(crate) fn key_of(plan: &Plan) -> String {
    plan.payment.to_string()
}

enum Work<'a> {
    Input(&'a Input<'a>),
    Act(&'a Heard<'a>),
    Compensate(&'a Heard<'a>),
}

impl Shop {
    fn turn(&mut self, work: &Work<'_>) -> Result<Effects, DecideError> {
        let steps = self.domain.participants();
        let step: &dyn Participant = steps[0];
        let mut keys = Keys::default();
        match work {
            Work::Input(input) => self.domain.keys(input, &mut keys)?,
            Work::Act(heard) | Work::Compensate(heard) => {
                participation::keys(step, heard, heard.need_plan()?, &mut keys);
            }
        }
        let mut state = WorkingSet::default();
        for (table, key) in keys.take() {
            let row = self.rows.get(&(table.name, key.clone())).map(|(_, row)| row.clone());
            state.offer(table, key, row);
        }
        let mut cx = Cx::new(Timestamp(self.now), Trace { id: 9, span: 9, flags: 1 }, &mut self.ids);
        let by = self.domain.name();
        match work {
            Work::Input(input) => self.domain.decide(input, &mut state, &mut cx)?,
            Work::Act(heard) => participation::act(&[(&by, step)], heard, &mut state, &mut cx)?,
            Work::Compensate(heard) => participation::compensate(&by, step, heard, &mut state, &mut cx)?,
        }
        let effects = cx.effects;
        for write in state.into_writes() {
            let key = (write.table.name, write.key);
            match write.row {
                Some(row) => self.rows.insert(key, (write.table, row)),
                None => self.rows.remove(&key),
            };
        }
        Ok(effects)
    }

    /// Decides and lets calls leave, as after a commit.
    fn commit(&mut self, work: &Work<'_>) -> Option<Box<dyn Any + Send>> {
        let mut effects = self.turn(work).unwrap();
        for speech in &effects.says {
            self.said.push(speech.said.name().to_string());
        }
        self.alerts.extend(effects.alerts.iter().map(|alert| alert.kind));
        for call in std::mem::take(&mut effects.calls) {
            let call: &PgCall = call.request.downcast_ref().unwrap();
            if let Some((answer, wait)) = self.pg.answer(&call.request, self.now) {
                for _ in 0..self.copies {
                    self.answers.push((self.now + wait, call.clone().answered(answer.clone())));
                }
            }
        }
        for speech in effects.says {
            let credit = match &speech.said {
                Said::Done { step, .. } => *step == Step::CHARGE,
                Said::Asked { step } => *step == Step::CREDIT,
                _ => false,
            };
            if let (true, Some(plan)) = (credit, speech.plan) {
                self.credit(&plan);
            }
        }
        effects.reply
    }

    /// Point hears that a top-up's charge is done.
    fn credit(&mut self, plan: &Arc<Plan>) {
        let Some(verdict) = self.credit.clone() else { return };
        let said = match verdict {
            Ok(()) => Said::Done { step: Step::CREDIT, prior: vec![Step::CHARGE] },
            Err(reason) => Said::Refused { step: Step::CREDIT, reason },
        };
        if said.name() == "credit.done" && !self.credited.contains(&plan.saga) {
            self.credited.push(plan.saga);
        }
        self.hear(plan, &said);
    }

    pub(crate) fn hear(&mut self, plan: &Arc<Plan>, said: &Said) {
        let by = kernel::DomainName::of("point");
        let heard = Heard { key: plan.saga.0, at: Timestamp(self.now), by: &by, said, plan: Some(plan) };
        self.commit(&Work::Input(&Input::Heard(heard)));
    }

    pub(crate) fn command<C: kernel::Command>(&mut self, command: &C) -> C::Reply {
        let reply = self.commit(&Work::Input(&Input::Command(command)));
        *reply.unwrap().downcast().unwrap()
    }

    pub(crate) fn top_up(&mut self, amount: i64, key: u8, body: u8) -> Result<TopUpReply, Refused> {
        self.command(&TopUp {
            user: UserId(Uuid::from_u128(7)),
            amount: money(amount),
            currency: Currency::KRW,
            card_token: CardToken(SmolStr::new("tok_ok")),
            key_hash: [key; 32],
            body_hash: [body; 32],
        })
    }

    pub(crate) fn pay(&mut self, plan: &Arc<Plan>) {
        let by = kernel::DomainName::of("order");
        let heard = Heard {
            key: plan.saga.0,
            at: Timestamp(self.now),
            by: &by,
            said: &Said::Placed,
            plan: Some(plan),
        };
        self.commit(&Work::Act(&heard));
    }

    pub(crate) fn try_pay(&mut self, plan: &Arc<Plan>) -> Result<(), DecideError> {
        let by = kernel::DomainName::of("order");
        let heard = Heard {
            key: plan.saga.0,
            at: Timestamp(self.now),
            by: &by,
            said: &Said::Placed,
            plan: Some(plan),
        };
        self.turn(&Work::Act(&heard)).map(|_| ())
    }

    pub(crate) fn undo(&mut self, plan: &Arc<Plan>) {
        let by = kernel::DomainName::of("order");
        let said = Said::Failing { reason: Reason::TIMED_OUT, steps: Vec::new() };
        let heard =
            Heard { key: plan.saga.0, at: Timestamp(self.now), by: &by, said: &said, plan: Some(plan) };
        self.commit(&Work::Compensate(&heard));
    }

    /// The operator's hand, as the runtime lends it.
    pub(crate) fn handle(&mut self, letter: &DeadLetter, redrive: bool) {
        let mut letter = letter.clone();
        letter.attempts += 1;
        letter.handled_by = Some(Uuid::from_u128(99));
        if !redrive {
            letter.status = LetterStatus::Resolved;
            letter.note = Some(SmolStr::new("settled by telephone"));
        }
        self.put(&letter);
        let input = if redrive { Input::Redriven(&letter) } else { Input::Resolved(&letter) };
        self.commit(&Work::Input(&input));
    }

    /// The next thing to happen: an answer, or a row that falls due.
    fn next(&self) -> Option<i64> {
        self.answers.iter().map(|(at, _)| *at).chain(self.dues().map(|(at, _, _)| at)).min()
    }

    fn dues(&self) -> impl Iterator<Item = (i64, &'static Table, Key)> + '_ {
        let due = self.domain.due();
        self.rows.values().filter_map(move |(table, row)| {
            let due = due.iter().find(|due| due.table.name == table.name)?;
            match row[table.column(due.column)?] {
                Value::Int(at) => Some((at, *table, Key::of_row(table, row))),
                _ => None,
            }
        })
    }

    /// Lets time pass, everything happening in its turn; answers before timers.
    pub(crate) fn pass(&mut self, seconds: i64) {
        let until = self.now + seconds * 1_000;
        for _ in 0..100_000 {
            match self.next().filter(|at| *at <= until) {
                Some(at) => {
                    self.now = self.now.max(at);
                    self.pg.catch_up(self.now);
                    self.happen(at);
                }
                None => {
                    self.now = until;
                    self.pg.catch_up(until);
                    return;
                }
            }
        }
        panic!("no end of it: {:?}", self.said);
    }

    fn happen(&mut self, at: i64) {
        if let Some(index) = self.answers.iter().position(|(when, _)| *when == at) {
            let (_, answered) = self.answers.remove(index);
            self.commit(&Work::Input(&Input::Command(&answered)));
            return;
        }
        let due = self.dues().find(|(when, _, _)| *when == at);
        if let Some((_, table, key)) = due {
            self.commit(&Work::Input(&Input::Due { table, key: &key }));
        }
    }

    /// The process dies: calls and answers under way are gone; rows stay.
    pub(crate) fn crash(&mut self) {
        self.answers.clear();
    }

    /// What a call of `plan`'s leg is answered that has not left yet, if it need not any more.
    pub(crate) fn withdrawn(&self, plan: &Plan, request: PgRequest) -> Option<PgAnswer> {
        let leg = self.leg(plan);
        let key = (leg.saga, leg.step);
        let mut state = WorkingSet::default();
        let row = self.get::<Inbox>(key.clone()).map(|inbox| inbox.to_row());
        state.offer(Inbox::TABLE, Key::from(key.clone()), row);
        let asked_at = Timestamp(self.now);
        let call =
            PgCall { leg: Some(key), attempt: 1, asked_at, start_by: asked_at, trace: leg.trace, request };
        let call = OutsideCall { by: self.domain.name(), request: Arc::new(call) };
        let withdrawn = self.domain.withdraw(&call, &state).unwrap()?;
        Some(withdrawn.downcast_ref::<PgAnswered>().unwrap().answer.clone())
    }

    /// Delivers an answer again that was meant for an earlier call.
    pub(crate) fn deliver(&mut self, answered: &PgAnswered) {
        self.commit(&Work::Input(&Input::Command(answered)));
    }

    pub(crate) fn rows<R: Record>(&self) -> Vec<R> {
        let rows = self.rows.values().filter(|(table, _)| *table == R::TABLE);
        rows.map(|(_, row)| R::from_row(row).unwrap()).collect()
    }

    pub(crate) fn get<R: Record>(&self, key: impl Into<Key>) -> Option<R> {
        self.rows.get(&(R::TABLE.name, key.into())).map(|(_, row)| R::from_row(row).unwrap())
    }

    pub(crate) fn put<R: Record>(&mut self, record: &R) {
        let row = record.to_row();
        self.rows.insert((R::TABLE.name, Key::of_row(R::TABLE, &row)), (R::TABLE, row));
    }

    pub(crate) fn leg(&self, plan: &Plan) -> Leg {
        self.get((plan.saga, Step::PAYMENT)).unwrap()
    }

    pub(crate) fn leg_state(&self, plan: &Plan) -> LegState {
        self.leg(plan).state
    }

    pub(crate) fn inbox(&self, plan: &Plan) -> InboxState {
        self.get::<Inbox>((plan.saga, Step::PAYMENT)).unwrap().state
    }

    pub(crate) fn status(&self, plan: &Plan) -> &'static str {
        self.get::<PaymentRow>((plan.payment,)).unwrap().status.word()
    }

    pub(crate) fn charge(&self, id: ChargeId) -> Charge {
        self.get((id,)).unwrap()
    }

    pub(crate) fn letters(&self) -> Vec<String> {
        self.rows::<DeadLetter>().iter().map(|letter| format!("{} {}", letter.kind, letter.status)).collect()
    }

    pub(crate) fn open_letter(&self) -> DeadLetter {
        self.rows::<DeadLetter>().into_iter().find(|letter| letter.status == LetterStatus::Open).unwrap()
    }

    /// What was said since last asked.
    pub(crate) fn news(&mut self) -> Vec<String> {
        let news = self.said[self.seen..].to_vec();
        self.seen = self.said.len();
        news
    }

    /// Money that our inbox rows say is held, by PG key.
    pub(crate) fn done(&self) -> BTreeMap<String, i64> {
        let done = self.rows::<Inbox>().into_iter().filter(|row| row.state == InboxState::Done);
        let steps = self.domain.participants();
        let step = |name| *steps.iter().find(|step| step.step() == name).unwrap();
        done.flat_map(|row| step(row.step).movements(&row.receipt.unwrap()).unwrap())
            .map(|moved| (moved.account.strip_prefix("pg:").unwrap().to_owned(), moved.amount))
            .collect()
    }
}
