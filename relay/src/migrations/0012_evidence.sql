-- What the connection of an attempt showed: core's `Seen`, as JSON. It names servers and certificates, no person.
ALTER TABLE events ADD COLUMN seen TEXT;
