//! Sign-up, profile, role, status.

use crate::NAME;
use crate::secrets::PasswordHash;
use crate::tables::{Role, User, UserEmail, UserStatus};
use kernel::ids::UserId;
use kernel::{Command, Cx, DomainName, Keys, Refused, Stop, WorkingSet, checks};
use serde_json::json;
use smol_str::SmolStr;

/// The longest address, in characters.
pub const EMAIL_MAX: usize = 254;
/// The longest name, in characters.
pub const NAME_MAX: usize = 100;

/// The form in which addresses are compared: two that differ only in case are one.
#[must_use]
pub fn email_key(email: &str) -> SmolStr {
    SmolStr::new(email.to_lowercase())
}

/// Makes a customer.
///
/// Refusals: `/email`, `/name` (422); `EMAIL_TAKEN` (409). Says `user.created`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignUp {
    /// Their address, at most [`EMAIL_MAX`] characters.
    pub email: SmolStr,
    /// Their name, 1 to [`NAME_MAX`] characters.
    pub name: SmolStr,
    /// Their password's hash.
    pub password_hash: PasswordHash,
}

impl Command for SignUp {
    type Reply = Result<User, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl SignUp {
    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.want::<UserEmail>((email_key(&self.email),));
    }

    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<User, Stop> {
        check_email(&self.email)?;
        checks::text("/name", &self.name, NAME_MAX)?;
        if state.get::<UserEmail>((email_key(&self.email),))?.is_some() {
            return Err(Refused::conflict("EMAIL_TAKEN", "this address is taken").into());
        }
        Ok(create(&self.email, &self.name, &self.password_hash, Role::Customer, state, cx))
    }
}

/// Makes an administrator, unless the address is taken: then whoever has it is left as they are. A customer who signed up
/// with that address is not promoted; the caller looks at their role if it matters.
///
/// Refusals: `/email`, `/name` (422). Says `user.created` if it made one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnsureAdmin {
    /// Their address.
    pub email: SmolStr,
    /// Their name.
    pub name: SmolStr,
    /// Their password's hash; an existing user keeps theirs.
    pub password_hash: PasswordHash,
}

/// What [`EnsureAdmin`] found or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ensured {
    /// This administrator was made.
    Made(User),
    /// This user has the address already, and was left alone.
    Exists(UserId),
}

impl Command for EnsureAdmin {
    type Reply = Result<Ensured, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl EnsureAdmin {
    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.want::<UserEmail>((email_key(&self.email),));
    }

    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<Ensured, Stop> {
        check_email(&self.email)?;
        checks::text("/name", &self.name, NAME_MAX)?;
        if let Some(owner) = state.get::<UserEmail>((email_key(&self.email),))? {
            return Ok(Ensured::Exists(owner.user_id));
        }
        Ok(Ensured::Made(create(&self.email, &self.name, &self.password_hash, Role::Admin, state, cx)))
    }
}

fn create(
    email: &SmolStr,
    name: &SmolStr,
    password_hash: &PasswordHash,
    role: Role,
    state: &mut WorkingSet,
    cx: &mut Cx<'_>,
) -> User {
    let user = User {
        id: UserId(cx.ids.next()),
        email: email.clone(),
        name: name.clone(),
        password_hash: password_hash.clone(),
        role,
        status: UserStatus::Active,
        version: 1,
        created_at: cx.now,
        updated_at: cx.now,
    };
    state.put(&user);
    state.put(&UserEmail { email_key: email_key(email), user_id: user.id });
    let body = json!({ "status": user.status, "role": user.role, "version": user.version });
    cx.state_fact(NAME, user.id.0, "user.created", body);
    user
}

/// Changes what is given; what is not given stays. Who may change what is for the caller to know: users their own name,
/// administrators the rest. A patch that changes nothing keeps the version and says nothing.
///
/// Refusals: 404; an `expected_version` that is not the current one (412); `/name`, `/reason` (422).
/// Says `user.changed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchUser {
    /// Whom.
    pub id: UserId,
    /// A new name.
    pub name: Option<SmolStr>,
    /// A new role.
    pub role: Option<Role>,
    /// A new status; a suspension also stops their refresh tokens, until it is lifted.
    pub status: Option<UserStatus>,
    /// The version that the caller saw.
    pub expected_version: Option<i64>,
    /// Who changes it: themselves or an administrator.
    pub by: UserId,
    /// Why.
    pub reason: Option<String>,
}

impl Command for PatchUser {
    type Reply = Result<User, Refused>;
    const DOMAIN: DomainName = NAME;
}

impl PatchUser {
    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.want::<User>((self.id,));
    }

    pub(crate) fn decide(&self, state: &mut WorkingSet, cx: &mut Cx<'_>) -> Result<User, Stop> {
        let before: User = state.get((self.id,))?.ok_or_else(|| Refused::not_found("user"))?;
        checks::version(self.expected_version, before.version)?;
        if let Some(name) = &self.name {
            checks::text("/name", name, NAME_MAX)?;
        }
        checks::reason(self.reason.as_deref())?;

        let patched = User {
            name: self.name.clone().unwrap_or_else(|| before.name.clone()),
            role: self.role.unwrap_or(before.role),
            status: self.status.unwrap_or(before.status),
            ..before.clone()
        };
        if patched == before {
            return Ok(before);
        }
        let after = User { version: checks::one_more(before.version)?, updated_at: cx.now, ..patched };
        state.put(&after);
        let body = json!({
            "status": after.status,
            "role": after.role,
            "version": after.version,
            "renamed": after.name != before.name,
            "by": self.by,
            "reason": self.reason,
        });
        cx.state_fact(NAME, after.id.0, "user.changed", body);
        Ok(after)
    }
}

fn check_email(email: &str) -> Result<(), Refused> {
    let invalid = |detail: &str| Err(checks::invalid("/email", detail));
    if email.chars().count() > EMAIL_MAX {
        return invalid("must have at most 254 characters");
    }
    if email.chars().any(|char| char.is_control() || char.is_whitespace()) {
        return invalid("must not hold spaces or control characters");
    }
    match email.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !domain.contains('@') => Ok(()),
        Some(_) | None => invalid("must have text on both sides of one @"),
    }
}
