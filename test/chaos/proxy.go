package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// proxy is between the clients and Kafka, knows each client by the client id of its requests, and can cut it off. A
// connection that is cut just stops: nothing is closed, as when a cable is pulled.
type proxy struct {
	listener net.Listener
	backend  string

	mu    sync.Mutex
	cut   map[string]bool // by client id; "" is everybody
	conns map[*link]bool
	done  sync.WaitGroup
}

type link struct {
	client       string
	front, back  net.Conn
	healed, dead chan struct{}
	once         sync.Once
}

func startProxy(backendPort string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, backend: net.JoinHostPort("127.0.0.1", backendPort), cut: make(map[string]bool), conns: make(map[*link]bool)}
	p.done.Go(p.accept)
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.done.Go(func() { p.serve(c) })
		}
	}
}

// serve reads the first request's header, which names the client, and passes everything on.
func (p *proxy) serve(front net.Conn) {
	defer front.Close()
	header := make([]byte, 14) // size, API key, version, correlation id, length of the client id
	if _, err := io.ReadFull(front, header); err != nil {
		return
	}
	client := make([]byte, max(0, int(int16(binary.BigEndian.Uint16(header[12:])))))
	if _, err := io.ReadFull(front, client); err != nil {
		return
	}
	back, err := net.DialTimeout("tcp", p.backend, time.Second)
	if err != nil {
		return // Kafka is down: the client sees its connection closed
	}
	l := &link{client: string(client), front: front, back: back, dead: make(chan struct{})}
	defer l.end()
	p.mu.Lock()
	p.conns[l] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.conns, l)
		p.mu.Unlock()
	}()
	if !p.pass(l) {
		return
	}
	if _, err := back.Write(append(header, client...)); err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(l, back, front) })
	both.Go(func() { p.copy(l, front, back) })
	both.Wait()
}

func (l *link) end() {
	l.once.Do(func() {
		close(l.dead)
		_ = l.front.Close()
		_ = l.back.Close()
	})
}

// pass waits while the client is cut off; false if the connection is gone by then.
func (p *proxy) pass(l *link) bool {
	for {
		p.mu.Lock()
		off := p.cut[""] || p.cut[l.client]
		if !off {
			p.mu.Unlock()
			return true
		}
		if l.healed == nil {
			l.healed = make(chan struct{})
		}
		healed := l.healed
		p.mu.Unlock()
		select {
		case <-healed:
		case <-l.dead:
			return false
		}
	}
}

func (p *proxy) copy(l *link, to, from net.Conn) {
	defer l.end()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !p.pass(l) {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// set cuts a client off, or with an empty name all of them, or heals it.
func (p *proxy) set(client string, off bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if off {
		p.cut[client] = true
		return
	}
	delete(p.cut, client)
	for l := range p.conns {
		if l.healed != nil {
			close(l.healed)
			l.healed = nil
		}
	}
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for l := range p.conns {
		l.end()
	}
	p.mu.Unlock()
	p.done.Wait()
}
