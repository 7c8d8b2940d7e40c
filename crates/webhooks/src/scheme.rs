//! Schemes: how each provider signs what it sends. One file each.
