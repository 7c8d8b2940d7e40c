"""Lockgate as a system under test, with every control of the outbound story on and the trail durable:
RS256 tokens of an external issuer, scope, declared endpoint, rates, breaker, vetted destination, credential
from the vault, limits of the answer, an fsynced record before each call and its end after it.

Variants as in `peers`: `ctl` verifies each token anew, `ctlcache` remembers verified ones, a trailing `tls`
dials with TLS. There is no `plain`: the gateway has no way to let a call through without its controls."""
import json
import os
import shutil
import subprocess
import time
import urllib.request

from peers import C, R, r

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("LOCKGATE_BINARY", os.path.join(ROOT, "target/release/lockgate"))
DOOR, ADMIN = 18400, 18401
ISSUER = "http://127.0.0.1:19000"
HOST = "vendor.bench.example"
SECRET = "upstream-secret-token-0123456789abcdef"


def configuration(remembered):
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
[access]
danger_private_networks = ["127.0.0.0/8"]
remembered_tokens = {remembered}
[access.issuers."{ISSUER}"]
audience = "gateway"
algorithms = ["RS256"]
jwks_uri = "{ISSUER}/jwks.json"
danger_plain_http = true
danger_subject_differs = true
[traffic]
caller_per_minute = 100000000
caller_burst = 1000000
tenant_per_minute = 100000000
tenant_burst = 1000000
[egress]
danger_allow_http_errands = true
danger_errand_networks = ["127.0.0.0/8"]
[egress.destination.danger_static_hosts]
"{HOST}" = ["127.0.0.1"]
"""


def ask(key, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{ADMIN}{path}", json.dumps(body).encode(),
        {"X-Api-Key": key, "Content-Type": "application/json"})
    try:
        return json.load(urllib.request.urlopen(request))
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{path}: {error.code} {error.read().decode()}")


def furnish(key, tls, connections=1):
    """A tenant with a service and connections to the upstream. Gives the tenant's id."""
    made = ask(key, "/v1/tenants", {"name": "acme"})
    operator = made["key"]["secret"]
    ask(operator, "/v1/principals", {
        "name": "billing", "kind": "service", "scopes": ["integration.connections.call"], "addresses": ["127.0.0.0/8"]})
    ask(operator, "/v1/providers", {
        "name": "crm", "title": "CRM", "base_url": f"https://{HOST}:{19443 if tls else 19000}",
        "auth": {"placement": "bearer"}, "endpoints": [{"method": "GET", "path": "/v1/items"}]})
    spec = {"danger_private_networks": ["127.0.0.0/8"], "limits": {"per_minute": 1000000, "burst": 1000000, "concurrent": 10000}}
    spec.update({"trust_pem": open(r("ca.pem")).read()} if tls else {"danger_plain_http": True})
    for number in range(connections):
        name = f"crm-{number}"
        ask(operator, "/v1/connections", {"name": name, "provider": "crm", "spec": spec})
        ask(operator, "/v1/credentials", {"name": name, "connection": name, "owner": "bench", "secret": SECRET})
    return made["tenant"]["tenant"], operator


def prepare(variant, tokens, connections=1):
    """Makes a fresh gateway's folder for a variant, its tokens and their load script."""
    folder = os.path.join(R, f"lockgate-{variant}")
    shutil.rmtree(folder, ignore_errors=True)
    told = json.loads(subprocess.run([BINARY, "init", folder, "--json"], check=True, capture_output=True, text=True).stdout)
    with open(os.path.join(folder, "lockgate.toml"), "w") as file:
        file.write(configuration(32768 if "cache" in variant else 0))
    serving = subprocess.Popen([BINARY, "serve", "--config", os.path.join(folder, "lockgate.toml")],
                               stderr=open(r(f"lockgate-{variant}-prepare.log"), "w"))
    for _ in range(200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{DOOR}/readyz")
            break
        except OSError:
            time.sleep(0.05)
    tenant, operator = furnish(told["api_key"], "tls" in variant, connections)
    serving.terminate()
    serving.wait()
    tokens(lambda number: {"iss": ISSUER, "tenantId": tenant, "client_id": "billing",
                           "scope": "integration.connections.call"}, f"tokens-{variant}")
    return folder


def command(variant):
    """Serves a folder that `prepare` made."""
    return [BINARY, "serve", "--config", os.path.join(R, f"lockgate-{variant}", "lockgate.toml")], DOOR, {}
