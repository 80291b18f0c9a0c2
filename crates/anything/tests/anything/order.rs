//! Orders: a key makes one; a status only moves on; whoever is not settled wakes, or stands in the dead letters.

use jumun_anything::drive::{Subject, play, reads};
use jumun_anything::script::script;
use jumun_anything::values::{START, id, order_id, plan, reason, said, user_id};
use kernel::DecideError;
use kernel::ids::{OrderId, SagaId};
use kernel::inquiry::Inquired;
use kernel::judge::letters::DeadLetter;
use kernel::judge::{Coordination, SagaStatus};
use kernel::testbed::Testbed;
use kernel::{Said, Step};
use order::quote::Quoted;
use order::tables::FAR;
use order::{
    CancelOrder, FulfilOrder, KeyHash, Order, OrderDomain, OrderKey, OrderLine, OrderPolicy, PayOrder,
    PlaceOrder, Quote, Wiring,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use std::sync::Arc;

const STEPS: [Step; 3] = [Step::STOCK, Step::POINT, Step::PAYMENT];

#[derive(Clone, Debug)]
enum Asked {
    Place(PlaceOrder),
    Pay(PayOrder),
    Cancel(CancelOrder),
    Fulfil(FulfilOrder),
    Inquired(Inquired),
}

fn quoted() -> BoxedStrategy<Quoted> {
    let steps = vec(select(STEPS.to_vec()), 0..4);
    let carried = (plan(), steps).prop_map(|(plan, mut steps)| {
        steps.dedup();
        Quoted::Plan(Box::new(kernel::Plan { steps, ..plan }))
    });
    let refused = (reason(), plan()).prop_map(|(reason, plan)| Quoted::Refused(reason, Box::new(plan)));
    prop_oneof![4 => carried, 1 => refused].boxed()
}

fn key() -> impl Strategy<Value = KeyHash> {
    (0_u8..8, 0_u8..2).prop_map(|(key, body)| KeyHash { key: Arc::from([key]), body: Arc::from([body]) })
}

fn asked() -> impl Strategy<Value = Asked> {
    let quote = prop_oneof![1 => plan().prop_map(|plan| Quote::Draft(Box::new(plan))), 4 => quoted().prop_map(Quote::Quoted)];
    let place = (quote, key()).prop_map(|(quote, key)| Asked::Place(PlaceOrder { quote, key }));
    let pay = (order_id(), user_id(), quoted(), key())
        .prop_map(|(order, user, quote, key)| Asked::Pay(PayOrder { order, user, quote, key }));
    let cancel = (order_id(), option::of(user_id()))
        .prop_map(|(order, customer)| Asked::Cancel(CancelOrder { order, customer }));
    let fulfil = (order_id(), user_id()).prop_map(|(order, by)| Asked::Fulfil(FulfilOrder { order, by }));
    let inquired = (id(), vec(answer(), 0..4))
        .prop_map(|(saga, found)| Asked::Inquired(Inquired { saga: SagaId(saga), found }));
    prop_oneof![5 => place, 2 => pay, 2 => cancel, 1 => fulfil, 1 => inquired]
}

/// What a participant says of a step that may be planned.
fn answer() -> BoxedStrategy<Said> {
    let step = || select(STEPS.to_vec());
    prop_oneof![
        6 => step().prop_map(|step| Said::Done { step, prior: Vec::new() }),
        2 => (step(), reason()).prop_map(|(step, reason)| Said::Refused { step, reason }),
        3 => (step(), option::of(reason())).prop_map(|(step, cause)| Said::Compensated { step, cause }),
        1 => step().prop_map(|step| Said::Stuck { step, error: "no".into() }),
        1 => said(),
    ]
    .boxed()
}

#[derive(Clone, Default)]
struct Desk {
    stood: BTreeMap<OrderId, SagaStatus>,
}

fn may_follow(before: SagaStatus, after: SagaStatus) -> bool {
    use SagaStatus::{Cancelled, Cancelling, Confirmed, Created, Failed, Failing, Pending};
    before == after
        || match before {
            Created => true,
            Pending => matches!(after, Confirmed | Failing | Failed | Cancelling | Cancelled),
            Confirmed => matches!(after, Cancelling | Cancelled),
            Failing => after == Failed,
            Cancelling => after == Cancelled,
            Failed | Cancelled => false,
        }
}

impl Subject for Desk {
    type Domain = OrderDomain;
    type Command = Asked;

    fn send(
        &mut self,
        bed: &mut Testbed<OrderDomain>,
        command: &Asked,
    ) -> Result<Result<(), DecideError>, TestCaseError> {
        Ok(match command.clone() {
            Asked::Place(command) => bed.ask(command).map(drop),
            Asked::Pay(command) => bed.ask(command).map(drop),
            Asked::Cancel(command) => bed.ask(command).map(drop),
            Asked::Fulfil(command) => bed.ask(command).map(drop),
            Asked::Inquired(command) => bed.ask(command),
        })
    }

    /// No quote freezes a line that cannot be counted: then this is a fault of the quoter's, and nothing is born.
    fn may_fault(&self, command: &Asked, fault: &DecideError) -> bool {
        matches!((command, fault), (Asked::Place(_) | Asked::Pay(_), DecideError::OutOfRange(_)))
    }

    fn check(&mut self, bed: &Testbed<OrderDomain>) -> Result<(), TestCaseError> {
        reads::<_, Order>(bed)?;
        reads::<_, OrderLine>(bed)?;
        reads::<_, OrderKey>(bed)?;
        let orders = bed.all::<Order>();
        let keys = bed.all::<OrderKey>();
        prop_assert!(keys.iter().all(|key| orders.iter().any(|order| order.id == key.order_id)));
        prop_assert!(orders.len() <= keys.len(), "no order without its key");
        let letters = bed.all::<DeadLetter>();
        for order in orders {
            let before = self.stood.insert(order.id, order.status);
            prop_assert!(before.is_none_or(|before| may_follow(before, order.status)), "{:?}", before);
            let settled = order.status.is_settled();
            prop_assert_eq!(order.wake_at.is_none(), settled, "{}", order.status);
            prop_assert_eq!(order.settled_at.is_some(), settled, "{}", order.status);
            let parked = order.steps.0.iter().any(|step| step.parked);
            let letter = letters.iter().any(|letter| letter.order_id == Some(order.id.0));
            prop_assert!(order.wake_at != Some(FAR) || parked || letter, "it waits for nobody");
            prop_assert!(order.plan().is_ok());
        }
        Ok(())
    }
}

fn coordination() -> impl Strategy<Value = Coordination> {
    let asked = vec![vec![Step::STOCK, Step::POINT], vec![Step::PAYMENT]];
    let commands = move |inquires| Coordination {
        asked: asked.clone(),
        undone_when_failing: STEPS.to_vec(),
        undone_when_cancelling: STEPS.to_vec(),
        inquires,
    };
    let announced = |inquires| Coordination { inquires, ..Coordination::default() };
    prop_oneof![any::<bool>().prop_map(commands), any::<bool>().prop_map(announced)]
}

proptest! {
    #[test]
    fn orders_only_move_on_whatever_comes(coordination in coordination(), script in script(asked(), answer())) {
        let wiring = Wiring { topology: "any".into(), coordination, listed_after: Some(Step::STOCK) };
        let mut bed = Testbed::new(OrderDomain::new(OrderPolicy::default(), wiring), START);
        play(&mut Desk::default(), &mut bed, &script)?;
    }
}
