//! The attacks on one endpoint: bodies, fields, ids, tokens, methods, headers. Each is refused whatever else is right.

use super::endpoints::{Endpoint, For, Kind, World};
use super::values;
use crate::support::process::SIGNING_KEY;
use crate::support::{tokens, wire};
use serde_json::{Value, json};

/// One request, and what is wrong with it.
pub(super) struct Attack {
    what: String,
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl std::fmt::Debug for Attack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
        let path: String = self.path.chars().take(200).collect();
        write!(f, "{}: {} {path}\n{body}", self.what, self.method)
    }
}

impl Attack {
    pub(super) fn bytes(&self) -> Vec<u8> {
        wire::request(&self.method, &self.path, &self.headers, &self.body)
    }

    /// What a good client of `endpoint` sends.
    fn good(what: impl Into<String>, endpoint: &Endpoint, world: &World) -> Self {
        let (method, path) = (endpoint.method.to_owned(), endpoint.path.clone());
        let plain = Self { what: what.into(), method, path, headers: Vec::new(), body: Vec::new() };
        let token = match endpoint.who {
            For::Everybody => None,
            For::Customers => Some(&world.kim.token),
            For::Admins => Some(&world.admin),
        };
        let plain = match token {
            Some(token) => plain.header("authorization", format!("Bearer {token}")),
            None => plain,
        };
        let plain = if endpoint.keyed { plain.header("idempotency-key", "attack") } else { plain };
        match &endpoint.body {
            Value::Null => plain,
            body => plain.header("content-type", "application/json").body(body.to_string()),
        }
    }

    fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }
}

pub(super) fn on(endpoint: &Endpoint, world: &World) -> Vec<Attack> {
    let mut all = Vec::new();
    if !endpoint.body.is_null() {
        all.extend(bodies(endpoint, world));
        all.extend(fields(endpoint, world));
        all.extend(content_types(endpoint, world));
    }
    if let Some(id) = &endpoint.id {
        all.extend(ids(endpoint, id, world));
    }
    all.extend(callers(endpoint, world));
    all.extend(ways_to_ask(endpoint, world));
    all
}

/// Bodies that are not what is asked for.
fn bodies(endpoint: &Endpoint, world: &World) -> Vec<Attack> {
    let good = endpoint.body.to_string();
    let with = |field: &str| format!("{},{field}}}", &good[..good.len() - 1]);
    let (first, value) = endpoint.body.as_object().unwrap().iter().next().unwrap();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("half an object", b"{".to_vec()),
        ("null", b"null".to_vec()),
        ("a flag", b"true".to_vec()),
        ("a number", b"7".to_vec()),
        ("a huge number", b"1e400".to_vec()),
        ("no number", b"NaN".to_vec()),
        ("a text", b"\"x\"".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a list of it", format!("[{good}]").into_bytes()),
        ("cut off", good[..good.len() - 1].into()),
        ("twice", format!("{good}{good}").into_bytes()),
        ("something after it", format!("{good} x").into_bytes()),
        ("a comma too many", with("").into_bytes()),
        ("a comment", format!("/* */{good}").into_bytes()),
        ("single quotes", good.replace('"', "'").into_bytes()),
        ("an unknown field", with("\"colour\":\"red\"").into_bytes()),
        ("a prototype", with("\"__proto__\":{\"role\":\"admin\"}").into_bytes()),
        ("a field twice", with(&format!("\"{first}\":{value}")).into_bytes()),
        ("deep lists", [vec![b'['; 10_000], vec![b']'; 10_000]].concat()),
        ("deep objects", "{\"a\":".repeat(10_000).into_bytes()),
        (
            "deep in an unknown field",
            with(&format!("\"x\":{}1{}", "[".repeat(10_000), "]".repeat(10_000))).into_bytes(),
        ),
        ("a huge key", with(&format!("\"{}\":1", "k".repeat(100_000))).into_bytes()),
        ("no UTF-8", [good.as_bytes(), b"\xff\xfe"].concat()),
        (
            "no UTF-8 in a text",
            with("\"x\":\"?\"")
                .replace('?', "\u{1}")
                .into_bytes()
                .iter()
                .map(|b| if *b == 1 { 0xc0 } else { *b })
                .collect(),
        ),
        ("UTF-16", utf16),
        ("a byte order mark", format!("\u{feff}{good}").into_bytes()),
        ("a NUL after it", format!("{good}\0").into_bytes()),
        ("a form", b"email=a%40example.com&amount=5".to_vec()),
        ("markup", b"<?xml version=\"1.0\"?><a/>".to_vec()),
    ];
    if endpoint.required {
        cases.push(("an empty object", b"{}".to_vec()));
    }
    let attack = |(what, body)| Attack::good(format!("body: {what}"), endpoint, world).body(body);
    let mut attacks: Vec<Attack> = cases.into_iter().map(attack).collect();
    // Only said to be so large: refused before it is sent.
    attacks.push(
        Attack::good("body: a gigabyte", endpoint, world).header("content-length", "1073741824").body(""),
    );
    attacks
}

/// Fields that hold what they cannot.
fn fields(endpoint: &Endpoint, world: &World) -> Vec<Attack> {
    const PLACE: &str = "__HERE__";
    let mut attacks = Vec::new();
    for (field, kind) in &endpoint.fields {
        let mut body = endpoint.body.clone();
        body[*field] = PLACE.into();
        let body = body.to_string();
        for value in values::hostile(*kind, &world.product) {
            let body = body.replace(&format!("\"{PLACE}\""), &value);
            let shown: String = value.chars().take(60).collect();
            attacks.push(Attack::good(format!("{field} = {shown}"), endpoint, world).body(body));
        }
        if endpoint.required
            && !matches!(kind, Kind::Card | Kind::Points | Kind::Id | Kind::Flag)
            && !is_optional(field)
        {
            let mut body = endpoint.body.clone();
            body.as_object_mut().unwrap().remove(*field);
            attacks.push(Attack::good(format!("without {field}"), endpoint, world).body(body.to_string()));
        }
    }
    attacks
}

fn is_optional(field: &str) -> bool {
    ["stock", "reason", "min_order_amount"].contains(&field)
}

fn content_types(endpoint: &Endpoint, world: &World) -> Vec<Attack> {
    if endpoint.path.contains("/webhooks/") {
        return Vec::new();
    }
    let good = |what: &str| Attack::good(format!("content type: {what}"), endpoint, world);
    let other = |kind: &'static str| good(kind).without("content-type").header("content-type", kind);
    let mut attacks: Vec<Attack> = [
        "",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
        "application/jsonx",
        "json",
        "*/*",
        "application/json, text/plain",
    ]
    .map(other)
    .into();
    attacks.push(good("none").without("content-type"));
    attacks.push(good("two").header("content-type", "application/json"));
    attacks.push(
        good("no text").without("content-type").header("content-type", b"application/\xffjson".to_vec()),
    );
    attacks
}

/// Ids in the path that are none, or nobody's, or somebody else's.
fn ids(endpoint: &Endpoint, id: &str, world: &World) -> Vec<Attack> {
    let simple = id.replace('-', "");
    let mut others: Vec<String> = vec![
        values::NOBODY.into(),
        "00000000-0000-0000-0000-000000000000".into(),
        "ffffffff-ffff-ffff-ffff-ffffffffffff".into(),
        format!("{simple}x"),
        format!("{{{id}}}"),
        format!("urn:uuid:{id}"),
        format!("%20{id}"),
        format!("{id}%20"),
        format!("{id}%00"),
        format!("{id}%2f"),
        format!("{id}%0a"),
        format!("{id};x"),
        format!("{id},{id}"),
        "0".into(),
        "-1".into(),
        "null".into(),
        "%ff%fe".into(),
        "%".into(),
        "%zz".into(),
        "..".into(),
        "..%2f..%2fetc%2fpasswd".into(),
        "%2e%2e".into(),
        "'%20OR%20'1'='1".into(),
        "1;DROP%20TABLE%20users".into(),
        "x".repeat(5_000),
        "%F0%9F%92%A9".into(),
        "*".into(),
    ];
    if simple != id {
        others.push(simple);
    }
    others.extend(endpoint.strange.iter().cloned());
    let attack = |other: &String| {
        let shown: String = other.chars().take(60).collect();
        let good = Attack::good(format!("id {shown}"), endpoint, world);
        Attack { path: endpoint.path.replace(id, other), ..good }
    };
    others.iter().map(attack).collect()
}

/// Callers who may not.
fn callers(endpoint: &Endpoint, world: &World) -> Vec<Attack> {
    if endpoint.who == For::Everybody {
        return Vec::new();
    }
    let by = |what: &str, value: &str| {
        let good = Attack::good(format!("token: {what}"), endpoint, world).without("authorization");
        if value.is_empty() { good } else { good.header("authorization", value.as_bytes()) }
    };
    let bearer = |what: &str, token: &str| {
        by(what, &if token.is_empty() { String::new() } else { format!("Bearer {token}") })
    };
    let mut attacks: Vec<Attack> =
        tokens::bad(&world.kim.id).iter().map(|(what, token)| bearer(what, token)).collect();
    attacks.push(bearer("a suspended user's", &world.suspended.token));
    attacks.push(by("another scheme", "Basic YWRtaW46YWRtaW4="));
    attacks.push(by("no scheme", &world.admin));
    attacks.push(bearer("two", &world.admin).header("authorization", format!("Bearer {}", world.admin)));
    if endpoint.who == For::Admins {
        attacks.push(bearer("a customer's", &world.kim.token));
        let mut claims = tokens::claims(&world.kim.id, 4_102_444_800);
        claims["role"] = "admin".into();
        let header = json!({"alg": "HS256", "typ": "JWT"});
        attacks.push(bearer("a customer's that says admin", &tokens::signed(&header, &claims, SIGNING_KEY)));
    }
    attacks
}

/// Methods, parameters and headers that are not taken; and absurd ones that change nothing, on requests that are refused anyway.
fn ways_to_ask(endpoint: &Endpoint, world: &World) -> Vec<Attack> {
    let good = |what: String| Attack::good(what, endpoint, world);
    let mut attacks = Vec::new();
    for method in ["DELETE", "PUT", "TRACE", "BREW"] {
        attacks.push(Attack { method: method.to_owned(), ..good(format!("method {method}")) });
    }
    for query in ["x=1", "limit=1", "id=1&id=2", "%ff=1", "a=%zz", "'=1"] {
        attacks.push(Attack { path: format!("{}?{query}", endpoint.path), ..good(format!("query {query}")) });
    }
    if endpoint.keyed {
        attacks.push(good("no key".to_owned()).without("idempotency-key"));
        attacks.push(good("two keys".to_owned()).header("idempotency-key", "another"));
        for key in values::keys() {
            let bare = good(format!("key {}", String::from_utf8_lossy(&key))).without("idempotency-key");
            attacks.push(bare.header("idempotency-key", key));
        }
    }
    if endpoint.versioned {
        for version in values::VERSIONS {
            attacks.push(good(format!("version {version}")).header("if-match", *version));
        }
        attacks.push(good("two versions".to_owned()).header("if-match", "\"1\"").header("if-match", "\"2\""));
        attacks.push(good("a version that is no text".to_owned()).header("if-match", b"\"\xff\"".to_vec()));
    }
    for (name, value) in values::ABSURD_HEADERS {
        attacks.push(refused(format!("{name}: {value}"), endpoint, world).header(name, *value));
    }
    attacks
}

/// A request that gets as far as its handler, and no further.
fn refused(what: String, endpoint: &Endpoint, world: &World) -> Attack {
    let good = Attack::good(what, endpoint, world);
    match &endpoint.id {
        Some(id) => Attack { path: endpoint.path.replace(id, values::NOBODY), ..good },
        None => {
            let body = endpoint.body.to_string();
            good.body(format!("{},\"colour\":\"red\"}}", &body[..body.len() - 1]))
        }
    }
}
