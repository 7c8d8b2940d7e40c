#!/usr/bin/env python3
"""Closed-loop comparison on loopback: upstream nginx and load generator on CPU 0, the system under test
alone on CPU 1. Rounds are interleaved and each second one runs backwards, so that drift hits all alike.

usage: measure.py ROUNDS SECONDS [FILTER...]
Every measurement is appended to bench/run/proxy.jsonl; `report.py` makes the table."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import lockgate
import peers
from peers import R

CASES = [
    ("direct", "plain"), ("direct", "tls"),
    ("nginx", "plain"), ("nginx", "tls"), ("nginx", "ctl"), ("nginx", "ctltls"), ("nginx", "ctlcache"), ("nginx", "ctlcachetls"),
    ("haproxy", "plain"), ("haproxy", "tls"), ("haproxy", "ctl"), ("haproxy", "ctltls"),
    ("lockgate", "ctl"), ("lockgate", "ctltls"), ("lockgate", "ctlcache"), ("lockgate", "ctlcachetls"),
    ("envoy", "plain"), ("envoy", "tls"), ("envoy", "ctl"), ("envoy", "ctltls"), ("envoy", "ctlcache"), ("envoy", "ctlcachetls"),
]
CONNECTIONS = 64
TICKS = os.sysconf("SC_CLK_TCK")
started = []


def start(command, cpu, environment=None, log="out"):
    process = subprocess.Popen(
        ["taskset", "-c", str(cpu)] + command, env={**os.environ, **(environment or {})},
        stdout=open(os.path.join(R, f"{log}.log"), "w"), stderr=subprocess.STDOUT, start_new_session=True)
    started.append(process)
    return process


def stop(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process in started:
        started.remove(process)


def members(group):
    """All processes of a system: (pid, CPU ticks)."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()
                if int(fields[2]) == group:
                    found.append((int(entry), int(fields[11]) + int(fields[12])))
            except (OSError, ValueError):
                pass
    return found


def cpu_seconds(process):
    return sum(ticks for _, ticks in members(process.pid)) / TICKS


def memory_kib(process):
    total = 0
    for pid, _ in members(process.pid):
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", open(f"/proc/{pid}/smaps_rollup").read(), re.M)[1])
        except OSError:
            pass
    return total


def wait_for(port, seconds=15):
    end = time.time() + seconds
    while time.time() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def micros(text):
    value, unit = re.match(r"([\d.]+)(us|ms|s|m)$", text).groups()
    return float(value) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}[unit]


def load(url, script, seconds):
    out = subprocess.run(
        ["taskset", "-c", "0", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", script, url],
        capture_output=True, text=True).stdout
    field = lambda pattern: re.search(pattern, out)[1]
    if "requests in" not in out or "99%" not in out or " 0 requests in" in out:
        raise SystemExit(f"the load generator measured nothing:\n{out}")
    return {
        "rps": float(field(r"Requests/sec:\s+([\d.]+)")), "n": int(field(r"(\d+) requests in")),
        "p50": micros(field(r"\n\s+50%\s+(\S+)")), "p99": micros(field(r"\n\s+99%\s+(\S+)")),
        "non2xx": int(field(r"Non-2xx or 3xx responses: (\d+)")) if "Non-2xx" in out else 0,
    }


def fdatasync_p99(rounds=200):
    """The disk's own limit in this run: appends of 4 KiB, each synced."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=R) as file:
        for _ in range(rounds):
            file.write(b"x" * 4096)
            file.flush()
            before = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - before) * 1e6)
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.99)]


def measure(system, variant, seconds):
    upstream = start(peers.upstream(), 1 if system == "direct" else 0, log="upstream")
    assert wait_for(19000), "the upstream did not start"
    under_test = None
    try:
        script = f"{R}/tokens.lua"
        if system == "direct":
            port, under_test = (19443 if variant == "tls" else 19000), upstream
            url = f"{'https' if variant == 'tls' else 'http'}://127.0.0.1:{port}/v1/items"
        else:
            ours = system == "lockgate"
            command, port, environment = lockgate.command(variant) if ours else getattr(peers, system)(variant)
            script = f"{R}/tokens-{variant}.lua" if ours else script
            under_test = start(command, 1, environment, log=f"{system}-{variant}")
            if not wait_for(port):
                print("did not start:", system, variant, open(f"{R}/{system}-{variant}.log").read()[-800:])
                return None
            url = f"http://127.0.0.1:{port}/"
        time.sleep(1.0)
        idle = memory_kib(under_test)
        load(url, script, 2)
        before, at = cpu_seconds(under_test), time.time()
        result = load(url, script, seconds)
        used = cpu_seconds(under_test) - before
        result.update(system=system, variant=variant, cpu=round(used / (time.time() - at), 3), idle_kib=idle,
                      per_cpu_second=round(result["n"] / used) if used else None)
        return result
    finally:
        if under_test is not None and under_test is not upstream:
            stop(under_test)
        stop(upstream)


def main():
    rounds, seconds, filters = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    cases = [case for case in CASES if not filters or case[0] in filters or "/".join(case) in filters]
    with open(os.path.join(R, "proxy.jsonl"), "a") as out:
        for number in range(rounds):
            p50, p99 = fdatasync_p99()
            out.write(json.dumps({"round": number, "fdatasync_p50": p50, "fdatasync_p99": p99}) + "\n")
            for system, variant in cases if number % 2 == 0 else reversed(cases):
                result = measure(system, variant, seconds)
                if result is None:
                    continue
                result["round"] = number
                out.write(json.dumps(result) + "\n")
                out.flush()
                print(f"{number} {system:9} {variant:12} {result['rps']:9.0f}/s  {result['per_cpu_second']} per CPU-s  "
                      f"p50 {result['p50']:.0f} p99 {result['p99']:.0f} us  cpu {result['cpu']}  idle {result['idle_kib'] // 1024} MiB  "
                      f"non-2xx {result['non2xx']}", flush=True)


if __name__ == "__main__":
    try:
        main()
    finally:
        for process in list(started):
            stop(process)
