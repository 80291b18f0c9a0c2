//! Copies: of two words about a thing the newer one stays, whatever is heard in whatever order.

use jumun_anything::drive::{Subject, play, reads};
use jumun_anything::script::script;
use jumun_anything::values::{START, id, int, json, price, said, text};
use kernel::testbed::Testbed;
use kernel::{DecideError, Reason, Said, Step};
use proptest::prelude::*;
use proptest::sample::select;
use replica::{CouponCopy, ProductCopy, Replica, UserCopy};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

fn fact(kind: &'static str, body: impl Strategy<Value = serde_json::Value> + 'static) -> BoxedStrategy<Said> {
    // Now and then a later version says something else by the same word.
    let body = prop_oneof![8 => body, 1 => json()];
    body.prop_map(move |body| Said::Fact { kind: kind.into(), body }).boxed()
}

fn word() -> BoxedStrategy<Said> {
    let status = || select(vec!["ACTIVE", "INACTIVE", "SUSPENDED", "?"]);
    let product = (text(), price(), status(), int()).prop_map(|(name, price, status, version)| {
        json!({ "sku": name, "name": name, "price": price, "status": status, "version": version })
    });
    let user =
        (status(), int()).prop_map(|(status, version)| json!({ "status": status, "version": version }));
    let coupon = || {
        (id(), id(), proptest::option::of(json())).prop_map(
            |(user, coupon, terms)| json!({ "user_id": user, "user_coupon_id": coupon, "terms": terms }),
        )
    };
    prop_oneof![
        4 => fact("product.changed", product),
        2 => fact("user.changed", user),
        2 => fact("coupon.issued", coupon()),
        1 => fact("coupon.expired", coupon()),
        1 => Just(Said::Done { step: Step::COUPON, prior: Vec::new() }),
        1 => Just(Said::Refused { step: Step::COUPON, reason: Reason::COUPON_INVALID }),
        2 => Just(Said::Refused { step: Step::STOCK, reason: Reason::PRICE_CHANGED }),
        1 => said(),
    ]
    .boxed()
}

#[derive(Clone, Default)]
struct Copies {
    versions: BTreeMap<(&'static str, Uuid), i64>,
}

impl Subject for Copies {
    type Domain = Replica;
    type Command = ();

    fn send(&mut self, _: &mut Testbed<Replica>, (): &()) -> Result<Result<(), DecideError>, TestCaseError> {
        // It takes none.
        Ok(Ok(()))
    }

    fn check(&mut self, bed: &Testbed<Replica>) -> Result<(), TestCaseError> {
        reads::<_, ProductCopy>(bed)?;
        reads::<_, UserCopy>(bed)?;
        reads::<_, CouponCopy>(bed)?;
        let products =
            bed.all::<ProductCopy>().into_iter().map(|copy| (("product", copy.id.0), copy.version));
        let users = bed.all::<UserCopy>().into_iter().map(|copy| (("user", copy.id.0), copy.version));
        // What was forgotten begins anew.
        let versions: BTreeMap<_, _> = products.chain(users).collect();
        for (thing, version) in &versions {
            prop_assert!(self.versions.get(thing).is_none_or(|before| before <= version), "{:?}", thing);
        }
        self.versions = versions;
        Ok(())
    }
}

proptest! {
    #[test]
    fn no_copy_grows_older_whatever_is_heard(script in script(Just(()), word())) {
        play(&mut Copies::default(), &mut Testbed::new(Replica, START), &script)?;
    }
}
