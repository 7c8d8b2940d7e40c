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
]
TOP = 40


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
        cost = total if pattern is None else next(
            (cost for cost, name in functions if re.search(pattern, name.split(" [")[0])), 0)
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
