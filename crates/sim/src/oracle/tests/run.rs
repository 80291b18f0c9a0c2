//! A run: clients, a network of moods, a shop, and the oracle that hears everything.

use super::shop::{EXPIRY, Shop};
use crate::clients::{Answer, Delivery, Heard, Millis, Mix, PgCharge, Population, Request, RequestId};
use crate::oracle::{Breach, Oracle, Rules};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// How likely things go wrong, in percent.
#[derive(Clone, Copy)]
pub(super) struct Weather {
    lost: u32,
    late: u32,
    unanswered: u32,
    unavailable: u32,
}

impl Weather {
    pub(super) const CALM: Self = Self { lost: 0, late: 0, unanswered: 0, unavailable: 0 };
    pub(super) const STORM: Self = Self { lost: 3, late: 2, unanswered: 5, unavailable: 4 };
}

/// How long clients wait for an answer.
const PATIENCE: Millis = 1_000;

enum Event {
    Arrives(Request, bool),
    Heard(RequestId, Heard),
}

/// What becomes of an answer on its way.
pub(super) type Tamper = Box<dyn FnMut(&Request, &mut Answer) -> bool>;

/// What is done to an answer; whether it was one to do it to.
pub(super) type Lie = fn(&Request, &mut Answer) -> bool;

/// A lie that is told once is found, in one of some runs: one that was lost on its way, or overtaken, is no lie.
pub(super) fn is_found(lie: Lie, is_it: impl Fn(&Breach) -> bool) {
    let mut story = String::new();
    for seed in 0..10 {
        let mut run = Run::new(seed, &Mix::of(120), Weather::STORM);
        let mut done = false;
        run.tamper = Box::new(move |request, answer| {
            let lies = !done && lie(request, answer);
            done |= lies;
            lies
        });
        run.finish();
        if run.tampered > 0 && run.oracle.breaches().iter().any(&is_it) {
            return;
        }
        story = format!("told {} times, and found: {}", run.tampered, run.found());
    }
    panic!("another breach was expected: {story}");
}

/// Closing questions have the highest ids.
pub(super) fn is_closing(request: &Request) -> bool {
    request.id.0 >= 1 << 63
}

pub(super) struct Run {
    rng: ChaCha8Rng,
    weather: Weather,
    now: Millis,
    count: u64,
    events: BTreeMap<(Millis, u64), Event>,
    unheard: BTreeSet<RequestId>,
    population: Population,
    pub(super) shop: Shop,
    pub(super) oracle: Oracle,
    pub(super) tamper: Tamper,
    /// How often an answer was tampered with.
    pub(super) tampered: u32,
    pub(super) refusals: BTreeMap<String, u32>,
    pub(super) story: Vec<String>,
}

impl Run {
    pub(super) fn new(seed: u64, mix: &Mix, weather: Weather) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            weather,
            now: 1_700_000_000_000,
            count: 0,
            events: BTreeMap::new(),
            unheard: BTreeSet::new(),
            population: Population::new(ChaCha8Rng::seed_from_u64(seed + 1_000_000), mix),
            shop: Shop::default(),
            oracle: Oracle::new(Rules { created_expiry: EXPIRY, ..Rules::default() }),
            tamper: Box::new(|_, _| false),
            tampered: 0,
            refusals: BTreeMap::new(),
            story: Vec::new(),
        }
    }

    /// What the oracle found first.
    pub(super) fn found(&self) -> String {
        self.oracle.breaches().first().map_or_else(String::new, ToString::to_string)
    }

    pub(super) fn finish(&mut self) {
        self.rest();
        let (charges, deliveries) = (self.shop.pg.clone(), self.shop.platform.clone());
        self.judge(charges, deliveries);
    }

    /// Until nothing happens any more, and the oracle has seen everything but the witnesses.
    pub(super) fn rest(&mut self) {
        self.open_hours();
        self.population.calm(self.now);
        self.weather = Weather::CALM;
        let limit = self.now + 3_600_000;
        while !self.population.is_done() && self.now < limit {
            self.step();
        }
        self.now += EXPIRY + 60_000;
        self.shop.work(self.now);
        self.close();
    }

    fn open_hours(&mut self) {
        while !self.population.has_begun_all() {
            self.step();
        }
        let closing = self.now + 300;
        while self.now < closing && self.next_time().is_some_and(|at| at < closing) {
            self.step();
        }
    }

    fn close(&mut self) {
        while !self.oracle.has_seen_all() {
            while let Some(request) = self.oracle.question(self.now) {
                let mut answer = self.shop.answer(&request);
                self.tampered += u32::from((self.tamper)(&request, &mut answer));
                self.oracle.told(self.now, request.id, &answer);
            }
        }
    }

    pub(super) fn judge(&mut self, charges: Vec<PgCharge>, deliveries: Vec<Delivery>) {
        self.oracle.witness_pg(charges);
        self.oracle.witness_platform(deliveries);
        self.oracle.verdict(self.now);
    }

    fn next_time(&self) -> Option<Millis> {
        let event = self.events.keys().next().map(|(at, _)| *at);
        [event, self.shop.wakes_at(), self.population.wakes_at()].into_iter().flatten().min()
    }

    fn step(&mut self) {
        let Some(at) = self.next_time() else { panic!("nothing happens any more, and somebody waits") };
        self.now = self.now.max(at);
        self.shop.work(self.now);
        while let Some(request) = self.population.next(self.now) {
            self.story.push(format!("{} {:?} {:?}", self.now, request.from, request.ask));
            self.oracle.asked(self.now, &request);
            self.unheard.insert(request.id);
            self.send(request);
        }
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Event::Arrives(request, answers) => self.arrive(&request, answers),
                Event::Heard(id, heard) => self.hear(id, &heard),
            }
        }
    }

    fn plan(&mut self, wait: Millis, event: Event) {
        self.count += 1;
        self.events.insert((self.now + wait, self.count), event);
    }

    fn send(&mut self, request: Request) {
        let id = request.id;
        let Weather { lost, late, unanswered, unavailable } = self.weather;
        let (roll, wait) = (self.rng.random_range(0..100), self.rng.random_range(1..=20));
        self.plan(PATIENCE, Event::Heard(id, Heard::Lost));
        if roll < lost {
        } else if roll < lost + late {
            self.plan(PATIENCE * 3 + wait, Event::Arrives(request, false));
        } else if roll < lost + late + unanswered {
            self.plan(wait, Event::Arrives(request, false));
        } else if roll < lost + late + unanswered + unavailable {
            self.plan(wait, Event::Heard(id, Heard::Unavailable));
        } else {
            self.plan(wait, Event::Arrives(request, true));
        }
    }

    fn arrive(&mut self, request: &Request, answers: bool) {
        let mut answer = self.shop.answer(request);
        if answers {
            self.tampered += u32::from((self.tamper)(request, &mut answer));
            let wait = self.rng.random_range(1..=20);
            self.plan(wait, Event::Heard(request.id, Heard::Answer(answer)));
        }
    }

    fn hear(&mut self, id: RequestId, heard: &Heard) {
        if !self.unheard.remove(&id) {
            return;
        }
        if let Heard::Answer(Answer::Refused(refused)) = heard {
            *self.refusals.entry(refused.code.clone()).or_default() += 1;
        }
        match heard {
            Heard::Answer(answer) => self.oracle.told(self.now, id, answer),
            Heard::Lost | Heard::Unavailable => self.oracle.lost(self.now, id),
        }
        self.population.heard(self.now, id, heard);
    }
}
