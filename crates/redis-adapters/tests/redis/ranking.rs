//! Best sellers: whatever happens to Redis, the copy shows what the book shows, or nothing.

use crate::book::{Book, Still};
use jumun_redis_adapters::Target;
use jumun_redis_adapters::ranking::{Follower, Stepped, View};
use ranking::first_day;
use services::Redis;
use shop::aids::{Aid, BestSellersCopy};
use shop::reads::BestSeller;
use std::sync::Arc;

/// One who keeps the copy of a book, and one who looks at it.
struct Kept {
    follower: Follower,
    view: View,
}

impl Kept {
    fn new(book: &Book, url: &str) -> Self {
        let target: Target = url.parse().unwrap();
        let follower = Follower::new(target.clone(), book.source(), Arc::new(Still(book.now)));
        let view = View::new(target, &follower);
        Self { follower, view }
    }

    /// Lets the copy catch up with everything.
    fn catch_up(&mut self) {
        while self.follower.step().unwrap() == Stepped::Worked {}
    }

    fn best(&self, book: &Book, days: u32, limit: u32) -> Option<Vec<BestSeller>> {
        self.view.best(book.head(), first_day(book.now, days)..=book.now.day(), limit)
    }

    /// The copy shows just what the book shows, through every window.
    fn agrees(&self, book: &Book) {
        for (days, limit) in [(1, 100), (2, 100), (7, 100), (7, 2), (365, 100)] {
            let shown = self.best(book, days, limit);
            assert_eq!(shown, Some(book.best(days, limit)), "{days} days, at most {limit}");
        }
    }
}

/// Sales on several days, with ties, and some that were taken back.
fn busy_book() -> Book {
    let mut book = Book::new();
    book.sell(0, &[(1, 3), (2, 5)]);
    book.sell(0, &[(3, 5)]);
    book.chat();
    book.sell(1, &[(1, 2), (4, 9)]);
    book.sell(8, &[(5, 100)]);
    book.sell(3, &[(6, 4)]);
    book.take_back(3, &[(6, 4)]);
    book.take_back(1, &[(4, 9)]);
    book
}

#[test]
fn what_the_book_heard_in_a_lane_that_is_further_is_not_counted_again() {
    let redis = Redis::start().unwrap();
    let mut book = busy_book();
    book.follow_in_lanes();
    let mut kept = Kept::new(&book, &redis.url());
    kept.catch_up();
    kept.agrees(&book);
    book.sell(0, &[(1, 7)]);
    kept.catch_up();
    kept.agrees(&book);
}

#[test]
fn the_copy_shows_what_the_book_shows_through_every_window() {
    let redis = Redis::start().unwrap();
    let mut book = busy_book();
    let mut kept = Kept::new(&book, &redis.url());
    assert_eq!(kept.best(&book, 7, 10), None, "there is none yet");
    kept.catch_up();
    kept.agrees(&book);
    book.sell(0, &[(2, 1), (4, 1)]);
    assert_eq!(kept.best(&book, 7, 10), None, "it has not heard of the last order");
    kept.catch_up();
    kept.agrees(&book);
    book.take_back(0, &[(2, 1), (4, 1)]);
    book.chat();
    kept.catch_up();
    kept.agrees(&book);
}

#[test]
fn rows_that_come_again_have_no_second_effect() {
    let redis = Redis::start().unwrap();
    let mut book = busy_book();
    let mut one = Kept::new(&book, &redis.url());
    one.catch_up();
    // Another instance keeps the same copy, and both hear everything.
    let mut other = Kept::new(&book, &redis.url());
    for product in 1..20 {
        book.sell(0, &[(product, 2)]);
        other.follower.step().unwrap();
        one.follower.step().unwrap();
        other.follower.step().unwrap();
    }
    one.catch_up();
    other.catch_up();
    one.agrees(&book);
    other.agrees(&book);
    // And one that begins anew with a log that it reads from the start of what is kept.
    book.reopen();
    let mut late = Kept::new(&book, &redis.url());
    late.catch_up();
    late.agrees(&book);
}

#[test]
fn a_flushed_copy_is_missed_and_built_again() {
    let redis = Redis::start().unwrap();
    let mut book = busy_book();
    let mut kept = Kept::new(&book, &redis.url());
    kept.catch_up();
    for product in 1..6 {
        redis.run(&["FLUSHALL"]).unwrap();
        assert_eq!(kept.best(&book, 7, 10), None, "it was flushed");
        book.sell(0, &[(product, 7)]);
        kept.catch_up();
        kept.agrees(&book);
    }
}

#[test]
fn a_killed_redis_is_told_what_it_lost() {
    let redis = Redis::start().unwrap();
    let mut book = busy_book();
    let mut kept = Kept::new(&book, &redis.url());
    for product in 1..4 {
        for _ in 0..50 {
            book.sell(0, &[(product, 1), (9, 1)]);
            kept.follower.step().unwrap();
        }
        redis.kill_9().unwrap();
        book.sell(0, &[(product, 3)]);
        assert!(kept.follower.step().is_err(), "it is away");
        assert_eq!(kept.best(&book, 7, 10), None, "the book answers");
        redis.restart().unwrap();
        kept.catch_up();
        kept.agrees(&book);
    }
}

#[test]
fn a_copy_whose_next_rows_are_pruned_is_built_again() {
    let redis = Redis::start().unwrap();
    let mut book = busy_book();
    let mut kept = Kept::new(&book, &redis.url());
    kept.catch_up();
    book.sell(0, &[(1, 50)]);
    book.prune();
    book.sell(0, &[(2, 60)]);
    let mut kept = Kept::new(&book, &redis.url());
    kept.catch_up();
    kept.agrees(&book);
}

#[test]
fn a_copy_of_another_epoch_is_built_again() {
    let redis = Redis::start().unwrap();
    let mut book = busy_book();
    let mut kept = Kept::new(&book, &redis.url());
    kept.catch_up();
    // As a copy would be that has heard what the restored database has not: the keys of a day say what never was.
    let days = redis.run(&["KEYS", "{jumun-ranking}:g:*"]).unwrap();
    let day = days.lines().find(|key| key.ends_with(&format!(":{}", book.now.day()))).unwrap();
    redis.run(&["ZINCRBY", day, "-1000", "made up"]).unwrap();
    book.begin_epoch();
    let mut kept = Kept::new(&book, &redis.url());
    kept.catch_up();
    kept.agrees(&book);
}

#[test]
fn a_redis_that_is_away_from_the_start_is_waited_for() {
    let redis = Redis::start().unwrap();
    redis.stop().unwrap();
    let mut book = busy_book();
    let mut kept = Kept::new(&book, &redis.url());
    assert!(kept.view.trouble().is_some(), "nobody has looked yet");
    assert!(kept.follower.step().is_err());
    assert!(kept.view.trouble().is_some());
    assert_eq!(kept.best(&book, 7, 10), None);
    book.sell(0, &[(1, 1)]);
    redis.restart().unwrap();
    kept.catch_up();
    assert_eq!(kept.view.trouble(), None);
    kept.agrees(&book);
}

#[test]
fn a_redis_that_does_not_answer_keeps_nobody_waiting_for_long() {
    let redis = Redis::start().unwrap();
    let book = busy_book();
    let mut kept = Kept::new(&book, &redis.url());
    kept.catch_up();
    redis.pause().unwrap();
    assert_eq!(kept.best(&book, 7, 10), None, "the book answers");
    assert!(kept.follower.rebuild().is_err());
    redis.resume().unwrap();
    kept.catch_up();
    kept.agrees(&book);
}

#[test]
fn whoever_builds_it_at_once_with_another_ends_with_the_same_copy_and_nothing_is_left_of_old_ones() {
    let redis = Redis::start().unwrap();
    let mut book = busy_book();
    let mut kept: Vec<Kept> = (0..3).map(|_| Kept::new(&book, &redis.url())).collect();
    std::thread::scope(|scope| {
        for one in &mut kept {
            scope.spawn(|| one.follower.rebuild().unwrap());
        }
    });
    book.sell(0, &[(1, 1)]);
    for one in &mut kept {
        one.catch_up();
        one.agrees(&book);
    }
    kept[0].follower.rebuild().unwrap();
    kept[0].agrees(&book);
    // Whoever lost the race left a generation that nobody asks: it runs out. All others are gone.
    let keys = redis.run(&["KEYS", "{jumun-ranking}:g:*"]).unwrap();
    let lasting = keys.lines().filter(|key| redis.run(&["TTL", key]).unwrap().trim() == "-1").count();
    assert_eq!(lasting, 2, "a generation and its days: {keys}");
}

#[test]
fn a_follower_on_its_thread_hears_every_commit_and_mends_what_is_flushed() {
    let redis = Redis::start().unwrap();
    let mut book = busy_book();
    let Kept { follower, view } = Kept::new(&book, &redis.url());
    let following = follower.start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let wait = |book: &Book| runtime.block_on(view.progress().wait_for("order", book.head()));
    let best = |book: &Book| view.best(book.head(), first_day(book.now, 7)..=book.now.day(), 10);
    // Until it has looked for the first time, nothing is known of its progress.
    while best(&book).is_none() {
        std::thread::yield_now();
    }
    for product in 1..10 {
        book.sell(0, &[(product, 3)]);
        wait(&book);
        assert_eq!(best(&book), Some(book.best(7, 10)));
    }
    redis.run(&["FLUSHALL"]).unwrap();
    // Asking for it is what tells the follower that it is gone.
    while best(&book).is_none() {
        std::thread::yield_now();
    }
    assert_eq!(best(&book), Some(book.best(7, 10)));
    drop(following);
}

#[test]
fn a_cluster_keeps_the_copy_in_one_place() {
    let redis = Redis::with(&[("cluster-enabled", "yes")]).unwrap();
    redis.run(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).unwrap();
    while !redis.run(&["CLUSTER", "INFO"]).unwrap().contains("cluster_state:ok") {}
    let url = redis.url().replace("redis://", "redis-cluster://");
    let mut book = busy_book();
    let mut kept = Kept::new(&book, url.trim_end_matches("/0"));
    kept.catch_up();
    kept.agrees(&book);
    book.sell(0, &[(1, 1)]);
    kept.catch_up();
    kept.agrees(&book);
}

#[test]
fn sentinels_say_where_the_copy_is() {
    let redis = Redis::start().unwrap();
    let sentinel = Redis::sentinel_of(&redis, "main").unwrap();
    let url = format!(
        "redis-sentinel://default:{}@127.0.0.1:{}/main/0?sentinel_password={}",
        redis.password(),
        sentinel.port(),
        sentinel.password()
    );
    let mut book = busy_book();
    let mut kept = Kept::new(&book, &url);
    kept.catch_up();
    kept.agrees(&book);
    book.sell(0, &[(1, 1)]);
    kept.catch_up();
    kept.agrees(&book);
}
