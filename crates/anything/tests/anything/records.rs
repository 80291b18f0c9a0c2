//! Rows of every table: whatever its columns hold, a row reads as a record that is written the same, or is refused by a complaint
//! that says what was expected.

use jumun_anything::values::{id, int, json, text, value};
use kernel::table::{ColumnType, Record, Row};
use kernel::{Domain, Table, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

/// What a column may hold: mostly a value of its type.
fn column(ty: ColumnType) -> BoxedStrategy<Value> {
    let typed = match ty {
        ColumnType::Int => int().prop_map(Value::Int).boxed(),
        ColumnType::Id => id().prop_map(Value::Id).boxed(),
        ColumnType::Text => words().prop_map(|text| Value::Text(text.into())).boxed(),
        ColumnType::Bytes => vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Bytes(bytes.into())).boxed(),
    };
    prop_oneof![30 => typed, 2 => Just(Value::Null), 1 => value()].boxed()
}

/// Statuses, steps and documents as columns hold them, and any text.
fn words() -> BoxedStrategy<String> {
    const KNOWN: &[&str] =
        &["ACTIVE", "ISSUED", "PENDING", "done", "pending", "OPEN", "step", "stock", "KRW", "[]", "{}"];
    let known = select(KNOWN).prop_map(str::to_owned);
    prop_oneof![6 => known, 1 => text(), 1 => json().prop_map(|json| json.to_string())].boxed()
}

/// A row, now and then with too few columns or one too many.
fn row(table: &'static Table) -> BoxedStrategy<Row> {
    let columns: Vec<_> = table.columns.iter().map(|each| column(each.ty)).collect();
    let length = columns.len();
    let kept = prop_oneof![20 => Just(length), 1 => 0..length];
    (columns, kept, proptest::option::weighted(0.05, value()))
        .prop_map(|(mut row, kept, more)| {
            row.truncate(kept);
            row.extend(more);
            row.into()
        })
        .boxed()
}

fn check<R: Record + std::fmt::Debug + PartialEq>(row: &Row) -> Result<(), TestCaseError> {
    match R::from_row(row) {
        Ok(record) => {
            let written = record.to_row();
            // A document may be written in fewer words than it was found in, and means the same.
            let exact =
                |(found, written): (&Value, &Value)| matches!(found, Value::Text(_)) || found == written;
            prop_assert!(row.iter().zip(&written).all(exact), "{:?} was written as {:?}", row, written);
            prop_assert_eq!(R::from_row(&written), Ok(record), "{:?}", row);
        }
        Err(corrupt) => prop_assert!(corrupt.to_string().starts_with("expected "), "{}", corrupt),
    }
    Ok(())
}

macro_rules! every_table {
    ($($record:ty),* $(,)?) => {
        const TABLES: &[&Table] = &[$(<$record as Record>::TABLE),*];

        #[test]
        fn a_row_of_anything_is_a_record_or_a_named_complaint() {
            // A runner each: one that has had its cases tries no more.
            $(TestRunner::default().run(&row(<$record>::TABLE), |row| check::<$record>(&row)).unwrap();)*
        }
    };
}

every_table![
    kernel::participation::Inbox,
    kernel::judge::letters::DeadLetter,
    kernel::ledger::Opening,
    coupon::Coupon,
    coupon::UserCoupon,
    coupon::CouponHolder,
    data_platform::Delivery,
    order::Order,
    order::OrderLine,
    order::OrderKey,
    payment::leg::Leg,
    payment::PaymentRow,
    payment::Charge,
    payment::books::ChargeKey,
    payment::books::LedgerEntry,
    payment::books::UnknownCharge,
    payment::books::PgBook,
    point::Points,
    point::PointEntry,
    product::Product,
    product::ProductSku,
    product::StockAdjustment,
    ranking::Sale,
    read_model::OrderView,
    read_model::OrderHead,
    read_model::OrderTrace,
    replica::ProductCopy,
    replica::UserCopy,
    replica::CouponCopy,
    runtime::ports::store::Cursor,
    runtime::ports::store::Meta,
    user::User,
    user::UserEmail,
    user::RefreshToken,
    user::RefreshFamily,
];

#[test]
fn no_table_of_a_domain_is_left_out() {
    let tried: BTreeSet<&str> = TABLES.iter().map(|table| table.name).collect();
    let payment = payment::PaymentPolicy::new("any", kernel::Currency::KRW);
    let domains: [&dyn Domain; 10] = [
        &user::Users,
        &product::Products,
        &point::Point,
        &coupon::Coupons,
        &order::OrderDomain::new(order::OrderPolicy::default(), order::Wiring::default()),
        &payment::Payment::new(payment),
        &ranking::Ranking::default(),
        &data_platform::DataPlatform::default(),
        &read_model::ReadModel::new("any", false),
        &replica::Replica,
    ];
    for table in domains.iter().flat_map(|domain| domain.tables()) {
        assert!(tried.contains(table.name), "{}", table.name);
    }
}
