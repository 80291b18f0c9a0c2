"""What the API's description cannot say, done to the requests that Schemathesis makes from it."""

import base64
import hashlib
import hmac
import json
import os
import time

import schemathesis

# What belongs to one customer.
PRIVATE = {"get_order", "follow_order", "get_payment", "get_charge"}


def operation_id(case):
    return case.operation.definition.raw.get("operationId")


def whole(value):
    """`273.0` is an integer to JSON Schema. This API takes amounts in digits only, which is how JSON writers write them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return value


@schemathesis.hook
def map_body(context, body):
    return whole(body)


@schemathesis.hook
def map_query(context, query):
    """Events are asked for by one of two ids; asked by both, they would all be refused."""
    if query and "order_id" in query and "trace_id" in query:
        return {name: value for name, value in query.items() if name != "trace_id"}
    return query


@schemathesis.hook
def filter_case(context, case):
    """Whoever is running does not suspend themselves: every answer after that would be a 401, and nothing be seen."""
    return operation_id(case) != "patch_user" or case.path_parameters.get("id") != os.environ["JUMUN_ME"]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Signs good webhooks as the payment gateway does (Standard Webhooks 1.0.0): nobody guesses a signature."""
    if operation_id(case) != "pg_webhook" or not case.meta.generation.mode.is_positive:
        return
    secret = base64.b64decode(os.environ["JUMUN_PG__WEBHOOK_SECRET"].removeprefix("whsec_"))
    now, body = str(int(time.time())), json.dumps(case.body)
    signed = hmac.new(secret, f"fuzz.{now}.{body}".encode(), hashlib.sha256).digest()
    case.headers["webhook-id"] = "fuzz"
    case.headers["webhook-timestamp"] = now
    case.headers["webhook-signature"] = "v1," + base64.b64encode(signed).decode()
    # The very bytes that were signed.
    kwargs["data"] = body.encode()


@schemathesis.check
def nobody_elses(ctx, response, case):
    """What a customer can read of their own is not there for another. (The tool's own check of this sort asks only about ids
    that it came by itself, which is seldom.)"""
    other = os.environ.get("JUMUN_OTHER")
    if other and operation_id(case) in PRIVATE and response.status_code == 200:
        asked = case.call(headers={"Authorization": other})
        assert asked.status_code != 200, f"another customer can read it, too: {asked.text}"
