//! What a person types: the command line, and how each command ends.
//!
//! Exit codes: 0 done, 1 refused or a failed check, 2 usage or configuration, 70 our own fault. Errors go
//! to stderr, name the argument or key, and say the cure. `--json` stands once, for every command: one with
//! a flag of that name of its own would take it away from all others. A new command is a file of its own
//! here, a row in [`Command`], and a line in [`dispatch`].

mod audit;
mod bootstrap;
mod connecting;
mod console;
mod demo;
mod explain;
mod init;
mod listen;
mod resource;
mod serve;
mod vault;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lockgate_vocabulary::{Fault, Stop};

use crate::assemble::{Seams, StartFailure, Unfounded};
use crate::config::ConfigProblem;

pub use console::Console;

/// One guarded door between an organisation and every system that it does not own.
#[derive(Debug, Parser)]
#[command(name = "lockgate", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print data as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    connect: resource::Connect,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the gateway do its main job, with a vendor of its own, and check that it does.
    Demo(demo::Demo),
    /// Make a gateway's folder: configuration, keys, the first operator.
    Init(init::Init),
    /// Make the first operator in the store that the configuration names.
    Bootstrap(bootstrap::Bootstrap),
    /// Run the gateway.
    Serve(serve::Serve),
    /// Say what the gate would decide, and why.
    #[command(subcommand)]
    Explain(explain::Explain),
    /// Verify, export and prove the trail.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Look at the root key and change it.
    #[command(subcommand)]
    Vault(vault::Vault),
    /// Follow a subscription's deliveries at your desk, and hand each to a server of your own.
    Listen(listen::Listen),
    #[command(flatten)]
    Resource(resource::Resource),
}

/// Why a command did not do what it was told.
#[derive(Debug)]
pub enum Failure {
    /// It was refused, or a check failed: exit code 1.
    Refused(String),
    /// It was refused in these words of the gateway, which are told as they are: exit code 1.
    Told(serde_json::Value),
    /// The command line or the configuration makes no sense: exit code 2.
    Usage(String),
    /// Our own fault: exit code 70.
    Internal(String),
}

impl Failure {
    /// An argument that makes no sense, and the cure.
    pub fn usage(argument: &str, what: impl fmt::Display, cure: &str) -> Self {
        Self::Usage(format!("{argument}: {what}. {cure}"))
    }

    /// The output cannot be written.
    fn output(error: &std::io::Error) -> Self {
        Self::Internal(format!("writing the output: {error}"))
    }

    fn code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Told(_) => 1,
            Self::Usage(_) => 2,
            Self::Internal(_) => 70,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(value) => value.fmt(f),
            Self::Refused(what) | Self::Usage(what) | Self::Internal(what) => f.write_str(what),
        }
    }
}

impl From<ConfigProblem> for Failure {
    fn from(problem: ConfigProblem) -> Self {
        Self::Usage(problem.to_string())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Internal(fault.to_string())
    }
}

impl From<StartFailure> for Failure {
    fn from(failure: StartFailure) -> Self {
        match failure {
            StartFailure::Config(problem) => problem.into(),
            StartFailure::Fault(fault) => fault.into(),
            StartFailure::Trail(rolled_back) => {
                Self::Refused(format!("{rolled_back}. {}", audit::loss_cure(&rolled_back)))
            }
        }
    }
}

impl From<Unfounded> for Failure {
    fn from(unfounded: Unfounded) -> Self {
        match unfounded {
            Unfounded::Start(failure) => failure.into(),
            Unfounded::Stop(stop) => stop.into(),
        }
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(refusal) => Self::Refused(format!("{refusal} {}", refusal.info().cure)),
            Stop::Fault(fault) => fault.into(),
        }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    run(std::env::args_os(), &mut Console::of_process())
}

/// Runs a command line.
pub fn run<A: Into<std::ffi::OsString> + Clone>(
    arguments: impl IntoIterator<Item = A>,
    console: &mut Console,
) -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = arguments.into_iter().map(Into::into).collect();
    // Whoever asked for JSON gets it even where the rest of the line cannot be read.
    let json = arguments.iter().any(|argument| argument == "--json");
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) if json && error.use_stderr() => {
            return end(&Failure::Usage(error.render().to_string().trim_end().to_owned()), json, console);
        }
        Err(error) => return ExitCode::from(tell(&error, console)),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(&Failure::Internal(format!("starting: {error}")), json, console),
    };
    match runtime.block_on(dispatch(cli, console)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(&failure, json, console),
    }
}

async fn dispatch(cli: Cli, console: &mut Console) -> Result<(), Failure> {
    let json = cli.json;
    match cli.command {
        Command::Init(args) => init::run(args, json, &Seams::system(), console).await,
        Command::Bootstrap(args) => bootstrap::run(args, json, &Seams::system(), console).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Explain(explain) => explain::run(explain, console).await,
        Command::Audit(audit) => audit::run(audit, json, console).await,
        Command::Vault(vault) => vault::run(vault, json, console).await,
        Command::Demo(args) => demo::run(args, console).await,
        Command::Listen(args) => listen::run(args, &cli.connect, json, console).await,
        Command::Resource(resource) => resource::run(&resource, &cli.connect, json, console).await,
    }
}

/// What clap has to say: help goes to stdout and is no failure, all else is a usage error.
fn tell(error: &clap::Error, console: &mut Console) -> u8 {
    let text = error.render().to_string();
    let told = if error.use_stderr() { console.note(text.trim_end()) } else { console.say(text.trim_end()) };
    drop(told);
    if error.use_stderr() { 2 } else { 0 }
}

fn end(failure: &Failure, json: bool, console: &mut Console) -> ExitCode {
    let text = match failure {
        Failure::Told(value) => value.to_string(),
        other if json => serde_json::json!({ "error": other.to_string(), "exit_code": other.code() }).to_string(),
        other => format!("lockgate: {other}"),
    };
    // Where stderr is gone too, the exit code alone tells.
    drop(console.note(&text));
    ExitCode::from(failure.code())
}

#[cfg(test)]
mod tests;
