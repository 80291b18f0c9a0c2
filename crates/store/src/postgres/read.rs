//! Reads as statements with parameters of their own, so that they can be handed to another thread.

use super::log;
use super::schema::Layout;
use super::session::{Parameter, Session};
use super::values::{self, Bound};
use crate::checks;
use crate::sql::{self, Prepared};
use kernel::table::{Column, ColumnType, Key, Row, Table, Value};
use runtime::ports::store::{Chain, Position, Query, StoreError, Top};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// A statement and what it is run with.
pub(super) struct Read {
    text: String,
    parameters: Vec<Box<dyn ToSql + Send + Sync>>,
}

impl Read {
    /// The rows of `table` under `keys`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn keys(layout: &Layout, table: &Table, keys: &[Key]) -> Result<Self, StoreError> {
        keys.iter().try_for_each(|key| checks::whole_key(table, key))?;
        keys.iter().try_for_each(|key| values::fit(table, &key.0))?;
        let array = |nth: usize| -> Box<dyn ToSql + Send + Sync> {
            Box::new(keys.iter().map(|key| Bound(key.0[nth].clone())).collect::<Vec<_>>())
        };
        Ok(Self { text: layout.get(table)?.read.clone(), parameters: (0..table.key).map(array).collect() })
    }

    /// What `query` asks for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn query(layout: &Layout, query: &Query) -> Result<Self, StoreError> {
        layout.get(query.table)?;
        Self::prepared(sql::query(query)?, query.limit)
    }

    /// The groups that `top` asks for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn top(layout: &Layout, top: &Top) -> Result<Self, StoreError> {
        layout.get(top.table)?;
        Self::prepared(sql::top(top)?, top.limit)
    }

    /// The rows of `chain`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn chain(layout: &Layout, chain: &Chain) -> Result<Self, StoreError> {
        layout.get(chain.table)?;
        Self::prepared(sql::chain(chain)?, chain.limit)
    }

    /// Log rows after a position.
    pub(super) fn log_after(after: Position, limit: u32) -> Self {
        let parameters: [Box<dyn ToSql + Send + Sync>; 2] =
            [Box::new(log::column(after)), Box::new(i64::from(limit))];
        Self { text: log::AFTER.to_owned(), parameters: parameters.into() }
    }

    /// The log rows of `key`.
    pub(super) fn log_of(key: Uuid) -> Self {
        Self { text: log::OF.to_owned(), parameters: vec![Box::new(key)] }
    }

    /// Where the log stands.
    pub(super) fn log_state() -> Self {
        Self { text: log::STATE.to_owned(), parameters: Vec::new() }
    }

    fn prepared(Prepared { text, values }: Prepared<'_>, limit: u32) -> Result<Self, StoreError> {
        let has_zero = |value: &&Value| matches!(value, Value::Text(text) if text.as_bytes().contains(&0));
        if values.iter().any(has_zero) {
            return Err(StoreError::Rejected("no text with U+0000 can be asked for".to_owned()));
        }
        let parameter = |value: &Value| -> Box<dyn ToSql + Send + Sync> { Box::new(Bound(value.clone())) };
        let mut parameters: Vec<_> = values.into_iter().map(parameter).collect();
        parameters.push(Box::new(i64::from(limit)));
        Ok(Self { text, parameters })
    }

    /// Runs it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn run(&self, session: &mut Session) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let parameters: Vec<Parameter<'_>> =
            self.parameters.iter().map(|parameter| parameter.as_ref() as Parameter<'_>).collect();
        session.query(&self.text, &parameters).await
    }
}

/// A group and its sum.
pub(super) fn group(top: &Top, found: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let sum = Column { name: top.sum, ty: ColumnType::Int, nullable: true };
    let groups =
        top.group.iter().filter_map(|name| top.table.columns.iter().find(|column| column.name == *name));
    let columns = groups.chain([&sum]).enumerate();
    columns.map(|(nth, column)| values::value(top.table, column, nth, found)).collect()
}

/// Keys as arrays, one a column.
pub(super) fn arrays_of<'k>(table: &Table, keys: &'k [Key]) -> Vec<Vec<Bound<&'k Value>>> {
    let keys: Vec<&[Value]> = keys.iter().map(|key| &key.0[..]).collect();
    values::arrays(&keys, table.key)
}
