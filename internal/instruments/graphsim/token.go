package graphsim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// accessToken is what the simulator knows of a token it gave out.
type accessToken struct {
	expires   time.Time
	roles     []string
	delegated bool
	capable   bool // the client declared cp1, so it understands claims challenges
	revoked   bool
}

// tokens are the access tokens given out and not yet forgotten.
type tokens struct {
	mu    sync.Mutex
	given map[string]*accessToken
	count uint64
}

// lookup returns a copy of what is known about a token.
func (t *tokens) lookup(text string) (accessToken, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known, ok := t.given[text]
	if !ok {
		return accessToken{}, false
	}
	return *known, true
}

func (t *tokens) revoke(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.given[text]; ok {
		known.revoked = true
	}
}

func (t *tokens) add(text string, token accessToken, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.given)%1000 == 999 {
		for old, known := range t.given {
			if now.Sub(known.expires) > time.Hour {
				delete(t.given, old)
			}
		}
	}
	t.given[text] = &token
}

func (t *tokens) next() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	return t.count
}

const (
	tenantName         = "contoso.example"
	assertionType      = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	minLifetime        = 60 * time.Minute
	lifetimeSpread     = 30 * time.Minute
	capableLifetime    = 24 * time.Hour
	maxTokenRequest    = 1 << 20
	capabilityContinue = "cp1"
)

// issue makes an access token with the claims Entra ID gives an application, signed by the simulator. Clients must not
// look into it.
func (s *Server) issue(token accessToken) (string, error) {
	now := s.cfg.Now()
	n := s.tokens.next()
	claims := jwt.MapClaims{
		"aud": "https://graph.microsoft.com", "iss": s.url + "/" + s.tenantID + "/", "iat": now.Unix(), "nbf": now.Unix(),
		"exp": token.expires.Unix(), "app_displayname": "simulated", "appid": s.clientID, "idtyp": "app", "oid": s.clientID,
		"sub": s.clientID, "tid": s.tenantID, "uti": strconv.FormatUint(n, 36), "ver": "1.0",
	}
	switch {
	case token.delegated:
		claims["idtyp"], claims["scp"] = "user", strings.Join(token.roles, " ")
	case len(token.roles) > 0:
		claims["roles"] = token.roles
	}
	if token.capable {
		claims["xms_cc"] = []string{capabilityContinue}
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(s.signingKey)
	if err != nil {
		return "", err
	}
	s.tokens.add(text, token, now)
	return text, nil
}

// serveToken answers POST /{tenant}/oauth2/v2.0/token with the client credentials grant.
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request, tenant string) {
	d, cfg := s.requestDice(), s.config()
	if d.chance(cfg.Faults.TokenThrottle) {
		status, wait := http.StatusTooManyRequests, wholeSeconds(cfg.Faults.retryAfter(&d))
		if d.chance(0.5) {
			status = http.StatusServiceUnavailable
		}
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
		s.refuseToken(w, loginError{status, "temporarily_unavailable", 90033, "A transient error has occurred. Please try again."})
		return
	}
	if r.Method != http.MethodPost {
		s.refuseToken(w, loginError{http.StatusMethodNotAllowed, "invalid_request", 900561, "The endpoint only accepts POST requests."})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenRequest)
	if err := r.ParseForm(); err != nil {
		s.refuseToken(w, loginError{http.StatusBadRequest, "invalid_request", 900144, "The request body could not be read."})
		return
	}
	if e := s.checkTokenRequest(r, tenant); e != nil {
		s.refuseToken(w, *e)
		return
	}
	lifetime := cfg.Access.TokenLifetime
	capable := declaresCapability(r.PostForm.Get("claims"))
	switch {
	case lifetime > 0:
	case capable:
		lifetime = capableLifetime
	default:
		lifetime = minLifetime + time.Duration(d.unit()*float64(lifetimeSpread)).Truncate(time.Second)
	}
	text, err := s.issue(accessToken{expires: s.cfg.Now().Add(lifetime), roles: cfg.Access.Roles, capable: capable})
	if err != nil {
		s.refuseToken(w, loginError{http.StatusInternalServerError, "server_error", 90033, "The token could not be signed."})
		return
	}
	s.stats.tokenOutcome("200")
	// Rounded down, so that a client that trusts it never holds a token for too long.
	seconds := int(lifetime / time.Second)
	writeJSON(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": text,
	})
}

// checkTenant refuses every tenant but the one there is.
func (s *Server) checkTenant(tenant string) *loginError {
	if strings.EqualFold(tenant, s.tenantID) || strings.EqualFold(tenant, tenantName) {
		return nil
	}
	return &loginError{http.StatusBadRequest, "invalid_request", 90002, "Tenant '" + tenant +
		"' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."}
}

// checkTokenRequest returns what is wrong with a token request, nil if nothing is.
func (s *Server) checkTokenRequest(r *http.Request, tenant string) *loginError {
	form := r.PostForm
	if e := s.checkTenant(tenant); e != nil {
		return e
	}
	if form.Get("grant_type") != "client_credentials" {
		return &loginError{http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '" + form.Get("grant_type") + "'."}
	}
	if !strings.EqualFold(form.Get("client_id"), s.clientID) {
		return &loginError{http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '" + form.Get("client_id") + "' was not found in the directory."}
	}
	resource, ok := strings.CutSuffix(form.Get("scope"), "/.default")
	// MSAL may add its own scopes after the one asked for.
	if first, _, more := strings.Cut(form.Get("scope"), " "); more {
		resource, ok = strings.CutSuffix(first, "/.default")
	}
	if !ok {
		return &loginError{http.StatusBadRequest, "invalid_scope", 1002012, "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."}
	}
	if !s.isGraphResource(resource) {
		return &loginError{http.StatusBadRequest, "invalid_resource", 500011, "The resource principal named " + resource + " was not found in the tenant."}
	}
	if assertion := form.Get("client_assertion"); assertion != "" {
		if form.Get("client_assertion_type") != assertionType {
			return &loginError{http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'client_assertion_type'."}
		}
		return s.checkAssertion(assertion, tenant)
	}
	switch form.Get("client_secret") {
	case s.clientSecret:
		return nil
	case "":
		return &loginError{http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}
	case s.ExpiredClientSecret():
		return &loginError{http.StatusUnauthorized, "invalid_client", 7000222, "The provided client secret keys for app are expired."}
	default:
		return &loginError{http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided."}
	}
}

func (s *Server) isGraphResource(resource string) bool {
	switch strings.TrimSuffix(resource, "/") {
	case "https://graph.microsoft.com", "https://graph.microsoft.us", "https://dod-graph.microsoft.us",
		"https://microsoftgraph.chinacloudapi.cn", "00000003-0000-0000-c000-000000000000", s.url:
		return true
	default:
		return false
	}
}

// declaresCapability reads xms_cc out of the claims parameter.
func declaresCapability(claims string) bool {
	var request struct {
		AccessToken struct {
			Capabilities struct {
				Values []string `json:"values"`
			} `json:"xms_cc"`
		} `json:"access_token"`
	}
	if json.Unmarshal([]byte(claims), &request) != nil {
		return false
	}
	for _, value := range request.AccessToken.Capabilities.Values {
		if strings.EqualFold(value, capabilityContinue) { // the Azure SDK writes it in capitals
			return true
		}
	}
	return false
}

// loginError is an error of the login endpoint, with its AADSTS number.
type loginError struct {
	status  int
	code    string
	number  int
	message string
}

func (s *Server) refuseToken(w http.ResponseWriter, e loginError) {
	s.stats.tokenOutcome(strconv.Itoa(e.status))
	d := s.requestDice()
	trace, correlation := newGUID(d.next()).String(), newGUID(d.next()).String()
	stamp := s.cfg.Now().UTC().Format("2006-01-02 15:04:05Z")
	number := strconv.Itoa(e.number)
	writeJSON(w, e.status, map[string]any{
		"error": e.code,
		"error_description": "AADSTS" + number + ": " + e.message + "\r\nTrace ID: " + trace + "\r\nCorrelation ID: " +
			correlation + "\r\nTimestamp: " + stamp,
		"error_codes": []int{e.number}, "timestamp": stamp, "trace_id": trace, "correlation_id": correlation,
		"error_uri": s.url + "/error?code=" + number,
	})
}

// serveOpenID answers the tenant's OpenID configuration with what MSAL reads of it.
func (s *Server) serveOpenID(w http.ResponseWriter, tenant string) {
	if e := s.checkTenant(tenant); e != nil {
		s.refuseToken(w, *e)
		return
	}
	root := s.url + "/" + tenant
	writeJSON(w, http.StatusOK, map[string]any{
		"token_endpoint": root + "/oauth2/v2.0/token", "authorization_endpoint": root + "/oauth2/v2.0/authorize",
		"issuer": s.url + "/" + s.tenantID + "/v2.0", "jwks_uri": root + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt"},
		"response_types_supported":              []string{"code", "id_token"}, "scopes_supported": []string{"openid"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "tenant_region_scope": "EU",
	})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
