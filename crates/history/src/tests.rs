//! Real odd rows of the data set in small files, and what holds for every file.

use crate::row::{date, minor_units};
use crate::{Customer, History, HistoryError, OddReason, Work, read};
use kernel::{Currency, Money};
use proptest::prelude::*;
use std::collections::BTreeMap;

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

fn gbp() -> Currency {
    "GBP".parse().unwrap()
}

/// A file of these rows, each without its country.
fn file(rows: &[&str]) -> String {
    let rows = rows.iter().map(|row| format!("{row},United Kingdom\r\n"));
    std::iter::once(format!("{HEADER}\r\n")).chain(rows).collect()
}

fn history(rows: &[&str]) -> History {
    let history = read(file(rows).as_bytes(), gbp()).unwrap();
    assert_eq!(history.rows_total, rows.len());
    assert_eq!(history.rows_total, history.rows_in_orders + history.rows_in_cancels + history.odd.len());
    history
}

/// The work in a line each: `order 536365/0 17850: 85123A*6@255`, `price 85123A 295`, `cancel C1 of 536365/0`.
fn work(history: &History) -> Vec<String> {
    let named = |order: &crate::Order| format!("{}/{}", order.invoice, order.part);
    let show = |work: &Work| match work {
        Work::Price { sku, price } => format!("price {sku} {price}"),
        Work::Cancel { invoice, of } => match &history.work[*of] {
            Work::Order(order) => format!("cancel {invoice} of {}", named(order)),
            other => format!("cancel of {other:?}"),
        },
        Work::Order(order) => {
            let customer = match &order.customer {
                Customer::Known(id) => id.as_str(),
                Customer::Guest => "guest",
            };
            let lines: Vec<String> = order
                .lines
                .iter()
                .map(|line| format!("{}*{}@{}", line.sku, line.quantity, line.unit_price))
                .collect();
            format!("order {} {customer}: {}", named(order), lines.join(" "))
        }
    };
    history.work.iter().map(show).collect()
}

fn check(rows: &[&str], expected: &[&str], odd: &[(u64, OddReason)]) -> History {
    let history = history(rows);
    assert_eq!(work(&history), expected);
    let found: Vec<(u64, OddReason)> = history.odd.iter().map(|odd| (odd.line, odd.reason)).collect();
    assert_eq!(found, odd);
    history
}

#[test]
fn an_invoice_of_one_customer_is_one_order_with_exact_prices() {
    let history = check(
        &[
            "536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,12/1/2010 8:26,2.55,17850",
            "536365,71053,WHITE METAL LANTERN,6,12/1/2010 8:26,3.39,17850",
            "536370,POST,POSTAGE,3,12/1/2010 8:45,18,12583",
        ],
        &["order 536365/0 17850: 85123A*6@255 71053*6@339", "order 536370/0 12583: POST*3@1800"],
        &[],
    );
    assert_eq!(history.opening_stock["85123A"], 6);
    assert_eq!(history.products["71053"].name, "WHITE METAL LANTERN");
    assert_eq!(history.products["POST"].first_price, Money::new(1_800).unwrap());
    assert_eq!(history.customers.len(), 2);
    assert_eq!(history.units_sold()["POST"], 3);
}

#[test]
fn rows_without_a_customer_belong_to_one_guest_but_stay_orders_of_their_own() {
    let history = check(
        &["1,A1,X,1,12/1/2010 8:26,1,", "2,A1,X,2,12/1/2010 8:26,1,", "2,A1,X,2,12/1/2010 8:26,1,17850"],
        &["order 1/0 guest: A1*1@100", "order 2/0 guest: A1*2@100", "order 2/0 17850: A1*2@100"],
        &[],
    );
    assert_eq!(history.customers.len(), 2);
}

#[test]
fn the_same_sku_at_the_same_price_is_summed_even_if_other_rows_stand_between() {
    let rows = ["1,S,X,1,12/1/2010 8:26,1,7", "2,S,X,5,12/1/2010 8:26,1,7", "1,S,X,2,12/1/2010 8:26,1.00,7"];
    check(&rows, &["order 1/0 7: S*3@100", "order 2/0 7: S*5@100"], &[]);
}

#[test]
fn a_sku_at_a_second_price_in_one_invoice_goes_into_an_extra_order_and_is_noted() {
    let history = check(
        &[
            "1,S,X,1,12/1/2010 8:26,1,7",
            "1,T,Y,1,12/1/2010 8:26,3,7",
            "1,S,X,2,12/1/2010 8:26,2,7",
            "1,S,X,4,12/1/2010 8:26,2,7",
            "1,S,X,8,12/1/2010 8:26,1,7",
        ],
        &["order 1/0 7: S*9@100 T*1@300", "price S 200", "order 1/1 7: S*6@200"],
        &[],
    );
    let noted: Vec<u64> = history.split.iter().map(|row| row.line).collect();
    assert_eq!((noted, history.rows_in_orders), (vec![4, 5], 5));
}

#[test]
fn a_price_is_patched_before_the_order_that_pays_it() {
    let rows =
        ["1,S,X,1,12/1/2010 8:26,1,7", "2,S,X,1,12/1/2010 8:27,1.5,7", "3,S,X,1,12/1/2010 8:28,1.50,8"];
    let expected = ["order 1/0 7: S*1@100", "price S 150", "order 2/0 7: S*1@150", "order 3/0 8: S*1@150"];
    let history = check(&rows, &expected, &[]);
    assert_eq!(history.products["S"].first_price, Money::new(100).unwrap());
}

#[test]
fn a_cancel_takes_back_exactly_one_whole_earlier_order_of_the_same_customer() {
    let bought = ["1,S,X,1,12/1/2010 8:26,1,7", "1,T,Y,2,12/1/2010 8:26,3,7"];
    let order = "order 1/0 7: S*1@100 T*2@300";
    let with = |more: &[&'static str]| [&bought[..], more].concat();
    let whole = ["C9,T,Y,-2,12/1/2010 9:26,3,7", "C9,S,X,-1,12/1/2010 9:26,1,7"];
    let history = check(&with(&whole), &[order, "cancel C9 of 1/0"], &[]);
    assert_eq!((history.rows_in_cancels, history.opening_stock["S"], history.units_sold()["S"]), (2, 1, 0));

    let unmatched = |rows: &[&'static str]| {
        let lines: Vec<(u64, OddReason)> =
            (4..).zip(rows.iter().map(|_| OddReason::UnmatchedCancel)).collect();
        check(&with(rows), &[order], &lines);
    };
    unmatched(&["C9,S,X,-1,12/1/2010 9:26,1,7"]);
    unmatched(&["C9,S,X,-1,12/1/2010 9:26,1,8", "C9,T,Y,-2,12/1/2010 9:26,3,8"]);
    unmatched(&["C9,S,X,-1,12/1/2010 9:26,1,7", "C9,T,Y,-2,12/1/2010 9:26,2.99,7"]);
    unmatched(&["C9,S,X,-1,12/1/2010 9:26,1,7", "C9,T,Y,-1,12/1/2010 9:26,3,7"]);
    unmatched(&["C9,D,Discount,-1,12/1/2010 9:26,27.5,7"]);

    let twice = [&whole[..], &["C10,T,Y,-2,12/1/2010 9:26,3,7", "C10,S,X,-1,12/1/2010 9:26,1,7"]].concat();
    let odd = [(6, OddReason::UnmatchedCancel), (7, OddReason::UnmatchedCancel)];
    check(&with(&twice), &[order, "cancel C9 of 1/0"], &odd);
}

#[test]
fn a_cancel_cannot_mean_an_order_that_comes_later() {
    let rows = ["C9,S,X,-1,12/1/2010 9:26,1,7", "1,S,X,1,12/1/2010 8:26,1,7"];
    check(&rows, &["order 1/0 7: S*1@100"], &[(2, OddReason::UnmatchedCancel)]);
    let rows = ["1,S,X,1,12/1/2010 8:26,1,7", "C9,S,X,-2,12/1/2010 9:26,1,7", "1,S,X,1,12/1/2010 8:26,1,7"];
    check(&rows, &["order 1/0 7: S*2@100"], &[(3, OddReason::UnmatchedCancel)]);
}

#[test]
fn of_equal_orders_the_latest_is_cancelled_first_and_each_once() {
    let rows = [
        "1,S,X,1,12/1/2010 8:26,1,7",
        "2,S,X,1,12/1/2010 8:26,1,7",
        "C3,S,X,-1,12/1/2010 8:26,1,7",
        "C4,S,X,-1,12/1/2010 8:26,1,7",
        "C5,S,X,-1,12/1/2010 8:26,1,7",
    ];
    let orders = ["order 1/0 7: S*1@100", "order 2/0 7: S*1@100"];
    let expected = [&orders[..], &["cancel C3 of 2/0", "cancel C4 of 1/0"]].concat();
    check(&rows, &expected, &[(6, OddReason::UnmatchedCancel)]);
}

#[test]
fn a_cancel_that_lacks_a_row_is_no_whole_order() {
    let rows = ["1,S,X,1,12/1/2010 8:26,1,7", "C2,S,X,-1,12/1/2010 8:26,1,7", "C2,T,Y,3,12/1/2010 8:26,1,7"];
    let odd = [(3, OddReason::UnmatchedCancel), (4, OddReason::PositiveCancel)];
    check(&rows, &["order 1/0 7: S*1@100"], &odd);
}

#[test]
fn every_odd_row_is_reported_with_its_line_and_reason() {
    use OddReason::*;
    for (row, reason) in [
        ("536414,22139,,56,12/1/2010 11:52,0,", ZeroPrice),
        ("536589,21777,,-10,12/1/2010 16:50,0,", NegativeQuantity),
        ("A563186,B,Adjust bad debt,1,8/12/2011 14:51,-11062.06,", BadDebt),
        ("563187,B,Adjust,1,8/12/2011 14:51,-11062.06,", NegativePrice),
        ("1,S,X,0,12/1/2010 8:26,1,7", ZeroQuantity),
        ("C1,S,X,2,12/1/2010 8:26,1,7", PositiveCancel),
        (",S,X,1,12/1/2010 8:26,1,7", MissingField),
        ("1,,X,1,12/1/2010 8:26,1,7", MissingField),
        ("1,S,X,,12/1/2010 8:26,1,7", MissingField),
        ("1,S,X,1,,1,7", MissingField),
        ("1,S,X,1,12/1/2010 8:26,,7", MissingField),
        ("1,S,X,1.5,12/1/2010 8:26,1,7", BadNumber),
        ("1,S,X,many,12/1/2010 8:26,1,7", BadNumber),
        ("1,S,X,1,12/1/2010 8:26,1e3,7", BadNumber),
        ("C1,S,X,-9223372036854775808,12/1/2010 8:26,1,7", BadNumber),
        ("1,S,X,1,12/1/2010 8:26,90071992547409.92,7", BadNumber),
        ("1,PADS,PADS TO MATCH ALL CUSHIONS,1,12/1/2010 8:26,0.001,7", TooManyDecimals),
        ("1,S,X,1,13/13/2010 8:26,1,7", BadDate),
        ("1,S,X,1,12/1/10 8:26,1,7", BadDate),
        ("1,S,X,1,yesterday,1,7", BadDate),
        ("1,S,X,9007199254740991,12/1/2010 8:26,1,7", TooLarge),
        ("C1,S,X,-1,12/1/2010 8:26,1,7", UnmatchedCancel),
    ] {
        check(&[row], &[], &[(2, reason)]);
    }
}

#[test]
fn sums_that_could_not_be_held_are_odd_and_never_wrap() {
    let most = "1,S,X,90071992547409,12/1/2010 8:26,1,7";
    let history = check(&[most, most], &["order 1/0 7: S*90071992547409@100"], &[(3, OddReason::TooLarge)]);
    assert_eq!(history.opening_stock["S"], 90_071_992_547_409);
    let cheap = |invoice: u32| format!("{invoice},S,X,5000000000000000,12/1/2010 8:26,0.01,7");
    let (one, two) = (cheap(1), cheap(2));
    check(&[&one, &two], &["order 1/0 7: S*5000000000000000@1"], &[(3, OddReason::TooLarge)]);
}

#[test]
fn quotes_commas_and_line_breaks_in_descriptions_are_read_and_lines_still_count() {
    let history = history(&[
        "536381,82567,\"AIRLINE LOUNGE,METAL SIGN\",2,12/1/2010 9:41,2.1,15311",
        "536477,22041,\"RECORD FRAME 7\"\" SINGLE SIZE \",48,12/1/2010 12:27,2.1,16210",
        "536478,22042,RECORD FRAME 7\" DOUBLE,48,12/1/2010 12:27,2.1,16210",
        "536479,22043,\"TWO\nLINES\",1,12/1/2010 12:27,2.1,16210",
        "536480,22044,X,zero,12/1/2010 12:27,2.1,16210",
    ]);
    let name = |sku: &str| history.products[sku].name.clone();
    assert_eq!(name("82567"), "AIRLINE LOUNGE,METAL SIGN");
    assert_eq!(name("22041"), "RECORD FRAME 7\" SINGLE SIZE");
    assert_eq!(name("22042"), "RECORD FRAME 7\" DOUBLE");
    assert_eq!(name("22043"), "TWO LINES");
    assert_eq!(history.odd[0].line, 7);
}

#[test]
fn a_product_is_named_by_its_first_description() {
    let history = history(&[
        "1,22632,,1,12/1/2010 8:26,1,7",
        "2,22632,HAND WARMER RED RETROSPOT,1,12/1/2010 8:26,1,7",
        "3,22632,HAND WARMER RED POLKA DOT,1,12/1/2010 8:26,1,7",
        "4,NAMELESS,,1,12/1/2010 8:26,1,7",
    ]);
    assert_eq!(history.products["22632"].name, "HAND WARMER RED RETROSPOT");
    assert_eq!(history.products["NAMELESS"].name, "NAMELESS");
}

#[test]
fn both_editions_headers_are_understood_in_any_order() {
    let file = "\u{feff}Country,Customer ID,Price,InvoiceDate,Quantity,Description,StockCode,Invoice\n\
                UK,13085.0,6.95,2009-12-01 07:45:00,12,LIGHTS,85048,489434\n";
    let history = read(file.as_bytes(), gbp()).unwrap();
    assert_eq!(work(&history), ["order 489434/0 13085.0: 85048*12@695"]);
}

#[test]
fn what_is_not_utf_8_is_read_as_latin_1() {
    let mut file = file(&["1,S,? HEART,1,12/1/2010 8:26,1,7"]).into_bytes();
    let pound = file.iter().position(|byte| *byte == b'?').unwrap();
    file[pound] = 0xa3;
    let history = read(file.as_slice(), gbp()).unwrap();
    assert_eq!(history.products["S"].name, "£ HEART");
}

#[test]
fn a_file_that_is_no_such_csv_is_an_error_that_names_the_place() {
    let error = |text: &str| read(text.as_bytes(), gbp()).unwrap_err().to_string();
    let good = "1,S,X,1,12/1/2010 8:26,1,7,UK\n";
    assert_eq!(error(""), "line 1: no column InvoiceNo");
    assert_eq!(error("InvoiceNo,StockCode\n1,2\n"), "line 1: no column Description");
    assert_eq!(error(&format!("{HEADER},Price\n")), "line 1: column UnitPrice stands there twice");
    assert_eq!(error(&format!("{HEADER}\n{good}1,S\n")), "line 3: 2 fields where the header has 8");
    assert_eq!(error(&format!("{HEADER}\n{good}1,\"S,X\n{good}")), "line 3: a quote is never closed");
    let in_last_column = format!("{HEADER}\n1,S,X,1,12/1/2010 8:26,1,7,\"UK\n{good}{good}");
    assert_eq!(error(&in_last_column), "line 2: a quote is never closed");
    assert_eq!(error(&format!("{HEADER}\n{good}1,\"S\"x,X,1,,,,\n")), "line 3: text follows a closed quote");
    // A long file, so that more is read ahead than the line at fault.
    let long = format!("{HEADER}\n1,S\n{}", "1,S,\"X, Y\",1,12/1/2010 8:26,1,7,UK\n".repeat(2_000));
    assert_eq!(error(&long), "line 2: 2 fields where the header has 8");
}

#[test]
fn lines_are_those_of_the_file_whatever_ends_them_and_however_many_are_blank() {
    let rows = [
        "1,S,X,x,12/1/2010 8:26,1,7,UK",
        "2,S,\"A\r\nB\",x,12/1/2010 8:26,1,7,UK",
        "3,S,X,x,12/1/2010 8:26,1,7,UK",
    ];
    for end in ["\n", "\r\n"] {
        let file = format!("\u{feff}{end}{HEADER}{end}{}{end}{end}{}{end}{}", rows[0], rows[1], rows[2]);
        let odd = read(file.as_bytes(), gbp()).unwrap().odd;
        assert_eq!(odd.iter().map(|odd| odd.line).collect::<Vec<_>>(), [3, 5, 7], "{end:?}");
    }
}

#[test]
fn an_unreadable_file_is_an_error() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    assert!(matches!(read(Broken, gbp()), Err(HistoryError::Io(_))));
}

#[test]
fn prices_become_minor_units_exactly() {
    for (text, decimals, expected) in [
        ("2.55", 2, Ok(255)),
        ("18", 2, Ok(1_800)),
        ("2.1", 2, Ok(210)),
        (".5", 2, Ok(50)),
        ("2.5500", 2, Ok(255)),
        ("-11062.06", 2, Ok(-1_106_206)),
        ("12000", 0, Ok(12_000)),
        ("12000.00", 0, Ok(12_000)),
        ("90071992547409.91", 2, Ok(9_007_199_254_740_991)),
        ("2.555", 2, Err(OddReason::TooManyDecimals)),
        ("2.55", 0, Err(OddReason::TooManyDecimals)),
        ("1,000.00", 2, Err(OddReason::BadNumber)),
        ("£2", 2, Err(OddReason::BadNumber)),
        (".", 2, Err(OddReason::BadNumber)),
        ("-", 2, Err(OddReason::BadNumber)),
        ("99999999999999999999", 2, Err(OddReason::BadNumber)),
    ] {
        assert_eq!(minor_units(text, decimals).map(Money::minor), expected, "{text}");
    }
}

#[test]
fn dates_are_read_month_first_or_as_iso() {
    for (text, expected) in [
        ("12/1/2010 8:26", "2010-12-01T08:26:00.000Z"),
        ("12/1/2010", "2010-12-01T00:00:00.000Z"),
        ("2010-12-01 08:26:00", "2010-12-01T08:26:00.000Z"),
        ("2010-12-01T08:26", "2010-12-01T08:26:00.000Z"),
        ("2010-12-01T08:26:00+01:00", "2010-12-01T07:26:00.000Z"),
        ("2010-12-01", "2010-12-01T00:00:00.000Z"),
    ] {
        assert_eq!(date(text).map(|at| at.to_string()).as_deref(), Some(expected), "{text}");
    }
    for text in ["", "/", "2/30/2010 1:00", "1/1/2010 25:00", "1/1/2010 1:00:00:00", "1-1-2010"] {
        assert_eq!(date(text), None, "{text}");
    }
}

fn any_row() -> impl Strategy<Value = String> {
    let pick = |values: &'static [&'static str]| prop::sample::select(values);
    (
        pick(&["1", "2", "3", "C4", "C5", "A6", ""]),
        pick(&["S", "T", "POST", ""]),
        pick(&["1", "2", "3", "-1", "-2", "-3", "0", "x", "9007199254740991"]),
        pick(&["12/1/2010 8:26", "2010-12-01 08:26:00", "never"]),
        pick(&["1", "1", "2.50", "0", "-1", "0.001", "?"]),
        pick(&["7", "8", ""]),
    )
        .prop_map(|(invoice, sku, count, date, price, customer)| {
            format!("{invoice},{sku},Thing,{count},{date},{price},{customer}")
        })
}

proptest! {
    #[test]
    fn every_row_is_in_an_order_or_a_cancel_or_reported(rows in prop::collection::vec(any_row(), 0..40)) {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let history = history(&rows);
        let mut lines: Vec<u64> = history.odd.iter().map(|odd| odd.line).collect();
        let reported = lines.len();
        lines.dedup();
        prop_assert_eq!(lines.len(), reported, "no row is reported twice");
        prop_assert!(history.split.len() <= history.rows_in_orders);
        let mut cancelled = Vec::new();
        let mut prices: BTreeMap<_, _> =
            history.products.iter().map(|(sku, product)| (sku.clone(), product.first_price)).collect();
        let mut needed = BTreeMap::new();
        for (place, work) in history.work.iter().enumerate() {
            match work {
                Work::Price { sku, price } => {
                    prop_assert_ne!(prices.insert(sku.clone(), *price), Some(*price), "a patch changes something");
                }
                Work::Order(order) => {
                    prop_assert!(!order.lines.is_empty());
                    for line in &order.lines {
                        prop_assert_eq!(prices[&line.sku], line.unit_price, "an order pays the current price");
                        *needed.entry(line.sku.clone()).or_insert(0) += line.quantity;
                    }
                }
                Work::Cancel { of, .. } => {
                    prop_assert!(*of < place && matches!(history.work[*of], Work::Order(_)));
                    cancelled.push(*of);
                }
            }
        }
        let cancels = cancelled.len();
        cancelled.sort_unstable();
        cancelled.dedup();
        prop_assert_eq!(cancelled.len(), cancels, "no order is cancelled twice");
        prop_assert_eq!(&needed, &history.opening_stock);
        prop_assert!(history.units_sold().iter().all(|(sku, sold)| (0..=needed[sku]).contains(sold)));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[0-9,\"\n\rA-C./ -]{0,200}") {
        let with_header = |rest: &[u8]| [HEADER.as_bytes(), b"\n", rest].concat();
        for file in [bytes.clone(), with_header(&bytes), with_header(text.as_bytes())] {
            if let Ok(history) = read(file.as_slice(), gbp()) {
                prop_assert_eq!(history.rows_total, history.rows_in_orders + history.rows_in_cancels + history.odd.len());
            }
        }
    }
}
