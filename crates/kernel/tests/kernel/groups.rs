//! Steps that a topology groups decide as one: if any refuses, none applies.

use crate::script::{dialogue, list, shown};
use crate::shelf::{COPY, LEND, LIBRARY, Library, SHIP, Shelf, loan};
use jumun_kernel::ids::CountingIds;
use jumun_kernel::participation::{self, Inbox};
use jumun_kernel::{
    Cx, DomainName, Heard, Participant, Plan, Record, Said, Step, Timestamp, Trace, WorkingSet,
};
use std::sync::Arc;

static ORDER: DomainName = DomainName::of("order");
const SHOP: DomainName = DomainName::of("shop");

/// Rows in memory, and the group `lend`, `copy`, `ship` over them; `ship` belongs to another domain of the unit.
struct Bench {
    library: Library,
    state: WorkingSet,
    ids: CountingIds,
    plan: Arc<Plan>,
}

impl Bench {
    /// `lend` and `copy` have this many books; the saga takes three from each.
    fn new(lend: i64, copy: i64) -> Self {
        let mut state = WorkingSet::default();
        let plan = loan(7, 3);
        for (step, books) in [(LEND, lend), (COPY, copy)] {
            let row = Shelf { step: step.clone(), books }.to_row();
            state.offer(Shelf::TABLE, (step,).into(), Some(row));
        }
        for step in [LEND, COPY, SHIP] {
            state.offer(Inbox::TABLE, (plan.saga, step).into(), None);
        }
        Self { library: Library::new(), state, ids: CountingIds::new(0), plan }
    }

    /// `act` (all of the group), or `undo lend`: what is said.
    fn tell(&mut self, told: &str) -> String {
        let (library, plan) = (&self.library, &self.plan);
        let mut cx = Cx::new(Timestamp(1_000), Trace::default(), &mut self.ids);
        match told.split_once(' ') {
            None => {
                let group: [(&DomainName, &dyn Participant); 3] =
                    [(&LIBRARY, &library.lend), (&LIBRARY, &library.copy), (&SHOP, &library.ship)];
                participation::act(&group, &heard(&Said::Placed, plan), &mut self.state, &mut cx).unwrap();
            }
            Some((_, step)) => {
                let step = Step::new(step);
                let said = Said::UndoAsked { step: step.clone(), attempt: 1 };
                let participant: &dyn Participant = if step == LEND { &library.lend } else { &library.copy };
                participation::compensate(
                    &LIBRARY,
                    participant,
                    &heard(&said, plan),
                    &mut self.state,
                    &mut cx,
                )
                .unwrap();
            }
        }
        // What the takers state as facts besides is left out.
        let words = cx.effects.says.iter().filter(|speech| speech.said.step().is_some());
        let words = list(&words.map(|speech| shown(&speech.said)).collect::<Vec<_>>());
        let calls = cx.effects.calls.len();
        let left = [LEND, COPY].map(|step| self.state.need::<Shelf>((step,)).unwrap().books);
        format!("{words} | {calls} calls | {left:?} left")
    }
}

fn heard<'a>(said: &'a Said, plan: &'a Arc<Plan>) -> Heard<'a> {
    Heard { key: plan.saga.0, at: Timestamp(0), by: &ORDER, said, plan: Some(plan) }
}

#[track_caller]
fn check(lend: i64, copy: i64, expected: &str) {
    let mut bench = Bench::new(lend, copy);
    dialogue(expected, |told| bench.tell(told));
}

#[test]
fn a_group_takes_effect_together_and_carries_what_was_done_before() {
    check(
        5,
        5,
        "act => lend done, copy done after lend, ship pending | 3 calls | [2, 2] left
         act => lend done, copy done | 0 calls | [2, 2] left",
    );
}

#[test]
fn where_the_first_refuses_none_applies() {
    check(
        1,
        5,
        "act => lend refused OUT_OF_STOCK, copy compensated OUT_OF_STOCK, ship compensated OUT_OF_STOCK | 0 calls | [1, 5] left",
    );
}

#[test]
fn where_a_later_one_refuses_what_the_earlier_took_and_called_is_discarded() {
    check(
        5,
        1,
        "act => lend compensated OUT_OF_STOCK, copy refused OUT_OF_STOCK, ship compensated OUT_OF_STOCK | 0 calls | [5, 1] left
         act => lend compensated OUT_OF_STOCK, copy refused OUT_OF_STOCK, ship compensated OUT_OF_STOCK | 0 calls | [5, 1] left
         undo lend => lend compensated OUT_OF_STOCK | 0 calls | [5, 1] left",
    );
}

#[test]
fn a_tombstone_among_its_members_closes_the_whole_group() {
    check(
        5,
        5,
        "undo copy => copy compensated | 0 calls | [5, 5] left
         act       => copy compensated, lend compensated TIMED_OUT, ship compensated TIMED_OUT | 0 calls | [5, 5] left
         act       => lend compensated TIMED_OUT, copy compensated, ship compensated TIMED_OUT | 0 calls | [5, 5] left",
    );
}

#[test]
fn members_are_compensated_one_by_one() {
    check(
        5,
        5,
        "act       => lend done, copy done after lend, ship pending | 3 calls | [2, 2] left
         undo copy => copy compensated | 0 calls | [2, 5] left
         act       => lend done, copy compensated | 0 calls | [2, 5] left
         undo lend => lend compensated | 0 calls | [5, 5] left",
    );
}
