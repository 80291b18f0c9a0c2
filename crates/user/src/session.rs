//! Refresh tokens: each is used once and replaced by the next of its family. One that comes twice is in two hands, so the
//! whole family ends.

use crate::NAME;
use crate::secrets::TokenHash;
use crate::tables::{RefreshFamily, RefreshToken, User};
use kernel::ids::UserId;
use kernel::{Command, Cx, DecideError, DomainName, Key, Keys, Kind, Refused, Stop, Timestamp, WorkingSet};
use uuid::Uuid;

/// Starts a family, at log-in. The caller has compared the password.
///
/// Answers the user as they are now. Refusals (401): `REFRESH_TOKEN_INVALID` (no such user), `USER_SUSPENDED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssueRefresh {
    /// Whose.
    pub user: UserId,
    /// The token's hash, of 32 random bytes never used before.
    pub hash: TokenHash,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

impl Command for IssueRefresh {
    type Reply = Result<User, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl IssueRefresh {
    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.want::<User>((self.user,));
        keys.want::<RefreshToken>((self.hash,));
    }

    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<User, Stop> {
        let user = active(self.user, state)?;

        let family = RefreshFamily {
            id: cx.ids.next(),
            user_id: user.id,
            revoked: false,
            expires_at: self.expires_at,
            created_at: cx.now,
        };
        put_token(self.hash, &family, self.expires_at, state, cx)?;
        state.put(&family);
        Ok(user)
    }
}

/// Uses a token and makes the next one. A row can only be read if its key is known, so the caller first looks the old
/// token's row up and passes on whose it is and of which family; both are checked here. No row there: it is invalid.
///
/// Answers the user as they are now. Refusals (401): `REFRESH_TOKEN_INVALID` (unknown, expired, of a revoked family, or
/// used before), `USER_SUSPENDED` (the token stays usable). The only refusal that changes something: a token used before
/// revokes its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotateRefresh {
    /// The old token's [`RefreshToken::user_id`].
    pub user: UserId,
    /// The old token's [`RefreshToken::family_id`].
    pub family: Uuid,
    /// The old token's hash.
    pub old_hash: TokenHash,
    /// The next token's hash, of 32 random bytes never used before.
    pub new_hash: TokenHash,
    /// Until when the next one can be used.
    pub expires_at: Timestamp,
}

impl Command for RotateRefresh {
    type Reply = Result<User, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl RotateRefresh {
    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.want::<User>((self.user,));
        keys.want::<RefreshFamily>((self.family,));
        keys.want::<RefreshToken>((self.old_hash,));
        keys.want::<RefreshToken>((self.new_hash,));
    }

    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<User, Stop> {
        let old: RefreshToken = state.get((self.old_hash,))?.ok_or_else(invalid)?;
        if (old.user_id, old.family_id) != (self.user, self.family) || old.expires_at <= cx.now {
            return Err(invalid().into());
        }
        let family: RefreshFamily = state.get((self.family,))?.ok_or_else(invalid)?;
        if family.revoked {
            return Err(invalid().into());
        }
        if old.used {
            state.put(&RefreshFamily { revoked: true, ..family });
            return Err(invalid().into());
        }
        let user = active(self.user, state)?;

        put_token(self.new_hash, &family, self.expires_at, state, cx)?;
        state.put(&RefreshToken { used: true, ..old });
        state.put(&RefreshFamily { expires_at: family.expires_at.max(self.expires_at), ..family });
        Ok(user)
    }
}

/// An expired token's row is of no more use: unknown is as good as expired.
pub(crate) fn forget_token(key: &Key, state: &mut WorkingSet, cx: &Cx<'_>) -> Result<(), DecideError> {
    let expired = state.get::<RefreshToken>(key.clone())?.is_some_and(|token| token.expires_at <= cx.now);
    if expired {
        state.delete::<RefreshToken>(key.clone());
    }
    Ok(())
}

/// A family whose last token has expired; one rotated since it fell due has a later time and stays.
pub(crate) fn forget_family(key: &Key, state: &mut WorkingSet, cx: &Cx<'_>) -> Result<(), DecideError> {
    let expired = state.get::<RefreshFamily>(key.clone())?.is_some_and(|family| family.expires_at <= cx.now);
    if expired {
        state.delete::<RefreshFamily>(key.clone());
    }
    Ok(())
}

fn active(id: UserId, state: &WorkingSet) -> Result<User, Stop> {
    let user: User = state.get((id,))?.ok_or_else(invalid)?;
    if user.is_active() {
        Ok(user)
    } else {
        Err(Refused::new(Kind::Unauthorized, "USER_SUSPENDED", "this user is suspended").into())
    }
}

/// One answer for every bad token: it tells a thief nothing.
fn invalid() -> Refused {
    Refused::new(Kind::Unauthorized, "REFRESH_TOKEN_INVALID", "this refresh token cannot be used")
}

fn put_token(
    token_hash: TokenHash,
    family: &RefreshFamily,
    expires_at: Timestamp,
    state: &mut WorkingSet,
    cx: &Cx<'_>,
) -> Result<(), DecideError> {
    if state.get::<RefreshToken>((token_hash,))?.is_some() {
        return Err(DecideError::Impossible("a new refresh token that exists already".to_owned()));
    }
    state.put(&RefreshToken {
        token_hash,
        user_id: family.user_id,
        family_id: family.id,
        expires_at,
        used: false,
        created_at: cx.now,
    });
    Ok(())
}
