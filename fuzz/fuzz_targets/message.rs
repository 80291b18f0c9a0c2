//! Any bytes as a log row: refused, or read as one that is written and read the same again.
#![no_main]

use kernel::Entry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = serde_json::from_slice::<Entry>(bytes) {
        let written = serde_json::to_string(&entry).expect("what was read can be written");
        let read: Entry = serde_json::from_str(&written).expect("what was written can be read");
        assert_eq!(read, entry, "{written}");
    }
});
