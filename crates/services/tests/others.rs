//! Redis and Kafka of a test's own, and servers that are kept.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use jumun_services::{Found, Kafka, Kept, Redis, RedisServer};

#[test]
fn redis_keeps_what_it_flushed_and_asks_for_its_password() {
    let redis = Redis::with(&[("appendfsync", "always")]).unwrap();
    redis.run(&["SET", "a", "7"]).unwrap();
    for end in [Redis::kill_9, Redis::stop] {
        end(&redis).unwrap();
        assert!(redis.run(&["GET", "a"]).is_err(), "it is down");
        redis.restart().unwrap();
        assert_eq!(redis.run(&["GET", "a"]).unwrap().trim(), "7");
    }
    assert_eq!(redis.run(&["CONFIG", "GET", "appendfsync"]).unwrap().lines().nth(1), Some("always"));
    let mut stranger = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    stranger.write_all(b"GET a\r\n").unwrap();
    let mut answer = String::new();
    BufReader::new(stranger).read_line(&mut answer).unwrap();
    assert!(answer.starts_with("-NOAUTH"), "{answer}");
}

#[test]
fn kafka_answers_again_after_a_kill() {
    let kafka = Kafka::start().unwrap();
    let bootstrap = kafka.bootstrap();
    kafka.kill_9().unwrap();
    assert!(kafka.pause().is_err(), "it does not run");
    kafka.restart().unwrap();
    assert_eq!(kafka.bootstrap(), bootstrap);
}

/// Takes the server down that a failing test leaves.
struct Tidy<F: Fn() -> Kept<RedisServer>>(F);

impl<F: Fn() -> Kept<RedisServer>> Drop for Tidy<F> {
    fn drop(&mut self) {
        let _ = (self.0)().down();
    }
}

#[test]
fn a_kept_server_goes_on_until_it_is_taken_down_and_keeps_its_data() {
    let home = tempfile::tempdir().unwrap();
    let kept = || Kept::<RedisServer>::in_home(home.path());
    let _tidy = Tidy(kept);
    assert_eq!(kept().find().unwrap(), Found::Down);
    let url = kept().up(None).unwrap();
    assert_eq!(kept().find().unwrap(), Found::Up(url.clone()));
    assert!(kept().up(None).is_err(), "it runs already");
    assert!(kept().down().unwrap());
    assert_eq!(kept().find().unwrap(), Found::Down);
    assert!(!kept().down().unwrap(), "it did not run");
    assert_eq!(kept().up(None).unwrap(), url, "it is where it was");
    assert!(kept().down().unwrap());
}
