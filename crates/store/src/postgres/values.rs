//! Values to and from PostgreSQL, in its binary format.

use crate::checks;
use bytes::BytesMut;
use kernel::table::{Column, ColumnType, Row, Table, Value};
use runtime::ports::store::StoreError;
use smol_str::SmolStr;
use std::borrow::Borrow;
use std::error::Error;
use std::fmt::{self, Debug};
use std::sync::Arc;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

type Fault = Box<dyn Error + Sync + Send>;

/// What PostgreSQL calls a column's type. Texts are sorted byte by byte.
pub(super) fn sql_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Int => "bigint",
        ColumnType::Id => "uuid",
        ColumnType::Text => "text COLLATE \"C\"",
        ColumnType::Bytes => "bytea",
    }
}

/// The array that holds values of this type: how a statement takes many rows.
pub(super) fn array_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Int => "bigint[]",
        ColumnType::Id => "uuid[]",
        ColumnType::Text => "text[]",
        ColumnType::Bytes => "bytea[]",
    }
}

/// A value handed to a statement as it lies in memory.
pub(super) struct Bound<V>(pub(super) V);

impl<V> Debug for Bound<V> {
    /// The driver's own log shows parameters: never what is in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<V: Borrow<Value>> ToSql for Bound<V> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        match (self.0.borrow(), ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Int(n), &Type::INT8) => n.to_sql(ty, out),
            (Value::Id(id), &Type::UUID) => id.to_sql(ty, out),
            (Value::Text(text), &Type::TEXT) => text.as_str().to_sql(ty, out),
            (Value::Bytes(bytes), &Type::BYTEA) => bytes.as_ref().to_sql(ty, out),
            _ => Err("the value is of another type than its column".into()),
        }
    }

    fn accepts(ty: &Type) -> bool {
        is_ours(ty)
    }

    to_sql_checked!();
}

/// The text of a log row handed to a statement: as little to be shown as any value.
pub(super) struct Body<'w>(pub(super) &'w str);

impl Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&Bound(()), f)
    }
}

impl ToSql for Body<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        self.0.to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <&str as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

/// A value read.
struct Found(Value);

impl<'a> FromSql<'a> for Found {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Fault> {
        Ok(Self(match *ty {
            Type::INT8 => Value::Int(i64::from_sql(ty, raw)?),
            Type::UUID => Value::Id(Uuid::from_sql(ty, raw)?),
            Type::TEXT => Value::Text(SmolStr::new(<&str>::from_sql(ty, raw)?)),
            _ => Value::Bytes(Arc::from(raw)),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Fault> {
        Ok(Self(Value::Null))
    }

    fn accepts(ty: &Type) -> bool {
        is_ours(ty)
    }
}

fn is_ours(ty: &Type) -> bool {
    matches!(*ty, Type::INT8 | Type::UUID | Type::TEXT | Type::BYTEA)
}

/// Whether `values`, those of the leading columns of `table`, can be stored.
///
/// # Errors
/// [`StoreError::Rejected`], naming the column: of another type, or a text with the one character that PostgreSQL's cannot hold.
pub(super) fn fit(table: &Table, values: &[Value]) -> Result<(), StoreError> {
    checks::fit(table, values)?;
    let has_zero = |value: &Value| matches!(value, Value::Text(text) if text.as_bytes().contains(&0));
    match table.columns.iter().zip(values).find(|(_, value)| has_zero(value)) {
        None => Ok(()),
        Some((column, _)) => {
            Err(StoreError::Rejected(format!("{}.{} cannot hold U+0000", table.name, column.name)))
        }
    }
}

/// The leading `count` values of each row as arrays, one a column.
pub(super) fn arrays<'a>(rows: &[&'a [Value]], count: usize) -> Vec<Vec<Bound<&'a Value>>> {
    (0..count).map(|nth| rows.iter().map(|row| Bound(&row[nth])).collect()).collect()
}

/// A row of `table`, selected with its columns in order.
pub(super) fn row(table: &Table, found: &tokio_postgres::Row) -> Result<Row, StoreError> {
    table.columns.iter().enumerate().map(|(nth, column)| value(table, column, nth, found)).collect()
}

/// The value at `nth` of a found row, as `column` of `table` reads it.
pub(super) fn value(
    table: &Table,
    column: &Column,
    nth: usize,
    found: &tokio_postgres::Row,
) -> Result<Value, StoreError> {
    let read = found.try_get::<_, Found>(nth).ok().map(|Found(value)| value);
    read.filter(|value| checks::is_of(column.ty, value)).ok_or_else(|| {
        StoreError::Unusable(format!("{}.{} holds what its column cannot", table.name, column.name))
    })
}
