-- What was decided and done, by whom, in the order in which it was committed. Nothing here is ever changed; what has stood for
-- long enough is taken from the front.

CREATE TABLE audit (
    number INTEGER NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    -- `relay`, `recipient`, `sender`, or the administrator at the command line.
    actor  TEXT    NOT NULL,
    -- A delivery, an account, a domain, a login, a setting: never content, numbers or codes.
    about  TEXT    NOT NULL,
    what   TEXT    NOT NULL,
    -- A keyed hash of this entry and of the chain before it.
    chain  BLOB    NOT NULL
) STRICT;

CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_about ON audit (about);
