//! Topology files: what ships parses, and every kind of mistake is named with its line.

use crate::script::joined;
use crate::shop::{
    MONOLITH, ORCHESTRATED_MESSAGES, SEVEN_SERVICES, VALIDATED_ASYNC, known, shipped, steps, topology,
};
use jumun_kernel::judge::Coordination;
use jumun_kernel::topology::{Answer, PaymentDelivery, QuoteFrom, Topology};
use jumun_kernel::{DomainName, Step};

#[test]
fn every_topology_that_ships_parses_under_its_files_name() {
    let files = shipped();
    assert!(files.len() >= 2);
    for (name, text) in files {
        let topology =
            Topology::parse(&text, &known()).unwrap_or_else(|error| panic!("{name}.toml: {error}"));
        assert_eq!(topology.name, name);
    }
}

#[test]
fn a_file_says_all_there_is_to_say() {
    let seven = topology(SEVEN_SERVICES);
    assert_eq!((seven.answer, seven.quote), (Answer::Accepted, QuoteFrom::Calls));
    assert_eq!(
        (seven.coordination(), seven.payment_delivery),
        (Coordination::default(), PaymentDelivery::Deferred)
    );
    let databases: Vec<String> = seven.databases().into_iter().map(|database| database.name).collect();
    let with_views = "user product point coupon order order-read-model order-data-platform payment ranking";
    assert_eq!(databases.join(" "), with_views);
    let one: Vec<usize> = topology(MONOLITH).databases().iter().map(|one| one.domains.len()).collect();
    assert_eq!(one, [9]);
}

#[test]
fn without_a_list_every_planned_step_is_judged() {
    let all = SEVEN_SERVICES.replace("judged_on = [\"payment\"]\n", "");
    let topology = topology(&all);
    assert_eq!(topology.judged_on, topology.order);
}

/// A small file to make mistakes in: nine domains in two units, a chain of two steps, a follower.
const GOOD: &str = r#"name = "small"
summary = "Two units"
answer = "accepted"
quote = "calls"

[[unit]]
name = "shop"
domains = ["user", "product", "coupon", "order", "ranking", "data-platform", "read-model"]
own_store = ["read-model"]

[[unit]]
name = "money"
domains = ["point", "payment"]

[saga]
order = ["stock", "coupon", "payment"]
always = ["stock"]
groups = [["stock", "coupon"]]
judged_on = ["coupon", "payment"]

[step.stock]
acts_on = ["order.placed"]

[step.coupon]
acts_on = ["order.placed"]

[step.payment]
acts_on = ["coupon.done"]
compensates_on = ["order.failing"]

[follower.sales]
acts_on = ["order.confirmed"]
"#;

#[test]
fn the_small_file_is_good() {
    assert_eq!(topology(GOOD).groups.len(), 1);
}

#[test]
fn a_lock_guards_the_databases_of_the_units_that_ask_for_it() {
    let text = GOOD.replace("name = \"shop\"", "name = \"shop\"\nguarded = true");
    for (topology, expected) in [(topology(GOOD), ""), (topology(&text), "shop shop-read-model")] {
        let databases = topology.databases();
        let guarded = databases.iter().filter(|database| topology.is_guarded(database));
        assert_eq!(guarded.map(|database| database.name.as_str()).collect::<Vec<_>>().join(" "), expected);
    }
}

/// The small file with one mistake in it.
#[track_caller]
fn check(good: &str, mistake: &str, complaint: &str) {
    assert_eq!(GOOD.matches(good).count(), 1, "`{good}` stands once in the file");
    let error = Topology::parse(&GOOD.replace(good, mistake), &known()).unwrap_err();
    assert_eq!(error.to_string(), complaint, "`{good}` -> `{mistake}`");
}

#[test]
fn text_that_is_no_toml_is_refused_where_it_stops_making_sense() {
    check("quote = \"calls\"", "quote = ", "line 4: string values must be quoted, expected literal string");
    check("[step.stock]", "[step.stock", "line 21: unclosed table, expected `]`");
}

#[test]
fn keys_and_words_that_nobody_knows_are_refused() {
    check(
        "summary = \"Two units\"",
        "sumary = \"Two units\"",
        "line 2: unknown field `sumary`, expected one of `name`, `summary`, `answer`, `quote`, `payment_delivery`, `saga`, `unit`, `step`, `follower`",
    );
    check(
        "[step.coupon]\nacts_on",
        "[step.coupon]\nacts_of",
        "line 25: unknown field `acts_of`, expected `acts_on` or `compensates_on`",
    );
    check(
        "answer = \"accepted\"",
        "answer = \"soon\"",
        "line 3: unknown variant `soon`, expected `settled` or `accepted`",
    );
}

#[test]
fn what_every_file_needs_is_missed() {
    check("quote = \"calls\"\n", "", "line 1: missing field `quote`");
    check("order = [\"stock\", \"coupon\", \"payment\"]\n", "", "line 15: missing field `order`");
}

#[test]
fn each_domain_is_placed_exactly_once() {
    check("\"user\", ", "\"users\", \"user\", ", "line 8: unknown domain `users`");
    check(
        "[\"point\", \"payment\"]",
        "[\"point\",\n  \"payment\", \"product\"]",
        "line 14: domain `product` is placed twice (already in `shop`)",
    );
    check("\"user\", ", "", "line 1: domain `user` is placed nowhere");
    check("name = \"money\"", "name = \"shop\"", "line 12: unit `shop` is named twice");
}

/// The small file that quotes from `quote`, with these domains in its first unit.
fn quoting(quote: &str, domains: &str) -> Result<Topology, String> {
    let text = GOOD
        .replace("quote = \"calls\"", &format!("quote = \"{quote}\""))
        .replace("\"order\", ", &format!("\"order\", {domains}"));
    Topology::parse(&text, &known()).map_err(|error| error.to_string())
}

#[test]
fn a_domain_that_may_be_left_out_is_placed_where_it_is_needed_and_nowhere_else() {
    for quote in ["local", "calls"] {
        assert!(quoting(quote, "").is_ok());
        let complaint = format!("line 8: `replica` is placed, but quotes are made by `{quote}`");
        assert_eq!(quoting(quote, "\"replica\", ").unwrap_err(), complaint);
    }
    let replicas = quoting("replica", "\"replica\", ").unwrap();
    assert_eq!(replicas.quote, QuoteFrom::Replica);
    assert!(replicas.units[0].domains.contains(&DomainName::new("replica")));
}

#[test]
fn replicas_stand_in_the_database_of_the_orders_that_are_quoted_from_them() {
    let complaint =
        "line 4: quotes are made from the domain `replica`: it must stand in the database of `order`";
    assert_eq!(quoting("replica", "").unwrap_err(), complaint);
    let beside = GOOD.replace("\"calls\"", "\"replica\"");
    for (here, there) in [
        ("[\"point\", \"payment\"]", "[\"point\", \"payment\", \"replica\"]"),
        ("\"read-model\"]\nown_store = [", "\"read-model\", \"replica\"]\nown_store = [\"replica\", "),
        ("\"read-model\"]\nown_store = [", "\"read-model\", \"replica\"]\nown_store = [\"order\", "),
    ] {
        assert_eq!(beside.matches(here).count(), 1);
        let error = Topology::parse(&beside.replace(here, there), &known()).unwrap_err();
        assert_eq!(error.to_string(), complaint, "{there}");
    }
}

#[test]
fn a_step_is_run_by_a_domain_that_is_placed() {
    let mut known = known();
    known.optional.insert(DomainName::new("ranking"));
    let unplaced = GOOD.replace("\"ranking\", ", "");
    let error = Topology::parse(&unplaced, &known).unwrap_err();
    assert_eq!(error.to_string(), "line 31: no domain runs a step `sales`");
    let (without, _) = unplaced.split_once("[follower.sales]").unwrap();
    assert!(Topology::parse(without, &known).is_ok());
}

#[test]
fn a_store_of_its_own_belongs_to_a_domain_of_the_unit() {
    check(
        "own_store = [\"read-model\"]",
        "own_store = [\"read-model\", \"point\"]",
        "line 9: `point` keeps a store of its own but is not in this unit",
    );
    check(
        "own_store = [\"read-model\"]",
        "own_store = [\"read-model\", \"read-model\"]",
        "line 9: `read-model` keeps two stores of its own",
    );
}

#[test]
fn each_step_is_run_by_a_domain() {
    check(
        "\"payment\"]\nalways",
        "\"payment\",\n \"gift\"]\nalways",
        "line 17: no domain runs a step `gift`",
    );
    check("[follower.sales]", "[follower.sail]", "line 31: no domain runs a step `sail`");
    check("always = [\"stock\"]", "always = [\"stick\"]", "line 17: no domain runs a step `stick`");
}

#[test]
fn each_planned_step_has_one_place_and_one_route() {
    check(
        "order = [\"stock\", \"coupon\", \"payment\"]",
        "order = [\"stock\", \"coupon\", \"stock\", \"payment\"]",
        "line 16: step `stock` stands twice",
    );
    check(
        "order = [\"stock\", \"coupon\", \"payment\"]",
        "order = [\"stock\", \"coupon\", \"point\", \"payment\"]",
        "line 1: step `point` is in saga.order but has no [step.point]",
    );
    check("[follower.sales]", "[step.sales]", "line 31: step `sales` has a route but no place in saga.order");
    check(
        "[follower.sales]",
        "[follower.stock]",
        "line 31: step `stock` is in saga.order and cannot follow after the fact",
    );
}

#[test]
fn settings_of_steps_name_planned_steps() {
    check(
        "always = [\"stock\"]",
        "always = [\"point\"]",
        "line 17: step `point` is always planned but not in saga.order",
    );
    check(
        "judged_on = [\"coupon\", \"payment\"]",
        "judged_on = [\"coupon\", \"sales\"]",
        "line 19: step `sales` is judged but not in saga.order",
    );
}

#[test]
fn triggers_are_words_that_somebody_says() {
    for word in ["order.paid", "sales.done", "gift.done", "coupon.asked", "coupon"] {
        check(
            "acts_on = [\"coupon.done\"]",
            &format!("acts_on = [\"{word}\"]"),
            &format!(
                "line 28: `{word}` is said by nobody (order.placed … or <step>.done|refused|compensated)"
            ),
        );
    }
    check("acts_on = [\"order.confirmed\"]", "acts_on = []", "line 31: step `sales` acts on nothing");
}

#[test]
fn steps_that_wait_for_each_other_are_a_cycle() {
    check(
        "[step.coupon]\nacts_on = [\"order.placed\"]",
        "[step.coupon]\nacts_on = [\"payment.done\"]",
        "line 24: step `coupon` waits for itself (a cycle)",
    );
    check(
        "[step.coupon]\nacts_on = [\"order.placed\"]",
        "[step.coupon]\nacts_on = [\"coupon.done\"]",
        "line 24: step `coupon` waits for itself (a cycle)",
    );
}

#[test]
fn a_group_shares_one_database() {
    for group in ["\"stock\", \"payment\"", "\"payment\", \"stock\""] {
        let (_, last) = group.split_once(", ").unwrap();
        check(
            "groups = [[\"stock\", \"coupon\"]]",
            &format!("groups = [[{group}]]"),
            &format!("line 18: step `{}` is grouped with steps of another unit", last.trim_matches('"')),
        );
    }
    check(
        "groups = [[\"stock\", \"coupon\"]]",
        "groups = [[\"stock\", \"point\"]]",
        "line 18: step `point` is grouped but not in saga.order",
    );
    check(
        "groups = [[\"stock\", \"coupon\"]]",
        "groups = [[\"stock\", \"coupon\"], [\"coupon\"]]",
        "line 18: step `coupon` stands in two groups",
    );
}

#[test]
fn a_group_does_not_reach_into_a_store_of_a_domains_own() {
    for (group, outsider) in [("\"stock\", \"coupon\"", "coupon"), ("\"coupon\", \"stock\"", "coupon")] {
        let text = GOOD
            .replace("own_store = [\"read-model\"]", "own_store = [\"coupon\"]")
            .replace("groups = [[\"stock\", \"coupon\"]]", &format!("groups = [[{group}]]"));
        let error = Topology::parse(&text, &known()).map(|topology| topology.groups).unwrap_err();
        let complaint = format!("line 18: step `{outsider}` is grouped with steps of another unit");
        assert_eq!(error.to_string(), complaint, "{group}");
    }
}

#[test]
fn a_step_that_hears_nobody_is_asked_by_the_judge() {
    let how = topology(ORCHESTRATED_MESSAGES).coordination();
    let groups: Vec<String> = how.asked.iter().map(|group| joined(group, "+")).collect();
    assert_eq!(groups, ["point+coupon", "stock", "payment"]);
    assert_eq!(joined(&how.undone_when_failing, " "), "point coupon stock payment");
    assert_eq!(joined(&how.undone_when_cancelling, " "), "point coupon stock payment");
    assert!(how.inquires);
    let mixed = topology(VALIDATED_ASYNC).coordination();
    assert_eq!(mixed.asked, [vec![Step::PAYMENT]]);
    assert!(mixed.undone_when_failing.is_empty() && mixed.inquires);
}

#[test]
fn what_follows_a_step_that_hears_nobody_must_always_have_something_to_follow() {
    check(
        "[step.coupon]\nacts_on = [\"order.placed\"]",
        "[step.coupon]",
        "line 18: step `coupon` hears nobody, but others of its group do",
    );
    let text = GOOD.replace("groups = [[\"stock\", \"coupon\"]]\n", "");
    let text = text.replace("[step.coupon]\nacts_on = [\"order.placed\"]", "[step.coupon]");
    let error = Topology::parse(&text, &known()).unwrap_err();
    let complaint = "step `payment` follows `coupon`, which hears nobody and may be absent from a plan: list it in saga.always";
    assert_eq!(error.to_string(), format!("line 25: {complaint}"));
}

#[test]
fn a_refusal_that_nobody_tells_the_judge_is_a_mistake() {
    check(
        "judged_on = [\"coupon\", \"payment\"]",
        "refusals_judged_on = [\"coupon\", \"payment\"]",
        "line 21: the judge is not told that `stock` refuses: list it in saga.refusals_judged_on, or let a step of saga.always compensate on it",
    );
    check(
        "judged_on = [\"coupon\", \"payment\"]",
        "listed_after = \"sales\"",
        "line 19: step `sales` is what lists wait for but not in saga.order",
    );
}

/// The small file with delivery as its last step.
fn with_delivery(setting: &str) -> String {
    GOOD.replace("quote = \"calls\"\n", &format!("quote = \"calls\"\n{setting}"))
        .replace(
            "\"payment\"]\nalways = [\"stock\"]",
            "\"payment\", \"delivery\"]\nalways = [\"stock\", \"delivery\"]",
        )
        .replace("groups = [[\"stock\", \"coupon\"]]", "groups = [[\"delivery\"], [\"stock\", \"coupon\"]]")
        .replace(
            "judged_on = [\"coupon\", \"payment\"]",
            "judged_on = [\"coupon\", \"payment\", \"delivery\"]\nlisted_after = \"delivery\"
refusals_judged_on = [\"stock\", \"coupon\", \"payment\", \"delivery\"]",
        )
        .replace("[\"order.failing\"]", "[\"order.failing\", \"delivery.refused\"]")
        + "\n[step.delivery]\nacts_on = [\"payment.done\"]\ncompensates_on = [\"order.failing\"]\n"
}

const INLINE: &str = "payment_delivery = \"inline\"\n";

#[test]
fn one_line_makes_delivery_a_step_or_leaves_it_out_everywhere() {
    let inline = topology(&with_delivery(INLINE));
    assert_eq!(inline.payment_delivery, PaymentDelivery::Inline);
    assert_eq!(inline.order, steps(&["stock", "coupon", "payment", "delivery"]));
    // Payment is in every plan by itself.
    assert_eq!(inline.always, steps(&["stock", "payment", "delivery"]));
    assert_eq!(inline.judged_on, steps(&["coupon", "payment", "delivery"]));
    assert_eq!((&inline.refusals_judged_on, &inline.listed_after), (&inline.order, &Some(Step::DELIVERY)));
    assert_eq!(inline.route(&Step::PAYMENT).unwrap().compensates_on, ["order.failing", "delivery.refused"]);
    assert_eq!(inline.route(&Step::DELIVERY).unwrap().acts_on, ["payment.done"]);
    for setting in ["", "payment_delivery = \"deferred\"\n"] {
        assert_eq!(topology(&with_delivery(setting)), topology(GOOD), "`{setting}`");
    }
}

#[test]
fn delivery_that_is_no_step_cannot_be_inline() {
    let error = Topology::parse(
        &GOOD.replace("\n[[unit]]\nname = \"shop\"", &format!("{INLINE}\n[[unit]]\nname = \"shop\"")),
        &known(),
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "line 5: inline delivery needs a [step.delivery]");
}

#[test]
fn a_mistake_about_delivery_is_named_though_it_is_deferred() {
    let text = with_delivery("").replace("acts_on = [\"payment.done\"]", "acts_on = [\"payment.paid\"]");
    let error = Topology::parse(&text, &known()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 37: `payment.paid` is said by nobody (order.placed … or <step>.done|refused|compensated)"
    );
}

#[test]
fn no_step_may_hear_only_a_delivery_that_is_deferred() {
    let text = with_delivery("").replace(
        "[step.coupon]\nacts_on = [\"order.placed\"]",
        "[step.coupon]\nacts_on = [\"delivery.refused\"]",
    );
    let error = Topology::parse(&text, &known()).unwrap_err();
    assert_eq!(error.to_string(), "line 26: step `coupon` acts on nothing where delivery is deferred");
    let inline = Topology::parse(&text.replace("summary", &format!("{INLINE}summary")), &known());
    assert!(inline.is_ok(), "{inline:?}");
}

#[test]
fn a_topology_under_which_an_order_would_not_end_is_a_mistake() {
    check(
        "acts_on = [\"coupon.done\"]",
        "acts_on = [\"order.confirmed\"]",
        "line 27: an order of `stock`, `coupon`, `payment` is never confirmed: nothing makes `payment` act",
    );
    check(
        "judged_on = [\"coupon\", \"payment\"]",
        "judged_on = [\"coupon\"]\nrefusals_judged_on = [\"stock\", \"coupon\", \"payment\"]",
        "line 28: an order of `stock`, `coupon`, `payment` is never confirmed: the judge is not told that `payment` is done: list it, or a step that follows it, in saga.judged_on",
    );
}
