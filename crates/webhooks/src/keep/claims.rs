//! What a delivery is recognised by, and what it means that some of that was heard before.

use lockgate_vocabulary::DeliveryId;

/// What a claim was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All that was signed.
    Signed,
    /// One item of a batch whose items are signed each by itself.
    Item,
    /// The provider's identifier of the delivery.
    Id,
}

/// What a delivery is recognised by: a name, and the digest of what goes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) kind: Kind,
    pub(crate) name: [u8; 32],
    pub(crate) digest: [u8; 32],
}

/// How a claim of a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody has it.
    Free,
    /// This delivery has it, for the same.
    Same(DeliveryId),
    /// Some delivery has it, for something else.
    Other,
}

/// What it means that claims of a delivery were taken before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Nothing: they were given back in the meantime.
    New,
    /// The delivery was heard before.
    Before {
        /// As which one.
        first: DeliveryId,
        /// Whether it comes under an identifier that the first one did not have.
        renamed: bool,
    },
    /// It is not what was heard before, but not quite another one either: this claim says so.
    Conflict(Claim),
}

/// Judges all claims of a delivery together.
///
/// What was signed goes before all else: an identifier that nobody signed does not make an old delivery new,
/// and none makes it suspect. A batch that is old in one item and new in another was put together by somebody
/// who is not its provider; of any other delivery it is enough that one claim is known for the same.
pub(crate) fn judge_claims(claims: &[(Claim, Standing)]) -> Judged {
    let same = |kind: Kind| {
        claims.iter().find_map(|(claim, standing)| match standing {
            Standing::Same(delivery) if claim.kind == kind => Some(*delivery),
            _ => None,
        })
    };
    let stands = |kind: Kind, wanted: Standing| {
        claims.iter().find(|(claim, standing)| claim.kind == kind && *standing == wanted).map(|(claim, _)| *claim)
    };
    if let Some(first) = same(Kind::Signed) {
        let renamed = claims.iter().any(|(claim, at)| claim.kind == Kind::Id && *at != Standing::Same(first));
        return Judged::Before { first, renamed };
    }
    let other = [Kind::Signed, Kind::Item, Kind::Id].into_iter().find_map(|kind| stands(kind, Standing::Other));
    if let Some(claim) = other {
        return Judged::Conflict(claim);
    }
    let known = claims.iter().find(|(_, standing)| matches!(standing, Standing::Same(_)));
    if let (Some(_), Some((claim, _))) = (stands(Kind::Item, Standing::Free), known) {
        return Judged::Conflict(*claim);
    }
    match same(Kind::Id).or_else(|| same(Kind::Item)) {
        Some(first) => Judged::Before { first, renamed: false },
        None => Judged::New,
    }
}

#[cfg(test)]
mod tests;
