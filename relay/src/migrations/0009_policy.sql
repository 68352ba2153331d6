-- Switches of the policy that an administrator has set at the command line. They stand above the configuration file.

CREATE TABLE policy (
    setting TEXT    NOT NULL PRIMARY KEY,
    value   TEXT    NOT NULL,
    since   INTEGER NOT NULL
) STRICT;
