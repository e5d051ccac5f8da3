package config

import (
	"fmt"
	"os"

	"github.com/kelseyhightower/envconfig"
)

// Load reads the environment. Its error names every variable that is wrong.
func Load() (Config, error) {
	s, err := readEnvironment()
	if err != nil {
		return Config{}, err
	}
	return Parse(s)
}

// readEnvironment reads the environment as text.
func readEnvironment() (Settings, error) {
	var s Settings
	if err := envconfig.Process("", &s); err != nil {
		return Settings{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	s.SecretFiles = secretFiles("")
	s.Tenants = make(map[string]Settings)
	for _, alias := range split(s.GraphTenants) {
		// Not by envconfig, which takes an unprefixed variable where the prefixed one is missing: a
		// tenant must never sign in with another's credentials.
		own := Settings{SecretFiles: secretFiles(prefix(alias))}
		own.each(func(setting Setting, value *string) { *value = os.Getenv(prefix(alias) + setting.Name) })
		s.Tenants[alias] = own
	}
	return s, nil
}

// secretFiles finds the variables that name files with secrets.
func secretFiles(prefix string) map[string]string {
	files := make(map[string]string)
	for _, setting := range All() {
		if file := os.Getenv(prefix + setting.Name + fileSuffix); setting.Secret && file != "" {
			files[setting.Name] = file
		}
	}
	return files
}
