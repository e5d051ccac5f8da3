// Package oauth gets the tokens with which the connector signs in to Kafka by OAUTHBEARER: for client credentials, from an
// OAuth 2 token endpoint (RFC 6749, section 4.4).
//
// It promises that a token is asked for once for all connections and again before it expires, that the secret of the
// moment is sent, to the endpoint and to no address that it redirects to, and that neither secret nor token stand in an error.
//
// It must not know Kafka, or where the settings come from.
package oauth
