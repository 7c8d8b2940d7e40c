"""The peers from packages, each plain and with its nearest equivalent of our controls.

Each function takes a variant and returns (command, port, environment). Variants: `plain` passes through;
`tls` dials the upstream with TLS 1.3; `ctl` verifies an RS256 token at every request, checks the scope,
limits by tenant, injects a credential and writes an access record; `ctlcache` keeps the verified token;
a trailing `tls` dials with TLS as well."""
import json
import os

B = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run")
R = B
C = os.path.join(B, "conf")
r = lambda n: os.path.join(R, n)
CRED = "Bearer upstream-secret-token-0123456789abcdef"
VENV = os.path.join(B, "venv/bin")

def w(name, s):
    os.makedirs(C, exist_ok=True); p = os.path.join(C, name); open(p, "w").write(s); return p

# ---------------------------------------------------------------- upstream
def upstream():
    body = open(r("body.json")).read()
    return ["nginx", "-p", R, "-c", w("upstream.conf", f"""
daemon off; worker_processes 1; pid {r('up.pid')}; error_log {r('up.err')} error; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300s; tcp_nodelay on; server_tokens off;
  server {{ listen 127.0.0.1:19000 backlog=4096; default_type application/json; location = /jwks.json {{ alias {r('jwks.json')}; }} location / {{ return 200 '{body}'; }} }}
  server {{ listen 127.0.0.1:19443 ssl backlog=4096; ssl_certificate {r('srv.pem')}; ssl_certificate_key {r('srv.key')};
    ssl_protocols TLSv1.3; ssl_session_cache shared:a:4m; default_type application/json; location / {{ return 200 '{body}'; }} }}
}}
""")]

# ---------------------------------------------------------------- nginx (+ OpenResty-style Lua for the JWT part)
LUA_INIT = r"""
local ffi = require "ffi"
ffi.cdef[[
typedef struct bio_st BIO; typedef struct evp_pkey_st EVP_PKEY; typedef struct evp_md_ctx_st EVP_MD_CTX; typedef struct evp_md_st EVP_MD;
BIO *BIO_new_mem_buf(const void *buf, int len); EVP_PKEY *PEM_read_bio_PUBKEY(BIO *bp, void **x, void *cb, void *u);
EVP_MD_CTX *EVP_MD_CTX_new(void); int EVP_MD_CTX_reset(EVP_MD_CTX *ctx); const EVP_MD *EVP_sha256(void);
int EVP_DigestVerifyInit(EVP_MD_CTX *ctx, void **pctx, const EVP_MD *type, void *e, EVP_PKEY *pkey);
int EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *sig, size_t siglen, const unsigned char *tbs, size_t tbslen);
]]
local C = ffi.load("/usr/lib/x86_64-linux-gnu/libcrypto.so.3")
local pem = io.open("@PUB@"):read("*a")
local pkey = C.PEM_read_bio_PUBKEY(C.BIO_new_mem_buf(pem, #pem), nil, nil, nil)
local ctx = C.EVP_MD_CTX_new()
local b64 = require "ngx.base64"; local cjson = require "cjson.safe"
local lru = require("resty.lrucache").new(10000)
local function verify(tok)
  local h, p, s = tok:match("^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$"); if not h then return nil end
  local hdr = cjson.decode(b64.decode_base64url(h) or ""); if not hdr or hdr.alg ~= "RS256" then return nil end
  local sig = b64.decode_base64url(s); local tbs = h .. "." .. p
  C.EVP_MD_CTX_reset(ctx)
  if C.EVP_DigestVerifyInit(ctx, nil, C.EVP_sha256(), nil, pkey) ~= 1 then return nil end
  if C.EVP_DigestVerify(ctx, sig, #sig, tbs, #tbs) ~= 1 then return nil end
  local c = cjson.decode(b64.decode_base64url(p) or ""); if not c then return nil end
  if c.iss ~= "https://idp.local" or c.aud ~= "gateway" then return nil end
  return c
end
local shm = ngx.shared.rl
local CACHE = @CACHE@
function gate()
  local a = ngx.var.http_authorization
  if not a or a:sub(1, 7) ~= "Bearer " then return ngx.exit(401) end
  local tok = a:sub(8); local c
  if CACHE then c = lru:get(tok) end
  if not c then c = verify(tok); if not c then return ngx.exit(401) end; if CACHE then lru:set(tok, c, 300) end end
  if c.exp < ngx.time() then return ngx.exit(401) end
  if not c.scope:find("crm:read", 1, true) then return ngx.exit(403) end
  local n = shm:incr(c.tenant .. ":" .. ngx.time(), 1, 0, 2)
  if n and n > 10000000 then return ngx.exit(429) end
  ngx.var.tenant = c.tenant; ngx.var.sub = c.sub
  ngx.req.set_header("Authorization", "@CRED@")
end
"""
def nginx(v):
    tls = "tls" in v; ctl = v.startswith("ctl"); port = 18100
    scheme, up = ("https", "127.0.0.1:19443") if tls else ("http", "127.0.0.1:19000")
    lua = ""
    if ctl:
        open(r("init.lua"), "w").write(LUA_INIT.replace("@PUB@", r("jwt.pub")).replace("@CRED@", CRED).replace("@CACHE@", "true" if "cache" in v else "false"))
        lua = f"lua_shared_dict rl 8m; init_by_lua_file {r('init.lua')}; limit_req_zone $tenant zone=z:4m rate=1000000r/s;"
    mods = "load_module /usr/lib/nginx/modules/ndk_http_module.so; load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;" if ctl else ""
    log = f"""log_format j escape=json '{{"ts":"$msec","tenant":"$tenant","sub":"$sub","method":"$request_method","path":"$request_uri","status":$status,"rt":$request_time}}'; access_log {r('nginx.access')} j buffer=64k flush=1s;""" if ctl else "access_log off;"
    acc = 'set $tenant ""; set $sub ""; access_by_lua_block { gate() } proxy_next_upstream error timeout; proxy_next_upstream_tries 2;' if ctl else ""
    return ["nginx", "-p", R, "-c", w(f"nginx-{v}.conf", f"""
daemon off; worker_processes 1; pid {r('px.pid')}; error_log {r('px.err')} error; worker_rlimit_nofile 8192; {mods}
events {{ worker_connections 4096; }}
http {{
  {lua} {log if not ctl else ''}
  keepalive_requests 1000000000; keepalive_timeout 300s; tcp_nodelay on; client_max_body_size 1m; proxy_connect_timeout 2s; proxy_read_timeout 15s;
  upstream up {{ server {up} max_fails=50 fail_timeout=10s; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 300s; }}
  {log if ctl else ''}
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location / {{ {acc} proxy_pass {scheme}://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host localhost;
      {"proxy_ssl_verify on; proxy_ssl_trusted_certificate %s; proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3; proxy_ssl_session_reuse on;" % r('ca.pem') if tls else ""} }} }}
}}
""")], port, {}

# ---------------------------------------------------------------- haproxy
def haproxy(v):
    tls = "tls" in v; ctl = v.startswith("ctl"); port = 18200
    srv = f"server s 127.0.0.1:19443 ssl verify required ca-file {r('ca.pem')} sni str(localhost) verifyhost localhost ssl-min-ver TLSv1.3" if tls else "server s 127.0.0.1:19000"
    ctls = f"""
  http-request deny deny_status 413 if {{ req.body_size gt 1048576 }}
  http-request deny deny_status 401 unless {{ req.hdr(authorization) -m found }}
  http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')
  http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_verify(txn.alg,"{r('jwt.pub')}") 1 }}
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_payload_query('$.iss') -m str https://idp.local }}
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_payload_query('$.aud') -m str gateway }}
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 if {{ http_auth_bearer,jwt_payload_query('$.exp','int'),sub(txn.now) -m int lt 0 }}
  http-request deny deny_status 403 unless {{ http_auth_bearer,jwt_payload_query('$.scope') -m sub crm:read }}
  http-request set-var(txn.tenant) http_auth_bearer,jwt_payload_query('$.tenant')
  http-request set-var(txn.sub) http_auth_bearer,jwt_payload_query('$.sub')
  http-request track-sc0 var(txn.tenant) table tenants
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 10000000 }}
  http-request set-header Authorization "{CRED}"
  log global
  log-format '{{"ts":"%[date_us]","tenant":"%[var(txn.tenant)]","sub":"%[var(txn.sub)]","method":"%HM","path":"%HP","status":%ST,"rt":%Ta}}'
""" if ctl else ""
    return ["haproxy", "-f", w(f"haproxy-{v}.cfg", f"""
global
  maxconn 4096
  nbthread 1
  {"log stdout format raw local0" if ctl else ""}
defaults
  mode http
  timeout connect 2s
  timeout client 300s
  timeout server 15s
  timeout http-keep-alive 300s
  option http-keep-alive
  http-reuse always
  retries 2
backend tenants
  stick-table type string len 64 size 100k expire 60s store http_req_rate(1s)
frontend f
  bind 127.0.0.1:{port} backlog 4096
  {ctls}
  http-request set-header Host localhost
  default_backend b
backend b
  {"default-server observe layer7 error-limit 50 on-error mark-down check inter 5s" if ctl else ""}
  {srv} pool-max-conn 256
""")], port, {}

# ---------------------------------------------------------------- envoy
def envoy(v):
    tls = "tls" in v; ctl = v.startswith("ctl"); port = 18300
    T = "type.googleapis.com/envoy.extensions."
    filters = []
    if ctl:
        prov = {"issuer": "https://idp.local", "audiences": ["gateway"], "local_jwks": {"filename": r("jwks.json")},
                "claim_to_headers": [{"header_name": "x-tenant", "claim_name": "tenant"}], "payload_in_metadata": "jwt"}
        if "cache" in v: prov["jwt_cache_config"] = {"jwt_cache_size": 10000}
        filters += [
          {"name": "envoy.filters.http.jwt_authn", "typed_config": {"@type": T + "filters.http.jwt_authn.v3.JwtAuthentication", "providers": {"p": prov}, "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]}},
          {"name": "envoy.filters.http.rbac", "typed_config": {"@type": T + "filters.http.rbac.v3.RBAC", "rules": {"action": "ALLOW", "policies": {"crm": {"permissions": [{"header": {"name": ":method", "string_match": {"exact": "GET"}}}],
            "principals": [{"metadata": {"filter": "envoy.filters.http.jwt_authn", "path": [{"key": "jwt"}, {"key": "scope"}], "value": {"string_match": {"contains": "crm:read"}}}}]}}}}},
          {"name": "envoy.filters.http.local_ratelimit", "typed_config": {"@type": T + "filters.http.local_ratelimit.v3.LocalRateLimit", "stat_prefix": "rl",
            "token_bucket": {"max_tokens": 100000000, "tokens_per_fill": 100000000, "fill_interval": "1s"},
            "filter_enabled": {"default_value": {"numerator": 100}}, "filter_enforced": {"default_value": {"numerator": 100}},
            "rate_limits": [{"actions": [{"request_headers": {"header_name": "x-tenant", "descriptor_key": "tenant"}}]}],
            "descriptors": [{"entries": [{"key": "tenant", "value": f"t{i}"}], "token_bucket": {"max_tokens": 10000000, "tokens_per_fill": 10000000, "fill_interval": "1s"}} for i in range(10)]}},
          {"name": "envoy.filters.http.buffer", "typed_config": {"@type": T + "filters.http.buffer.v3.Buffer", "max_request_bytes": 1048576}},
          {"name": "envoy.filters.http.credential_injector", "typed_config": {"@type": T + "filters.http.credential_injector.v3.CredentialInjector", "overwrite": True,
            "credential": {"name": "c", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
              "credential": {"name": "cred", "sds_config": {"path_config_source": {"path": r("sds.json")}}}}}}},
        ]
    filters.append({"name": "envoy.filters.http.router", "typed_config": {"@type": T + "filters.http.router.v3.Router"}})
    hcm = {"@type": T + "filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "i", "codec_type": "HTTP1", "generate_request_id": bool(ctl),
           "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "u", "timeout": "15s", "host_rewrite_literal": "localhost",
             **({"retry_policy": {"retry_on": "connect-failure,refused-stream,reset-before-request", "num_retries": 2}} if ctl else {})}}]}]},
           "http_filters": filters}
    if ctl:
        hcm["access_log"] = [{"name": "a", "typed_config": {"@type": T + "access_loggers.file.v3.FileAccessLog", "path": r("envoy.access"),
          "log_format": {"json_format": {"ts": "%START_TIME%", "tenant": "%REQ(X-TENANT)%", "method": "%REQ(:METHOD)%", "path": "%REQ(:PATH)%", "status": "%RESPONSE_CODE%", "rt": "%DURATION%", "rid": "%REQ(X-REQUEST-ID)%"}}}}]
    cl = {"name": "u", "type": "STATIC", "connect_timeout": "2s", "load_assignment": {"cluster_name": "u", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 19443 if tls else 19000}}}}]}]},
          "circuit_breakers": {"thresholds": [{"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096, "max_retries": 64}]}}
    if ctl: cl["outlier_detection"] = {"consecutive_5xx": 50, "interval": "5s", "base_ejection_time": "10s"}
    if tls: cl["transport_socket"] = {"name": "tls", "typed_config": {"@type": T + "transport_sockets.tls.v3.UpstreamTlsContext", "sni": "localhost", "common_tls_context": {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
        "validation_context": {"trusted_ca": {"filename": r("ca.pem")}, "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "localhost"}}]}}}}
    conf = {"node": {"id": "n", "cluster": "c"}, "static_resources": {"listeners": [{"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}, "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": hcm}]}]}], "clusters": [cl]},
            "layered_runtime": {"layers": [{"name": "s", "static_layer": {"re2.max_program_size.error_level": 1000}}]}}
    ebin = os.path.realpath(os.path.join(B, "venv/lib/python3.11/site-packages/envoy/_bin/envoy"))
    return [ebin, "-c", w(f"envoy-{v}.json", json.dumps(conf, indent=1)), "--concurrency", "1", "-l", "error", "--disable-hot-restart"], port, {}

