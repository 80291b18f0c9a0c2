//! What the system tells about this process: Linux's `/proc`; elsewhere nothing is known.

use crate::result::Machine;

/// Resident memory, in bytes.
#[must_use]
pub fn resident() -> Option<u64> {
    let kib = field(&std::fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")?;
    Some(kib * 1_024)
}

/// Bytes that this process has caused to be written to storage so far. What it writes to files in memory does not count.
#[must_use]
pub fn written() -> Option<u64> {
    field(&std::fs::read_to_string("/proc/self/io").ok()?, "write_bytes:")
}

/// The number after a field's name, on a line of its own.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Where this runs.
#[must_use]
pub fn machine() -> Machine {
    Machine {
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_the_first_number_after_its_whole_name() {
        let text = "VmPeak:\t  900 kB\nVmRSS:\t  123 kB\n";
        assert_eq!(field(text, "VmRSS:"), Some(123));
        assert_eq!(field(text, "VmSwap:"), None);
        let io = "wchar: 7\nwrite_bytes: 4096\ncancelled_write_bytes: 1\n";
        assert_eq!(field(io, "write_bytes:"), Some(4_096));
    }
}
