//! The lock: two instances never hold it at once, neither starves, and nobody waits for a Redis that is away.

use jumun_redis_adapters::guard::RedisGuard;
use kernel::Timestamp;
use parking_lot::Mutex;
use runtime::ports::clock::Clock;
use runtime::ports::guard::{Guard, Hold};
use services::Redis;
use shop::aids::Aid;
use std::sync::Arc;
use std::time::Duration;

/// A clock that is moved by hand: what an instance believes of its lock goes by it. (The lock itself runs out by Redis's own.)
#[derive(Default)]
struct Hand(Mutex<Duration>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock()
    }
}

/// An instance that wants the lock.
struct Instance {
    clock: Arc<Hand>,
    guard: RedisGuard,
}

impl Instance {
    fn new(redis: &Redis) -> Self {
        let clock: Arc<Hand> = Arc::default();
        // Longer than any test takes.
        let ttl = Duration::from_secs(3_600);
        let target = redis.url().parse().unwrap();
        let guard = RedisGuard::new(target, "product", ttl, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        Self { clock, guard }
    }

    fn hold(&self) -> Hold {
        self.guard.hold()
    }

    fn wait(&self, ms: u64) {
        *self.clock.0.lock() += Duration::from_millis(ms);
    }

    /// Asks until the answer is this: what was asked before may still be under way.
    fn until(&self, mut wanted: impl FnMut(Hold) -> bool) {
        while !wanted(self.hold()) {
            self.wait(20);
        }
    }

    fn is_there(&self) -> bool {
        self.guard.trouble().is_none()
    }
}

fn is_elsewhere(hold: Hold) -> bool {
    matches!(hold, Hold::Elsewhere(_))
}

const LOCK: &str = "{jumun-guard:product}";

#[test]
fn only_one_instance_holds_it_until_it_is_released() {
    let redis = Redis::start().unwrap();
    let (one, other) = (Instance::new(&redis), Instance::new(&redis));
    one.until(|hold| hold == Hold::Taken);
    assert_eq!(one.hold(), Hold::Kept);
    other.until(is_elsewhere);
    assert!(is_elsewhere(other.hold()));
    one.guard.release();
    other.until(|hold| hold == Hold::Taken);
    // Whoever released it asks again, and does not take it for granted.
    one.until(is_elsewhere);
}

#[test]
fn a_busy_holder_gives_way_to_who_wants_it() {
    let redis = Redis::start().unwrap();
    let (one, other) = (Instance::new(&redis), Instance::new(&redis));
    one.until(|hold| hold == Hold::Taken);
    one.wait(150);
    one.until(|hold| hold == Hold::Kept);
    other.until(is_elsewhere);
    one.wait(150);
    one.until(is_elsewhere);
    other.wait(20);
    other.until(|hold| hold == Hold::Taken);
}

#[test]
fn who_finds_that_it_ran_out_takes_it_anew_so_that_a_new_token_is_given() {
    let redis = Redis::start().unwrap();
    let (one, other) = (Instance::new(&redis), Instance::new(&redis));
    one.until(|hold| hold == Hold::Taken);
    redis.run(&["FLUSHALL"]).unwrap();
    assert_eq!(one.hold(), Hold::Kept, "it does not know yet: the fencing token is for that");
    one.wait(150);
    let mut seen = Vec::new();
    one.until(|hold| {
        seen.push(hold);
        hold == Hold::Taken
    });
    assert!(!seen.contains(&Hold::Kept), "{seen:?}");
    // And if another has it by now, it is the other's.
    redis.run(&["DEL", LOCK]).unwrap();
    other.until(|hold| hold == Hold::Taken);
    // What the former holder still does to it has no effect.
    one.guard.release();
    one.until(is_elsewhere);
    redis.run(&["DEL", "{jumun-guard:product}:wanted"]).unwrap();
    other.wait(150);
    other.until(|hold| hold == Hold::Kept);
}

#[test]
fn without_redis_work_goes_on_and_with_it_the_lock_is_taken_anew() {
    let redis = Redis::start().unwrap();
    let one = Instance::new(&redis);
    one.until(|hold| hold == Hold::Taken);
    redis.kill_9().unwrap();
    one.wait(150);
    one.until(|hold| hold == Hold::Away);
    while one.is_there() {
        assert_eq!(one.hold(), Hold::Away);
    }
    redis.restart().unwrap();
    let mut seen = Vec::new();
    one.until(|hold| {
        seen.push(hold);
        hold == Hold::Taken
    });
    assert!(!seen.contains(&Hold::Kept), "a new token is due: {seen:?}");
    assert!(one.is_there());
}

#[test]
fn a_redis_that_is_away_from_the_start_keeps_nobody() {
    let redis = Redis::start().unwrap();
    redis.stop().unwrap();
    let one = Instance::new(&redis);
    assert_eq!(one.hold(), Hold::Away);
    redis.restart().unwrap();
    one.until(|hold| hold == Hold::Taken);
}

#[test]
fn a_paused_redis_is_not_waited_for_and_what_was_asked_of_it_is_not_held_for_ever() {
    let redis = Redis::start().unwrap();
    let (one, other) = (Instance::new(&redis), Instance::new(&redis));
    one.until(|hold| hold == Hold::Taken);
    one.guard.release();
    redis.pause().unwrap();
    assert_eq!(one.hold(), Hold::Away);
    redis.resume().unwrap();
    // What was asked meanwhile may have been done. Nobody waits for it, so it is given up again.
    other.until(|hold| hold == Hold::Taken);
}
