//! A lock of one of several.

use crate::postgres::{PostgresLease, Server};
use runtime::ports::guard::{Guard, Hold};
use services::Postgres;

#[test]
fn of_several_one_holds_it_until_it_lets_go_or_the_server_dies() {
    let postgres = Postgres::start().unwrap();
    let server = Server::parse(&postgres.url("postgres")).unwrap();
    let lease = |name| PostgresLease::new(&server, name).unwrap();
    let (one, other, unlike) = (lease("relay"), lease("relay"), lease("something else"));
    assert_eq!((one.hold(), one.hold()), (Hold::Taken, Hold::Kept));
    assert!(matches!(other.hold(), Hold::Elsewhere(_)));
    assert_eq!(unlike.hold(), Hold::Taken);
    one.release();
    // The server hears of it in its own time.
    while other.hold() != Hold::Taken {}
    assert!(matches!(one.hold(), Hold::Elsewhere(_)));
    postgres.kill_9().unwrap();
    while other.hold() != Hold::Away {}
    postgres.restart().unwrap();
    while !matches!(one.hold(), Hold::Taken) {}
    assert!(matches!(other.hold(), Hold::Elsewhere(_)));
}
