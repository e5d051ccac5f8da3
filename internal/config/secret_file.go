package config

import (
	"errors"
	"strings"

	"github.com/teams-kafka/connector/internal/base/plaintext"
)

// readSecret reads a secret without the byte order mark and the newline that editors and kubectl add.
func readSecret(path string) (string, error) {
	data, err := plaintext.Read(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", errors.New("the file is empty")
	}
	return text, nil
}

// isSet reports whether a secret is there, in a variable or in a file.
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
	path := p.settings.SecretFiles[name]
	switch {
	case path == "":
		return NewSecret(p.required(name, value))
	case value != "":
		p.refuse(name+fileSuffix, path, "is set, and so is the variable without "+fileSuffix+": set one of them")
		return Secret{}
	}
	text, err := readSecret(path)
	if err != nil {
		p.refuse(name+fileSuffix, path, "cannot be used: "+err.Error())
		return Secret{}
	}
	return Secret{file: &file[string]{variable: prefix(p.alias) + name + fileSuffix, path: path, unreadable: p.unreadable,
		read: func() (string, error) { return readSecret(path) }, content: text}}
}
