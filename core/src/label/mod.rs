//! Microsoft sensitivity labels.
// API (owned by the milter builder)
