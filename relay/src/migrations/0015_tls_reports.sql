-- What connections to recipients' mail servers said of their domains' policies (RFC 8460), until it is reported.

CREATE TABLE tls_sessions (
    -- UTC, counted from 1970.
    day     INTEGER NOT NULL,
    domain  TEXT    NOT NULL,
    -- As the report has it (JSON).
    policy  TEXT    NOT NULL,
    -- Empty where nothing went wrong, and then host and address are too.
    failure TEXT    NOT NULL,
    host    TEXT    NOT NULL,
    address TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy, failure, host, address)
) STRICT, WITHOUT ROWID;

-- Reports that wait to be sent, one row for each place.
CREATE TABLE tls_reports (
    id      TEXT    NOT NULL,
    place   TEXT    NOT NULL,
    domain  TEXT    NOT NULL,
    day     INTEGER NOT NULL,
    -- gzip
    content BLOB    NOT NULL,
    due     INTEGER NOT NULL,
    tries   INTEGER NOT NULL,
    PRIMARY KEY (id, place)
) STRICT;

CREATE INDEX tls_reports_due ON tls_reports (due);
