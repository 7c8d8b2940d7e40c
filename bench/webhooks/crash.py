"""A gateway that is killed again and again while deliveries come in, and what became of each of them.

usage: crash.py sqlite|postgres KILLS [SEED]
Senders behave as providers do: what was not answered is sent again, some is sent twice at the same time, some
once more long after its answer. A consumer fetches and acknowledges; an endpoint of its own is pushed to. Every
answer, every fetch and every push is written down here, and held against the store and the trail at the end."""
import base64
import collections
import hashlib
import hmac
import http.client
import http.server
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import gate
import machine

SENDERS = 10
HOST = "hooks.bench.example"
SUBSCRIPTIONS = {"pulled": "github", "signed": "standardwebhooks", "pushed": "github"}
SETTLE_SECONDS = 240


class Delivery:
    """One that a provider has to tell, and what it was answered."""

    def __init__(self, name, number):
        self.name, self.number = name, number
        self.id = f"{name}-{number:08x}"
        self.body = json.dumps({"type": "invoice.paid", "number": number, "for": name, "pad": "x" * 600}).encode()
        self.answers = []

    def headers(self):
        scheme = SUBSCRIPTIONS[self.name]
        if scheme == "github":
            mac = hmac.new(gate.SECRETS["github"].encode(), self.body, hashlib.sha256).hexdigest()
            return {"X-GitHub-Event": "push", "X-GitHub-Delivery": self.id, "X-Hub-Signature-256": f"sha256={mac}"}
        moment = str(int(time.time()))
        signed = b".".join([self.id.encode(), moment.encode(), self.body])
        mac = base64.b64encode(hmac.new(base64.b64decode(gate.SECRETS[scheme]), signed, hashlib.sha256).digest()).decode()
        return {"webhook-id": self.id, "webhook-timestamp": moment, "webhook-signature": f"v1,{mac}"}


class Endpoint:
    """An HTTPS endpoint that answers its challenge and writes down every push: its identifier and the kill
    before which it came."""

    def __init__(self, where, world):
        self.pushes, lock = collections.defaultdict(list), threading.Lock()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                said, answer = json.loads(body), b"{}"
                if said.get("type") == "lockgate.endpoint.challenge":
                    answer = json.dumps({"challenge_response": said["challenge"]}).encode()
                else:
                    with lock:
                        endpoint.pushes[said["number"]].append(
                            (self.headers["webhook-id"], world.kills, hashlib.sha256(body).hexdigest()))
                    time.sleep(random.random() * 0.02)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        subprocess.run(
            "openssl ecparam -name prime256v1 -genkey -noout -out ca.key && openssl req -x509 -new -key ca.key "
            "-subj /CN=bench-ca -days 30 -out ca.pem -addext basicConstraints=critical,CA:TRUE "
            "-addext keyUsage=critical,keyCertSign && openssl ecparam -name prime256v1 -genkey -noout -out srv.key && "
            f"openssl req -new -key srv.key -subj /CN={HOST} -out srv.csr && "
            f"printf 'subjectAltName=DNS:{HOST}\\nbasicConstraints=CA:FALSE\\n' > ext && openssl x509 -req -in srv.csr "
            "-CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out srv.pem",
            shell=True, check=True, cwd=where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(where, "srv.pem"), os.path.join(where, "srv.key"))
        self.server = Server(("127.0.0.1", 0), Handler)
        # The handshake is made by the thread of its connection, so that nobody holds up the others.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port, self.authority = self.server.server_port, open(os.path.join(where, "ca.pem")).read()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class World:
    def __init__(self, engine, seed):
        self.engine, self.chance, self.kills = engine, random.Random(seed), 0
        self.where = machine.folder()
        self.server = machine.Postgres(self.where) if engine == "postgres" else None
        setting = gate.postgres(self.server, "lockgate") if self.server else gate.SQLITE
        self.folder, self.log = os.path.join(self.where, "gate"), os.path.join(self.where, "gate.log")
        house = gate.init(self.folder, setting, f'[egress.destination.danger_static_hosts]\n"{HOST}" = ["127.0.0.1"]\n')
        self.process = gate.serve(self.folder, self.log)
        made = gate.make(house, "/v1/tenants", {"name": "acme"})
        self.tenant, self.operator = made["tenant"]["tenant"], made["key"]["secret"]
        self.consumer = gate.puller(self.operator)
        self.endpoint = Endpoint(self.where, self)
        push = {"push": {"url": f"https://{HOST}:{self.endpoint.port}/in", "trust_pem": self.endpoint.authority,
                         "danger_private_networks": ["127.0.0.0/8"], "timeout_seconds": 5, "concurrent": 16}}
        self.paths, self.subscriptions = {}, {}
        for name, scheme in SUBSCRIPTIONS.items():
            made = gate.subscribe(self.operator, name, scheme, push if name == "pushed" else "pull")
            self.paths[name], self.subscriptions[name] = made["path"], made["subscription"]
            assert made["status"] == "active", made
        self.lock, self.all, self.numbers = threading.Lock(), [], 0
        self.unexpected, self.acknowledged, self.fetched, self.shown_again = [], set(), collections.defaultdict(set), 0
        self.altered, self.sending, self.fetching = 0, True, True

    def new(self, name):
        with self.lock:
            self.numbers += 1
            delivery = Delivery(name, self.numbers)
            self.all.append(delivery)
            return delivery


class Sender(threading.Thread):
    def __init__(self, world, number):
        super().__init__(daemon=True)
        self.world, self.chance = world, random.Random(world.chance.random())
        self.lines, self.unanswered, self.answered = [None, None], [], []

    def put(self, line, delivery):
        if self.lines[line] is None:
            self.lines[line] = http.client.HTTPConnection("127.0.0.1", gate.DOOR, timeout=30)
        self.lines[line].request("POST", self.world.paths[delivery.name], delivery.body,
                                 {"Content-Type": "application/json", **delivery.headers()})

    def take(self, line, delivery):
        answer = self.lines[line].getresponse()
        text = answer.read()
        if answer.status == 200:
            told = json.loads(text)
            delivery.answers.append((told["delivery"], told.get("duplicate"), self.world.kills))
        elif answer.status != 503:
            self.world.unexpected.append((delivery.id, answer.status, text[:200]))

    def once(self, delivery, twice):
        """Sends it, on two connections at the same time where it is to be sent twice."""
        sent = []
        for line in range(1 + twice):
            try:
                self.put(line, delivery)
                sent.append(line)
            except (OSError, http.client.HTTPException):
                self.lines[line] = None
        for line in sent:
            try:
                self.take(line, delivery)
            except (OSError, http.client.HTTPException, ValueError):
                self.lines[line] = None
        if not delivery.answers:
            time.sleep(0.03)
        return bool(delivery.answers)

    def run(self):
        while self.world.sending or self.unanswered:
            roll = self.chance.random()
            if self.unanswered and (roll < 0.5 or not self.world.sending):
                delivery = self.unanswered.pop(0)
            elif self.answered and roll < 0.65:
                # Sent once more, though it was answered.
                self.once(self.chance.choice(self.answered), False)
                continue
            else:
                delivery = self.world.new(self.chance.choice(list(SUBSCRIPTIONS)))
            if self.once(delivery, self.chance.random() < 0.15):
                self.answered.append(delivery)
            else:
                self.unanswered.append(delivery)


class Consumer(threading.Thread):
    """Fetches what waits, does its work, and acknowledges it."""

    def __init__(self, world, name):
        super().__init__(daemon=True)
        self.world, self.subscription = world, world.subscriptions[name]

    def run(self):
        world = self.world
        while world.fetching:
            try:
                status, page = gate.ask(world.consumer, f"/deliveries?subscription={self.subscription}&limit=50", port=gate.DOOR)
                if status != 200:
                    time.sleep(0.1)
                    continue
                for item in page["items"]:
                    body = base64.b64decode(item["body_b64"])
                    number = json.loads(body)["number"]
                    world.shown_again += item["delivery"] in world.acknowledged
                    world.altered += body != world.all[number - 1].body
                    world.fetched[number].add(item["delivery"])
                    status, _ = gate.ask(world.consumer, f"/deliveries/{item['delivery']}/ack", port=gate.DOOR, method="POST")
                    if status == 204:
                        world.acknowledged.add(item["delivery"])
                if not page["items"]:
                    time.sleep(0.1)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.1)


def kill(world):
    world.process.send_signal(signal.SIGKILL)
    world.process.wait()
    machine.started.remove(world.process)
    world.kills += 1


def kill_often(world, kills):
    starts = 0
    while world.kills < kills:
        if world.chance.random() < 0.15:
            # While it starts: it recovers what the last kill left behind.
            time.sleep(world.chance.random() * 0.15)
            starts += 1
        else:
            wait_until_ready(world)
            time.sleep(0.05 + world.chance.random() * 1.2)
        if world.process.poll() is not None:
            raise SystemExit(f"the gateway ended with {world.process.returncode}:\n{open(world.log).read()[-3000:]}")
        kill(world)
        print(f"# kill {world.kills}: {sum(bool(each.answers) for each in world.all)} acknowledged, "
              f"{len(world.acknowledged)} fetched, {len(world.endpoint.pushes)} pushed", file=sys.stderr, flush=True)
        config = os.path.join(world.folder, "lockgate.toml")
        world.process = machine.start([gate.BINARY, "serve", "--config", config], world.log)
    wait_until_ready(world)
    return starts


def wait_until_ready(world):
    until = time.time() + 60
    while time.time() < until:
        if world.process.poll() is not None:
            raise SystemExit(f"the gateway did not start again:\n{open(world.log).read()[-3000:]}")
        try:
            if gate.ask("", "/readyz", port=gate.DOOR, patience=2)[0] == 200:
                return
        except (OSError, ValueError, http.client.HTTPException):
            pass
        time.sleep(0.01)
    raise SystemExit("the gateway does not become ready")


def settle(world):
    """Waits until everything is handed on; a lease of a process that was killed has to run out first."""
    until = time.time() + SETTLE_SECONDS
    states = lambda name, state: gate.ask(
        world.operator, f"/v1/deliveries?subscription={world.subscriptions[name]}&state={state}&limit=1")[1]["items"]
    while time.time() < until:
        if not any(states(name, state) for name in SUBSCRIPTIONS for state in ("waiting", "leased")):
            return True
        time.sleep(0.5)
    return False


def listed(world):
    """Every delivery of the tenant."""
    found, cursor = [], ""
    while True:
        page = gate.ask(world.operator, f"/v1/deliveries?limit=1000{cursor}")[1]
        found.extend(page["items"])
        if not page.get("next"):
            return found
        cursor = f"&cursor={page['next']}"


def events(world):
    """The subjects of the events of received deliveries."""
    query = "SELECT body FROM {}events WHERE type = 'WebhookDeliveryReceived'"
    if world.server:
        bodies = world.server.sql(query.format("lockgate."), "lockgate").splitlines()
    else:
        store = sqlite3.connect(os.path.join(world.folder, "data/lockgate.db"))
        bodies = [body for (body,) in store.execute(query.format(""))]
    return collections.Counter(json.loads(body)["subject"] for body in bodies)


def trail(world):
    """Whether the trail verifies, and the deliveries whose receipt it tells."""
    config = ["--config", os.path.join(world.folder, "lockgate.toml")]
    verified = subprocess.run([gate.BINARY, "audit", "verify", *config], capture_output=True, text=True)
    export = subprocess.run([gate.BINARY, "audit", "export", "--tenant", world.tenant, *config], capture_output=True, text=True)
    told = collections.Counter()
    for line in export.stdout.splitlines():
        if "delivery.receive" in line:
            found = re.search(r'"object":"(dlv_\w+)"', line) or re.search(r"(dlv_\w{26})", line)
            told[found[1]] += 1
    return verified.returncode == 0, verified.stdout + verified.stderr, told


def judge(world):
    """What became of each delivery. Gives (figures, faults): every fault is a broken promise."""
    stored = listed(world)
    settled = stored and all(each["state"] not in ("waiting", "leased") for each in stored)
    assert machine.stop(world.process) == 0, "it did not end well"
    happened, (verified, said, recorded) = events(world), trail(world)
    by_id = {each["delivery"]: each for each in stored}
    of_provider = collections.Counter((each["subscription"], each["provider_id"]) for each in stored)
    acked = [each for each in world.all if each.answers]
    faults = {
        "lost": [each.id for each in acked if not all(told in by_id for told, _, _ in each.answers)],
        "stored twice": [pair for pair, count in of_provider.items() if count > 1],
        "acknowledged under two ids": [(each.id, each.answers) for each in acked if len({told for told, _, _ in each.answers}) > 1],
        "fresh twice": [(each.id, each.answers) for each in acked if sum(again is False for _, again, _ in each.answers) > 1],
        "quarantined or dead": [each for each in stored if each["state"] not in ("delivered", "waiting", "leased")],
        "never acknowledged": [each.id for each in world.all if not each.answers],
        "refused": world.unexpected,
        "fetched under two ids": [number for number, ids in world.fetched.items() if len(ids) > 1],
        "fetched again after its acknowledgement": [world.shown_again] * bool(world.shown_again),
        "altered": [world.altered] * bool(world.altered),
        "pushed under two ids": [(number, seen) for number, seen in world.endpoint.pushes.items() if len({id for id, _, _ in seen}) > 1],
        "pushed again without a kill between": [
            (number, seen) for number, seen in world.endpoint.pushes.items()
            if any(left[1] == right[1] for left, right in zip(seen, seen[1:]))],
        "pushed with another body": [
            number for number, seen in world.endpoint.pushes.items()
            if {digest for _, _, digest in seen} != {hashlib.sha256(world.all[number - 1].body).hexdigest()}],
        "never handed on": [each.id for each in acked if not (world.endpoint.pushes if each.name == "pushed" else world.fetched)[each.number]],
        "not settled in time": [] if settled else ["something waits"],
        "without its event, or with two": [each for each in by_id if happened[each] != 1],
        "an event of nothing": [each for each in happened if each not in by_id],
        "without its record, or with two": [each for each in by_id if recorded[each] != 1],
        "a record of nothing": [each for each in recorded if each not in by_id],
        "the trail does not verify": [] if verified else [said],
    }
    figures = {
        "acknowledged": len(acked),
        "stored": len(stored),
        "answers": sum(len(each.answers) for each in acked),
        "answers to what was known": sum(bool(again) for each in acked for _, again, _ in each.answers),
        "kept before a kill that took the answer, known after it": sum(all(again for _, again, _ in each.answers) for each in acked),
        "fetched": len(world.fetched),
        "pushed": len(world.endpoint.pushes),
        "pushed again, under the same id, after a kill": sum(len(seen) > 1 for seen in world.endpoint.pushes.values()),
    }
    return figures, faults


def main():
    engine, kills = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(2**32)
    began = time.time()
    world = World(engine, seed)
    try:
        senders = [Sender(world, number) for number in range(SENDERS)]
        consumers = [Consumer(world, name) for name in SUBSCRIPTIONS if name != "pushed"]
        for thread in senders + consumers:
            thread.start()
        starts = kill_often(world, kills)
        world.sending = False
        for thread in senders:
            thread.join(60)
        settle(world)
        world.fetching = False
        for thread in consumers:
            thread.join(60)
        figures, faults = judge(world)
        broken = {what: found for what, found in faults.items() if found}
        report(engine, kills, starts, seed, time.time() - began, figures, faults)
        if broken:
            kept = tempfile.mkdtemp(prefix="lockgate-crash.")
            json.dump(broken, open(os.path.join(kept, "faults.json"), "w"), indent=1, default=str)
            shutil.copytree(world.folder, os.path.join(kept, "gate"))
            shutil.copy(world.log, kept)
            print(f"what is left of it: {kept}", file=sys.stderr)
            raise SystemExit(1)
    finally:
        machine.stop_all()
        if world.server:
            world.server.stop()
        shutil.rmtree(world.where, ignore_errors=True)


def report(engine, kills, starts, seed, took, figures, faults):
    print(f"## {engine}: {kills} kills, {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC\n")
    told = subprocess.run([gate.BINARY, "--version"], capture_output=True, text=True).stdout.strip()
    print(f"machine: {machine.machine()}; {told}; {SENDERS} senders, two consumers, one endpoint; {took:.0f} s; seed {seed}; "
          f"{starts} of the kills while it started\n")
    print("| | |\n| --- | --- |")
    for what, count in figures.items():
        print(f"| {what} | {count:,} |")
    duplicates = ("stored twice", "acknowledged under two ids", "fresh twice", "fetched under two ids",
                  "fetched again after its acknowledgement", "pushed under two ids", "pushed again without a kill between")
    print(f"| **lost** | **{len(faults['lost'])}** |")
    print(f"| **duplicate effects** | **{sum(len(faults[what]) for what in duplicates)}** |")
    for what, found in faults.items():
        if found or what not in ("lost", *duplicates):
            print(f"| {what} | {len(found)} |")
    print()


if __name__ == "__main__":
    try:
        main()
    finally:
        machine.stop_all()
