// A certified OpenID provider as an external issuer, on loopback, for tests alone.
// Usage: node idp.mjs CERT.pem KEY.pem; prints `ready https://localhost:PORT` once it listens.
import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const RESOURCE = 'https://gateway.test/api';
const tenants = { 'svc-a': 'tenant-a', 'svc-b': 'tenant-b', 'svc-none': undefined };
const client = (id, scope, more = {}) => ({
  client_id: id,
  client_secret: id.padEnd(43, 'x'),
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_basic',
  scope,
  ...more,
});

const [certificate, key] = process.argv.slice(2).map((file) => readFileSync(file));
const server = createServer({ cert: certificate, key });
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://localhost:${server.address().port}`;
  const scopes = ['integration.connections.call', 'integration.connections.read'];
  const provider = new Provider(issuer, {
    clients: [
      client('svc-a', scopes.join(' ')),
      client('svc-b', scopes.join(' ')),
      client('svc-none', scopes.join(' ')),
      client('svc-dpop', scopes.join(' '), { dpop_bound_access_tokens: true }),
    ],
    scopes,
    ttl: { ClientCredentials: 300, AccessToken: 300 },
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (context, audience) => ({
          scope: scopes.join(' '),
          audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    extraTokenClaims: (context, token) => (tenants[token.clientId] ? { tenantId: tenants[token.clientId] } : undefined),
    findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  });
  server.on('request', provider.callback());
  console.log(`ready ${issuer}`);
});
