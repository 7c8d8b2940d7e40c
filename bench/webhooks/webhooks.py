"""Deliveries that are taken in, on both engines, beside what the machine itself can commit in the same run.

usage: webhooks.py ROUNDS SECONDS
Rounds are interleaved and each second one runs backwards. Every figure is the median over the rounds."""
import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time

import gate
import machine
import peers
from machine import RUN

CONNECTIONS = 64
DRAIN_SECONDS = 60
TARGETS = {"of_limit": 0.5, "of_svix": 4, "cpu": 100, "p99": 5}


class Bench:
    def __init__(self, seconds):
        self.seconds, self.where = seconds, machine.folder()
        self.server = machine.Postgres(self.where)
        self.paths = {}
        for engine, setting in (("sqlite", gate.SQLITE), ("postgres", gate.postgres(self.server, "lockgate"))):
            self.paths[engine] = gate.prepare(self.file(f"made-{engine}"), setting)
        self.server.sql("CREATE DATABASE peers")
        self.server.sql(peers.TABLES, "peers")
        self.scripts = {name: self.written(name, "\n".join(lines) + "\n") for name, lines in peers.SCRIPTS.items()}
        self.shape = self.learn()

    def file(self, name):
        return os.path.join(self.where, name)

    def written(self, name, text):
        with open(self.file(f"{name}.script"), "w") as file:
            file.write(text)
        return self.file(f"{name}.script")

    def learn(self):
        """What a delivery writes, from one that a gateway took in."""
        folder = self.fresh("sqlite")
        process = gate.serve(folder, self.file("learn.log"))
        gate.load(self.paths["sqlite"]["github"], "github", 30, connections=1, count=20)
        machine.stop(process)
        text, shape = gate.script(os.path.join(folder, "data/lockgate.db"))
        self.scripts["own"] = self.written("own", text)
        return shape

    def fresh(self, engine):
        """The folder of a gateway as it was when it was made, and its database likewise."""
        folder = self.file(f"run-{engine}")
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["cp", "-a", self.file(f"made-{engine}"), folder], check=True)
        if engine == "postgres":
            self.server.copy("lockgate", "run")
            config = os.path.join(folder, "lockgate.toml")
            text = open(config).read().replace(self.server.url("lockgate"), self.server.url("run"))
            open(config, "w").write(text)
        return folder

    def waiting(self, engine, folder):
        """Rows of the outbox that are not in the trail yet."""
        query = "SELECT count(*) FROM {}outbox WHERE appended_at IS NULL"
        if engine == "postgres":
            return int(self.server.sql(query.format("lockgate."), "run"))
        store = sqlite3.connect(f"file:{folder}/data/lockgate.db?mode=ro", uri=True)
        try:
            return store.execute(query.format("")).fetchone()[0]
        finally:
            store.close()

    def gateway(self, engine, scheme):
        """The full load; the rest of its work for the trail; then, by the clock, half of the load."""
        folder = self.fresh(engine)
        process = gate.serve(folder, self.file(f"{engine}-{scheme}.log"))
        path = self.paths[engine][scheme]
        try:
            gate.load(path, scheme, 1, CONNECTIONS)
            self.drained(engine, folder)
            before, beside, (idle, all_ticks) = machine.cpu_seconds(process.pid), self.beside(), machine.whole_machine()
            kernel = machine.kernel_seconds(process.pid)
            full = gate.load(path, scheme, self.seconds, CONNECTIONS)
            during, database = machine.cpu_seconds(process.pid) - before, self.beside() - beside
            idle_after, all_after = machine.whole_machine()
            left, took = self.drained(engine, folder)
            kernel = machine.kernel_seconds(process.pid) - kernel
            used, theirs = machine.cpu_seconds(process.pid) - before, self.beside() - beside
            each = 1e6 / max(full["kept"], 1)
            full.update(cpu_each=used * each, kernel_each=kernel * each, cpu_during=during * each, database_each=theirs * each if engine == "postgres" else 0,
                        behind_rows=left, behind_seconds=took, load_each=full["load_cpu"] * each,
                        idle_share=(idle_after - idle) / (all_after - all_ticks),
                        others_share=1 - (idle_after - idle + (during + database + full["load_cpu"]) * machine.TICKS) / (all_after - all_ticks))
            result = {"full": full}
            if scheme == "github":
                result["half"] = gate.load(path, scheme, self.seconds, CONNECTIONS, rate=full["rate"] / 2)
                result["fdatasync"] = machine.fdatasync(self.where)
            return result
        finally:
            machine.stop(process, signal.SIGKILL)

    def drained(self, engine, folder):
        """How many acts waited for the trail, and how long until none did."""
        began, left = time.time(), self.waiting(engine, folder)
        while self.waiting(engine, folder) and time.time() - began < DRAIN_SECONDS:
            time.sleep(0.1)
        return left, time.time() - began

    def beside(self):
        return machine.cpu_seconds(self.server.pid)

    def sqlite_limit(self, turns):
        shutil.rmtree(self.file("limit"), ignore_errors=True)
        os.makedirs(self.file("limit"))
        for name in os.listdir(self.file("made-sqlite/data")):
            if name.startswith("lockgate.db"):
                shutil.copy(self.file(f"made-sqlite/data/{name}"), self.file(f"limit/{name}"))
        program = machine.compiled("limit_sqlite", "-lsqlite3")
        return machine.told([program, self.file("limit/lockgate.db"), self.scripts["own"], str(turns), str(self.seconds)])

    def postgres_limit(self, script, turns, connections):
        if script == "own":
            self.server.copy("lockgate", "measured")
        else:
            self.server.copy("peers", "measured")
        program = machine.compiled("limit_postgres", "-I/usr/include/postgresql", "-lpq", "-pthread")
        conninfo = self.server.conninfo("measured") + " options='-c search_path=lockgate,public'"
        before = self.beside()
        result = machine.told([program, conninfo, self.scripts[script], str(turns), str(self.seconds), str(connections)])
        # The last connections' processes are gone, and counted, a moment after their ends.
        time.sleep(0.5)
        result["database_each"] = (self.beside() - before) * 1e6 / result["n"]
        return result

    def cases(self):
        return [
            ("sqlite limit 1", lambda: self.sqlite_limit(1)),
            ("sqlite gateway github", lambda: self.gateway("sqlite", "github")),
            ("sqlite limit 64", lambda: self.sqlite_limit(64)),
            ("sqlite gateway standardwebhooks", lambda: self.gateway("sqlite", "standardwebhooks")),
            ("postgres limit 1 64", lambda: self.postgres_limit("own", 1, 64)),
            ("postgres limit 64 1", lambda: self.postgres_limit("own", 64, 1)),
            ("postgres gateway github", lambda: self.gateway("postgres", "github")),
            ("postgres limit 64 4", lambda: self.postgres_limit("own", 64, 4)),
            ("postgres gateway standardwebhooks", lambda: self.gateway("postgres", "standardwebhooks")),
            ("svix", lambda: self.postgres_limit("svix", 0, 64)),
            ("svix_2024", lambda: self.postgres_limit("svix_2024", 0, 64)),
            ("svix_accept", lambda: self.postgres_limit("svix_accept", 0, 64)),
        ]


def run(bench, rounds):
    taken = []
    for number in range(rounds):
        p50, p99 = machine.fdatasync(bench.where)
        taken.append({"case": "fdatasync", "p50": p50, "p99": p99})
        cases = bench.cases()
        for name, measure in cases if number % 2 == 0 else reversed(cases):
            result = {"case": name, "round": number, **measure()}
            taken.append(result)
            if "fdatasync" in result:
                taken.append({"case": "fdatasync", "p50": result["fdatasync"][0], "p99": result["fdatasync"][1]})
            with open(os.path.join(RUN, "webhooks.jsonl"), "a") as file:
                file.write(json.dumps(result) + "\n")
            shown = result.get("full", result)
            print(f"# {number} {name}: {shown['rate']:.0f}/s p50 {shown['p50']:.0f} p99 {shown['p99']:.0f} us "
                  f"{ {key: round(value, 1) for key, value in shown.items() if key.endswith(('each', 'rows', 'seconds', 'share'))} }",
                  file=sys.stderr, flush=True)
    return taken


def version(server):
    told = subprocess.run([gate.BINARY, "--version"], capture_output=True, text=True).stdout.strip()
    commit = subprocess.run(["git", "-C", machine.ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return f"{told} ({commit}); PostgreSQL {server.version()}"


def report(bench, taken, rounds, seconds):
    def middle(case, *path):
        values = []
        for result in taken:
            if result["case"] == case:
                for step in path:
                    result = result[step]
                values.append(result)
        return statistics.median(values)

    bad = sum(part["others"] + part["duplicates"] for result in taken for part in (result.get("full"), result.get("half")) if part)
    limits = next(result for result in taken if result["case"] == "sqlite limit 64")
    print(f"## Deliveries taken in, {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC\n")
    print(f"machine: {machine.machine()}; {rounds} rounds of {seconds} s, interleaved, medians; {CONNECTIONS} connections; "
          f"1 KiB bodies, each signed anew; pull\nversions: {version(bench.server)}, fsync and synchronous_commit as they come; "
          f"SQLite of the limits {limits['version']}\none delivery: {bench.shape['rows']} rows, {bench.shape['bytes']:,} bytes "
          f"(envelope {bench.shape['sealed']:,})\nfdatasync of 4 KiB in this run: p50 {middle('fdatasync', 'p50'):.0f} us, "
          f"p99 {middle('fdatasync', 'p99'):.0f} us\nneither kept nor expected: {bad}\n")
    print("| | deliveries/s | p50 us | p99 us | gateway CPU us | of it in the kernel | of it before the trail had all | database CPU us | load's CPU us | trail behind | cores idle | other's |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for engine in ("sqlite", "postgres"):
        for scheme in gate.SECRETS:
            at = lambda name: middle(f"{engine} gateway {scheme}", "full", name)
            print(f"| gateway, {engine}, {scheme} | {at('rate'):,.0f} | {at('p50'):,.0f} | {at('p99'):,.0f} | {at('cpu_each'):.1f} | {at('kernel_each'):.1f} | "
                  f"{at('cpu_during'):.1f} | {at('database_each'):.1f} | {at('load_each'):.1f} | {at('behind_rows'):,.0f} rows, {at('behind_seconds'):.1f} s | "
                  f"{at('idle_share'):.0%} | {at('others_share'):.0%} |")
    for name, case in (("SQLite, 1 a commit", "sqlite limit 1"), ("SQLite, 64 a commit", "sqlite limit 64"),
                       ("PostgreSQL, 1 a commit, 64 connections", "postgres limit 1 64"),
                       ("PostgreSQL, 64 a commit, 1 connection", "postgres limit 64 1"),
                       ("PostgreSQL, 64 a commit, 4 connections", "postgres limit 64 4"),
                       ("Svix's statements (2026), 64 connections", "svix"),
                       ("Svix's statements (to August 2025), 64 connections", "svix_2024"),
                       ("Svix's statements before it answers, 64 connections", "svix_accept")):
        database = f"{middle(case, 'database_each'):.1f}" if "sqlite" not in case else f"{middle(case, 'cpu_each'):.1f}"
        print(f"| limit: {name} | {middle(case, 'rate'):,.0f} | {middle(case, 'p50'):,.0f} | {middle(case, 'p99'):,.0f} | | | | {database} | | | | |")
    print("\n| half of the load, by the clock | deliveries/s | p50 us | p99 us | p99 / fdatasync p99 |\n| --- | --- | --- | --- | --- |")
    for engine in ("sqlite", "postgres"):
        at = lambda name: middle(f"{engine} gateway github", "half", name)
        print(f"| {engine} | {at('rate'):,.0f} | {at('p50'):,.0f} | {at('p99'):,.0f} | {at('p99') / middle('fdatasync', 'p99'):.1f} |")

    print("\n| target | measured | met |\n| --- | --- | --- |")

    def verdict(what, figure, met):
        print(f"| {what} | {figure} | {'yes' if met else 'NO'} |")

    rate = lambda engine: middle(f"{engine} gateway github", "full", "rate")
    for engine, case in (("sqlite", "sqlite limit 64"), ("postgres", "postgres limit 64 1"), ("postgres", "postgres limit 64 4")):
        share = rate(engine) / middle(case, "rate")
        verdict(f"{engine}: at least half of the 64-row commits ({case.split()[-1]} connection{'s' * case.endswith('4')})"
                if engine == "postgres" else "sqlite: at least half of the 64-row commits", f"{share:.2f}", share >= TARGETS["of_limit"])
    for case, name in (("svix", "2026"), ("svix_2024", "to August 2025")):
        share = rate("postgres") / middle(case, "rate")
        verdict(f"postgres: at least 4 times Svix's statements ({name})", f"{share:.1f}", share >= TARGETS["of_svix"])
    for engine in ("sqlite", "postgres"):
        cpu = middle(f"{engine} gateway github", "full", "cpu_each")
        verdict(f"{engine}: at most 100 us of the gateway's CPU for each", f"{cpu:.1f}", cpu <= TARGETS["cpu"])
    for engine in ("sqlite", "postgres"):
        share = middle(f"{engine} gateway github", "half", "p99") / middle("fdatasync", "p99")
        verdict(f"{engine}: p99 at half of the load at most 5 times fdatasync's", f"{share:.1f}", share <= TARGETS["p99"])
    print()


def main():
    rounds, seconds = int(sys.argv[1]), float(sys.argv[2])
    bench = Bench(seconds)
    try:
        taken = run(bench, rounds)
        report(bench, taken, rounds, f"{seconds:g}")
    finally:
        machine.stop_all()
        bench.server.stop()
        shutil.rmtree(bench.where, ignore_errors=True)


if __name__ == "__main__":
    try:
        main()
    finally:
        machine.stop_all()
