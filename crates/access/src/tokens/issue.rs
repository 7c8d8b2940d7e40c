//! Issuing an access token: the client-credentials grant (RFC 6749 section 4.4, RFC 9068, RFC 8707).

use std::time::Duration;

use lockgate_audit::Deed;
use lockgate_vocabulary::{Arrival, Fault, Stop, limit};
use serde_json::json;

use super::Tokens;
use super::client::{Client, Posted, last_moment};
use super::denied::Denied;
use super::form::Form;
use super::pace::Pace;
use crate::AccessRefusal;
use crate::directory::Directory;
use crate::jose::base64url;
use crate::scope::ScopeSet;

/// A token that was issued, as the endpoint answers it (RFC 6749 section 5.1).
#[derive(Debug)]
pub struct Issued {
    /// The JSON body. It goes out with `Cache-Control: no-store`.
    pub body: String,
}

impl Tokens {
    /// Answers a request for a token.
    pub async fn issue(&self, directory: &Directory, posted: &Posted<'_>, arrival: &Arrival) -> Result<Issued, Denied> {
        let form = Form::parse(posted.form)?;
        match form.value("grant_type") {
            Some("client_credentials") => {}
            Some(_) => return Err(AccessRefusal::GrantUnsupported.into()),
            None => return Err(AccessRefusal::GrantMalformed.into()),
        }
        let client = self.authenticate(directory, posted, &form, arrival).await?;
        self.issue_to(&client, &form, arrival).await.map_err(|stop| Denied::to(&client, stop))
    }

    async fn issue_to(&self, client: &Client, form: &Form, arrival: &Arrival) -> Result<Issued, Stop> {
        self.demand_pace(&self.pace, client)?;
        self.demand_target(form)?;
        let scope = narrow(client, form.value("scope"))?;
        let lifetime = self.lifetime_for(client)?;
        let (id, token) = self.write(client, &scope, lifetime)?;
        if let Some(audit) = &self.audit {
            let actor = client.caller.actor();
            let deed = Deed::new(actor, arrival.trace.trace, "token.issue", id)
                .with("key", client.key.id.to_string())
                .with("scope", scope.clone())
                .with("seconds", i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
            audit.record(deed).await?;
        }
        let body = json!({
            "access_token": token, "token_type": "Bearer", "expires_in": lifetime.as_secs(), "scope": scope,
        });
        Ok(Issued { body: body.to_string() })
    }

    /// What a client has done here costs a record, or a signature, each time, so it has so many in a minute.
    pub(crate) fn demand_pace(&self, pace: &Pace, client: &Client) -> Result<(), Stop> {
        match pace.take(client.caller.actor().principal, self.clock.elapsed()) {
            None => Ok(()),
            Some(wait) => Err(AccessRefusal::ClientPaced.refuse().retry_after(wait).into()),
        }
    }

    /// Tokens are for this gateway alone, whatever name the request has for the place (RFC 8707).
    fn demand_target(&self, form: &Form) -> Result<(), AccessRefusal> {
        for parameter in ["resource", "audience"] {
            if form.value(parameter).is_some_and(|target| *target != *self.policy.audience) {
                return Err(AccessRefusal::GrantTarget);
            }
        }
        Ok(())
    }

    /// An hour at the most, and never longer than the key and the principal live.
    fn lifetime_for(&self, client: &Client) -> Result<Duration, AccessRefusal> {
        let left = last_moment(client).map_or(self.lifetime, |end| end.since(self.clock.now()));
        let lifetime = Duration::from_secs(self.lifetime.min(left).as_secs());
        if lifetime.is_zero() { Err(AccessRefusal::ClientInvalid) } else { Ok(lifetime) }
    }

    fn write(&self, client: &Client, scope: &str, lifetime: Duration) -> Result<(String, String), Stop> {
        let mut chance = [0; 16];
        self.entropy.fill(&mut chance);
        let id = base64url::encode(&chance);
        let now = self.clock.now().as_secs();
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(0);
        let actor = client.caller.actor();
        let client_id = client.id.to_string();
        let claims = json!({
            "iss": &*self.policy.issuer, "aud": &*self.policy.audience, "sub": client_id, "client_id": client_id,
            "tenantId": actor.tenant, "kind": actor.kind.as_str(), "scope": scope, "jti": id,
            "iat": now, "nbf": now, "exp": now.saturating_add(lifetime), "key_id": client.key.id,
        });
        let ring = self.ring.load();
        let signer = ring.signer().ok_or_else(|| Fault::violated("there is a current signing key"))?;
        let token = signer.sign(&claims)?;
        if token.len() > limit::CREDENTIAL_BYTES {
            return Err(AccessRefusal::GrantScope.refuse().detail("ask for fewer scopes at once").into());
        }
        Ok((id, token))
    }
}

/// What is asked for, if the client holds all of it; all that it holds where nothing is asked for.
fn narrow(client: &Client, wanted: Option<&str>) -> Result<String, AccessRefusal> {
    let held = client.caller.scopes();
    let granted = match wanted {
        None => held.clone(),
        Some(wanted) => wanted.parse::<ScopeSet>().map_err(|_| AccessRefusal::GrantScope)?,
    };
    if granted.is_empty() || !granted.is_within(held) {
        return Err(AccessRefusal::GrantScope);
    }
    Ok(granted.to_string())
}
