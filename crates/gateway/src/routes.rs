//! The gateway's door: every route that is described, and what it answers for itself.

use crate::forward::{Asked, Road, Unit};
use axum::body::to_bytes;
use axum::extract::{Extension, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, get, on};
use axum::{Json, Router};
use futures::future::join_all;
use http_api::edge::{Client, Edge, routes};
use http_api::ops::{Health, not_ready};
use http_api::{Draining, Problem, owners};
use kernel::DomainName;
use runtime::ports::clock::Clock;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use units::ServiceKey;
use units::instances::{Instance, Instances};

/// The largest body, in bytes: what a unit takes.
const LARGEST: usize = 256 * 1024;
/// How long a client may take to send one.
const SLOWEST: Duration = Duration::from_secs(30);
/// How long a unit may take to say that it is ready.
const READY: Duration = Duration::from_secs(2);

/// What a gateway is made of.
pub struct GatewayParts {
    /// What stands before its routes.
    pub edge: Arc<Edge>,
    /// The units.
    pub units: Vec<Unit>,
    /// Which unit holds which domain.
    pub homes: BTreeMap<DomainName, String>,
    /// The key that all units share.
    pub key: ServiceKey,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// How long a request that may be sent again is tried: long enough for a unit to be started anew ([`PATIENCE`]).
    pub patience: Duration,
    /// Whether the process is about to end.
    pub draining: Draining,
}

/// The usual patience.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The front of a system.
pub struct Gateway {
    edge: Arc<Edge>,
    units: Vec<Unit>,
    homes: BTreeMap<DomainName, String>,
    road: Road,
    draining: Draining,
}

impl Gateway {
    /// A gateway of these parts, made within a tokio runtime: it looks after instances from there.
    ///
    /// # Errors
    /// If its client cannot be made.
    pub fn new(parts: GatewayParts) -> Result<Arc<Self>, reqwest::Error> {
        let GatewayParts { edge, units, homes, key, clock, patience, draining } = parts;
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(patience)
            .build()?;
        for unit in &units {
            tokio::spawn(Instances::look_after(Arc::downgrade(unit.instances()), http.clone()));
        }
        Ok(Arc::new(Self { edge, units, homes, road: Road { http, key, clock, patience }, draining }))
    }

    /// The whole door. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`: limits are per client address.
    pub fn app(self: &Arc<Self>) -> Router {
        let mut router = Router::new()
            .route("/healthz", get(alive))
            .route("/readyz", get(ready))
            .route("/metrics", get(figures));
        for route in routes().into_iter().filter(|route| owners::owner(&route.path).is_some()) {
            // Every method that is described is one that a filter knows.
            let Ok(method) = MethodFilter::try_from(route.method) else { continue };
            router = router.route(&route.path, on(method, pass));
        }
        self.edge.guard(router.with_state(Arc::clone(self)))
    }

    /// The unit that a path belongs to.
    fn unit_of(&self, path: &str) -> Option<&Unit> {
        let home = self.homes.get(&owners::owner(path)?)?;
        self.units.iter().find(|unit| unit.name() == home)
    }
}

async fn pass(
    State(gateway): State<Arc<Gateway>>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Response {
    let Some(unit) = gateway.unit_of(request.uri().path()) else {
        return Problem::not_found("route").into_response();
    };
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), ToString::to_string);
    let declared = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    // Refused before it is sent, where it is said to be too large.
    if declared.is_some_and(|length| length > LARGEST) {
        return too_large().into_response();
    }
    let body = match tokio::time::timeout(SLOWEST, to_bytes(body, LARGEST)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return too_large().into_response(),
        Err(_) => {
            let status = StatusCode::REQUEST_TIMEOUT;
            return Problem::new(status, "BODY_TOO_SLOW", "the body took too long").into_response();
        }
    };
    let asked = Asked { method: parts.method, target, headers: parts.headers, body, client: client.0 };
    gateway.road.forward(unit, &asked).await
}

fn too_large() -> Problem {
    let status = StatusCode::PAYLOAD_TOO_LARGE;
    Problem::new(
        status,
        "BODY_TOO_LARGE",
        "the body is larger than is taken here, or did not come to its end",
    )
}

async fn alive() -> Json<Health> {
    Json(Health::lacking(Vec::new()))
}

/// What an instance that is ready says of itself.
#[derive(Default, Deserialize)]
struct Ready {
    #[serde(default)]
    missing: Vec<String>,
}

/// An instance of every unit says that it is ready. What one lacks, all lack, and instances that do not say so are missing, too.
async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    if gateway.draining.is_on() {
        return not_ready("it is about to end".to_owned()).into_response();
    }
    let looks = join_all(gateway.units.iter().map(|unit| gateway.look(unit))).await;
    let (mut away, mut missing) = (Vec::new(), BTreeSet::new());
    for (unit, look) in gateway.units.iter().map(Unit::name).zip(looks) {
        match look {
            Some(lacks) => missing.extend(lacks.into_iter().map(|what| format!("{unit}: {what}"))),
            None => away.push(unit),
        }
    }
    if away.is_empty() {
        return Json(Health::lacking(missing.into_iter().collect())).into_response();
    }
    not_ready(format!("not serving: {}", away.join(", "))).into_response()
}

impl Gateway {
    /// Asks all instances of `unit` whether they are ready: what is missing of it, if one is; none if no one is.
    async fn look(&self, unit: &Unit) -> Option<Vec<String>> {
        let looks = join_all(unit.instances().all().iter().map(|instance| self.ask_instance(instance))).await;
        let any = looks.iter().any(Option::is_some);
        let lacks = unit.instances().all().iter().zip(looks).flat_map(|(instance, look)| match look {
            Some(ready) => ready.missing,
            None => vec![format!("nobody at {}", instance.address())],
        });
        let lacks = lacks.collect();
        any.then_some(lacks)
    }

    async fn ask_instance(&self, instance: &Instance) -> Option<Ready> {
        let asked = self.road.http.get(format!("{}/readyz", instance.address())).timeout(READY).send().await;
        let answer = asked.ok().filter(|answer| answer.status() == StatusCode::OK)?;
        // Whatever says that it is ready is, in whatever words.
        Some(answer.json().await.unwrap_or_default())
    }
}

async fn figures(State(gateway): State<Arc<Gateway>>) -> Response {
    let counts = gateway.units.iter().map(|unit| (unit.name().to_owned(), unit.counts())).collect();
    match http_api::metrics::calls_text(counts) {
        Ok(text) => ([(header::CONTENT_TYPE, http_api::metrics::MEDIA_TYPE)], text).into_response(),
        Err(_) => Problem::internal().into_response(),
    }
}
