-- Who may submit through the SMTP gateway, and as whom.

CREATE TABLE credentials (
    login     TEXT    NOT NULL PRIMARY KEY,
    -- Argon2id in its string form (PHC), sealed; bound to the login. A revoked credential has none, and keeps its row so
    -- that nobody gets its login again.
    hash      BLOB,
    -- core's `Scope`s, as JSON.
    scopes    TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    last_used INTEGER,
    revoked   INTEGER,
    CHECK ((hash IS NULL) = (revoked IS NOT NULL))
) STRICT;

-- A functional account is a mailbox that several people share.
ALTER TABLE accounts ADD COLUMN kind TEXT NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'functional'));
-- Since when it may not submit; NULL: it is active.
ALTER TABLE accounts ADD COLUMN suspended INTEGER;

CREATE TABLE aliases (
    key     TEXT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES accounts (key),
    -- What follows the last @; a quoted local part may have more of them.
    domain  TEXT GENERATED ALWAYS AS (substr(key, length(rtrim(key, replace(key, '@', ''))) + 1)) VIRTUAL
) STRICT;

CREATE INDEX aliases_account ON aliases (account);
CREATE INDEX aliases_domain ON aliases (domain);

ALTER TABLE accounts ADD COLUMN domain TEXT
    GENERATED ALWAYS AS (substr(key, length(rtrim(key, replace(key, '@', ''))) + 1)) VIRTUAL;
CREATE INDEX accounts_domain ON accounts (domain);
