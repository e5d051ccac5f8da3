package graphsim

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// exchange is one request to Graph and its answer.
type exchange struct {
	s         *Server
	state     *state  // the settings in force when the request came
	cfg       *Config // those of them that hold for the user whose messages are asked for
	w         http.ResponseWriter
	r         *http.Request
	at        time.Time // arrival, by Config.Now
	dice      dice
	fault     fault
	hangs     bool   // the mailbox does
	instance  string // the client process; empty if it does not say
	requestID string
	buffer    []byte    // room for the body
	waitUntil time.Time // by Config.Now: the end of the wait this answer tells the client; zero if it tells none
	token     accessToken
}

// jsonType is the Content-Type of Graph's answers.
const jsonType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// concerns tells the exchange whose messages are asked for.
func (x *exchange) concerns(key string) {
	user, ok := x.s.user(key)
	if !ok {
		return
	}
	if o := x.state.users[user]; o != nil {
		x.cfg = &o.cfg
	}
	if rate := x.cfg.Mailboxes.Hang; rate > 0 && toUnit(mix(x.s.cfg.Seed, purposeHang, uint64(user))) < rate {
		x.hangs = true
	}
}

// hold notes the wait that the answer tells the client. It begins now: a client may count it from the first byte of the
// answer, so counting it from the last one would call a punctual client early.
func (x *exchange) hold(wait time.Duration) { x.waitUntil = x.s.cfg.Now().Add(wait) }

func (x *exchange) fail(e graphError) {
	h := x.w.Header()
	for name, values := range e.header {
		h[name] = values
	}
	x.fault = noFault
	body, contentType := e.body(x.s.graphNow(), x.requestID, x.clientRequestID()), "application/json"
	switch {
	case e.raw != nil:
		body = []byte(*e.raw)
	case x.dice.chance(x.cfg.Quirks.ErrorForm):
		body = e.disguised(x.dice.below(errorForms), x.s.graphNow(), x.requestID, x.clientRequestID())
	case x.dice.chance(x.cfg.Quirks.ErrorOdd):
		body, contentType = e.odd(x.dice.below(oddForms), x.s.graphNow(), x.requestID, x.clientRequestID())
	}
	x.send(e.status, contentType, body)
}

// clientRequestID is the client's own id of the request, or else Graph's.
func (x *exchange) clientRequestID() string {
	if id := x.r.Header.Get("client-request-id"); id != "" {
		return id
	}
	return x.requestID
}

// send writes the answer, spoiled by the request's fault if there is one.
func (x *exchange) send(status int, contentType string, body []byte) {
	s, h := x.s, x.w.Header()
	if h.Get("Content-Type") == "" { // an Answer may have brought its own
		h.Set("Content-Type", contentType)
	}
	if h.Get("Date") == "" {
		h.Set("Date", x.date(status).UTC().Format(http.TimeFormat))
	}
	h.Set("Cache-Control", "private")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("request-id", x.requestID)
	h.Set("client-request-id", x.clientRequestID())
	h.Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"Simulated","Slice":"E","Ring":"0","ScaleUnit":"000","RoleInstance":"GRAPHSIM"}}`)
	if x.dice.chance(x.cfg.Quirks.OddHeaders) {
		oddHeaders(h, status)
	}
	outcome := strconv.Itoa(status)
	switch x.fault {
	case cutBody:
		outcome = "cut"
	case truncateBody:
		outcome = "truncated"
		body = body[:len(body)-1-x.dice.below(max(1, len(body)-1))]
	case slowBody:
		outcome = "slow"
	case htmlPage:
		outcome = "html"
	case errorPage:
		outcome = "error-page"
	}
	s.stats.outcome(outcome)
	if x.dice.chance(x.cfg.Quirks.Gzip) && takesGzip(x.r.Header) {
		h.Set("Content-Encoding", "gzip")
		h.Set("Vary", "Accept-Encoding")
		body = compressed(body)
	}
	x.w.WriteHeader(status)
	switch x.fault {
	case cutBody:
		x.cut(body)
	case slowBody:
		x.writeSlowly(body)
	default:
		// A failed write means that the client has gone, which is its own business.
		_, _ = x.w.Write(body)
	}
	if !x.waitUntil.IsZero() {
		_ = http.NewResponseController(x.w).Flush()
		s.stats.held(x.instance, s.cfg.Now(), x.waitUntil)
	}
}

// date returns what the Date header says. A client takes a date in Retry-After together with the Date beside it, so that one
// is right.
func (x *exchange) date(status int) time.Time {
	date, quirks := x.s.graphNow(), &x.cfg.Quirks
	if x.waitUntil.IsZero() && x.dice.chance(quirks.DateJitter) {
		date = date.Add(time.Duration((x.dice.unit()*10 - 5) * float64(time.Second)))
	}
	wrong := x.dice.chance(quirks.DateWrong) || status >= http.StatusBadRequest && x.dice.chance(quirks.DateWrongFail)
	if _, err := http.ParseTime(x.w.Header().Get("Retry-After")); wrong && err != nil {
		date = date.Add(quirks.DateWrongBy)
	}
	return date
}

// oddHeaders gives a response headers that are rare and valid.
func oddHeaders(h http.Header, status int) {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		h.Set("Date", date.Format("Monday, 02-Jan-06 15:04:05 GMT")) // RFC 850, which RFC 9110 still obliges recipients to take
	}
	if status < http.StatusBadRequest {
		h.Set("Retry-After", "0")
	}
	if challenge := h.Get("WWW-Authenticate"); challenge != "" {
		h["Www-Authenticate"] = []string{`PoP realm=""`, challenge}
	}
}

var compressors = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // it is a level
	}
	return w
}}

func compressed(body []byte) []byte {
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	var text bytes.Buffer
	w.Reset(&text)
	_, _ = w.Write(body) // into memory, which takes everything
	_ = w.Close()
	return text.Bytes()
}

// takesGzip looks for the encoding among those that the client takes.
func takesGzip(h http.Header) bool {
	for _, line := range h.Values("Accept-Encoding") {
		for encoding := range strings.SplitSeq(line, ",") {
			name, quality, _ := strings.Cut(encoding, ";")
			_, weight, weighed := strings.Cut(quality, "=")
			q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
			if strings.EqualFold(strings.TrimSpace(name), "gzip") && (!weighed || err == nil && q > 0) {
				return true
			}
		}
	}
	return false
}

// cut writes a part of the body and breaks the connection off.
func (x *exchange) cut(body []byte) {
	_, _ = x.w.Write(body[:x.dice.below(max(1, len(body)))])
	_ = http.NewResponseController(x.w).Flush()
	panic(http.ErrAbortHandler) // net/http's way to break a response off; it is caught there
}

// writeSlowly writes the body in pieces over SlowFor of the real clock, as the client's timeouts go by that.
func (x *exchange) writeSlowly(body []byte) {
	const pieces = 8
	control := http.NewResponseController(x.w)
	for i := range pieces {
		if _, err := x.w.Write(body[len(body)*i/pieces : len(body)*(i+1)/pieces]); err != nil {
			return
		}
		if err := control.Flush(); err != nil || !x.s.pause(x.r.Context(), x.cfg.Faults.SlowFor/pieces) {
			return
		}
	}
}

// pause waits, unless the request or the server ends first.
func (s *Server) pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-s.closed:
		return false
	}
}
