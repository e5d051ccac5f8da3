package graphsim

import "sync"

// itemCache keeps rendered items in two generations: when the young one is full it becomes the old one, and what is
// asked for again moves back to the young.
type itemCache struct {
	mu         sync.Mutex
	limit      int // bytes per generation
	size       int
	young, old map[itemKey][]byte
}

// itemKey names the bytes of an item: the message's index, the version, whether the client knows all enum members.
type itemKey struct {
	index, seq uint32
	knowing    bool
}

// itemOverhead is what an entry costs beside its bytes.
const itemOverhead = 96

func newItemCache(bytes int) *itemCache {
	return &itemCache{limit: bytes / 2, young: map[itemKey][]byte{}, old: map[itemKey][]byte{}}
}

// get looks up all items at once; a slice of found is nil where there is nothing.
func (c *itemCache) get(keys []itemKey, found [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, key := range keys {
		if data, ok := c.young[key]; ok {
			found[i] = data
		} else if data, ok := c.old[key]; ok {
			found[i] = data
			c.add(key, data)
		}
	}
}

func (c *itemCache) put(key itemKey, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(key, data)
}

func (c *itemCache) add(key itemKey, data []byte) {
	if c.size > c.limit {
		c.old, c.young, c.size = c.young, map[itemKey][]byte{}, 0
	}
	if _, ok := c.young[key]; !ok {
		c.size += len(data) + itemOverhead
	}
	c.young[key] = data
}
