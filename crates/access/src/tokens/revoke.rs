//! Revoking and looking into tokens of our own (RFC 7009, RFC 7662).

use std::sync::Arc;

use lockgate_audit::Deed;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{Arrival, Stop};
use serde_json::{Value, json};

use super::client::{Client, Posted};
use super::denied::Denied;
use super::form::Form;
use super::{Tokens, rows};
use crate::AccessRefusal;
use crate::authn::Claims;
use crate::authn::identity::{own_tenant, stand};
use crate::authn::seen::Voucher;
use crate::directory::{Directory, TenantView};

impl Tokens {
    /// Revokes a token of the client's own. What is no live token of ours is no error, since the client
    /// has what it wants (RFC 7009 section 2.2).
    ///
    /// It says whether anything changed. Whoever answers for it has the change loaded first.
    pub(crate) async fn revoke(
        &self,
        directory: &Directory,
        posted: &Posted<'_>,
        arrival: &Arrival,
    ) -> Result<bool, Denied> {
        let form = Form::parse(posted.form)?;
        let client = self.authenticate(directory, posted, &form, arrival).await?;
        self.revoke_for(&client, directory, &form, arrival).await.map_err(|stop| Denied::to(&client, stop))
    }

    async fn revoke_for(
        &self,
        client: &Client,
        directory: &Directory,
        form: &Form,
        arrival: &Arrival,
    ) -> Result<bool, Stop> {
        let token = form.value("token").ok_or(AccessRefusal::GrantMalformed)?;
        let Some((claims, view)) = self.live_token(directory, token, client) else { return Ok(false) };
        let owner = claims.key.and_then(|key| view.keys.get(&key)).map(|key| key.principal);
        if owner != Some(client.caller.actor().principal) {
            return Err(AccessRefusal::GrantUnauthorized.into());
        }
        self.demand_pace(&self.pace, client)?;
        let mut change = Change::of(view.tenant).raising_epoch();
        let forgotten = self.forget_at(&claims);
        change = change.step(&rows::TOKEN_REVOKE, values![&*claims.id, forgotten]);
        if let Some(audit) = &self.audit {
            let deed = Deed::new(client.caller.actor(), arrival.trace.trace, "token.revoke", &claims.id)
                .with("key", client.key.id.to_string());
            let (statement, values) = audit.step(&deed);
            change = change.step(statement, values);
        }
        self.store.apply(change).await.map_err(|failure| failure.into_fault("revoking a token"))?;
        Ok(true)
    }

    /// What a token of the client's tenant is worth, as JSON. Of anything else only that it is not active.
    pub async fn introspect(
        &self,
        directory: &Directory,
        posted: &Posted<'_>,
        arrival: &Arrival,
    ) -> Result<String, Denied> {
        let form = Form::parse(posted.form)?;
        let client = self.authenticate(directory, posted, &form, arrival).await?;
        self.demand_pace(&self.introspections, &client).map_err(|stop| Denied::to(&client, stop))?;
        let token = form.value("token").ok_or_else(|| Denied::to(&client, AccessRefusal::GrantMalformed))?;
        let answer = self.live_token(directory, token, &client).and_then(|(claims, view)| self.describe(&claims, view));
        Ok(answer.unwrap_or_else(|| json!({"active": false})).to_string())
    }

    /// The token, if it is a live one of ours and of the client's own tenant.
    fn live_token<'d>(
        &self,
        directory: &'d Directory,
        token: &str,
        client: &Client,
    ) -> Option<(Claims, &'d Arc<TenantView>)> {
        let (claims, _) = self.judge(token, self.clock.now()).ok()?;
        let view = own_tenant(directory, &claims).ok()?;
        (view.tenant == client.caller.tenant()).then_some((claims, view))
    }

    fn describe(&self, claims: &Claims, view: &Arc<TenantView>) -> Option<Value> {
        let standing = stand(view, claims, &Voucher::Own(self.generation())).ok()?;
        // The address is the token holder's affair; only time is judged here.
        standing.demand_live(self.clock.now()).ok()?;
        Some(json!({
            "active": true, "token_type": "Bearer", "scope": standing.scopes().to_string(),
            "client_id": claims.client, "sub": claims.subject, "aud": &*self.policy.audience,
            "iss": &*self.policy.issuer, "jti": claims.id, "iat": claims.issued_at, "nbf": claims.not_before,
            "exp": claims.expires_at, "tenantId": view.tenant, "kind": standing.principal().kind.as_str(),
        }))
    }
}
