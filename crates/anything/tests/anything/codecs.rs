//! What is written is read as it was; what is read of anything else is refused by name, and panics nowhere.

use jumun_anything::values::{EARLIEST, LATEST, entry, int, json, replaced, text, trace};
use kernel::ids::OrderId;
use kernel::{Currency, Entry, Money, Plan, Timestamp, Trace};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value as Json;
use std::time::Duration;
use uuid::Uuid;

/// Every object of a log row that is ours to extend: the row, its plan and lines, its events. (A fact's body and a plan's
/// extras are their senders'.)
fn objects(row: &mut Json) -> Vec<&mut serde_json::Map<String, Json>> {
    let Some(row) = row.as_object_mut() else { return Vec::new() };
    // Taken apart: the row itself is one of them.
    let mut found = Vec::new();
    for (name, field) in row.iter_mut() {
        match (name.as_str(), field) {
            ("plan", Json::Object(plan)) => found.push(plan),
            ("events", Json::Array(events)) => {
                found.extend(events.iter_mut().filter_map(Json::as_object_mut));
            }
            _ => {}
        }
    }
    found
}

fn written(entry: &Entry) -> Json {
    serde_json::to_value(entry).unwrap()
}

proptest! {
    #[test]
    fn a_log_row_reads_back_as_it_was_written(entry in entry()) {
        let text = serde_json::to_string(&entry).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Entry>(&text).unwrap(), &entry);
        prop_assert_eq!(serde_json::from_value::<Entry>(written(&entry)).unwrap(), entry);
    }

    #[test]
    fn fields_that_a_later_program_added_are_passed_over_wherever_they_stand(entry in entry(), more in json()) {
        let mut row = written(&entry);
        for object in objects(&mut row) {
            object.insert("shard".to_owned(), more.clone());
        }
        row["shard"] = more;
        prop_assert_eq!(serde_json::from_value::<Entry>(row).unwrap(), entry);
    }

    #[test]
    fn a_log_row_with_anything_anywhere_is_refused_or_read_as_one(entry in entry(), at in any::<Index>(), other in json()) {
        let row = replaced(&written(&entry), at, other);
        if let Ok(read) = serde_json::from_value::<Entry>(row.clone()) {
            prop_assert_eq!(serde_json::from_value::<Entry>(written(&read)).unwrap(), read, "{}", row);
        }
    }

    #[test]
    fn a_plan_with_anything_anywhere_is_refused_or_read_as_one(entry in entry(), at in any::<Index>(), other in json()) {
        let Some(plan) = entry.plan else { return Ok(()) };
        let document = replaced(&serde_json::to_value(&plan).unwrap(), at, other);
        if let Ok(read) = serde_json::from_value::<Plan>(document) {
            prop_assert_eq!(serde_json::from_str::<Plan>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
        }
    }

    #[test]
    fn amounts_are_exact_or_refused(a in int(), b in int(), percent in any::<u8>()) {
        let held = |exact: i128| i64::try_from(exact).ok().and_then(|minor| Money::new(minor).ok());
        prop_assert_eq!(serde_json::from_str::<Money>(&a.to_string()).ok(), held(i128::from(a)));
        let (Ok(x), Ok(y)) = (Money::new(a), Money::new(b)) else { return Ok(()) };
        let (a, b) = (i128::from(a), i128::from(b));
        prop_assert_eq!(x.plus(y).ok(), held(a + b));
        prop_assert_eq!(x.minus(y).ok(), held(a - b));
        prop_assert_eq!(x.times(y.minor()).ok(), held(a * b));
        prop_assert_eq!(x.percent(percent).ok(), held(a * i128::from(percent) / 100));
        for currency in ["KRW", "GBP", "KWD"] {
            let currency: Currency = currency.parse().unwrap();
            let digits: String = currency.show(x).chars().filter(|c| c.is_ascii_digit() || *c == '-').collect();
            prop_assert_eq!(digits.parse::<i64>(), Ok(x.minor()));
        }
    }

    #[test]
    fn times_read_back_and_never_wrap(ms in EARLIEST.0..=LATEST.0, any_ms in any::<i64>(), by in any::<u64>()) {
        let (time, any, by) = (Timestamp(ms), Timestamp(any_ms), Duration::from_millis(by));
        prop_assert_eq!(time.to_string().parse(), Ok(time));
        prop_assert!(any.after(by) >= any && any.before(by) <= any);
        let gone = u128::try_from(i128::from(ms) - i128::from(any_ms)).unwrap_or(0);
        prop_assert_eq!(time.since(any).as_millis(), gone.min(u128::from(i64::MAX.unsigned_abs())));
        prop_assert_eq!(any.day(), any_ms.div_euclid(86_400_000));
        let _ = any.to_string();
    }

    #[test]
    fn ids_and_traces_read_back(id in any::<u128>(), trace in trace()) {
        let id = OrderId(Uuid::from_u128(id));
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        // No trace is written, too, and is no traceparent.
        prop_assert_eq!(trace.to_string().parse().ok(), Some(trace).filter(|trace| trace.id != 0));
    }

    #[test]
    fn no_text_makes_a_reader_of_values_panic(text in text(), number in "[-+0-9.eE:TZ ]{0,40}", hex in "[0-9a-fA-F{}-]{0,60}") {
        for text in [text, number, hex] {
            let _ = (text.parse::<Timestamp>(), text.parse::<OrderId>(), text.parse::<Trace>(), text.parse::<Currency>());
            let quoted = Json::from(text.as_str()).to_string();
            for text in [text.as_str(), &quoted] {
                let _ = (serde_json::from_str::<Timestamp>(text), serde_json::from_str::<Money>(text));
                let _ = (serde_json::from_str::<Entry>(text), serde_json::from_str::<Plan>(text));
            }
        }
    }
}
