//! One run: clients ask, the world moves, the oracle listens.

use crate::clients::{Answer, Ask, Caller, Heard, Millis, Mix, Order, Population, Request, RequestId, Show};
use crate::counter::Pending;
use crate::oracle::{Breach, Oracle, Promise, Rules};
use crate::witnesses;
use crate::world::{About, CREATED_EXPIRY, Fault, LONGEST_JUMP, Line, Purpose, World, WorldError, chance};
use rand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// What is left to chance.
    pub seed: u64,
    /// The topology file.
    pub topology: &'a str,
    /// About how many orders are placed.
    pub orders: u32,
    /// Whether the story is kept.
    pub tells: bool,
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// The topology's name.
    pub topology: String,
    /// The same for the same seed and setup.
    pub hash: String,
    /// How often each kind of fault struck, in the order of [`Fault::ALL`].
    pub faults: Vec<u64>,
    /// How orders ended, as clients were last told: status and reason.
    pub fates: BTreeMap<String, u64>,
    /// How much time passed in it.
    pub lasted: Duration,
    /// Promises that were broken.
    pub breaches: Vec<Breach>,
    /// What happened to what the first breach is about, where the story was kept.
    pub story: Vec<Line>,
    /// All that happened, where the story was kept.
    pub whole_story: Vec<Line>,
}

/// How long the shop makes a client wait for a settled order.
const PATIENCE: Millis = 10_000;
/// How long a client waits for any answer.
const CLIENT_PATIENCE: Millis = 15_000;
/// How long it may take until the shop is set up and customers have signed up.
const MOST_OPENING: Duration = Duration::from_secs(3_600);
/// How long clients may take to finish what they began once the faults are over.
const MOST_CALM: Duration = Duration::from_secs(3 * 3_600);
/// How long everything rests before the books are compared: reconciliation and slow retries have come round by then.
const REST: Duration = Duration::from_secs(1_200);
/// Turns without end are a fault of their own.
const MOST_TURNS: u64 = 500_000;

/// A request that is under way.
struct Open {
    pending: Option<Pending>,
    gives_up_at: Millis,
}

struct Run {
    world: World,
    population: Population,
    oracle: Oracle,
    open: BTreeMap<RequestId, Open>,
    fates: BTreeMap<u128, String>,
    /// Whether it is the oracle that asks now.
    closing: bool,
    turns: u64,
}

/// Runs `setup` to its end.
///
/// # Errors
/// If the topology does not read, or a database cannot be made.
pub fn run(setup: &Setup<'_>) -> Result<Outcome, WorldError> {
    let world = World::new(setup.seed, setup.topology, setup.tells)?;
    let storm = storm(setup.seed);
    let population = Population::new(chance(setup.seed, Purpose::Clients), &mix(setup.orders, storm));
    let mut run = Run {
        oracle: Oracle::new(rules(&world)),
        world,
        population,
        open: BTreeMap::new(),
        fates: BTreeMap::new(),
        closing: false,
        turns: 0,
    };
    run.until(storm, |_| false);
    if !run.population.is_open() {
        // Lost answers made the opening long, and nothing was bought yet: the storm is counted anew from when orders begin.
        run.until(MOST_OPENING, |run| run.population.is_open());
        let over = run.elapsed() + storm;
        run.until(over, |_| false);
    }
    run.world.calm_down();
    run.population.calm(run.now());
    let patience = run.elapsed() + MOST_CALM;
    run.until(patience, |run| run.population.is_done() && run.open.is_empty());
    let rested = run.elapsed() + REST;
    run.until(rested, |_| false);
    run.closing = true;
    let patience = run.elapsed() + MOST_CALM;
    run.until(patience, |run| run.oracle.has_seen_all());
    Ok(run.judge())
}

/// How long faults last: a moment, in which everybody comes at once, or up to two deadlines.
fn storm(seed: u64) -> Duration {
    let mut chance = chance(seed, Purpose::Climate);
    Duration::from_millis(250 << chance.random_range(3..=8))
        + Duration::from_millis(chance.random_range(0..1_000))
}

/// Clients who begin what they do while faults last.
fn mix(orders: u32, storm: Duration) -> Mix {
    let mix = Mix::of(orders);
    // Half of the largest burst is begun at each beat.
    let beats = u128::from((2 * orders / mix.burst.max(1)).max(1));
    let beat = Millis::try_from(storm.as_millis() * 3 / 4 / beats).unwrap_or(mix.beat);
    Mix { beat: beat.max(1), ..mix }
}

impl Run {
    fn elapsed(&self) -> Duration {
        self.world.stage().time.elapsed()
    }

    fn now(&self) -> Millis {
        self.world.stage().time.now_ms()
    }

    /// Goes on until `end`, or until it is `over`.
    fn until(&mut self, end: Duration, over: impl Fn(&Self) -> bool) {
        while self.elapsed() < end && !over(self) && self.turns < MOST_TURNS {
            self.turns += 1;
            let asked = self.ask();
            let worked = self.world.turn();
            let heard = self.hear();
            if asked || worked || heard {
                self.world.pass(Duration::from_millis(1));
            } else {
                self.world.wait(self.next_request().min(end));
            }
        }
    }

    /// When a client next does something by themselves.
    fn next_request(&self) -> Duration {
        let now = self.now();
        let ends = |open: &Open| open.pending.as_ref().and_then(Pending::ends_at).unwrap_or(open.gives_up_at);
        let gives_up = self.open.values().map(|open| ends(open).min(open.gives_up_at)).min();
        let at = [self.population.wakes_at(), gives_up].into_iter().flatten().min();
        let wait = at.map_or(60_000, |at| at.saturating_sub(now).max(1));
        self.elapsed() + Duration::from_millis(wait.unsigned_abs())
    }

    /// Every client who has something to ask asks. True if one did.
    fn ask(&mut self) -> bool {
        let now = self.now();
        let mut any = false;
        while let Some(request) = self.population.next(now) {
            self.oracle.asked(now, &request);
            self.carry(now, &request);
            any = true;
        }
        while let Some(request) = self.closing.then(|| self.oracle.question(now)).flatten() {
            self.carry(now, &request);
            any = true;
        }
        any
    }

    /// A request is on its way.
    fn carry(&mut self, now: Millis, request: &Request) {
        let text = format!("{:?}", request.ask);
        let about = About::Only(subjects(request));
        self.world.stage().trace.note(&who(request), text.as_bytes(), about, || format!("asks {text}"));
        let faults = &self.world.stage().faults;
        // Of the answers that get lost, some were lost on the way there.
        let arrives = !(faults.threatens(Fault::AnswerLost) && faults.dice().strikes(3_000));
        let pending = arrives.then(|| Pending::start(request, &self.world, now, PATIENCE));
        self.open.insert(request.id, Open { pending, gives_up_at: now + CLIENT_PATIENCE });
    }

    /// Every client who is answered hears it. True if one did.
    fn hear(&mut self) -> bool {
        let now = self.now();
        let mut heard = Vec::new();
        for (id, open) in &mut self.open {
            let answer = match &mut open.pending {
                Some(pending) if !pending.is_orphaned() => pending.poll(&self.world, now),
                Some(_) | None => None,
            };
            match answer {
                Some(answer) => heard.push((*id, answer)),
                None if open.gives_up_at <= now => heard.push((*id, Heard::Lost)),
                None => {}
            }
        }
        let any = !heard.is_empty();
        for (id, heard) in heard {
            self.open.remove(&id);
            let lost = self.world.stage().faults.strikes(Fault::AnswerLost);
            self.tell(now, id, if lost { &Heard::Lost } else { &heard });
        }
        any
    }

    fn tell(&mut self, now: Millis, id: RequestId, heard: &Heard) {
        let order = match heard {
            Heard::Answer(Answer::Order(order)) => Some(order.as_ref()),
            _ => None,
        };
        let about = About::Only(order.map(|order| vec![order.id, order.user]).unwrap_or_default());
        let text = format!("{heard:?}");
        self.world.stage().trace.note("a client", text.as_bytes(), about, || format!("hears {text}"));
        if let Some(order) = order {
            self.fates.insert(order.id, fate(order));
        }
        match heard {
            Heard::Answer(answer) => self.oracle.told(now, id, answer),
            Heard::Lost | Heard::Unavailable => self.oracle.lost(now, id),
        }
        self.population.heard(now, id, heard);
    }

    fn judge(mut self) -> Outcome {
        let now = self.now();
        self.oracle.witness_pg(witnesses::gateway(&self.world));
        self.oracle.witness_platform(witnesses::data_platform(&self.world));
        let mut breaches = self.oracle.verdict(now).to_vec();
        if self.turns >= MOST_TURNS {
            let (about, expected) =
                ("the system".to_owned(), "at rest when there is nothing to do".to_owned());
            let saw = format!("busy without end, last in {}", self.world.busy());
            breaches.insert(0, Breach { promise: Promise::NothingStuck, about, expected, saw, at: now });
        }
        let about: BTreeSet<u128> = breaches.first().map(|breach| ids_in(&breach.about)).unwrap_or_default();
        let mut fates: BTreeMap<String, u64> = BTreeMap::new();
        for fate in self.fates.into_values() {
            *fates.entry(fate).or_default() += 1;
        }
        let stage = self.world.stage();
        Outcome {
            topology: self.world.topology().name.clone(),
            hash: stage.trace.hash(),
            faults: stage.faults.counts(),
            fates,
            lasted: stage.time.elapsed(),
            story: if breaches.is_empty() { Vec::new() } else { stage.trace.story(&about) },
            whole_story: stage.trace.story(&BTreeSet::new()),
            breaches,
        }
    }
}

/// What the shop is configured to, as far as promises depend on it.
fn rules(world: &World) -> Rules {
    let ms = |duration: Duration| Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX);
    let jumps = world.stage().faults.may(Fault::ClockJump);
    Rules {
        created_expiry: ms(CREATED_EXPIRY),
        clock_error: if jumps { ms(LONGEST_JUMP) } else { 0 },
        ..Rules::default()
    }
}

fn who(request: &Request) -> String {
    format!("{:?}", request.from)
}

/// Whom and what a request is about.
fn subjects(request: &Request) -> Vec<u128> {
    let from = match request.from {
        Caller::Customer(user) => Some(user),
        Caller::Anyone | Caller::Admin => None,
    };
    let thing = match &request.ask {
        Ask::Pay { order, .. }
        | Ask::Cancel { order }
        | Ask::Fulfil { order }
        | Ask::Show(Show::Order(order)) => Some(*order),
        Ask::SetSuspended { user, .. } | Ask::AdjustPoints { user, .. } => Some(*user),
        Ask::SetPrice { product, .. } | Ask::AdjustStock { product, .. } => Some(*product),
        Ask::PatchCampaign { campaign, .. } | Ask::TakeCoupon { campaign } => Some(*campaign),
        _ => None,
    };
    from.into_iter().chain(thing).collect()
}

fn fate(order: &Order) -> String {
    match &order.reason {
        Some(reason) => format!("{} {reason}", order.status),
        None => order.status.to_string(),
    }
}

/// Every UUID that a sentence names.
fn ids_in(text: &str) -> BTreeSet<u128> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
    words.filter_map(|word| uuid::Uuid::parse_str(word).ok()).map(|id| id.as_u128()).collect()
}
