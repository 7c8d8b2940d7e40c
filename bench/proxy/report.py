"""Makes the table of a run from bench/run/proxy.jsonl and prints it as Markdown."""
import json
import os
import platform
import statistics
import subprocess

from peers import R

SHOW = ["direct", "lockgate", "nginx", "haproxy", "envoy"]


def version(command):
    try:
        out = subprocess.run(command, capture_output=True, text=True)
        return (out.stdout + out.stderr).strip().splitlines()[0]
    except (OSError, IndexError):
        return "?"


def main():
    rows = [json.loads(line) for line in open(os.path.join(R, "proxy.jsonl"))]
    syncs = [row for row in rows if "fdatasync_p99" in row]
    runs = [row for row in rows if "system" in row]
    middle = lambda system, variant, field: statistics.median(
        [row[field] for row in runs if (row["system"], row["variant"]) == (system, variant) and row[field] is not None] or [0])
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"machine: {model}, {os.cpu_count()} cores, Linux {platform.release()}; "
          f"{len(syncs)} rounds; 64 connections; 1 KiB answers")
    print(f"versions: {version(['nginx', '-v'])}; {version(['haproxy', '-v'])}")
    print(f"fdatasync of 4 KiB in this run: p50 {statistics.median(row['fdatasync_p50'] for row in syncs):.0f} us, "
          f"p99 {statistics.median(row['fdatasync_p99'] for row in syncs):.0f} us\n")
    print("| system | variant | requests/s | per CPU-second | of nginx plain | p50 us | p99 us | idle MiB | non-2xx |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    base = middle("nginx", "plain", "per_cpu_second") or 1
    seen = sorted({(row["system"], row["variant"]) for row in runs}, key=lambda pair: (SHOW.index(pair[0]), pair[1]))
    for system, variant in seen:
        figure = lambda field: middle(system, variant, field)
        print(f"| {system} | {variant} | {figure('rps'):,.0f} | {figure('per_cpu_second'):,.0f} | "
              f"{figure('per_cpu_second') / base:.2f} | {figure('p50'):,.0f} | {figure('p99'):,.0f} | "
              f"{figure('idle_kib') / 1024:.0f} | {figure('non2xx'):.0f} |")


if __name__ == "__main__":
    main()
