//! What every store checks before its engine sees it: tables that make sense, values that their columns can hold.

use kernel::table::{ColumnType, Key, Table, Value};
use runtime::ports::store::{Chain, StoreError};

/// Whether the table's own data makes sense.
///
/// # Errors
/// [`StoreError::Unusable`] if it has no key, a key that may be NULL, or an index on a column that it lacks.
pub fn sound(table: &Table) -> Result<(), StoreError> {
    let wrong = |what: &str| Err(StoreError::Unusable(format!("table {}: {what}", table.name)));
    if table.key == 0 || table.key > table.columns.len() {
        return wrong("no key");
    }
    if table.columns.iter().take(table.key).any(|column| column.nullable) {
        return wrong("a key column that may be NULL");
    }
    if table.indexes.iter().flat_map(|index| index.columns).any(|name| table.column(name).is_none()) {
        return wrong("an index on a column that it lacks");
    }
    Ok(())
}

/// Whether `values`, those of the leading columns of `table`, are of their columns' types; NULL is of every type.
///
/// # Errors
/// [`StoreError::Rejected`], naming the column.
pub fn fit(table: &Table, values: &[Value]) -> Result<(), StoreError> {
    match table.columns.iter().zip(values).find(|(column, value)| !is_of(column.ty, value)) {
        None => Ok(()),
        Some((column, _)) => {
            Err(StoreError::Rejected(format!("{}.{} cannot hold this value", table.name, column.name)))
        }
    }
}

/// Whether `value` is of this type; NULL is of every type.
#[must_use]
pub fn is_of(ty: ColumnType, value: &Value) -> bool {
    matches!(
        (ty, value),
        (_, Value::Null)
            | (ColumnType::Int, Value::Int(_))
            | (ColumnType::Id, Value::Id(_))
            | (ColumnType::Text, Value::Text(_))
            | (ColumnType::Bytes, Value::Bytes(_))
    )
}

/// Whether `key` has a value for each key column of `table`.
///
/// # Errors
/// [`StoreError::Rejected`], naming the table.
pub fn whole_key(table: &Table, key: &Key) -> Result<(), StoreError> {
    if key.0.len() == table.key {
        return Ok(());
    }
    Err(StoreError::Rejected(format!("{}: a key of {} values", table.name, key.0.len())))
}

/// Where the column called `name` stands.
///
/// # Errors
/// [`StoreError::Rejected`] if the table has none.
pub fn column(table: &Table, name: &str) -> Result<usize, StoreError> {
    table
        .column(name)
        .ok_or_else(|| StoreError::Rejected(format!("table {} has no column {name}", table.name)))
}

/// Where the column stands that links the rows of `chain`.
///
/// # Errors
/// [`StoreError::Rejected`] if the table lacks it, if it does not hold keys of the table, or if `from` is none.
pub fn link(chain: &Chain) -> Result<usize, StoreError> {
    let table = chain.table;
    whole_key(table, &chain.from)?;
    fit(table, &chain.from.0)?;
    let link = column(table, chain.link)?;
    if table.key == 1 && table.columns[link].ty == table.columns[0].ty {
        return Ok(link);
    }
    Err(StoreError::Rejected(format!("{}.{} holds no keys of its table", table.name, chain.link)))
}
