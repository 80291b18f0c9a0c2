//! Views: whatever is heard in whatever order, an order never falls back.

use jumun_anything::drive::{Subject, play, reads};
use jumun_anything::script::script;
use jumun_anything::values::{START, reason, said, time};
use kernel::judge::SagaStatus;
use kernel::testbed::Testbed;
use kernel::{DecideError, Said};
use proptest::prelude::*;
use read_model::{OrderTrace, OrderView, ReadModel};
use std::collections::BTreeMap;

fn word() -> BoxedStrategy<Said> {
    let fact = |kind: &'static str| Said::Fact { kind: kind.into(), body: serde_json::Value::Null };
    prop_oneof![
        Just(Said::Created),
        Just(Said::Placed),
        time().prop_map(|settled_at| Said::Confirmed { settled_at }),
        reason().prop_map(|reason| Said::Failing { reason, steps: Vec::new() }),
        reason().prop_map(|reason| Said::Failed { reason, steps: Vec::new() }),
        Just(Said::Cancelling),
        time().prop_map(|confirmed_at| Said::Cancelled { confirmed_at, steps: Vec::new() }),
        Just(fact("order.fulfilled")),
        Just(fact("order.saved")),
        said(),
    ]
    .boxed()
}

/// How far along an order is; the ways part after PENDING.
fn rank(status: SagaStatus) -> u8 {
    match status {
        SagaStatus::Created => 0,
        SagaStatus::Pending => 1,
        SagaStatus::Confirmed | SagaStatus::Failing => 2,
        SagaStatus::Cancelling | SagaStatus::Failed => 3,
        SagaStatus::Cancelled => 4,
    }
}

fn fails(status: SagaStatus) -> bool {
    matches!(status, SagaStatus::Failing | SagaStatus::Failed)
}

#[derive(Clone, Default)]
struct Eyes {
    seen: BTreeMap<uuid::Uuid, OrderView>,
}

impl Subject for Eyes {
    type Domain = ReadModel;
    type Command = ();

    fn send(
        &mut self,
        _: &mut Testbed<ReadModel>,
        (): &(),
    ) -> Result<Result<(), DecideError>, TestCaseError> {
        // It takes none.
        Ok(Ok(()))
    }

    fn check(&mut self, bed: &Testbed<ReadModel>) -> Result<(), TestCaseError> {
        reads::<_, OrderView>(bed)?;
        let views = bed.all::<OrderView>();
        prop_assert_eq!(bed.all::<OrderTrace>().len(), views.len());
        for view in views {
            let settled = view.status.is_settled();
            prop_assert_eq!(view.settled_at.is_some(), settled, "{}", view.status);
            prop_assert!(!settled || view.unlisted.is_none(), "settled, and in nobody's list");
            prop_assert!(view.plan().unwrap().card.is_none(), "a card's token is nobody's to see");
            if let Some(before) = self.seen.insert(view.order_id.0, view.clone()) {
                prop_assert!(
                    rank(before.status) <= rank(view.status),
                    "{} -> {}",
                    before.status,
                    view.status
                );
                let parted = rank(before.status) >= 2;
                prop_assert!(!parted || fails(before.status) == fails(view.status), "the other way");
                prop_assert!(!before.fulfilled || view.fulfilled);
                prop_assert!(before.unlisted.is_some() || view.unlisted.is_none(), "out of the list again");
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_view_falls_back_whatever_is_heard(lists_wait in any::<bool>(), script in script(Just(()), word())) {
        play(&mut Eyes::default(), &mut Testbed::new(ReadModel::new("any", lists_wait), START), &script)?;
    }
}
