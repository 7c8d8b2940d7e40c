//! The manual: every refusal with its status, meaning and cure, and the admin API's description. Both are
//! generated from the code and checked in under `docs/generated/`.

use std::fmt::Write;

use lockgate_vocabulary::RefusalInfo;

/// Every room's part of the manual, in the order of the rooms.
const ROOMS: &[(&str, &[RefusalInfo])] = &[
    ("access: who are you, and may you", lockgate_access::AccessRefusal::ALL),
    ("admin: the operator's side", lockgate_admin::AdminRefusal::ALL),
    ("audit: the record", lockgate_audit::AuditRefusal::ALL),
    ("egress: the way out", lockgate_egress::EgressRefusal::ALL),
    ("webhooks: heard once, verified, kept, passed on", lockgate_webhooks::WebhookRefusal::ALL),
    ("gateway: the door itself", crate::refusal::GatewayRefusal::ALL),
    ("traffic: how much, how fast", lockgate_traffic::TrafficRefusal::ALL),
    ("vault: credentials", lockgate_vault::VaultRefusal::ALL),
];

/// What helps against the refusal with this code.
pub fn cure(code: &str) -> Option<&'static str> {
    let mut lines = ROOMS.iter().flat_map(|(_, lines)| lines.iter());
    lines.find(|line| line.code == code).map(|line| line.cure)
}

/// `docs/generated/refusals.md`.
pub fn refusals() -> String {
    let mut out = String::from(
        "# Refusals\n\nGenerated from the code. Each is `application/problem+json` (RFC 9457) with this `code`, and the \
         same code stands in the audit record and in metrics. `gateway.fault.internal` (500) and \
         `gateway.fault.unavailable` (503) are the gateway's own faults; they deny, and tell nothing of what broke.\n",
    );
    for (room, lines) in ROOMS {
        // INVARIANT: writing to a String does not fail.
        let _ = writeln!(out, "\n## {room}\n\n| code | status | meaning | cure |\n| --- | --- | --- | --- |");
        for line in *lines {
            let _ = writeln!(out, "| `{}` | {} | {} | {} |", line.code, line.status, line.title, line.cure);
        }
    }
    out
}

#[cfg(test)]
mod tests;
