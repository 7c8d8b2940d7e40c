"""The instructions that each stage of a call costs, counted by callgrind: the same for the same binary,
however busy the machine is.

usage: stages.py [CALLS]
One caller sends calls one after the other; the counting starts when everything is warm. A stage's figure
includes what it calls; polling the runtime and system calls' own work in the kernel are not in it."""
import http.client
import os
import re
import subprocess
import sys

import lockgate
import measure
import peers
from peers import R
from prepare import tokens

VARIANT = "ctlcache"
WARM = 300

# Stage, and what its function is called in the binary. The first match counts.
STAGES = [
    ("the whole process", None),
    ("strict reading of the request (doors/http1)", r"doors::http1::\w+::.*(poll_read|Strict.*read)"),
    ("the door (doors)", r"lockgate_gateway::doors::Door::serve"),
    ("identify: the caller, from a remembered token", r"Access::identify"),
    ("authorize: scope, connection, endpoint", r"Access::authorize"),
    ("admit: rates", r"Traffic::admit"),
    ("gather: the order's body", r"egress::order::gather"),
    ("enter: breaker, concurrency", r"Traffic::enter"),
    ("vet: the destination, from memory", r"Destination::vet"),
    ("open: the record, to the queue of the trail", r"audit::Audit::open_run"),
    ("append: entries into the log (the writer's thread)", r"append::writer::Writer::group"),
    ("sign: checkpoints (the second thread)", r"append::aside::Aside::run"),
    ("equip: the credential into the request", r"Vault::equip"),
    ("reach: a line to the vendor", r"wire::Wire::reach"),
    ("send: the exchange on the line", r"wire::line::Line::send"),
    ("judge: the answer's head and body", r"egress::answer::judge"),
    ("deliver: the reply", r"egress::ending::deliver"),
    ("close: the record's end", r"Opened::close|opened::Opened.*close"),
]


def call(connection, token):
    connection.request("GET", "/call/crm-0/v1/items", headers={"Authorization": f"Bearer {token}", "Host": "gate"})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise SystemExit(f"a call was answered {answer.status}")


def annotated(file):
    """Inclusive instructions of each function."""
    text = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", "--auto=no", file],
                          capture_output=True, text=True, check=True).stdout
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*([\d,]+)\s+\(\s*[\d.]+%\)\s+(\S.*)$", line)
        if match:
            found.append((int(match[1].replace(",", "")), match[2]))
    return found


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    folder = lockgate.prepare(VARIANT, tokens)
    token = open(f"{R}/tokens-{VARIANT}.txt").readline().strip()
    upstream = measure.start(peers.upstream(), 0, log="upstream")
    out = os.path.join(R, "callgrind.out")
    for name in os.listdir(R):
        if name.startswith("callgrind.out"):
            os.remove(os.path.join(R, name))
    under_test = measure.start(
        ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}", lockgate.BINARY, "serve",
         "--config", os.path.join(folder, "lockgate.toml")], 1, log="stages")
    try:
        assert measure.wait_for(lockgate.DOOR, 120), "it did not start under valgrind"
        connection = http.client.HTTPConnection("127.0.0.1", lockgate.DOOR)
        for _ in range(WARM):
            call(connection, token)
        control = ["callgrind_control", "-i"]
        subprocess.run([*control, "on", str(under_test.pid)], check=True, capture_output=True)
        for _ in range(calls):
            call(connection, token)
        subprocess.run([*control, "off", str(under_test.pid)], check=True, capture_output=True)
    finally:
        measure.stop(under_test)
        measure.stop(upstream)
    functions = annotated(out)
    print(f"{calls} calls, one after the other, on one connection; remembered token, plain upstream; callgrind\n")
    print("| stage | instructions a call |")
    print("| --- | --- |")
    for stage, pattern in STAGES:
        if pattern is None:
            cost = next((cost for cost, name in functions if name.startswith("PROGRAM TOTALS")), 0)
        else:
            cost = next((cost for cost, name in functions if re.search(pattern, name)), 0)
        print(f"| {stage} | {cost / calls:,.0f} |" if cost else f"| {stage} | inlined |")


if __name__ == "__main__":
    try:
        main()
    finally:
        for process in list(measure.started):
            measure.stop(process)
