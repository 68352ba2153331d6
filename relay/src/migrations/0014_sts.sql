-- Policies of recipients' domains (MTA-STS, RFC 8461), as they serve them. They count until `expires`, whatever becomes of
-- the web server that they came from.

CREATE TABLE sts_policies (
    domain  TEXT    NOT NULL PRIMARY KEY,
    -- Of the record that led to it.
    id      TEXT    NOT NULL,
    policy  BLOB    NOT NULL,
    fetched INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    -- When mail last went by it, to the day.
    used    INTEGER NOT NULL
) STRICT;

CREATE INDEX sts_policies_expires ON sts_policies (expires);
