package graphsim

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

type fault uint8

const (
	noFault fault = iota
	throttleInteger
	throttleFraction
	throttleDate
	throttleSilent
	throttleOdd
	internalError
	badGateway
	unavailable
	unavailableWait
	gatewayTimeout
	bandwidth
	htmlPage
	errorPage
	hang
	slowBody
	cutBody
	truncateBody
)

// spoils: the client surely or perhaps does not get the whole body.
func (f fault) spoils() bool { return f == cutBody || f == truncateBody }

type faultRate struct {
	fault fault
	rate  float64
}

func (f *Faults) rates() [17]faultRate {
	return [...]faultRate{
		{throttleInteger, f.ThrottleInteger}, {throttleFraction, f.ThrottleFraction}, {throttleDate, f.ThrottleDate},
		{throttleSilent, f.ThrottleSilent}, {internalError, f.InternalError}, {badGateway, f.BadGateway},
		{unavailable, f.Unavailable}, {gatewayTimeout, f.GatewayTimeout}, {bandwidth, f.Bandwidth},
		{htmlPage, f.ContentType}, {slowBody, f.Slow}, {cutBody, f.Cut}, {truncateBody, f.Truncate},
		{throttleOdd, f.ThrottleOdd}, {unavailableWait, f.UnavailableWait}, {errorPage, f.ErrorPage}, {hang, f.Hang},
	}
}

func (f *Faults) sum() (sum float64) {
	for _, r := range f.rates() {
		sum += r.rate
	}
	return sum
}

// draw decides what goes wrong with a request.
func (f *Faults) draw(d *dice) fault {
	u := d.unit()
	for _, r := range f.rates() {
		if u < r.rate {
			return r.fault
		}
		u -= r.rate
	}
	return noFault
}

// retryAfter draws a wait of whole milliseconds.
func (f *Faults) retryAfter(d *dice) time.Duration {
	low := f.RetryAfter / 10
	return (low + time.Duration(d.unit()*float64(f.RetryAfter-low))).Round(time.Millisecond)
}

func wholeSeconds(wait time.Duration) time.Duration {
	return (wait + time.Second - 1).Truncate(time.Second)
}

// failWithFault answers with the faults that are error answers. It reports whether it did.
func (x *exchange) failWithFault() bool {
	s, d := x.s, &x.dice
	wait := x.cfg.Faults.retryAfter(d)
	switch x.fault {
	case throttleInteger:
		x.throttle(wholeSeconds(wait))
	case throttleFraction:
		x.hold(wait)
		x.fail(errTooMany.with("Retry-After", fmt.Sprintf("%.3f", wait.Seconds())))
	case throttleDate:
		now := s.graphNow()
		until := now.Add(wait + time.Second - 1).Truncate(time.Second)
		x.hold(until.Sub(now))
		x.fail(errTooMany.with("Retry-After", until.UTC().Format(http.TimeFormat)))
	case throttleSilent:
		x.fail(errTooMany)
	case throttleOdd:
		x.throttleOddly(wholeSeconds(wait))
	case unavailableWait:
		wait = wholeSeconds(wait)
		x.hold(wait)
		x.fail(errUnavailable.with("Retry-After", strconv.Itoa(int(wait/time.Second))))
	case internalError:
		x.fail(graphError{status: http.StatusInternalServerError, code: "InternalServerError", message: "Internal Server Error"})
	case badGateway:
		x.fail(graphError{status: http.StatusBadGateway, code: "UnknownError"})
	case unavailable:
		e := errUnavailable
		if d.chance(0.5) {
			wait = wholeSeconds(wait)
			x.hold(wait)
			e = e.with("Retry-After", strconv.Itoa(int(wait/time.Second)))
		}
		x.fail(e)
	case gatewayTimeout:
		x.fail(errGatewayTimeout)
	case bandwidth:
		x.fail(graphError{status: 509, code: "BandwidthLimitExceeded", message: "Bandwidth Limit Exceeded"})
	case htmlPage:
		x.send(http.StatusOK, "text/html; charset=utf-8", []byte("<html><head><title>Sign in</title></head><body>The network needs you to sign in.</body></html>"))
	case errorPage:
		e := graphError{code: "UnknownError", message: "The request could not be completed."}.body(s.graphNow(), x.requestID, x.clientRequestID())
		x.send(http.StatusOK, jsonType, append([]byte(`{"value":[],`), e[1:]...))
	case hang:
		x.fault = noFault
		x.hangs = true
		return false
	default:
		return false
	}
	return true
}

// throttleOddly answers 429 or 503 with a Retry-After that is not one number of seconds. Of several values the longest holds; of
// invalid ones the client is told nothing.
func (x *exchange) throttleOddly(wait time.Duration) {
	e := errTooMany
	if x.dice.chance(0.5) {
		e = errUnavailable
	}
	long, short := strconv.Itoa(int(wait/time.Second)), "1"
	forms := [...][]string{{short + "," + long}, {long + ", " + short}, {short, long}, {long, short}, {""}, {"-5"}, {"soon"}}
	form := x.dice.below(len(forms))
	if form < 4 {
		x.hold(wait)
	}
	e = e.with("Retry-After", "")
	e.header["Retry-After"] = forms[form]
	x.fail(e)
}

// waitIfHanging lets a hanging request wait. It reports false if the client, or the server, did not wait for its end.
func (x *exchange) waitIfHanging() bool {
	return !x.hangs || x.s.pause(x.r.Context(), x.cfg.Faults.HangFor)
}

// throttle answers 429 with Retry-After in whole seconds.
func (x *exchange) throttle(wait time.Duration) {
	x.hold(wait)
	x.fail(errTooMany.with("Retry-After", strconv.Itoa(int(wait/time.Second))))
}
