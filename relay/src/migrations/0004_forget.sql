-- What is forgotten goes delivery by delivery; without these each would look through everything.

CREATE INDEX submissions_destroyed ON submissions (expires) WHERE wrapped_key IS NULL;
CREATE INDEX links_delivery ON links (delivery);
