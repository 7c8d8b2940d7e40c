"""The machine beside the gateway: a folder on its disk, a PostgreSQL of the run's own, processes and their
CPU, and what the disk can do."""
import glob
import json
import os
import platform
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RUN = os.path.join(ROOT, "bench", "run")
TICKS = os.sysconf("SC_CLK_TCK")
started = []


def start(command, log, environment=None, cwd=None):
    """A process in a session of its own, whose output goes to a file."""
    process = subprocess.Popen(command, stdout=open(log, "a"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                               start_new_session=True, env={**os.environ, **(environment or {})}, cwd=cwd)
    started.append(process)
    return process


def stop(process, sign=signal.SIGTERM, patience=40):
    if process.poll() is None:
        process.send_signal(sign)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process in started:
        started.remove(process)
    return process.returncode


def stop_all():
    for process in list(started):
        stop(process)


def family(root):
    """A process and all that it began: (its own ticks, those of children that are gone)."""
    stats, found = {}, [root]
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()
                stats[int(entry)] = (int(fields[1]), sum(map(int, fields[11:13])), sum(map(int, fields[13:15])))
            except (OSError, ValueError):
                pass
    for pid in found:
        found.extend(child for child, (parent, _, _) in stats.items() if parent == pid)
    return [stats[pid][1:] for pid in found if pid in stats]


def cpu_seconds(pid):
    """What a process, its children and those that are gone used."""
    return sum(own + gone for own, gone in family(pid)) / TICKS


def kernel_seconds(pid):
    """What of it one process, without its children, used in the kernel."""
    return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[12]) / TICKS


def free_port():
    """A port below those that the system gives to whoever connects: one that connects to a port of its own where
    nobody listens any more would reach itself."""
    for _ in range(100):
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise SystemExit("no free port was found")


def whole_machine():
    """Ticks of all cores: idle ones, and all together."""
    ticks = list(map(int, open("/proc/stat").readline().split()[1:9]))
    return ticks[3] + ticks[4], sum(ticks)


def folder():
    """A folder on a disk: what is only in memory keeps nothing, and shows nothing of what keeping costs."""
    made = tempfile.mkdtemp(prefix="lockgate-bench.")
    os.chmod(made, 0o711)
    kind = subprocess.run(["stat", "-f", "-c", "%T", made], capture_output=True, text=True).stdout.strip()
    if kind in ("tmpfs", "ramfs"):
        os.rmdir(made)
        raise SystemExit(f"{os.path.dirname(made)} is in memory; name a folder on a disk in TMPDIR")
    return made


def compiled(name, *flags):
    """One of the C programs here, made anew where it is older than its text."""
    os.makedirs(RUN, exist_ok=True)
    out, source = os.path.join(RUN, name), os.path.join(HERE, f"{name}.c")
    texts = [source, os.path.join(HERE, "script.h")]
    if not os.path.exists(out) or os.path.getmtime(out) < max(map(os.path.getmtime, texts)):
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Wno-deprecated-declarations", "-o", out, source, *flags], check=True)
    return out


def told(command, **more):
    """The JSON that a program prints."""
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise SystemExit(f"{os.path.basename(command[0])} failed:\n{done.stdout}{done.stderr}")
    sys.stderr.write(done.stderr)
    return json.loads(done.stdout)


def fdatasync(where, rounds=1000):
    """Appends of 4 KiB, each synced: p50 and p99 in microseconds."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=where) as file:
        for _ in range(rounds):
            os.write(file.fileno(), b"x" * 4096)
            before = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - before) * 1e6)
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.99)]


def model():
    return next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")


def machine():
    return f"{model()}, {os.cpu_count()} cores, Linux {platform.release()}"


class Postgres:
    """A server of the run's own with the settings that it comes with: fsync on, commits that wait for it."""

    def __init__(self, where):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
        self.programs = found[-1] if found else os.path.dirname(shutil.which("initdb") or "/none/initdb")
        self.data, self.where, self.port = os.path.join(where, "postgres"), where, free_port()
        os.makedirs(self.data)
        self.prefix = []
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.data, user.pw_uid, user.pw_gid)
            self.prefix = ["runuser", "-u", "postgres", "--"]
        self.log = os.path.join(self.data, "server.log")
        subprocess.run([*self.prefix, f"{self.programs}/initdb", "-D", f"{self.data}/db", "-U", "postgres", "-A", "trust",
                        "-E", "UTF8", "--locale=C.UTF-8"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        started_it = subprocess.run(
            [*self.prefix, f"{self.programs}/pg_ctl", "-D", f"{self.data}/db", "-w", "-t", "60", "-l", self.log, "-o",
             f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.data} -c max_connections=200",
             "start"], stdout=subprocess.DEVNULL, cwd="/")
        if started_it.returncode != 0:
            raise SystemExit("PostgreSQL did not start; see its log")
        self.pid = int(open(f"{self.data}/db/postmaster.pid").readline())
        self.sql("CREATE ROLE lockgate LOGIN CREATEROLE; CREATE DATABASE lockgate OWNER lockgate")

    def conninfo(self, database, user="postgres"):
        return f"host=127.0.0.1 port={self.port} user={user} dbname={database}"

    def url(self, database):
        return f"postgres://lockgate@127.0.0.1:{self.port}/{database}"

    def sql(self, text, database="postgres"):
        command = [f"{self.programs}/psql", "-q", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(database)]
        for statement in [text] if text.startswith("DO") else text.split(";"):
            command += ["-c", statement]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{text[:80]}: {done.stderr}")
        return done.stdout.strip()

    def copy(self, source, database):
        """A database with what another one holds, in the place of whatever had its name."""
        self.sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        self.sql(f"CREATE DATABASE {database} TEMPLATE {source} OWNER lockgate; CHECKPOINT")

    def version(self):
        return self.sql("SHOW server_version").split()[0]

    def stop(self):
        subprocess.run([*self.prefix, f"{self.programs}/pg_ctl", "-D", f"{self.data}/db", "-m", "immediate", "stop"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
