//! The transcript: numbered steps, what was sent, what came back, and whether it is what it should be.

use serde_json::Value;

use crate::commands::{Console, Failure};

/// Prints the transcript as it happens.
pub(super) struct Script<'a> {
    console: &'a mut Console,
    step: u32,
}

impl<'a> Script<'a> {
    pub(super) fn new(console: &'a mut Console) -> Self {
        Self { console, step: 0 }
    }

    /// A line of its own.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.console.say(text)?;
        self.console.flush()
    }

    /// A new step.
    pub(super) fn step(&mut self, title: &str) -> Result<(), Failure> {
        self.step += 1;
        self.say(&format!("\n{}. {title}", self.step))
    }

    /// What was done.
    pub(super) fn sent(&mut self, what: &str) -> Result<(), Failure> {
        self.say(&format!("   > {what}"))
    }

    /// What came of it.
    pub(super) fn got(&mut self, what: &str) -> Result<(), Failure> {
        self.say(&format!("   < {what}"))
    }

    /// What must hold now. If it does not, the demonstration fails.
    pub(super) fn check(&mut self, holds: bool, what: &str) -> Result<(), Failure> {
        if holds {
            return self.say(&format!("   ok: {what}"));
        }
        self.say(&format!("   FAILED: {what}"))?;
        Err(Failure::Refused(format!("demo: step {} did not do what it says: {what}", self.step)))
    }
}

/// An answer in one line: a refusal as its code and title, anything else as its JSON.
pub(super) fn line(status: u16, body: &Value) -> String {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match (text("code"), text("title")) {
        (Some(code), Some(title)) => format!("{status} {code}: {title}"),
        _ => {
            let json: String = body.to_string().chars().take(160).collect();
            format!("{status} {json}")
        }
    }
}
