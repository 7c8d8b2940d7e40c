//! The binary `lockgate`: configuration, assembly, doors, commands.
//!
//! It decides nothing. Doors translate bytes into words for the rooms, and refusals into answers.

pub mod doors;
pub mod problem;
pub mod refusal;
