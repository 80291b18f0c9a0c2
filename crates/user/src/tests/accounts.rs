//! Sign-up, profile, role, status.

use super::*;
use kernel::Said;
use proptest::prelude::*;

fn fact(bench: &Testbed<Users>) -> (&str, &serde_json::Value) {
    match &bench.said[..] {
        [Said::Fact { kind, body }] => (kind.as_str(), body),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_customer_is_made_or_refused_by_one_named_reason() {
    let invalid = |pointer| Some((Kind::Invalid, "INVALID_FIELD", Some(pointer)));
    let taken = Some((Kind::Conflict, "EMAIL_TAKEN", None));
    let long = |n: usize| format!("{}@b", "a".repeat(n - 2));
    for (email, name, expected) in [
        ("lee@shop.example", "Lee", None),
        ("이@가게.한국", "이", None),
        (&long(254), "Lee", None),
        ("kim@shop.example", "Lee", taken),
        ("KIM@Shop.Example", "Lee", taken),
        (&long(255), "Lee", invalid("/email")),
        ("", "Lee", invalid("/email")),
        ("lee", "Lee", invalid("/email")),
        ("@shop", "Lee", invalid("/email")),
        ("lee@", "Lee", invalid("/email")),
        ("lee@a@b", "Lee", invalid("/email")),
        ("lee @shop", "Lee", invalid("/email")),
        ("lee@sh\u{7}op", "Lee", invalid("/email")),
        ("lee@shop.example", "", invalid("/name")),
        ("lee@shop.example", &"x".repeat(101), invalid("/name")),
        ("lee@shop.example", "Lee\n", invalid("/name")),
    ] {
        let (mut bench, _) = bench();
        let before = bench.snapshot();
        let reply = bench.ask(SignUp { name: name.into(), ..sign_up(email) }).unwrap();
        assert_eq!(shown(reply), expected, "{email:?} {name:?}");
        assert_eq!(bench.snapshot() == before, expected.is_some(), "a refusal changes nothing");
        assert_eq!(bench.said.is_empty(), expected.is_some(), "a refusal says nothing");
    }
}

#[test]
fn one_address_signed_up_twice_in_a_batch_is_one_user() {
    let mut bench = Testbed::new(Users, NOW);
    let replies = bench.ask_all(&[sign_up("a@b"), sign_up("A@B")]).unwrap();
    assert_eq!(replies.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn what_is_said_about_a_user_holds_nothing_personal() {
    let (bench, user) = bench();
    assert_eq!((user.role, user.status), (Role::Customer, UserStatus::Active));
    let expected = serde_json::json!({ "status": "ACTIVE", "role": "customer", "version": 1 });
    assert_eq!(fact(&bench), ("user.created", &expected));
}

#[test]
fn no_debug_output_shows_a_hash() {
    let (_, user) = bench();
    let shown = format!("{user:?} {:?} {:?}", sign_up("a@b"), TokenHash([7; 32]));
    assert!(!shown.contains("argon2") && !shown.contains("7, 7"), "{shown}");
}

#[test]
fn an_administrator_is_made_once_and_nobody_is_promoted() {
    let ensure = |email: &str| {
        let SignUp { email, name, password_hash } = sign_up(email);
        EnsureAdmin { email, name, password_hash }
    };
    let (mut bench, customer) = bench();
    let Ensured::Made(admin) = bench.ask(ensure("root@shop.example")).unwrap().unwrap() else {
        panic!("an administrator is made")
    };
    assert_eq!(admin.role, Role::Admin);
    let before = bench.snapshot();
    for (email, id) in [("ROOT@shop.example", admin.id), ("kim@shop.example", customer.id)] {
        assert_eq!(bench.ask(ensure(email)).unwrap(), Ok(Ensured::Exists(id)));
        assert_eq!((bench.snapshot() == before, bench.said.len()), (true, 0));
    }
}

#[test]
fn a_patch_changes_what_is_given_and_says_who_and_why() {
    let (mut bench, user) = bench();
    let (status, reason) = (Some(UserStatus::Suspended), Some("fraud".to_owned()));
    let change = PatchUser { status, reason, expected_version: Some(1), ..patch(user.id) };
    let after = bench.ask(change).unwrap().unwrap();
    assert_eq!((after.status, after.version, after.name.as_str()), (UserStatus::Suspended, 2, "Kim"));
    let expected = serde_json::json!({
        "status": "SUSPENDED", "role": "customer", "version": 2, "renamed": false,
        "by": ADMIN, "reason": "fraud",
    });
    assert_eq!(fact(&bench), ("user.changed", &expected));
    let same = PatchUser { status, ..patch(user.id) };
    assert_eq!(bench.ask(same).unwrap().unwrap().version, 2);
    assert_eq!(bench.said, [], "a patch that changes nothing says nothing");
}

#[test]
fn a_patch_can_change_every_field_and_says_when() {
    let (mut bench, user) = bench();
    bench.now = Timestamp(NOW.0 + 5);
    let change = PatchUser { name: Some("Park".into()), role: Some(Role::Admin), ..patch(user.id) };
    let after = bench.ask(change).unwrap().unwrap();
    let expected =
        User { name: "Park".into(), role: Role::Admin, version: 2, updated_at: bench.now, ..user.clone() };
    assert_eq!((after.clone(), bench.get((user.id,))), (expected, Some(after)));
}

#[test]
fn the_hash_of_a_password_is_kept_as_it_was_made() {
    let (bench, user) = bench();
    let kept: User = bench.get((user.id,)).unwrap();
    assert_eq!(kept.password_hash.phc(), "$argon2id$secret");
}

#[test]
fn a_patch_is_refused_by_one_named_reason() {
    let (mut bench, user) = bench();
    let before = bench.snapshot();
    let invalid = |pointer| Some((Kind::Invalid, "INVALID_FIELD", Some(pointer)));
    let stale = Some((Kind::Stale, "VERSION_MISMATCH", None));
    let nobody = UserId(Uuid::from_u128(404));
    for (command, expected) in [
        (patch(nobody), Some((Kind::NotFound, "NOT_FOUND", None))),
        (PatchUser { expected_version: Some(2), ..patch(user.id) }, stale),
        (PatchUser { name: Some(" ".into()), ..patch(user.id) }, invalid("/name")),
        (PatchUser { reason: Some("".to_owned()), ..patch(user.id) }, invalid("/reason")),
    ] {
        assert_eq!(shown(bench.ask(command).unwrap()), expected);
        assert_eq!((bench.snapshot() == before, bench.said.len()), (true, 0));
    }
}

proptest! {
    #[test]
    fn any_text_signs_up_as_one_user_or_is_refused(email in "\\PC{0,20}@?\\PC{0,20}", name in ".{0,120}") {
        let mut bench = Testbed::new(Users, NOW);
        let command = SignUp { name: name.as_str().into(), ..sign_up(&email) };
        let made = bench.ask(command.clone()).unwrap();
        let again = bench.ask(command).unwrap();
        prop_assert!(again.is_err());
        prop_assert_eq!(bench.all::<User>().len(), usize::from(made.is_ok()));
        prop_assert_eq!(bench.all::<UserEmail>().len(), usize::from(made.is_ok()));
    }
}
