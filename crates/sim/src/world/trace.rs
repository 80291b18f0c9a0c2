//! What happened in a run: a hash that is the same for the same seed, and, when asked for, the story.

use parking_lot::Mutex;
use scripted::clock::Time;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// One line of the story.
#[derive(Clone, Debug)]
pub struct Line {
    /// When, since the run began.
    pub at_ms: u64,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
    /// What it is about.
    pub about: About,
}

/// What a line is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// Everybody: something went wrong, or right again.
    Everybody,
    /// These orders, top-ups, products, people; perhaps none that anybody will ask for.
    Only(Vec<u128>),
}

/// Takes down what happens.
pub(crate) struct Trace {
    time: Arc<Time>,
    inner: Mutex<Inner>,
}

struct Inner {
    hash: Sha256,
    story: Option<Vec<Line>>,
}

impl Trace {
    /// A hash; with `tells`, the story too.
    #[must_use]
    pub(crate) fn new(time: &Arc<Time>, tells: bool) -> Self {
        let story = tells.then(Vec::new);
        Self { time: Arc::clone(time), inner: Mutex::new(Inner { hash: Sha256::new(), story }) }
    }

    /// `who` did something: `bytes` tell it apart from everything else, `what` says it to people.
    pub(crate) fn note(&self, who: &str, bytes: &[u8], about: About, what: impl FnOnce() -> String) {
        let at_ms = u64::try_from(self.time.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut inner = self.inner.lock();
        inner.hash.update(at_ms.to_be_bytes());
        inner.hash.update(who);
        inner.hash.update(bytes.len().to_be_bytes());
        inner.hash.update(bytes);
        if let Some(story) = &mut inner.story {
            story.push(Line { at_ms, who: who.to_owned(), what: what(), about });
        }
    }

    /// Something went wrong, or right again: it concerns everybody.
    pub(crate) fn fault(&self, who: &str, what: &str) {
        self.note(who, what.as_bytes(), About::Everybody, || what.to_owned());
    }

    /// The hash of all that happened so far, in hexadecimal.
    #[must_use]
    pub(crate) fn hash(&self) -> String {
        let digest = self.inner.lock().hash.clone().finalize();
        digest.iter().take(16).fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// What was said about `about`, with everything that concerns everybody in between; all of it if `about` is empty.
    #[must_use]
    pub(crate) fn story(&self, about: &BTreeSet<u128>) -> Vec<Line> {
        let inner = self.inner.lock();
        let all = inner.story.as_deref().unwrap_or_default();
        let matters = |line: &&Line| match &line.about {
            About::Only(ids) => about.is_empty() || ids.iter().any(|one| about.contains(one)),
            About::Everybody => about.is_empty(),
        };
        let Some(first) = all.iter().position(|line| matters(&line)) else { return Vec::new() };
        let last = all.iter().rposition(|line| matters(&line)).unwrap_or(first);
        let between = &all[first..=last];
        between.iter().filter(|line| line.about == About::Everybody || matters(line)).cloned().collect()
    }
}
