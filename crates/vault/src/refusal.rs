//! Every reason for which the vault says no.

lockgate_vocabulary::refusals! {
    /// The vault's refusals.
    pub enum VaultRefusal {
        BindingMoved = 409, "vault.binding.moved",
            "The connection leads elsewhere than when its credential was given.",
            "Rotate the connection's credential: a credential is bound to the host, port and path prefix of its time.";
        ConnectionAbsent = 403, "vault.connection.absent",
            "There is no such connection, or it is not yours.",
            "Name a connection of this tenant that is not retired.";
    }
}
