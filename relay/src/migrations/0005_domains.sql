-- What is due is looked for by the recipients' domain: a domain has only so many places at once, and what waits for one
-- must not be looked through for every delivery to others.

-- What follows the last `@`: a quoted local part may have one too.
ALTER TABLE deliveries ADD COLUMN domain TEXT NOT NULL
    GENERATED ALWAYS AS (substr(address, length(rtrim(address, replace(address, '@', ''))) + 1)) VIRTUAL;

CREATE INDEX deliveries_domain ON deliveries (domain, work_at) WHERE work_at IS NOT NULL;
-- Those that a worker has, or had when it died.
CREATE INDEX deliveries_claimed ON deliveries (domain) WHERE work_at > due;
