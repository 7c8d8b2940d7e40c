"""Makes what every system under test is given: certificates, a token key with its key set, tokens, and
the 1 KiB answer. Everything lands in bench/run/. Needs the openssl command and pyjwt[crypto]."""
import base64
import json
import os
import subprocess
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import lockgate

RUN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run")
ISSUER, AUDIENCE = "https://idp.local", "gateway"
TOKENS = 50


def path(name):
    return os.path.join(RUN, name)


def shell(command):
    subprocess.run(command, shell=True, check=True, cwd=RUN, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def certificates():
    shell(
        "openssl ecparam -name prime256v1 -genkey -noout -out ca.key && "
        "openssl req -x509 -new -key ca.key -subj /CN=bench-ca -days 3650 -out ca.pem "
        "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
    )
    shell(
        "openssl ecparam -name prime256v1 -genkey -noout -out srv.key && "
        "openssl req -new -key srv.key -subj /CN=localhost -out srv.csr && "
        "printf 'subjectAltName=DNS:localhost,DNS:vendor.bench.example,IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > ext && "
        "openssl x509 -req -in srv.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile ext -out srv.pem"
    )


def tokens(tenant_claims, name):
    """One file of tokens with the claims that all systems check, and the claims that `tenant_claims` adds."""
    key = serialization.load_pem_private_key(open(path("jwt.key"), "rb").read(), None)
    now = int(time.time())
    made = []
    for number in range(TOKENS):
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"svc-{number}", "iat": now, "nbf": now - 60,
                  "exp": now + 3500, "jti": f"{number:032x}"}
        claims.update(tenant_claims(number))
        made.append(jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k1", "typ": "at+jwt"}))
    open(path(f"{name}.txt"), "w").write("\n".join(made))


def load_script(name, targets, host):
    """A wrk script that goes through the tokens of a file and through the targets."""
    targets = [targets] if isinstance(targets, str) else targets
    listed = ", ".join(f'"{target}"' for target in targets)
    open(path(f"{name}.lua"), "w").write(f"""
local tokens, targets, requests, at = {{}}, {{ {listed} }}, {{}}, 0
for line in io.lines("{path(name + '.txt')}") do tokens[#tokens + 1] = "Bearer " .. line end
init = function(args)
  for k = 1, #tokens do
    local target = targets[(k - 1) % #targets + 1]
    requests[k] = wrk.format("GET", target, {{["Authorization"] = tokens[k], ["Host"] = "{host}"}})
  end
end
request = function() at = at % #requests + 1; return requests[at] end
""")


def main():
    os.makedirs(RUN, exist_ok=True)
    certificates()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key()
    open(path("jwt.key"), "wb").write(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    open(path("jwt.pub"), "wb").write(public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    number = lambda value: base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
    numbers = public.public_numbers()
    jwks = {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1", "n": number(numbers.n), "e": number(numbers.e)}]}
    json.dump(jwks, open(path("jwks.json"), "w"))
    tokens(lambda n: {"tenant": f"t{n % 10}", "scope": "crm:read crm:write"}, "tokens")
    load_script("tokens", "/v1/items", "localhost")
    body = {"data": [{"id": f"cus_{i:05d}", "name": f"Customer {i}", "email": f"c{i}@example.com", "phone": "+1-555-0100",
                      "status": "active", "balance": 1000 + i} for i in range(8)], "has_more": False, "pad": ""}
    body["pad"] = "x" * (1024 - len(json.dumps(body, separators=(",", ":"))))
    text = json.dumps(body, separators=(",", ":"))
    assert len(text) == 1024
    open(path("body.json"), "w").write(text)
    secret = {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", "name": "cred",
              "generic_secret": {"secret": {"inline_string": "Bearer upstream-secret-token-0123456789abcdef"}}}
    json.dump({"resources": [secret]}, open(path("sds.json"), "w"))
    for variant in ("ctl", "ctltls", "ctlcache", "ctlcachetls"):
        lockgate.prepare(variant, tokens)
        load_script(f"tokens-{variant}", "/call/crm-0/v1/items", "gate")


if __name__ == "__main__":
    main()
