//! Small worlds: how many orders, what they need, what there is of it, and what may go wrong how often.

/// What each order buys: one piece of the one product, always; a payment belongs to every plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basket {
    /// It uses the one coupon.
    pub coupon: bool,
    /// It pays with points: a part beside a card, otherwise all that the coupon leaves.
    pub points: bool,
    /// A card pays the rest: the PG is called.
    pub card: bool,
}

impl Basket {
    /// The same where delivery to the data platform is a step of the plan: it takes the place of the points.
    #[must_use]
    pub fn beside_delivery(self) -> Self {
        Self { points: false, ..self }
    }
}

/// What there is of what the orders need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// Enough of everything.
    Enough,
    /// Every choice of what is short: each step that can refuse does so in some of the beginnings.
    AnyShort,
    /// Of each thing just what one order needs, however many want it.
    ForOne,
}

/// What may still happen that nobody needs: faults, and what clients are free to do. Each is used up by happening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct May {
    /// A message is taken in and comes again, at any time; a client sends the same order again.
    pub duplicates: u8,
    /// A message does not arrive.
    pub losses: u8,
    /// A database's process dies: its calls and what it was about to be told are gone, and all that it ever heard comes again.
    pub crashes: u8,
    /// A request for compensation is repeated although an answer is on its way.
    pub early: u8,
    /// A call to the PG or to the data platform ends in "unknown", carried out or not.
    pub silences: u8,
    /// The PG books a charge after it said that it knew of none.
    pub strays: u8,
    /// A client cancels an order.
    pub cancels: u8,
    /// A client polls an order, where the topology then asks the participants.
    pub polls: u8,
    /// An operator redrives a dead letter.
    pub redrives: u8,
}

/// A small world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    /// Its name.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// How many orders are placed; all alike.
    pub orders: usize,
    /// What each buys.
    pub basket: Basket,
    /// What there is of it.
    pub supply: Supply,
    /// What may happen besides, and how often.
    pub may: May,
    /// Whether deadlines pass, at any moment.
    pub deadlines: bool,
    /// Whether a database may take in two things in one transaction where that differs from one after the other.
    pub batches: bool,
    /// Whether what follows a confirmed order (the sale's count) is there, too.
    pub followers: bool,
    /// Whether a plan with a delivery in it makes this too large for the tests: three steps side by side, two of which call out.
    pub narrow: bool,
    /// Whether it is about steps that decide as one.
    pub groups: bool,
    /// How often a compensation is asked for again before the step is parked.
    pub patience: u32,
    /// Whether that may happen: so much may be lost that the judge's patience ends.
    pub parks: bool,
    /// More states than this, the same one counted as often as a way leads to it, are too many: something grows without end.
    pub most: usize,
    /// Whether every run without further faults is also shown to end: it takes the whole graph of states in memory.
    pub ends: bool,
}

const NOTHING: May = May {
    duplicates: 0,
    losses: 0,
    crashes: 0,
    early: 0,
    silences: 0,
    strays: 0,
    cancels: 0,
    polls: 0,
    redrives: 0,
};

const STOCK_CARD: Basket = Basket { coupon: false, points: false, card: true };
const STOCK_POINT_CARD: Basket = Basket { coupon: false, points: true, card: true };
const STOCK_POINT: Basket = Basket { coupon: false, points: true, card: false };
const NO_CARD: Basket = Basket { coupon: true, points: true, card: false };
const ALL: Basket = Basket { coupon: true, points: true, card: true };

const BASE: World = World {
    name: "",
    about: "",
    orders: 1,
    basket: STOCK_POINT_CARD,
    supply: Supply::Enough,
    may: NOTHING,
    deadlines: false,
    batches: false,
    followers: false,
    narrow: false,
    groups: false,
    patience: 4,
    parks: false,
    most: 10_000_000,
    ends: false,
};

/// The worlds that every run of the tests explores.
pub const SMALL: &[World] = &[
    World {
        name: "calm",
        about: "anything short, one message doubled, no deadline",
        supply: Supply::AnyShort,
        may: May { duplicates: 1, ..NOTHING },
        batches: true,
        ends: true,
        ..BASE
    },
    World {
        name: "late",
        about: "anything short, a deadline, one message lost",
        supply: Supply::AnyShort,
        may: May { losses: 1, ..NOTHING },
        deadlines: true,
        ends: true,
        ..BASE
    },
    World {
        name: "impatient",
        narrow: true,
        about: "a deadline, and a request for compensation repeated while its answer is on its way",
        basket: STOCK_CARD,
        may: May { early: 1, ..NOTHING },
        deadlines: true,
        ..BASE
    },
    World {
        name: "cancel",
        narrow: true,
        about: "cancelled at any moment, one message doubled; the sale is counted and taken back",
        basket: STOCK_CARD,
        may: May { duplicates: 1, cancels: 1, ..NOTHING },
        batches: true,
        followers: true,
        ends: true,
        ..BASE
    },
    World {
        name: "crash",
        narrow: true,
        about: "a deadline, and a crash of any process at any moment",
        basket: STOCK_CARD,
        may: May { crashes: 1, ..NOTHING },
        deadlines: true,
        ends: true,
        ..BASE
    },
    World {
        name: "group",
        about: "steps that decide as one: coupon and points, no card; anything short, a deadline",
        groups: true,
        basket: NO_CARD,
        supply: Supply::AnyShort,
        deadlines: true,
        batches: true,
        ..BASE
    },
    World {
        name: "gateway",
        narrow: true,
        about: "a deadline, and a PG that leaves a call unanswered and books a lost charge late",
        basket: STOCK_CARD,
        may: May { silences: 1, strays: 1, ..NOTHING },
        deadlines: true,
        ..BASE
    },
    World {
        name: "parked",
        narrow: true,
        about: "a deadline, two messages lost, a judge that asks twice: dead letters, one of them redriven",
        basket: STOCK_POINT,
        may: May { losses: 2, redrives: 1, ..NOTHING },
        deadlines: true,
        patience: 1,
        parks: true,
        ..BASE
    },
    World {
        name: "poll",
        about: "a client that polls, a deadline",
        may: May { polls: 1, ..NOTHING },
        deadlines: true,
        ..BASE
    },
    World {
        name: "rivals",
        narrow: true,
        about: "two orders for the last piece, each paid by a card that may be declined",
        orders: 2,
        basket: STOCK_CARD,
        supply: Supply::ForOne,
        ..BASE
    },
];

const LARGE: World = World { most: 1_000_000_000, ..BASE };

/// Larger ones, for a machine that has the time.
pub const BIG: &[World] = &[
    World {
        name: "all-steps",
        about: "every step, anything short, a deadline, one message doubled",
        basket: ALL,
        supply: Supply::AnyShort,
        may: May { duplicates: 1, ..NOTHING },
        deadlines: true,
        ..LARGE
    },
    World {
        name: "late-doubled",
        about: "anything short, a deadline, one message lost and one doubled",
        supply: Supply::AnyShort,
        may: May { duplicates: 1, losses: 1, ..NOTHING },
        deadlines: true,
        ..LARGE
    },
    World {
        name: "crash-cancel",
        about: "a deadline, a crash, a cancel; the sale is counted and taken back",
        basket: STOCK_CARD,
        may: May { crashes: 1, cancels: 1, ..NOTHING },
        deadlines: true,
        batches: true,
        followers: true,
        ..LARGE
    },
    World {
        name: "gateway-worse",
        about: "a deadline, a cancel, two calls left unanswered, a lost charge booked late",
        basket: STOCK_CARD,
        may: May { silences: 2, strays: 1, cancels: 1, ..NOTHING },
        deadlines: true,
        ..LARGE
    },
    World {
        name: "rivals-late",
        about: "two orders for the last piece, deadlines",
        orders: 2,
        basket: STOCK_CARD,
        supply: Supply::ForOne,
        deadlines: true,
        ..LARGE
    },
    World {
        name: "rivals-points",
        about: "two orders for the last piece and the last points, one message doubled, one cancel",
        orders: 2,
        basket: STOCK_POINT,
        supply: Supply::ForOne,
        may: May { duplicates: 1, cancels: 1, ..NOTHING },
        ..LARGE
    },
];

/// The world called `name`.
#[must_use]
pub fn named(name: &str) -> Option<&'static World> {
    SMALL.iter().chain(BIG).find(|world| world.name == name)
}
