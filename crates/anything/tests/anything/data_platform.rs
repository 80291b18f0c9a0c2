//! Deliveries: in order per order, and none stuck silently, whatever the receiver answers.

use data_platform::{
    DataPlatform, Delivered, Delivery, DeliveryCall, DeliveryEvent, DeliveryOutcome, DeliveryStatus,
};
use jumun_anything::drive::{Subject, play, reads};
use jumun_anything::script::script;
use jumun_anything::values::{START, int, order_id, reason, said, text, time};
use kernel::judge::letters::{DeadLetter, LetterStatus};
use kernel::testbed::Testbed;
use kernel::{DecideError, Said};
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[derive(Clone, Debug)]
enum Asked {
    Answer { call: Index, outcome: DeliveryOutcome },
    Strange(Delivered),
}

fn outcome() -> BoxedStrategy<DeliveryOutcome> {
    prop_oneof![
        3 => Just(DeliveryOutcome::Taken),
        3 => (text(), any::<bool>()).prop_map(|(detail, retry)| DeliveryOutcome::Failed { detail, retry }),
        2 => text().prop_map(|detail| DeliveryOutcome::Unknown { detail }),
        1 => Just(DeliveryOutcome::Disabled),
    ]
    .boxed()
}

fn asked() -> impl Strategy<Value = Asked> {
    let strange = (order_id(), select(DeliveryEvent::ALL), int(), outcome()).prop_map(
        |(order_id, event, sending, outcome)| Asked::Strange(Delivered { order_id, event, sending, outcome }),
    );
    let answer = (any::<Index>(), outcome()).prop_map(|(call, outcome)| Asked::Answer { call, outcome });
    prop_oneof![8 => answer, 1 => strange]
}

fn word() -> BoxedStrategy<Said> {
    prop_oneof![
        3 => time().prop_map(|settled_at| Said::Confirmed { settled_at }),
        3 => time().prop_map(|confirmed_at| Said::Cancelled { confirmed_at, steps: Vec::new() }),
        2 => reason().prop_map(|reason| Said::Failed { reason, steps: Vec::new() }),
        1 => said(),
    ]
    .boxed()
}

#[derive(Clone, Default)]
struct Receiver {
    calls: Vec<DeliveryCall>,
}

impl Subject for Receiver {
    type Domain = DataPlatform;
    type Command = Asked;

    fn send(
        &mut self,
        bed: &mut Testbed<DataPlatform>,
        command: &Asked,
    ) -> Result<Result<(), DecideError>, TestCaseError> {
        Ok(match command.clone() {
            Asked::Strange(command) => bed.ask(command).map(drop),
            Asked::Answer { .. } if self.calls.is_empty() => Ok(()),
            Asked::Answer { call, outcome } => {
                let answer = call.get(&self.calls).answer(outcome);
                bed.ask(answer).map(drop)
            }
        })
    }

    /// An answer to what was never sent.
    fn may_fault(&self, command: &Asked, _: &DecideError) -> bool {
        matches!(command, Asked::Strange(_))
    }

    fn check(&mut self, bed: &Testbed<DataPlatform>) -> Result<(), TestCaseError> {
        reads::<_, Delivery>(bed)?;
        for call in bed.calls.iter().filter_map(|call| call.request.downcast_ref::<DeliveryCall>()) {
            let first = match call.event {
                DeliveryEvent::Cancelled => Some(DeliveryEvent::Confirmed),
                DeliveryEvent::PaymentCancelled => Some(DeliveryEvent::PaymentApproved),
                DeliveryEvent::Confirmed | DeliveryEvent::Failed | DeliveryEvent::PaymentApproved => None,
            };
            let first = first.and_then(|first| bed.get::<Delivery>((call.order_id, first)));
            let under_way = |status| {
                matches!(status, DeliveryStatus::Pending | DeliveryStatus::Waiting | DeliveryStatus::Dead)
            };
            // One that went alone, after a long wait for what nobody had heard of, may be sent again.
            let again =
                self.calls.iter().any(|sent| (sent.order_id, sent.event) == (call.order_id, call.event));
            let in_turn = again || first.is_none_or(|first| !under_way(first.status));
            prop_assert!(in_turn, "it overtook what goes before");
            self.calls.push(call.clone());
        }
        let letters = bed.all::<DeadLetter>();
        for delivery in bed.all::<Delivery>() {
            let letter = delivery.letter.and_then(|id| letters.iter().find(|letter| letter.id == id));
            let open = letter.is_some_and(|letter| letter.status == LetterStatus::Open);
            let wakes = delivery.next_at.is_some();
            match delivery.status {
                DeliveryStatus::Pending => prop_assert!(wakes, "{:?}", delivery),
                DeliveryStatus::Dead => prop_assert!(open && !wakes, "{:?}", delivery),
                DeliveryStatus::Delivered | DeliveryStatus::Resolved | DeliveryStatus::Refused => {
                    prop_assert!(!wakes, "{:?}", delivery);
                }
                DeliveryStatus::Waiting => {}
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn deliveries_go_in_order_and_none_is_stuck_whatever_is_answered(script in script(asked(), word())) {
        play(&mut Receiver::default(), &mut Testbed::new(DataPlatform::default(), START), &script)?;
    }
}
