//! What units say to each other, as JSON. Tables and columns go by name, and are looked up in what the receiver knows: a question about
//! anything else is turned away.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kernel::{Key, Row, Table, Timestamp, Value};
use runtime::ports::store::{
    Chain, Compare, Epoch, Filter, LogRow, LogState, Position, Query, StoreError, StoredLogRow, Top,
};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The most rows of one answer.
pub const MOST_ROWS: u32 = 100_000;
/// The most keys of one question.
pub const MOST_KEYS: usize = 50_000;

/// One value: null, a number or a text are themselves; ids and bytes say what they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A text.
    Text(SmolStr),
    /// An id.
    Id {
        /// As a UUID.
        id: Uuid,
    },
    /// Bytes.
    Bytes {
        /// In base 64.
        bytes: String,
    },
}

impl From<&Value> for Cell {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(number) => Self::Int(*number),
            Value::Id(id) => Self::Id { id: *id },
            Value::Text(text) => Self::Text(text.clone()),
            Value::Bytes(bytes) => Self::Bytes { bytes: BASE64_STANDARD.encode(bytes) },
        }
    }
}

impl Cell {
    fn value(self) -> Result<Value, Fault> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(number),
            Self::Id { id } => Value::Id(id),
            Self::Text(text) => Value::Text(text),
            Self::Bytes { bytes } => {
                let bytes =
                    BASE64_STANDARD.decode(bytes).map_err(|_| Fault::rejected("bytes that do not decode"))?;
                Value::Bytes(bytes.into())
            }
        })
    }
}

/// Values as cells.
pub fn cells<'v>(values: impl IntoIterator<Item = &'v Value>) -> Vec<Cell> {
    values.into_iter().map(Cell::from).collect()
}

/// Cells as a row.
///
/// # Errors
/// If bytes do not decode.
pub fn row(cells: Vec<Cell>) -> Result<Row, Fault> {
    cells.into_iter().map(Cell::value).collect()
}

fn key(cells: Vec<Cell>) -> Result<Key, Fault> {
    Ok(Key(cells.into_iter().map(Cell::value).collect::<Result<_, _>>()?))
}

/// A question about rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Read {
    /// Rows by their keys.
    Load {
        /// Of which table.
        table: String,
        /// Whole keys.
        keys: Vec<Vec<Cell>>,
    },
    /// Rows by conditions.
    Query {
        /// Of which table.
        table: String,
        /// All of which hold.
        filters: Vec<Condition>,
        /// Only rows behind this key.
        after: Option<Vec<Cell>>,
        /// Columns, and whether descending.
        order: Vec<(String, bool)>,
        /// At most so many.
        limit: u32,
    },
    /// The largest sums.
    Top {
        /// Of which table.
        table: String,
        /// The columns that make a group.
        group: Vec<String>,
        /// The column that is summed.
        sum: String,
        /// All of which hold.
        filters: Vec<Condition>,
        /// At most so many.
        limit: u32,
    },
    /// Rows that name each other.
    Follow {
        /// Of which table.
        table: String,
        /// The first one's key.
        from: Vec<Cell>,
        /// The column that names the next.
        link: String,
        /// At most so many.
        limit: u32,
    },
}

/// A column compared with a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    column: String,
    compare: Compare,
    value: Cell,
}

fn conditions(filters: &[Filter]) -> Vec<Condition> {
    let condition = |filter: &Filter| Condition {
        column: filter.column.to_owned(),
        compare: filter.compare,
        value: Cell::from(&filter.value),
    };
    filters.iter().map(condition).collect()
}

impl Read {
    /// Rows by their keys.
    #[must_use]
    pub fn load(table: &Table, keys: &[Key]) -> Self {
        Self::Load { table: table.name.to_owned(), keys: keys.iter().map(|key| cells(&key.0)).collect() }
    }

    /// Rows by conditions.
    #[must_use]
    pub fn query(query: &Query) -> Self {
        Self::Query {
            table: query.table.name.to_owned(),
            filters: conditions(&query.filters),
            after: query.after.as_ref().map(|key| cells(&key.0)),
            order: query
                .order
                .iter()
                .map(|(column, descending)| ((*column).to_owned(), *descending))
                .collect(),
            limit: query.limit,
        }
    }

    /// The largest sums.
    #[must_use]
    pub fn top(top: &Top) -> Self {
        Self::Top {
            table: top.table.name.to_owned(),
            group: top.group.iter().map(|column| (*column).to_owned()).collect(),
            sum: top.sum.to_owned(),
            filters: conditions(&top.filters),
            limit: top.limit,
        }
    }

    /// Rows that name each other.
    #[must_use]
    pub fn follow(chain: &Chain) -> Self {
        Self::Follow {
            table: chain.table.name.to_owned(),
            from: cells(&chain.from.0),
            link: chain.link.to_owned(),
            limit: chain.limit,
        }
    }
}

/// The tables of one database, by name.
#[derive(Clone, Debug, Default)]
pub struct Tables(BTreeMap<&'static str, &'static Table>);

impl Tables {
    /// These tables.
    #[must_use]
    pub fn new(tables: Vec<&'static Table>) -> Self {
        Self(tables.into_iter().map(|table| (table.name, table)).collect())
    }

    fn table(&self, name: &str) -> Result<&'static Table, Fault> {
        self.0.get(name).copied().ok_or_else(|| Fault::rejected("no such table here"))
    }
}

fn column(table: &'static Table, name: &str) -> Result<&'static str, Fault> {
    let column = table.columns.iter().find(|column| column.name == name);
    column.map(|column| column.name).ok_or_else(|| Fault::rejected("no such column"))
}

fn filters(table: &'static Table, conditions: Vec<Condition>) -> Result<Vec<Filter>, Fault> {
    let filter = |Condition { column: name, compare, value }: Condition| {
        Ok(Filter { column: column(table, &name)?, compare, value: value.value()? })
    };
    conditions.into_iter().map(filter).collect()
}

/// A question that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Understood {
    /// Rows by their keys.
    Load(&'static Table, Vec<Key>),
    /// Rows by conditions.
    Query(Query),
    /// The largest sums.
    Top(Top),
    /// Rows that name each other.
    Follow(Chain),
}

impl Read {
    /// The question as the store is asked.
    ///
    /// # Errors
    /// If it names what is not there, or asks for too much.
    pub fn understood(self, tables: &Tables) -> Result<Understood, Fault> {
        Ok(match self {
            Self::Load { table, keys } => {
                if keys.len() > MOST_KEYS {
                    return Err(Fault::rejected("too many keys"));
                }
                let table = tables.table(&table)?;
                let keys = keys.into_iter().map(|cells| whole(table, key(cells)?));
                Understood::Load(table, keys.collect::<Result<_, _>>()?)
            }
            Self::Query { table, filters: conditions, after, order, limit } => {
                let table = tables.table(&table)?;
                let order =
                    order.into_iter().map(|(name, descending)| Ok((column(table, &name)?, descending)));
                Understood::Query(Query {
                    table,
                    filters: filters(table, conditions)?,
                    after: after.map(|cells| whole(table, key(cells)?)).transpose()?,
                    order: order.collect::<Result<_, Fault>>()?,
                    limit: bounded(limit)?,
                })
            }
            Self::Top { table, group, sum, filters: conditions, limit } => {
                let table = tables.table(&table)?;
                let group = group.iter().map(|name| column(table, name)).collect::<Result<_, _>>()?;
                let (sum, filters) = (column(table, &sum)?, filters(table, conditions)?);
                Understood::Top(Top { table, group, sum, filters, limit: bounded(limit)? })
            }
            Self::Follow { table, from, link, limit } => {
                let table = tables.table(&table)?;
                let (from, link) = (whole(table, key(from)?)?, column(table, &link)?);
                Understood::Follow(Chain { table, from, link, limit: bounded(limit)? })
            }
        })
    }
}

/// A key has as many values as its table says.
fn whole(table: &Table, key: Key) -> Result<Key, Fault> {
    if key.0.len() == table.key { Ok(key) } else { Err(Fault::rejected("a key of another length")) }
}

fn bounded(limit: u32) -> Result<u32, Fault> {
    if limit <= MOST_ROWS { Ok(limit) } else { Err(Fault::rejected("too many rows")) }
}

/// Rows, as they are answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Each as its values.
    pub rows: Vec<Vec<Cell>>,
}

/// A question about a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum AskLog {
    /// Rows after a position.
    After {
        /// The position.
        after: u64,
        /// At most so many rows.
        limit: u32,
        /// If there are none: how long to wait for one, in milliseconds.
        wait_ms: u64,
    },
    /// Rows about one thing.
    Of {
        /// Which.
        key: Uuid,
    },
}

/// Log rows, and where the log stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The database's epoch.
    pub epoch: Uuid,
    /// The last position given out.
    pub head: u64,
    /// The first position still kept.
    pub first: u64,
    /// In order.
    pub rows: Vec<LogLine>,
}

/// One log row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    position: u64,
    key: Uuid,
    at: i64,
    body: String,
}

impl From<StoredLogRow> for LogLine {
    fn from(StoredLogRow { position, row }: StoredLogRow) -> Self {
        Self { position: position.0, key: row.key, at: row.at.0, body: row.body.as_ref().to_owned() }
    }
}

impl From<LogLine> for StoredLogRow {
    fn from(line: LogLine) -> Self {
        let row = LogRow { key: line.key, at: Timestamp(line.at), body: line.body.into() };
        Self { position: Position(line.position), row }
    }
}

impl Log {
    /// These rows of a log that stands so.
    #[must_use]
    pub fn new(state: LogState, rows: Vec<StoredLogRow>) -> Self {
        let LogState { epoch, head, first } = state;
        let rows = rows.into_iter().map(LogLine::from).collect();
        Self { epoch: epoch.0, head: head.0, first: first.0, rows }
    }

    /// Where the log stands.
    #[must_use]
    pub fn state(&self) -> LogState {
        LogState { epoch: Epoch(self.epoch), head: Position(self.head), first: Position(self.first) }
    }
}

/// A dead letter to be handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandleLetter {
    /// Which.
    pub id: Uuid,
    /// The operator.
    pub by: Uuid,
    /// The note that ends it; without one it is tried again.
    pub note: Option<SmolStr>,
}

/// Why a question was not answered, or a letter not handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What kind of fault.
    pub kind: FaultKind,
    /// One sentence, without values.
    pub detail: String,
}

/// What kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It may work later.
    Retry,
    /// The disk is full.
    Full,
    /// The question itself is at fault.
    Rejected,
    /// The database is not what it should be.
    Unusable,
    /// The caller is not believed.
    Unauthorized,
}

impl Fault {
    /// The question is at fault.
    #[must_use]
    pub fn rejected(detail: &str) -> Self {
        Self { kind: FaultKind::Rejected, detail: detail.to_owned() }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let (kind, detail) = match error {
            StoreError::Retry(detail) => (FaultKind::Retry, detail),
            StoreError::Full(detail) => (FaultKind::Full, detail),
            StoreError::Rejected(detail) => (FaultKind::Rejected, detail),
            StoreError::Unusable(detail) => (FaultKind::Unusable, detail),
        };
        Self { kind, detail }
    }
}

impl From<Fault> for StoreError {
    fn from(Fault { kind, detail }: Fault) -> Self {
        match kind {
            // Who is not believed may be after its key is mended, and nothing is wrong with the database.
            FaultKind::Retry | FaultKind::Unauthorized => Self::Retry(detail),
            FaultKind::Full => Self::Full(detail),
            FaultKind::Rejected => Self::Rejected(detail),
            FaultKind::Unusable => Self::Unusable(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Record;
    use runtime::ports::store::{Cursor, Meta};

    fn tables() -> Tables {
        Tables::new(vec![Cursor::TABLE, Meta::TABLE])
    }

    fn through_json(read: &Read) -> Result<Understood, Fault> {
        let text = serde_json::to_string(read).unwrap();
        serde_json::from_str::<Read>(&text).unwrap().understood(&tables())
    }

    #[test]
    fn every_kind_of_value_comes_back_as_it_was() {
        let values = [
            Value::Null,
            Value::Int(i64::MIN),
            Value::Id(Uuid::from_u128(7)),
            Value::Text("{\"id\": \"no id\"}".into()),
            Value::Text("".into()),
            Value::Bytes([0, 255, 10].as_slice().into()),
        ];
        let text = serde_json::to_string(&cells(&values)).unwrap();
        assert_eq!(row(serde_json::from_str(&text).unwrap()).unwrap().as_ref(), values);
    }

    #[test]
    fn a_question_is_understood_as_it_was_asked() {
        let key = Key::from((SmolStr::new("order"),));
        let load = Read::load(Cursor::TABLE, std::slice::from_ref(&key));
        assert_eq!(through_json(&load), Ok(Understood::Load(Cursor::TABLE, vec![key.clone()])));
        let query = Query::of(Cursor::TABLE, 9)
            .filter("position", Compare::AtLeast, Value::Int(3))
            .after(key.clone())
            .sort("epoch", true);
        assert_eq!(through_json(&Read::query(&query)), Ok(Understood::Query(query)));
        let top = Top {
            table: Cursor::TABLE,
            group: vec!["source"],
            sum: "position",
            filters: Vec::new(),
            limit: 2,
        };
        assert_eq!(through_json(&Read::top(&top)), Ok(Understood::Top(top)));
        let chain = Chain { table: Meta::TABLE, from: key, link: "value", limit: 5 };
        assert_eq!(through_json(&Read::follow(&chain)), Ok(Understood::Follow(chain)));
    }

    #[test]
    fn a_question_about_something_else_is_turned_away() {
        let load = |table: &str, keys| Read::Load { table: table.to_owned(), keys };
        let query = |limit, column: &str| Read::Query {
            table: "meta".to_owned(),
            filters: Vec::new(),
            after: None,
            order: vec![(column.to_owned(), false)],
            limit,
        };
        for (read, why) in [
            (load("users", Vec::new()), "no such table here"),
            (load("meta", vec![vec![Cell::Null, Cell::Null]]), "a key of another length"),
            (load("meta", vec![vec![]; MOST_KEYS + 1]), "too many keys"),
            (query(1, "name; DROP TABLE meta"), "no such column"),
            (query(MOST_ROWS + 1, "name"), "too many rows"),
        ] {
            assert_eq!(through_json(&read), Err(Fault::rejected(why)));
        }
    }
}
