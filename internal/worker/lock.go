package worker

import "context"

// lock is a mutual exclusion that can be waited for with a context: a commit holds the session's lock
// for as long as Kafka takes, and whoever has been told to end must not wait for that. (A sync.Mutex
// would also stop the clock of a test in virtual time.)
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

// Lock waits for the lock however long that takes.
func (l lock) Lock() { l <- struct{}{} }

// LockContext waits for the lock until the context ends, whose error it returns then.
func (l lock) LockContext(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Unlock releases the lock.
func (l lock) Unlock() { <-l }
