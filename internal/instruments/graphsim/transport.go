package graphsim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// errReset is what a client sees of a connection that was cut before the headers of a response.
var errReset = errors.New("graphsim: connection reset")

// Transport returns a RoundTripper that calls the server in this process, so that a client works in the virtual time of a
// testing/synctest bubble. A request takes latency before it reaches the server. The body is streamed as over a network: the
// headers arrive when the server writes them, a slow body arrives in pieces, and a cut one ends with io.ErrUnexpectedEOF.
func (s *Server) Transport(latency time.Duration) http.RoundTripper { return transport{s, latency} }

type transport struct {
	server  *Server
	latency time.Duration
}

// RoundTrip returns when the server has written the headers, or when the request's context ends.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	if t.latency > 0 && !t.server.pause(ctx, t.latency) {
		cancel()
		return nil, context.Cause(ctx)
	}
	in := r.Clone(ctx)
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:1"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	body, write := io.Pipe()
	w := &responseWriter{header: http.Header{}, sent: make(chan struct{}), body: write}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.end(t.handle(w, in), context.Cause(ctx))
	}()
	select {
	case <-w.sent:
	case <-ended:
		if !w.written() {
			cancel()
			return nil, errReset
		}
	case <-ctx.Done():
		cancel()
		_ = body.Close() // always nil; a handler that still writes finds that the client has gone
		return nil, context.Cause(ctx)
	}
	// A request that ends breaks its response off.
	stop := context.AfterFunc(ctx, func() { _ = write.CloseWithError(context.Cause(ctx)) })
	return &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.snapshot,
		Body: &responseBody{PipeReader: body, ended: func() { stop(); cancel() }}, ContentLength: -1, Request: r,
	}, nil
}

// handle serves one request and reports whether the handler broke the response off, as net/http finds out.
func (t transport) handle(w http.ResponseWriter, r *http.Request) (cut bool) {
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			cut = true
		}
	}()
	t.server.ServeHTTP(w, r)
	return false
}

// responseWriter hands a handler's headers and body over to the client.
type responseWriter struct {
	header   http.Header
	body     *io.PipeWriter
	once     sync.Once
	sent     chan struct{} // closed with the headers
	status   int
	snapshot http.Header
}

func (w *responseWriter) Header() http.Header { return w.header }

func (w *responseWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.snapshot = status, w.header.Clone()
		close(w.sent)
	})
}

func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush is there for http.ResponseController. Nothing is buffered.
func (w *responseWriter) Flush() {}

func (w *responseWriter) written() bool {
	select {
	case <-w.sent:
		return true
	default:
		return false
	}
}

// end finishes the response. A response that is cut before its headers never begins. One whose request has
// ended is broken off: the handler may have stopped for that reason in the middle of the body.
func (w *responseWriter) end(cut bool, ended error) {
	if ended != nil {
		_ = w.body.CloseWithError(ended) // always nil
	}
	if cut {
		_ = w.body.CloseWithError(io.ErrUnexpectedEOF) // always nil
		return
	}
	w.WriteHeader(http.StatusOK)
	_ = w.body.Close() // always nil
}

// responseBody ends the handler when the client closes the body.
type responseBody struct {
	*io.PipeReader
	ended func()
}

func (b *responseBody) Close() error {
	b.ended()
	return b.PipeReader.Close()
}
