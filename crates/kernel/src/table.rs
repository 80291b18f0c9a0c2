//! Tables as data, and rows as values: what a domain keeps, said once, for every store.
//!
//! A store needs to know nothing but a [`Table`]; a decider sees typed records. [`record!`](crate::record) ties the two.

use serde::{Serialize, de::DeserializeOwned};
use smallvec::SmallVec;
use smol_str::SmolStr;
use std::sync::Arc;
use uuid::Uuid;

/// One column's value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// 64-bit integer: counts, money in minor units, milliseconds.
    Int(i64),
    /// A UUID, stored as 16 bytes.
    Id(Uuid),
    /// Text; JSON documents too.
    Text(SmolStr),
    /// Raw bytes.
    Bytes(Arc<[u8]>),
}

/// A row: its values in the order of [`Table::columns`].
pub type Row = Box<[Value]>;

/// The values of a row's key columns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub SmallVec<[Value; 2]>);

impl Key {
    /// The key of `row`: its first `table.key` values.
    #[must_use]
    pub fn of_row(table: &Table, row: &Row) -> Self {
        Self(row.iter().take(table.key).cloned().collect())
    }
}

impl<A: Field> From<(A,)> for Key {
    fn from((a,): (A,)) -> Self {
        Self(smallvec::smallvec![a.to_value()])
    }
}

impl<A: Field, B: Field> From<(A, B)> for Key {
    fn from((a, b): (A, B)) -> Self {
        Self(smallvec::smallvec![a.to_value(), b.to_value()])
    }
}

impl<A: Field, B: Field, C: Field> From<(A, B, C)> for Key {
    fn from((a, b, c): (A, B, C)) -> Self {
        Self(smallvec::smallvec![a.to_value(), b.to_value(), c.to_value()])
    }
}

/// How a column is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// 64-bit integer.
    Int,
    /// UUID (16 bytes).
    Id,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// How it is stored.
    pub ty: ColumnType,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// A secondary index. One on a nullable first column leaves its NULLs out, so that settled rows cost nothing. Keys and what is
/// indexed are short: an engine may refuse more than 2,000 bytes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name, unique in the database.
    pub name: &'static str,
    /// The columns, in order.
    pub columns: &'static [&'static str],
}

/// A table as data. The first `key` columns are the primary key.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, unique among all domains (domains may share a database).
    pub name: &'static str,
    /// How many leading columns form the primary key.
    pub key: usize,
    /// All columns, in order.
    pub columns: &'static [Column],
    /// Secondary indexes.
    pub indexes: &'static [Index],
    /// Keys come in no order, as hashes do: a row stands anywhere among older ones. Says nothing about what is stored, only how a
    /// store may do it cheaply.
    pub scattered: bool,
}

impl Table {
    /// Where a column stands.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// A stored value is not what its column says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct Corrupt {
    expected: &'static str,
    found: String,
}

impl Corrupt {
    /// `found` is not the `expected` thing. The value itself is shown only by its kind: it may be private.
    #[must_use]
    pub fn new(expected: &'static str, found: &Value) -> Self {
        let found = match found {
            Value::Null => "NULL".to_owned(),
            Value::Int(n) => format!("integer {n}"),
            Value::Id(id) => format!("id {id}"),
            Value::Text(text) => format!("a text of {} bytes", text.len()),
            Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        };
        Self { expected, found }
    }
}

/// A type that a column can hold.
pub trait Field: Sized {
    /// How it is stored.
    const TYPE: ColumnType;
    /// Whether NULL is one of its values.
    const NULLABLE: bool = false;
    /// To a column's value.
    fn to_value(&self) -> Value;
    /// From a column's value.
    ///
    /// # Errors
    /// [`Corrupt`] if the value is not one of this type's.
    fn from_value(value: &Value) -> Result<Self, Corrupt>;
}

impl<T: Field> Field for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        if *value == Value::Null { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

impl Field for i64 {
    const TYPE: ColumnType = ColumnType::Int;
    fn to_value(&self) -> Value {
        Value::Int(*self)
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Int(n) => Ok(*n),
            other => Err(Corrupt::new("an integer", other)),
        }
    }
}

impl Field for u32 {
    const TYPE: ColumnType = ColumnType::Int;
    fn to_value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        i64::from_value(value)?.try_into().map_err(|_| Corrupt::new("a count", value))
    }
}

impl Field for bool {
    const TYPE: ColumnType = ColumnType::Int;
    fn to_value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Int(0) => Ok(false),
            Value::Int(1) => Ok(true),
            other => Err(Corrupt::new("0 or 1", other)),
        }
    }
}

impl Field for SmolStr {
    const TYPE: ColumnType = ColumnType::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            other => Err(Corrupt::new("text", other)),
        }
    }
}

impl Field for String {
    const TYPE: ColumnType = ColumnType::Text;
    fn to_value(&self) -> Value {
        Value::Text(SmolStr::new(self))
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        SmolStr::from_value(value).map(String::from)
    }
}

impl Field for Uuid {
    const TYPE: ColumnType = ColumnType::Id;
    fn to_value(&self) -> Value {
        Value::Id(*self)
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Id(id) => Ok(*id),
            other => Err(Corrupt::new("an id", other)),
        }
    }
}

impl Field for Arc<[u8]> {
    const TYPE: ColumnType = ColumnType::Bytes;
    fn to_value(&self) -> Value {
        Value::Bytes(Self::clone(self))
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Bytes(bytes) => Ok(Self::clone(bytes)),
            other => Err(Corrupt::new("bytes", other)),
        }
    }
}

/// A document kept in one column as JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Serialize + DeserializeOwned> Field for Json<T> {
    const TYPE: ColumnType = ColumnType::Text;
    fn to_value(&self) -> Value {
        // Our documents are plain structs and maps with text keys: writing them cannot fail. Should it, reading says so.
        Value::Text(serde_json::to_string(&self.0).map(SmolStr::from).unwrap_or_default())
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Text(text) => serde_json::from_str(text)
                .map(Self)
                .map_err(|_| Corrupt::new("a readable JSON document", value)),
            other => Err(Corrupt::new("a JSON document", other)),
        }
    }
}

/// A document kept in one column as JSON text, written once and read only when somebody looks: rows that carry a plan
/// through many changes pay for it once.
#[derive(Clone)]
pub struct Doc<T> {
    text: SmolStr,
    value: Option<Arc<T>>,
}

impl<T: Serialize + DeserializeOwned> Doc<T> {
    /// The document of `value`.
    pub fn new(value: Arc<T>) -> Self {
        // As for `Json`: our documents cannot fail to be written.
        Self {
            text: serde_json::to_string(value.as_ref()).map(SmolStr::from).unwrap_or_default(),
            value: Some(value),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// [`Corrupt`] if the stored text is not such a document.
    pub fn get(&self) -> Result<Arc<T>, Corrupt> {
        match &self.value {
            Some(value) => Ok(Arc::clone(value)),
            None => serde_json::from_str(&self.text)
                .map(Arc::new)
                .map_err(|_| Corrupt::new("a readable JSON document", &Value::Text(self.text.clone()))),
        }
    }
}

impl<T> PartialEq for Doc<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> Eq for Doc<T> {}

impl<T> std::fmt::Debug for Doc<T> {
    /// Only its size: a document may hold what must not be logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Doc({} bytes)", self.text.len())
    }
}

impl<T: Serialize + DeserializeOwned> Field for Doc<T> {
    const TYPE: ColumnType = ColumnType::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.text.clone())
    }
    fn from_value(value: &Value) -> Result<Self, Corrupt> {
        match value {
            Value::Text(text) => Ok(Self { text: text.clone(), value: None }),
            other => Err(Corrupt::new("a JSON document", other)),
        }
    }
}

/// A typed row.
pub trait Record: Sized {
    /// The table it lives in.
    const TABLE: &'static Table;
    /// From a row's values.
    ///
    /// # Errors
    /// [`Corrupt`] if a column holds what it cannot.
    fn from_row(row: &Row) -> Result<Self, Corrupt>;
    /// To a row's values.
    fn to_row(&self) -> Row;
}

/// Declares a record and its table at once: fields are columns, the first `key N` of them the primary key.
///
/// ```
/// jumun_kernel::record! {
///     /// A thing on a shelf.
///     pub struct Thing in "things" key 1 {
///         /// Which.
///         pub id: jumun_kernel::ids::ProductId,
///         /// How many.
///         pub count: i64,
///     }
///     index "things_by_count" (count);
/// }
/// ```
///
/// `key N scattered` says that keys come in no order ([`Table::scattered`]).
#[macro_export]
macro_rules! record {
    (
        $(#[$doc:meta])*
        pub struct $name:ident in $table:literal key $key:literal scattered $columns:tt
        $($indexes:tt)*
    ) => {
        $crate::record!(@table $(#[$doc])* $name $table $key true $columns $($indexes)*);
    };
    (
        $(#[$doc:meta])*
        pub struct $name:ident in $table:literal key $key:literal $columns:tt
        $($indexes:tt)*
    ) => {
        $crate::record!(@table $(#[$doc])* $name $table $key false $columns $($indexes)*);
    };
    (
        @table $(#[$doc:meta])* $name:ident $table:literal $key:literal $scattered:literal {
            $($(#[$fdoc:meta])* pub $field:ident : $ty:ty),* $(,)?
        }
        $(index $index:literal ($($column:ident),+);)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $ty),*
        }

        impl $crate::table::Record for $name {
            const TABLE: &'static $crate::table::Table = &$crate::table::Table {
                name: $table,
                key: $key,
                columns: &[$($crate::table::Column {
                    name: stringify!($field),
                    ty: <$ty as $crate::table::Field>::TYPE,
                    nullable: <$ty as $crate::table::Field>::NULLABLE,
                }),*],
                indexes: &[$($crate::table::Index {
                    name: $index,
                    columns: &[$(stringify!($column)),+],
                }),*],
                scattered: $scattered,
            };

            fn from_row(row: &$crate::table::Row) -> Result<Self, $crate::table::Corrupt> {
                let mut values = row.iter();
                Ok(Self {
                    $($field: <$ty as $crate::table::Field>::from_value(
                        values.next().unwrap_or(&$crate::table::Value::Null),
                    )?),*
                })
            }

            fn to_row(&self) -> $crate::table::Row {
                Box::new([$($crate::table::Field::to_value(&self.$field)),*])
            }
        }
    };
}

/// Declares an enum stored and shown as a word: `text_enum! { /// … pub enum Status { Active = "ACTIVE" } }`.
#[macro_export]
macro_rules! text_enum {
    (
        $(#[$doc:meta])*
        pub enum $name:ident {
            $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),*
        }

        impl $name {
            /// The word it is stored and shown as.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }

            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("`{text}` is none of {}", [$($word),*].join(", "))),
                }
            }
        }

        impl $crate::table::Field for $name {
            const TYPE: $crate::table::ColumnType = $crate::table::ColumnType::Text;
            fn to_value(&self) -> $crate::table::Value {
                $crate::table::Value::Text($crate::table::static_text(self.word()))
            }
            fn from_value(value: &$crate::table::Value) -> Result<Self, $crate::table::Corrupt> {
                match value {
                    $crate::table::Value::Text(text) => {
                        text.parse().map_err(|_| $crate::table::Corrupt::new(concat!("a ", stringify!($name)), value))
                    }
                    other => Err($crate::table::Corrupt::new(concat!("a ", stringify!($name)), other)),
                }
            }
        }
    };
}

/// A text value that costs no allocation.
#[must_use]
pub const fn static_text(text: &'static str) -> SmolStr {
    SmolStr::new_static(text)
}
