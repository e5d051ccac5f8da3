package process

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"net"
	"sync"
	"testing"
)

// given are the ports that were given out: nothing listens on one yet when the next is looked for.
var given sync.Map

// FreePort finds a port on loopback below those that the system gives to outgoing connections, so that
// nobody takes it while the program that listens on it is down. It gives out none twice.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(10_000))
		if err != nil {
			t.Fatal(err)
		}
		port := 20_000 + int(n.Int64())
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}
