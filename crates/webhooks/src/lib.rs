//! Heard once, verified, kept, passed on: webhooks in and out.
//!
//! **In.** The story is [`Webhooks::receive`] in `receive`. Its stages in reading order: `book` (whose door it is;
//! [`spec`] is what operators write down, `resolve` makes it sound, [`subscription`] is what is worked with),
//! `source` (from where), [`Parcel`] (the raw bytes), [`scheme`] (whose signature, by the subscription's
//! [`Setting`]), [`Fresh`] (of when), `keep` (one change of the store with everything).
//!
//! **On.** What is kept is passed on by the [`Courier`]: `lease` (whose turn it is), `deliver` (the story), `push`
//! (one try; `publish` where it goes to a broker), [`judge`] (what becomes of it), `settle` (and that it holds), with `pace` holding back what an
//! endpoint cannot take; or it is fetched (`pull`).
//!
//! **Out.** `send` tells a tenant's event to everybody whom it wants to tell, `governance` the gateway's own;
//! `challenge` asks an endpoint first whether it wants that.
//!
//! Beside them: [`manage`] (subscriptions and deliveries in operators' hands), [`replay`] and [`approval`],
//! `tidy` (what is forgotten), [`explain`] (what would come of a delivery).
//!
//! Not here: the secrets (`vault` computes and checks every signature), the wire (`egress`), reading a
//! request (`gateway`).

pub mod approval;
mod book;
mod broker;
mod bury;
mod challenge;
mod config;
mod courier;
mod deliver;
mod envelope;
pub mod explain;
mod fresh;
mod governance;
mod ground;
pub mod judge;
mod keep;
mod lease;
pub mod manage;
mod order_key;
mod pace;
mod parcel;
mod pause;
mod publish;
mod pull;
mod push;
mod receive;
pub mod refusal;
pub mod replay;
mod resolve;
mod rows;
pub mod scheme;
mod send;
pub mod setting;
mod settle;
mod source;
pub mod spec;
pub mod subscription;
mod tidy;
mod verified;
mod webhooks;

pub use book::{Book, Page};
pub use broker::Broker;
pub use config::{Config, NatsConfig};
pub use courier::{Courier, CourierConfig, CourierParts, Finding, Round, Signing};
pub use deliver::STATEMENTS as DELIVER_STATEMENTS;
pub use envelope::Envelope;
pub use fresh::Fresh;
pub use parcel::Parcel;
pub use pull::{PullAsk, Pulled, PulledDelivery};
pub use receive::{Knock, Received};
pub use refusal::WebhookRefusal;
pub use rows::STATEMENTS;
pub use scheme::Scheme;
pub use send::{EVENT_BYTES, NewEvent, Sent};
pub use setting::{Setting, SettingSpec};
pub use subscription::{Onward, Status, Subscription, Way};
pub use verified::{Challenge, Verified};
pub use webhooks::{Parts, Webhooks};
