-- In the clear stand only ids, moments, states, mail addresses and what servers answered. Subjects, names, numbers,
-- codes and content are sealed; tokens, session ids and codes are keyed hashes. Moments are seconds since 1970, UTC.

CREATE TABLE submissions (
    id          TEXT    NOT NULL PRIMARY KEY,
    -- The message's key, wrapped. NULL: destroyed, and with it everything that it sealed.
    wrapped_key BLOB,
    -- core's `Submission`, sealed under the message's key.
    sealed      BLOB,
    -- The sealed message when it is small; NULL: it is the file `bodies/<id>`.
    body        BLOB,
    fingerprint BLOB    UNIQUE,
    accepted    INTEGER NOT NULL,
    expires     INTEGER NOT NULL
) STRICT;

CREATE TABLE deliveries (
    id           TEXT    NOT NULL PRIMARY KEY,
    submission   TEXT    NOT NULL REFERENCES submissions (id),
    conversation TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('shared', 'alone')),
    address      TEXT    NOT NULL,
    -- core's `Recipient`, `State`, `Decision` and `Seen`, as JSON.
    recipient    TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    decision     TEXT,
    seen         TEXT,
    final        INTEGER NOT NULL DEFAULT 0,
    destroyed    INTEGER NOT NULL DEFAULT 0,
    accepted     INTEGER NOT NULL,
    -- When the state asks for work, and when the message's time is over.
    due          INTEGER,
    expires      INTEGER NOT NULL,
    -- From when on it may be claimed for either. A claim moves both to the lease's end, so that nothing must be
    -- tidied up after a worker that died.
    work_at      INTEGER,
    end_at       INTEGER,
    -- Counts claims: what was done under an older one is refused.
    lease        INTEGER NOT NULL DEFAULT 0,
    UNIQUE (submission, address)
) STRICT;

CREATE INDEX deliveries_conversation ON deliveries (conversation);
CREATE INDEX deliveries_work ON deliveries (work_at) WHERE work_at IS NOT NULL;
CREATE INDEX deliveries_end ON deliveries (end_at) WHERE end_at IS NOT NULL;
CREATE INDEX deliveries_open ON deliveries (id) WHERE final = 0;

CREATE TABLE events (
    delivery TEXT    NOT NULL REFERENCES deliveries (id),
    at       INTEGER NOT NULL,
    note     TEXT    NOT NULL
) STRICT;

CREATE INDEX events_delivery ON events (delivery);

CREATE TABLE mails (
    id        TEXT    NOT NULL PRIMARY KEY,
    kind      TEXT    NOT NULL CHECK (kind IN ('code', 'report')),
    delivery  TEXT    REFERENCES deliveries (id),
    recipient TEXT    NOT NULL,
    -- The whole mail, sealed under the key file. NULL: sent or dropped.
    sealed    BLOB,
    floor     TEXT,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    tries     INTEGER NOT NULL DEFAULT 0,
    due       INTEGER,
    work_at   INTEGER,
    lease     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX mails_work ON mails (work_at) WHERE work_at IS NOT NULL;
CREATE INDEX mails_delivery ON mails (delivery);

CREATE TABLE accounts (
    key     TEXT    NOT NULL PRIMARY KEY,
    address TEXT    NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE domains (
    domain  TEXT    NOT NULL PRIMARY KEY,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE links (
    token     BLOB    NOT NULL PRIMARY KEY,
    reference BLOB    NOT NULL,
    delivery  TEXT    NOT NULL REFERENCES deliveries (id),
    expires   INTEGER NOT NULL
) STRICT;

CREATE INDEX links_reference ON links (reference);

CREATE TABLE tallies (
    delivery TEXT NOT NULL PRIMARY KEY REFERENCES deliveries (id),
    -- core's `Tally`, as JSON.
    tally    TEXT NOT NULL
) STRICT;

CREATE TABLE challenges (
    id       TEXT    NOT NULL PRIMARY KEY,
    delivery TEXT    NOT NULL REFERENCES deliveries (id),
    browser  BLOB    NOT NULL,
    mac      BLOB    NOT NULL,
    expires  INTEGER NOT NULL,
    tries    INTEGER NOT NULL DEFAULT 0,
    used     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX challenges_browser ON challenges (delivery, browser);

CREATE TABLE sessions (
    id        BLOB    NOT NULL PRIMARY KEY,
    delivery  TEXT    NOT NULL REFERENCES deliveries (id),
    created   INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_delivery ON sessions (delivery);

-- One row for each use that still counts.
CREATE TABLE uses (
    key   BLOB    NOT NULL,
    until INTEGER NOT NULL
) STRICT;

CREATE INDEX uses_key ON uses (key, until);
