//! Faults that come over a world from outside any call: outages, jumps of clocks, moods of those it depends on.

use super::World;
use super::faults::Fault;
use super::stage::Stage;
use super::trace::About;
use scripted::pg::{OnCancel, OnCharge};
use scripted::platform::OnApproval;
use std::sync::Arc;
use std::time::Duration;

/// How often something may go wrong by itself.
const GUST_EVERY: Duration = Duration::from_millis(100);
/// How often what the gateway holds back is let go: well within its settling time.
const RELEASE_EVERY: Duration = Duration::from_secs(2);
/// How often old rows are pruned.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(15);
/// Logs keep rows that everybody has read for so long.
const LOG_RETENTION: Duration = Duration::from_secs(5);

/// How far a wall clock is ever from the truth.
pub(crate) const LONGEST_JUMP: Duration = Duration::from_secs(120);

/// What passes by itself.
#[derive(Default)]
pub(super) struct Weather {
    pg_back_at: Option<Duration>,
    gust_at: Duration,
    release_at: Duration,
    housekeeping_at: Duration,
}

impl Weather {
    /// When something changes by itself.
    pub(super) fn changes_at(&self) -> Duration {
        [Some(self.release_at), Some(self.housekeeping_at), self.pg_back_at]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_default()
    }
}

impl World {
    /// Maybe something goes wrong; what was to pass passes.
    pub(super) fn blow(&mut self) {
        let stage = Arc::clone(&self.parts.stage);
        let now = stage.time.elapsed();
        if self.weather.gust_at <= now && !stage.faults.is_calm() {
            self.weather.gust_at = now + GUST_EVERY;
            self.gust(&stage, now);
        }

        if self.weather.pg_back_at.is_some_and(|at| at <= now) {
            self.weather.pg_back_at = None;
            self.parts.pg.down(false);
        }
        if self.weather.release_at <= now {
            self.weather.release_at = now + RELEASE_EVERY;
            self.parts.pg.release();
            self.parts.platform.release();
        }
        if self.weather.housekeeping_at <= now {
            self.weather.housekeeping_at = now + HOUSEKEEPING_EVERY;
            self.housekeep();
        }
    }

    /// Maybe something goes wrong.
    fn gust(&mut self, stage: &Stage, now: Duration) {
        let faults = &stage.faults;
        let units: Vec<String> = self.parts.topology.units.iter().map(|unit| unit.name.clone()).collect();
        stage.net.maybe_cut(&units);
        if faults.strikes(Fault::PgOutage) {
            let long = Duration::from_millis(faults.dice().between(500, 90_000));
            stage.trace.fault("the gateway", &format!("cannot be reached for {long:?}"));
            self.parts.pg.down(true);
            self.weather.pg_back_at = Some(now + long);
        }
        if faults.strikes(Fault::ClockJump) {
            let host = &self.hosts[faults.dice().below(self.hosts.len())];
            let most = u64::try_from(LONGEST_JUMP.as_millis()).unwrap_or(0);
            let ms = i64::try_from(faults.dice().between(1, most)).unwrap_or(0);
            let ms = if faults.dice().strikes(5_000) { ms } else { -ms };
            stage.trace.fault(&host.name, &format!("its wall clock is set off by {ms} ms"));
            host.clock.set_right();
            host.clock.jump(ms);
        }
        if faults.may(Fault::PoisonMessage)
            && let Some(order) = self.some_order()
            && faults.threatens(Fault::PoisonMessage)
        {
            let disk = &self.parts.disks[faults.dice().below(self.parts.disks.len())];
            stage.trace.note(disk.name(), b"poison", About::Only(vec![order.0.as_u128()]), || {
                format!("rejects what order {order} does here")
            });
            disk.poison(order.0);
        }
    }

    /// How the gateway takes the next call.
    pub(super) fn mood(&self) {
        let (faults, pg) = (&self.parts.stage.faults, &self.parts.pg);
        let mut charges = Vec::new();
        if faults.strikes(Fault::PgTimeoutCharged) {
            charges.push(faults.dice().pick(OnCharge::TimesOutCharged, &[OnCharge::TakesLate]));
        } else if faults.strikes(Fault::PgTimeoutUncharged) {
            charges.push(faults.dice().pick(OnCharge::TimesOut, &[OnCharge::Breaks]));
        } else if faults.strikes(Fault::PgSilent) {
            charges.push(faults.dice().pick(OnCharge::GoesSilent, &[OnCharge::Waits]));
        }
        pg.charges(charges);
        let mut cancels = Vec::new();
        if faults.strikes(Fault::PgCancelFails) {
            cancels.push(faults.dice().pick(OnCancel::Breaks, &[OnCancel::TimesOutCancelled]));
        }
        pg.cancels(cancels);
    }

    /// How the data platform takes the next call.
    pub(super) fn platform_mood(&self) {
        let (faults, platform) = (&self.parts.stage.faults, &self.parts.platform);
        let fails = faults.strikes(Fault::PlatformFails);
        let how = [OnApproval::TimesOutTaken, OnApproval::GoesSilent, OnApproval::IsLost, OnApproval::Waits];
        let script = fails.then(|| faults.dice().pick(OnApproval::Breaks, &how));
        platform.approvals(script);
        platform.down(fails && faults.dice().strikes(5_000));
    }

    /// Every process prunes what nobody needs any more.
    fn housekeep(&self) {
        for process in self.hosts.iter().filter_map(|host| host.process.as_ref()) {
            // What cannot be read now is pruned next time.
            let _ = process.system.housekeep(&self.parts.registry, LOG_RETENTION);
        }
    }
}
