//! Tokens of ours: issued, used, looked into, revoked and refused, with a client's secret in each of its places.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::begin::Tenant;
use super::watched::{Kept, Watched};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

struct Client {
    id: String,
    secret: String,
}

impl Client {
    async fn registered(watched: &Watched, tenant: &Tenant) -> Self {
        let body = json!({ "principal": tenant.principal, "kind": "client-secret" });
        let made = watched.makes(&tenant.operator, "/v1/api-keys", body).await;
        let id = made.json()["key"]["key"].as_str().or(made.json()["key"].as_str()).expect("an id").to_owned();
        let secret = watched.shown_once(&made, "a client's secret", &made.json()["secret"]);
        Self { id, secret }
    }

    fn login(&self) -> String {
        format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }

    fn form(&self) -> String {
        format!("client_id={}&client_secret={}", self.id, self.secret)
    }
}

async fn posts(watched: &Watched, what: &str, path: &str, fields: &str, form: &str) -> Kept {
    watched.calls(what, &format!("POST /oauth/{path}"), &format!("{fields}{FORM}"), form).await
}

/// Issues, uses, looks into and revokes tokens, and presents what is none.
pub async fn drive(watched: &Watched, tenant: &Tenant) {
    let client = Client::registered(watched, tenant).await;
    let ask = "grant_type=client_credentials";
    let by_form =
        posts(watched, "a token by a form", "token", "", &format!("{ask}&{}", client.form())).await.demand(200);
    let by_login = posts(watched, "a token by a login", "token", &client.login(), ask).await.demand(200);
    let mut tokens = Vec::new();
    for (kept, name) in [(by_form, "a token had by a form"), (by_login, "a token had by a login")] {
        tokens.push(watched.shown_once(&kept, name, &kept.json()["access_token"]));
    }
    for token in &tokens {
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let called = watched.calls("a call with a token", "GET /call/bearer/ok", &bearer, "").await.demand(200);
        watched.shows(&called, "person in an answer of bearer");
        let looked = posts(watched, "looked into", "introspect", &client.login(), &format!("token={token}")).await;
        assert_eq!(looked.json()["active"], true, "{}", looked.answer.text());
        let both = format!("token={token}&{}", client.form());
        posts(watched, "revoked", "revoke", "", &both).await.demand(200);
        watched.calls("a call with a revoked token", "GET /call/bearer/ok", &bearer, "").await.demand(401);
        let looked = posts(watched, "looked into again", "introspect", "", &both).await;
        assert_eq!(looked.json()["active"], false, "{}", looked.answer.text());
        watched
            .calls("a token in a query", &format!("GET /call/bearer/ok?access_token={token}"), "", "")
            .await
            .demand(401);
    }
    strangers(watched, &client).await;
}

/// What nobody accepts: secrets, tokens and assertions that are wrong, and right ones in the wrong place.
async fn strangers(watched: &Watched, client: &Client) {
    let nest = &watched.nest;
    let ask = "grant_type=client_credentials";
    let guess = nest.word("a guess at a client's secret");
    let login = STANDARD.encode(format!("{}:{guess}", client.id));
    posts(watched, "a guess by login", "token", &format!("Authorization: Basic {login}\r\n"), ask).await.demand(401);
    posts(watched, "a guess by form", "token", "", &format!("{ask}&client_id={}&client_secret={guess}", client.id))
        .await
        .demand(401);
    let queried = format!("token?{}", client.form());
    posts(watched, "a secret in a query", &queried, "", ask).await;
    let word = nest.word("a password of a person");
    let form = format!("grant_type=password&username=me&password={word}&{}", client.form());
    posts(watched, "a password", "token", "", &form).await.demand(400);
    let form = format!("grant_type={word}&scope={word}&{}", client.form());
    posts(watched, "a secret for a grant", "token", "", &form).await.demand(400);
    let form = format!("{ask}&scope={word}&{}", client.form());
    posts(watched, "a secret for a scope", "token", "", &form).await.demand(400);
    let form = format!("token={}&token_type_hint={word}&{}", nest.word("a token of somebody's"), client.form());
    posts(watched, "looked into a stranger's", "introspect", "", &form).await;
    let coded = |text: String| URL_SAFE_NO_PAD.encode(text);
    let claims = json!({ "iss": "https://idp.test", "sub": nest.word("a subject of a forged token") }).to_string();
    let kid = nest.word("a key's name in a forged token");
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid }).to_string();
    let forged = format!("{}.{}.{}", coded(header), coded(claims), nest.word("a signature of a forged token"));
    for line in [format!("Authorization: Bearer {forged}\r\n"), format!("X-Api-Key: {forged}\r\n")] {
        watched.calls("a forged token", "GET /call/bearer/ok", &line, "").await.demand(401);
    }
    let assertion = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let form = format!("{ask}&{assertion}&client_assertion={forged}");
    posts(watched, "a forged assertion", "token", "", &form).await;
}
