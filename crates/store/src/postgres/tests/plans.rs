//! Every statement finds its rows by key or index, also in a table that was never analysed.

use super::support::{Place, Shelf, TABLES, database, put, shelf};
use crate::postgres::schema;
use crate::sql;
use kernel::table::{Record as _, Value};
use runtime::ports::store::{Chain, Compare, Query};

fn plan(place: &Place, types: &str, text: &str, arguments: &str) -> Vec<String> {
    let mut raw = place.raw();
    raw.sql(&format!("PREPARE it ({types}) AS {text}"));
    raw.lines(&format!("EXPLAIN EXECUTE it ({arguments})"))
}

fn check(place: &Place, types: &str, text: &str, arguments: &str, index: &str) {
    let plan = plan(place, types, text, arguments);
    let shown = plan.join("\n");
    assert!(shown.contains(index), "{text}\n{shown}");
    assert!(!shown.contains("Seq Scan"), "{text}\n{shown}");
}

#[test]
fn no_statement_reads_a_whole_table() {
    let place = Place::of_own(&database());
    put(&mut place.open(TABLES), &[shelf(1, 1)]).unwrap();
    let layout = schema::layout(TABLES).unwrap();
    let statements = layout.get(Shelf::TABLE).unwrap();
    let (keys, rows) = ("bigint[]", "bigint[], text[], bigint[]");
    for text in [&statements.read, &statements.lock, &statements.delete] {
        check(&place, keys, text, "'{1,2}'", "shelves_pkey");
    }
    check(&place, rows, &statements.update, "'{1}', '{a}', '{1}'", "shelves_pkey");
    let due = Query::of(Shelf::TABLE, 5).filter("due", Compare::AtMost, Value::Int(9)).sort("due", false);
    check(&place, "bigint, bigint", &sql::query(&due).unwrap().text, "9, 5", "shelves_by_due");
    let page = Query::of(Shelf::TABLE, 5).after((7_i64,).into());
    check(&place, "bigint, bigint", &sql::query(&page).unwrap().text, "7, 5", "shelves_pkey");
    let chain = Chain { table: Shelf::TABLE, from: (7_i64,).into(), link: "due", limit: 5 };
    check(&place, "bigint, bigint", &sql::chain(&chain).unwrap().text, "7, 5", "shelves_pkey");
    check(&place, "bigint, bigint", crate::postgres::log::AFTER, "7, 5", "event_log_1_1000000_pkey");
    check(&place, "uuid", crate::postgres::log::OF, "gen_random_uuid()", "_key_idx");
}
