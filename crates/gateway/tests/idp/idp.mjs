// A certified OpenID provider as an external issuer, on loopback, for tests alone.
// Usage: node idp.mjs CERT.pem KEY.pem; prints `ready https://localhost:PORT` once it listens.
//
// Every path `/realm/NAME` is an issuer of its own with keys of its own, made when it is first asked for,
// so that tests do not disturb one another. Two things beside the provider are the tests' own:
// `POST /realm/NAME/rotate?keep=1` signs with a new key from then on (and publishes the old ones too), and
// `GET /realm/NAME/asked` says how often the realm's metadata and keys were fetched.
import { createServer } from 'node:https';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';

// The provider wants both; the distribution's node may be older than they are.
URL.parse ??= (text, base) => (URL.canParse(text, base) ? new URL(text, base) : null);
globalThis.crypto ??= webcrypto;
const { Provider } = await import('oidc-provider');

const RESOURCE = 'https://gateway.test/api';
const SCOPES = ['integration.connections.call', 'integration.connections.read'];
const TENANTS = { 'svc-a': 'tenant-a', 'svc-b': 'tenant-b', 'svc-dpop': 'tenant-a' };
const client = (id, more = {}) => ({
  client_id: id,
  client_secret: id.padEnd(43, 'x'),
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_basic',
  scope: SCOPES.join(' '),
  ...more,
});

const provider = (issuer, keys) =>
  new Provider(issuer, {
    clients: [client('svc-a'), client('svc-b'), client('svc-none'), client('svc-dpop', { dpop_bound_access_tokens: true })],
    jwks: { keys },
    scopes: SCOPES,
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
          scope: SCOPES.join(' '),
          audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    extraTokenClaims: (context, token) => (TENANTS[token.clientId] ? { tenantId: TENANTS[token.clientId] } : undefined),
    findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  });

class Realm {
  constructor(issuer) {
    this.issuer = issuer;
    this.asked = { metadata: 0, keys: 0 };
    this.keys = [];
    this.made = 0;
    this.rotate(true);
  }

  rotate(keep) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.made += 1;
    const key = { ...privateKey.export({ format: 'jwk' }), kid: `key-${this.made}`, use: 'sig', alg: 'RS256' };
    // The provider signs with the first key that fits.
    this.keys = [key, ...(keep ? this.keys : [])];
    this.answer = provider(this.issuer, this.keys).callback();
  }

  serve(request, response, path) {
    const { pathname, searchParams } = new URL(path, this.issuer);
    if (pathname === '/asked') return response.end(JSON.stringify(this.asked));
    if (pathname === '/rotate' && request.method === 'POST') {
      this.rotate(searchParams.get('keep') === '1');
      return response.end(JSON.stringify({ kid: `key-${this.made}` }));
    }
    if (pathname.startsWith('/.well-known/')) this.asked.metadata += 1;
    if (pathname === '/jwks') this.asked.keys += 1;
    // This is how the provider learns that it is mounted below a path.
    request.originalUrl = request.url;
    request.url = path;
    return this.answer(request, response);
  }
}

const [certificate, key] = process.argv.slice(2).map((file) => readFileSync(file));
const realms = new Map();
const server = createServer({ cert: certificate, key });
server.listen(0, '127.0.0.1', () => {
  const origin = `https://localhost:${server.address().port}`;
  server.on('request', (request, response) => {
    const [, name, path] = /^\/realm\/([a-z0-9-]+)(\/.*)$/.exec(request.url) ?? [];
    if (!name) return response.writeHead(404).end();
    const issuer = `${origin}/realm/${name}`;
    if (!realms.has(name)) realms.set(name, new Realm(issuer));
    return realms.get(name).serve(request, response, path);
  });
  console.log(`ready ${origin}`);
});
