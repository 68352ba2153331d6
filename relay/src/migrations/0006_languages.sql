-- In which language a recipient chose to be spoken to, on a page, with the right code in the same browser.

CREATE TABLE languages (
    -- The recipient's address, in the form that is compared.
    recipient TEXT    NOT NULL PRIMARY KEY,
    -- A language tag (RFC 5646).
    language  TEXT    NOT NULL,
    -- When the choice was last made or used to open a message.
    chosen    INTEGER NOT NULL
) STRICT;

CREATE INDEX languages_chosen ON languages (chosen);
