//! The user domain: who there is, what they may do, and the refresh tokens that keep them logged in.
//!
//! Passwords are hashed outside; here they are only carried. What is said about users names no e-mail address and no
//! name: logs outlive accounts.
//!
//! Reading order: [`secrets`] → [`tables`] → [`account`] (sign-up, profile, role, status) → [`session`] (refresh tokens).

pub mod account;
pub mod secrets;
pub mod session;
pub mod tables;

#[cfg(test)]
mod tests;

pub use account::{EnsureAdmin, Ensured, PatchUser, SignUp, email_key};
pub use secrets::{PasswordHash, TokenHash};
pub use session::{IssueRefresh, RotateRefresh};
pub use tables::{RefreshFamily, RefreshToken, Role, User, UserEmail, UserStatus};

use kernel::{Cx, DecideError, Domain, DomainName, Due, Input, Key, Keys, Record, Table, WorkingSet};

/// The domain's name in topologies.
pub const NAME: DomainName = DomainName::of("user");

/// The user domain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Users;

impl Domain for Users {
    fn name(&self) -> DomainName {
        NAME
    }

    fn tables(&self) -> Vec<&'static Table> {
        vec![User::TABLE, UserEmail::TABLE, RefreshToken::TABLE, RefreshFamily::TABLE]
    }

    fn due(&self) -> Vec<Due> {
        vec![Due::date(RefreshToken::TABLE, "expires_at"), Due::date(RefreshFamily::TABLE, "expires_at")]
    }

    fn keys(&self, input: &Input<'_>, keys: &mut Keys) -> Result<(), DecideError> {
        match Asked::read(input)? {
            Asked::SignUp(command) => command.keys(keys),
            Asked::EnsureAdmin(command) => command.keys(keys),
            Asked::Patch(command) => command.keys(keys),
            Asked::Issue(command) => command.keys(keys),
            Asked::Rotate(command) => command.keys(keys),
            Asked::ForgetToken(key) => keys.want::<RefreshToken>(key.clone()),
            Asked::ForgetFamily(key) => keys.want::<RefreshFamily>(key.clone()),
        }
        Ok(())
    }

    fn decide(&self, input: &Input<'_>, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<(), DecideError> {
        match Asked::read(input)? {
            Asked::SignUp(command) => {
                let decided = command.decide(state, cx);
                cx.answer(command, decided)
            }
            Asked::EnsureAdmin(command) => {
                let decided = command.decide(state, cx);
                cx.answer(command, decided)
            }
            Asked::Patch(command) => {
                let decided = command.decide(state, cx);
                cx.answer(command, decided)
            }
            Asked::Issue(command) => {
                let decided = command.decide(state, cx);
                cx.answer(command, decided)
            }
            Asked::Rotate(command) => {
                let decided = command.decide(state, cx);
                cx.answer(command, decided)
            }
            Asked::ForgetToken(key) => session::forget_token(key, state, cx),
            Asked::ForgetFamily(key) => session::forget_family(key, state, cx),
        }
    }
}

/// What the domain can be asked. It hears nothing and raises no dead letters.
enum Asked<'a> {
    SignUp(&'a SignUp),
    EnsureAdmin(&'a EnsureAdmin),
    Patch(&'a PatchUser),
    Issue(&'a IssueRefresh),
    Rotate(&'a RotateRefresh),
    ForgetToken(&'a Key),
    ForgetFamily(&'a Key),
}

impl<'a> Asked<'a> {
    fn read(input: &Input<'a>) -> Result<Self, DecideError> {
        let known = match input {
            Input::Command(command) => None
                .or_else(|| command.downcast_ref().map(Self::SignUp))
                .or_else(|| command.downcast_ref().map(Self::EnsureAdmin))
                .or_else(|| command.downcast_ref().map(Self::Patch))
                .or_else(|| command.downcast_ref().map(Self::Issue))
                .or_else(|| command.downcast_ref().map(Self::Rotate)),
            Input::Due { table, key } if table.name == RefreshToken::TABLE.name => {
                Some(Self::ForgetToken(key))
            }
            Input::Due { table, key } if table.name == RefreshFamily::TABLE.name => {
                Some(Self::ForgetFamily(key))
            }
            Input::Due { .. } | Input::Heard(_) | Input::Redriven(_) | Input::Resolved(_) => None,
        };
        known.ok_or_else(|| DecideError::Impossible("user is asked only its own commands".to_owned()))
    }
}
