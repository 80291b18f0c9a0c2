//! Users: one to an address; a family of refresh tokens has one that can be used, at most.

use jumun_anything::drive::{Subject, play, reads};
use jumun_anything::script::script;
use jumun_anything::values::{START, id, int, said, text, time, user_id};
use kernel::DecideError;
use kernel::testbed::Testbed;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use user::{
    EnsureAdmin, IssueRefresh, PasswordHash, PatchUser, RefreshFamily, RefreshToken, Role, RotateRefresh,
    SignUp, TokenHash, User, UserEmail, UserStatus, Users,
};
use uuid::Uuid;

#[derive(Clone, Debug)]
enum Asked {
    SignUp(SignUp),
    Admin(EnsureAdmin),
    Patch(PatchUser),
    Issue(IssueRefresh),
    Rotate(RotateRefresh),
}

fn email() -> impl Strategy<Value = String> {
    prop_oneof![4 => (text(), text()).prop_map(|(local, domain)| format!("{local}@{domain}")), 1 => text()]
}

fn hash() -> impl Strategy<Value = TokenHash> {
    (0_u8..12).prop_map(|n| TokenHash([n; 32]))
}

fn asked() -> impl Strategy<Value = Asked> {
    let password_hash = PasswordHash::new("$argon2id$…");
    let again = password_hash.clone();
    let sign_up = (email(), text()).prop_map(move |(email, name)| {
        let password_hash = password_hash.clone();
        Asked::SignUp(SignUp { email: email.into(), name: name.into(), password_hash })
    });
    let admin = (email(), text()).prop_map(move |(email, name)| {
        let password_hash = again.clone();
        Asked::Admin(EnsureAdmin { email: email.into(), name: name.into(), password_hash })
    });
    let change = (option::of(text()), option::of(select(Role::ALL)), option::of(select(UserStatus::ALL)));
    let patch = (user_id(), change, option::weighted(0.2, int()), user_id(), option::of(text())).prop_map(
        |(id, (name, role, status), expected_version, by, reason)| {
            let name = name.map(Into::into);
            Asked::Patch(PatchUser { id, name, role, status, expected_version, by, reason })
        },
    );
    let issue = (user_id(), hash(), time())
        .prop_map(|(user, hash, expires_at)| Asked::Issue(IssueRefresh { user, hash, expires_at }));
    let rotate = (user_id(), id(), hash(), hash(), time()).prop_map(
        |(user, family, old_hash, new_hash, expires_at)| {
            Asked::Rotate(RotateRefresh { user, family, old_hash, new_hash, expires_at })
        },
    );
    prop_oneof![2 => sign_up, 1 => admin, 2 => patch, 4 => issue, 6 => rotate]
}

#[derive(Clone, Default)]
struct Accounts {
    versions: BTreeMap<Uuid, i64>,
}

impl Accounts {
    /// Whoever rotates has looked the old token up: mostly it is passed on rightly.
    fn looked_up(bed: &Testbed<Users>, asked: RotateRefresh) -> RotateRefresh {
        match bed.get::<RefreshToken>((asked.old_hash,)) {
            Some(old) if !asked.old_hash.0[0].is_multiple_of(4) => {
                RotateRefresh { user: old.user_id, family: old.family_id, ..asked }
            }
            Some(_) | None => asked,
        }
    }
}

impl Subject for Accounts {
    type Domain = Users;
    type Command = Asked;

    fn send(
        &mut self,
        bed: &mut Testbed<Users>,
        command: &Asked,
    ) -> Result<Result<(), DecideError>, TestCaseError> {
        Ok(match command.clone() {
            Asked::SignUp(command) => bed.ask(command).map(drop),
            Asked::Admin(command) => bed.ask(command).map(drop),
            Asked::Patch(command) => bed.ask(command).map(drop),
            Asked::Issue(command) => bed.ask(command).map(drop),
            Asked::Rotate(command) => bed.ask(Self::looked_up(bed, command)).map(drop),
        })
    }

    /// New tokens are drawn at random; that one is drawn twice cannot happen.
    fn may_fault(&self, command: &Asked, fault: &DecideError) -> bool {
        matches!((command, fault), (Asked::Issue(_) | Asked::Rotate(_), DecideError::Impossible(_)))
    }

    fn check(&mut self, bed: &Testbed<Users>) -> Result<(), TestCaseError> {
        reads::<_, User>(bed)?;
        reads::<_, RefreshToken>(bed)?;
        reads::<_, RefreshFamily>(bed)?;
        let (users, emails) = (bed.all::<User>(), bed.all::<UserEmail>());
        let owners: BTreeSet<_> = emails.iter().map(|email| email.user_id).collect();
        prop_assert_eq!((emails.len(), owners.len()), (users.len(), users.len()), "one address, one user");
        for user in users {
            let before = self.versions.insert(user.id.0, user.version);
            prop_assert!(before.is_none_or(|before| before <= user.version));
        }
        let tokens = bed.all::<RefreshToken>();
        for family in bed.all::<RefreshFamily>() {
            let own = tokens.iter().filter(|token| token.family_id == family.id);
            prop_assert!(own.clone().all(|token| token.user_id == family.user_id));
            prop_assert!(own.filter(|token| !token.used).count() <= 1, "two that could be used");
        }
        Ok(())
    }
}

fn bed() -> Testbed<Users> {
    let mut bed = Testbed::new(Users, START);
    for name in ["a", "b", "c"] {
        let password_hash = PasswordHash::new("$argon2id$…");
        let email = format!("{name}@{name}").into();
        bed.ask(SignUp { email, name: name.into(), password_hash }).unwrap().unwrap();
    }
    bed
}

proptest! {
    #[test]
    fn accounts_and_their_tokens_stay_whole_whatever_comes(script in script(asked(), said())) {
        play(&mut Accounts::default(), &mut bed(), &script)?;
    }
}
