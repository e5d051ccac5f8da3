package worker

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// answers loses what a broker answers: the broker has done what it was asked for, and the client does not learn it.
type answers struct {
	mu    sync.Mutex
	key   kmsg.Key
	count int
	never bool
	lost  chan struct{} // one for each
}

// lose loses the next answers to a kind of request. The connection ends with the answer or, for never, stays
// open and nothing ever comes. The channel tells of each.
func (a *answers) lose(key kmsg.Key, count int, never bool) (lost <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.key, a.count, a.never, a.lost = key, count, never, make(chan struct{}, count)
	return a.lost
}

// take tells whether the answer to a request is to be lost.
func (a *answers) take(request []byte) (lost chan struct{}, never bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// A request is its size in four bytes, its key in two, and so on.
	if a.count == 0 || len(request) < 6 || kmsg.Key(binary.BigEndian.Uint16(request[4:])) != a.key {
		return nil, false
	}
	a.count--
	return a.lost, a.never
}

// dial is a kgo.Dialer.
func (a *answers) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &forgetful{Conn: conn, answers: a}, nil
}

// forgetful is a connection whose client asks one thing at a time, as kgo does when it ends transactions, asks for a producer id, or
// produces.
type forgetful struct {
	net.Conn
	answers *answers
	losing  atomic.Pointer[chan struct{}]
	never   atomic.Bool
}

func (c *forgetful) Write(request []byte) (int, error) {
	if lost, never := c.answers.take(request); lost != nil {
		c.never.Store(never)
		c.losing.Store(&lost)
	}
	return c.Conn.Write(request)
}

func (c *forgetful) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	lost := c.losing.Swap(nil)
	if lost == nil || err != nil {
		return n, err
	}
	*lost <- struct{}{}
	if c.never.Load() {
		if _, err := io.Copy(io.Discard, c.Conn); err != nil {
			return 0, err
		}
	}
	return 0, io.ErrUnexpectedEOF
}
