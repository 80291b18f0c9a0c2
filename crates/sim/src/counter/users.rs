//! Users: signed up, suspended and let in again.

use super::caller::admin;
use super::refusals::No;
use super::wait::{Turn, ask};
use super::{Sight, render};
use crate::clients::{Answer, Caller, Id};
use kernel::ids::UserId;
use user::{PasswordHash, PatchUser, SignUp, User, UserStatus};
use uuid::Uuid;

/// Signs up. Nobody logs in here, so that everybody's password is the same nothing.
pub(super) fn sign_up(sight: &Sight<'_>, email: &str) -> Result<Turn, No> {
    let password_hash = PasswordHash::new("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA");
    let command = SignUp { email: email.into(), name: "Customer".into(), password_hash };
    Ok(ask(sight, &*sight.system("user")?, command, |user, _| Ok(told(&user))))
}

/// Suspends a user, or lets them in again.
pub(super) fn set_suspended(sight: &Sight<'_>, from: Caller, user: Id, suspended: bool) -> Result<Turn, No> {
    let by = admin(sight, from)?.id;
    let status = if suspended { UserStatus::Suspended } else { UserStatus::Active };
    let command = PatchUser {
        id: user_id(user),
        name: None,
        role: None,
        status: Some(status),
        expected_version: None,
        by,
        reason: None,
    };
    Ok(ask(sight, &*sight.system("user")?, command, |user, _| Ok(told(&user))))
}

/// The user.
pub(super) fn find(sight: &Sight<'_>, user: Id) -> Result<User, No> {
    sight.get("user", (user_id(user),))?.ok_or_else(No::not_found)
}

fn told(user: &User) -> Turn {
    Turn::Told(Answer::User(render::user(user)))
}

fn user_id(id: Id) -> UserId {
    UserId(Uuid::from_u128(id))
}
