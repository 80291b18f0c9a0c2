//! Who asks, and whether they may.

use super::Sight;
use super::refusals::No;
use crate::clients::Caller;
use kernel::ids::UserId;
use user::User;
use uuid::Uuid;

/// The administrator. They have no row of their own, and so can never be suspended.
pub const ADMIN: UserId = UserId(Uuid::from_u128(7));

/// Who asks, once it is known that they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Someone {
    pub(super) id: UserId,
    pub(super) is_admin: bool,
}

impl Someone {
    /// Whether they may see what is `owner`'s.
    pub(super) fn owns(self, owner: UserId) -> bool {
        self.is_admin || self.id == owner
    }
}

/// Who asks, as they are *now*: a suspension works at once.
pub(super) fn signed_in(sight: &Sight<'_>, from: Caller) -> Result<Someone, No> {
    let id = match from {
        Caller::Anyone => return Err(No::refused(401, "TOKEN_REQUIRED")),
        Caller::Admin => return Ok(Someone { id: ADMIN, is_admin: true }),
        Caller::Customer(id) => UserId(Uuid::from_u128(id)),
    };
    let user: Option<User> = sight.get("user", (id,))?;
    let user = user.ok_or_else(|| No::refused(401, "TOKEN_INVALID"))?;
    match user.is_active() {
        true => Ok(Someone { id, is_admin: false }),
        false => Err(No::refused(401, "USER_SUSPENDED")),
    }
}

/// Only an administrator may ask this.
pub(super) fn admin(sight: &Sight<'_>, from: Caller) -> Result<Someone, No> {
    let someone = signed_in(sight, from)?;
    match someone.is_admin {
        true => Ok(someone),
        false => Err(No::refused(403, "FORBIDDEN")),
    }
}
