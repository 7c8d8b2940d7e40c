//! The gateway from outside its process boundary: real sockets, real TLS to a vendor, a real store, and a
//! clock that the tests move. Each module is one subject; [`world`] is what they all stand on.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "in a test, what cannot be done is a failure"
)]

mod again;
mod away;
mod backends;
mod bound;
mod browser;
mod call;
mod callers;
mod canary;
mod client;
mod clients;
mod clients_bad;
mod connect;
mod connect_again;
mod connect_bad;
mod connect_certified;
mod connect_desk;
mod connect_killed;
mod connect_mixed;
mod connect_nodes;
mod custody;
mod desk;
mod disk;
mod echoes;
mod equal;
mod escalations;
mod explain;
mod explain_call;
mod fallback;
mod floods;
mod forged_acts;
mod forgeries;
mod founding;
mod grants;
mod hooks;
mod hooks_bad;
mod hooks_killed;
mod hooks_onward;
mod http1;
mod issuer;
mod killed;
mod lifecycle;
mod metrics;
mod mistakes;
mod nats;
mod nodes;
mod process;
mod quota;
mod readonly;
mod refused;
mod restored;
mod root_key;
mod rotation;
mod rotation_left;
mod rotation_paced;
mod schemas;
mod sdk;
mod sender;
mod settling;
mod shapes;
mod signing_keys;
mod smuggle;
mod ssrf;
mod standing;
mod surface;
mod tokens;
mod traces;
mod vendors;
mod world;
