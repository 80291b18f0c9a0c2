//! Where each record starts, and quotes that are never closed: found while the bytes stream by.
//!
//! The CSV reader is lenient: an open quote swallows the rest of the file into one field, and its rows would be neither
//! replayed nor reported. Its own line numbers are those before the blank lines and `\r\n` that it skips.

use crate::HistoryError;
use std::collections::VecDeque;
use std::io::Read;

/// A reader that watches what it reads.
pub(crate) struct Quotes<R> {
    inner: R,
    at: At,
    line: u64,
    /// The lines of the records that were read and not yet asked for.
    starts: VecDeque<u64>,
    /// How much of a byte order mark was read.
    mark: usize,
    /// Where the open quote stands.
    opened: u64,
    /// Where text follows a closed quote.
    stray: Option<u64>,
    /// Whether all was read: before that an open quote may yet be closed.
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    RecordStart,
    FieldStart,
    Bare,
    Quoted,
    /// After a quote within a quoted field: its end, or the first half of an escaped one.
    QuoteInQuoted,
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl<R> Quotes<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            at: At::RecordStart,
            line: 1,
            starts: VecDeque::new(),
            mark: 0,
            opened: 1,
            stray: None,
            ended: false,
        }
    }

    /// The line of the next record, to be asked for once per record.
    pub(crate) fn next_line(&mut self) -> u64 {
        self.starts.pop_front().unwrap_or(self.line)
    }

    /// The quote that is still open at the end of the file.
    pub(crate) fn unclosed(&self) -> Option<HistoryError> {
        let is_open = self.ended && self.at == At::Quoted;
        is_open.then(|| fault(self.opened, "a quote is never closed"))
    }

    /// Anything wrong with the quotes.
    pub(crate) fn fault(&self) -> Option<HistoryError> {
        let stray = self.stray.map(|line| fault(line, "text follows a closed quote"));
        stray.or_else(|| self.unclosed())
    }

    fn watch(&mut self, byte: u8) {
        if BYTE_ORDER_MARK.get(self.mark) == Some(&byte) && self.at == At::RecordStart {
            self.mark += 1;
            return;
        }
        if self.at == At::RecordStart && !matches!(byte, b'\n' | b'\r') {
            self.starts.push_back(self.line);
        }
        self.at = match (self.at, byte) {
            (At::RecordStart | At::FieldStart, b'"') => {
                self.opened = self.line;
                At::Quoted
            }
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (At::Quoted, _) | (At::QuoteInQuoted, b'"') => At::Quoted,
            (At::RecordStart | At::FieldStart | At::Bare | At::QuoteInQuoted, b',') => At::FieldStart,
            (At::RecordStart | At::FieldStart | At::Bare | At::QuoteInQuoted, b'\n' | b'\r') => {
                At::RecordStart
            }
            (At::RecordStart | At::FieldStart | At::Bare, _) => At::Bare,
            (At::QuoteInQuoted, _) => {
                self.stray.get_or_insert(self.line);
                At::Bare
            }
        };
        if byte == b'\n' {
            self.line += 1;
        }
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.ended = count == 0 && !buffer.is_empty();
        for byte in buffer.iter().take(count) {
            self.watch(*byte);
        }
        Ok(count)
    }
}

fn fault(line: u64, detail: &str) -> HistoryError {
    HistoryError::Syntax { line, detail: detail.to_owned() }
}
