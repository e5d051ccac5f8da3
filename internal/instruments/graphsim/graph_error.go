package graphsim

import (
	"bytes"
	"html"
	"net/http"
	"strconv"
	"time"
)

// graphError is an error answer of Graph. The body has Graph's form; its texts are those of published and reported
// answers where there are any.
type graphError struct {
	status        int
	code, message string
	// inner are further members of the inner error, each as `"name":"value",`.
	inner  string
	header http.Header
	raw    *string // the whole body; nil: one in Graph's form
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
	badRequest      = graphError{status: http.StatusBadRequest, code: "BadRequest"}
	errBadFilter    = graphError{status: http.StatusBadRequest, code: "BadRequest", message: "Invalid $filter query."}
	errBadToken     = graphError{status: http.StatusBadRequest, code: "BadRequest", message: "Invalid continuation token"}
	errUnsupported  = graphError{status: http.StatusNotFound, code: "NotFound", message: "Requested API is not supported. Please check the path."}
	errNoUser       = graphError{status: http.StatusNotFound, code: "NotFound", message: "Resource not found."}
	errNoToken      = graphError{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: "Access token is empty."}
	errUnknownToken = graphError{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: "Access token validation failure. Invalid signature."}
	errExpiredToken = graphError{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: "Lifetime validation failed, the token is expired."}
	errRevokedToken = graphError{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp"}
	errNoRoles      = graphError{status: http.StatusForbidden, code: "Forbidden", message: "No authorization information present on the request."}
	errForbidden    = graphError{status: http.StatusForbidden, code: "Forbidden", message: "Forbidden"}
	errUnlicensed   = graphError{status: http.StatusForbidden, code: "Forbidden", message: "Failed to get license information for the user. Ensure user has a valid Office365 license assigned to them."}
	errDelegated    = graphError{status: http.StatusPreconditionFailed, code: "PreconditionFailed", message: "Requested API is not supported in delegated context"}
	errTooMany      = graphError{
		status: http.StatusTooManyRequests, code: "TooManyRequests", message: "Please retry again later.",
		inner: `"code":"429","message":"Please retry after","status":"429",`,
	}
	errUnavailable    = graphError{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", message: "Service unavailable."}
	errMethod         = graphError{status: http.StatusMethodNotAllowed, code: "BadRequest", message: "Specified HTTP method is not allowed for the request target."}
	errGatewayTimeout = graphError{status: http.StatusGatewayTimeout, code: "UnknownError"}
)

// disguised is the error in one of the other forms in which bodies were reported; the status and the headers stay.
func (e graphError) disguised(form int, now time.Time, requestID, clientRequestID string) []byte {
	plain := e.body(now, requestID, clientRequestID)
	switch form {
	case 0:
		return bytes.Replace(plain, []byte(`"innerError"`), []byte(`"innererror"`), 1)
	case 1:
		return graphError{code: "UnknownError"}.body(now, requestID, clientRequestID)
	default: // a document within a string
		return graphError{code: "UnknownError", message: string(plain)}.body(now, requestID, clientRequestID)
	}
}

// errorForms is how many forms disguised knows.
const errorForms = 3

// oddForms is how many forms odd knows.
const oddForms = 4

// odd returns the error as a proxy or another of Microsoft's services words it; the status and the headers stay.
func (e graphError) odd(form int, now time.Time, requestID, clientRequestID string) (body []byte, contentType string) {
	const contentJSON = "application/json"
	switch form {
	case 0:
		return append([]byte("\xef\xbb\xbf"), e.body(now, requestID, clientRequestID)...), contentJSON
	case 1:
		inner := graphError{code: "UnknownError", inner: `"code":` + quoted(e.code) + `,"message":` + quoted(e.message) + `,`}
		return inner.body(now, requestID, clientRequestID), contentJSON
	case 2:
		return []byte(`{"error":{"code":"generalException","message":"General exception while processing","details":[{"code":` +
			quoted(e.code) + `,"message":` + quoted(e.message) + `,"target":null}]}}`), contentJSON
	default:
		return []byte("<html><head><title>" + strconv.Itoa(e.status) + " " + http.StatusText(e.status) + "</title></head><body><h1>" +
			html.EscapeString(e.code) + "</h1><p>" + html.EscapeString(e.message) + "</p></body></html>"), "text/html"
	}
}

func quoted(text string) string { return string(appendString(nil, text, false)) }

// body renders the error with its inner error, whose date has no zone, as in Graph's answers.
func (e graphError) body(now time.Time, requestID, clientRequestID string) []byte {
	b := append([]byte(nil), `{"error":{"code":`...)
	b = appendString(b, e.code, false)
	b = append(b, `,"message":`...)
	b = appendString(b, e.message, false)
	b = append(b, `,"innerError":{`...)
	b = append(b, e.inner...)
	b = append(b, `"date":"`...)
	b = now.UTC().AppendFormat(b, "2006-01-02T15:04:05")
	b = append(b, `","request-id":`...)
	b = appendString(b, requestID, false)
	b = append(b, `,"client-request-id":`...)
	b = appendString(b, clientRequestID, false)
	return append(b, `}}}`...)
}
