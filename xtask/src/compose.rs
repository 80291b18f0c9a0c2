//! Whether `deploy/compose.yaml` can be run: it follows the Compose specification, and keeps this project's rules. Needs no Docker.

use std::fs;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use crate::run;

const FILE: &str = "deploy/compose.yaml";
const SCHEMA: &str = include_str!("../compose/compose-spec.json");

/// What is wrong with the file, one sentence each.
pub(crate) fn check() -> Result<Vec<String>> {
    let text = fs::read_to_string(run::root()?.join(FILE)).with_context(|| format!("cannot read {FILE}"))?;
    Ok(complaints(&text)?.into_iter().map(|complaint| format!("{FILE}: {complaint}")).collect())
}

fn complaints(text: &str) -> Result<Vec<String>> {
    let compose: Value = match serde_saphyr::from_str(text) {
        Ok(compose) => compose,
        Err(error) => return Ok(vec![error.to_string()]),
    };
    let schema: Value = serde_json::from_str(SCHEMA).context("the Compose specification's schema")?;
    let schema = jsonschema::validator_for(&schema).map_err(|error| anyhow!("{error}"))?;
    let mut complaints: Vec<String> =
        schema.iter_errors(&compose).map(|error| format!("{}: {error}", error.instance_path())).collect();
    for (name, service) in compose["services"].as_object().into_iter().flatten() {
        complaints.extend(own_rules(service).into_iter().map(|rule| format!("service {name}: {rule}")));
    }
    Ok(complaints)
}

/// What is asked of every service beyond the specification.
fn own_rules(service: &Value) -> Vec<&'static str> {
    let image = service["image"].as_str().unwrap_or_default();
    let version = image.rsplit_once(':').map_or("", |(_, version)| version);
    let is_pinned =
        version.split('.').count() >= 2 && version.starts_with(|start: char| start.is_ascii_digit());
    let ports = service["ports"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    let is_local = |port: &Value| port.as_str().is_some_and(|port| port.starts_with("127.0.0.1:"));
    let rules = [
        (is_pinned, "its image has no version"),
        (ports.iter().all(is_local), "it listens on other addresses than the loopback address"),
        (service["healthcheck"].is_object(), "it has no healthcheck"),
        (service["volumes"].is_array(), "its data are gone with its container"),
    ];
    rules.into_iter().filter_map(|(kept, rule)| (!kept).then_some(rule)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(complaints(text).unwrap(), expected, "{text}");
    }

    const GOOD: &str = "
services:
  redis:
    image: redis:7.4.5
    ports: ['127.0.0.1:6379:6379']
    volumes: ['redis:/data']
    healthcheck: {test: [CMD, redis-cli, ping]}
volumes:
  redis:
";

    #[test]
    fn a_file_that_follows_specification_and_rules_is_good() {
        check(GOOD, &[]);
    }

    #[test]
    fn the_file_that_ships_is_good() {
        assert_eq!(super::check().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_the_specification_does_not_know_is_named_with_its_place() {
        check(
            &GOOD.replace("image:", "picture: x\n    image:"),
            &["/services/redis: Additional properties are not allowed ('picture' was unexpected)"],
        );
    }

    #[test]
    fn what_is_no_yaml_is_said() {
        assert_eq!(complaints("services: [").unwrap().len(), 1);
    }

    #[test]
    fn every_rule_of_our_own_is_held() {
        check(&GOOD.replace("7.4.5", "latest"), &["service redis: its image has no version"]);
        check(
            &GOOD.replace("127.0.0.1:", ""),
            &["service redis: it listens on other addresses than the loopback address"],
        );
        check(
            "services: {redis: {image: 'redis:7.4.5'}}",
            &["service redis: it has no healthcheck", "service redis: its data are gone with its container"],
        );
    }
}
