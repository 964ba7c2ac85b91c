-- Notices on their way to people: one row an incident's transition and channel.
-- body is the notice of that one transition; rows sent together share a bundle,
-- which is fixed before the first try, so that every try has the same key.
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY, key TEXT NOT NULL, channel TEXT NOT NULL, incident TEXT NOT NULL, upstream TEXT NOT NULL, kind TEXT NOT NULL,
  grp TEXT NOT NULL, -- rows of one group may be sent as one notice
  state TEXT NOT NULL, -- pending, sent or dead
  bundle TEXT NOT NULL, -- '' until the first try
  thread TEXT NOT NULL, -- the incident that leads the conversation; '' until the first try
  ref TEXT NOT NULL, -- what the channel answered, such as the id of a message
  next_at INTEGER NOT NULL, -- not before; while a try is under way: until when nobody else tries
  attempts INTEGER NOT NULL, created INTEGER NOT NULL, finished INTEGER NOT NULL, last_error TEXT NOT NULL, body BLOB NOT NULL,
  UNIQUE (key, channel)
);
CREATE INDEX outbox_due ON outbox (channel, next_at) WHERE state = 'pending';
CREATE INDEX outbox_incident ON outbox (incident, channel, seq);
CREATE INDEX outbox_thread ON outbox (channel, thread, seq) WHERE thread <> '';
CREATE INDEX outbox_unsent ON outbox (channel, state, created) WHERE state <> 'sent';
CREATE INDEX incident_resolved ON incident (resolved) WHERE resolved IS NOT NULL;
