"""The instructions that each stage of a call costs, counted by callgrind: the same for the same binary,
however busy the machine is.

usage: stages.py [CALLS]
One caller sends calls one after the other; the counting starts when everything is warm. What the kernel does
for a call is not counted. Under load several calls share one group of the trail, so the writer costs less."""
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

# What a function is called in the binary, and what it does. Figures include what a function calls, so lines
# that are set in stand for a part of the line above them.
STAGES = [
    ("the whole process", None),
    ("the caller's connection: HTTP and all that is behind it", r"hyper::server::conn::http1::Connection<I,S>.*::poll"),
    ("- the strict reader", r"http1::reader::sift"),
    ("- the door, from a request to its answer's head", r"running::Running::start::.{11}::.{11}"),
    ("- - identify: a remembered token", r"Access::identify"),
    ("- - order: headers and path", r"doors::outbound::order"),
    ("- - the story: authorize, admit, enter, vet, open", r"egress::Egress>::call::.{11}"),
    ("- - - facts: what the record says", r"Inner::facts"),
    ("- - - pursue: attempts until there is an answer", r"call::pursue::.{11}"),
    ("- - - - attempt: a line, the request, the answer's head", r"call::attempt::.{11}"),
    ("- - - - - compose: the request from its list of fields", r"Compose::parts"),
    ("- - - - - equip: the credential, opened and put in", r"Vault::equip"),
    ("- - reply: fields of the answer", r"doors::Door>::reply"),
    ("- the answer's body, and the record's end", r"ReplyBody as http_body::Body>::poll_frame"),
    ("the vendor's connection", r"wire::line::one::.{11}"),
    ("the trail's writer: three entries, their hashes and tree", r"writer::Writer::append"),
    ("the trail's second thread: checkpoints", r"aside::Aside::run"),
    ("of all that, SHA-256 (the counting machine has no SHA extensions)", r"sha256_block_data_order$|aws_lc\w*_sha256_block_data_order_avx"),
    ("of all that, copying memory", r"memcpy_avx"),
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
    print(f"{calls} calls, one after the other, on one connection; remembered token, plain upstream; callgrind.\n"
          "A line that is set in is a part of the line above it.\n")
    print("| stage | instructions a call |")
    print("| --- | --- |")
    for stage, pattern in STAGES:
        if pattern is None:
            cost = next((cost for cost, name in functions if name.startswith("PROGRAM TOTALS")), 0)
        else:
            # Without the object's name, which stands in brackets at the end.
            cost = next((cost for cost, name in functions if re.search(pattern, name.split(" [")[0])), 0)
        print(f"| {stage} | {cost / calls:,.0f} |")


if __name__ == "__main__":
    try:
        main()
    finally:
        for process in list(measure.started):
            measure.stop(process)
