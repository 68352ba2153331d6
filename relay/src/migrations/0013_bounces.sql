-- How a delivery's notification came back: core's `Failed`, as JSON. Codes, and the name of a server.
ALTER TABLE deliveries ADD COLUMN bounce TEXT;
