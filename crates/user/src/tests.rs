mod accounts;
mod sessions;

use crate::*;
use kernel::ids::UserId;
use kernel::testbed::Testbed;
use kernel::{Kind, Refused, Timestamp};
use uuid::Uuid;

const NOW: Timestamp = Timestamp(1_000);
const ADMIN: UserId = UserId(Uuid::from_u128(9));

fn sign_up(email: &str) -> SignUp {
    SignUp { email: email.into(), name: "Kim".into(), password_hash: PasswordHash::new("$argon2id$secret") }
}

fn patch(id: UserId) -> PatchUser {
    PatchUser { id, name: None, role: None, status: None, expected_version: None, by: ADMIN, reason: None }
}

/// A bench with one customer.
fn bench() -> (Testbed<Users>, User) {
    let mut bench = Testbed::new(Users, NOW);
    let user = bench.ask(sign_up("kim@shop.example")).unwrap().unwrap();
    (bench, user)
}

fn shown<T>(reply: Result<T, Refused>) -> Option<(Kind, &'static str, Option<&'static str>)> {
    reply.err().map(|refused| (refused.kind, refused.code, refused.pointer))
}
