//! What no run shows, forged answer by answer: rare answers that are right, and rare ones that are wrong.

use crate::clients::{
    Answer, Ask, Caller, Campaign, Card, Coupon, CouponStatus, Delivery, Discount, Id, Key, Letter, Line,
    Listed, Millis, Order, Page, Payment, PgCharge, PgStatus, Points, Product, Request, RequestId, Show,
    Status, Step, StepStatus, Terms, TopUp, TopUpStatus, User, Word,
};
use crate::oracle::{Oracle, Promise, Rules};

const USER: Id = 1;
const MUG: Id = 2;
const MINUTE: Millis = 60_000;
const BY_CARD: Payment = Payment { coupon: None, points: Points::Amount(0), card: Some(Card::Good) };

/// An oracle that knows a user and a product of 100 for 10 pieces, and the time.
struct Scene {
    oracle: Oracle,
    now: Millis,
    requests: u64,
    shown: Vec<Order>,
    letters: Vec<Letter>,
    pg: Vec<PgCharge>,
    platform: Vec<Delivery>,
    stock: i64,
}

impl Scene {
    fn new() -> Self {
        let oracle = Oracle::new(Rules::default());
        let (shown, letters, pg, platform) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut scene = Self { oracle, now: 0, requests: 0, shown, letters, pg, platform, stock: 10 };
        let user = Answer::User(User { id: USER, suspended: false });
        scene.ask(Caller::Anyone, Ask::SignUp { email: String::new() }, user);
        let ask = Ask::CreateProduct { sku: "MUG".to_owned(), price: 100, stock: 10 };
        scene.ask(Caller::Admin, ask, Answer::Product(scene.mug(10)));
        scene
    }

    fn mug(&self, stock: i64) -> Product {
        Product { id: MUG, sku: "MUG".to_owned(), price: 100, stock }
    }

    fn send(&mut self, from: Caller, ask: Ask) -> RequestId {
        self.now += 1;
        self.requests += 1;
        let id = RequestId(self.requests);
        self.oracle.asked(self.now, &Request { id, from, ask });
        id
    }

    fn hear(&mut self, id: RequestId, answer: Answer) {
        self.now += 1;
        self.oracle.told(self.now, id, &answer);
        if let Answer::Order(order) = answer {
            self.shown.retain(|shown| shown.id != order.id);
            self.shown.push(*order);
        }
    }

    fn lose(&mut self, id: RequestId) {
        self.now += 1;
        self.oracle.lost(self.now, id);
    }

    fn ask(&mut self, from: Caller, ask: Ask, answer: Answer) {
        let id = self.send(from, ask);
        self.hear(id, answer);
    }

    fn customer(&mut self, ask: Ask, answer: Answer) {
        self.ask(Caller::Customer(USER), ask, answer);
    }

    /// Everything is shown as it was shown last, and the verdict is given.
    fn end(mut self) -> Vec<(Promise, String)> {
        while let Some(request) = self.oracle.question(self.now) {
            let Ask::Show(show) = request.ask else { continue };
            let list = Answer::Orders(Listed { items: self.shown.clone(), next: None });
            let answer = match show {
                Show::Order(id) => self.shown.iter().find(|order| order.id == id).cloned().map(told),
                Show::Orders(_) | Show::AllOrders(_) => Some(list),
                Show::Product(_) => Some(Answer::Product(self.mug(self.stock))),
                Show::Balance => Some(Answer::Balance(0)),
                Show::BestSellers => {
                    let sold = 10 - self.stock;
                    Some(Answer::BestSellers(Vec::from_iter((sold > 0).then_some((MUG, sold)))))
                }
                Show::History(_) => Some(Answer::History(Listed { items: Vec::new(), next: None })),
                Show::Coupons(_) => Some(Answer::Coupons(Listed { items: Vec::new(), next: None })),
                Show::Campaigns(_) => Some(Answer::Campaigns(Listed { items: Vec::new(), next: None })),
                Show::OpenLetters(_) => {
                    Some(Answer::Letters(Listed { items: std::mem::take(&mut self.letters), next: None }))
                }
                Show::TopUp(_) => None,
            };
            let answer = answer.unwrap_or_else(|| Answer::refused(404, "NOT_FOUND"));
            self.oracle.told(self.now, request.id, &answer);
        }
        self.oracle.witness_pg(self.pg);
        self.oracle.witness_platform(self.platform);
        let found = self.oracle.verdict(self.now);
        found.iter().map(|breach| (breach.promise, breach.to_string())).collect()
    }

    /// The order is confirmed, and everybody outside knows it.
    fn is_confirmed(&mut self, order: &Order) {
        self.stock -= order.lines[0].quantity;
        let key = format!("{:032x}", order.payment.unwrap_or(0));
        self.pg.push(PgCharge { key, amount: order.card_amount, status: PgStatus::Held });
        self.delivered(order, Word::Confirmed);
    }

    fn delivered(&mut self, order: &Order, word: Word) {
        self.platform.push(Delivery {
            id: format!("{}-{word}", order.id),
            word,
            order: order.id,
            user: order.user,
            reason: order.reason.clone().filter(|_| word == Word::Failed),
            lines: order.lines.clone(),
            total: order.total,
            discount: order.discount,
            points_used: order.points_used,
            card_amount: order.card_amount,
        });
    }
}

fn told(order: Order) -> Answer {
    Answer::Order(Box::new(order))
}

/// An order for one mug.
fn order(id: Id, status: Status) -> Order {
    let line = Line { product: MUG, quantity: 1, unit_price: 100, amount: 100 };
    let step = |name: &str| Step {
        name: name.to_owned(),
        status: match status {
            Status::Confirmed => StepStatus::Done,
            Status::Failed | Status::Cancelled => StepStatus::Compensated,
            _ => StepStatus::Unknown,
        },
    };
    let began = status != Status::Created;
    Order {
        id,
        user: USER,
        status,
        reason: None,
        lines: vec![line],
        total: 100,
        discount: 0,
        points_used: 0,
        card_amount: 100,
        coupon: None,
        payment: began.then_some(id + 1_000),
        steps: if began { vec![step("stock"), step("payment")] } else { Vec::new() },
    }
}

fn failed(id: Id, reason: &str) -> Order {
    Order { reason: Some(reason.to_owned()), ..order(id, Status::Failed) }
}

fn place(key: u64, payment: Option<Payment>) -> Ask {
    Ask::Place { key: Key(key), lines: vec![(MUG, 1)], payment }
}

fn pay(key: u64, order: Id) -> Ask {
    Ask::Pay { key: Key(key), order, payment: BY_CARD }
}

fn check(found: &[(Promise, String)], expected: &[Promise]) {
    let promises: Vec<Promise> = found.iter().map(|(promise, _)| *promise).collect();
    assert_eq!(promises, expected, "{found:#?}");
}

#[test]
fn a_confirmed_order_and_a_breach_read_well() {
    let mut scene = Scene::new();
    let confirmed = order(50, Status::Confirmed);
    scene.customer(place(1, Some(BY_CARD)), told(confirmed.clone()));
    scene.is_confirmed(&confirmed);
    check(&scene.end(), &[]);

    let mut scene = Scene::new();
    scene.customer(place(1, Some(BY_CARD)), told(confirmed.clone()));
    scene.is_confirmed(&confirmed);
    scene.stock = 10;
    let found = scene.end();
    let sentence = "Broken (conservation), seen at 6 ms: the stock of MUG (00000000-0000-0000-0000-000000000002) \
                    should be one of {9}, less up to 0 that is stuck, but is 10.";
    assert_eq!(found[0].1, sentence);
}

#[test]
fn an_order_is_paid_under_one_key() {
    let mut scene = Scene::new();
    scene.customer(place(1, None), told(order(50, Status::Created)));
    scene.customer(pay(2, 50), told(order(50, Status::Pending)));
    scene.customer(pay(3, 50), told(order(50, Status::Confirmed)));
    scene.is_confirmed(&order(50, Status::Confirmed));
    check(&scene.end(), &[Promise::AnsweredOnce]);
}

#[test]
fn an_unpaid_order_expires_in_its_time_and_not_before() {
    let expired = Order { steps: Vec::new(), payment: None, ..failed(50, "TIMED_OUT") };
    for (after, expected) in [(29 * MINUTE, &[Promise::RefusedForCause][..]), (30 * MINUTE, &[])] {
        let mut scene = Scene::new();
        scene.customer(place(1, None), told(order(50, Status::Created)));
        scene.now += after;
        scene.customer(Ask::Show(Show::Order(50)), told(expired.clone()));
        scene.delivered(&expired, Word::Failed);
        check(&scene.end(), expected);
    }
    for (after, expected) in [(29 * MINUTE, &[][..]), (40 * MINUTE, &[Promise::NothingStuck])] {
        let mut scene = Scene::new();
        scene.customer(place(1, None), told(order(50, Status::Created)));
        scene.now += after;
        check(&scene.end(), expected);
    }
}

#[test]
fn an_order_that_is_stuck_is_listed_with_a_dead_letter() {
    for (listed, expected) in [(true, &[][..]), (false, &[Promise::NothingStuck])] {
        let mut scene = Scene::new();
        let stuck = Order { reason: Some("TIMED_OUT".to_owned()), ..order(50, Status::Failing) };
        scene.customer(place(1, Some(BY_CARD)), told(stuck));
        let letter = Letter { id: 9, order: Some(50), step: None, kind: "COMPENSATION".to_owned() };
        scene.letters.extend(listed.then_some(letter));
        check(&scene.end(), expected);
    }
}

#[test]
fn a_key_is_answered_in_the_end() {
    let mut scene = Scene::new();
    let id = scene.send(Caller::Customer(USER), place(1, Some(BY_CARD)));
    scene.lose(id);
    check(&scene.end(), &[Promise::NothingStuck]);
}

#[test]
fn an_order_that_nobody_was_told_of_comes_from_a_lost_request_or_from_nowhere() {
    for (lost, expected) in [(true, &[][..]), (false, &[Promise::AnsweredOnce])] {
        let mut scene = Scene::new();
        if lost {
            let id = scene.send(Caller::Customer(USER), place(1, Some(BY_CARD)));
            scene.lose(id);
        }
        // Asked again, it was refused: what was lost came late.
        let without_card = Payment { card: None, ..BY_CARD };
        let ask = if lost { place(1, Some(without_card)) } else { place(2, Some(without_card)) };
        scene.customer(ask, Answer::refused(422, "CARD_REQUIRED"));
        let confirmed = order(50, Status::Confirmed);
        scene.shown.push(confirmed.clone());
        scene.is_confirmed(&confirmed);
        check(&scene.end(), expected);
    }
}

#[test]
fn a_key_is_in_flight_while_another_request_under_it_is() {
    let mut scene = Scene::new();
    let first = scene.send(Caller::Customer(USER), place(1, Some(BY_CARD)));
    let second = scene.send(Caller::Customer(USER), place(1, Some(BY_CARD)));
    let confirmed = order(50, Status::Confirmed);
    scene.hear(first, told(confirmed.clone()));
    scene.hear(second, Answer::refused(409, "IDEMPOTENCY_KEY_IN_FLIGHT"));
    scene.is_confirmed(&confirmed);
    check(&scene.end(), &[]);
}

#[test]
fn answers_that_overtake_each_other_are_no_breach() {
    let mut scene = Scene::new();
    let confirmed = order(50, Status::Confirmed);
    let look = Ask::Show(Show::Order(50));
    scene.customer(place(1, Some(BY_CARD)), told(order(50, Status::Pending)));
    let early = scene.send(Caller::Customer(USER), look.clone());
    let late = scene.send(Caller::Customer(USER), look.clone());
    scene.hear(late, told(confirmed.clone()));
    scene.hear(early, told(order(50, Status::Pending)));
    scene.customer(look, told(confirmed.clone()));
    scene.is_confirmed(&confirmed);
    check(&scene.end(), &[]);
}

#[test]
fn an_order_is_confirmed_at_a_price_that_may_have_been_in_force() {
    for (answered, expected) in [(false, &[][..]), (true, &[Promise::NeverMisSold])] {
        let mut scene = Scene::new();
        // What is shown at the end is the old price: only a change that is not known to be made allows for it.
        let change = scene.send(Caller::Admin, Ask::SetPrice { product: MUG, price: 200 });
        if answered {
            scene.hear(change, Answer::Product(Product { price: 200, ..scene.mug(10) }));
        } else {
            scene.lose(change);
        }
        let confirmed = order(50, Status::Confirmed);
        scene.customer(place(1, Some(BY_CARD)), told(confirmed.clone()));
        scene.is_confirmed(&confirmed);
        let found = scene.end();
        let sold: Vec<_> =
            found.into_iter().filter(|(promise, _)| *promise == Promise::NeverMisSold).collect();
        check(&sold, expected);
    }
}

#[test]
fn an_adjustment_whose_answer_was_lost_was_made_or_was_not() {
    for (shown, expected) in [(10, &[][..]), (17, &[]), (11, &[Promise::Conservation])] {
        let mut scene = Scene::new();
        let adjustment = scene.send(Caller::Admin, Ask::AdjustStock { product: MUG, adjust: 7 });
        scene.lose(adjustment);
        scene.stock = shown;
        let found = scene.end();
        let stock: Vec<_> =
            found.into_iter().filter(|(_, sentence)| sentence.contains("the stock of")).collect();
        check(&stock, expected);
    }
}

#[test]
fn a_delivery_that_is_a_step_is_told_and_taken_back() {
    use Word::{Confirmed, Failed, PaymentApproved as Approved, PaymentCancelled as Withdrawn};
    let wrong = &[Promise::FinalWordsAreDelivered][..];
    let cases: [(&[Word], &[Promise]); 7] = [
        (&[Approved, Confirmed], &[]),
        (&[Confirmed], wrong),
        (&[Approved, Withdrawn, Confirmed], wrong),
        (&[Failed], &[]),
        (&[Approved, Withdrawn, Failed], &[]),
        (&[Failed, Withdrawn], &[]),
        (&[Approved, Failed], wrong),
    ];
    for (words, expected) in cases {
        let mut scene = Scene::new();
        let is_confirmed = words.contains(&Confirmed);
        let mut order =
            if is_confirmed { order(50, Status::Confirmed) } else { failed(50, "PAYMENT_UNAVAILABLE") };
        order.steps.push(Step { name: "delivery".to_owned(), status: order.steps[0].status });
        scene.customer(place(1, Some(BY_CARD)), told(order.clone()));
        if is_confirmed {
            scene.is_confirmed(&order);
            scene.platform.clear();
        }
        words.iter().for_each(|word| scene.delivered(&order, *word));
        check(&scene.end(), expected);
    }
}

#[test]
fn a_cancel_is_refused_when_its_window_is_over() {
    for (days, expected) in [(6, &[Promise::RulesOfOrders][..]), (7, &[])] {
        let mut scene = Scene::new();
        let confirmed = order(50, Status::Confirmed);
        scene.customer(place(1, Some(BY_CARD)), told(confirmed.clone()));
        scene.is_confirmed(&confirmed);
        scene.now += days * 24 * 60 * MINUTE;
        scene.customer(Ask::Cancel { order: 50 }, Answer::refused(409, "CANCEL_WINDOW_CLOSED"));
        check(&scene.end(), expected);
    }
}

#[test]
fn a_key_that_made_an_order_is_answered_with_it() {
    let mut scene = Scene::new();
    let confirmed = order(50, Status::Confirmed);
    scene.customer(place(1, Some(BY_CARD)), told(confirmed.clone()));
    scene.customer(place(1, Some(BY_CARD)), Answer::refused(422, "POINTS_EXCEED_TOTAL"));
    scene.is_confirmed(&confirmed);
    // And a payment without points cannot have been refused for them.
    check(&scene.end(), &[Promise::AnsweredOnce, Promise::RefusedForCause]);
}

#[test]
fn a_top_up_settles() {
    let mut scene = Scene::new();
    let pending = Answer::TopUp(TopUp { id: 60, status: TopUpStatus::Pending, amount: 5 });
    scene.customer(Ask::TopUp { key: Key(1), amount: 5, card: Card::Good }, pending.clone());
    let found = scene.end();
    let stuck = found.iter().filter(|(promise, _)| *promise == Promise::NothingStuck);
    assert_eq!(stuck.count(), 1, "{found:#?}");
}

#[test]
fn a_verdict_needs_all_answers() {
    let mut scene = Scene::new();
    scene.oracle.question(scene.now);
    assert!(!scene.oracle.has_seen_all());
    let found = scene.oracle.verdict(scene.now);
    assert!(found.iter().any(|breach| breach.about == "what the shop shows at rest"), "{found:#?}");
}

/// An order of user 1 with a coupon that takes 10 off, which `holder` took.
fn with_coupon(
    holder: Id,
    least_total: Option<i64>,
    change: impl FnOnce(&mut Order),
) -> Vec<(Promise, String)> {
    let mut scene = Scene::new();
    let user = Answer::User(User { id: holder, suspended: false });
    scene.ask(Caller::Anyone, Ask::SignUp { email: String::new() }, user);
    let discount = Discount::Fixed(10);
    let (name, quantity, opens, closes) = ("Ten".to_owned(), 5, 0, 1_000_000);
    let terms = Terms { name, discount, quantity, least_total, opens, closes };
    let campaign = Campaign { id: 70, terms: terms.clone(), issued: 0, stopped: false };
    scene.ask(Caller::Admin, Ask::CreateCampaign(terms), Answer::Campaign(campaign));
    let coupon = Coupon { id: 71, campaign: 70, status: CouponStatus::Issued, order: None };
    scene.ask(Caller::Customer(holder), Ask::TakeCoupon { campaign: 70 }, Answer::Coupon(coupon));
    let (discount, card_amount, coupon) = (10, 90, Some(71));
    let mut confirmed = Order { discount, card_amount, coupon, ..order(50, Status::Confirmed) };
    change(&mut confirmed);
    let payment = Payment { coupon: confirmed.coupon, ..BY_CARD };
    scene.customer(place(1, Some(payment)), told(confirmed));
    scene.oracle.breaches().iter().map(|breach| (breach.promise, breach.to_string())).collect()
}

#[test]
fn a_coupon_is_used_by_its_holder_under_its_terms() {
    check(&with_coupon(USER, Some(100), |_| {}), &[]);
    check(&with_coupon(9, None, |_| {}), &[Promise::NeverMisSold]);
    check(&with_coupon(USER, Some(101), |_| {}), &[Promise::NeverMisSold]);
    check(&with_coupon(USER, None, |order| order.coupon = None), &[Promise::NeverMisSold]);
    let generous = |order: &mut Order| (order.discount, order.card_amount) = (11, 89);
    check(&with_coupon(USER, None, generous), &[Promise::NeverMisSold]);
}

#[test]
fn nobody_holds_a_coupon_that_they_never_asked_for() {
    let mut scene = Scene::new();
    let (name, quantity, opens, closes) = ("Ten".to_owned(), 5, 0, 1_000_000);
    let terms = Terms { name, discount: Discount::Fixed(10), quantity, least_total: None, opens, closes };
    let campaign = Campaign { id: 70, terms: terms.clone(), issued: 0, stopped: false };
    scene.ask(Caller::Admin, Ask::CreateCampaign(terms), Answer::Campaign(campaign));
    let coupon = Coupon { id: 71, campaign: 70, status: CouponStatus::Issued, order: None };
    let listed = Listed { items: vec![coupon], next: None };
    scene.customer(Ask::Show(Show::Coupons(Page::FIRST)), Answer::Coupons(listed));
    let found: Vec<Promise> = scene.oracle.breaches().iter().map(|breach| breach.promise).collect();
    assert_eq!(found, [Promise::CouponsAreCounted]);
}

#[test]
fn a_change_that_was_answered_is_what_was_asked_for() {
    let mut scene = Scene::new();
    let suspend = Ask::SetSuspended { user: USER, suspended: true };
    let still_active = Answer::User(User { id: USER, suspended: false });
    scene.ask(Caller::Admin, suspend, still_active);
    scene.ask(Caller::Admin, Ask::SetPrice { product: MUG, price: 200 }, Answer::Product(scene.mug(10)));
    let found: Vec<Promise> = scene.oracle.breaches().iter().map(|breach| breach.promise).collect();
    assert_eq!(found, [Promise::AnswersMakeSense, Promise::AcknowledgedIsDurable]);
}
