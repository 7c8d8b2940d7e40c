// A certified OpenID provider as an external issuer, on loopback, for tests alone.
// Usage: node idp.mjs CERT.pem KEY.pem; prints `ready https://localhost:PORT` once it listens.
//
// Every path `/realm/NAME` is an issuer of its own with keys of its own, made when it is first asked for,
// so that tests do not disturb one another. What is beside the provider is the tests' own:
// `POST /realm/NAME/rotate?keep=1` signs with a new key from then on (and publishes the old ones too),
// `GET /realm/NAME/asked` says how often the realm's metadata, keys and tokens were asked for,
// `POST /realm/NAME/redirect?uri=…` registers a redirect URI of the client `connector`,
// `POST /realm/NAME/client` a client with the metadata in its body, in the place of one of the same id (one whose id
// begins with `account-` gets tokens for the provider's own userinfo endpoint, and one whose id ends with `-nonce` has
// to show the provider's nonce in each proof of possession), a person who is asked to sign in is `alice` and
// consents, and `POST /realm/NAME/withdraw` takes all of that consent back.
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

const connector = (redirects) =>
  client('connector', {
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: redirects,
    scope: ['openid', 'offline_access', ...SCOPES].join(' '),
  });

const granted = [];
const consent = async (context) => {
  const grant = new context.oidc.provider.Grant({
    clientId: context.oidc.client.clientId,
    accountId: context.oidc.session.accountId,
  });
  grant.addOIDCScope(['openid', 'offline_access', ...SCOPES].join(' '));
  grant.addResourceScope(RESOURCE, SCOPES.join(' '));
  granted.push(await grant.save());
  return grant;
};

const id = (context) => context.oidc.client?.clientId ?? '';
const provider = (issuer, keys, redirects, clients) =>
  new Provider(issuer, {
    clients: [
      ...clients,
      client('svc-a'),
      client('svc-b'),
      client('svc-none'),
      client('svc-dpop', { dpop_bound_access_tokens: true }),
      ...(redirects.length ? [connector(redirects)] : []),
    ],
    clientAuthMethods: ['client_secret_basic', 'private_key_jwt', 'self_signed_tls_client_auth', 'none'],
    loadExistingGrant: consent,
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    pkce: { required: () => true },
    interactions: { url: (context, interaction) => `${new URL(issuer).pathname}/sign-in/${interaction.uid}` },
    cookies: { keys: ['of tests alone'] },
    jwks: { keys },
    scopes: ['openid', 'offline_access', ...SCOPES],
    ttl: { ClientCredentials: 300, AccessToken: 300, RefreshToken: 3600, Grant: 3600, Session: 600, Interaction: 600 },
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: {
        enabled: true,
        nonceSecret: Buffer.alloc(32, 'of tests alone'),
        requireNonce: (context) => id(context).endsWith('-nonce'),
      },
      mTLS: {
        enabled: true,
        selfSignedTlsClientAuth: true,
        certificateBoundAccessTokens: true,
        getCertificate: (context) => context.socket.getPeerX509Certificate(),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (context, client) => (client.clientId.startsWith('account-') ? undefined : RESOURCE),
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
    this.asked = { metadata: 0, keys: 0, tokens: 0 };
    this.redirects = [];
    this.clients = new Map();
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
    this.rebuild();
  }

  // What the provider has issued is in a memory that all of them share.
  rebuild() {
    this.provider = provider(this.issuer, this.keys, this.redirects, [...this.clients.values()]);
    this.provider.proxy = false;
    this.answer = this.provider.callback();
  }

  async register(request, response) {
    let body = '';
    for await (const part of request) body += part;
    const client = JSON.parse(body);
    this.clients.set(client.client_id, client);
    this.rebuild();
    response.end('{}');
  }

  async withdraw(response) {
    for (const id of granted.splice(0)) {
      await this.provider.RefreshToken.revokeByGrantId(id);
      await (await this.provider.Grant.find(id))?.destroy();
    }
    response.end('{}');
  }

  serve(request, response, path) {
    const { pathname, searchParams } = new URL(path, this.issuer);
    if (pathname === '/asked') return response.end(JSON.stringify(this.asked));
    if (pathname === '/rotate' && request.method === 'POST') {
      this.rotate(searchParams.get('keep') === '1');
      return response.end(JSON.stringify({ kid: `key-${this.made}` }));
    }
    if (pathname === '/redirect' && request.method === 'POST') {
      this.redirects.push(searchParams.get('uri'));
      this.rebuild();
      return response.end('{}');
    }
    if (pathname === '/client' && request.method === 'POST') return this.register(request, response);
    if (pathname === '/withdraw' && request.method === 'POST') return this.withdraw(response);
    if (pathname === '/token') this.asked.tokens += 1;
    if (pathname.startsWith('/.well-known/')) this.asked.metadata += 1;
    if (pathname === '/jwks') this.asked.keys += 1;
    // This is how the provider learns that it is mounted below a path.
    request.originalUrl = request.url;
    request.url = path;
    if (pathname.startsWith('/sign-in/')) {
      return this.provider.interactionFinished(request, response, { login: { accountId: 'alice' } });
    }
    return this.answer(request, response);
  }
}

const [certificate, key] = process.argv.slice(2).map((file) => readFileSync(file));
const realms = new Map();
const server = createServer({ cert: certificate, key, requestCert: true, rejectUnauthorized: false });
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
