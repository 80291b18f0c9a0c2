//! The copy in Redis: what is asked of it, each in one round trip.

use crate::link::Line;
use crate::target::Target;
use kernel::ids::ProductId;
use ranking::Changes;
use redis::{ConnectionLike, RedisError, RedisResult, Script, ScriptInvocation};
use runtime::feed::Taken;
use runtime::ports::store::{Epoch, Position, StoreError};
use shop::reads::BestSeller;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;
use std::time::Duration;
use uuid::Uuid;

/// Which generation answers.
const CURRENT: &str = "{jumun-ranking}:current";
/// What the keys of generations begin with.
const GENERATIONS: &str = "{jumun-ranking}:g:";
/// The field of a generation that counts its changes; the others are lanes.
const CHANGES: &str = "changes";
/// The days that are kept: the longest window that can be asked for, and one more.
pub(crate) const KEPT_DAYS: i64 = 366;
/// How long a generation that is being built outlives whoever builds it, in seconds.
const UNFINISHED: i64 = 24 * 3_600;
/// How long each question may take.
const TIMEOUT: Duration = Duration::from_secs(2);

static APPLY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("apply.lua")));
static SWITCH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("switch.lua")));
static BEST: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("best.lua")));

/// Why the copy could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Redis does not answer as it should.
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    /// The book or the log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something is not as it must be.
    #[error("{0}")]
    Odd(String),
}

/// How far a lane of the orders' log has been followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) epoch: Epoch,
    pub(crate) position: Position,
}

impl Stand {
    fn text(self) -> String {
        format!("{}:{}", self.epoch.0, self.position.0)
    }

    fn parse(text: &str) -> Option<Self> {
        let (epoch, position) = text.split_once(':')?;
        Some(Self { epoch: Epoch(Uuid::parse_str(epoch).ok()?), position: Position(position.parse().ok()?) })
    }
}

/// How far each lane has been followed, by its cursor's name.
pub(crate) type Stands = BTreeMap<String, Stand>;

/// A generation, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) name: String,
    pub(crate) stands: Stands,
    /// What was in it from the start, beyond where it stands: known to whoever builds it, and passed before it answers.
    pub(crate) taken: Taken,
}

impl Generation {
    pub(crate) fn new(stands: Stands, taken: Taken) -> Self {
        Self { name: format!("{:032x}", rand::random::<u128>()), stands, taken }
    }

    /// How far it has followed every lane.
    pub(crate) fn reached(&self) -> Position {
        self.stands.values().map(|stand| stand.position).min().unwrap_or_default()
    }

    fn key(&self) -> String {
        format!("{GENERATIONS}{}", self.name)
    }

    fn days_key(&self) -> String {
        format!("{}:days", self.key())
    }

    fn day_key(&self, day: i64) -> String {
        format!("{}:{day}", self.key())
    }
}

/// The copy.
pub(crate) struct Copy {
    line: Line,
}

impl Copy {
    /// The copy at `target`, which is not asked yet.
    pub(crate) fn new(target: Target) -> Self {
        Self { line: Line::new(target, TIMEOUT) }
    }

    /// The generation that answers, if one does.
    pub(crate) fn current(&mut self) -> Result<Option<Generation>, Trouble> {
        let name: Option<String> = self.ask(|link| redis::cmd("GET").arg(CURRENT).query(link))?;
        let Some(name) = name else { return Ok(None) };
        let key = format!("{GENERATIONS}{name}");
        let fields: Vec<String> = self.ask(|link| redis::cmd("HGETALL").arg(key).query(link))?;
        Ok((!fields.is_empty()).then(|| Generation {
            name,
            stands: read_stands(&fields),
            taken: Taken::default(),
        }))
    }

    /// Adds `changes` of the rows of `lane` after `from` up to `to`; `false` if the generation is gone or does not stand at `from`.
    pub(crate) fn apply(
        &mut self,
        generation: &Generation,
        lane: &str,
        from: Stand,
        to: Stand,
        changes: &Changes,
    ) -> Result<bool, Trouble> {
        let mut call = APPLY.prepare_invoke();
        call.key(generation.key()).key(generation.days_key());
        call.arg(lane).arg(from.text()).arg(to.text()).arg(KEPT_DAYS);
        for (day, products) in changes {
            call.key(generation.day_key(*day)).arg(*day).arg(products.len());
            for ((product, sku), units) in products {
                call.arg(member(*product, sku)).arg(-units);
            }
        }
        self.invoke(&call)
    }

    /// Begins a generation that does not answer yet.
    pub(crate) fn begin(&mut self, generation: &Generation) -> Result<(), Trouble> {
        let mut fields = redis::cmd("HSET");
        fields.arg(generation.key()).arg(CHANGES).arg(1);
        for (lane, stand) in &generation.stands {
            fields.arg(lane).arg(stand.text());
        }
        self.ask(|link| fields.exec(link))?;
        self.keep_for_now(&generation.key())
    }

    /// Puts what was sold on one day into a generation that does not answer yet.
    pub(crate) fn put(
        &mut self,
        generation: &Generation,
        day: i64,
        sold: &[(ProductId, SmolStr, i64)],
    ) -> Result<(), Trouble> {
        let mut add = redis::cmd("ZADD");
        add.arg(generation.day_key(day));
        for (product, sku, units) in sold {
            add.arg(-units).arg(member(*product, sku));
        }
        self.ask(|link| add.exec(link))?;
        self.keep_for_now(&generation.day_key(day))?;
        self.ask(|link| redis::cmd("SADD").arg(generation.days_key()).arg(day).exec(link))?;
        self.keep_for_now(&generation.days_key())
    }

    /// Lets `generation` answer instead of `old`; `false` if another was faster.
    pub(crate) fn switch(
        &mut self,
        generation: &Generation,
        old: Option<&Generation>,
    ) -> Result<bool, Trouble> {
        let replaced = old.unwrap_or(generation);
        let mut call = SWITCH.prepare_invoke();
        call.key(CURRENT).key(generation.key()).key(generation.days_key());
        call.key(replaced.key()).key(replaced.days_key());
        call.arg(&generation.name).arg(old.map_or("", |old| old.name.as_str())).arg(KEPT_DAYS);
        self.invoke(&call)
    }

    /// The best of `days`, and where the generation stands that says so; nothing, if none answers.
    pub(crate) fn best(
        &mut self,
        days: &RangeInclusive<i64>,
        limit: u32,
    ) -> Result<Option<(Stands, Vec<BestSeller>)>, Trouble> {
        let mut call = BEST.prepare_invoke();
        call.key(CURRENT).arg(GENERATIONS).arg(*days.start()).arg(*days.end()).arg(limit);
        let answer: Option<(Vec<String>, Vec<String>)> = self.invoke(&call)?;
        let Some((fields, rows)) = answer else { return Ok(None) };
        let sold = rows.chunks_exact(2).map(|pair| read_member(&pair[0], pair[1].parse().ok()?)).collect();
        let sold: Option<Vec<BestSeller>> = sold;
        let odd = || Trouble::Odd("a best seller in Redis does not read".to_owned());
        Ok(Some((read_stands(&fields), sold.ok_or_else(odd)?)))
    }

    fn keep_for_now(&mut self, key: &str) -> Result<(), Trouble> {
        self.ask(|link| redis::cmd("EXPIRE").arg(key).arg(UNFINISHED).exec(link))
    }

    fn invoke<T: redis::FromRedisValue>(&mut self, call: &ScriptInvocation<'_>) -> Result<T, Trouble> {
        self.ask(|link| call.invoke(link))
    }

    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut dyn ConnectionLike) -> RedisResult<T>,
    ) -> Result<T, Trouble> {
        Ok(self.line.ask(question)?)
    }
}

fn member(product: ProductId, sku: &str) -> String {
    format!("{product}/{sku}")
}

fn read_member(member: &str, score: i64) -> Option<BestSeller> {
    let (product, sku) = member.split_once('/')?;
    Some(BestSeller {
        product: ProductId(Uuid::parse_str(product).ok()?),
        sku: SmolStr::new(sku),
        sold: -score,
    })
}

/// The lanes among a generation's fields, which come as name and value in turn.
fn read_stands(fields: &[String]) -> Stands {
    let pairs = fields.chunks_exact(2).filter(|pair| pair[0] != CHANGES);
    pairs.filter_map(|pair| Some((pair[0].clone(), Stand::parse(&pair[1])?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_and_a_member_read_as_they_were_written() {
        let stand = Stand { epoch: Epoch(Uuid::from_u128(7)), position: Position(8) };
        assert_eq!(Stand::parse(&stand.text()), Some(stand));
        assert_eq!(Stand::parse("8"), None);
        let product = ProductId(Uuid::from_u128(9));
        let best = BestSeller { product, sku: "a/b".into(), sold: 3 };
        assert_eq!(read_member(&member(product, "a/b"), -3), Some(best));
    }
}
