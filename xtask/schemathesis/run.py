"""Fills a shop that was just started, then holds it against its own description: as administrator, and as customer.

Usage: run.py URL [option of `st run`]... The administrator's address and password, and the secret of the payment gateway's
webhooks, are in the environment that the server has, too. `cargo xtask schemathesis` sees to all of that.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import requests

HERE = pathlib.Path(__file__).parent
CONFIG, PEOPLE = "schemathesis.toml", "people.json"
# Nothing here goes through a proxy: the server is this machine's own.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
PASSWORD = "correct horse battery"
CUSTOMER, OTHER = "customer@example.com", "other@example.com"
# Of what can be used up by one good request.
SEVERAL = 6


def log_in(url, email, password):
    answer = requests.post(f"{url}/v1/auth/token", json={"email": email, "password": password}, timeout=30)
    answer.raise_for_status()
    return answer.json()


class Client:
    """Somebody who is logged in."""

    def __init__(self, url, email, password):
        self.url, self.email, self.password = url, email, password
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {log_in(url, email, password)['access_token']}"
        self.id = self.ask("GET", "/v1/users/me")["id"]

    @classmethod
    def sign_up(cls, url, email):
        body = {"email": email, "password": PASSWORD, "name": "Somebody"}
        requests.post(f"{url}/v1/users", json=body, timeout=30).raise_for_status()
        return cls(url, email, PASSWORD)

    def ask(self, method, path, headers=None, **body):
        answer = self.http.request(method, self.url + path, json=body or None, headers=headers, timeout=70)
        if not answer.ok:
            sys.exit(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def order(self, key, **body):
        return self.ask("POST", "/v1/orders", {"idempotency-key": key, "prefer": "wait=30"}, **body)


class Things:
    """What nobody guesses, by what it is: ids, mostly."""

    def __init__(self):
        self.ids = collections.defaultdict(list)
        # Until there are any.
        self.ids["letters"] = ["00000000-0000-7000-8000-000000000000"]

    def add(self, kind, thing):
        self.ids[kind].append(thing["id"])
        return thing["id"]

    def toml(self):
        return "".join(f"\n[dictionaries.{kind}]\nvalues = {json.dumps(ids)}\n" for kind, ids in self.ids.items())


def buy(someone, things, product, coupon):
    """Orders of every kind, so that whatever takes an order's id meets one."""
    lines = [{"product_id": product, "quantity": 2}]
    issued = things.add("user_coupons", someone.ask("POST", f"/v1/coupons/{coupon}/issue"))
    for key in ("top-up", "another"):
        charge = {"amount": 5_000, "card_token": "tok_ok"}
        things.add("charges", someone.ask("POST", "/v1/points/charges", {"idempotency-key": key}, **charge))
    for key, body in {
        "discounted": {"user_coupon_id": issued, "points": 500, "card_token": "tok_ok"},
        "good": {"points": 2_000},
        "declined": {"card_token": "tok_decline"},
    }.items():
        order = someone.order(key, lines=lines, **body)
        things.add("orders", order)
        things.ids["payments"] += [order["payment_id"]] if "payment_id" in order else []
    for number in range(SEVERAL):
        things.add("unpaid", someone.order(f"unpaid {number}", lines=lines, pay=False))


def fill(url, admin, things):
    """One of everything that can be asked for: without it, whatever takes an id would be asked for nothing but strangers."""
    customer, other = Client.sign_up(url, CUSTOMER), Client.sign_up(url, OTHER)
    # Somebody to suspend.
    things.ids["users"].append(other.id)
    things.ids["emails"], things.ids["passwords"] = [CUSTOMER, OTHER], [PASSWORD]
    things.ids["refresh_tokens"] = [log_in(url, CUSTOMER, PASSWORD)["refresh_token"] for _ in range(SEVERAL)]
    terms = {"discount": {"type": "percent", "percent": 10}, "quantity": 1_000}
    when = {"valid_from": "2020-01-01T00:00:00Z", "valid_until": "2100-01-01T00:00:00Z"}
    used = things.add("coupons", admin.ask("POST", "/v1/coupons", name="Spring", **terms, **when))
    things.add("coupons", admin.ask("POST", "/v1/coupons", name="Autumn", **terms, **when))
    for someone in (admin, customer):
        admin.ask("POST", f"/v1/users/{someone.id}/points", adjust=1_000_000, reason="to spend")
        mug = {"sku": someone.email, "name": "Mug", "price": 1_000, "stock": 1_000_000}
        buy(someone, things, things.add("products", admin.ask("POST", "/v1/products", **mug)), used)
    return customer, other


def strand(admin, things):
    """Orders that the gateway refuses to cancel: each becomes a dead letter, and stays one for a while."""
    lines = [{"product_id": things.ids["products"][0], "quantity": 1}]
    for number in range(SEVERAL):
        stuck = admin.order(f"stuck {number}", lines=lines, card_token="tok_cancel_error")["id"]
        admin.ask("POST", f"/v1/orders/{stuck}/cancel", {"prefer": "respond-async"})
    while len(letters := admin.ask("GET", "/v1/admin/dead-letters?status=OPEN")["items"]) < SEVERAL:
        time.sleep(0.2)
    for letter in letters:
        things.add("letters", letter)


def people_file(people):
    """Who there is, as a Web Fuzzing Commons document; the tool logs in by itself."""
    token = {"extractFrom": "body", "extractSelector": "/access_token", "sendIn": "header", "sendName": "Authorization"}
    return json.dumps({"auth": [{
        "name": someone.email,
        "loginEndpointAuth": {
            "endpoint": "/v1/auth/token",
            "verb": "POST",
            "contentType": "application/json",
            "payloadUserPwd": {
                "username": someone.email,
                "password": someone.password,
                "usernameField": "email",
                "passwordField": "password",
            },
            "token": {**token, "sendTemplate": "Bearer {token}"},
        },
    } for someone in people]})


def schemathesis(url, someone, other, things, folder, options):
    """Asks everything as `someone`, of whose own things `other` must not see any: the tool's exit code, and its record of what was
    asked and answered."""
    print(f"\n== as {someone.email}", flush=True)
    environment = {
        **os.environ,
        "JUMUN_HOOKS": str(HERE / "hooks.py"),
        "JUMUN_PEOPLE": str(folder / PEOPLE),
        "JUMUN_ME": someone.id,
        "JUMUN_OTHER": other.http.headers["Authorization"] if other else "",
    }
    (folder / CONFIG).write_text((HERE / CONFIG).read_text() + things.toml())
    record = folder / f"{someone.email}.ndjson"
    program = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / CONFIG), "run"]
    asked = [f"{url}/openapi.json", f"--auth-wfc-user={someone.email}", *options]
    report = ["--report=ndjson", f"--report-ndjson-path={record}"]
    ended = subprocess.run([*program, *asked, *report], env=environment, check=False).returncode
    # Had the account been lost on the way, every answer since would have been a 401, and passed.
    someone.ask("GET", "/v1/users/me")
    return ended, record


def answers(record):
    """Operation and status of every answer in a record."""
    for line in record.open():
        scenario = json.loads(line).get("ScenarioFinished")
        for name, exchange in (scenario or {}).get("recorder", {}).get("interactions", {}).items():
            asked = scenario["recorder"]["cases"][name]["value"]
            if exchange.get("response"):
                yield f"{asked['method']} {asked['path']}", exchange["response"]["status_code"]


def unreached(url, records):
    """Counts the answers, and names the operations of which none was a success: nothing was seen of them but refusals."""
    counts, reached = collections.Counter(), set()
    for record in records:
        for operation, status in answers(record):
            counts[status] += 1
            reached.update([operation] if status < 300 else [])
    print("\nanswers: " + ", ".join(f"{number} × {status}" for status, number in sorted(counts.items())))
    paths = requests.get(f"{url}/openapi.json", timeout=30).json()["paths"]
    described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    print(f"operations that succeeded: {len(described & reached)} of {len(described)}")
    return sorted(described - reached)


def main():
    url, options = sys.argv[1], sys.argv[2:]
    admin = Client(url, os.environ["JUMUN_ADMIN_EMAIL"], os.environ["JUMUN_ADMIN_PASSWORD"])
    things = Things()
    customer, other = fill(url, admin, things)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / PEOPLE).write_text(people_file([admin, customer, other]))
        # The customer first: they leave the others, and the catalogue, as they are.
        runs = [schemathesis(url, customer, other, things, folder, options)]
        strand(admin, things)
        runs.append(schemathesis(url, admin, None, things, folder, options))
        ended, records = zip(*runs)
        missed = unreached(url, records)
    if missed:
        print("never succeeded, so that nothing is known of it: " + ", ".join(missed))
    sys.exit(max(ended) or bool(missed))


main()
