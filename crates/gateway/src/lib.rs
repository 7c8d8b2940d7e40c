//! The binary `lockgate`: configuration, assembly, doors, commands.
//!
//! It decides nothing. Doors translate bytes into words for the rooms, and refusals into answers. In
//! reading order: [`config`] (what an operator sets), [`assemble`] (the bill of materials), [`routes`]
//! (the whole surface), [`doors`] (bytes to words), [`serve`] (sockets), [`running`] (from start to
//! end), [`telemetry`], [`commands`] (what a person types).

pub mod assemble;
pub mod chance;
pub mod commands;
pub mod config;
pub mod descriptors;
pub mod doors;
pub mod keys;
pub mod limits;
pub mod manual;
pub mod problem;
pub mod refusal;
pub mod routes;
pub mod running;
pub mod serve;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
