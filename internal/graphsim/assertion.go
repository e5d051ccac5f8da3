package graphsim

import "net/http"

// checkAssertion checks a signed client assertion.
func (s *Server) checkAssertion(assertion, tenant string) *loginError {
	return &loginError{http.StatusUnauthorized, "invalid_client", 700027, "Client assertion contains an invalid signature."}
}
