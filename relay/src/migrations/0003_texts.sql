-- Text messages that wait to be sent.

CREATE TABLE texts (
    id       TEXT    NOT NULL PRIMARY KEY,
    delivery TEXT    NOT NULL REFERENCES deliveries (id),
    -- Number and words, sealed under the key file. NULL: sent or dropped.
    sealed   BLOB,
    created  INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    tries    INTEGER NOT NULL DEFAULT 0,
    due      INTEGER,
    work_at  INTEGER,
    lease    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX texts_work ON texts (work_at) WHERE work_at IS NOT NULL;
CREATE INDEX texts_delivery ON texts (delivery);
