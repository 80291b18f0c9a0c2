//! What travels: one record a log row, or a mark that a lane stands somewhere. `docs/messages.md` is the same in words; golden files
//! hold the bytes.

use kernel::Trace;
use kernel::said::Entry;
use runtime::ports::store::{Epoch, Position, StoredLogRow};
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

/// The format written today, and the only one that is read.
pub const VERSION: u8 = 1;

/// The format's version.
pub const HEADER_VERSION: &str = "jumun-version";
/// The epoch of the log.
pub const HEADER_EPOCH: &str = "jumun-epoch";
/// Where the row stands in its log; of a mark, up to where there is nothing more in this lane.
pub const HEADER_POSITION: &str = "jumun-position";
/// Up to where everything in this lane came before this record.
pub const HEADER_PREVIOUS: &str = "jumun-previous";
/// The trace that caused it (W3C).
pub const HEADER_TRACE: &str = "traceparent";

/// Where a record stands in its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which life of the log.
    pub epoch: Epoch,
    /// Where it stands.
    pub position: Position,
    /// Everything in this lane up to here came before it.
    pub previous: Position,
}

/// A record, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed<'r> {
    /// The order's id, or that of the thing it is about; none on a mark.
    pub key: Option<String>,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The row's body exactly as it is stored; none on a mark.
    pub value: Option<&'r [u8]>,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub place: Place,
    /// What was said; none on a mark.
    pub entry: Option<Arc<Entry>>,
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unreadable {
    /// What is wrong with it.
    pub why: String,
    /// Where it stands, if that much could be read: what it should have held is in the log.
    pub place: Option<Place>,
}

/// The record of a row.
#[must_use]
pub fn of_row(place: Place, stored: &StoredLogRow) -> Framed<'_> {
    let mut headers = headers(place);
    if let Some(trace) = trace_of(&stored.row.body) {
        headers.push((HEADER_TRACE, trace.to_string()));
    }
    let value = Some(stored.row.body.as_bytes());
    Framed { key: Some(stored.row.key.to_string()), headers, value }
}

/// A mark: in this lane there is nothing more up to the place's position.
#[must_use]
pub fn mark(place: Place) -> Framed<'static> {
    Framed { key: None, headers: headers(place), value: None }
}

fn headers(place: Place) -> Vec<(&'static str, String)> {
    vec![
        (HEADER_VERSION, VERSION.to_string()),
        (HEADER_EPOCH, place.epoch.0.to_string()),
        (HEADER_POSITION, place.position.0.to_string()),
        (HEADER_PREVIOUS, place.previous.0.to_string()),
    ]
}

/// The trace of a stored row, if there is one: nothing else of it is looked at.
fn trace_of(body: &str) -> Option<Trace> {
    #[derive(Deserialize)]
    struct Traced {
        trace: Trace,
    }
    let traced: Traced = serde_json::from_str(body).ok()?;
    (traced.trace != Trace::default()).then_some(traced.trace)
}

/// Reads a record.
///
/// # Errors
/// If it is of another version, or not one of ours.
pub fn read(
    key: Option<&[u8]>,
    headers: &[(&str, &[u8])],
    value: Option<&[u8]>,
) -> Result<Record, Unreadable> {
    let place = place_of(headers).map_err(|why| Unreadable { why, place: None })?;
    let unreadable = |why: String| Unreadable { why, place: Some(place) };
    let Some(value) = value else { return Ok(Record { place, entry: None }) };
    let entry: Entry = serde_json::from_slice(value)
        .map_err(|error| unreadable(format!("its value does not read: {error}")))?;
    let key = key.and_then(|key| std::str::from_utf8(key).ok()).and_then(|key| Uuid::try_parse(key).ok());
    if key != Some(entry.key) {
        return Err(unreadable("its key is not the id that its value is about".to_owned()));
    }
    Ok(Record { place, entry: Some(Arc::new(entry)) })
}

fn place_of(headers: &[(&str, &[u8])]) -> Result<Place, String> {
    let text = |name: &str| {
        let found = headers.iter().find(|(header, _)| *header == name);
        let (_, value) = found.ok_or_else(|| format!("it has no header {name}"))?;
        std::str::from_utf8(value).map_err(|_| format!("its header {name} is no text"))
    };
    let version = text(HEADER_VERSION)?;
    if version != VERSION.to_string() {
        return Err(format!("it is of version {version}, and this program reads version {VERSION}"));
    }
    let number = |name: &str| {
        let value = text(name)?;
        value.parse().map(Position).map_err(|_| format!("its header {name} is no position: {value:?}"))
    };
    let epoch = Uuid::try_parse(text(HEADER_EPOCH)?).map_err(|error| format!("its epoch: {error}"))?;
    let (position, previous) = (number(HEADER_POSITION)?, number(HEADER_PREVIOUS)?);
    if previous >= position {
        return Err(format!("it says that {} came before {}", previous.0, position.0));
    }
    Ok(Place { epoch: Epoch(epoch), position, previous })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Timestamp;
    use runtime::ports::store::LogRow;

    const KEY: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0007);
    const PLACE: Place =
        Place { epoch: Epoch(Uuid::from_u128(5)), position: Position(41), previous: Position(33) };

    fn row() -> StoredLogRow {
        let trace = Trace { id: 0xabc, span: 0xde, flags: 1 };
        let body = format!(
            r#"{{"v":1,"key":"{KEY}","at":"2023-11-14T22:13:20.000Z","trace":"{trace}","events":[{{"by":"stock","said":"done","step":"stock"}}]}}"#
        );
        let row = LogRow { key: KEY, at: Timestamp(1_700_000_000_000), body: body.into() };
        StoredLogRow { position: Position(41), row }
    }

    fn shown(framed: &Framed<'_>) -> String {
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        let headers: String =
            framed.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!(
            "key: {}\n{headers}\n{}\n",
            framed.key.as_deref().unwrap_or("none"),
            framed.value.map_or("no value".to_owned(), text)
        )
    }

    fn reread(framed: &Framed<'_>) -> Result<Record, Unreadable> {
        let headers: Vec<_> = framed.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        read(framed.key.as_deref().map(str::as_bytes), &headers, framed.value)
    }

    #[test]
    fn a_row_travels_as_it_is_stored() {
        let row = row();
        let framed = of_row(PLACE, &row);
        assert_eq!(shown(&framed), include_str!("../golden/row.txt"));
        let record = reread(&framed).unwrap();
        assert_eq!(record.place, PLACE);
        assert_eq!(record.entry.unwrap().key, KEY);
    }

    #[test]
    fn a_mark_has_neither_key_nor_value() {
        assert_eq!(shown(&mark(PLACE)), include_str!("../golden/mark.txt"));
        assert_eq!(reread(&mark(PLACE)).unwrap(), Record { place: PLACE, entry: None });
    }

    #[test]
    fn another_version_is_refused_and_not_guessed_at() {
        let row = row();
        let mut framed = of_row(PLACE, &row);
        framed.headers[0].1 = "2".to_owned();
        let refused = reread(&framed).unwrap_err();
        assert_eq!(refused.why, "it is of version 2, and this program reads version 1");
        assert_eq!(refused.place, None, "what its other headers mean is not known");
    }

    #[test]
    fn what_is_broken_says_how_and_where_it_stands_if_that_can_be_read() {
        let row = row();
        let whole = of_row(PLACE, &row);
        let check = |change: &dyn Fn(&mut Framed<'_>), why: &str, place: Option<Place>| {
            let mut framed = whole.clone();
            change(&mut framed);
            let refused = reread(&framed).unwrap_err();
            assert!(refused.why.contains(why), "{}", refused.why);
            assert_eq!(refused.place, place, "{why}");
        };
        check(&|framed| framed.value = Some(b"{"), "does not read", Some(PLACE));
        check(&|framed| framed.key = None, "its key", Some(PLACE));
        check(&|framed| framed.headers.clear(), "no header jumun-version", None);
        check(&|framed| framed.headers[2].1 = "x".to_owned(), "no position", None);
        check(&|framed| framed.headers[3].1 = "41".to_owned(), "came before", None);
    }
}
