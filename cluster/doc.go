// Package cluster makes several agents with one state in PostgreSQL work as one.
//
// One agent leads: it judges, remembers and decides. What has to be done in the
// world is data, a task in a queue over River (https://riverqueue.com), and any
// agent of the same configuration may take it:
//
//   - [Runner] implements [checks.Runner]: parts of a tick run on any agent;
//   - [Deliverer] implements [notify.Deliverer]: any agent makes one try to
//     deliver one notice;
//   - [Steps] has any agent carry out one step of a repair.
//
// The packages that define those interfaces know nothing of this one. A [Member]
// submits tasks and takes them ([Member.Do]); a [Worker] does them. Nothing is
// decided or remembered here: a task whose worker died is done again, and what
// must happen once has a key of its own.
//
// Which agent leads is decided by the state; [Campaign] and [KeepLeading] follow it.
//
// Begin with [Member] and [Worker].
package cluster
