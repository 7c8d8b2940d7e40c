// Signs deliveries and verifies ours with providers' own libraries.
//
//     node sign.mjs sign NOW              every provider's delivery at that moment (seconds since 1970), as JSON:
//                                         name, scheme, setting, secrets, headers, body
//     node sign.mjs verify NOW <ours      whether each library takes what the JSON on its input is:
//                                         secret, headers, body
//
// Where a library can only verify, node's own cryptography signs, and the library must take it before it is told.
import crypto from 'node:crypto'
import { readFileSync } from 'node:fs'

const [what, moment] = process.argv.slice(2)
const now = Number(moment)

// The libraries judge the age of what they verify, so all of them see the moment of the test.
const Real = Date
globalThis.Date = class extends Real {
  constructor(...told) {
    if (told.length === 0) super(now * 1000)
    else super(...told)
  }
  static now() {
    return now * 1000
  }
}

const { default: Stripe } = await import('stripe')
const svix = await import('svix')
const standard = await import('standardwebhooks')
const octokit = await import('@octokit/webhooks-methods')
const { default: twilio } = await import('twilio')
const { hmacValidator } = (await import('@adyen/api-library')).default
const { Paddle } = await import('@paddle/paddle-node-sdk')
const { EventWebhook } = (await import('@sendgrid/eventwebhook')).default
const discord = await import('discord-interactions')
const jose = await import('jose')

const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest('hex')
const demand = (taken, who) => {
  if (!taken) throw new Error(`${who} does not take its own delivery`)
}
const json = (value) => JSON.stringify(value, null, 1)
const whsec = () => `whsec_${crypto.randomBytes(24).toString('base64')}`
// Text that two encodings would write in two ways.
const said = 'gr\u00fc\u00df dich, \u{1f44b}'

const providers = {
  stripe() {
    const secret = 'whsec_of_a_stripe_endpoint'
    const body = json({ id: 'evt_1', object: 'event', type: 'invoice.paid', said })
    const header = new Stripe('sk_test_1').webhooks.generateTestHeaderString({ payload: body, secret, timestamp: now })
    return { scheme: 'stripe', secrets: [secret], headers: { 'Stripe-Signature': header }, body }
  },
  svix() {
    const [secret, body] = [whsec(), json({ type: 'a', said })]
    const signature = new svix.Webhook(secret).sign('msg_1', new Date(), body)
    const headers = { 'svix-id': 'msg_1', 'svix-timestamp': `${now}`, 'svix-signature': signature }
    return { scheme: 'svix', secrets: [secret], headers, body }
  },
  standardwebhooks() {
    const [secret, body] = [whsec(), json({ type: 'a', said })]
    const signature = new standard.Webhook(secret).sign('msg_1', new Date(), body)
    const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': `${now}`, 'webhook-signature': signature }
    return { scheme: 'standardwebhooks', secrets: [secret], headers, body }
  },
  async github() {
    const [secret, body] = ['it is known to two alone', json({ ref: 'refs/heads/main', said })]
    const headers = { 'X-Hub-Signature-256': await octokit.sign(secret, body), 'X-GitHub-Delivery': crypto.randomUUID() }
    return { scheme: 'github', secrets: [secret], headers, body }
  },
  twilio_form() {
    const [secret, url] = ['a1b2c3d4e5f60718293a4b5c6d7e8f90', 'https://hooks.acme.test/sms?x=1']
    const params = { Body: `${said} & more+`, From: '+15017122661', MessageSid: 'SM1', Empty: '' }
    const headers = {
      'Content-Type': 'application/x-www-form-urlencoded',
      'X-Twilio-Signature': twilio.getExpectedTwilioSignature(secret, url, params),
    }
    return { scheme: 'twilio', setting: { public_url: url }, secrets: [secret], headers, body: `${new URLSearchParams(params)}` }
  },
  twilio_json() {
    const [secret, url, body] = ['a1b2c3d4e5f60718293a4b5c6d7e8f90', 'https://hooks.acme.test/events', json([{ said }])]
    const signed = `${url}?bodySHA256=${twilio.getExpectedBodyHash(body)}`
    const signature = twilio.getExpectedTwilioSignature(secret, signed, {})
    demand(twilio.validateRequestWithBody(secret, signature, signed, body), 'twilio')
    const headers = { 'Content-Type': 'application/json', 'X-Twilio-Signature': signature }
    return { scheme: 'twilio', setting: { public_url: url }, secrets: [secret], headers, body }
  },
  twilio_shared_key() {
    const [secret, url] = ['a shared key of theirs', 'https://hooks.acme.test/sms']
    const params = { Body: said, MessageSid: 'SM2' }
    const headers = {
      'Content-Type': 'application/x-www-form-urlencoded',
      'X-Twilio-Webhooks-Signature-Settings': 'key=SK1,algorithm=HMAC_SHA256',
      'X-Twilio-Signature': twilio.getExpectedTwilioSignature(secret, url, params, 'HMAC_SHA256'),
    }
    return { scheme: 'twilio', setting: { public_url: url }, secrets: [secret], headers, body: `${new URLSearchParams(params)}` }
  },
  adyen_standard() {
    const secret = crypto.randomBytes(32).toString('hex').toUpperCase()
    const item = {
      additionalData: {}, amount: { currency: 'EUR', value: 1130 }, eventCode: 'AUTHORISATION', eventDate: '2026-01-01T00:00:00+01:00',
      merchantAccountCode: 'TestMerchant', merchantReference: 'TestPayment-1407325143704', originalReference: '',
      paymentMethod: 'visa', pspReference: '7914073381342284', reason: said, success: 'true',
    }
    const validator = new hmacValidator()
    item.additionalData.hmacSignature = validator.calculateHmac(item, secret)
    demand(validator.validateHMAC(item, secret), 'adyen')
    const body = json({ live: 'false', notificationItems: [{ NotificationRequestItem: item }] })
    // Byte by byte it signs eight fields, and a byte elsewhere is of no consequence: the value is one of them.
    return { scheme: 'adyen_standard', secrets: [secret], headers: { 'Content-Type': 'application/json' }, body, change: ['1130', '9130'] }
  },
  adyen_platform() {
    const [secret, body] = [crypto.randomBytes(32).toString('hex').toUpperCase(), json({ data: { id: '1' }, type: 'a', said })]
    const signature = new hmacValidator().calculateHmac(body, secret)
    return { scheme: 'adyen_platform', secrets: [secret], headers: { hmacsignature: signature, protocol: 'HmacSHA256' }, body }
  },
  async paddle() {
    const [secret, body] = ['pdl_ntfset_01_abc', json({ event_id: 'evt_1', event_type: 'transaction.paid', said })]
    const header = `ts=${now};h1=${hmac(secret, `${now}:${body}`)}`
    demand(await new Paddle('key').webhooks.isSignatureValid(body, secret, header), 'paddle')
    return { scheme: 'paddle', secrets: [secret], headers: { 'Paddle-Signature': header }, body }
  },
  sendgrid() {
    const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const body = json([{ email: 'a@example.test', event: 'processed', sg_event_id: 'one', said }])
    const signature = crypto.sign('sha256', Buffer.from(`${now}${body}`), privateKey).toString('base64')
    const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
    const verifier = new EventWebhook()
    demand(verifier.verifySignature(verifier.convertPublicKeyToECDSA(key), body, signature, `${now}`), 'sendgrid')
    const headers = {
      'X-Twilio-Email-Event-Webhook-Signature': signature,
      'X-Twilio-Email-Event-Webhook-Timestamp': `${now}`,
    }
    return { scheme: 'sendgrid', setting: { public_keys: [key] }, secrets: [], headers, body }
  },
  async discord() {
    const { publicKey, privateKey } = crypto.generateKeyPairSync('ed25519')
    const key = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex')
    const body = json({ id: '1', type: 2, said })
    const signature = crypto.sign(null, Buffer.from(`${now}${body}`), privateKey).toString('hex')
    demand(await discord.verifyKey(body, signature, `${now}`, key), 'discord')
    const headers = { 'X-Signature-Ed25519': signature, 'X-Signature-Timestamp': `${now}` }
    return { scheme: 'discord', setting: { public_keys: [key] }, secrets: [], headers, body }
  },
  async jws_detached() {
    const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }
    const body = json({ said })
    const signer = new jose.CompactSign(new TextEncoder().encode(body))
    const [head, , signature] = (await signer.setProtectedHeader({ alg: 'ES256', kid: 'k1', iat: now }).sign(privateKey)).split('.')
    const setting = { jws: { form: 'detached', jwks: { keys: [jwk] } } }
    return { scheme: 'jws', setting, secrets: [], headers: { 'X-JWS-Signature': `${head}..${signature}` }, body }
  },
  async jws_compact() {
    const { publicKey, privateKey } = await jose.generateKeyPair('Ed25519', { extractable: true })
    const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'k1', alg: 'Ed25519', use: 'sig' }
    const token = new jose.SignJWT({ said, jti: 'one' }).setProtectedHeader({ alg: 'Ed25519', kid: 'k1', typ: 'JWT' }).setIssuedAt()
    const setting = { jws: { form: 'compact', jwks: { keys: [jwk] } } }
    return { scheme: 'jws', setting, secrets: [], headers: { 'Content-Type': 'application/jose' }, body: await token.sign(privateKey) }
  },
}

function takes(Webhook, { secret, headers, body }) {
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch (error) {
    if (error.constructor.name !== 'WebhookVerificationError') throw error
    return false
  }
}

if (what === 'verify') {
  const ours = JSON.parse(readFileSync(0, 'utf8'))
  const told = { svix: takes(svix.Webhook, ours), standardwebhooks: takes(standard.Webhook, ours) }
  process.stdout.write(JSON.stringify(told))
} else {
  const all = []
  for (const [name, sign] of Object.entries(providers)) all.push({ name, ...(await sign()) })
  process.stdout.write(JSON.stringify(all))
}
