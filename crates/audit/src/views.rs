//! Views: from each customer's latest order on, every view of theirs is reached, and reached once.

use crate::AuditError;
use crate::findings::Findings;
use crate::pages::{Moment, show_key};
use crate::report::{Code, Discrepancy};
use crate::scene::Scene;
use kernel::Record;
use kernel::ids::UserId;
use read_model::{OrderHead, OrderView};
use std::collections::BTreeMap;

/// `counted`: how many views each customer has.
pub(crate) fn check(
    scene: &Scene<'_>,
    mut counted: BTreeMap<UserId, u64>,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let Some(moment) = scene.moment_of(&read_model::NAME) else { return Ok(()) };
    let mut heads = moment.pages::<OrderHead>();
    while let Some(head) = heads.next_if(|_| true)? {
        findings.checked(Code::View, 1);
        let views = counted.remove(&head.user_id).unwrap_or(0);
        if let Some((expected, found)) = follow(moment, &head, views)? {
            findings.report(lost(moment, head.user_id, expected, found));
        }
    }
    for (user, views) in counted {
        findings.report(lost(
            moment,
            user,
            "the latest of their orders".to_owned(),
            format!("none of {views}"),
        ));
    }
    Ok(())
}

/// What is wrong with a customer's chain of `views`.
fn follow(moment: Moment<'_>, head: &OrderHead, views: u64) -> Result<Option<(String, String)>, AuditError> {
    let mut links = moment.links::<OrderView>("previous", Some((head.latest,)));
    let mut reached = 0;
    while let Some(view) = links.step()? {
        reached += 1;
        if view.user_id != head.user_id {
            return Ok(Some((
                "orders of theirs".to_owned(),
                format!("order {} of {}", view.order_id, view.user_id),
            )));
        }
        if reached > views {
            return Ok(Some(("orders reached once".to_owned(), "a circle".to_owned())));
        }
    }
    Ok(match links.broken() {
        Some(broken) => {
            Some((format!("order {}", show_key(broken)), format!("none, {reached} orders after it")))
        }
        None if reached < views => Some((format!("{views} orders from the latest on"), reached.to_string())),
        None => None,
    })
}

fn lost(moment: Moment<'_>, user: UserId, expected: String, found: String) -> Discrepancy {
    let (database, table, key) = (moment.name.to_owned(), OrderHead::TABLE.name, user.to_string());
    Discrepancy { code: Code::View, database, table, key, expected, found }
}
