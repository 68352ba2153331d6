-- Keys that sign mail (DKIM).

CREATE TABLE dkim (
    domain    TEXT    NOT NULL,
    selector  TEXT    NOT NULL,
    algorithm TEXT    NOT NULL CHECK (algorithm IN ('rsa-sha256', 'ed25519-sha256')),
    -- As its record publishes it, in base64.
    public    TEXT    NOT NULL,
    -- PKCS #8, sealed under the key file; bound to domain and selector.
    sealed    BLOB    NOT NULL,
    created   INTEGER NOT NULL,
    -- Since when it signs. NULL: it waits until its record is published.
    active    INTEGER,
    -- Since when another signs in its place.
    retired   INTEGER,
    PRIMARY KEY (domain, selector)
) STRICT;
