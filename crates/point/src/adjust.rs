//! An administrator grants points or takes them.

use crate::NAME;
use crate::book::{Cause, enter, points_of};
use crate::tables::Points;
use kernel::ids::UserId;
use kernel::{Command, Cx, DomainName, Money, Refused, Stop, WorkingSet, checks};
use serde_json::json;
use smol_str::SmolStr;

/// Grants points (`adjust` > 0) or takes them (< 0). Whether there is such a user is for the caller to know.
///
/// Refusals: a zero `/adjust` or one that no balance can hold, an empty `/reason` (422); `POINTS_WOULD_BE_NEGATIVE` (409).
/// Says `points.changed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdjustPoints {
    /// Whose.
    pub user: UserId,
    /// How many, in minor units, signed.
    pub adjust: Money,
    /// Why, 1 to [`checks::REASON_MAX`] characters.
    pub reason: String,
    /// The administrator.
    pub by: UserId,
}

impl Command for AdjustPoints {
    type Reply = Result<Points, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl AdjustPoints {
    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<Points, Stop> {
        if self.adjust.is_zero() {
            return Err(checks::invalid("/adjust", "must not be zero").into());
        }
        checks::reason(Some(&self.reason))?;
        let before = points_of(self.user, state, cx)?;
        let balance = before.balance.plus(self.adjust).map_err(|range| {
            checks::invalid("/adjust", format!("the balance would be out of range: {range}"))
        })?;
        if balance.is_negative() {
            let detail =
                format!("the balance is {}, so {} cannot be taken", before.balance, -self.adjust.minor());
            return Err(Refused::conflict("POINTS_WOULD_BE_NEGATIVE", detail).into());
        }

        let cause = Cause::Adjusted { by: self.by, reason: SmolStr::new(&self.reason) };
        let after = enter(&before, self.adjust, cause, state, cx)?;
        let body = json!({
            "user_id": self.user,
            "balance": after.balance,
            "adjust": self.adjust,
            "by": self.by,
            "reason": self.reason,
        });
        cx.state_fact(NAME, self.user.0, "points.changed", body);
        Ok(after)
    }
}
