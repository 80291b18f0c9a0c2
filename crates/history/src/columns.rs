//! Which column is which: header names in any order, as the two editions of the data set spell them.

use crate::HistoryError;
use csv::ByteRecord;
use std::borrow::Cow;

/// Where each needed column stands.
pub(crate) struct Columns {
    places: [usize; Field::ALL.len()],
}

/// A needed column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Invoice,
    Sku,
    Description,
    Quantity,
    Date,
    Price,
    Customer,
}

impl Field {
    const ALL: [Self; 7] = [
        Self::Invoice,
        Self::Sku,
        Self::Description,
        Self::Quantity,
        Self::Date,
        Self::Price,
        Self::Customer,
    ];

    /// The name that errors and reports use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invoice => "InvoiceNo",
            Self::Sku => "StockCode",
            Self::Description => "Description",
            Self::Quantity => "Quantity",
            Self::Date => "InvoiceDate",
            Self::Price => "UnitPrice",
            Self::Customer => "CustomerID",
        }
    }

    /// Its spellings, in small letters without blanks.
    fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::Invoice => &["invoiceno", "invoice"],
            Self::Sku => &["stockcode"],
            Self::Description => &["description"],
            Self::Quantity => &["quantity"],
            Self::Date => &["invoicedate"],
            Self::Price => &["unitprice", "price"],
            Self::Customer => &["customerid"],
        }
    }
}

impl Columns {
    pub(crate) fn of(header: &ByteRecord) -> Result<Self, HistoryError> {
        let names: Vec<String> = header
            .iter()
            .map(|name| {
                text(name).chars().filter(|c| !c.is_whitespace() && *c != '\u{feff}').collect::<String>()
            })
            .map(|name| name.to_lowercase())
            .collect();
        let mut places = [0; Field::ALL.len()];
        for (place, field) in places.iter_mut().zip(Field::ALL) {
            let mut found =
                names.iter().enumerate().filter(|(_, name)| field.spellings().contains(&name.as_str()));
            *place = found.next().ok_or(HistoryError::MissingColumn(field.name()))?.0;
            if found.next().is_some() {
                return Err(HistoryError::TwiceColumn(field.name()));
            }
        }
        Ok(Self { places })
    }

    pub(crate) fn fields<'r>(&self, record: &'r ByteRecord) -> Fields<'r> {
        Fields { values: self.places.map(|place| text(record.get(place).unwrap_or_default())) }
    }
}

/// One row's needed fields, without the blanks around them.
pub(crate) struct Fields<'r> {
    values: [Cow<'r, str>; Field::ALL.len()],
}

impl Fields<'_> {
    pub(crate) fn get(&self, field: Field) -> &str {
        self.values[field as usize].trim()
    }
}

/// The data set's first edition is Latin-1 (its pound signs are one byte): what is not UTF-8 is read as that.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}
