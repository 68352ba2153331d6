-- What the senders of messages are asked: a page of their own for each message, behind a code that goes to their mailbox.

CREATE TABLE inquiries (
    submission TEXT    NOT NULL PRIMARY KEY REFERENCES submissions (id) ON DELETE CASCADE,
    -- Hash of the token in the link.
    token      BLOB    NOT NULL UNIQUE,
    -- core's `Tally`, as JSON.
    tally      TEXT,
    -- When the sender is to be asked by mail; NULL: they have been, or need not be.
    due        INTEGER
) STRICT;

CREATE INDEX inquiries_due ON inquiries (due) WHERE due IS NOT NULL;

CREATE TABLE inquiry_challenges (
    id         TEXT    NOT NULL PRIMARY KEY,
    submission TEXT    NOT NULL REFERENCES inquiries (submission) ON DELETE CASCADE,
    browser    BLOB    NOT NULL,
    mac        BLOB    NOT NULL,
    expires    INTEGER NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    used       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX inquiry_challenges_browser ON inquiry_challenges (submission, browser);

CREATE TABLE inquiry_sessions (
    id         BLOB    NOT NULL PRIMARY KEY,
    submission TEXT    NOT NULL REFERENCES inquiries (submission) ON DELETE CASCADE,
    created    INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL
) STRICT;

CREATE INDEX inquiry_sessions_submission ON inquiry_sessions (submission);
