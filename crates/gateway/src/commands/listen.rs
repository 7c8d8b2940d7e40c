//! `lockgate listen`: a subscription's deliveries at a developer's desk, as they come.
//!
//! It asks the admin API once a second, so it needs no way in from outside: `feed` finds what is new, `handed`
//! posts it to the developer's own server as the provider sent it, `missed` finds in the trail what was refused
//! at the door and why, `line` writes each down. What it does changes nothing: a delivery that was handed to
//! a desk waits for its tenant as before.

mod feed;
mod handed;
mod line;
mod missed;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use http::Method;
use lockgate_egress::{Desk, OperatorClient};
use lockgate_vocabulary::{Clock, SystemClock};
use serde_json::Value;

use super::resource::{self, Connect};
use super::{Console, Failure};
use crate::shutdown::Signals;
use feed::Feed;
use handed::Handed;
use missed::Missed;

/// How often new deliveries are asked for.
const TICK: Duration = Duration::from_secs(1);

/// How often the trail is asked, in ticks: every reading of it is recorded there.
const TRAIL: u32 = 5;

/// Flags of `listen`.
#[derive(Debug, Args)]
pub struct Listen {
    /// The subscription: id or name.
    subscription: String,
    /// Where each delivery is posted as it came: a https URL, or http on this machine.
    #[arg(long, value_name = "URL")]
    forward: Option<String>,
    /// End after so many deliveries: with 0 if each of them was taken, with 1 if not.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    once: Option<u64>,
}

/// Listens until somebody presses Ctrl-C, or so many deliveries came.
pub async fn run(args: Listen, connect: &Connect, json: bool, console: &mut Console) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let desk = args.forward.as_deref().map(|url| Desk::new(url, Arc::clone(&clock)));
    if let (Some(desk), Some(url)) = (&desk, &args.forward) {
        let cure = "Name your server's URL, such as http://127.0.0.1:4000/hooks";
        desk.check().await.map_err(|failure| Failure::usage(&format!("--forward {url}"), failure, cure))?;
    }
    let mut signals =
        Signals::listen().map_err(|error| Failure::Internal(format!("listening for signals: {error}")))?;
    let asking = Asking { client: resource::client(connect)?, connect, json };
    let mut ear = Ear {
        feed: Feed::begin(&asking, &args.subscription).await?,
        missed: Missed::begin(&asking).await?,
        asking,
        desk,
        heard: 0,
        untaken: 0,
        most: args.once,
    };
    console.note(&format!("listening to {}; Ctrl-C ends it", args.subscription))?;
    tokio::select! {
        ended = ear.listen(&*clock, console) => ended,
        () = signals.come() => Ok(()),
    }
}

/// What asks the admin API.
struct Asking<'a> {
    client: OperatorClient,
    connect: &'a Connect,
    json: bool,
}

impl Asking<'_> {
    /// What stands at this path now.
    async fn ask(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.client.send(Method::GET, path, None).await;
        let answer = answer.map_err(|failure| resource::away(self.connect, &failure))?;
        if !answer.status.is_success() {
            return Err(resource::refusal(&answer, self.json));
        }
        let value = serde_json::from_slice(&answer.body);
        value.map_err(|error| Failure::Internal(format!("reading the gateway's answer: {error}")))
    }
}

/// Somebody who listens.
struct Ear<'a> {
    feed: Feed,
    missed: Missed,
    asking: Asking<'a>,
    desk: Option<Desk>,
    heard: u64,
    untaken: u64,
    most: Option<u64>,
}

impl Ear<'_> {
    async fn listen(&mut self, clock: &dyn Clock, console: &mut Console) -> Result<(), Failure> {
        let (mut ticks, mut away) = (0u32, false);
        loop {
            match self.round(ticks, console).await {
                Ok(true) => return self.end(),
                Ok(false) => away = false,
                // A gateway that is started anew is waited for; where it stands in the feed is not lost.
                Err(Failure::Usage(text)) => {
                    if !std::mem::replace(&mut away, true) {
                        console.note(&format!("{text} Waiting for it."))?;
                    }
                }
                Err(failure) => return Err(failure),
            }
            console.flush()?;
            ticks = ticks.wrapping_add(1);
            clock.sleep(TICK).await;
        }
    }

    /// Looks once; whether that was enough.
    async fn round(&mut self, ticks: u32, console: &mut Console) -> Result<bool, Failure> {
        let over = self.hear(console).await?;
        if over || ticks.is_multiple_of(TRAIL) {
            self.refusals(console).await?;
        }
        Ok(over)
    }

    /// Takes in what is new; whether that was enough.
    async fn hear(&mut self, console: &mut Console) -> Result<bool, Failure> {
        for delivery in self.feed.news(&self.asking).await? {
            let handed = Handed::of(&self.asking, self.desk.as_ref(), &delivery).await?;
            self.feed.remember(&delivery);
            self.heard += 1;
            self.untaken += u64::from(!handed.was_taken());
            console.say(&line::delivery(&delivery, &handed, self.asking.json))?;
            console.flush()?;
            if self.most.is_some_and(|most| self.heard >= most) {
                return Ok(true);
            }
        }
        self.feed.end_round();
        Ok(false)
    }

    async fn refusals(&mut self, console: &mut Console) -> Result<(), Failure> {
        for entry in self.missed.news(&self.asking, self.feed.subscription()).await? {
            console.say(&line::refused(&entry, self.asking.json))?;
        }
        console.flush()
    }

    fn end(&self) -> Result<(), Failure> {
        match self.untaken {
            0 => Ok(()),
            some => Err(Failure::Refused(format!("{some} of {} deliveries were not taken by --forward", self.heard))),
        }
    }
}

#[cfg(test)]
mod tests;
