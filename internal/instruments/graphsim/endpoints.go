package graphsim

// Endpoint is one request that the simulator answers.
type Endpoint struct {
	// Method and Path are as a client writes them; {…} stands for what varies.
	Method, Path string
	// Summary is one line, for a help text.
	Summary string
}

// Endpoints lists the requests to Graph and to the login endpoint that are answered.
func Endpoints() []Endpoint {
	return []Endpoint{
		{"GET", "/v1.0/users/{id or principal name}/chats/getAllMessages", "messages, with $top (10, at most 1000), $filter, model and Prefer: include-unknown-enum-members; the path in any case, also with users('{id}'), getAllMessages(), microsoft.graph.getAllMessages and allMessages"},
		{"GET", "/v1.0/me/chats/getAllMessages", "412: delegated access is not supported"},
		{"GET", "/v1.0/users", "accounts, with $select, $top (100, at most 999), $count and $filter on accountEnabled, userType and the Teams plan"},
		{"GET", "/v1.0/users/{id or principal name}", "one account"},
		{"GET", "/v1.0/groups/{id}/transitiveMembers", "members, also as members and with the cast /microsoft.graph.user"},
		{"GET", "/v1.0/directory/deletedItems/microsoft.graph.user", "users deleted less than 30 days ago, whose messages can still be read"},
		{"POST", "/{tenant}/oauth2/v2.0/token", "an access token for a secret, a certificate's assertion or a federated assertion; errors with AADSTS numbers"},
		{"GET", "/{tenant}/v2.0/.well-known/openid-configuration", "the tenant's OpenID configuration"},
	}
}

// Controls lists the requests to the simulator itself.
func Controls() []Endpoint {
	list := make([]Endpoint, len(controls))
	for i, c := range controls {
		list[i] = Endpoint{Method: c.method, Path: "/_sim/" + c.path, Summary: c.summary}
	}
	return list
}
