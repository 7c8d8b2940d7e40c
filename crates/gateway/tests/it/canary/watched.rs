//! A gateway of which everything is kept that it writes or says: its folder, its temporary files, its logs, its
//! answers, what its commands print, what leaves it towards vendors and the collector of traces.
//!
//! What is rightly shown is named one by one: this canary in this one answer. A name that was not needed is a
//! failure too, so that the list stays short and true.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::JoinHandle;

use lockgate_testkit::Vendor;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::nest::Nest;
use super::scan::{Hit, Scan};
use crate::client::{Answer, Client};
use crate::world::VENDOR_HOST;

/// An answer and the file that it is kept in.
pub struct Kept {
    pub answer: Answer,
    file: PathBuf,
}

impl Kept {
    pub fn json(&self) -> Value {
        self.answer.json()
    }

    /// The answer, which must have this status.
    pub fn demand(self, status: u16) -> Self {
        assert_eq!(self.answer.status, status, "{}: {}", self.file.display(), self.answer.text());
        self
    }
}

/// A process that serves.
struct Process {
    child: Child,
    log: JoinHandle<()>,
    door: SocketAddr,
    admin: SocketAddr,
}

/// The gateway, its vendor and its collector.
pub struct Watched {
    dir: TempDir,
    pub nest: Nest,
    pub vendor: Vendor,
    pub collector: Vendor,
    process: RefCell<Option<Process>>,
    shown: RefCell<Vec<(PathBuf, String)>>,
    count: Cell<usize>,
}

impl Watched {
    /// Folders, a vendor, a collector; nothing serves yet.
    pub async fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        for folder in ["seen", "tmp", "apart"] {
            std::fs::create_dir(dir.path().join(folder)).expect("made");
        }
        let (vendor, collector) = (Vendor::start(VENDOR_HOST).await, Vendor::start_plain().await);
        let (process, shown, count) = (RefCell::default(), RefCell::default(), Cell::default());
        Self { dir, nest: Nest::new(seed), vendor, collector, process, shown, count }
    }

    /// The gateway's own folder.
    pub fn gate(&self) -> PathBuf {
        self.dir.path().join("gate")
    }

    pub fn config(&self) -> PathBuf {
        self.gate().join("lockgate.toml")
    }

    /// A file that is given to the gateway and is not of its writing, which its owner alone may read.
    pub fn apart(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join("apart").join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        path
    }

    /// What is in such a file.
    pub fn told_apart(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join("apart").join(name)).expect("there")
    }

    /// A file in which something is kept that was seen.
    fn file(&self, what: &str) -> PathBuf {
        self.count.set(self.count.get() + 1);
        self.dir.path().join("seen").join(format!("{:04} {}", self.count.get(), what.replace('/', "-")))
    }

    /// Keeps what was seen, and gives the file.
    pub fn keep(&self, what: &str, bytes: &[u8]) -> PathBuf {
        let file = self.file(what);
        std::fs::write(&file, bytes).expect("written");
        file
    }

    // What is rightly shown.

    /// Says that this one answer shows this canary.
    pub fn shows(&self, kept: &Kept, canary: &str) {
        self.may_hold(&kept.file, canary);
    }

    /// Says that this one file holds this canary.
    pub fn may_hold(&self, file: &Path, canary: &str) {
        self.shown.borrow_mut().push((file.to_owned(), canary.to_owned()));
    }

    /// Says that this one file holds this canary no more.
    pub fn holds_no_more(&self, file: &Path, canary: &str) {
        let mut shown = self.shown.borrow_mut();
        let before = shown.len();
        shown.retain(|(known, name)| known != file || name != canary);
        assert_eq!(shown.len() + 1, before, "{} was not said to hold {canary}", file.display());
    }

    /// A secret that this one answer shows, this once.
    pub fn shown_once(&self, kept: &Kept, canary: &str, secret: &Value) -> String {
        let secret = secret.as_str().unwrap_or_else(|| panic!("{canary} is not shown: {}", kept.answer.text()));
        self.nest.made(canary, secret);
        self.shows(kept, canary);
        secret.to_owned()
    }

    // The process.

    /// Has the gateway serve, with core dumps allowed by whoever starts it.
    pub fn serve(&self) {
        assert!(self.process.borrow().is_none(), "it serves already");
        let mut command = Command::new("sh");
        let script = "ulimit -c unlimited 2>/dev/null; exec \"$0\" serve --config \"$1\"";
        command.args(["-c", script, env!("CARGO_BIN_EXE_lockgate")]).arg(self.config()).current_dir(self.gate());
        command.env("TMPDIR", self.dir.path().join("tmp")).env("RUST_BACKTRACE", "full");
        command.stdout(File::create(self.file("standard output of serve")).expect("made"));
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped"));
        let mut log = File::create(self.file("log of serve")).expect("made");
        let mut next = move || {
            let mut line = Vec::new();
            let count = lines.read_until(b'\n', &mut line).expect("it is read");
            log.write_all(&line).expect("written");
            (count > 0).then_some(line)
        };
        let (door, admin) = loop {
            let line = next().expect("it says that it serves");
            if let (Some(door), Some(admin)) = (listens(&line, "door"), listens(&line, "admin")) {
                break (door, admin);
            }
        };
        let log = std::thread::spawn(move || while next().is_some() {});
        *self.process.borrow_mut() = Some(Process { door, admin, child, log });
    }

    fn with_process<T>(&self, look: impl FnOnce(&Process) -> T) -> T {
        look(self.process.borrow().as_ref().expect("it serves"))
    }

    pub fn door(&self) -> SocketAddr {
        self.with_process(|process| process.door)
    }

    pub fn admin(&self) -> SocketAddr {
        self.with_process(|process| process.admin)
    }

    /// Ends the process by a signal; how it ended, with its log whole.
    pub fn ended_by(&self, signal: Signal) -> ExitStatus {
        let Process { mut child, log, .. } = self.process.borrow_mut().take().expect("it serves");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("it is there");
        let status = child.wait().expect("it ends");
        log.join().expect("no panic");
        assert!(!status.core_dumped(), "its memory was dumped");
        status
    }

    /// Keeps what the machine shows of the process: environment, arguments, limits, and files without a name.
    pub fn look_at_process(&self) {
        let id = self.with_process(|process| process.child.id());
        let of = |name: &str| PathBuf::from(format!("/proc/{id}/{name}"));
        for name in ["environ", "cmdline", "limits"] {
            // A process that may not be dumped shows its environment to nobody but root.
            if let Ok(bytes) = std::fs::read(of(name)) {
                self.keep(name, &bytes);
            }
        }
        let limits = std::fs::read_to_string(of("limits")).expect("everybody may read the limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
        assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
        for entry in std::fs::read_dir(of("fd")).into_iter().flatten().flatten() {
            let leads_to = std::fs::read_link(entry.path()).unwrap_or_default();
            if leads_to.to_string_lossy().ends_with(" (deleted)")
                && let Ok(bytes) = std::fs::read(entry.path())
            {
                self.keep("a file without a name", &bytes);
            }
        }
    }

    // What is sent and answered.

    /// Sends these bytes; the answer where there is a whole one. What came of one that broke off is kept as well.
    pub async fn sends(&self, what: &str, to: SocketAddr, bytes: impl AsRef<[u8]>) -> Option<Kept> {
        let mut client = Client::connect(to).await;
        client.send(bytes).await;
        let Some(answer) = client.answer().await else {
            self.keep(what, client.unread());
            return None;
        };
        let mut text = format!("{}\n", answer.status);
        for (name, value) in &answer.headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        let file = self.keep(what, &[text.as_bytes(), b"\n", &answer.body].concat());
        Some(Kept { answer, file })
    }

    /// One request to the operators' side with this key.
    pub async fn asks(&self, what: &str, key: &str, line: &str, body: Option<Value>) -> Kept {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let typed = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let fields = format!("X-Api-Key: {key}\r\n{typed}");
        self.sends(what, self.admin(), request(line, &fields, &body)).await.expect("an answer")
    }

    /// Makes something.
    pub async fn makes(&self, key: &str, path: &str, body: Value) -> Kept {
        let name = body["name"].as_str().unwrap_or_default().to_owned();
        self.asks(&format!("POST {path} {name}"), key, &format!("POST {path}"), Some(body)).await.demand(201)
    }

    /// One request to the door.
    pub async fn calls(&self, what: &str, line: &str, fields: &str, body: &str) -> Kept {
        self.sends(what, self.door(), request(line, fields, body)).await.unwrap_or_else(|| panic!("{what}: no answer"))
    }

    // What is typed.

    /// Runs a command with this standard input; how it ended, which is kept.
    pub fn types(&self, what: &str, arguments: &[&str], input: &str) -> (Output, PathBuf) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        command.args(arguments).env("TMPDIR", self.dir.path().join("tmp")).env("RUST_LOG", "trace");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.as_bytes().to_vec();
        // A command that reads nothing closes its end first.
        let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("it ends");
        writing.join().expect("no panic");
        let file = self.keep(&format!("lockgate {what}"), &[&*output.stdout, b"\n", &output.stderr].concat());
        (output, file)
    }

    /// Starts a command that goes on until it has seen something, and waits until it says that it looks.
    pub fn begins(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut said = String::new();
        BufReader::new(child.stderr.as_mut().expect("piped")).read_line(&mut said).expect("text");
        assert!(said.starts_with("listening to"), "{said}");
        child
    }

    /// Waits for its end and keeps what it said.
    pub fn ends(&self, what: &str, child: Child) {
        let output = child.wait_with_output().expect("it ends");
        let file = self.keep(&format!("lockgate {what}"), &[&*output.stdout, b"\n", &output.stderr].concat());
        assert!(output.status.success() && !output.stdout.is_empty(), "{}", file.display());
    }

    // The verdict.

    /// Keeps what vendors and the collector got. Of each first part of a path there is one file, which is given
    /// back by that part.
    pub fn keep_what_left(&self) {
        let traces: Vec<u8> = self.collector.seen().into_iter().flat_map(|seen| seen.body).collect();
        assert!(!traces.is_empty(), "spans left");
        self.keep("traces", &traces);
        for seen in self.vendor.seen() {
            let mut text = format!("{}\n{:?}\n", seen.line(), seen.headers).into_bytes();
            text.extend_from_slice(&seen.body);
            let mut file = File::options().append(true).create(true).open(self.at_vendor(&seen.target)).expect("made");
            file.write_all(&text).expect("written");
        }
    }

    /// The file of what the vendor got below the first part of this path.
    pub fn at_vendor(&self, path: &str) -> PathBuf {
        let part = path.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default();
        self.dir.path().join("seen").join(format!("vendor {part}"))
    }

    /// Everything in the gateway's folder and among its temporary files that should not be there, by the canaries
    /// that there are so far.
    pub fn leaks_at_rest(&self) -> Vec<Hit> {
        let shown = self.shown.borrow();
        let hits = self.scanned(&["gate", "tmp"]).into_iter();
        hits.filter(|hit| !shown.iter().any(|shown| is_at(hit, shown))).collect()
    }

    /// The same everywhere, and what was said to be shown and is not.
    pub fn leaks(&self) -> (Vec<Hit>, Vec<String>) {
        let hits = self.scanned(&["gate", "tmp", "seen"]);
        let shown = self.shown.borrow();
        let unused = shown.iter().filter(|shown| !hits.iter().any(|hit| is_at(hit, shown)));
        let unused = unused.map(|(file, canary)| format!("{} does not show {canary}", file.display())).collect();
        (hits.into_iter().filter(|hit| !shown.iter().any(|shown| is_at(hit, shown))).collect(), unused)
    }

    #[expect(clippy::print_stdout, reason = "how much was looked at is the figure of this test")]
    fn scanned(&self, folders: &[&str]) -> Vec<Hit> {
        let planted = self.nest.each();
        let mut scan = Scan::of(planted.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
        let hits = folders.iter().flat_map(|folder| scan.folder(&self.dir.path().join(folder))).collect();
        let (files, bytes) = scan.looked_at();
        println!("{} canaries looked for in {files} files, {bytes} bytes ({folders:?})", planted.len());
        hits
    }
}

/// Where the gateway listens, by the line of its log that says so, in either format.
fn listens(line: &[u8], name: &str) -> Option<SocketAddr> {
    let line = std::str::from_utf8(line).ok().filter(|line| line.contains("serving"))?;
    let (_, rest) = line.split_once(name)?;
    let rest = rest.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    rest.split(|letter: char| !letter.is_ascii_digit() && letter != '.' && letter != ':').next()?.parse().ok()
}

fn is_at(hit: &Hit, (file, canary): &(PathBuf, String)) -> bool {
    hit.file == *file && hit.canary == *canary
}

/// Hits as a person reads them.
pub fn told(hits: &[Hit]) -> String {
    hits.iter().map(|hit| format!("{hit}\n")).collect()
}

/// A request with these fields.
pub fn request(line: &str, fields: &str, body: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: gate\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.borrow_mut().take() {
            drop(process.child.kill());
            drop(process.child.wait());
        }
    }
}
