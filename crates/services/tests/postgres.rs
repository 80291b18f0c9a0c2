//! PostgreSQL of a test's own: what a test may do to it, and that it never outlives the test.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;
use jumun_services::Postgres;

/// Makes a table with a row in a new database, whose name is returned.
fn with_a_row(postgres: &Postgres) -> Result<String> {
    let database = postgres.fresh_database()?;
    postgres.run(&database, "CREATE TABLE t (n INT); INSERT INTO t VALUES (7)")?;
    Ok(database)
}

#[test]
fn what_was_committed_outlives_a_kill_and_a_stop() {
    let postgres = Postgres::start().unwrap();
    let database = with_a_row(&postgres).unwrap();
    let url = postgres.url(&database);
    for end in [Postgres::kill_9, Postgres::stop] {
        end(&postgres).unwrap();
        assert!(postgres.run(&database, "SELECT n FROM t").is_err(), "it is down");
        postgres.restart().unwrap();
        assert_eq!(postgres.run(&database, "SELECT n FROM t").unwrap(), "7\n");
        assert_eq!(postgres.url(&database), url);
    }
}

#[test]
fn a_paused_server_answers_once_it_goes_on() {
    let postgres = Postgres::start().unwrap();
    let database = with_a_row(&postgres).unwrap();
    postgres.pause().unwrap();
    assert!(postgres.run(&database, "SELECT n FROM t").is_err(), "it is paused");
    postgres.resume().unwrap();
    assert_eq!(postgres.run(&database, "SELECT n FROM t").unwrap(), "7\n");
}

#[test]
fn settings_are_its_own_and_it_is_durable_without_them() {
    let postgres = Postgres::with(&[("max_connections", "17")]).unwrap();
    assert_eq!(postgres.run("postgres", "SHOW max_connections").unwrap(), "17\n");
    assert_eq!(postgres.run("postgres", "SHOW fsync").unwrap(), "on\n");
}

#[test]
fn what_keeps_a_server_from_starting_is_said() {
    let Err(error) = Postgres::with(&[("max_connections", "many")]) else { panic!("it started") };
    let said = format!("{error:#}");
    assert!(said.contains("its log ends") && said.contains("max_connections"), "{said}");
}

#[test]
fn all_tests_of_a_process_share_one_in_databases_of_their_own() {
    let (one, other) = (Postgres::shared().unwrap(), Postgres::shared().unwrap());
    assert_eq!(one.port(), other.port());
    assert_ne!(with_a_row(one).unwrap(), with_a_row(other).unwrap());
}

/// Tells the process that is killed in the next test from the one that runs it.
const KILLED: &str = "JUMUN_TEST_IS_TO_BE_KILLED";

#[test]
fn a_server_ends_with_the_process_that_started_it_however_that_ends() {
    if std::env::var_os(KILLED).is_some() {
        println!("\nport {}", Postgres::start().unwrap().port());
        let postgres = Postgres::shared().unwrap();
        println!("\nport {}", postgres.port());
        // Until it is killed.
        let _ = std::io::stdin().read(&mut [0]);
        return;
    }
    let name = "a_server_ends_with_the_process_that_started_it_however_that_ends";
    let mut killed = Command::new(std::env::current_exe().unwrap());
    killed
        .args(["--exact", name, "--nocapture"])
        .env(KILLED, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut killed = killed.spawn().unwrap();
    let lines = BufReader::new(killed.stdout.take().unwrap()).lines().map_while(Result::ok);
    let ports = lines.filter_map(|line| line.strip_prefix("port ")?.parse().ok());
    let ports: Vec<u16> = ports.take(2).collect();
    let [dropped, shared] = ports[..] else { panic!("it ended before it was killed") };
    assert!(TcpStream::connect(("127.0.0.1", dropped)).is_err(), "this one was dropped");
    assert!(TcpStream::connect(("127.0.0.1", shared)).is_ok());
    killed.kill().unwrap();
    killed.wait().unwrap();
    // A connection that says nothing stays open as long as the server lets it: each waits for a part of its end.
    while let Ok(mut connection) = TcpStream::connect(("127.0.0.1", shared)) {
        connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let ended = connection.read_to_end(&mut Vec::new());
        let outlives = ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        assert!(!outlives, "nobody ended it");
    }
}
