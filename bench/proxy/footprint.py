"""What configured connections cost: idle memory, time to be ready, and calls with ten of them as with many.

usage: footprint.py ROUNDS SECONDS [CONNECTIONS]
The many are copies of one row each of connection and credential, written into the database of a second
gateway; calls go to the ten that were made over the operators' side. Rounds are interleaved (A B B A …)."""
import os
import secrets
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.request

import lockgate
import measure
import peers
from peers import R
from prepare import load_script, tokens

FEW = 10
VARIANT = "ctlcache"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def identifier(prefix):
    """A prefix and a UUIDv7 in Crockford's base 32, as the gateway writes them."""
    number = int(time.time() * 1000) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    text = ""
    for _ in range(26):
        text = ALPHABET[number & 31] + text
        number >>= 5
    return f"{prefix}_{text}"


def multiply(folder, count):
    """Copies the last connection and its credential until there are so many."""
    base = sqlite3.connect(os.path.join(folder, "data/lockgate.db"))
    base.row_factory = sqlite3.Row
    have = base.execute("SELECT count(*) FROM connections").fetchone()[0]
    connection = dict(base.execute("SELECT * FROM connections ORDER BY connection DESC LIMIT 1").fetchone())
    credential = dict(base.execute("SELECT * FROM credentials WHERE credential = ?", [connection["credential"]]).fetchone())
    versions = [dict(row) for row in base.execute(
        "SELECT * FROM credential_versions WHERE credential = ?", [connection["credential"]])]

    def insert(table, row):
        columns = ", ".join(row)
        base.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(row))})", list(row.values()))

    for number in range(have, count):
        connection.update(connection=identifier("conn"), name=f"copy-{number}", credential=identifier("cred"))
        credential.update(credential=connection["credential"], name=f"copy-{number}")
        if "connection" in credential:
            credential["connection"] = connection["connection"]
        insert("connections", connection)
        insert("credentials", credential)
        for version in versions:
            insert("credential_versions", {**version, "credential": connection["credential"]})
    base.commit()
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()


def ready(process):
    """Seconds from the start of the process until it says that it is ready."""
    began = time.perf_counter()
    while time.perf_counter() - began < 30:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{lockgate.DOOR}/readyz", timeout=1)
            return time.perf_counter() - began
        except OSError:
            time.sleep(0.002)
    raise SystemExit("it does not become ready")


def one(folder, seconds):
    upstream = measure.start(peers.upstream(), 0, log="upstream")
    assert measure.wait_for(19000)
    command = [lockgate.BINARY, "serve", "--config", os.path.join(folder, "lockgate.toml")]
    under_test = measure.start(command, 1, log="footprint")
    try:
        took = ready(under_test)
        time.sleep(2.0)
        idle = measure.memory_kib(under_test)
        script, url = f"{R}/tokens-footprint.lua", f"http://127.0.0.1:{lockgate.DOOR}/"
        measure.load(url, script, 2)
        before = measure.cpu_seconds(under_test)
        result = measure.load(url, script, seconds)
        used = measure.cpu_seconds(under_test) - before
        return {"ready": took, "idle": idle, "rps": result["rps"], "p99": result["p99"],
                "per_cpu": result["n"] / used, "non2xx": result["non2xx"]}
    finally:
        measure.stop(under_test)
        measure.stop(upstream)


def main():
    rounds, seconds = int(sys.argv[1]), int(sys.argv[2])
    many = int(sys.argv[3]) if len(sys.argv) > 3 else 100_000
    few_folder = lockgate.prepare(VARIANT, tokens, FEW)
    many_folder = os.path.join(R, "lockgate-many")
    shutil.rmtree(many_folder, ignore_errors=True)
    subprocess.run(["cp", "-a", few_folder, many_folder], check=True)
    multiply(many_folder, many)
    shutil.copy(f"{R}/tokens-{VARIANT}.txt", f"{R}/tokens-footprint.txt")
    load_script("tokens-footprint", [f"/call/crm-{number}/v1/items" for number in range(FEW)], "gate")
    taken = {few_folder: [], many_folder: []}
    for number in range(rounds):
        order = [few_folder, many_folder] if number % 2 == 0 else [many_folder, few_folder]
        for folder in order:
            taken[folder].append(one(folder, seconds))
            print("#", os.path.basename(folder), taken[folder][-1], file=sys.stderr, flush=True)
    middle = lambda folder, field: statistics.median(result[field] for result in taken[folder])
    print(f"{rounds} rounds of {seconds} s, interleaved; 64 connections; verified tokens remembered; plain upstream\n")
    print("| connections configured | ready | idle memory | requests per CPU-second | p99 | non-2xx |")
    print("| --- | --- | --- | --- | --- | --- |")
    for folder, count in ((few_folder, FEW), (many_folder, many)):
        print(f"| {count:,} | {middle(folder, 'ready') * 1000:.0f} ms | {middle(folder, 'idle') / 1024:.1f} MiB | "
              f"{middle(folder, 'per_cpu'):,.0f} | {middle(folder, 'p99') / 1000:.2f} ms | {middle(folder, 'non2xx'):.0f} |")
    each = (middle(many_folder, "idle") - middle(few_folder, "idle")) * 1024 / (many - FEW)
    ratio = lambda field: middle(many_folder, field) / middle(few_folder, field)
    print(f"\nEach connection takes {each:,.0f} bytes. With {many:,} beside {FEW}: "
          f"{ratio('per_cpu'):.2f} of the requests per CPU-second, {ratio('p99'):.2f} of the p99.")


if __name__ == "__main__":
    try:
        main()
    finally:
        for process in list(measure.started):
            measure.stop(process)
