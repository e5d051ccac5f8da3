package graphsim

import (
	"encoding/hex"
	"math"
)

// mix folds numbers into one that looks random. The same numbers always give the same result, which is what lets
// the model forget everything it can work out again.
func mix(parts ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, p := range parts {
		h = scramble(h ^ scramble(p+0x9e3779b97f4a7c15))
	}
	return h
}

func scramble(z uint64) uint64 {
	z ^= z >> 30
	z *= 0xbf58476d1ce4e5b9
	z ^= z >> 27
	z *= 0x94d049bb133111eb
	return z ^ z>>31
}

// What a number drawn by mix is for. Each purpose has its own constant, so that no two decisions are tied together.
const (
	purposeUser uint64 = iota + 1
	purposeTenant
	purposeClient
	purposeSecret
	purposeChat
	purposeTraffic
	purposeFault
	purposeDelay
	purposeOrder
	purposeContent
	purposeBody
	purposeReaction
	purposeOwner
	purposeSkew
	purposeTicks
	purposeRequest
	purposeLoop
	purposePage
	purposeAccess
	purposeGroup
	purposeLag
	purposeAccount
	purposeHang
	purposePoison
)

// dice is a stream of numbers from a seed.
type dice struct{ state uint64 }

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	return scramble(d.state)
}

// below returns a number in [0, n). n must be positive.
func (d *dice) below(n int) int { return int(d.next() % uint64(n)) }

// unit returns a number in [0, 1).
func (d *dice) unit() float64 { return toUnit(d.next()) }

// chance is true with the given probability.
func (d *dice) chance(p float64) bool { return p > 0 && d.unit() < p }

// exponential returns a waiting time with the given mean.
func (d *dice) exponential(mean float64) float64 { return -math.Log(1-d.unit()) * mean }

func toUnit(n uint64) float64 { return float64(n>>11) / (1 << 53) }

// guid is an object id of Entra ID.
type guid [16]byte

func newGUID(parts ...uint64) guid {
	a := mix(parts...)
	b := scramble(a + 1)
	var g guid
	for i := range 8 {
		g[i] = byte(a >> (8 * i))
		g[8+i] = byte(b >> (8 * i))
	}
	g[6] = g[6]&0x0f | 0x40
	g[8] = g[8]&0x3f | 0x80
	return g
}

func (g guid) String() string { return string(g.appendTo(nil)) }

func (g guid) appendTo(dst []byte) []byte {
	var text [36]byte
	hex.Encode(text[0:8], g[0:4])
	text[8] = '-'
	hex.Encode(text[9:13], g[4:6])
	text[13] = '-'
	hex.Encode(text[14:18], g[6:8])
	text[18] = '-'
	hex.Encode(text[19:23], g[8:10])
	text[23] = '-'
	hex.Encode(text[24:36], g[10:16])
	return append(dst, text[:]...)
}

func parseGUID(text string) (guid, bool) {
	var g guid
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return g, false
	}
	joined := text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	if _, err := hex.Decode(g[:], []byte(joined)); err != nil {
		return g, false
	}
	return g, true
}
