//! What can happen to a domain.

use crate::values::{domain, id, letter, plan, said, time, value};
use kernel::judge::letters::DeadLetter;
use kernel::{DomainName, Plan, Said, Timestamp, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::fmt::Debug;
use std::sync::Arc;
use uuid::Uuid;

/// One thing that happens. An [`Index`] picks among what there is when its turn comes.
#[derive(Clone, Debug)]
pub enum Input<C> {
    /// A command of the domain's.
    Command(C),
    /// A word makes one of its steps act.
    Act {
        /// Which of its steps.
        step: Index,
        /// Which of the script's plans.
        plan: Index,
        /// The word; the step is asked for by name without one.
        on: Option<Said>,
    },
    /// A word makes one of its steps compensate.
    Undo {
        /// Which of its steps.
        step: Index,
        /// Which of the script's plans.
        plan: Index,
        /// The word; the step is asked for by name without one.
        on: Option<Said>,
    },
    /// A word of a saga is heard.
    Heard {
        /// Who said it.
        by: DomainName,
        /// What.
        said: Said,
        /// Which of the script's plans goes with it.
        plan: Index,
    },
    /// A word is heard that carries no plan.
    HeardBare {
        /// Who said it.
        by: DomainName,
        /// What it is about.
        key: Uuid,
        /// What.
        said: Said,
    },
    /// A row falls due, whether its time has come or not.
    Due(Index),
    /// A row falls due that may never have been there.
    DueNowhere(Index, Uuid),
    /// An operator handles a dead letter that the domain raised.
    Letter {
        /// Which.
        which: Index,
        /// Tried again, else ended by a note.
        redrive: bool,
    },
    /// An operator handles a dead letter that nobody may have raised.
    StrangeLetter {
        /// The letter.
        letter: Box<DeadLetter>,
        /// Tried again, else ended by a note.
        redrive: bool,
    },
    /// So many milliseconds pass, or are taken back.
    Pass(i64),
    /// The clock is set.
    Clock(Timestamp),
    /// A row's column is found to hold something else; what happens then is taken back.
    Damaged {
        /// Which row.
        row: Index,
        /// Which of its columns, its key aside.
        column: Index,
        /// What it holds.
        holds: Value,
        /// What a column of whole numbers holds instead, now and then: its limits are more telling than a value of another type.
        limit: Option<i64>,
        /// What happens then.
        then: Vec<Input<C>>,
    },
}

/// Plans, and what happens to them.
#[derive(Clone, Debug)]
pub struct Script<C> {
    /// The plans that inputs refer to.
    pub plans: Vec<Arc<Plan>>,
    /// What happens, in order.
    pub inputs: Vec<Input<C>>,
}

fn input<C: Clone + Debug + 'static>(
    command: BoxedStrategy<C>,
    word: BoxedStrategy<Said>,
) -> BoxedStrategy<Input<C>> {
    let index = any::<Index>;
    let on = proptest::option::weighted(0.3, word.clone());
    prop_oneof![
        10 => command.prop_map(Input::Command),
        10 => (index(), index(), on.clone()).prop_map(|(step, plan, on)| Input::Act { step, plan, on }),
        2 => (index(), index(), on).prop_map(|(step, plan, on)| Input::Undo { step, plan, on }),
        5 => (domain(), word.clone(), index()).prop_map(|(by, said, plan)| Input::Heard { by, said, plan }),
        2 => (domain(), id(), word).prop_map(|(by, key, said)| Input::HeardBare { by, key, said }),
        3 => index().prop_map(Input::Due),
        1 => (index(), id()).prop_map(|(table, id)| Input::DueNowhere(table, id)),
        2 => (index(), any::<bool>()).prop_map(|(which, redrive)| Input::Letter { which, redrive }),
        1 => (letter().prop_map(Box::new), any::<bool>())
            .prop_map(|(letter, redrive)| Input::StrangeLetter { letter, redrive }),
        3 => (-1_000_i64..200_000).prop_map(Input::Pass),
        1 => time().prop_map(Input::Clock),
    ]
    .boxed()
}

/// Any script for a domain that takes `command` and hears `word` (any word, now and then).
pub fn script<C: Clone + Debug + 'static>(
    command: impl Strategy<Value = C> + 'static,
    word: impl Strategy<Value = Said> + 'static,
) -> impl Strategy<Value = Script<C>> {
    let word = prop_oneof![4 => word, 1 => said()].boxed();
    let plain = input(command.boxed(), word);
    let limit = proptest::option::of(select(vec![i64::MAX, i64::MIN, 0, -1]));
    let damaged = (any::<Index>(), any::<Index>(), value(), limit, vec(plain.clone(), 1..8))
        .prop_map(|(row, column, holds, limit, then)| Input::Damaged { row, column, holds, limit, then });
    let input = prop_oneof![6 => plain, 1 => damaged];
    (vec(plan().prop_map(Arc::new), 2..8), vec(input.boxed(), 0..80))
        .prop_map(|(plans, inputs)| Script { plans, inputs })
}
