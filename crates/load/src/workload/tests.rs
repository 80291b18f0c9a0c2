use super::*;
use proptest::prelude::*;
use proptest::sample::subsequence;

fn mix(card_percent: u8, coupon_percent: u8, fail: &[(FailAt, u8)]) -> Mix {
    Mix { card_percent, coupon_percent, fail: fail.iter().copied().collect() }
}

fn workload(seed: u64, mix: Mix, warm_up: u64, counted: u64) -> Workload {
    Workload::generated(seed, mix, (50, 30), false).of(warm_up, counted)
}

fn history(rows: &[&str]) -> Baskets {
    let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
    let file = format!("{header}\n{}\n", rows.join("\n"));
    let history = history::read(file.as_bytes(), "GBP".parse().unwrap()).unwrap();
    Baskets::of(&history).unwrap().unwrap()
}

/// Shares that leave room for each other.
fn shares() -> impl Strategy<Value = Mix> {
    let steps = subsequence(FailAt::ALL.to_vec(), 0..=FailAt::ALL.len());
    (0..=100_u8, 0..=100_u8, steps, 1..=25_u8).prop_map(|(card, coupon, steps, percent)| {
        let fail: Vec<(FailAt, u8)> = steps.into_iter().map(|step| (step, percent)).collect();
        mix(card, coupon, &fail)
    })
}

proptest! {
    #[test]
    fn the_same_seed_makes_the_same_orders(mix in shares(), seed: u64) {
        let orders = || workload(seed, mix.clone(), 150, 250).orders().collect::<Vec<_>>();
        prop_assert_eq!(orders(), orders());
    }

    #[test]
    fn shares_hold_in_every_hundred_orders_that_count(mix in shares(), seed: u64, warm_up in 0..250_u64) {
        let workload = workload(seed, mix.clone(), warm_up, 300);
        let orders: Vec<Order> = workload.orders().collect();
        let (before, counted) = orders.split_at(usize::try_from(warm_up).unwrap());
        prop_assert_eq!(before.len() as u64, warm_up);
        for hundred in counted.chunks(100) {
            for step in FailAt::ALL {
                let failing = hundred.iter().filter(|order| order.fails_at == Some(*step)).count();
                prop_assert_eq!(failing, usize::from(mix.fail.get(step).copied().unwrap_or(0)), "{}", step);
            }
        }
        if mix.fail.is_empty() {
            for hundred in counted.chunks(100) {
                let by_card = hundred.iter().filter(|order| order.card.is_some()).count();
                let with_coupon = hundred.iter().filter(|order| order.coupon.is_some()).count();
                prop_assert_eq!((by_card, with_coupon), (mix.card_percent.into(), mix.coupon_percent.into()));
            }
        }
    }

    /// What an order needs is on the stage, and what is to fail it fails it at that step alone.
    #[test]
    fn an_order_fails_at_its_step_and_at_no_other(mix in shares(), seed: u64) {
        let workload = workload(seed, mix, 20, 200);
        let stage = workload.stage();
        let mut given = 0;
        for order in workload.orders() {
            let user = &stage.users[order.user];
            let short = order.lines.iter().any(|(at, count)| stage.products[*at].stock < *count);
            prop_assert_eq!(short, order.fails_at == Some(FailAt::Stock));
            match order.coupon {
                None => {}
                Some(Coupon::Good(at)) => {
                    prop_assert_eq!(at, given, "every good coupon is for one order");
                    prop_assert_eq!(stage.coupons[at].user, order.user);
                    given += 1;
                }
                Some(Coupon::Used(at)) => prop_assert_eq!(stage.used[at], order.user),
            }
            let used = matches!(order.coupon, Some(Coupon::Used(_)));
            prop_assert_eq!(used, order.fails_at == Some(FailAt::Coupon));
            prop_assert_eq!(order.points > user.points, order.fails_at == Some(FailAt::Point));
            prop_assert_eq!(stage.spent.contains(&order.user), order.fails_at == Some(FailAt::Point));
            prop_assert_eq!(order.card == Some(Card::Declined), order.fails_at == Some(FailAt::Payment));
            prop_assert!(order.card.is_none() || order.points.is_zero(), "one way to pay");
        }
        prop_assert_eq!(given, stage.coupons.len());
    }
}

#[test]
fn another_seed_makes_other_orders() {
    let orders = |seed| workload(seed, Mix::default(), 0, 100).orders().collect::<Vec<_>>();
    assert_ne!(orders(1), orders(2));
}

/// So that runs with and without it can be compared: everything else stays as it was drawn.
#[test]
fn a_hot_product_changes_nothing_but_the_product() {
    let orders = |hot| Workload::generated(7, mix(30, 20, &[]), (50, 30), hot).of(0, 200);
    let (uniform, hot) = (orders(false), orders(true));
    for (uniform, hot) in uniform.orders().zip(hot.orders()) {
        assert_eq!(hot.lines, [(0, 1)]);
        assert_eq!((uniform.user, uniform.card, uniform.coupon), (hot.user, hot.card, hot.coupon));
    }
}

#[test]
fn a_user_has_each_campaign_once() {
    let stage = workload(3, mix(0, 100, &[]), 0, 500).stage();
    let holders: std::collections::BTreeSet<(usize, usize)> =
        stage.coupons.iter().map(|holder| (holder.user, holder.campaign)).collect();
    assert_eq!(holders.len(), 500);
    assert!(stage.coupons.iter().all(|holder| holder.campaign < stage.campaigns));
}

#[test]
fn a_history_is_taken_in_its_order_and_from_the_start_again() {
    let baskets = history(&[
        "1,TEA,Tea,2,12/1/2010 8:26,1.50,7,KR",
        "2,CUP,Cup,1,12/1/2010 8:27,2,8,KR",
        "3,TEA,Tea,1,12/1/2010 8:28,9,7,KR",
        "C4,CUP,Cup,-1,12/1/2010 8:29,2,8,KR",
    ]);
    assert_eq!(baskets.len(), 3);
    let workload = Workload::of_history(1, Mix::default(), baskets).of(0, 4);
    let stage = workload.stage();
    let orders: Vec<Order> = workload.orders().collect();
    let shown = |order: &Order| {
        let (product, count) = order.lines[0];
        (
            stage.users[order.user].name.clone(),
            stage.products[product].sku.to_string(),
            count,
            order.points.minor(),
        )
    };
    let tea = ("customer-0".to_owned(), "TEA".to_owned(), 2, 300);
    // Its price stays the first one, whatever the file says later.
    let later_tea = ("customer-0".to_owned(), "TEA".to_owned(), 1, 150);
    let cup = ("customer-1".to_owned(), "CUP".to_owned(), 1, 200);
    assert_eq!(orders.iter().map(shown).collect::<Vec<_>>(), [tea.clone(), cup, later_tea, tea]);
}

/// A coupon that takes off everything would leave nothing that a card could be declined for.
#[test]
fn an_order_that_a_coupon_would_pay_whole_uses_none() {
    let baskets = history(&["1,PIN,Pin,1,12/1/2010 8:26,1,7,KR"]);
    let workload = Workload::of_history(1, mix(0, 100, &[]), baskets).of(0, 10);
    assert!(workload.orders().all(|order| order.coupon.is_none()));
}
