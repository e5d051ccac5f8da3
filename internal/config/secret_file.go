package config

import (
	"errors"
	"os"
	"strings"
	"sync"
)

// secretFile is a secret in a file. The file is read for each use: secrets are used seldom (once a token, once
// a connection), and no watching notices every way in which files are replaced.
type secretFile struct {
	variable, path string
	unreadable     *secretReports

	mu      sync.Mutex
	text    string // as it was read last
	failing bool
}

// reveal returns what the file holds now, or what it held last while it cannot be read.
func (f *secretFile) reveal() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, err := readSecret(f.path)
	if err != nil {
		if !f.failing {
			f.unreadable.send(f.variable, f.path, err)
		}
		f.failing = true
		return f.text
	}
	f.text, f.failing = text, false
	return text
}

// readSecret reads a secret without the newline that editors and kubectl leave at its end.
func readSecret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", errors.New("the file is empty")
	}
	return text, nil
}

// secretReports takes what is to be told of secret files that cannot be read any more.
type secretReports struct {
	mu   sync.Mutex
	told func(variable, file string, err error)
}

func (r *secretReports) send(variable, file string, err error) {
	r.mu.Lock()
	told := r.told
	r.mu.Unlock()
	if told != nil {
		told(variable, file, err)
	}
}

// OnUnreadableSecret sets what is called when a secret's file cannot be read any more: once, until it can be
// read again. The secret keeps its last value meanwhile. The error holds nothing of the secret.
func (c Config) OnUnreadableSecret(told func(variable, file string, err error)) {
	c.unreadable.mu.Lock()
	defer c.unreadable.mu.Unlock()
	c.unreadable.told = told
}

// isSet tells whether a secret is there, in a variable or in a file.
func (p *parser) isSet(name, value string) bool {
	return value != "" || p.settings.SecretFiles[name] != ""
}

// optional reads a secret that need not be there.
func (p *parser) optional(name, value string) Secret {
	if !p.isSet(name, value) {
		return Secret{}
	}
	return p.secret(name, value)
}

// secret reads a required secret from its variable, or from the file that another one names.
func (p *parser) secret(name, value string) Secret {
	file := p.settings.SecretFiles[name]
	switch {
	case file == "":
		return NewSecret(p.required(name, value))
	case value != "":
		p.refuse(name+fileSuffix, file, "is set, and so is the variable without "+fileSuffix+": set one of them")
		return Secret{}
	}
	text, err := readSecret(file)
	if err != nil {
		p.refuse(name+fileSuffix, file, "cannot be used: "+err.Error())
		return Secret{}
	}
	return Secret{file: &secretFile{variable: prefix(p.alias) + name + fileSuffix, path: file, unreadable: p.unreadable, text: text}}
}
