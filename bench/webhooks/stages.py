"""The instructions that each stage of a received delivery costs, counted by callgrind: the same for the same
binary, however busy the machine is.

usage: stages.py [DELIVERIES] [CONNECTIONS]
On SQLite, which is inside the process. The counting starts when everything is warm and ends when the trail has
every delivery. What the kernel does is not counted."""
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time

import gate
import machine

WARM = 200

# What a function is called in the binary, and what it does. Figures include what a function calls, so lines
# that are set in stand for a part of the line above them. `own` is what is counted without what is called.
STAGES = [
    ("the whole process", None),
    ("the sender's connection: HTTP and all that is behind it", r"hyper::server::conn::http1::Connection<I,S>.*::poll"),
    ("- hyper reads the head", r"h1::conn::Conn<I,B,T>::poll_read_head"),
    ("- the strict reader", r"http1::reader::sift"),
    ("- the door, from a request to its answer's head", r"running::Running::start::.{11}::.{11}"),
    ("- - verify", r"webhooks::receive::.*>::verify$"),
    ("- - - the subscription's secrets, unsealed", r"webhooks::Webhooks>?::secrets$"),
    ("- - - the signature", r"WebhookSecrets::matching$"),
    ("- - - digests of what was signed and of the body", r"vault::webhook::sha256$"),
    ("- - keep, until the change is queued", r"webhooks::receive::.*>::receive::.{11}::.{11}$"),
    ("- - - claims", r"webhooks::keep::.*>::claims$"),
    ("- - - keyed digests: the body's and the claims'", r"Vault::digest$"),
    ("- - - the envelope, sealed", r"Envelope::seal$"),
    ("- - - the event", r"registry::event::Event::step$"),
    ("- - - the record, as a row of the outbox", r"audit::outbox::values$"),
    ("- - the answer's body", r"doors::inbound::.*>::received$"),
    ("the store's thread: all commits, the relay's among them", r"engine::sqlite::writer::commit$"),
    ("- statements", r"engine::sqlite::writer::apply$"),
    ("- begin, savepoints and commit", r"engine::sqlite::writer::command$"),
    ("- of all that, copies of pages for savepoints", r"subjournalPageIfRequired$"),
    ("the relay: from the outbox to the trail, without the store's thread", r"audit::relay::Relay::pass::.{11}$"),
    ("- a row, judged", r"audit::outbox::judged$"),
    ("the trail's writer: an entry, its hashes and tree", r"append::writer::Writer::append$"),
    ("the courier's rounds", r"webhooks::courier::go_round"),
    ("of all that, SHA-256 (the counting machine has no SHA extensions)", r"sha256_block_data_order$|aws_lc\w*_sha256_block_data_order_avx"),
    ("of all that, deriving keys of messages", r"vault::seal::derived$"),
    ("of all that, copying memory", r"memcpy_avx"),
    ("of all that, SQLite's allocations", r"sqlite3Malloc(\.part\.\d+)?$"),
]
TOP = 30


def annotated(file, inclusive):
    text = subprocess.run(["callgrind_annotate", f"--inclusive={'yes' if inclusive else 'no'}", "--threshold=100", "--auto=no", file],
                          capture_output=True, text=True, check=True).stdout
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*([\d,]+)\s+\(\s*[\d.]+%\)\s+(\S.*)$", line)
        if match:
            found.append((int(match[1].replace(",", "")), match[2]))
    return found


def short(name):
    """A function's name without the object's, which stands in brackets, and without the file's."""
    name = re.sub(r" \[[^]]*\]( .*)?$", "", name)
    name = re.sub(r"^[^ ]*:(?=[^:])", "", name)
    name = re.sub(r"::h[0-9a-f]{16}$", "", name)
    return name if len(name) < 110 else name[:107] + "…"


def waiting(database):
    store = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return store.execute("SELECT count(*) FROM outbox WHERE appended_at IS NULL").fetchone()[0]
    finally:
        store.close()


def drain(database):
    until = time.time() + 120
    while waiting(database) and time.time() < until:
        time.sleep(0.2)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else 64
    where = machine.folder()
    try:
        folder = os.path.join(where, "gate")
        path = gate.prepare(folder, gate.SQLITE)["github"]
        database = os.path.join(folder, "data/lockgate.db")
        out = os.path.join(where, "callgrind.out")
        process = gate.serve(folder, os.path.join(where, "gate.log"), before=(
            "valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"))
        gate.load(path, "github", 300, connections, count=WARM)
        drain(database)
        control = ["callgrind_control", "-i"]
        subprocess.run([*control, "on", str(process.pid)], check=True, capture_output=True)
        done = gate.load(path, "github", 600, connections, count=count)
        drain(database)
        subprocess.run([*control, "off", str(process.pid)], check=True, capture_output=True)
        machine.stop(process, patience=120)
        if done["kept"] != count:
            raise SystemExit(f"not everything was kept: {done}")
        if "LOCKGATE_CALLGRIND" in os.environ:
            shutil.copy(out, os.environ["LOCKGATE_CALLGRIND"])
        report(out, count, connections)
    finally:
        machine.stop_all()
        shutil.rmtree(where, ignore_errors=True)


def report(out, count, connections):
    print(f"## Stages of a received delivery, {time.strftime('%Y-%m-%d', time.gmtime())}\n")
    print(f"{count} deliveries over {connections} connection{'s' * (connections > 1)}; GitHub's scheme, 1 KiB, SQLite, pull; callgrind.\n"
          "A line that is set in is a part of the line above it.\n")
    print("| stage | instructions a delivery |\n| --- | --- |")
    functions = annotated(out, True)
    total = next(cost for cost, name in functions if name.startswith("PROGRAM TOTALS"))
    for stage, pattern in STAGES:
        # Without the object's name, which stands in brackets at the end.
        cost = total if pattern is None else next(
            (cost for cost, name in functions if re.search(pattern, re.sub(r" \[[^]]*\]$", "", name))), 0)
        print(f"| {stage} | {cost / count:,.0f} |")
    print("\n| function, without what it calls | instructions a delivery |\n| --- | --- |")
    for cost, name in [each for each in annotated(out, False) if not each[1].startswith("PROGRAM TOTALS")][:TOP]:
        print(f"| `{short(name)}` | {cost / count:,.0f} |")
    print()


if __name__ == "__main__":
    try:
        main()
    finally:
        machine.stop_all()
