package worker

import (
	"cmp"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"

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

// take reports whether the answer to a request is to be lost.
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

// forgetful is a connection on which answers are lost: the one that comes next after the request was sent, or one before it if the
// client has sent several.
type forgetful struct {
	net.Conn
	answers *answers

	mu     sync.Mutex
	losing []chan struct{} // one for each answer to lose
	never  bool
}

func (c *forgetful) Write(request []byte) (int, error) {
	if lost, never := c.answers.take(request); lost != nil {
		c.mu.Lock()
		c.losing, c.never = append(c.losing, lost), never
		c.mu.Unlock()
	}
	n, err := c.Conn.Write(request)
	if err != nil {
		c.take() // the connection was closed meanwhile, so Close knew nothing of this one
	}
	return n, err
}

func (c *forgetful) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	lost, never := c.take()
	if !lost {
		return n, err
	}
	if never && err == nil {
		_, err = io.Copy(io.Discard, c.Conn)
	}
	return 0, cmp.Or(err, io.ErrUnexpectedEOF)
}

// Close loses what was still to come.
func (c *forgetful) Close() error {
	err := c.Conn.Close()
	c.take()
	return err
}

// take tells of the answers that are lost now.
func (c *forgetful) take() (lost, never bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, each := range c.losing {
		each <- struct{}{}
		lost = true
	}
	c.losing = nil
	return lost, c.never
}
