package config

import "sync"

// file is what one or two files hold. They are read for each use: secrets and certificates are used seldom (once a
// token, once a connection), and no watching notices every way in which files are replaced.
type file[T any] struct {
	variable, path string
	read           func() (T, error)
	unreadable     *fileReports

	mu      sync.Mutex
	content T // as it was read last
	failing bool
}

// get returns what the file holds now, or what it held last while it cannot be read.
func (f *file[T]) get() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	content, err := f.read()
	if err != nil {
		if !f.failing {
			f.unreadable.send(f.variable, f.path, err)
		}
		f.failing = true
		return f.content
	}
	f.content, f.failing = content, false
	return content
}

// fileReports takes what is to be told of files that cannot be read any more.
type fileReports struct {
	mu   sync.Mutex
	told func(variable, file string, err error)
}

func (r *fileReports) send(variable, file string, err error) {
	r.mu.Lock()
	told := r.told
	r.mu.Unlock()
	if told != nil {
		told(variable, file, err)
	}
}

// OnUnreadableFile sets what is called when a file with a secret or a certificate cannot be read any more: once, until
// it can be read again. Its last content is used meanwhile. The error holds nothing of a secret.
func (c Config) OnUnreadableFile(told func(variable, file string, err error)) {
	c.unreadable.mu.Lock()
	defer c.unreadable.mu.Unlock()
	c.unreadable.told = told
}
