//! Refresh tokens.

use super::*;
use proptest::prelude::*;

const LIFE: i64 = 100;

fn hash(n: u8) -> TokenHash {
    TokenHash([n; 32])
}

fn expires(bench: &Testbed<Users>) -> Timestamp {
    Timestamp(bench.now.0 + LIFE)
}

/// A bench on which the customer has logged in with token 1.
fn logged_in() -> (Testbed<Users>, User) {
    let (mut bench, user) = bench();
    log_in(&mut bench, &user, 1).unwrap();
    (bench, user)
}

fn log_in(bench: &mut Testbed<Users>, user: &User, token: u8) -> Result<User, Refused> {
    let expires_at = expires(bench);
    bench.ask(IssueRefresh { user: user.id, hash: hash(token), expires_at }).unwrap()
}

/// What a caller sends who has looked the old token's row up.
fn rotation(bench: &Testbed<Users>, old: u8, new: u8) -> RotateRefresh {
    let row = bench.get::<RefreshToken>((hash(old),));
    let (user, family) = row.map_or((ADMIN, Uuid::nil()), |row| (row.user_id, row.family_id));
    let (old_hash, new_hash) = (hash(old), hash(new));
    RotateRefresh { user, family, old_hash, new_hash, expires_at: expires(bench) }
}

fn rotate(bench: &mut Testbed<Users>, old: u8, new: u8) -> Result<User, Refused> {
    let command = rotation(bench, old, new);
    bench.ask(command).unwrap()
}

fn unauthorized(code: &'static str) -> Option<(Kind, &'static str, Option<&'static str>)> {
    Some((Kind::Unauthorized, code, None))
}

fn suspend(bench: &mut Testbed<Users>, user: &User, status: UserStatus) {
    bench.ask(PatchUser { status: Some(status), ..patch(user.id) }).unwrap().unwrap();
}

#[test]
fn each_token_is_replaced_by_the_next() {
    let (mut bench, user) = logged_in();
    for n in 1..5 {
        bench.now = Timestamp(bench.now.0 + LIFE - 1);
        assert_eq!(rotate(&mut bench, n, n + 1), Ok(user.clone()));
    }
    let used: Vec<_> = bench.all::<RefreshToken>().iter().map(|token| token.used).collect();
    assert_eq!(used, [true, true, true, true, false]);
    assert_eq!(bench.all::<RefreshFamily>()[0].expires_at, expires(&bench));
}

#[test]
fn a_token_used_twice_ends_its_whole_family_and_no_other() {
    let (mut bench, user) = logged_in();
    log_in(&mut bench, &user, 9).unwrap();
    rotate(&mut bench, 1, 2).unwrap();
    let invalid = unauthorized("REFRESH_TOKEN_INVALID");
    assert_eq!(shown(rotate(&mut bench, 1, 3)), invalid);
    assert_eq!(shown(rotate(&mut bench, 2, 4)), invalid, "the thief's token, or the owner's, ends too");
    assert!(rotate(&mut bench, 9, 10).is_ok());
}

#[test]
fn a_token_sent_twice_in_one_batch_is_used_once() {
    let (mut bench, _) = logged_in();
    let asks = [rotation(&bench, 1, 2), rotation(&bench, 1, 3)];
    let answers = bench.ask_all(&asks).unwrap();
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
    assert_eq!(bench.all::<RefreshToken>().len(), 2);
}

#[test]
fn a_token_that_cannot_be_used_is_unauthorized_and_changes_nothing() {
    let (mut bench, user) = logged_in();
    let other = bench.ask(sign_up("lee@shop.example")).unwrap().unwrap();
    log_in(&mut bench, &other, 5).unwrap();
    let mine = rotation(&bench, 1, 2);
    let theirs = rotation(&bench, 5, 2);
    let before = bench.snapshot();
    let late = Timestamp(NOW.0 + LIFE);
    for (command, at) in [
        (rotation(&bench, 77, 2), NOW),
        (RotateRefresh { user: theirs.user, ..mine }, NOW),
        (RotateRefresh { family: theirs.family, ..mine }, NOW),
        (mine, late),
    ] {
        bench.now = at;
        assert_eq!(shown(bench.ask(command).unwrap()), unauthorized("REFRESH_TOKEN_INVALID"));
        assert_eq!(bench.snapshot(), before);
    }
    assert_eq!(user.id, mine.user);
}

#[test]
fn a_suspension_works_at_once_and_its_end_too() {
    let (mut bench, user) = logged_in();
    suspend(&mut bench, &user, UserStatus::Suspended);
    assert_eq!(shown(rotate(&mut bench, 1, 2)), unauthorized("USER_SUSPENDED"));
    assert_eq!(shown(log_in(&mut bench, &user, 3)), unauthorized("USER_SUSPENDED"));
    suspend(&mut bench, &user, UserStatus::Active);
    assert!(rotate(&mut bench, 1, 2).is_ok());
}

#[test]
fn an_unknown_user_cannot_log_in() {
    let (mut bench, user) = bench();
    let nobody = User { id: UserId(Uuid::from_u128(404)), ..user };
    assert_eq!(shown(log_in(&mut bench, &nobody, 1)), unauthorized("REFRESH_TOKEN_INVALID"));
}

#[test]
fn a_token_never_replaces_one_that_exists() {
    let (mut bench, user) = logged_in();
    let before = bench.snapshot();
    let expires_at = expires(&bench);
    assert!(bench.ask(IssueRefresh { user: user.id, hash: hash(1), expires_at }).is_err());
    let same = rotation(&bench, 1, 1);
    assert!(bench.ask(same).is_err());
    assert_eq!(bench.snapshot(), before);
}

#[test]
fn expired_tokens_and_families_delete_themselves_and_living_ones_stay() {
    let (mut bench, _) = logged_in();
    let family = bench.all::<RefreshFamily>()[0].id;
    bench.now = Timestamp(NOW.0 + LIFE - 1);
    rotate(&mut bench, 1, 2).unwrap();
    for (at, tokens, families) in [(NOW.0 + LIFE, 1, 1), (NOW.0 + LIFE - 1 + LIFE, 0, 0)] {
        bench.now = Timestamp(at);
        for token in [1, 2] {
            bench.due::<RefreshToken>((hash(token),)).unwrap();
        }
        bench.due::<RefreshFamily>((family,)).unwrap();
        let left = (bench.all::<RefreshToken>().len(), bench.all::<RefreshFamily>().len());
        assert_eq!(left, (tokens, families), "{at}");
    }
}

proptest! {
    #[test]
    fn a_family_has_at_most_one_usable_token_whatever_is_replayed(olds in prop::collection::vec(1_u8..12, 0..30)) {
        let (mut bench, _) = logged_in();
        for (n, old) in (2_u8..).zip(olds) {
            let before = bench.all::<RefreshToken>().len();
            let answer = rotate(&mut bench, old, n);
            prop_assert_eq!(bench.all::<RefreshToken>().len(), before + usize::from(answer.is_ok()));
            let usable = bench.all::<RefreshToken>().iter().filter(|token| !token.used).count();
            prop_assert_eq!(usable, 1);
        }
    }
}
