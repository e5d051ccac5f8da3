package graphsim

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authorize checks the bearer token of a request. It returns the token, or what to refuse the request with.
func (s *Server) authorize(x *exchange) (accessToken, *graphError) {
	refuse := func(e graphError) (accessToken, *graphError) {
		if e.header.Get("WWW-Authenticate") == "" {
			e = e.with("WWW-Authenticate", `Bearer realm="", authorization_uri="`+s.url+`/common/oauth2/authorize"`)
		}
		return accessToken{}, &e
	}
	kind, text, _ := strings.Cut(x.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") || text == "" {
		return refuse(errNoToken)
	}
	token, ok := s.tokens.lookup(text)
	if !ok {
		return refuse(errUnknownToken)
	}
	if !x.at.Before(token.expires) {
		return refuse(errExpiredToken)
	}
	if !token.revoked && x.dice.chance(x.cfg.Faults.Revoke) {
		s.tokens.revoke(text)
		token.revoked = true
	}
	if token.revoked {
		if !token.capable { // without the capability Graph sends no challenge
			return refuse(errUnknownToken)
		}
		claims := `{"access_token":{"nbf":{"essential":true,"value":"` + strconv.FormatInt(x.at.Unix(), 10) + `"}}}`
		return refuse(errRevokedToken.with("WWW-Authenticate", `Bearer realm="", authorization_uri="`+s.url+
			`/common/oauth2/authorize", error="insufficient_claims", claims="`+base64.StdEncoding.EncodeToString([]byte(claims))+`"`))
	}
	return token, nil
}

// role refuses a token that has none of the roles. Tokens without roles carry no authorization for Graph at all.
func role(token accessToken, needed ...string) *graphError {
	if token.delegated {
		return &errDelegated
	}
	if len(token.roles) == 0 {
		return &errNoRoles
	}
	if slices.ContainsFunc(token.roles, func(r string) bool { return slices.Contains(needed, r) }) {
		return nil
	}
	e := graphError{status: http.StatusForbidden, code: "Forbidden", message: "Missing role permissions on the request. API required one of '" +
		strings.Join(needed, ", ") + "'. Roles on the request '" + strings.Join(token.roles, ", ") + "'."}
	return &e
}

// access finds the user by id or principal name, or says why the messages may not be read.
func (s *Server) access(x *exchange, key string, req *messagesRequest) (user uint32, refused *graphError) {
	if refused := role(x.token, "Chat.Read.All", "Chat.ReadWrite.All"); refused != nil {
		return 0, refused
	}
	user, ok := s.user(key)
	if !ok {
		return 0, &errNoUser
	}
	if refused := s.unreadable(x.state, user); refused != nil {
		return 0, refused
	}
	payment := graphError{status: http.StatusPaymentRequired, code: "PaymentRequired"}
	switch x.cfg.Access.Payment {
	case "subscription":
		payment.message = "To call this API, the app must be associated with an Azure subscription, see https://aka.ms/teams-api-payment-requirements for details."
	case "license":
		payment.message = "To call this API, the user needs a valid license to access this API."
	case "tenant":
		payment.message = "To call this API, the tenant needs a valid license to access this API."
	case "evaluation":
		if req.model != "" || s.evaluated.Load() < int64(x.cfg.Access.EvaluationCapacity) {
			return user, nil
		}
		payment.message = "The evaluation mode capacity has been exceeded. Use a valid billing model."
	default:
		return user, nil
	}
	return 0, &payment
}

// error returns the response as an error, whatever its status.
func (a *Answer) error() *graphError {
	h := http.Header{}
	for name, values := range a.Headers {
		h[http.CanonicalHeaderKey(name)] = values
	}
	return &graphError{status: a.Status, code: a.Code, message: a.Message, header: h, raw: a.Body}
}

// mailboxOutlives is how long a deleted user's messages can still be exported. Source: the Teams export documentation.
const mailboxOutlives = 30 * 24 * time.Hour

// unreadable says why nobody may read a user's mailbox, nil if an application with the right role may.
func (s *Server) unreadable(now *state, user uint32) *graphError {
	if removed, ok := s.removed.Load(user); ok && s.graphNow().Sub(removed.(time.Time)) >= mailboxOutlives {
		return &errNoUser
	}
	access := &now.cfg.Access
	if o := now.users[user]; o != nil {
		access = &o.cfg.Access
		if o.settings.Answer != nil {
			return o.settings.Answer.error()
		}
	}
	switch lot, a := toUnit(mix(s.cfg.Seed, purposeAccess, uint64(user))), access; {
	case lot < a.Forbidden:
		return &errForbidden
	case lot < a.Forbidden+a.Unlicensed:
		return &errUnlicensed
	case lot < a.Forbidden+a.Unlicensed+a.NoMailbox:
		return &errNoUser
	}
	return nil
}
