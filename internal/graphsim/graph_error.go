package graphsim

import (
	"net/http"
	"time"
)

// graphError is an error answer of Graph. The body has Graph's form; its texts are those of published and reported
// answers where there are any.
type graphError struct {
	status        int
	code, message string
	header        http.Header
}

func (e graphError) with(name, value string) graphError {
	h := e.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set(name, value)
	e.header = h
	return e
}

var (
	badRequest        = graphError{status: http.StatusBadRequest, code: "BadRequest"}
	errBadFilter      = graphError{status: http.StatusBadRequest, code: "BadRequest", message: "Invalid $filter query."}
	errBadToken       = graphError{status: http.StatusBadRequest, code: "BadRequest", message: "Invalid continuation token"}
	errUnsupported    = graphError{status: http.StatusNotFound, code: "NotFound", message: "Requested API is not supported. Please check the path."}
	errNoUser         = graphError{status: http.StatusNotFound, code: "NotFound", message: "Resource not found."}
	errNoToken        = graphError{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: "Access token is empty."}
	errUnknownToken   = graphError{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: "Access token validation failure. Invalid signature."}
	errExpiredToken   = graphError{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: "Lifetime validation failed, the token is expired."}
	errRevokedToken   = graphError{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp"}
	errNoRoles        = graphError{status: http.StatusForbidden, code: "Forbidden", message: "No authorization information present on the request."}
	errForbidden      = graphError{status: http.StatusForbidden, code: "Forbidden", message: "Forbidden"}
	errUnlicensed     = graphError{status: http.StatusForbidden, code: "Forbidden", message: "Failed to get license information for the user. Ensure user has a valid Office365 license assigned to them."}
	errDelegated      = graphError{status: http.StatusPreconditionFailed, code: "PreconditionFailed", message: "Requested API is not supported in delegated context"}
	errTooMany        = graphError{status: http.StatusTooManyRequests, code: "TooManyRequests", message: "Please retry again later."}
	errMethod         = graphError{status: http.StatusMethodNotAllowed, code: "BadRequest", message: "Specified HTTP method is not allowed for the request target."}
	errGatewayTimeout = graphError{status: http.StatusGatewayTimeout, code: "UnknownError"}
)

// body renders the error with its inner error, whose date has no zone, as in Graph's answers.
func (e graphError) body(now time.Time, requestID, clientRequestID string) []byte {
	b := append([]byte(nil), `{"error":{"code":`...)
	b = appendString(b, e.code, false)
	b = append(b, `,"message":`...)
	b = appendString(b, e.message, false)
	b = append(b, `,"innerError":{"date":"`...)
	b = now.UTC().AppendFormat(b, "2006-01-02T15:04:05")
	b = append(b, `","request-id":`...)
	b = appendString(b, requestID, false)
	b = append(b, `,"client-request-id":`...)
	b = appendString(b, clientRequestID, false)
	return append(b, `}}}`...)
}
