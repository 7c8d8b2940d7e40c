"""A gateway that takes deliveries in: its folder, its subscriptions, and what its store holds of them."""
import base64
import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request

import machine
from machine import ROOT

BINARY = os.environ.get("LOCKGATE_BINARY", os.path.join(ROOT, "target/release/lockgate"))
DOOR, ADMIN = machine.free_port(), machine.free_port()
SECRETS = {"github": "It's a Secret to Everybody, even to whoever measures",
           "standardwebhooks": base64.b64encode(b"thirty-two bytes that nobody has").decode()}
PER_MINUTE = 60_000_000


def configuration(engine, more):
    return f"""
data_dir = "data"
[door]
listen = "127.0.0.1:{DOOR}"
[admin]
listen = "127.0.0.1:{ADMIN}"
[telemetry]
log = "warn"
[vault]
root_key_file = "root.key"
[audit]
checkpoint_key_file = "checkpoint.key"
[traffic]
caller_per_minute = 100000000
caller_burst = 1000000
tenant_per_minute = 100000000
tenant_burst = 1000000
[access]
danger_private_networks = ["127.0.0.0/8"]
[store.engine]
{engine}
{more}
"""


SQLITE = 'kind = "sqlite"\npath = "data/lockgate.db"'


def postgres(server, database):
    return f'kind = "postgres"\nurl = "{server.url(database)}"'


def ask(key, path, body=None, port=ADMIN, method=None, patience=30):
    """An answer's status and JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"X-Api-Key": key}, method=method)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=patience) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def make(key, path, body):
    status, answer = ask(key, path, body)
    if status not in (200, 201):
        raise SystemExit(f"{path}: {status} {answer}")
    return answer


def serve(folder, log, before=()):
    """Serves a folder, and waits until it is ready."""
    process = machine.start([*before, BINARY, "serve", "--config", os.path.join(folder, "lockgate.toml")], log)
    until = time.time() + (180 if before else 60)
    while time.time() < until:
        if process.poll() is not None:
            raise SystemExit(f"the gateway ended with {process.returncode}: {open(log).read()[-2000:]}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{DOOR}/readyz", timeout=2)
            return process
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the gateway does not become ready")


def init(folder, engine, more=""):
    """A folder with its first operator's key."""
    shutil.rmtree(folder, ignore_errors=True)
    machine.told([BINARY, "init", folder, "--keys-only", "--json"])
    config = os.path.join(folder, "lockgate.toml")
    with open(config, "w") as file:
        file.write(configuration(engine, more))
    os.makedirs(os.path.join(folder, "data"), exist_ok=True)
    return machine.told([BINARY, "bootstrap", "--config", config, "--json"])["api_key"]


def subscribe(operator, name, scheme, handoff="pull", **more):
    secret = ("whsec_" if scheme == "standardwebhooks" else "") + SECRETS[scheme]
    spec = {"direction": "inbound", "scheme": scheme, "per_minute": PER_MINUTE, "handoff": handoff, **more}
    return make(operator, "/v1/subscriptions", {"name": name, "spec": spec, "secrets": [secret]})


def puller(operator):
    """The key of a service that fetches deliveries."""
    made = make(operator, "/v1/principals", {"name": "consumer", "kind": "service",
                                             "scopes": ["webhooks.deliveries.ingest"], "addresses": ["127.0.0.0/8"]})
    key = make(operator, "/v1/api-keys", {"principal": made["principal"], "kind": "api-key"})
    return key["secret"]


def prepare(folder, engine):
    """A gateway with a subscription of each scheme that is pulled from. Gives their paths by scheme."""
    house = init(folder, engine)
    process = serve(folder, os.path.join(folder, "prepare.log"))
    operator = make(house, "/v1/tenants", {"name": "acme"})["key"]["secret"]
    paths = {scheme: subscribe(operator, scheme, scheme)["path"] for scheme in SECRETS}
    assert machine.stop(process) == 0
    return paths


def load(path, scheme, seconds, connections=64, rate=0, count=0):
    program = machine.compiled("load", "-lcrypto")
    return machine.told([program, str(DOOR), path, scheme, SECRETS[scheme], str(connections), str(seconds), str(rate),
                         secrets.token_hex(4), *([str(count)] if count else [])])


def statement(name):
    """The text of one of the gateway's statements, as it stands in its source."""
    for folder, _, files in os.walk(os.path.join(ROOT, "crates")):
        for file in files:
            if file.endswith(".rs") and ("rows" in folder or file == "rows.rs"):
                text = open(os.path.join(folder, file)).read()
                found = re.search(r'"' + re.escape(name) + r'",\s*"((?:[^"\\]|\\.)*)"', text, re.S)
                if found:
                    return re.sub(r"\\\n\s*", "", found[1])
    raise SystemExit(f"there is no statement {name}")


def script(database):
    """What one delivery writes: the gateway's own statements, with values as one that it wrote itself has."""
    store = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    store.row_factory = sqlite3.Row
    row = dict(store.execute("SELECT * FROM deliveries ORDER BY delivery DESC LIMIT 1").fetchone())
    claims = [dict(each) for each in store.execute("SELECT * FROM claims WHERE delivery = ?", [row["delivery"]])]
    about = f'%{row["delivery"]}%'
    event = dict(store.execute("SELECT * FROM events WHERE body LIKE ?", [about]).fetchone())
    entry = dict(store.execute("SELECT * FROM outbox WHERE body LIKE ?", [about]).fetchone())
    store.close()
    lines = []

    def add(name, values):
        sql = statement(name)
        lines.append(f"S {sql}")
        lines.extend(values)
        assert len(values) == len(set(re.findall(r"\$\d+", sql))), sql

    def as_is(value):
        if value is None:
            return "N"
        if isinstance(value, int):
            return "M" if value > 10**15 else f"I {value}"
        return f"B {len(value)}" if isinstance(value, bytes) else f"T {value}"

    unique = f'U {row["delivery"]}'
    for number, claim in enumerate(claims):
        identifier = unique if number == 0 else "R 0"
        add("webhooks.claim", [f'T {row["tenant"]}', "B 32", identifier, "B 32", "M", "M"])
    columns = re.search(r"\(([^)]*)\)", statement("webhooks.delivery_insert"))[1].split(",")
    columns = [name.strip() for name in columns if name.strip() != "tries"]
    own = {"delivery": "R 0", "provider_id": as_is(row["provider_id"])}
    add("webhooks.delivery_insert", [own.get(name) or as_is(row[name]) for name in columns])
    add("events.insert", [f'T {event["tenant"]}', f'U {event["event"]}', f'T {event["type"]}', f'T {event["body"]}', "M"])
    add("outbox.put", [f'T {entry["tenant"]}', f'U {entry["entry"]}', f'T {entry["body"]}', "M", f'B {len(entry["mac"])}'])
    size = sum(len(value) for held in [row, event, entry, *claims] for value in held.values() if isinstance(value, (str, bytes)))
    return "\n".join(lines) + "\n", {"rows": len(claims) + 3, "bytes": size, "sealed": len(row["sealed"])}
