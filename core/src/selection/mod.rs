//! Rules that say which messages must be secured.
// API (owned by the milter builder)
