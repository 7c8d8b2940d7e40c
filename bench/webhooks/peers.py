"""The statements that Svix's server issues for a message to one endpoint, on PostgreSQL: its database side
alone, without HTTP, without its queue in Redis, and with the application always in its cache for the worker.

`svix` is the server as of August 2026: accepting a message is one transaction of two rows, the worker reads it
and writes the attempt. `svix_2024` is the server up to August 2025, which besides kept a row for each
destination and wrote its end. `svix_accept` is the first half of `svix` alone: what is done before it answers.
The tables, columns and indexes are those that its migrations lead to."""

TABLES = """
CREATE TABLE application (id varchar COLLATE "C" PRIMARY KEY, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
  org_id varchar COLLATE "C" NOT NULL, uid varchar COLLATE "C", name varchar NOT NULL, rate_limit integer, deleted boolean NOT NULL);
CREATE UNIQUE INDEX ON application (org_id, uid) WHERE uid IS NOT NULL;
CREATE TABLE endpoint (id varchar COLLATE "C" PRIMARY KEY, app_id varchar COLLATE "C" NOT NULL REFERENCES application (id));
CREATE TABLE message (id varchar COLLATE "C" PRIMARY KEY, created_at timestamptz NOT NULL, org_id varchar COLLATE "C" NOT NULL,
  app_id varchar COLLATE "C" NOT NULL REFERENCES application (id) ON DELETE CASCADE, event_type varchar COLLATE "C" NOT NULL,
  uid varchar COLLATE "C", payload jsonb, channels jsonb, expiration timestamptz NOT NULL DEFAULT now() + INTERVAL '90 day');
CREATE INDEX ON message (app_id, id DESC);
CREATE UNIQUE INDEX ON message (app_id, uid) WHERE uid IS NOT NULL;
CREATE INDEX ON message (expiration) WHERE payload IS NOT NULL;
CREATE TABLE messagecontent (id varchar COLLATE "C" PRIMARY KEY, created_at timestamptz NOT NULL, payload bytea NOT NULL,
  expiration timestamptz NOT NULL DEFAULT now() + INTERVAL '90 day');
CREATE INDEX ON messagecontent (expiration);
CREATE TABLE messagedestination (id varchar COLLATE "C" PRIMARY KEY, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
  msg_id varchar COLLATE "C" NOT NULL REFERENCES message (id) ON DELETE CASCADE,
  endp_id varchar COLLATE "C" NOT NULL REFERENCES endpoint (id) ON DELETE CASCADE, status smallint NOT NULL, next_attempt timestamptz);
CREATE INDEX ON messagedestination (endp_id, id DESC);
CREATE INDEX ON messagedestination (endp_id, status, id DESC);
CREATE INDEX ON messagedestination (msg_id);
CREATE TABLE messageattempt (id varchar COLLATE "C" PRIMARY KEY, created_at timestamptz NOT NULL, msg_id varchar COLLATE "C" NOT NULL,
  msg_dest_id varchar COLLATE "C", endp_id varchar COLLATE "C" NOT NULL, url varchar NOT NULL, status smallint NOT NULL,
  response_status_code smallint NOT NULL, response text NOT NULL DEFAULT '', ended_at timestamptz, trigger_type smallint NOT NULL,
  response_duration_ms bigint NOT NULL DEFAULT 0, attempt_number smallint NOT NULL DEFAULT -1, next_attempt timestamptz);
CREATE INDEX ON messageattempt (msg_id, id DESC);
CREATE INDEX ON messageattempt (endp_id, status, id DESC) INCLUDE (response_status_code);
INSERT INTO application VALUES ('app_2vQwHqJ7mYtKcXbN4sLdRfGz01a', now(), now(), 'org_2vQwHqJ7mYtKcXbN4sLdRfGz01a', 'acme', 'Acme', NULL, false);
INSERT INTO endpoint VALUES ('ep_2vQwHqJ7mYtKcXbN4sLdRfGz01ab', 'app_2vQwHqJ7mYtKcXbN4sLdRfGz01a')
"""

APPLICATION, ORGANISATION, ENDPOINT = (f"{kind}_2vQwHqJ7mYtKcXbN4sLdRfGz01a" for kind in ("app", "org", "ep"))
ENDPOINT += "b"
FORM = "2vQwHqJ7mYtKcXbN4sLdRfGz01a"


def _placed(table, columns, values):
    places = ", ".join(f"${number + 1}" for number in range(len(columns)))
    names = ", ".join(columns)
    return [f"S INSERT INTO {table} ({names}) VALUES ({places}) RETURNING {names}", *values, "W"]


ACCEPT = [
    "S SELECT id, created_at, updated_at, org_id, uid, name, rate_limit, deleted FROM application "
    "WHERE org_id = $1 AND deleted = false AND (id = $2 OR uid = $3) LIMIT 1",
    f"T {ORGANISATION}", f"T {APPLICATION}", f"T {APPLICATION}", "W",
    "S BEGIN", "W",
    *_placed("message", ["id", "created_at", "org_id", "app_id", "event_type", "uid", "channels", "expiration"],
             [f"U msg_{FORM}", "T now", f"T {ORGANISATION}", f"T {APPLICATION}", "T invoice.paid", "N", "N", "T 2035-01-01"]),
    *_placed("messagecontent", ["id", "created_at", "payload", "expiration"], ["R 0", "T now", "B 1024", "T 2035-01-01"]),
    "S COMMIT", "W",
]
READ = [
    "S SELECT m.id, m.created_at, m.org_id, m.app_id, m.event_type, m.uid, m.payload, m.channels, m.expiration, c.id, "
    "c.created_at, c.payload, c.expiration FROM message m LEFT JOIN messagecontent c ON m.id = c.id WHERE m.id = $1 LIMIT 1",
    "R 0", "W",
]


def _attempt(destination):
    return _placed(
        "messageattempt",
        ["id", "created_at", "msg_id", "msg_dest_id", "endp_id", "url", "status", "response_status_code", "response", "ended_at",
         "trigger_type", "response_duration_ms", "attempt_number", "next_attempt"],
        [f"U atmpt_{FORM}", "T now", "R 0", destination, f"T {ENDPOINT}", "T https://acme.example/webhooks", "I 0", "I 200",
         'T {"ok":true}', "T now", "I 0", "I 21", "I 0", "N"])


DESTINATION = _placed("messagedestination", ["id", "created_at", "updated_at", "msg_id", "endp_id", "status", "next_attempt"],
                      [f"U msgep_{FORM}", "T now", "T now", "R 0", f"T {ENDPOINT}", "I 1", "T now"])
ENDED = ["S UPDATE messagedestination SET updated_at = $2, status = $3, next_attempt = $4 WHERE id = $1 "
         "RETURNING id, created_at, updated_at, msg_id, endp_id, status, next_attempt", "R 1", "T now", "I 0", "N", "W"]

SCRIPTS = {
    "svix": [*ACCEPT, *READ, *_attempt("N")],
    "svix_2024": [*ACCEPT, *READ, *DESTINATION, *_attempt("R 1"), *ENDED],
    "svix_accept": ACCEPT,
}
