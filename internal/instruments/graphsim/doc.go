// Package graphsim is a stand-in for Microsoft Graph, at least as awkward as the real one.
//
// It serves GET /users/{id}/chats/getAllMessages and what a client needs around it (token endpoint, OpenID
// configuration, user discovery) over HTTPS on its own certificate authority. Underneath is a model of a tenant:
// users, chats, messages, and a mailbox per user that holds a copy of each message, visible at its own time.
//
// It promises:
//   - The same seed, configuration and clock give the same tenant, message for message and byte for byte.
//   - The ledger (GET /_sim/ledger) names every version that was put into a response, to whom and when. A version is
//     entered before the first byte of its response is written.
//   - Time comes from Config.Now alone. Nothing happens by itself: each request first brings the model up to date.
//   - Per message, the order by (lastModifiedDateTime, numeric etag) is always the order of the model's versions.
//
// It must not know Kafka, Avro or anything of the connector but the form of its User-Agent.
package graphsim
