-- Numbers and access codes on file. Whose they are is a keyed hash of the authors' domain and the recipient's address; `giver` is one
-- of the author who gave it, or empty: then it is shared by all authors of that domain.

CREATE TABLE contacts (
    recipient BLOB    NOT NULL,
    kind      TEXT    NOT NULL CHECK (kind IN ('number', 'access-code')),
    giver     BLOB    NOT NULL,
    -- Domain, addresses, number or hashed code: sealed under the key file, bound to the three above.
    sealed    BLOB    NOT NULL,
    since     INTEGER NOT NULL,
    -- When its recipient opened a message with it that shared it.
    opened    INTEGER,
    PRIMARY KEY (recipient, kind, giver)
) STRICT;
